import copy
from typing import Any

import pytest
import torch
import torch_geometric.transforms as T
from helpers import (
    CPU_BACKENDS,
    assert_same,
    assert_same_run,
    assert_twins,
    frozen,
    generator,
    going,
    graph_of,
    random_drive,
    random_graph,
)
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import cells, few, graphs, neurons, seeds
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
)
from pyngn_graph.backends import BACKENDS
from pyngn_graph.graph import prepare

in_flights = st.sampled_from(["arrival", "emission"])


def all_glia(**microglia: Any) -> list[GlialCell]:
    return [
        Astrocyte(rule="multiplicative", eta=0.01, tau_ca=20.0),
        Oligodendrocyte(eta=0.2, max_delay=20),
        Microglia(**{"fraction": 0.1, "eta": 0.1, **microglia}),
    ]


def living(graph_seed: int, backend: str = "reference", **how: Any) -> TriglialReservoir:
    """Twelve neurons with all glia, ticking every 20 steps."""
    graph = random_graph(graph_seed, num_nodes=12, num_edges=70, weight=0.6)
    glia = how.pop("glia", None)
    chosen = {"glia_period": 20, "neuron": LIFParameters(t_ref=1.0), "bias": (0.6, 1.1), **how}
    return TriglialReservoir(
        graph, glia=all_glia() if glia is None else glia, backend=backend, **chosen
    )


TRACES = ["v", "state", "gain", "calcium"]


# All backends


@pytest.mark.parametrize("backend", sorted(set(CPU_BACKENDS) - {"reference"}))
@given(data=st.data(), in_flight=in_flights)
def test_backends_give_the_same_bits(backend: str, data: st.DataObject, in_flight: str) -> None:
    graph, glia = data.draw(graphs()), data.draw(cells())
    if data.draw(st.booleans()):
        graph.length_scale, graph.velocity = 80.0, 40.0
        glia = [c for c in glia if not isinstance(c, Microglia)]
        glia.append(Microglia("random", fraction=0.4, regrow=True, min_in=0))
    how: dict[str, Any] = {
        "neuron": data.draw(neurons(graph.num_nodes)),
        "in_flight": in_flight,
        "glia": glia,
        "glia_period": data.draw(st.sampled_from([1, 13, 30])),
        "hold": data.draw(st.sampled_from([1, 3])),
        "pool": data.draw(st.sampled_from(["last", 3])),
        "bias": (0.5, 2.0),
        "stateful": data.draw(st.booleans()),
        "max_delay": 1000,
    }
    if how["neuron"].tau_syn is not None and data.draw(st.booleans()):
        how["tau_trace"] = 0.0
    drive = random_drive(data.draw(seeds), 2, 25, 4, low=-1.0, high=1.0)
    record = [n for n in TRACES if n[:1] in "vs" or any(isinstance(c, Astrocyte) for c in glia)]
    found = []
    for name in ("reference", backend):
        reservoir = TriglialReservoir(graph, 4, backend=name, **how)
        runs = [reservoir.adapt(part, record=record, every=2) for part in (drive[:, :9], drive)]
        reservoir.reset()
        runs.append(reservoir.run(drive, record=record))
        found.append((runs, frozen(reservoir.graph)))
    for ours, theirs in zip(found[0][0], found[1][0], strict=True):
        assert_same_run(ours, theirs)
    assert_same(found[0][1], found[1][1])


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("backend", sorted(set(CPU_BACKENDS) - {"reference"}))
def test_backends_agree_over_a_long_time_between_ticks(backend: str, in_flight: str) -> None:
    graph = random_graph(3, num_nodes=4, num_edges=9, weight=0.8)
    drive = random_drive(1, 50, 4, low=-1.0)
    runs, lives = [], []
    for name in ("reference", backend):
        reservoir = TriglialReservoir(
            graph, glia=all_glia(), glia_period=4200, hold=86, bias=0.9, in_flight=in_flight,
            backend=name,
        )  # fmt: skip
        runs.append(reservoir.adapt(drive, record="v", every=10))
        lives.append(frozen(reservoir.graph))
    assert_same_run(*runs)
    assert_same(*lives)


def test_the_number_of_threads_means_nothing(backend: str) -> None:
    x, threads = random_drive(0, 5, 40, 12), torch.get_num_threads()
    runs = []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            runs.append(living(0, backend).run(x, record="v"))
    finally:
        torch.set_num_threads(threads)
    assert_same_run(*runs)


def test_every_backend_is_named_and_auto_chooses_one() -> None:
    graph = random_graph()
    for name in ("auto", *CPU_BACKENDS):
        reservoir = TriglialReservoir(graph, backend=name)
        assert reservoir.backend in BACKENDS
        assert f"backend={reservoir.backend!r}" in repr(reservoir)


# Names and weights mean nothing


