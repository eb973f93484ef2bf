import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import (
    assert_same,
    assert_same_run,
    frozen,
    generator,
    graph_of,
    random_drive,
    random_graph,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph.backends import event
from pyngn_graph.glia import Coherence
from pyngn_graph.graph import alive, keep_edges, round_delay

seeds = st.integers(0, 2**31)


def watch(cell: Oligodendrocyte, data: Data, spikes: Tensor) -> Data:
    """``data`` after ``cell`` saw ``spikes`` ``[T, N]``; arrivals do not matter to the rule."""
    for fired in spikes:
        cell.observe(data, torch.zeros(data.num_edges, dtype=torch.bool), fired)
    return data


class Sums:
    """The rule with the sums of every cell kept up to date, spike by spike, in plain floats."""

    def __init__(self, cell: Oligodendrocyte, data: Data) -> None:
        assert isinstance(cell.rule, Coherence)
        self.fade = math.exp(-data.dt / cell.rule.tau)
        self.keep = math.exp(-data.dt / cell.rule.tau_mean)
        self.cell, self.eta = cell, cell.rule.eta
        self.num_nodes = data.num_nodes
        self.tr, self.trb = [0.0] * data.num_nodes, [0.0] * data.num_nodes
        self.yv = [0.0] * data.num_nodes
        self.programs = data.coherence_delay.tolist()
        self.wire(data, data.edge_loading.tolist())

    def wire(self, data: Data, loading: list[float]) -> None:
        """Takes over the edges of ``data``: pruned ones leave the sums."""
        live = alive(data).tolist()
        self.edges = data.edge_index.t()[alive(data)].tolist()
        self.weight = data.edge_weight[alive(data)].tolist()
        self.delay = data.edge_delay[alive(data)].tolist()
        self.mu = [mu for mu, lives in zip(loading, live, strict=True) if lives]
        self.y, self.yb = [0.0] * self.num_nodes, [0.0] * self.num_nodes
        for mu, (j, i) in zip(self.mu, self.edges, strict=True):
            self.y[i] += mu * self.tr[j]
            self.yb[i] += mu * self.trb[j]

    def step(self, spikes: list[bool]) -> None:
        def mean(old: float, new: float) -> float:
            return self.keep * old + (1 - self.keep) * new

        for j in range(self.num_nodes):
            self.tr[j] *= self.fade
            self.trb[j] = mean(self.trb[j], self.tr[j])
            self.y[j] *= self.fade
            self.yb[j] = mean(self.yb[j], self.y[j])
            self.yv[j] = mean(self.yv[j], (self.y[j] - self.yb[j]) ** 2)
        change = {}
        for e, (j, i) in enumerate(self.edges):
            if spikes[j]:
                others = self.y[i] - self.yb[i] - self.mu[e] * (self.tr[j] - self.trb[j])
                z = others / (math.sqrt(self.yv[i]) + 1e-6)
                most = 1 / math.sqrt(1 - self.keep)
                z = min(max(z, -most), most)
                change[e] = self.eta * (z - self.mu[e])
        for e, dm in change.items():
            j, i = self.edges[e]
            self.mu[e] += dm
            self.y[i] += dm * self.tr[j] + self.mu[e]
            self.yb[i] += dm * self.trb[j]
            goal = self.programs[i][0 if self.weight[e] * self.mu[e] > 0 else 1]
            self.delay[e] += self.cell.eta * (goal - self.delay[e])
        for j in range(self.num_nodes):
            self.tr[j] += spikes[j]


@given(seed=seeds, masked=st.booleans(), dt=st.sampled_from([1.0, 0.5]))
def test_the_rule_keeps_every_sum_exactly(seed: int, masked: bool, dt: float) -> None:
    cell = Oligodendrocyte(Coherence(tau=5.0, tau_mean=80.0, eta=0.1, seed=seed), max_delay=40)
    graph = random_graph(seed, num_nodes=6, num_edges=20, dt=dt)
    if masked:
        graph.edge_mask = torch.rand(20, generator=generator(seed)) < 0.8
    data = cell.prepare(graph)
    oracle = Sums(cell, data)
    spikes = torch.rand(120, 6, generator=generator(seed + 1)) < 0.15
    for t, fired in enumerate(spikes):
        if t in (40, 80):  # a tick, and edges that are dropped at it
            data = cell(data)
            assert not data.edge_pull.any()
            kept = torch.rand(data.num_edges, generator=generator(seed + t)) < 0.8
            data = cell.prepare(keep_edges(data, kept))
            oracle.wire(data, data.edge_loading.tolist())
        watch(cell, data, fired.unsqueeze(0))
        oracle.step(fired.tolist())
    live, (src, dst) = alive(data), data.edge_index
    for key, axon in (("coherence_sum", data.axon_trace), ("coherence_mean", data.axon_mean)):
        total = torch.zeros(6, dtype=torch.float64)
        total.index_add_(0, dst[live], (data.edge_loading * axon[src])[live])
        torch.testing.assert_close(data[key], total, atol=1e-10, rtol=0)
    for name, found, expected in (
        ("loading", data.edge_loading[live], oracle.mu),
        ("trace", data.axon_trace, oracle.tr),
        ("mean", data.axon_mean, oracle.trb),
        ("variance", data.coherence_variance, oracle.yv),
        ("delay", cell(data).edge_delay[live], oracle.delay),
    ):
        expected = torch.tensor(expected, dtype=found.dtype)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5, msg=name)


