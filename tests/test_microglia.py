import math
from typing import Any

import pytest
import torch
from helpers import assert_same, frozen, generator, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import Compose

from pyngn_graph import Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph.glia.base import clock_of
from pyngn_graph.graph import alive, in_degree, validate

seeds = st.integers(0, 2**31)


def watch(cell: Microglia, graph: Data, arrivals: Tensor, spikes: Tensor) -> Data:
    """``graph`` after ``cell`` saw arrivals ``[T, E]`` and spikes ``[T, N]``, health up to date."""
    data = cell.prepare(graph.clone())
    for now, fired in zip(arrivals, spikes, strict=True):
        data.clock = data.get("clock", 0) + 1
        cell.observe(data, now, fired)
    data.edge_health = cell.health(data).double()
    return data


# Health


def test_coincidence_by_hand() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 1), (0, 1, 1.0, 1)])
    cell = Microglia(trace="coincidence", eta=0.5, decay=0.2, initial_health=1.0)
    arrivals = torch.tensor([[True, False], [True, True], [False, False]])
    spikes = torch.tensor([[False, True], [False, True], [False, True]])
    health = watch(cell, graph, arrivals, spikes).edge_health.tolist()
    assert health == pytest.approx([((0.9 + 0.5) * 0.9 + 0.5) * 0.9, (0.9 * 0.9 + 0.5) * 0.9])


def test_window_by_hand() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 1)], dt=0.5)
    cell = Microglia(eta=0.1, decay=0.0, cost=0.5, tau_h=2.0, initial_health=1.0)
    arrivals = torch.tensor([[True], [False], [True], [False]])
    spikes = torch.tensor([[False, False], [False, True], [False, True], [True, True]])
    health = watch(cell, graph, arrivals, spikes).edge_health.tolist()
    # Two arrivals cost; spikes find the last one 1, 0 and 1 steps of 0.5 ms back.
    late = math.exp(-0.5 / 2.0)
    assert health == pytest.approx([1.0 - 2 * 0.05 + 0.1 * (late + 1.0 + late)])


@given(
    seed=seeds,
    trace=st.sampled_from(["window", "coincidence"]),
    decay=st.sampled_from([0.0, 2e-3, 0.5]),
    rate=st.sampled_from([0.02, 0.3]),
)
def test_lazy_health_equals_the_definition_step_by_step(
    seed: int, trace: str, decay: float, rate: float
) -> None:
    graph = random_graph(seed, num_nodes=5, num_edges=12)
    graph.edge_mask = torch.rand(12, generator=generator(seed)) < 0.8
    arrivals = (torch.rand(120, 12, generator=generator(seed + 1)) < rate) & graph.edge_mask
    spikes = torch.rand(120, 5, generator=generator(seed + 2)) < rate
    cell = Microglia(trace=trace, eta=0.1, decay=decay, tau_h=15.0)
    found = watch(cell, graph, arrivals, spikes).edge_health
    health, last = torch.full((12,), 0.5, dtype=torch.float64), torch.full((12,), -math.inf)
    for t in range(120):
        last[arrivals[t]] = t
        post = spikes[t][graph.edge_index[1]] & graph.edge_mask
        change = -decay * health
        if trace == "coincidence":
            change += post & arrivals[t]
        else:
            change += post * torch.exp(-(t - last).double() / 15.0) - 0.25 * arrivals[t]
        health = health + 0.1 * change
    torch.testing.assert_close(found, health, atol=1e-5, rtol=0)


def test_a_tick_brings_all_health_up_to_date() -> None:
    cell = Microglia(eta=0.5, decay=0.1, fraction=0.0)
    data = cell.prepare(graph_of(2, [(0, 1, 1.0, 1)]))
    data.clock = 40
    ticked = cell(data)
    assert ticked.edge_health.tolist() == pytest.approx([0.5 * 0.95**40])
    assert ticked.health_clock == 40
    cell.forget(ticked)
    assert (ticked.edge_arrival < 0).all()
    assert ticked.edge_health.tolist() == pytest.approx([0.5 * 0.95**40])