@few
@given(seed=seeds, in_flight=in_flights)
def test_renaming_neurons_renames_everything(backend: str, seed: int, in_flight: str) -> None:
    graph = random_graph(seed, num_nodes=9, num_edges=50, weight=0.7)
    order = torch.randperm(9, generator=generator(seed))
    renamed = graph.clone()
    renamed.edge_index, renamed.pos = order.argsort()[graph.edge_index], graph.pos[order]
    bias, drive = random_drive(seed, 9), random_drive(seed + 1, 60, 9)
    tau_m = random_drive(seed + 2, 9, low=10.0, high=30.0)
    glia = all_glia()
    glia[0] = Astrocyte(territory=120.0, eta=0.1)
    runs, graphs = [], []
    for g, take in ((graph, torch.arange(9)), (renamed, order)):
        reservoir = TriglialReservoir(
            g,
            neuron=LIFParameters(tau_m=tau_m[take]),
            glia=glia,
            glia_period=15,
            bias=bias[take],
            in_flight=in_flight,
            backend=backend,
        )
        runs.append(reservoir.adapt(drive[:, take], record=TRACES))
        graphs.append(reservoir.graph)
    assert torch.equal(runs[1].spikes(), runs[0].spikes()[..., order])
    assert torch.equal(runs[1].states, runs[0].states[:, order])
    for name in TRACES:
        assert torch.equal(runs[1].traces[name], runs[0].traces[name][..., order])
    assert torch.equal(graphs[1].edge_index, order.argsort()[graphs[0].edge_index])
    for key in ("edge_delay", "edge_health", "edge_weight"):
        assert torch.equal(graphs[1][key], graphs[0][key])


@few
@given(seed=seeds)
def test_edges_without_weight_and_neurons_without_edges_change_nothing(
    backend: str, seed: int
) -> None:
    graph = random_graph(seed, num_nodes=6)
    bigger = graph.clone()
    extra = torch.randint(6, (2, 10), generator=generator(seed))
    bigger.edge_index = torch.cat([graph.edge_index, extra], dim=1)
    bigger.edge_weight = torch.cat([graph.edge_weight, torch.zeros(10)])
    bigger.edge_delay = torch.cat([graph.edge_delay, torch.full((10,), 30)])
    bigger.num_nodes, bigger.pos = 8, torch.zeros(8, 3)
    drive = random_drive(seed, 60, 8)
    plain = TriglialReservoir(graph, backend=backend).run(drive[:, :6], record="v")
    other = TriglialReservoir(bigger, backend=backend).run(drive, record="v")
    assert torch.equal(other.traces["v"][..., :6], plain.traces["v"])
    events = other.events[other.events[:, 2] < 6]
    assert torch.equal(events, plain.events)


def test_a_batch_of_graphs_is_one_graph_in_parts(backend: str) -> None:
    graphs = [random_graph(s, num_nodes=6, dt=0.1) for s in (1, 2)]
    drive, how = random_drive(0, 80, 12), {"dt": 0.1, "glia_period": 25, "backend": backend}
    glia = [Astrocyte(), Oligodendrocyte(eta=0.3)]
    whole = TriglialReservoir(Batch.from_data_list(graphs), glia=glia, **how)
    run = whole.adapt(drive, record=TRACES)
    for k, graph in enumerate(graphs):
        own = slice(6 * k, 6 * k + 6)
        part = TriglialReservoir(graph, glia=glia, **how)
        alone = part.adapt(drive[:, own], record=TRACES)
        for name in TRACES:
            assert torch.equal(run.traces[name][..., own], alone.traces[name])
        assert torch.equal(whole.graph.edge_delay[24 * k : 24 * k + 24], part.graph.edge_delay)


@few
@given(seed=seeds)
def test_the_order_of_edges_means_nothing(backend: str, seed: int) -> None:
    graph = random_graph(seed)
    order = torch.randperm(24, generator=generator(seed))
    shuffled = graph.clone()
    for key in ("edge_weight", "edge_delay"):
        shuffled[key] = graph[key][order]
    shuffled.edge_index = graph.edge_index[:, order]
    runs = [
        TriglialReservoir(g, glia=[Astrocyte()], backend=backend).adapt(
            random_drive(seed, 60, 8), record=TRACES
        )
        for g in (graph, shuffled)
    ]
    assert_same_run(*runs)


# One run, many runs


@few
@given(seed=seeds, cut=st.integers(1, 69), in_flight=in_flights, learn=st.booleans())
def test_a_run_may_be_split_in_two(
    backend: str, seed: int, cut: int, in_flight: str, learn: bool
) -> None:
    drive = random_drive(seed, 1 if learn else 3, 70, 12)
    whole, parts = (living(seed, backend, stateful=True, in_flight=in_flight) for _ in range(2))
    one = going(whole, learn)(drive, record=TRACES)
    two = [going(parts, learn)(x, record=TRACES) for x in (drive[:, :cut], drive[:, cut:])]
    assert torch.equal(torch.cat([run.spikes() for run in two], dim=1), one.spikes())
    for name in TRACES:
        assert torch.equal(torch.cat([r.traces[name] for r in two], dim=1), one.traces[name])
    assert torch.equal(torch.cat([r.synaptic_events for r in two], dim=1), one.synaptic_events)
    assert torch.equal(torch.cat([r.num_edges for r in two], dim=1), one.num_edges)
    assert torch.equal(two[1].states, one.states)
    assert_twins(whole, parts, random_drive(seed + 1, *drive.shape), learn=learn)


