"""Graphs in files: GraphML, CSV, and every ending that is known."""

import os
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_convert import assert_same, random_data
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.exchange import read_csv, read_graph, read_graphml, write_csv, write_graphml
from pyngn_graph.generators import Tissue

TISSUE = Tissue(num_nodes=20, seed=3)()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def labelled() -> Data:
    data = random_data(3, 5, 12)
    data.node_label = ["AVA", "AVB", 'a <b> & "c"', "ö", "5"]
    data.edge_note = [[1, "a"], None, {"k": 2.5}] * 4
    data.edge_id = torch.arange(12)
    data.shape = torch.randn(2, 3)
    data.families = {"motor": [1, 2]}
    return data


# --- GraphML


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    num_nodes=st.integers(1, 9),
    num_edges=st.integers(0, 25),
    float_delay=st.booleans(),
)
def test_graphml_is_exact(
    folder: Path, seed: int, num_nodes: int, num_edges: int, float_delay: bool
) -> None:
    data = random_data(seed, num_nodes, num_edges, float_delay)
    write_graphml(data, folder / "graph.graphml")
    assert_same(read_graphml(folder / "graph.graphml"), data)
    assert_same(data, random_data(seed, num_nodes, num_edges, float_delay))


def test_graphml_with_names_and_odd_values(folder: Path) -> None:
    data = labelled()
    write_graphml(data, folder / "graph.graphml")
    assert_same(read_graphml(folder / "graph.graphml"), data)
    theirs = nx.read_graphml(folder / "graph.graphml")
    assert [label for _, label in theirs.nodes(data="label")] == data.node_label


def test_igraph_and_networkx_read_what_we_write(folder: Path) -> None:
    path = folder / "tissue.graphml"
    write_graphml(TISSUE, path)
    for graph, weight, delay in (
        (igraph.Graph.Read_GraphML(str(path)), None, None),
        (nx.read_graphml(path, node_type=int), None, None),
    ):
        if isinstance(graph, igraph.Graph):
            assert graph.is_directed()
            ends, weight, delay = graph.get_edgelist(), graph.es["weight"], graph.es["delay"]
            column, height = graph.es["column"], graph.vs["pos_2"]
        else:
            ends = list(graph.edges())
            weight, delay, column = (
                [value for *_, value in graph.edges(data=name)]
                for name in ("weight", "delay", "column")
            )
            height = [value for _, value in graph.nodes(data="pos_2")]
        place = torch.tensor(column).long()
        assert torch.equal(torch.tensor(ends).t(), TISSUE.edge_index[:, place])
        assert torch.equal(torch.tensor(weight).float(), TISSUE.edge_weight[place])
        assert torch.equal(torch.tensor(delay).long(), TISSUE.edge_delay[place])
        assert torch.equal(torch.tensor(height).float(), TISSUE.pos[:, 2])


def test_graphml_that_was_edited(folder: Path) -> None:
    path = folder / "edited.graphml"
    data = random_data(1, 6, 20)
    write_graphml(data, path)
    graph = nx.read_graphml(path, force_multigraph=True)
    graph.remove_node("2")
    nx.write_graphml(graph, path)
    kept = torch.tensor([0, 1, 3, 4, 5])
    expected = data.subgraph(kept)
    again = read_graphml(path)
    for key in ("edge_index", "edge_weight", "edge_feature", "pos", "x"):
        assert torch.equal(again[key], expected[key])


def test_graphml_of_others(folder: Path) -> None:
    path = folder / "other.graphml"
    graph = igraph.Graph([(0, 1), (1, 2), (1, 2)], directed=False)
    graph.vs["name"], graph.es["weight"] = ["a", "b", "c"], [1.0, 2.0, 3.5]
    graph.write_graphml(str(path))
    data = read_graphml(path)
    assert sorted(zip(*data.edge_index.tolist(), data.edge_weight.tolist(), strict=True)) == [
        (0, 1, 1.0),
        (1, 0, 1.0),
        (1, 2, 2.0),
        (1, 2, 3.5),
        (2, 1, 2.0),
        (2, 1, 3.5),
    ]
    assert data.name == ["a", "b", "c"]
    assert data.node_label == ["n0", "n1", "n2"]