@pytest.mark.parametrize("decay", [1e-3, 1.0, 1.9, 1.9999999])
def test_health_of_any_decay_stays_finite(decay: float) -> None:
    cell = Microglia(eta=0.5, decay=decay, trace="coincidence")
    graph = graph_of(2, [(0, 1, 1.0, 1)])
    data = cell.prepare(graph)
    for data.clock in range(1, 301):
        cell.observe(data, torch.tensor([True]), torch.tensor([False, True]))
    assert clock_of(data) - data.health_clock < cell.horizon
    left = 1.0 - 0.5 * decay
    expected = 0.5 * left**300 + 0.5 * (1.0 - left**300) / (1.0 - left)
    assert cell.health(data).tolist() == pytest.approx([expected], rel=1e-5)
    data.clock += 10**7
    assert cell.prepare(data).health_clock >= data.clock - cell.horizon
    assert cell.health(data).tolist() == pytest.approx([expected * left ** (10**7)])


# Pruning


def scored(score: Tensor) -> Any:
    return lambda data, generator: score[data.edge_tag]


def tagged(seed: int, num_nodes: int = 6, num_edges: int = 30, **attributes: Any) -> Data:
    """A random graph whose edges remember their number."""
    graph = random_graph(seed, num_nodes=num_nodes, num_edges=num_edges, **attributes)
    graph.edge_tag = torch.arange(num_edges)
    return graph


def pruned(graph: Data, data: Data) -> Tensor:
    """Which edges of ``graph`` are gone or silent in ``data``."""
    return ~torch.isin(graph.edge_tag, data.edge_tag[alive(data)])


@given(seed=seeds, threshold=st.floats(0.0, 1.0))
def test_the_threshold_prunes_what_lies_below_it(seed: int, threshold: float) -> None:
    graph = tagged(seed)
    graph.edge_health = torch.rand(30, generator=generator(seed + 1))
    cell = Microglia("threshold", threshold=threshold, keep=0.0, min_in=0)
    data = cell(graph)
    assert torch.equal(pruned(graph, data), graph.edge_health < threshold)
    assert torch.equal(data.edge_weight, graph.edge_weight[data.edge_tag])
    assert torch.equal(data.edge_index, graph.edge_index[:, data.edge_tag])


@given(seed=seeds, fraction=st.floats(0.0, 1.0))
def test_excitation_and_inhibition_lose_their_own_lowest(seed: int, fraction: float) -> None:
    graph = tagged(seed)
    score = torch.rand(30, generator=generator(seed + 1))
    data = Microglia(scored(score), fraction=fraction, keep=0.0, min_in=0)(graph)
    gone = pruned(graph, data)
    for kind in (graph.edge_weight < 0, graph.edge_weight >= 0):
        own = kind.nonzero().squeeze(1)
        lowest = own[score[own].argsort()][: math.floor(fraction * own.numel())]
        assert set(gone.nonzero().squeeze(1).tolist()) & set(own.tolist()) == set(lowest.tolist())


def doomed(graph: Data, score: list[float], cell: Microglia) -> set[int]:
    """What ``cell`` prunes, in plain words: the definition."""
    weight, target = graph.edge_weight.tolist(), graph.edge_index[1].tolist()
    kinds = [[e for e in range(len(score)) if (weight[e] < 0) == sign] for sign in (False, True)]
    # How good an edge is in its class, from 0 to 1.
    share = {}
    for kind in kinds:
        order = sorted(kind, key=lambda e: score[e])
        share |= {e: (rank + 0.5) / len(order) for rank, e in enumerate(order)}
    safe, wanted = set(), set()
    for i in set(target):
        inputs = [e for e in range(len(score)) if target[e] == i]
        safe |= set(sorted(inputs, key=lambda e: -share[e])[: cell.min_in])
    for kind in kinds:
        free = sorted((e for e in kind if e not in safe), key=lambda e: score[e])
        if cell.criterion == "threshold":
            wanted |= {e for e in free if score[e] < cell.threshold}
        else:
            wanted |= set(free[: math.floor(cell.fraction * len(kind))])
    most = max(0, len(score) - math.ceil(cell.keep * 30))
    return set(sorted(sorted(wanted), key=lambda e: share[e])[:most])


