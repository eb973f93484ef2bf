"""Attributes may bear any name: one that PyG or this library needs is kept under another."""

import copy
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from helpers import random_graph
from torch_geometric.data import Batch, Data

import pyngn_graph as ng

NAMES = sorted(
    {name for name in dir(Data) if not name.startswith("__")}
    | {"num_nodes", "edge_index", "edge_weight", "edge_delay", "batch", "ptr", "face", "train"}
)
"""What PyG calls its methods and properties, and a few keys."""


def circle(level: str, name: str) -> Any:
    graph: Any = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 2)])
    if level == "node":
        nx.set_node_attributes(graph, {i: float(i) + 2.5 for i in graph}, name)
    else:
        nx.set_edge_attributes(graph, {e: 0.5 + k for k, e in enumerate(graph.edges)}, name)
    return graph


def survives(data: Data, folder: Path) -> Data:
    """The graph after everything that is done to graphs."""
    ng.save_graph(data, folder / "graph")
    read = ng.load_graph(folder / "graph")
    reservoir = ng.TriglialReservoir(read, bias=1.2)
    reservoir.run(num_steps=2)
    reservoir.save(folder / "reservoir")
    ng.TriglialReservoir.load(folder / "reservoir")
    pair = Batch.from_data_list([read, copy.deepcopy(read)])
    assert pair[1].num_edges == read.num_edges
    assert len(str(read)) + len(str(ng.describe(read))) > 0
    return read.clone().to("cpu")


ODD = ["a.b", "a b", "", "1", "é", "__class__", "__dict__", "_store", "x" * 300, "a\nb", "edge_"]


@pytest.mark.parametrize("level", ["node", "edge"])
@pytest.mark.parametrize("name", NAMES + ODD)
@pytest.mark.filterwarnings("ignore")
def test_an_attribute_of_any_name_is_kept_or_refused_by_name(
    level: str, name: str, tmp_path: Path
) -> None:
    graph = circle(level, name)
    if name == "pos" and level == "node":
        with pytest.raises(ValueError, match="column 'pos'"):
            ng.from_networkx(graph)
        return
    data = survives(ng.from_networkx(graph), tmp_path)
    assert data.num_nodes == 3
    assert data.num_edges == 4
    values = [2.5, 3.5, 4.5] if level == "node" else [0.5, 1.5, 2.5, 3.5]
    kept = [
        key
        for key, value in data.to_dict().items()
        if name in key and isinstance(value, torch.Tensor) and sorted(value.tolist()) == values
    ]
    assert kept, list(data.to_dict())


def test_the_name_that_files_need_is_refused_by_name(tmp_path: Path) -> None:
    data = random_graph(0, 4, 9, max_delay=3)
    data["__metadata__"] = torch.arange(4)
    with pytest.raises(ValueError, match="'__metadata__' has a meaning of its own in such files"):
        ng.save_graph(data, tmp_path / "graph")
    assert list(tmp_path.iterdir()) == []
    ng.TriglialReservoir(data).save(tmp_path / "reservoir")
    assert ng.load_graph(tmp_path / "reservoir")["__metadata__"].tolist() == [0, 1, 2, 3]


def test_what_pyg_counts_itself_is_refused_by_name() -> None:
    data = random_graph(0, 4, 9, max_delay=3)
    data["num_edges"] = torch.arange(4)
    with pytest.raises(ValueError, match=r"'num_edges' is what PyG calls .* e.g. 'node_num_edges'"):
        ng.validate(data)
    data.node_num_edges = data["num_edges"]
    del data["num_edges"]
    assert ng.validate(data) is data