@few
@given(seed=seeds, in_flight=in_flights)
def test_trials_of_a_life_are_one_stream(backend: str, seed: int, in_flight: str) -> None:
    x, lengths = random_drive(seed, 4, 20, 12), torch.tensor([20, 7, 1, 16])
    trials, stream = (living(seed, backend, in_flight=in_flight) for _ in range(2))
    ours = trials.adapt(x, lengths=lengths, record="v")
    flat = torch.cat([trial[:n] for trial, n in zip(x, lengths, strict=True)])
    theirs = stream.adapt(flat, record=["v", "state"])
    end = lengths.cumsum(0)
    for b, (trial, n) in enumerate(zip(ours.traces["v"], lengths, strict=True)):
        assert torch.equal(trial[:n], theirs.traces["v"][0, end[b] - n : end[b]])
    assert torch.equal(ours.states, theirs.traces["state"][0, end - 1])
    assert_twins(trials, stream)


@few
@given(seed=seeds, in_flight=in_flights)
def test_a_batch_is_its_trials_one_by_one(backend: str, seed: int, in_flight: str) -> None:
    # More trials than run side by side.
    x = random_drive(seed, 1 + BACKENDS[backend].columns, 6, 12, high=20.0)
    reservoir = living(seed, backend, in_flight=in_flight, glia=())
    run = reservoir.run(x, record="v")
    for b in (0, 5, len(x) - 1):
        alone = reservoir.run(x[b], record="v")
        assert torch.equal(run.traces["v"][b], alone.traces["v"][0])
        assert torch.equal(run.states[b], alone.states[0])
        assert torch.equal(run.events[run.events[:, 0] == b][:, 1:], alone.events[:, 1:])
    assert torch.equal(reservoir(x), run.states)


@few
@given(seed=seeds, learn=st.booleans(), padding=st.sampled_from([3e38, float("nan"), -9.0]))
def test_padding_never_matters(backend: str, seed: int, learn: bool, padding: float) -> None:
    x, lengths = random_drive(seed, 4, 12, 12), torch.tensor([3, 12, 2, 7])
    padded = x.clone()
    for b, n in enumerate(lengths.tolist()):
        padded[b, n:] = padding
    for pool in ("last", 3):
        clean, dirty = (living(seed, backend, pool=pool, hold=2) for _ in range(2))
        ours = going(clean, learn)(x, lengths=lengths, record=TRACES)
        assert_same_run(ours, going(dirty, learn)(padded, lengths=lengths, record=TRACES))
        assert_same(clean.graph, frozen(dirty.graph))
        if not learn:
            for b, n in enumerate(lengths.tolist()):
                alone = clean.run(x[b, :n], record="v")
                assert torch.equal(ours.states[b], alone.states[0])
                assert torch.equal(ours.traces["v"][b, : 2 * n], alone.traces["v"][0])
                assert ours.traces["v"][b, 2 * n :].isnan().all()


@few
@given(seed=seeds, hold=st.integers(2, 5), learn=st.booleans())
def test_holding_samples_is_repeating_them(backend: str, seed: int, hold: int, learn: bool) -> None:
    x = random_drive(seed, 2, 15, 12)
    held = living(seed, backend, hold=hold, pool=2)
    plain = living(seed, backend, pool=2)
    assert_same_run(
        going(held, learn)(x, record=TRACES),
        going(plain, learn)(x.repeat_interleave(hold, dim=1), record=TRACES),
    )
    assert_twins(held, plain)


def test_long_runs_in_pieces_of_any_size(backend: str) -> None:
    """Longer than what a backend is given at a time, with and without a hold."""
    for hold in (1, 3):
        run = living(1, backend, hold=hold, glia=()).run(random_drive(2, 350, 12), record="v")
        stepwise = living(1, backend, hold=hold, glia=(), stateful=True)
        x = random_drive(2, 350, 12)
        parts = [stepwise.run(part, record="v") for part in x.split(290)]
        assert torch.equal(torch.cat([p.traces["v"] for p in parts], dim=1), run.traces["v"])


# Two clocks


class Log(GlialCell):
    """Remembers when it was called, and what arrived."""

    def __init__(self, every_step: bool = False) -> None:
        self.every_step = every_step
        self.arrivals: list[Tensor] = []
        self.ticks: list[int] = []

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        self.arrivals.append(arrivals)

    def forward(self, data: Data) -> Data:
        self.ticks.append(data.clock)
        return data