@given(
    seed=seeds,
    fraction=st.sampled_from([0.3, 0.8, 1.0]),
    min_in=st.integers(0, 3),
    keep=st.sampled_from([0.0, 0.35, 0.9]),
    below=st.booleans(),
)
def test_targets_keep_their_best_inputs_and_the_graph_its_share(
    seed: int, fraction: float, min_in: int, keep: float, below: bool
) -> None:
    graph = tagged(seed, first_num_edges=30)
    score = torch.rand(30, generator=generator(seed + 1))
    parameters: dict[str, Any] = {"keep": keep, "min_in": min_in, "decay": 0.0}
    if below:
        graph.edge_health = score
        cell = Microglia("threshold", threshold=fraction, **parameters)
    else:
        cell = Microglia(scored(score), fraction=fraction, **parameters)
    for _ in range(4):
        data = cell(graph)
        gone = pruned(graph, data).nonzero().squeeze(1).tolist()
        assert set(gone) == doomed(graph, score[graph.edge_tag].tolist(), cell)
        assert data.num_edges >= math.ceil(keep * 30)
        assert (in_degree(data) >= in_degree(graph).clamp(max=min_in)).all()
        graph = data


def test_a_criterion_may_choose_for_itself() -> None:
    class Oldest:
        def select(self, cell: Microglia, data: Data, generator: torch.Generator) -> Tensor:
            return torch.arange(data.num_edges) < data.num_edges - cell.num_kept(data)

    graph = tagged(1, edge_mask=torch.arange(30) > 0)
    data = Microglia(Oldest(), keep=0.5)(graph)
    assert data.edge_tag.tolist() == [0, *range(15, 30)]  # what was silent before is not pruned
    data = Microglia(Oldest(), keep=0.5, drop=False)(graph)
    assert alive(data).nonzero().squeeze(1).tolist() == list(range(15, 30))


def test_keep_counts_the_edges_of_the_beginning() -> None:
    graph = tagged(1, edge_mask=torch.arange(30) < 20)
    data = graph
    cell = Microglia("random", fraction=0.5, keep=0.5, min_in=0)
    for clock in range(6):
        data.clock = clock
        data = cell(data)
    assert int(data.edge_mask.sum()) == 10  # of 20 that were alive
    more = Microglia("random", fraction=0.5, keep=0.2, min_in=0)
    for clock in range(6, 12):
        data.clock = clock
        data = more(data)
    assert int(data.edge_mask.sum()) == 4


def test_relative_health_is_compared_with_the_other_inputs_of_the_target() -> None:
    edges = [(0, 1, 1.0, 1), (0, 1, 1.0, 1), (0, 1, 1.0, 1), (1, 2, 1.0, 1), (2, 2, 1.0, 1)]
    graph = graph_of(3, [*edges, (2, 0, 1.0, 1)])
    graph.edge_tag = torch.arange(6)
    graph.edge_health = torch.tensor([0.875, 0.75, 0.625, 0.125, 0.25, 0.0])
    # 3/16, 0, -3/16 at neuron 1; -1/8, 1/8 at neuron 2; 0 for the only input of neuron 0.
    for number, lost in enumerate([[], [2], [2, 3], [1, 2, 3], [1, 2, 3, 5], [1, 2, 3, 4, 5]]):
        cell = Microglia("relative", fraction=number / 6 + 1e-9, keep=0.0, min_in=0)
        assert pruned(graph, cell(graph)).nonzero().squeeze(1).tolist() == lost


def test_weights_are_compared_by_size() -> None:
    graph = graph_of(2, [(0, 1, w, 1) for w in (0.5, -0.1, 0.2, -3.0, 0.1)])
    graph.edge_tag = torch.arange(5)
    data = Microglia("weight", fraction=0.5, keep=0.0, min_in=0)(graph)
    assert data.edge_tag.tolist() == [0, 2, 3]


def test_random_pruning_has_the_right_number_and_a_seed() -> None:
    graph = tagged(2, num_nodes=20, num_edges=200)
    cell = Microglia("random", fraction=0.25, keep=0.0, min_in=0, seed=3)
    gone = pruned(graph, cell(graph))
    for kind in (graph.edge_weight < 0, graph.edge_weight >= 0):
        assert int(gone[kind].sum()) == int(0.25 * int(kind.sum()))
    assert torch.equal(gone, pruned(graph, cell(graph)))
    other = Microglia("random", fraction=0.25, keep=0.0, min_in=0, seed=4)
    assert not torch.equal(gone, pruned(graph, other(graph)))
    graph.clock = 1000  # another tick, other edges
    assert not torch.equal(gone, pruned(graph, cell(graph)))