def test_graphml_errors(folder: Path) -> None:
    path = folder / "bad.graphml"
    path.write_text("<graphml><graph>")
    with pytest.raises(ValueError, match="is no readable GraphML file"):
        read_graphml(path)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_graphml(folder / "none.graphml")
    write_graphml(TISSUE, path)
    path.write_text(path.read_text().replace('attr.name="weight"', 'attr.name="heft"'))
    with pytest.raises(ValueError, match="does not fit its graph \\(KeyError"):
        read_graphml(path)
    for value, rule in ((torch.zeros(20, dtype=torch.cfloat), "is complex"), ({1}, "holds a set")):
        data = TISSUE.clone()
        data.odd = value
        with pytest.raises(ValueError, match=f"'odd' {rule}"):
            write_graphml(data, path)


# --- CSV


def without_provenance(data: Data) -> Data:
    del data.provenance
    return data


def in_columns(data: Data) -> Data:
    """What CSV can say of a graph of ours."""
    kept = Data(num_nodes=data.num_nodes, edge_index=data.edge_index)
    for key, value in data.to_dict().items():
        level = isinstance(value, Tensor) and value.dim() and key != "edge_index"
        if level and len(value) in (data.num_nodes, data.num_edges):
            kept[key] = value.float() if value.is_floating_point() else value
    return kept


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), num_edges=st.integers(1, 25), float_delay=st.booleans())
def test_csv_is_exact(folder: Path, seed: int, num_edges: int, float_delay: bool) -> None:
    data = random_data(seed, 30, num_edges, float_delay)
    for key in ("x", "weight", "edge_kind", "cell", "dt", "clock", "title", "target"):
        del data[key]
    data.edge_feature = data.edge_feature.float()
    edges, nodes = folder / "edges.csv", folder / "nodes.csv"
    write_csv(data, edges, nodes)
    assert_same(without_provenance(read_csv(edges, nodes)), data)


def test_csv_by_hand(folder: Path) -> None:
    edges, nodes = folder / "edges.csv", folder / "nodes.csv"
    data = Data(
        num_nodes=3,
        edge_index=torch.tensor([[2, 0], [0, 1]]),
        edge_weight=torch.tensor([0.5, -2.0]),
        edge_delay=torch.tensor([4, 3]),
        edge_mask=torch.tensor([True, False]),
        edge_note=["a, b", "c"],
        pos=torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
        node_label=["x", "y", "z"],
    )
    write_csv(data, edges, nodes)
    assert edges.read_text() == (
        'source,target,weight,delay,mask,note\n2,0,0.5,4,true,"a, b"\n0,1,-2.0,3,false,c\n'
    )
    assert nodes.read_text() == (
        "id,pos_0,pos_1,pos_2,label\n0,1.0,2.0,3.0,x\n1,4.0,5.0,6.0,y\n2,7.0,8.0,9.0,z\n"
    )
    assert_same(without_provenance(read_csv(edges, nodes)), data)


def test_csv_of_gephi(folder: Path) -> None:
    edges, nodes = folder / "edges.csv", folder / "nodes.csv"
    edges.write_text(
        "\ufeffSource,Target,Type,Id,Label,Weight\nb,a,Directed,0,,2\na,c,Undirected,1,,0.5\n"
        "c,c,Undirected,2,,1\n",
        encoding="utf-8",
    )
    data = read_csv(edges)
    assert data.node_label == ["a", "b", "c"]
    assert data.edge_index.t().tolist() == [[1, 0], [0, 2], [2, 2], [2, 0]]
    assert data.edge_weight.tolist() == [2.0, 0.5, 1.0, 0.5]
    assert data.edge_delay.tolist() == [1] * 4
    nodes.write_text("Id,Label,x,y,z\nc,See,1,2,3\na,Eh,4,5,6\nb,Be,7,8,9\nd,Dee,0,0,0\n")
    data = read_csv(edges, nodes)
    assert data.node_label == ["See", "Eh", "Be", "Dee"]
    assert data.edge_index[:, 0].tolist() == [2, 1]
    assert data.pos[0].tolist() == [1.0, 2.0, 3.0]
    assert data.pos.dtype == torch.float32
    assert data.node_id == ["c", "a", "b", "d"]
    edges.write_text("pre,post\n3,1\n10,3\n")
    assert read_csv(edges).node_label.tolist() == [1, 3, 10]  # whole numbers are names


