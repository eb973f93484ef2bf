"""What all glial cells have in common when they are used alone."""

from typing import Any

import pytest
import torch
from helpers import random_graph
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from pyngn_graph import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.glia.base import power, power_table

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