@pytest.mark.parametrize("period", [1, 7, 20, 300])
def test_the_slow_clock_counts_the_life_of_the_graph(period: int, backend: str) -> None:
    slow, fast, plain = Log(), Log(every_step=True), list[int]()

    def transform(data: Data) -> Data:
        plain.append(data.clock)
        return data

    reservoir = living(0, backend, glia=[slow, transform, fast], glia_period=period)
    for num_steps in (50, 1, 300, 9):
        reservoir.adapt(num_steps=num_steps)
    assert reservoir.graph.clock == 360
    assert slow.ticks == plain == list(range(period, 361, period))
    assert fast.ticks == list(range(1, 361))
    assert len(slow.arrivals) == 360
    reservoir.run(num_steps=50)
    assert reservoir.graph.clock == len(slow.arrivals) == 360


def test_transforms_alone_are_called_by_the_clock(backend: str) -> None:
    calls = list[int]()
    glia = [lambda data: calls.append(data.clock) or data]
    reservoir = living(0, backend, glia=glia, glia_period=300)
    for num_steps in (200, 700):
        reservoir.adapt(num_steps=num_steps)
    assert calls == [300, 600, 900]


def test_a_reservoir_goes_on_where_its_graph_has_been(backend: str) -> None:
    first, log = living(0, backend), Log()
    first.adapt(num_steps=33)
    second = TriglialReservoir(first.graph, glia=[log], glia_period=20, backend=backend)
    second.adapt(num_steps=30)
    assert log.ticks == [40, 60]


def test_glia_act_in_the_order_given() -> None:
    seen = list[str]()

    def named(name: str) -> Any:
        return lambda data: seen.append(name) or data

    living(0, glia=[named("a"), named("b"), named("c")]).adapt(num_steps=40)
    assert seen == ["a", "b", "c"] * 2
    # Oligodendrocytes spread the inputs that microglia leave, or those they found.
    delays = []
    for order in (1, -1):
        reservoir = living(0, glia=all_glia()[::order])
        reservoir.adapt(random_drive(0, 40, 12))
        delays.append(reservoir.graph.edge_delay)
    assert delays[0].shape == delays[1].shape
    assert not torch.equal(*delays)


# Glia of your own


class MyAstrocyte(Astrocyte):
    pass


class MyOligodendrocyte(Oligodendrocyte):
    pass


class MyMicroglia(Microglia):
    pass


@few
@given(seed=seeds, in_flight=in_flights)
def test_a_subclass_that_adds_nothing_changes_nothing(
    backend: str, seed: int, in_flight: str
) -> None:
    """What a fast backend knows by type, it computes as for a cell that it does not know."""
    known = all_glia()
    mine = [
        kind(**cell.config())
        for kind, cell in zip([MyAstrocyte, MyOligodendrocyte, MyMicroglia], known, strict=True)
    ]
    ours, theirs = (living(seed, backend, glia=g, in_flight=in_flight) for g in (known, mine))
    drive = random_drive(seed, 70, 12)
    assert_same_run(ours.adapt(drive, record=TRACES), theirs.adapt(drive, record=TRACES))
    assert_same(ours.graph, frozen(theirs.graph))


class Fatigue(GlialCell):
    """Lowers the gain of neurons that fire; ten lines, as a user would write them."""

    every_step = True

    def prepare(self, data: Data) -> Data:
        if "gain" not in data:
            data.gain = torch.ones(data.num_nodes)
        return data

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        data.gain = data.gain * torch.where(spikes, 0.5, 1.0)


def test_a_cell_of_your_own_works_in_the_loop(backend: str) -> None:
    reservoir = living(0, backend, glia=[Fatigue()])
    run = reservoir.adapt(random_drive(0, 80, 12), record="gain")
    count = run.spikes()[0].long().cumsum(0)
    assert torch.equal(run.traces["gain"][0], 0.5 ** count.float())
    assert torch.equal(reservoir.graph.gain, run.traces["gain"][0, -1])
    assert repr(Fatigue()) == "Fatigue()"


def test_transforms_of_pyg_and_their_composition_serve_as_glia(backend: str) -> None:
    def thin(data: Data) -> Data:
        return data.edge_subgraph(torch.arange(data.num_edges) % 10 != 0)

    chain = T.Compose([thin, T.Distance(norm=False), Oligodendrocyte(eta=1.0)])
    reservoir = living(0, backend, glia=[Microglia(), chain])
    run = reservoir.adapt(random_drive(0, 65, 12))
    assert reservoir.graph.num_edges < 70
    assert run.num_edges[0].unique().numel() == 4
    assert reservoir.graph.edge_attr.size(0) == reservoir.graph.num_edges