@pytest.mark.parametrize(
    ("edges", "nodes", "message"),
    [
        ("be,wee\n1,2\n", None, "must have the columns 'source' and 'target', .* \\(got \\['be'"),
        ("source,target\n1\n", None, "'e.csv' has 1 fault: row 1 .line 2. must have 2 entries"),
        ("source,target\na,b\n", "id\na\n", "row 1 .line 2. has target = 'b', which is not among"),
        ("source,target\na,b\n", "hue\na\n", "'n.csv' must have a column of names, 'id' or"),
        ("source,target\na,b\n", "id\na\na\n", "'n.csv' .* column 'id': 'a' twice, as in row 1"),
        ("source,target,delay\n0,1,0\n", None, "column 'delay': 0.0, must be 1 step or"),
        ("source,target\n", None, "'e.csv' has no rows, and so no nodes"),
    ],
)
def test_csv_errors(tmp_path: Path, edges: str, nodes: str | None, message: str) -> None:
    (tmp_path / "e.csv").write_text(edges)
    (tmp_path / "n.csv").write_text(nodes or "")
    with pytest.raises(ValueError, match=message):
        read_csv(tmp_path / "e.csv", tmp_path / "n.csv" if nodes else None)


def test_csv_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"'e\.csv' is no text in UTF-8, UTF-16 or cp1252"):
        read_csv(tmp_path / "e.csv")
    (tmp_path / "e.csv").write_text("source,target,weight\n0,1,strong\n")
    with pytest.raises(ValueError, match=r"row 1 \(line 2\), column 'weight': 'strong', must be a"):
        read_csv(tmp_path / "e.csv")


# --- any file


def test_every_ending(tmp_path: Path) -> None:
    ng.TriglialReservoir(TISSUE, in_channels=2).save(tmp_path / "r.safetensors")
    ng.save_graph(TISSUE, tmp_path / "g.safetensors")
    torch.save(TISSUE, tmp_path / "g.pt")
    torch.save(TISSUE.to_dict(), tmp_path / "d.pth")
    write_graphml(TISSUE, tmp_path / "g.graphml")
    write_csv(TISSUE, tmp_path / "g.csv")
    for name in ("r.safetensors", "g.safetensors", "g.pt", "d.pth", "g.graphml", "g.csv"):
        found = read_graph(tmp_path / name)
        assert torch.equal(found.edge_index, TISSUE.edge_index), name
        assert torch.equal(found.edge_delay, TISSUE.edge_delay), name


class Trap:
    """Leaves a file behind if it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_files_that_are_no_graph(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"unknown ending '\.dot'; graphs are read from \.safetensors,"
    ):
        read_graph(tmp_path / "g.dot")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_graph(tmp_path / "g.pt")
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "g.pt")
    with pytest.raises(ValueError, match="can be read without running code from it"):
        read_graph(tmp_path / "g.pt")
    assert not (tmp_path / "sprung").exists()
    (tmp_path / "g.pt").write_bytes(b"no zip file")
    with pytest.raises(ValueError, match=r"is no file of 'torch\.save' that can be read"):
        read_graph(tmp_path / "g.pt")
    torch.save([1, 2], tmp_path / "g.pt")
    with pytest.raises(ValueError, match=r"holds a list; save a 'Data' or 'data\.to_dict\(\)'"):
        read_graph(tmp_path / "g.pt")
    ng.RidgeReadout().fit(torch.eye(3), torch.arange(3)).save(tmp_path / "s.safetensors")
    with pytest.raises(ValueError, match="holds a readout, not a graph or a reservoir or a run"):
        read_graph(tmp_path / "s.safetensors")