def test_random_pruning_spares_no_edge() -> None:
    graph = tagged(2, num_nodes=20, num_edges=60)
    count = torch.zeros(60)
    for seed in range(200):
        cell = Microglia("random", fraction=0.5, keep=0.0, min_in=0, seed=seed)
        count += pruned(graph, cell(graph))
    assert float(count.min()) > 60
    assert float(count.max()) < 140


def test_dropping_and_masking_live_the_same_life(backend: str) -> None:
    graph = tagged(4, num_nodes=10, num_edges=60, weight=0.6)
    runs, graphs = [], []
    for drop in (True, False):
        cell = Microglia(fraction=0.2, drop=drop)
        reservoir = TriglialReservoir(graph, glia=[cell], glia_period=50, backend=backend)
        runs.append(reservoir.adapt(random_drive(1, 220, 10), record="v"))
        graphs.append(reservoir.graph)
    assert graphs[1].num_edges == 60 > graphs[0].num_edges
    assert torch.equal(pruned(graph, graphs[0]), pruned(graph, graphs[1]))
    assert torch.equal(runs[0].traces["v"], runs[1].traces["v"])
    assert torch.equal(runs[0].events, runs[1].events)
    assert torch.equal(runs[0].num_edges, runs[1].num_edges)
    assert torch.equal(runs[0].synaptic_events, runs[1].synaptic_events)


# Regrowth


def growing(**parameters: Any) -> Microglia:
    chosen = {"fraction": 0.3, "regrow": True, "length_scale": 100.0, "velocity": 50.0}
    return Microglia("random", **{**chosen, **parameters})


@given(seed=seeds, min_in=st.integers(0, 2))
def test_regrown_edges_keep_their_axon_and_weight(seed: int, min_in: int) -> None:
    graph = tagged(seed, clock=7, dt=0.5, edge_health=torch.full((30,), 0.5))
    cell = growing(seed=seed, min_in=min_in, initial_health=0.25)
    data = validate(cell(graph))
    assert torch.equal(data.edge_tag, graph.edge_tag)
    assert torch.equal(data.edge_index[0], graph.edge_index[0])
    assert torch.equal(data.edge_weight, graph.edge_weight)
    moved = (data.edge_index[1] != graph.edge_index[1]) | (data.edge_health == 0.25)
    number = sum(int(0.3 * int(k.sum())) for k in (graph.edge_weight < 0, graph.edge_weight >= 0))
    assert int(moved.sum()) <= number
    assert min_in or int(moved.sum()) == number
    src, dst = data.edge_index[:, moved]
    assert (src != dst).all()
    assert (dst != graph.edge_index[1, moved]).all()
    distance = (graph.pos[src] - graph.pos[dst]).double().norm(dim=1)
    steps = torch.floor(1 + distance / 50.0 / 0.5 + 0.5).long()
    assert torch.equal(data.edge_delay[moved], steps)
    assert torch.equal(data.edge_delay[~moved], graph.edge_delay[~moved])
    assert data.health_clock == 7
    assert (data.edge_arrival[moved] < 0).all()


def test_axons_grow_to_near_targets_more_often() -> None:
    # An axon at 0 with targets at 100, 200, 300 micrometres; its old target is far away.
    pos = torch.tensor([[0.0, 0, 0], [100, 0, 0], [0, 200, 0], [0, 0, 300], [9e3, 0, 0]])
    graph = graph_of(5, [(0, 4, 1.0, 1)] * 4000, pos=pos)
    cell = growing(fraction=1.0, min_in=0, length_scale=200.0, velocity=1e4)
    share = torch.bincount(cell(graph).edge_index[1], minlength=5) / 4000
    chance = torch.exp(-torch.tensor([0.25, 1.0, 2.25]))
    expected = chance / chance.sum()
    assert share[[0, 4]].tolist() == [0.0, 0.0]
    torch.testing.assert_close(share[1:4], expected, atol=0.03, rtol=0)


def test_among_many_targets_an_axon_chooses_by_distance() -> None:
    pos = torch.rand(60, 3, generator=generator(1)) * 300.0
    graph = graph_of(60, [(0, 59, 1.0, 1)] * 20_000, pos=pos)
    cell = growing(fraction=1.0, min_in=0, length_scale=120.0, velocity=1e4)
    share = torch.bincount(cell(graph).edge_index[1], minlength=60) / 20_000
    chance = torch.exp(-(((pos - pos[0]).norm(dim=1) / 120.0) ** 2))
    chance[[0, 59]] = 0.0
    torch.testing.assert_close(share, chance / chance.sum(), atol=0.01, rtol=0)


