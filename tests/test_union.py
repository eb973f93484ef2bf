"""A batch of graphs is as many reservoirs: the union equals separate runs to the last bit."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import (
    assert_same,
    assert_same_run,
    frozen,
    graph_of,
    random_drive,
    random_graph,
)
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
from pyngn_graph.backends.event import knows
from pyngn_graph.glia import Hub, PerGraph, Winner
from pyngn_graph.glia.per_graph import as_one
from pyngn_graph.grid import neuron_grid, weight_grid
from pyngn_graph.unions import registered, separated, united

SIZES = ((6, 20), (9, 29), (12, 38))


def trio(**attributes: Any) -> list[Data]:
    """Three graphs of different sizes, whose weights differ by orders of magnitude."""
    scale = {"length_scale": 120.0, "velocity": 50.0}
    return [
        random_graph(k, n, e, weight=10.0 ** (1 - k), **scale, **attributes)
        for k, (n, e) in enumerate(SIZES)
    ]


def own(value: Any, k: int) -> Any:
    return value.cells[k] if isinstance(value, PerGraph) else value


def assert_union_is_separate_runs(
    graphs: Sequence[Data],
    x: Tensor,
    glia: Sequence[Any] = (),
    *,
    neuron: Any = None,
    seed: Any = 0,
    lengths: Tensor | None = None,
    **how: Any,
) -> TriglialReservoir:
    """Trains and tests both ways, compares everything, and returns the union."""
    whole = TriglialReservoir(
        Batch.from_data_list(list(graphs)), glia=glia, neuron=neuron, seed=seed, **how
    )
    learned = whole.adapt(x, lengths=lengths, record=("v", "state"))
    states = whole.split(whole(x, lengths))
    first = 0
    for k, (graph, part) in enumerate(zip(graphs, whole.graph.to_data_list(), strict=True)):
        nodes = slice(first, first + graph.num_nodes)
        first = nodes.stop
        alone = TriglialReservoir(
            graph,
            glia=[own(cell, k) for cell in glia],
            neuron=neuron[k] if isinstance(neuron, list) else neuron,
            seed=seed[k] if isinstance(seed, list) else seed,
            **how,
        )
        signal = x if how.get("in_channels") else x[..., nodes]
        run = alone.adapt(signal, lengths=lengths, record=("v", "state"))
        for name, trace in run.traces.items():
            assert torch.equal(learned.traces[name][..., nodes].nan_to_num(), trace.nan_to_num())
        inside = (learned.events[:, 2] >= nodes.start) & (learned.events[:, 2] < nodes.stop)
        shift = torch.tensor([0, 0, nodes.start])
        assert torch.equal(learned.events[inside] - shift, run.events)
        assert torch.equal(whole.split(learned.states)[k], run.states)
        assert torch.equal(alone(signal, lengths), states[k])
        assert_same(part, frozen(alone.graph))
        assert_same(learned.graph.to_data_list()[k], frozen(run.graph))
    return whole


class Counter(GlialCell):
    """A cell of a user, which counts arrivals in an attribute that it adds on the way."""

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        before = data.get("edge_seen", torch.zeros_like(data.edge_index[0]))
        data.edge_seen, data.seen = before + arrivals, data.get("seen", 0) + spikes

    def forward(self, data: Data) -> Data:
        least = data.edge_seen == data.edge_seen.min()
        data.edge_mask = data.edge_mask & ~least
        return data


def drop_first(data: Data) -> Data:
    """A plain transform, which drops one edge of each graph."""
    return data.edge_subgraph(torch.arange(data.num_edges) > 0)


PRUNING = {"fraction": 0.2, "keep": 0.3}
GLIA = {
    "none": [],
    "all three": [Astrocyte(territory=120.0), Oligodendrocyte(), Microglia(**PRUNING)],
    "regrowth": [Astrocyte(), Oligodendrocyte(), Microglia("random", regrow=True)],
    "coherence": [Oligodendrocyte("coherence"), Microglia(Winner(activity=0.5), regrow=True)],
    "hub": [Astrocyte(rule="multiplicative"), Microglia(Hub(), **PRUNING)],
    "control": [Oligodendrocyte("fixed:two"), Microglia("random_winner")],
    "masks": [Microglia("threshold", trace="coincidence", drop=False, threshold=0.6)],
    "of a user": [Astrocyte(), Counter(), drop_first],
    "targets": [PerGraph([Astrocyte(rho=r, eta=0.1) for r in (0.01, 0.1, 0.4)]), Microglia()],
    "rules": [
        PerGraph([Astrocyte(), Astrocyte(rule="multiplicative"), Astrocyte(tau_ca=50.0)]),
        PerGraph([Oligodendrocyte("align"), Oligodendrocyte(window=5.0), Oligodendrocyte()]),
    ],
    "ticks": [
        PerGraph([Oligodendrocyte(eta=0.1), Oligodendrocyte("align"), Oligodendrocyte(eta=1.0)]),
        PerGraph([Microglia(seed=1, fraction=0.1), Microglia("weight"), Microglia("winner")]),
    ],
    "senses": [
        PerGraph([Microglia(eta=e, cost=c) for e, c in ((0.1, 0.5), (0.02, 1.0), (1, 0.1))])
    ],
}


@pytest.mark.parametrize("name", GLIA)
def test_a_union_equals_separate_runs(backend: str, name: str) -> None:
    x = random_drive(1, 2, 25, sum(n for n, _ in SIZES), high=4.0)
    how = {"glia_period": 12, "backend": backend, "pool": 2}
    whole = assert_union_is_separate_runs(trio(), x, GLIA[name], **how)
    if name in ("all three", "hub", "of a user", "ticks"):
        left = [graph.num_edges for graph in whole.graph.to_data_list()]
        assert all(now < before for now, (_, before) in zip(left, SIZES, strict=True))


@pytest.mark.parametrize(
    ("glia", "how"),
    [
        ("all three", {"in_channels": 2, "seed": 5}),
        ("all three", {"in_channels": 2, "seed": [5, 6, 5], "input_density": 0.5}),
        ("regrowth", {"in_channels": 1, "bias": (1.0, 1.4), "in_flight": "emission"}),
        ("hub", {"in_channels": 2, "hold": 3, "lengths": torch.tensor([20, 11])}),
    ],
)
def test_every_graph_has_the_projection_that_it_would_have_alone(
    backend: str, glia: str, how: dict[str, Any]
) -> None:
    x = random_drive(2, 2, 20, how["in_channels"], low=-1.0)
    how = {"glia_period": 11, "backend": backend, "input_scale": 2.0} | how
    assert_union_is_separate_runs(trio(), x, GLIA[glia], **how)


def test_every_graph_has_neurons_of_its_own(backend: str) -> None:
    rest = {"tau_syn": 4.0, "t_ref": 2.0}
    neuron = [
        LIFParameters(tau_m=7.3, **rest),
        LIFParameters(v_th=1.2, r_m=1.5, **rest),
        LIFParameters(tau_m=torch.linspace(5.0, 30.0, 12), **rest),
    ]
    x = random_drive(3, 40, sum(n for n, _ in SIZES))
    glia, how = GLIA["all three"], {"glia_period": 20, "backend": backend}
    assert_union_is_separate_runs(trio(), x, glia, neuron=neuron, **how)


def test_neurons_of_a_union_may_be_given_one_by_one(backend: str) -> None:
    threshold = torch.linspace(0.8, 1.2, 27)
    whole = TriglialReservoir(
        Batch.from_data_list(trio()), neuron=LIFParameters(v_th=threshold), backend=backend
    )
    x = random_drive(3, 40, 27)
    alone = TriglialReservoir(
        trio()[1], neuron=LIFParameters(v_th=threshold[6:15]), backend=backend
    )
    assert torch.equal(whole.split(whole(x))[1], alone(x[:, 6:15]))


def test_the_grid_of_a_graph_is_its_own() -> None:
    graphs = trio()
    batch = Batch.from_data_list(graphs)
    grids = [weight_grid(graph) for graph in graphs]
    assert len(set(grids)) == 3
    expected = [grid for grid, (n, _) in zip(grids, SIZES, strict=True) for _ in range(n)]
    assert neuron_grid(batch).tolist() == expected
    assert neuron_grid(graphs[0]).tolist() == grids[0]
    with pytest.raises(TypeError, match="a grid for each of its graphs; use 'neuron_grid'"):
        weight_grid(batch)


def test_life_goes_on_in_parts_and_as_a_whole(backend: str) -> None:
    graphs, x = trio(), random_drive(4, 60, 27)
    how = {"glia": GLIA["all three"], "glia_period": 7, "stateful": True, "backend": backend}
    whole = TriglialReservoir(Batch.from_data_list(graphs), **how)
    alone = [TriglialReservoir(graph, **how) for graph in graphs]
    for piece in x.split((11, 9, 40)):
        states = whole.split(whole.adapt(piece).states)
        parts = piece.split([n for n, _ in SIZES], dim=1)
        for state, reservoir, part in zip(states, alone, parts, strict=True):
            assert torch.equal(state, reservoir.adapt(part).states)
    for part, reservoir in zip(whole.graph.to_data_list(), alone, strict=True):
        assert_same(part, frozen(reservoir.graph))
    # What has lived together may live on alone, and the other way round.
    again = TriglialReservoir(Batch.from_data_list([r.graph for r in alone]), **how)
    apart = TriglialReservoir(whole.graph.to_data_list()[2], **how)
    assert torch.equal(again.split(again.adapt(x).states)[2], apart.adapt(x[:, 15:]).states)


def test_a_batch_of_one_is_one_graph(backend: str) -> None:
    x = random_drive(0, 40, 6)
    how = {"glia_period": 20, "backend": backend}
    whole = assert_union_is_separate_runs(trio()[:1], x, GLIA["all three"], **how)
    assert isinstance(whole.graph, Batch)


def test_graphs_without_edges_have_their_place_in_a_union(backend: str) -> None:
    graphs = [graph_of(2, []), graph_of(1, [(0, 0, 0.5, 2)]), graph_of(3, [])]
    x = random_drive(0, 40, 6)
    how = {"glia_period": 10, "backend": backend}
    glia = [Astrocyte(), Oligodendrocyte(), Microglia(min_in=0)]
    assert_union_is_separate_runs(graphs, x, glia, **how)


def test_a_cell_rewrites_each_graph_of_a_batch_by_itself() -> None:
    graphs = trio()
    batch = Batch.from_data_list(graphs)
    before = frozen(batch)
    cell = Microglia("random", fraction=0.5)
    for part, graph in zip(cell(batch).to_data_list(), graphs, strict=True):
        alone = cell(graph)
        assert torch.equal(part.edge_index, alone.edge_index)
        assert part.first_num_edges == graph.num_edges
    cells = [Microglia("random", fraction=f) for f in (0.1, 0.5, 0.9)]
    for part, graph, one in zip(PerGraph(cells)(batch).to_data_list(), graphs, cells, strict=True):
        assert torch.equal(part.edge_index, one(graph).edge_index)
    assert_same(batch, before)


def test_cells_that_sense_alike_run_as_one() -> None:
    ticks, senses, targets, rules = (
        [as_one(cell) for cell in GLIA[name] if isinstance(cell, PerGraph)]
        for name in ("ticks", "senses", "targets", "rules")
    )
    assert [type(cell) for cell in ticks] == [Oligodendrocyte, Microglia]
    assert knows(ticks, ())
    assert knows(targets, ())  # compiled with constants for each neuron
    assert not knows(senses, ())
    assert not knows(rules, ())
    loadings = [Oligodendrocyte("coherence", eta=eta) for eta in (0.1, 0.2)]
    assert isinstance(as_one(PerGraph(loadings)), PerGraph)
    assert as_one(PerGraph(loadings[:1] * 2)) is loadings[0]


@pytest.mark.parametrize("glia", ["all three", "ticks", "targets"])
def test_unions_are_saved_and_loaded(tmp_path: Path, glia: str) -> None:
    how = {"glia": GLIA[glia], "glia_period": 9, "stateful": True, "seed": [1, 2, 3]}
    neuron = [LIFParameters(tau_m=tau) for tau in (10.0, 20.0, 30.0)]
    batch = Batch.from_data_list(trio())
    reservoir = TriglialReservoir(batch, in_channels=2, neuron=neuron, **how)
    x = random_drive(5, 40, 2)
    reservoir.adapt(x)
    reservoir.save(tmp_path / "union.safetensors")
    loaded = TriglialReservoir.load(tmp_path / "union.safetensors")
    assert isinstance(loaded.graph, Batch)
    assert repr(loaded) == repr(reservoir)
    for ours, theirs in zip(
        reservoir.graph.to_data_list(), loaded.graph.to_data_list(), strict=True
    ):
        assert_same(theirs, frozen(ours))
    assert_same_run(loaded.adapt(x), reservoir.adapt(x))


def test_a_union_says_what_it_is_and_moves_as_a_whole() -> None:
    reservoir = TriglialReservoir(
        Batch.from_data_list(trio()), glia=[PerGraph([Astrocyte(rho=r) for r in (0.1, 0.2, 0.3)])]
    )
    assert "graph=27 neurons, 87 edges in 3 graphs" in repr(reservoir)
    assert "PerGraph(cells=(Astrocyte(rho=0.1" in repr(reservoir)
    twin = copy.deepcopy(reservoir).to("cpu")
    assert reservoir.adapt(num_steps=9).graph.num_graphs == 3
    assert twin.adapt(num_steps=9).graph.num_graphs == 3
    assert_twins_of_parts(reservoir, twin)
    assert str(reservoir.diagnose()).startswith("The reservoir is dead")


def assert_twins_of_parts(ours: TriglialReservoir, theirs: TriglialReservoir) -> None:
    for one, other in zip(ours.graph.to_data_list(), theirs.graph.to_data_list(), strict=True):
        assert_same(one, frozen(other))


def test_a_union_may_be_edited_and_replaced() -> None:
    reservoir = TriglialReservoir(Batch.from_data_list(trio()), glia=[Microglia()], bias=1.5)
    reservoir.graph.edge_weight = reservoir.graph.edge_weight * 0.5
    reservoir.graph.note = torch.arange(27)
    reservoir.adapt(num_steps=5)
    parts = reservoir.graph.to_data_list()
    for part, graph, first in zip(parts, trio(), (0, 6, 15), strict=True):
        assert torch.allclose(part.edge_weight, graph.edge_weight * 0.5)
        assert part.note.tolist() == list(range(first, first + graph.num_nodes))
    halves = [part.edge_subgraph(torch.arange(part.num_edges) % 2 == 0) for part in parts]
    reservoir.graph = Batch.from_data_list(halves)
    assert reservoir.adapt(num_steps=5).graph.num_edges == sum(half.num_edges for half in halves)
    with pytest.raises(ValueError, match=r"keep the 6 \+ 9 \+ 12 neurons .*got 6 \+ 12 \+ 9"):
        reservoir.graph = Batch.from_data_list([halves[0], halves[2], halves[1]])


def test_what_was_written_to_a_batch_is_found_in_its_graphs() -> None:
    graphs = [graph_of(2, [(0, 1, 1.0, 1)]), graph_of(1, [(0, 0, 1.0, 1), (0, 0, 0.5, 2)])]
    batch = Batch.from_data_list(graphs)
    batch.edge_color, batch.color = torch.tensor([[1], [2], [3]]), torch.tensor([4, 5, 6])
    batch.third, batch.scalar = 1 / 3, torch.tensor(0.5)
    parts = registered(batch).to_data_list()
    assert [part.edge_color.tolist() for part in parts] == [[[1]], [[2], [3]]]
    assert [part.color.tolist() for part in parts] == [[4, 5], [6]]
    assert [part.third for part in parts] == [1 / 3, 1 / 3]
    again = separated(united(parts))
    for part, same in zip(parts, again, strict=True):
        assert_same(same, frozen(part))
    assert "edge_color" not in batch.to_data_list()[0]  # the batch itself was left alone
    del parts[1].third
    with pytest.raises(ValueError, match=r"graphs 0 and 1 do not share \['third'\]"):
        united(parts)


def test_a_step_that_float32_does_not_hold_is_that_of_each_graph() -> None:
    graphs = [random_graph(k, dt=1 / 3) for k in range(2)]
    whole = TriglialReservoir(Batch.from_data_list(graphs), dt=1 / 3, glia=[Astrocyte()])
    assert [part.dt for part in whole.graph.to_data_list()] == [1 / 3, 1 / 3]
    with pytest.raises(ValueError, match=r"count steps of 0\.3333333 ms but dt = 0\.5"):
        TriglialReservoir(Batch.from_data_list(graphs), dt=0.5)


def stale(change: Any) -> Batch:
    batch = Batch.from_data_list(trio())
    result = change(batch)
    return batch if result is None else result


def crossing(batch: Batch) -> None:
    batch.edge_index = batch.edge_index.clone()
    batch.edge_index[1, 3] = 10


def nameless(batch: Batch) -> Data:
    bare = Batch(**{key: batch[key] for key in batch.keys()})
    return bare


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        (
            lambda batch: batch.edge_subgraph(torch.arange(batch.num_edges) > 0),
            r"made of 27 neurons and 87 edges but has 27 and 86; change graphs before they are",
        ),
        (
            lambda batch: batch.subgraph(torch.arange(1, 27)),
            "made of 27 neurons and 87 edges but has 26",
        ),
        (crossing, r"1 edges of the batch leave their graph, the first is edge 3, \[\d, 10\]"),
        (nameless, "was not made by 'Batch.from_data_list'"),
        (lambda batch: batch.update({"dt": torch.tensor([1.0, 1.0, 2.0])}), "must agree on 'dt'"),
        (lambda batch: batch.update({"clock": torch.tensor([0, 5, 0])}), "must agree on 'clock'"),
    ],
)
def test_batches_that_do_not_hold_together(batch: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        TriglialReservoir(stale(batch))


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"seed": [1, 2]}, ValueError, "'seed' holds 2 seeds for 3 graphs"),
        ({"neuron": [LIFParameters()]}, ValueError, "'neuron' holds 1 LIFParameters for 3 graphs"),
        (
            {"neuron": [LIFParameters(), LIFParameters(), LIFParameters(tau_syn=3.0)]},
            ValueError,
            r"'tau_syn' must be set for all graphs of a batch or for none \(got \[None, None, 3",
        ),
        ({"glia": [PerGraph([Astrocyte()])]}, ValueError, "holds 1 cells for 3 graphs; give it"),
        ({"bias": torch.ones(9)}, ValueError, r"'bias' must have shape \[27\] \(got \[9\]\)"),
    ],
)
def test_parameters_that_do_not_fit_the_graphs(
    wrong: dict[str, Any], error: type[Exception], match: str
) -> None:
    batch = Batch.from_data_list(trio())
    before = frozen(batch)
    with pytest.raises(error, match=match):
        TriglialReservoir(batch, in_channels=1, **wrong)
    assert_same(batch, before)


def test_what_is_no_cell_for_each_graph() -> None:
    with pytest.raises(TypeError, match=r"'PerGraph' needs glial cells \(got 3\)"):
        PerGraph([Astrocyte(), 3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="all on the fast clock, or all on the slow one"):
        PerGraph([Astrocyte(), Microglia()])
    with pytest.raises(ValueError, match="all on the fast clock"):
        PerGraph([])
    costs = PerGraph([Microglia(cost=0.0), Microglia(), Microglia()])
    with pytest.raises(ValueError, match=r"graphs 0 and 1 do not share \['edge_cost'\]"):
        TriglialReservoir(Batch.from_data_list(trio()), glia=[costs])
    with pytest.raises(ValueError, match="holds 2 cells but meets 1 graphs"):
        PerGraph([Microglia(), Microglia()])(random_graph())
    reservoir = TriglialReservoir(Batch.from_data_list(trio()))
    with pytest.raises(ValueError, match=r"F a multiple of the 27 neurons \(got \[2, 28\]\)"):
        reservoir.split(torch.zeros(2, 28))