def test_one_step_by_hand() -> None:
    # Axons 0 and 1 reach neuron 2. Axon 0 fired at the step before; now 1 fires.
    graph = graph_of(3, [(0, 2, 1.0, 9), (1, 2, -1.0, 9)])
    cell = Oligodendrocyte(Coherence(tau=2.0, tau_mean=4.0, eta=0.5), eta=0.25)
    data = cell.prepare(graph)
    data.edge_loading = torch.tensor([0.5, 0.25], dtype=torch.float64)
    data.coherence_delay[2] = torch.tensor([41.0, 5.0])
    data.axon_trace[0] = 1.0
    del data["coherence_sum"]
    data = cell.prepare(data)
    assert data.coherence_sum.tolist() == [0.0, 0.0, 0.5]
    data = watch(cell, data, torch.tensor([[False, True, False]]))
    deviation = math.exp(-0.5) * math.exp(-0.25)  # what the slow mean leaves of the trace
    assert data.axon_mean.tolist() == pytest.approx([math.exp(-0.5) - deviation, 0.0, 0.0])
    assert data.coherence_variance.tolist()[2] == pytest.approx(
        (1 - math.exp(-0.25)) * (0.5 * deviation) ** 2
    )
    z = 1 / math.sqrt(1 - math.exp(-0.25))
    loading = 0.25 + 0.5 * (z - 0.25)
    assert data.edge_loading.tolist() == pytest.approx([0.5, loading], rel=1e-4)
    # The loading is positive and the weight negative: a quarter of the way from 9 to 5.
    assert data.edge_pull.tolist() == [0.0, -1.0]
    assert data.axon_trace.tolist() == pytest.approx([math.exp(-0.5), 1.0, 0.0])
    # The sums follow the traces, and gain what axon 1 adds to them: its loading, and no past.
    total = 0.5 * math.exp(-0.5)
    assert data.coherence_sum.tolist()[2] == pytest.approx(total + loading, rel=1e-4)
    assert data.coherence_mean.tolist()[2] == pytest.approx(total * (1 - math.exp(-0.25)))
    ticked = cell(data)
    assert ticked.edge_delay.tolist() == [9.0, 8.0]
    assert ticked.edge_pull.tolist() == [0.0, 0.0]