def test_a_lonely_axon_grows_to_its_nearest() -> None:
    pos = torch.tensor([[0.0, 0, 0], [9e4, 0, 0], [9.1e4, 0, 0], [9.2e4, 0, 0]])
    graph = graph_of(4, [(0, 3, 1.0, 1)] * 20, pos=pos)
    cell = growing(fraction=1.0, min_in=0, length_scale=10.0, velocity=100.0)
    assert set(cell(graph).edge_index[1].tolist()) == {1}


def test_two_neurons_have_nowhere_to_grow() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 1)], pos=torch.zeros(2, 3))
    cell = growing(fraction=1.0, min_in=0)
    assert torch.equal(cell(graph).edge_index, graph.edge_index)


def test_scales_come_from_the_graph_where_it_has_them() -> None:
    graph = tagged(3, length_scale=100.0, velocity=50.0)
    own = growing(length_scale=None, velocity=None)(graph)
    assert torch.equal(own.edge_index, growing()(graph).edge_index)
    assert torch.equal(own.edge_delay, growing()(graph).edge_delay)


def test_density_stays_while_axons_grow(backend: str) -> None:
    graph = tagged(4, num_nodes=10, num_edges=60, weight=0.6)
    reservoir = TriglialReservoir(graph, glia=[growing()], glia_period=25, backend=backend)
    run = reservoir.adapt(random_drive(1, 200, 10))
    assert (run.num_edges == 60).all()
    assert int((reservoir.graph.edge_index[1] != graph.edge_index[1]).sum()) > 20
    assert torch.equal(reservoir.graph.edge_index[0], graph.edge_index[0])


def test_what_an_edge_carries_when_it_grows(backend: str) -> None:
    """By emission the spikes under way are lost; by arrival the new edge reads the past."""
    # The edge 0 -> 1 moves to neuron 2, at 100 micrometres, with a delay of 1 + 3 steps.
    pos = torch.tensor([[0.0, 0, 0], [9e3, 0, 0], [100, 0, 0]])
    graph = graph_of(3, [(0, 1, 0.25, 5)], pos=pos)
    cell = growing(fraction=1.0, min_in=0, length_scale=50.0, velocity=100 / 3)
    drive = torch.zeros(10, 3)
    drive[[3, 5], 0] = 30.0
    for in_flight, arrivals in (("arrival", [7, 9]), ("emission", [9])):
        reservoir = TriglialReservoir(
            graph, glia=[cell], glia_period=5, in_flight=in_flight, backend=backend
        )
        v = reservoir.adapt(drive, record="v").traces["v"][0]
        assert not v[:, 1].any()
        assert (v[:, 2].diff() > 0.2).nonzero().squeeze(1).add(1).tolist() == arrivals


def test_regrowth_says_what_it_needs_before_anything_runs() -> None:
    graph = tagged(3)
    with pytest.raises(ValueError, match="Regrowth needs 'velocity'; pass it to 'Microglia' or"):
        TriglialReservoir(graph, glia=[growing(velocity=None)])
    with pytest.raises(ValueError, match="Regrowth needs 'length_scale'"):
        TriglialReservoir(graph, glia=[growing(length_scale=None)])
    del graph.pos
    graph.num_nodes = 6
    with pytest.raises(ValueError, match=r"Regrowth needs 'pos' \[N, 3\]"):
        TriglialReservoir(graph, glia=[growing()])


# A transform like any other


@pytest.mark.parametrize(
    "cell",
    [
        Microglia(),
        Microglia("threshold", threshold=0.9),
        Microglia("random", drop=False),
        Microglia("weight", trace="coincidence"),
        Microglia("winner"),
        Microglia("hub", drop=False),
        growing(),
    ],
)
def test_microglia_leave_their_input_alone(cell: Microglia) -> None:
    graph = tagged(2)
    before = frozen(graph)
    once = Compose([cell])(graph)
    assert_same(graph, before)
    before = frozen(once)
    once.clock = before["clock"] = 5
    cell.forget(cell(once))
    assert_same(once, before)


