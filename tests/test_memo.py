"""A remembered value is that of the graph as it is now."""

import torch
from torch_geometric.data import Data

from pyngn_graph.graph import num_live, out_degree
from pyngn_graph.memo import once, remembered

CALLS = list[int]()


@remembered("edge_index", "edge_mask")
def live_edges(data: Data, factor: int = 1) -> int:
    CALLS.append(1)
    return int(data.edge_mask.sum()) * factor


def graph() -> Data:
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 0]])
    return Data(edge_index=edge_index, edge_mask=torch.ones(3, dtype=torch.bool), num_nodes=3)


def test_computed_once_and_anew_after_any_change() -> None:
    CALLS.clear()
    data = graph()
    assert [live_edges(data), live_edges(data)] == [3, 3]
    assert len(CALLS) == 1
    assert live_edges(data, 2) == 6
    data.edge_mask[0] = False
    assert live_edges(data, 2) == 4
    data.edge_mask = torch.tensor([False, False, True])
    assert live_edges(data, 2) == 2
    data.edge_index = data.edge_index.clone()
    live_edges(data, 2)
    assert len(CALLS) == 5
    live_edges(data, 2)
    assert len(CALLS) == 5


def test_graphs_do_not_share_what_is_remembered() -> None:
    first, second = graph(), graph()
    second.edge_mask[:2] = False
    assert [num_live(first), num_live(second), num_live(first)] == [3, 1, 3]


def test_a_graph_of_more_nodes_on_the_same_edges_is_another() -> None:
    data = graph()
    assert out_degree(data).tolist() == [1, 1, 1]
    larger = Data(edge_index=data.edge_index, edge_mask=data.edge_mask, num_nodes=4)
    assert out_degree(larger).tolist() == [1, 1, 1, 0]


def test_once_computes_again_after_an_edit() -> None:
    calls = []

    @once
    def total(value: torch.Tensor) -> float:
        calls.append(value)
        return float(value.sum())

    value = torch.ones(3)
    assert total(value) == total(value) == 3.0
    assert len(calls) == 1
    value[0] = 5.0
    assert total(value) == 7.0
    assert total(torch.ones(3)) == 3.0
    assert len(calls) == 3
    with torch.inference_mode():
        unseen = torch.ones(2)
        assert total(unseen) == total(unseen) == 2.0
    assert len(calls) == 5
