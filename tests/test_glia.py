"""What all glial cells have in common when they are used alone."""

from typing import Any

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, random_drive, random_graph
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
    validate,
)
from pyngn_graph.glia.base import power, power_table
from pyngn_graph.grid import on_grid, weight_grid
from pyngn_graph.recording import Recording

CELLS = [
    Astrocyte(),
    Microglia(),
    Oligodendrocyte(),
    Oligodendrocyte("coherence"),
    Oligodendrocyte("fixed:uniform"),
]


@pytest.mark.parametrize("cell", CELLS, ids=repr)
@pytest.mark.parametrize(
    ("graph", "error", "match"),
    [
        (42, TypeError, r"Expected a torch_geometric 'Data' \(got int\)"),
        (Data(num_nodes=3), ValueError, "'data' has no 'edge_index'"),
        (
            Data(num_nodes=2, edge_index=torch.tensor([[0], [1]])),
            ValueError,
            "'data' has no 'edge_weight'",
        ),
        (random_graph(num_nodes=30).update({"num_nodes": 3}), ValueError, "'edge_index' must lie"),
    ],
)
def test_a_graph_is_checked_at_the_door(
    cell: GlialCell, graph: Any, error: type[Exception], match: str
) -> None:
    for transform in (cell, Compose([cell])):
        with pytest.raises(error, match=match):
            transform(graph)


@pytest.mark.parametrize("cell", CELLS[:2], ids=repr)
def test_delays_may_be_as_long_as_the_reservoir_allows(cell: GlialCell) -> None:
    graph = random_graph()
    graph.edge_delay = graph.edge_delay + 20_000
    assert bool((cell(graph).edge_delay > 20_000).all())


@pytest.mark.parametrize("base", [0.0, 1e-30, 0.5, 0.96, 1.0 - 2e-3, 1.0])
def test_powers_are_those_of_python_however_high(base: float) -> None:
    for n in (0, 1, 2, 5, 100, 1_000, 60_000, 10**12):
        expected = torch.tensor([base**n], dtype=torch.float64).float()
        assert power(base, n) == expected.item()
        assert power_table(base, n)[-1] == expected.item() or power_table(base, n).numel() > n
    assert power_table(base, 10**12).numel() <= 60_000


SOUND = [
    [Oligodendrocyte(rule, max_delay=9), Microglia(criterion, **more)]
    for rule in ("graded", "align")
    for criterion, more in [
        ("relative", {"fraction": 0.2}),
        ("threshold", {"threshold": 0.5}),
        ("winner", {}),
        ("random", {"fraction": 0.3, "drop": False}),
    ]
]


@pytest.mark.parametrize("glia", SOUND, ids=repr)
def test_sound_cells_return_valid_graphs_with_old_edges_in_their_order(
    glia: list[GlialCell],
) -> None:
    graph = random_graph(num_nodes=12, num_edges=90)
    reservoir = TriglialReservoir(graph, glia=glia, glia_period=60)
    reservoir.adapt(random_drive(1, 59, 12))
    data = before = reservoir.graph
    data.edge_origin = torch.arange(data.num_edges)
    for cell in glia:
        assert cell.is_sound
        data = validate(cell.forward(data.clone()), max_delay=9)
    assert bool((data.edge_origin.diff() > 0).all())
    for key in ("edge_index", "edge_weight"):
        assert torch.equal(data[key], before[key][..., data.edge_origin])
    assert torch.equal(data.edge_weight, on_grid(data.edge_weight, weight_grid(data)))


def test_cells_with_rules_of_others_are_not_taken_for_sound() -> None:
    class Mine(Microglia):
        """One that may do anything."""

    assert not Mine().is_sound
    assert not Microglia(regrow=True).is_sound
    assert not Microglia(lambda data, generator: data.edge_weight).is_sound
    assert not Oligodendrocyte(lambda cell, data: data.edge_delay).is_sound
    assert not GlialCell().is_sound


@pytest.mark.parametrize("backend", ["reference", "event"])
def test_a_life_is_the_same_whether_edges_are_tracked_or_not(backend: str) -> None:
    def life(*record: str) -> Recording:
        glia = [Oligodendrocyte(max_delay=9), Microglia(fraction=0.1)]
        graph = random_graph(num_nodes=12, num_edges=90)
        reservoir = TriglialReservoir(graph, glia=glia, glia_period=25, backend=backend)
        return reservoir.adapt(random_drive(2, 130, 12), record=record)

    tracked, plain = life("topology"), life()
    assert plain.graph.num_edges < 90
    assert_same_run(tracked, plain)
    assert_same(plain.graph, frozen(tracked.graph))