def test_microglia_work_where_n_equals_e() -> None:
    graph = tagged(2, num_nodes=30, num_edges=30, gain=torch.rand(30))
    data = validate(Microglia(fraction=0.5, keep=0.0, min_in=0)(graph))
    assert data.num_edges < 30
    assert torch.equal(data.gain, graph.gain)
    assert torch.equal(data.pos, graph.pos)


def test_repr_and_config_show_every_parameter() -> None:
    cell = Microglia("weight", cost=0.5, regrow=True, velocity=3.0)
    text = repr(cell)
    for name, value in cell.config().items():
        assert f"{name}={value!r}" in text
    assert len(cell.config()) == 16
    assert repr(Microglia(**cell.config())) == text


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"criterion": "best"}, r"Unknown criterion 'best'; available: \[.*\], or a function"),
        ({"trace": "long"}, r"Unknown trace 'long'; available: \['window', 'coincidence'\]"),
        ({"fraction": 1.5}, r"'fraction' must lie in \[0, 1\] \(got 1.5\)"),
        ({"keep": -0.1}, "'keep' must lie in"),
        ({"eta": math.nan}, "'eta' must lie in"),
        ({"eta": 0.5, "decay": 2.0}, "'eta' x 'decay' must lie in"),
        ({"threshold": math.inf}, "'threshold' must be finite"),
        ({"initial_health": math.nan}, "'initial_health' must be finite"),
        ({"tau_h": 0.0}, "'tau_h' must be positive"),
        ({"length_scale": -1.0}, "'length_scale' must be positive"),
        ({"velocity": math.inf}, "'velocity' must be positive"),
        ({"cost": -1.0}, "'cost' and 'min_in' must not be negative"),
        ({"min_in": -1}, "'cost' and 'min_in' must not be negative"),
        ({"regrow": True, "drop": False}, "cannot be combined with drop=False"),
    ],
)
def test_parameters_out_of_range(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Microglia(**wrong)


def test_an_edge_grown_beyond_the_longest_delay_is_taken_in_by_oligodendrocytes() -> None:
    graph = random_graph(5, num_nodes=30, num_edges=120)
    cells = [
        Oligodendrocyte(max_delay=5, rule="align"),
        Microglia("random", regrow=True, fraction=0.5, length_scale=1e3, velocity=1.0),
    ]
    graph.edge_delay = graph.edge_delay.clamp(max=5)
    reservoir = TriglialReservoir(graph, glia=cells, glia_period=10, bias=1.3)
    reservoir.adapt(num_steps=10)
    assert reservoir.graph.edge_delay.max() > 5
    reservoir.adapt(num_steps=10)


def test_axons_stay_in_their_graph_of_a_batch() -> None:
    graphs = [random_graph(seed, num_nodes=n) for seed, n in ((0, 8), (1, 9), (2, 2))]
    batch = Batch.from_data_list(graphs)
    cell = Microglia("random", fraction=1.0, min_in=0, regrow=True, length_scale=1e3, velocity=50.0)
    src, dst = cell(batch).edge_index
    assert torch.equal(batch.batch[src], batch.batch[dst])
    assert not torch.equal(dst, batch.edge_index[1])


def test_a_criterion_is_a_name_or_a_function() -> None:
    with pytest.raises(TypeError, match=r"'criterion' must be a name or a function \(got 3\)"):
        Microglia(criterion=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["health_clock", "edge_arrival"])
def test_edges_that_are_ahead_of_the_clock_are_refused(key: str) -> None:
    data = Microglia().prepare(tagged(0, clock=50))
    data[key] = 60 if key == "health_clock" else torch.full_like(data.edge_index[0], 60)
    with pytest.raises(ValueError, match=f"'{key}' reaches 60, later than 'clock' = 50"):
        Microglia()(data)


def test_what_arrivals_cost_is_taken_off_by_any_cell_and_only_once() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 1)])
    cell = Microglia(eta=0.1, decay=0.0, cost=0.5, initial_health=1.0, fraction=0.0)
    data = cell.prepare(graph.clone())
    data.clock = 1
    cell.observe(data, torch.tensor([True]), torch.tensor([False, False]))
    assert data.edge_health.tolist() == [1.0]
    assert cell.health(data).tolist() == pytest.approx([0.95])
    free = Microglia(eta=0.1, decay=0.0, cost=0.0, fraction=0.0)
    ticked = free(data)
    assert ticked.edge_health.tolist() == pytest.approx([0.95])
    assert free(ticked).edge_health.tolist() == pytest.approx([0.95])