def opposite_groups(seed: int, num_steps: int) -> Tensor:
    """Spikes ``[T, 20]`` of 16 axons: the first eight fire when the others do not."""
    g = generator(seed)
    first = torch.randint(2, (num_steps // 40, 1), generator=g).repeat_interleave(40, dim=0)
    group = torch.arange(16) < 8
    chance = torch.where(group == first.bool(), 0.1, 0.01)
    fired = torch.rand(num_steps, 16, generator=g) < chance
    return torch.cat([fired, torch.zeros(num_steps, 4, dtype=torch.bool)], dim=1)


@pytest.mark.parametrize("seed", range(3))
def test_afferents_that_carry_opposite_signals_part(seed: int) -> None:
    # Each of four targets hears all 16 axons, every fourth of which is inhibitory.
    edges = [(j, 16 + i, 1.0 if j % 4 else -1.0, 20) for i in range(4) for j in range(16)]
    cell = Oligodendrocyte(Coherence(tau_mean=500.0, eta=0.05, seed=seed), max_delay=60)
    data = cell.prepare(graph_of(20, edges))
    first = (torch.arange(16) < 8).repeat(4)
    at_birth = ((data.edge_loading > 0) == first).view(4, 16).float().mean(dim=1)
    assert float((at_birth - 0.5).abs().max()) < 0.4
    data = cell(watch(cell, data, opposite_groups(seed, 2000)))
    same = ((data.edge_loading > 0) == first).view(4, 16).float().mean(dim=1)
    assert float((same - 0.5).abs().min()) > 0.4
    assert float(data.edge_loading.abs().max()) < 3.0
    # What drives a target by firing more and what does so by inhibiting less share one delay.
    drives = (first == (data.edge_weight > 0)).view(4, 16)
    for i in range(4):
        delay, goals = data.edge_delay.view(4, 16)[i], data.coherence_delay[16 + i]
        near = (delay - goals[0]).abs() < (delay - goals[1]).abs()
        assert torch.equal(near, drives[i]) or torch.equal(near, ~drives[i])


@given(shape=st.sampled_from([1.0, 2.0]), seed=seeds)
def test_the_two_delays_of_the_targets_are_stratified(shape: float, seed: int) -> None:
    cell = Oligodendrocyte(Coherence(shape=shape, seed=seed), min_delay=3, max_delay=103)
    data = cell.prepare(random_graph(1, num_nodes=200))
    share = ((data.coherence_delay - 3.0) / 100.0) ** shape
    for column in share.t():
        torch.testing.assert_close(
            torch.floor(column.sort().values * 200), torch.arange(200.0).double(), atol=1, rtol=0
        )
    both = torch.corrcoef(share.t())[0, 1]
    assert abs(float(both)) < 0.4


@given(seed=seeds)
def test_nothing_depends_on_the_order_of_edges(seed: int) -> None:
    cell = Oligodendrocyte(Coherence(eta=0.2, tau_mean=50.0))
    data = cell.prepare(random_graph(seed))
    order = torch.randperm(24, generator=generator(seed))
    other = data.clone()
    for key in [key for key in data.keys() if key.startswith("edge_")]:
        other[key] = data[key].index_select(data.__cat_dim__(key, data[key]), order)
    spikes = torch.rand(60, 8, generator=generator(seed)) < 0.2
    watch(cell, data, spikes)
    watch(cell, other, spikes)
    for key in ("edge_loading", "edge_pull"):
        assert torch.equal(data[key][order], other[key])
    assert torch.equal(data.coherence_variance, other.coherence_variance)


def test_a_single_afferent_learns_nothing_and_silence_does_no_harm() -> None:
    cell = Oligodendrocyte(Coherence(eta=0.1))
    data = cell.prepare(graph_of(3, [(0, 1, 1.0, 5), (1, 2, 1.0, 5), (2, 2, 1.0, 5)]))
    first = float(data.edge_loading[0])
    spikes = torch.zeros(3000, 3, dtype=torch.bool)
    spikes[::7, 0] = True
    watch(cell, data, spikes)
    assert abs(float(data.edge_loading[0])) < 1e-3 < abs(first)
    # After ages without a spike of 1 and 2 the variance is all but gone.
    data.coherence_variance[2] = 0.0
    watch(cell, data, torch.tensor([[0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=torch.bool))
    assert bool(torch.isfinite(data.edge_loading).all())
    assert float(data.edge_loading.abs().max()) <= 0.1 / math.sqrt(1 - math.exp(-1 / 2000.0)) + 1


# In the loop


def life(backend: str, glia: list[Any], **options: Any) -> TriglialReservoir:
    graph = random_graph(3, num_nodes=12, num_edges=80, weight=0.4)
    graph.edge_tag = torch.arange(80)
    parameters = {"glia_period": 40, "stateful": True, **options}
    return TriglialReservoir(graph, glia=glia, backend=backend, **parameters)


def fast(**parameters: Any) -> Oligodendrocyte:
    return Oligodendrocyte(Coherence(eta=0.1, tau_mean=100.0), **{"max_delay": 30, **parameters})


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_all_backends_give_the_same_bits(backend: str, in_flight: str) -> None:
    glia = [Astrocyte(rule="multiplicative"), fast(), Microglia("random", fraction=0.1)]
    reservoirs = [life(name, glia, in_flight=in_flight) for name in (backend, "reference")]
    runs = [r.adapt(random_drive(1, 300, 12), record=("v", "gain")) for r in reservoirs]
    assert_same_run(*runs)
    assert_same(reservoirs[0].graph, frozen(reservoirs[1].graph))
    frozen_runs = [r.run(random_drive(2, 1, 100, 12), record="v") for r in reservoirs]
    assert_same_run(*frozen_runs)


class Mine(Coherence):
    pass


def test_the_event_backend_knows_which_rules_it_knows() -> None:
    for rule in ("align", "coherence", Coherence(shape=2.0), "fixed:two"):
        assert event.knows([Astrocyte(), Oligodendrocyte(rule), Microglia("winner")], ("v",))
    assert not event.knows([Oligodendrocyte(Mine())], ())
    assert not event.knows([Oligodendrocyte("coherence")], ("v", "axon_trace"))


def test_what_the_rule_writes_at_every_step_can_be_recorded() -> None:
    names = ("axon_trace", "coherence_sum", "coherence_variance", "v")
    runs = [
        life(backend, [fast()]).adapt(random_drive(1, 90, 12), record=names)
        for backend in ("event", "reference")
    ]
    assert_same_run(*runs)
    assert bool((runs[0].traces["coherence_sum"].diff(dim=1) != 0).any(dim=1).all())


def test_a_life_goes_on_on_another_backend_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    glia = [fast(), Microglia(fraction=0.2, drop=False)]
    whole, parted = life("event", glia), life("event", glia)
    drive = random_drive(1, 310, 12)
    whole.adapt(drive)
    for start, backend in ((0, "reference"), (25, "event"), (110, "reference"), (175, "event")):
        stop = {0: 25, 25: 110, 110: 175, 175: 310}[start]
        parted.adapt(drive[start:stop])
        parted.save(tmp_path / "life.safetensors")
        parted = TriglialReservoir.load(tmp_path / "life.safetensors", backend=backend)
    assert_same(parted.graph, frozen(whole.graph))


def test_silence_ends_at_zero() -> None:
    cell = fast()
    data = cell.prepare(random_graph(1))
    data.axon_trace[:], data.coherence_sum[:] = 1e-99, -1e-99
    watch(cell, data, torch.zeros(50, 8, dtype=torch.bool))
    assert not data.axon_trace.any()
    assert not data.coherence_sum.any()


def test_delays_wait_for_the_tick_and_stay_in_their_range(backend: str) -> None:
    reservoir = life(backend, [fast(eta=0.5, min_delay=2, max_delay=9)])
    first = reservoir.graph.edge_delay
    reservoir.adapt(random_drive(1, 39, 12))
    assert torch.equal(reservoir.graph.edge_delay, first)
    assert reservoir.graph.edge_pull.any()
    reservoir.adapt(random_drive(2, 1, 12))
    assert not torch.equal(reservoir.graph.edge_delay, first)
    assert not reservoir.graph.edge_pull.any()
    reservoir.adapt(random_drive(3, 400, 12))
    delay = reservoir.graph.edge_delay
    assert delay.dtype == torch.float32
    assert 2.0 <= float(delay.min()) < float(delay.max()) <= 9.0
    assert round_delay(delay).unique().numel() > 3


def test_dropping_and_masking_live_the_same_life(backend: str) -> None:
    runs, graphs = [], []
    for drop in (True, False):
        reservoir = life(backend, [fast(), Microglia(fraction=0.2, drop=drop)])
        runs.append(reservoir.adapt(random_drive(1, 330, 12), record="v"))
        graphs.append(reservoir.graph)
    live = alive(graphs[1])
    assert graphs[0].num_edges < graphs[1].num_edges == 80
    assert_same_run(*runs)
    for key in ("edge_tag", "edge_loading", "edge_pull", "edge_delay"):
        assert torch.equal(graphs[0][key], graphs[1][key][live])
    assert torch.equal(graphs[0].coherence_variance, graphs[1].coherence_variance)


def test_a_saved_life_goes_on_between_two_ticks_to_the_same_bits(tmp_path: Path) -> None:
    glia = [Oligodendrocyte("coherence", eta=0.3), Microglia("winner", drop=False)]
    reservoir = life("auto", glia)
    reservoir.adapt(random_drive(1, 110, 12))
    reservoir.save(tmp_path / "life.safetensors")
    loaded = TriglialReservoir.load(tmp_path / "life.safetensors")
    runs = [r.adapt(random_drive(2, 110, 12), record="v") for r in (reservoir, loaded)]
    assert_same_run(*runs)
    assert_same(loaded.graph, frozen(reservoir.graph))
    assert reservoir.graph.edge_pull.any()


def test_grown_edges_begin_without_a_loading() -> None:
    grows = Microglia("random", fraction=1.0, min_in=0, regrow=True, length_scale=9.0, velocity=9.0)
    reservoir = life("auto", [grows, fast(max_delay=200)])
    reservoir.adapt(random_drive(1, 39, 12))
    assert reservoir.graph.edge_loading.all()
    reservoir.adapt(random_drive(2, 1, 12))
    graph = reservoir.graph
    assert not graph.edge_loading.any()
    assert torch.equal(graph.edge_delay, graph.edge_delay.round())  # nothing old pulls them


def test_a_call_of_its_own_forgets_spikes_but_not_what_was_learned() -> None:
    cell = fast()
    data = watch(cell, cell.prepare(random_graph(1)), torch.ones(5, 8, dtype=torch.bool))
    before = frozen(data)
    cell.forget(data)
    assert not data.axon_trace.any()
    assert not data.coherence_sum.any()
    before["axon_trace"] = before["coherence_sum"] = torch.zeros(8, dtype=torch.float64)
    assert_same(data, before)


def test_the_rule_leaves_its_input_alone() -> None:
    cell = Oligodendrocyte("coherence")
    graph = random_graph(2)
    before = frozen(graph)
    once = cell(graph)
    assert_same(graph, before)
    assert_same(cell(graph), frozen(once))
    watch(cell, cell.prepare(once), torch.ones(3, 8, dtype=torch.bool))
    before = frozen(once)
    assert not torch.equal(cell(once).edge_delay, once.edge_delay)
    assert_same(once, before)
    assert cell(graph_of(1, [])).num_edges == 0


def test_parameters_show_and_out_of_range_are_refused() -> None:
    text = "Coherence(shape=2.0, tau=10.0, tau_mean=2000.0, eta=0.01, seed=0)"
    assert text in repr(Oligodendrocyte(Coherence(shape=2.0)))
    for name in ("shape", "tau", "tau_mean"):
        for wrong in (0.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"'{name}' must be positive"):
                Coherence(**{name: wrong})
    for wrong in (0.0, 1.5, math.nan):
        with pytest.raises(ValueError, match=r"'eta' must lie in \(0, 1\]"):
            Coherence(eta=wrong)