def test_edges_may_be_added_if_they_say_so(backend: str) -> None:
    """An edge that is new to the graph carries nothing yet, in either meaning of in-flight."""

    def sprout(data: Data) -> Data:
        if data.clock > 20:
            return data
        data = copy.copy(data)
        data.edge_index = torch.cat([data.edge_index, torch.tensor([[0], [2]])], dim=1)
        new = {"edge_weight": 0.25, "edge_delay": 4, "edge_mask": True, "edge_origin": -1}
        for key, value in new.items():
            more = torch.tensor([value], dtype=data[key].dtype)
            data[key] = torch.cat([data[key], more])
        return data

    drive = torch.zeros(40, 3)
    drive[[18, 25], 0] = 30.0
    for in_flight, arrivals in (("arrival", [22, 29]), ("emission", [29])):
        reservoir = TriglialReservoir(
            graph_of(3, [(0, 1, 0.5, 6)]),
            glia=[sprout],
            glia_period=20,
            in_flight=in_flight,
            backend=backend,
        )
        v = reservoir.adapt(drive, record="v").traces["v"][0, :, 2]
        assert (v.diff() > 0.2).nonzero().squeeze(1).add(1).tolist() == arrivals


# In flight


@few
@given(seed=seeds)
@example(seed=467)  # four spikes arrive over one edge at once
def test_spikes_arrive_as_the_rule_in_flight_says(backend: str, seed: int) -> None:
    """Every spike exactly once with emission, as the equation reads with arrival."""
    spread = torch.randint(1, 16, (40,), generator=generator(seed)).float()

    def jump_about(cell: Oligodendrocyte, data: Data) -> Tensor:
        return spread[data.clock // 4 % 40].expand(1)

    graph = graph_of(2, [(0, 1, 0.125, 3)])
    drive = torch.zeros(90, 2)
    sent = (torch.rand(70, generator=generator(seed + 1)) < 0.4).nonzero().squeeze(1).tolist()
    drive[sent, 0] = 30.0
    neuron = LIFParameters(v_th=torch.tensor([1.0, 1e6]))
    cell = Oligodendrocyte(jump_about, max_delay=15)

    def delay(t: int) -> int:
        """The delay in use during step t; the clock after that step is t + 1."""
        return int(spread[t // 4 % 40]) if t >= 4 else 3

    expected = {
        "arrival": [int(t - delay(t) in sent) for t in range(90)],
        "emission": [sum(s + delay(s) == t for s in sent) for t in range(90)],
    }
    assert sum(expected["emission"]) == len(sent)
    for in_flight, numbers in expected.items():
        reservoir = TriglialReservoir(
            graph, neuron=neuron, glia=[cell], glia_period=4, in_flight=in_flight, backend=backend
        )
        run = reservoir.adapt(drive, record="v")
        assert run.events[run.events[:, 2] == 0][:, 1].tolist() == sent
        v = run.traces["v"][0, :, 1].double()
        alpha = float(torch.exp(torch.tensor(-1 / 20)))
        jumps = torch.cat([v[:1], v[1:] - alpha * v[:-1]]) / 0.125
        assert jumps.round().long().tolist() == numbers


def test_past_spikes_reach_as_far_as_delays_were_announced(backend: str) -> None:
    """A plain transform cannot say how long its delays will be; what is older reads as silence."""

    def lengthen(data: Data) -> Data:
        data = copy.copy(data)
        data.edge_delay = torch.full_like(data.edge_delay, 3 if data.clock < 10 else 9)
        return data

    drive = torch.zeros(16, 2)
    drive[[0, 2, 8], 0] = 30.0
    for longest, arrivals in ((1, [1, 3]), (9, [1, 3, 5, 11])):
        graph = graph_of(2, [(0, 1, 0.25, 1), (1, 1, 0.0, longest)])
        reservoir = TriglialReservoir(graph, glia=[lengthen], glia_period=5, backend=backend)
        v = reservoir.adapt(drive, record="v").traces["v"][0, :, 1]
        assert (v.diff() > 0.2).nonzero().squeeze(1).add(1).tolist() == arrivals


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("drop", [True, False])
def test_a_spike_under_way_on_a_pruned_edge_is_lost(
    in_flight: str, drop: bool, backend: str
) -> None:
    graph = graph_of(3, [(0, 1, 0.2, 6), (0, 2, 0.3, 6)])
    cell = Microglia("weight", fraction=0.5, keep=0.0, min_in=0, drop=drop)
    reservoir = TriglialReservoir(
        graph, glia=[cell], glia_period=5, in_flight=in_flight, backend=backend
    )
    drive = torch.zeros(9, 3)
    drive[2, 0] = 30.0
    v = reservoir.adapt(drive, record="v").traces["v"][0]
    assert not v[:, 1].any()
    assert float(v[8, 2]) == pytest.approx(0.3)


# What lives, what stays, what is forgotten


def test_eval_leaves_the_graph_bit_for_bit(backend: str) -> None:
    reservoir = living(0, backend)
    reservoir.adapt(random_drive(0, 50, 12))
    graph, before = reservoir.graph, frozen(reservoir.graph)
    run = reservoir.run(random_drive(1, 3, 50, 12))
    assert reservoir.graph is graph
    assert_same(reservoir.graph, before)
    assert_same(run.graph, before)
    assert run.events.size(0) > 0


def test_train_mode_without_glia_changes_nothing(backend: str) -> None:
    reservoir = living(0, backend, glia=())
    before, x = frozen(reservoir.graph), random_drive(1, 3, 50, 12)
    trained = reservoir.run(x)
    assert_same(reservoir.graph, before)
    assert_same_run(trained, reservoir.run(x))


def test_the_callers_graph_and_input_stay_as_they_are(backend: str) -> None:
    graph = random_graph(0, num_nodes=12, num_edges=70, weight=0.6, note=["kept"])
    x, tau_m, bias = random_drive(0, 2, 50, 12), torch.full((12,), 15.0), torch.ones(12)
    given = [x, tau_m, bias]
    before, inputs = frozen(graph), [value.clone() for value in given]
    reservoir = TriglialReservoir(
        graph, neuron=LIFParameters(tau_m), glia=all_glia(), glia_period=20, bias=bias,
        backend=backend, stateful=True,
    )  # fmt: skip
    earlier = reservoir.graph
    alive = frozen(earlier)
    reservoir.adapt(x)
    reservoir.reset(v=bias)
    reservoir.adapt(x)
    assert_same(graph, before)
    assert_same(earlier, alive)
    assert all(torch.equal(a, b) for a, b in zip(given, inputs, strict=True))


def test_the_graph_of_a_recording_stays_as_it_was(backend: str) -> None:
    reservoir = living(0, backend, stateful=True)
    run = reservoir.adapt(random_drive(0, 30, 12))
    before = frozen(run.graph)
    reservoir.adapt(random_drive(1, 70, 12))
    assert_same(run.graph, before)
    run.graph.gain = torch.zeros(12)
    assert reservoir.graph.gain.all()


def test_fast_state_starts_anew_unless_it_is_kept(backend: str) -> None:
    x = random_drive(0, 2, 30, 12)
    plain, kept = living(0, backend), living(0, backend, stateful=True)
    first = plain.run(x, record="v")
    assert_same_run(plain.run(x, record="v"), first)
    assert_same_run(kept.run(x, record="v"), first)
    assert not torch.equal(kept.run(x, record="v").traces["v"], first.traces["v"])
    kept.reset()
    assert_same_run(kept.run(x, record="v"), first)


def test_learning_forgets_arrivals_from_call_to_call_unless_stateful(backend: str) -> None:
    """A spike of the last call must not meet one of the next."""
    graph = graph_of(2, [(0, 1, 0.1, 1)])
    drive = torch.zeros(2, 10, 2)
    drive[0, 8, 0] = drive[1, 0, 1] = 30.0
    for stateful, hits in ((False, 0), (True, 1)):
        cell = Oligodendrocyte()
        reservoir = TriglialReservoir(graph, glia=[cell], stateful=stateful, backend=backend)
        reservoir.adapt(drive[0])
        reservoir.adapt(drive[1])
        assert reservoir.graph.edge_hits.tolist() == [hits]


def test_potentials_can_be_set(backend: str) -> None:
    graph = graph_of(3, [])
    reservoir = TriglialReservoir(graph, backend=backend)
    start = torch.tensor([0.5, -2.0, 0.9])
    reservoir.reset(v=start)
    alpha = torch.exp(torch.tensor(-1 / 20, dtype=torch.float64)).float()
    for _ in range(2):  # every call starts there
        v = reservoir.run(torch.zeros(2, 4, 3), record="v").traces["v"]
        assert torch.equal(v[1, 0], alpha * start)
    reservoir.reset(v=0.25)
    v = reservoir.run(num_steps=1, record="v").traces["v"]
    assert torch.equal(v, (alpha * 0.25).expand(1, 1, 3))
    reservoir.reset()
    assert not reservoir.run(num_steps=3, record="v").traces["v"].any()


def test_copies_go_their_own_way(backend: str) -> None:
    reservoir = living(0, backend, stateful=True)
    reservoir.adapt(random_drive(0, 30, 12))
    twin = copy.deepcopy(reservoir)
    assert_twins(reservoir, twin, random_drive(1, 45, 12))
    reservoir.adapt(random_drive(2, 40, 12))
    assert twin.graph.clock + 40 == reservoir.graph.clock


# Seeds


def test_equal_seeds_equal_results_whatever_the_global_generator_does(backend: str) -> None:
    runs, graphs = [], []
    for noise in (1, 2):
        torch.manual_seed(noise)
        state = torch.random.get_rng_state()
        graph = random_graph(0, num_nodes=12, num_edges=70, length_scale=90.0, velocity=50.0)
        reservoir = TriglialReservoir(
            graph, 3, glia=all_glia(regrow=True, criterion="random"), glia_period=20,
            backend=backend, seed=5, input_density=0.5,
        )  # fmt: skip
        runs.append(reservoir.adapt(random_drive(0, 90, 3), record=TRACES))
        graphs.append(frozen(reservoir.graph))
        assert torch.equal(torch.random.get_rng_state(), state)
    assert_same_run(*runs)
    assert_same(*graphs)


def test_other_seeds_other_projections() -> None:
    graph = random_graph()
    one, same, other = (TriglialReservoir(graph, 3, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.input_weight, same.input_weight)
    assert torch.equal(one.bias, same.bias)
    assert not torch.equal(one.input_weight, other.input_weight)
    assert not torch.equal(one.bias, other.bias)


# Inputs and outputs


def test_the_input_may_be_nothing_currents_or_channels(backend: str) -> None:
    graph = random_graph(0)
    bias = random_drive(0, 8)
    by_bias = TriglialReservoir(graph, bias=bias, backend=backend).run(num_steps=40, record="v")
    drive = bias.expand(40, 8)
    by_drive = TriglialReservoir(graph, backend=backend).run(drive, record="v")
    assert_same_run(by_bias, by_drive)
    weight = torch.eye(8)
    projected = TriglialReservoir(graph, 8, input_weight=weight, bias=0.0, backend=backend)
    assert projected.in_channels == 8
    assert_same_run(projected.run(drive, record="v"), by_drive)
    assert_same_run(projected.run(drive.double(), record="v"), by_drive)


def test_forward_returns_the_liquid_states(backend: str) -> None:
    x = random_drive(0, 3, 24, 12)
    for pool in ("last", 1, 5):
        reservoir = living(0, backend, pool=pool)
        assert torch.equal(reservoir(x), reservoir.run(x).states)
    single = living(0, backend, tau_trace=0.0)
    assert torch.equal(single(x), single.run(x).spikes()[:, -1].float())


def test_liquid_states_are_low_passed_spikes(backend: str) -> None:
    run = living(0, backend, tau_trace=7.0).run(random_drive(0, 30, 12), record="state")
    keep = float(torch.exp(torch.tensor(-1 / 7.0, dtype=torch.float64)))
    state = torch.zeros(12, dtype=torch.float64)
    for spikes, trace in zip(run.spikes()[0], run.traces["state"][0], strict=True):
        state = keep * state + (1 - keep) * spikes
        torch.testing.assert_close(trace.double(), state, atol=1e-6, rtol=0)


def test_weights_enter_on_their_grid() -> None:
    graph = random_graph(0)
    graph.edge_weight = graph.edge_weight / 3.0 * torch.logspace(-8, 0, 24)
    reservoir = TriglialReservoir(graph)
    assert torch.equal(reservoir.graph.edge_weight, prepare(graph).edge_weight)
    assert not torch.equal(reservoir.graph.edge_weight, graph.edge_weight)


@pytest.mark.parametrize(
    "graph",
    [
        graph_of(1, []),
        graph_of(1, [(0, 0, 0.5, 1)]),
        graph_of(5, []),
        graph_of(4, [(0, 1, 0.5, 1), (0, 1, -0.25, 1), (1, 1, 0.5, 3), (0, 1, 0.5, 2)]),
    ],
    ids=["one neuron", "one self loop", "no edges", "N == E"],
)
@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_small_graphs_live(graph: Data, in_flight: str, backend: str) -> None:
    reservoir = TriglialReservoir(
        graph, 2, glia=all_glia(), glia_period=10, in_flight=in_flight, backend=backend
    )
    run = reservoir.adapt(random_drive(0, 3, 25, 2))
    assert run.states.shape == (3, graph.num_nodes)
    assert reservoir(random_drive(0, 3, 25, 2)).isfinite().all()


def test_silence(backend: str) -> None:
    reservoir = living(0, backend, bias=0.0)
    run = reservoir.adapt(torch.zeros(2, 45, 12), record=TRACES)
    assert run.events.shape == (0, 3)
    assert not run.states.any()
    assert not run.traces["v"].any()
    assert not run.synaptic_events.any()
    assert torch.equal(reservoir.graph.calcium, torch.zeros(12))


def test_repr_shows_every_parameter() -> None:
    text = repr(living(0, in_channels=3, hold=4, pool=2, seed=9))
    for part in (
        "12 neurons, 70 edges", "in_channels=3", "scale=1.0", "density=1.0", "t_ref=1.0",
        "Astrocyte(rho=0.02", "Oligodendrocyte(rule='graded'", "Microglia(criterion='relative'",
        "dt=1.0", "glia_period=20", "hold=4", "pool=2", "tau_trace=20.0", "in_flight='arrival'",
        "max_delay=10000", "stateful=False", "backend='reference'", "seed=9",
    ):  # fmt: skip
        assert part in text


def test_time_steps_belong_to_the_graph(backend: str) -> None:
    graph = random_graph(0, dt=0.5)
    reservoir = TriglialReservoir(graph, dt=0.5, bias=1.3, backend=backend)
    run = reservoir.run(num_steps=200)
    assert run.dt == reservoir.graph.dt == 0.5
    assert TriglialReservoir(random_graph(0), dt=0.25).graph.dt == 0.25


def test_a_delay_that_was_lengthened_by_hand_finds_its_past(backend: str) -> None:
    reservoir = TriglialReservoir(
        graph_of(2, [(0, 1, 2.0, 1)]), bias=torch.tensor([0.0, 0.0]), stateful=True, backend=backend
    )
    reservoir.reset(v=torch.tensor([5.0, 0.0]))
    assert reservoir.run(num_steps=1).events.tolist() == [[0, 0, 0]]
    reservoir.graph.edge_delay = torch.tensor([40])
    assert reservoir.run(num_steps=60).events.tolist() == [[0, 39, 1]]


def test_weights_edited_by_hand_are_put_on_their_grid() -> None:
    runs = []
    for name in ("reference", "event"):
        reservoir = TriglialReservoir(
            random_graph(0, 20, 120, weight=0.5), bias=(0.9, 2.0), backend=name
        )
        reservoir.run(num_steps=50)
        reservoir.graph.edge_weight *= 0.7
        runs.append(reservoir.run(num_steps=100, record="v"))
    assert_same_run(*runs)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("edge_delay", -(10**6), "must be at least 1 step"),
        ("edge_weight", float("nan"), "must be finite"),
        ("edge_index", 99, r"must lie in \[0, 19\]"),
    ],
)
def test_a_graph_broken_by_hand_is_refused(backend: str, key: str, value: float, rule: str) -> None:
    reservoir = TriglialReservoir(random_graph(0, 20, 120), bias=(0.9, 2.0), backend=backend)
    reservoir.run(num_steps=50)
    reservoir.graph[key].fill_(value)
    with pytest.raises(ValueError, match=f"'{key}' {rule}"):
        reservoir.run(num_steps=50)


def test_a_reset_forgets_arrivals_even_if_glia_rest_in_between(backend: str) -> None:
    reservoir = TriglialReservoir(
        random_graph(4), glia=[Oligodendrocyte()], bias=2.0, stateful=True, backend=backend
    )
    reservoir.adapt(num_steps=50)
    reservoir.reset()
    reservoir.run(num_steps=1)
    before = reservoir.graph.edge_hits
    assert bool((reservoir.graph.edge_arrival < 0).all())
    reservoir.adapt(num_steps=3)  # nothing has fired anew so soon
    assert torch.equal(reservoir.graph.edge_hits, before)


def test_glia_learn_in_inference_mode(backend: str) -> None:
    def live() -> TriglialReservoir:
        glia = [Astrocyte(), Microglia()]
        reservoir = TriglialReservoir(
            random_graph(4), glia=glia, glia_period=20, bias=2.0, backend=backend
        )
        reservoir.adapt(num_steps=60)
        return reservoir

    with torch.inference_mode():
        inside = live()
    assert_same(inside.graph, frozen(live().graph))
    assert_same_run(inside.adapt(num_steps=30), live().adapt(num_steps=30))


def test_the_default_dtype_means_nothing(backend: str) -> None:
    graph, x = random_graph(4), torch.rand(2, 30, 2, generator=generator(0))

    def live() -> TriglialReservoir:
        glia = [Astrocyte(), Oligodendrocyte(), Microglia()]
        return TriglialReservoir(
            graph, in_channels=2, glia=glia, glia_period=20, bias=(1.0, 2.0), backend=backend
        )

    expected = live().adapt(x, record=("v",))
    torch.set_default_dtype(torch.float64)
    try:
        found = live().adapt(x, record=("v",))
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.states.dtype == torch.float32
    assert_same_run(found, expected)


def test_graphs_that_have_lived_may_be_batched_and_cut(backend: str) -> None:
    glia = [Astrocyte(territory=120.0), Oligodendrocyte(), Microglia()]
    how = {"glia": glia, "glia_period": 20, "bias": 2.0, "backend": backend}

    def lived(seed: int) -> Data:
        reservoir = TriglialReservoir(random_graph(seed), **how)
        reservoir.adapt(num_steps=50)
        return reservoir.graph

    pair = [lived(0), lived(1)]
    batch = TriglialReservoir(Batch.from_data_list(pair), **how).graph
    assert batch.first_num_edges == [graph.first_num_edges for graph in pair]
    # The two overlap in space, but no territory reaches from one into the other.
    member, center = batch.territory_index
    assert torch.equal(member < 8, center < 8)
    part = TriglialReservoir(pair[0].subgraph(torch.tensor([0, 2, 5])), **how)
    assert int(part.graph.territory_index.max()) == 2
    assert part.adapt(num_steps=50).graph.num_nodes == 3
