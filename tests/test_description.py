import pytest
import torch
from helpers import random_graph
from torch_geometric.data import Data

import pyngn_graph as ng


def test_a_graph_in_a_few_lines() -> None:
    data = Data(
        num_nodes=3,
        edge_index=torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]]),
        edge_weight=torch.tensor([0.5, -1.0, 0.25, 9.0]),
        edge_delay=torch.tensor([2, 4, 8, 99]),
        edge_mask=torch.tensor([True, True, True, False]),
        inhibitory=torch.tensor([False, True, False]),
        calcium=torch.tensor([0.01, 0.02, 0.03]),
        dt=0.5,
        clock=4000,
    )
    before = data.clone()
    described = ng.describe(data)
    assert described.facts == {
        "neurons": "3, 1 inhibitory",
        "edges": "4, 1 of them silent",
        "inputs of a neuron": "1.0",
        "delay": "median 2, 1 to 4 ms",
        "weight": "median 0.25, -1 to 0.5",
        "rate that astrocytes sense": "median 40, 20 to 60 Hz",
        "life with glia": "2 s",
    }
    assert repr(described).splitlines()[0] == "neurons                     3, 1 inhibitory"
    assert "<td style='text-align:left'>median 2, 1 to 4 ms</td>" in described._repr_html_()
    assert str(data) == str(before)


def test_a_graph_without_edges_and_a_living_one() -> None:
    empty = random_graph(num_nodes=1, num_edges=0)
    assert ng.describe(empty).facts["delay"] == "-"
    assert ng.describe(random_graph(max_delay=1)).facts["delay"] == "all 1 ms"
    glia = [ng.Astrocyte(), ng.Oligodendrocyte(), ng.Microglia()]
    reservoir = ng.TriglialReservoir(random_graph(), glia=glia, bias=1.5, glia_period=50)
    reservoir.adapt(num_steps=100, progress=False)
    assert {"gain", "health, as last written"} <= ng.describe(reservoir.graph).facts.keys()


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="'num_nodes' is not set"):
        ng.describe(Data())
