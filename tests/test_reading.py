"""One reading for every graph: what a table, a network, a frame, a matrix or a file says alike."""

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import io, sparse
from torch import Tensor
from torch_geometric.data import Batch, Data

import pyngn_graph as ng
from pyngn_graph.exchange import read_csv, read_graph, write_csv, write_graphml

PAIRS = [(720575940628857210, 720575940626838909), (720575940626838909, 5), (5, 720575940628857210)]
WEIGHTS = [0.5, -0.25, 1.5]


def saidly(call: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a call returns, and what it warns of."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call()
    return result, [str(entry.message) for entry in found]


def network(pairs: Any = PAIRS, weights: Any = WEIGHTS, **more: list[Any]) -> nx.DiGraph:
    graph = nx.DiGraph()
    for k, (u, v) in enumerate(pairs):
        graph.add_edge(
            u, v, weight=weights[k], **{name: column[k] for name, column in more.items()}
        )
    return graph


def table(separator: str = ",", comma: bool = False) -> str:
    rows = [["source", "target", "weight"]]
    rows += [[str(u), str(v), str(w)] for (u, v), w in zip(PAIRS, WEIGHTS, strict=True)]
    if comma:
        rows = [[entry.replace(".", ",") for entry in row] for row in rows]
    return "".join(separator.join(row) + "\n" for row in rows)


BODY = table("\t").split("\n", 1)[1]


def matrix() -> Any:
    dense = np.zeros((3, 3))
    for (u, v), w in zip(PAIRS, WEIGHTS, strict=True):
        names = sorted({n for pair in PAIRS for n in pair})
        dense[names.index(u), names.index(v)] = w
    return dense


def by_name(data: Data) -> dict[tuple[str, str], float]:
    """The weight of each edge, by the names of its ends."""
    labels = data.get("node_label", list(range(data.num_nodes)))
    labels = labels.tolist() if isinstance(labels, Tensor) else labels
    ends = data.edge_index.t().tolist()
    weights = data.edge_weight.tolist()
    return {(str(labels[u]), str(labels[v])): w for (u, v), w in zip(ends, weights, strict=True)}


EXPECTED = {(str(u), str(v)): w for (u, v), w in zip(PAIRS, WEIGHTS, strict=True)}


def written(content: str | bytes, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def through(write: Callable[[Any, Path], Any], name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(network(), folder / name)
        return folder / name

    return make


SOURCES: dict[str, Callable[[Path], Any]] = {
    "commas": written(table(), "e.csv"),
    "semicolons": written(table(";"), "e.csv"),
    "semicolons and decimal commas": written(table(";", comma=True), "e.csv"),
    "tabs": written(table("\t"), "e.tsv"),
    "tabs and decimal commas": written(table("\t", comma=True), "e.txt"),
    "bars": written(table("|"), "e.csv"),
    "spaces": written(table("  "), "e.txt"),
    "declared": written("sep=;\n" + table(";"), "e.csv"),
    "utf-8 with a mark": written(table().encode("utf-8-sig"), "e.csv"),
    "utf-16": written(table("\t").encode("utf-16"), "e.txt"),
    "utf-16 without a mark": written(table().encode("utf-16-le"), "e.csv"),
    "gzip": written(gzip.compress(table().encode()), "e.csv.gz"),
    "no header": written(BODY, "e.edgelist"),
    "comments": written("# 3 edges\n# source\ttarget\tweight\n" + BODY, "e.txt"),
    "an index of pandas": written(
        "".join(f"{i or ''},{row}\n" for i, row in enumerate(table().splitlines())), "e.csv"
    ),
    "windows": written(table().replace("\n", "\r\n"), "e.csv"),
    "graphml": through(nx.write_graphml, "e.graphml"),
    "gexf": through(nx.write_gexf, "e.gexf"),
    "gml": through(nx.write_gml, "e.gml"),
    "edge list of networkx": through(nx.write_weighted_edgelist, "e.edgelist"),
    "networkx": lambda _: network(),
    "networkx with ids as text": lambda _: network([(str(u), str(v)) for u, v in PAIRS]),
    "networkx of numpy": lambda _: network([tuple(pair) for pair in np.array(PAIRS)]),
    "triples": lambda _: [(u, v, w) for (u, v), w in zip(PAIRS, WEIGHTS, strict=True)],
    "triples with dicts": lambda _: list(network().edges(data=True)),
    "frame": lambda _: pd.DataFrame(
        {"pre": [u for u, _ in PAIRS], "post": [v for _, v in PAIRS], "weight": WEIGHTS}
    ),
    "frame of a matrix": lambda _: pd.DataFrame(
        matrix(), sorted({n for p in PAIRS for n in p}), sorted({n for p in PAIRS for n in p})
    ),
    "columns": lambda _: {
        "from": np.array(PAIRS, dtype=np.uint64)[:, 0],
        "to": torch.tensor(PAIRS)[:, 1],
        "weight": np.array(WEIGHTS),
    },
    "labelled matrix": written(
        ",a,b,c\na,0,0.5,0\nb,0,0,-0.25\nc,1.5,0,0\n", "m.csv"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_the_same(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](tmp_path)
    data, said = saidly(lambda: ng.from_data(source))
    found = by_name(data)
    if name == "labelled matrix":
        assert found == {("a", "b"): 0.5, ("b", "c"): -0.25, ("c", "a"): 1.5}
    else:
        assert found == pytest.approx(EXPECTED)
        assert list(map(int, data.node_label)) == sorted(n for n, _ in PAIRS)  # by number
    assert said == []
    if isinstance(source, Path):
        assert by_name(read_graph(source)) == pytest.approx(found)
    facts = ng.describe(data).facts
    assert "as it is" in facts["weights from"]
    assert "drawn" in facts["delays from"]
    assert "lattice" in facts["positions from"]


@pytest.mark.parametrize("kind", ["dense", "csr", "npz", "sparse npz", "mat", "tensor", "sparse"])
def test_matrices(kind: str, tmp_path: Path) -> None:
    dense = matrix()
    source: Any = dense
    if kind == "csr":
        source = sparse.csr_array(dense)
    elif kind == "npz":
        source = tmp_path / "m.npz"
        np.savez(source, adjacency=dense, extra=np.zeros(4))
    elif kind == "sparse npz":
        source = tmp_path / "m.npz"
        sparse.save_npz(source, sparse.coo_array(dense))
    elif kind == "mat":
        source = tmp_path / "m.mat"
        names = np.array(["left", "right", "mid"], dtype=object)
        io.savemat(source, {"W": dense, "names": names, "tr": 2.0})
    elif kind in ("tensor", "sparse"):
        source = torch.from_numpy(dense)
        source = source.to_sparse() if kind == "sparse" else source
    data = ng.from_data(source)
    rebuilt = np.zeros((3, 3))
    rebuilt[tuple(data.edge_index.numpy())] = data.edge_weight.numpy()
    np.testing.assert_allclose(rebuilt, dense)
    if kind == "mat":
        assert data.node_label == ["left", "right", "mid"]


def test_a_file_of_several_matrices_says_which(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", a=matrix(), b=2 * matrix())
    with pytest.raises(ValueError, match=r"one square matrix, it holds \['a \(3x3\)', 'b \(3x3\)'"):
        read_graph(tmp_path / "m.npz")
    data = read_graph(tmp_path / "m.npz", columns={"weight": "b"})
    assert sorted(data.edge_weight.tolist()) == sorted(2 * w for w in WEIGHTS)


IDS = {
    "from 1": (["1", "2", "3", "10"], [1, 2, 3, 10]),
    "large": (["720575940628857210", "999999999999999999"], [720575940628857210, 10**18 - 1]),
    "beyond 64 bits": (["9", "18446744073709551617"], ["9", "18446744073709551617"]),
    "leading zeros": (["003", "007", "012"], ["003", "007", "012"]),
    "padded beside plain": (["7", "007", "10"], ["007", "7", "10"]),
    "underscores": (["11", "12", "1_1", "1_2"], ["11", "12", "1_1", "1_2"]),
    "words": (["AVAL", "AVAR", "NA"], ["AVAL", "AVAR", "NA"]),
    "words and numbers": (["2", "10", "b", "a"], ["2", "10", "a", "b"]),
    "negative": (["-5", "3"], [-5, 3]),
}


@pytest.mark.parametrize("name", IDS)
def test_ids_are_names(name: str, tmp_path: Path) -> None:
    given, expected = IDS[name]
    ends = list(zip(given, given[1:] + given[:1], strict=True))
    path = tmp_path / "e.csv"
    path.write_text("source,target\n" + "".join(f"{u},{v}\n" for u, v in reversed(ends)))
    data = read_csv(path)
    labels = data.node_label.tolist() if isinstance(data.node_label, Tensor) else data.node_label
    assert labels == expected
    assert data.num_nodes == len(given)
    assert {(str(labels[u]), str(labels[v])) for u, v in data.edge_index.t().tolist()} == {*ends}
    # a list of nodes gives the order, also after the labels went elsewhere and back
    nodes = tmp_path / "n.csv"
    nodes.write_text("id\n" + "".join(f"{n}\n" for n in reversed(given)))
    listed = read_csv(path, nodes)
    again = listed.node_label
    assert list(map(str, again.tolist() if isinstance(again, Tensor) else again)) == given[::-1]
    ng.save_graph(listed, tmp_path / "g.safetensors")
    write_graphml(listed, tmp_path / "g.graphml")
    write_csv(listed, tmp_path / "g.csv", tmp_path / "gn.csv")
    for back in (
        ng.load_graph(tmp_path / "g.safetensors"),
        read_graph(tmp_path / "g.graphml"),
        read_csv(tmp_path / "g.csv", tmp_path / "gn.csv"),
        ng.from_networkx(ng.to_networkx(listed)),
    ):
        assert torch.equal(back.edge_index, listed.edge_index)
        if isinstance(again, Tensor):
            assert torch.equal(back.node_label, again)
        else:
            assert back.node_label == again
    write_csv(listed, tmp_path / "alone.csv")
    assert set(by_name(read_csv(tmp_path / "alone.csv"))) == set(by_name(listed))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,2,0.5\n7.2e+17,1,0.5\n", r"row 2 \(line 3\), column 'source': '7.2e\+17'.*digits"),
        ("1,,0.5\n", r"row 1 \(line 2\), column 'target': '' is empty, must be the name"),
        ("1,NA,0.5\n", r"row 1 \(line 2\), column 'target': 'NA', must be the name"),
        ("1,2\n3\n", r"2 faults: row 1 \(line 2\) must have 3 entries \(got 2\); row 2"),
        ("1,2,\n2,1,x\n3,1,NA\n", r"3 faults: .*'weight': '' is empty.*'x', .*'NA', must be a"),
        ("1,2,0x1\n", "'0x1', must be a finite number"),
        ("1,2,1_0\n", "'1_0', must be a finite number"),
        ("1,2,inf\n", "'inf', must be a finite number"),
        ('1,2,"1,234"\n', "'1,234', must be a number without commas"),
    ],
)  # fmt: skip
def test_all_faults_of_a_table_in_one_error(rows: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("source,target,weight\n" + rows)
    with pytest.raises(ValueError, match=f"'e.csv' has .*{said}"):
        read_graph(path)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("source,target,weight\n" + "a,b,?\n" * 3000)
    with pytest.raises(ValueError, match=r"'e\.csv' has 3,000 faults: .*; and 2992 more") as error:
        read_csv(path)
    assert len(str(error.value)) < 1000


HEADS = [
    "source,target,weight", "Source,Target,Weight", "from,to,weight", "pre,post,w",
    "pre_root_id,post_root_id,weight", "bodyId_pre,bodyId_post,weight", "Node 1,Node 2,weights",
    "pre_pt_root_id,post_pt_root_id,weight", "src,dst,weight", "u,v,weight",
    ":START_ID(Body-ID),:END_ID(Body-ID),weight:int",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS[:-1])
def test_columns_under_their_usual_names(head: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(head + "\n0,1,0.5\n1,0,0.25\n")
    assert read_csv(path).edge_weight.tolist() == [0.5, 0.25]


def test_columns_by_choice(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("begin,finish,strength,lag\na,b,0.5,3\nb,a,0.25,4\n")
    roles = {"pre": "begin", "post": "finish", "weight": "strength", "delay": "lag"}
    frame = pd.read_csv(path)
    for data in (read_graph(path, columns=roles), ng.from_data(frame, columns=roles)):
        assert data.edge_weight.tolist() == [0.5, 0.25]
        assert data.edge_delay.tolist() == [3, 4]
    graph = nx.DiGraph([("a", "b", {"strength": 0.5, "lag": 3})])
    data = ng.from_networkx(graph, columns={"weight": "strength", "delay": "lag"})
    assert (data.edge_weight.tolist(), data.edge_delay.tolist()) == ([0.5], [3])
    with pytest.raises(ValueError, match=r"names no column of 'e.csv'; it has"):
        read_csv(path, columns={**roles, "weight": "heft"})
    with pytest.raises(ValueError, match=r"must name what a column is for, one of .*got 'colour'"):
        read_csv(path, columns={"colour": "lag"})


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("source,target,weight,weight", "has the column 'weight' twice"),
        ("source,target,weight,Weight", "has the column 'Weight' twice"),
        ("source,target,pre,post", "several columns that may be the ends of an edge"),
        ("source,target,n_synapses,syn_count", "several columns that may be its 'weight'"),
        ("source,target,weights,w", "several columns that may be its 'weight'"),
    ],
)
def test_doubled_columns(head: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(head + "\n0,1,1,2\n1,0,3,4\n")
    with pytest.raises(ValueError, match=said):
        read_csv(path)


def test_undirected_rows_lead_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(
        "Source,Target,Type,Weight\n0,1,Undirected,0.5\n1,2,Directed,0.25\n2,2,undirected,1\n"
    )
    data = read_csv(path)
    assert by_name(data) == {("0", "1"): 0.5, ("1", "0"): 0.5, ("1", "2"): 0.25, ("2", "2"): 1.0}
    path.write_text("Source,Target,Type,Weight\n0,1,Undirected,0.5\n1,2,,0.25\n2,2,sideways,1\n")
    with pytest.raises(ValueError, match=r"2 faults: row 2 \(line 3\), column 'Type': '' is empty"):
        read_csv(path)
    path.write_text("pre,post,type,weight\n0,1,chemical,0.5\n1,2,electrical,0.25\n")
    assert read_csv(path).edge_type == ["chemical", "electrical"]


COUNTED = [3, 1, 12]


def count_sources(folder: Path) -> dict[str, Any]:
    graph = network(weights=COUNTED)
    nx.write_graphml(graph, folder / "c.graphml")
    lines = [f"{u},{v},{c}" for (u, v), c in zip(PAIRS, COUNTED, strict=True)]
    (folder / "c.csv").write_text("pre,post,weight\n" + "\n".join(lines))
    np.savez(folder / "c.npz", a=(matrix() * 0 + np.diag(COUNTED)).astype(np.uint16))
    return {
        "networkx": graph,
        "graphml": folder / "c.graphml",
        "csv": folder / "c.csv",
        "npz": folder / "c.npz",
        "triples": [(u, v, c) for (u, v), c in zip(PAIRS, COUNTED, strict=True)],
        "data": Data(
            edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), edge_weight=torch.tensor(COUNTED),
            num_nodes=3,
        ),
        "uint16": Data(
            edge_index=np.array([[0, 1, 2], [1, 2, 0]], dtype=np.uint64),
            edge_weight=np.array(COUNTED, dtype=np.uint16), num_nodes=3,
        ),
    }  # fmt: skip


KINDS = ["networkx", "graphml", "csv", "npz", "triples", "data", "uint16"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_no_jumps(kind: str, tmp_path: Path) -> None:
    source = count_sources(tmp_path)[kind]
    data, said = saidly(lambda: ng.from_data(source))
    assert len(said) == 1
    assert "whole numbers from 1 to 12" in said[0]
    assert "800 Hz" in said[0]
    assert sorted(data.edge_weight.tolist()) == sorted(COUNTED)
    counted, said = saidly(lambda: ng.from_data(source, weights="counts", weight=0.3))
    assert said == []
    root = torch.tensor(sorted(COUNTED)).double().sqrt()
    assert torch.allclose(counted.edge_weight.sort().values, (0.3 * root / root.mean()).float())
    assert sorted(counted.edge_count.tolist()) == sorted(COUNTED)
    _, said = saidly(lambda: ng.from_data(source, weights="jumps"))
    assert said == []
    with pytest.raises(ValueError, match="'counts' of synapses or 'jumps' of the potential"):
        ng.from_data(source, weights="heavy")


def test_counts_leave_inhibitory_neurons_with_their_sign() -> None:
    graph = network(weights=COUNTED)
    nx.set_node_attributes(graph, {n: n == 5 for n in graph}, "inhibitory")
    data = ng.from_networkx(graph, weights="counts")
    assert (data.edge_weight < 0).tolist() == (data.edge_index[0] == 0).tolist()  # 5 comes first
    signed = nx.DiGraph(network(weights=COUNTED))
    nx.set_node_attributes(signed, {n: -1 if n == 5 else 1 for n in graph}, "sign")
    assert torch.equal(ng.from_networkx(signed, weights="counts").edge_weight, data.edge_weight)


def test_a_weight_that_silences_the_others_is_named() -> None:
    graph = network(weights=[1e12, 0.25, -0.5])
    for door in (ng.from_networkx, ng.from_data, ng.generators.FromNetworkX):
        _, said = saidly(lambda door=door: door(graph))
        assert len(said) == 1
        assert "2 of 3 weights are silenced: beside the largest" in said[0]
        assert "1e+12" in said[0]
    theirs = Data(
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]),
        edge_weight=torch.tensor([1e12, 0.25, -0.5]),
        edge_delay=torch.tensor([1, 1, 1]),
        num_nodes=3,
    )
    for graph in (theirs, Batch.from_data_list([theirs, theirs])):
        _, said = saidly(lambda graph=graph: ng.TriglialReservoir(graph))
        assert "weights are silenced" in said[0]
    theirs.edge_weight = torch.tensor([1e3, 0.25, 0.0])
    assert saidly(lambda: ng.TriglialReservoir(theirs))[1] == []


DRESSES: dict[str, Callable[[int], dict[str, Any]]] = {
    "pos": lambda i: {"pos": (100.0 * i, 0.0, 7.0)},
    "array": lambda i: {"pos": np.array([100.0 * i, 0.0, 7.0])},
    "xyz": lambda i: {"x": 100.0 * i, "y": 0.0, "z": 7.0},
    "capitals": lambda i: {"X": 100.0 * i, "Y": 0.0, "Z": 7.0},
    "text": lambda i: {"x": f"{100 * i}", "y": "0", "z": "7.0"},
    "braingraph": lambda i: dict(
        dn_position_x=100.0 * i, dn_position_y=0.0, dn_position_z=7.0
    ),
    "pos_x": lambda i: {"pos_x": 100.0 * i, "pos_y": 0.0, "pos_z": 7.0},
    "pos_0": lambda i: {"pos_0": 100.0 * i, "pos_1": 0.0, "pos_2": 7.0},
    "soma": lambda i: {"soma_x": 100.0 * i, "soma_y": 0.0, "soma_z": 7.0},
    "unit": lambda i: {"x_um": 100.0 * i, "y_um": 0.0, "z_um": 7.0},
    "nanometres": lambda i: {"x_nm": 1e5 * i, "y_nm": 0.0, "z_nm": 7e3},
    "gephi": lambda i: {"viz": {"position": {"x": 100.0 * i, "y": 0.0, "z": 7.0}}},
    "flywire": lambda i: {"position": f"[{100 * i} 0 7]"},
}  # fmt: skip


@pytest.mark.parametrize("dress", DRESSES)
def test_positions_in_every_dress(dress: str) -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from((i, DRESSES[dress](i)) for i in range(4))
    graph.add_edges_from([(i, i + 1) for i in range(3)], weight=0.5)
    for data in (ng.from_networkx(graph), ng.from_data(graph), ng.generators.FromNetworkX(graph)()):
        expected = [[100.0 * i, 0.0, 7.0] for i in range(4)]
        np.testing.assert_allclose(data.pos, expected, rtol=1e-6)
        assert "read from" in ng.describe(data).facts["positions from"]
        assert not {"x", "y", "z", "X", "viz"} & set(data.keys())


def test_positions_in_a_plane_and_on_some_nodes_only() -> None:
    graph = nx.path_graph(3, create_using=nx.DiGraph)
    nx.set_node_attributes(graph, {i: {"x": 10.0 * i, "y": 1.0} for i in range(3)})
    data = ng.from_networkx(graph)
    assert data.pos.tolist() == [[0.0, 1.0, 0.0], [10.0, 1.0, 0.0], [20.0, 1.0, 0.0]]
    assert "z = 0" in ng.describe(data).facts["positions from"]
    del graph.nodes[1]["y"]
    data, said = saidly(lambda: ng.from_networkx(graph))
    assert "pos" not in data
    assert "1 of 3 nodes have none" in said[0]
    drawn, _ = saidly(lambda: ng.from_data(graph))
    assert "lattice" in ng.describe(drawn).facts["positions from"]


def test_side_attributes_on_some_edges_only(tmp_path: Path) -> None:
    graph = network(note=["a", "b", "c"], level=[1, 2, 3])
    graph.add_edge(5, 6, weight=0.125)
    graph.nodes[5]["soma_note"] = "left"
    nx.write_graphml(graph, tmp_path / "g.graphml")
    nx.write_gexf(graph, tmp_path / "g.gexf")
    for data in (
        ng.from_networkx(graph), read_graph(tmp_path / "g.graphml"), read_graph(tmp_path / "g.gexf")
    ):  # fmt: skip
        assert by_name(data) == pytest.approx(EXPECTED | {("5", "6"): 0.125})
        edge = data.edge_weight.tolist().index(0.125)
        assert data.edge_note[edge] is None
        assert sorted(x for x in data.edge_level if x is not None) == [1, 2, 3]
        assert "'note'" in ng.describe(data).facts["incomplete"]
        ng.TriglialReservoir(data)


def test_a_bare_graph_is_drawn_as_networkx_is() -> None:
    graph = nx.gnp_random_graph(60, 0.1, seed=1, directed=True)
    index = torch.tensor(list(graph.edges)).t().contiguous()
    bare = Data(edge_index=index, num_nodes=60)
    for options in ({}, {"seed": 3, "weight": 0.4, "inhibitory_fraction": 0.5, "velocity": 30.0}):
        data = ng.from_data(bare, **options)
        theirs = ng.generators.FromNetworkX(graph, **options)()
        for key in ("edge_index", "edge_weight", "edge_delay", "pos", "inhibitory"):
            assert torch.equal(data[key], theirs[key]), key
        assert "drawn" in ng.describe(data).facts["weights from"]
    assert bare.keys() == Data(edge_index=index, num_nodes=60).keys()  # left alone
    with pytest.raises(ValueError, match=r"has no 'edge_weight'; draw what it lacks .*from_data"):
        ng.validate(bare)
    rate = float(ng.TriglialReservoir(data, bias=(0.7, 1.3)).run(num_steps=300).rates().mean())
    assert 1.0 < rate < 200.0  # torch.ones for both would give 980 Hz


@pytest.mark.parametrize("kind", ["int32", "uint64", "float64", "numpy", "list"])
def test_whatever_loses_nothing_is_taken(kind: str) -> None:
    ends, weights = [[0, 1, 2], [1, 2, 0]], [0.5, -0.25, 1.5]
    make: dict[str, Callable[[Any], Any]] = {
        "int32": lambda v: torch.tensor(v).int(),
        "uint64": lambda v: np.array(v, dtype=np.uint64),
        "float64": lambda v: torch.tensor(v).double(),
        "numpy": np.array,
        "list": lambda v: v,
    }
    data = ng.from_data(
        Data(edge_index=make[kind](ends), edge_weight=np.array(weights), num_nodes=3,
             edge_delay=[1, 2, 3], pos=np.zeros((3, 2)))
    )  # fmt: skip
    assert data.edge_index.tolist() == ends
    assert data.edge_weight.tolist() == weights
    assert data.edge_delay.tolist() == [1, 2, 3]
    with pytest.raises(TypeError, match="fractions, and whole numbers that a float rounds"):
        ng.from_data(Data(edge_index=torch.tensor([[0.5], [1.0]]), num_nodes=3))
    with pytest.raises(ValueError, match="reaches 720575940628857210, as ids do"):
        ng.from_data(Data(edge_index=torch.tensor([[0], [720575940628857210]])))


def test_where_it_comes_from_is_carried_along(tmp_path: Path) -> None:
    (tmp_path / "edges.csv").write_text("pre;post;syn_count\n1;2;4\n2;1;9\n")
    data = ng.from_data(tmp_path / "edges.csv", weights="counts")
    facts = ng.describe(data).facts
    assert facts["source"] == "'edges.csv', separated by semicolons"
    assert "'syn_count'" in facts["weights from"]
    ng.save_graph(data, tmp_path / "g.safetensors")
    reservoir = ng.TriglialReservoir(data, glia=[ng.Astrocyte(), ng.Microglia()])
    reservoir.adapt(num_steps=20)
    for other in (
        ng.load_graph(tmp_path / "g.safetensors"),
        reservoir.graph,
        ng.from_networkx(ng.to_networkx(data)),
        Batch.from_data_list([data, data]).to_data_list()[1],
    ):
        assert other.provenance == data.provenance
    ng.TriglialReservoir(Batch.from_data_list([data, data]))


def test_lists_without_a_header_and_small_matrices(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("7,9,0.5\n9,8,0.25\n")
    assert by_name(read_csv(tmp_path / "e.csv")) == {("7", "9"): 0.5, ("9", "8"): 0.25}
    (tmp_path / "e.csv").write_text("0,1,0.5\n1,2,0.25\n2,0,1\n")
    with pytest.raises(ValueError, match="may be a list of edges or a matrix; name the columns"):
        read_csv(tmp_path / "e.csv")
    np.savetxt(tmp_path / "m.txt", np.eye(4) * 0.5)
    assert by_name(read_csv(tmp_path / "m.txt")) == {(str(i), str(i)): 0.5 for i in range(4)}


def test_a_number_in_a_file_is_never_a_size(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("source,target\n0,5000000000\n")
    assert read_csv(path).num_nodes == 2


GRAPHML = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="d0" for="node" attr.name="dn_position_x" attr.type="string"/>
  <key id="d1" for="node" attr.name="dn_position_y" attr.type="string"/>
  <key id="d2" for="node" attr.name="dn_position_z" attr.type="string"/>
  <key id="d3" for="node" attr.name="dn_name" attr.type="string"/>
  <key id="d9" for="edge" attr.name="number_of_fibers" attr.type="double"/>
  <key id="d10" for="edge" attr.name="FA_mean" attr.type="double"/>
  <key id="d12" for="edge" attr.name="fiber_length_mean" attr.type="double"/>
  <graph edgedefault="undirected">
    <node id="1"><data key="d0">25.5</data><data key="d1">31.0</data><data key="d2">52.1</data>
      <data key="d3">rh.bankssts_1</data></node>
    <node id="2"><data key="d0">30.0</data><data key="d1">11.5</data><data key="d2">40.0</data>
    </node>
    <node id="10"><data key="d0">60</data><data key="d1">12.5</data><data key="d2">41.0</data>
    </node>
    <edge source="10" target="1"><data key="d9">58.25</data><data key="d10">0.4</data></edge>
    <edge source="2" target="10"><data key="d9">4.0</data><data key="d12">21.5</data></edge>
  </graph>
</graphml>
"""


def test_the_brain_of_braingraph(tmp_path: Path) -> None:
    path = tmp_path / "brain.graphml"
    path.write_text(GRAPHML)
    data, said = saidly(lambda: read_graph(path))
    assert len(said) == 1
    assert "'number_of_fibers' counts synapses or fibers" in said[0]
    assert data.node_label.tolist() == [1, 2, 10]
    assert data.pos[2].tolist() == [60.0, 12.5, 41.0]
    ratio = by_name(data)["1", "10"] / by_name(data)["2", "10"]
    assert ratio == pytest.approx((58.25 / 4) ** 0.5)
    assert by_name(data)["10", "1"] == by_name(data)["1", "10"]
    assert sorted(data.edge_number_of_fibers.tolist()) == [4.0, 4.0, 58.25, 58.25]
    assert data.dn_name == ["rh.bankssts_1", None, None]
    assert data.edge_FA_mean.count(None) == 2
    raw, said = saidly(lambda: read_graph(path, weights="jumps"))
    assert (sorted(raw.edge_weight.tolist()), said) == ([4.0, 4.0, 58.25, 58.25], [])
    drawn = ng.from_data(path, weights="counts", inhibitory_fraction=1 / 3, velocity=3.0)
    assert int(drawn.inhibitory.sum()) == 1
    assert ((drawn.edge_weight < 0) == drawn.inhibitory[drawn.edge_index[0]]).all()


def test_words_of_glia_in_foreign_files_mean_nothing(tmp_path: Path) -> None:
    path, nodes = tmp_path / "e.csv", tmp_path / "n.csv"
    path.write_text(
        "source,target,weight,cost,lag,hits,index\n0,1,0.5,high,-3,x,4\n1,0,0.5,low,1,y,5\n"
    )
    nodes.write_text("id,axon_mean,edge_length,batch,size\n0,1,7,a,2\n1,2,8,b,3\n")
    data = read_csv(path, nodes)
    assert data.edge_edge_cost == ["high", "low"]
    assert data.edge_edge_lag.tolist() == [-3, 1]
    assert data.node_edge_length.tolist() == [7, 8]
    assert data.node_batch == ["a", "b"]
    assert data["size"].tolist() == [2, 3]
    assert data.edge_index.tolist() == [[0, 1], [1, 0]]
    assert "'cost'" in ng.describe(data).facts["renamed"]
    reservoir = ng.TriglialReservoir(data, glia=[ng.Microglia(), ng.Oligodendrocyte()])
    reservoir.adapt(num_steps=10)


@pytest.mark.parametrize("kind", ["int32", "uint64", "float64", "numpy", "list"])
def test_a_reservoir_takes_whatever_loses_nothing(kind: str) -> None:
    make: dict[str, Callable[[Any], Any]] = {
        "int32": lambda v: torch.tensor(v).int(),
        "uint64": lambda v: np.array(v, dtype=np.uint64),
        "float64": lambda v: torch.tensor(v).double(),
        "numpy": np.array,
        "list": lambda v: v,
    }
    plain = Data(
        edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), edge_weight=torch.tensor([1.5, 0.25, 2.0]),
        edge_delay=torch.tensor([1, 2, 3]), inhibitory=torch.tensor([False, True, False]),
        edge_mask=torch.tensor([True, True, False]), pos=torch.zeros(3, 3), num_nodes=3,
    )  # fmt: skip
    other = Data(
        edge_index=make[kind]([[0, 1, 2], [1, 2, 0]]), edge_weight=np.array([1.5, 0.25, 2.0]),
        edge_delay=make[kind]([1, 2, 3]), inhibitory=make[kind]([0, 1, 0]),
        edge_mask=[1, 1, 0], pos=np.zeros((3, 3), dtype=int), num_nodes=3,
    )  # fmt: skip
    spikes = [
        ng.TriglialReservoir(graph, bias=1.2).run(num_steps=400).events for graph in (plain, other)
    ]
    assert torch.equal(*spikes)
    assert len(spikes[0]) > 1
    assert repr(ng.describe(plain)) == repr(ng.describe(other))
    assert len(ng.to_networkx(other).edges) == 3
    assert isinstance(other.edge_weight, np.ndarray)  # the user's stays


@pytest.mark.parametrize(
    "spoiled",
    [
        {"edge_index": [[0, 0.5], [1, 1]]},
        {"edge_index": np.array([[0, 1], [1, 0]], dtype=complex)},
        {"edge_weight": ["a", "b"]},
        {"edge_mask": [0, 2]},
        {"edge_delay": [1.0, float("nan")]},
        {"edge_weight": np.array([0.1, 1e300])},
    ],
)
def test_what_would_lose_something_is_refused(spoiled: dict[str, Any]) -> None:
    sound = {"edge_index": [[0, 1], [1, 0]], "edge_weight": [0.5, 0.5], "edge_delay": [1, 1]}
    ng.TriglialReservoir(Data(**sound, num_nodes=2))
    for door in (ng.TriglialReservoir, ng.from_data, ng.describe):
        with pytest.raises((TypeError, ValueError), match=r"'edge_|edge "):
            door(Data(**(sound | spoiled), num_nodes=2))


LABELS: dict[str, Callable[[], Any]] = {
    "tuples": lambda: nx.grid_graph([2, 3]),
    "words": lambda: nx.Graph([("b", "a"), ("a", "7")]),
    "numbers as text": lambda: nx.Graph([("10", "2"), ("2", "1")]),
    "numpy": lambda: nx.Graph([(np.int64(7), np.int32(3)), (np.int64(3), np.int64(0))]),
    "numpy words": lambda: nx.Graph([(np.str_("b"), np.str_("a"))]),
    "whole floats": lambda: nx.Graph([(1.0, 2.0), (2.0, 4.0)]),
    "mixed": lambda: nx.Graph([("a", 1), (1, (2, "x"))]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_survive(kind: str, tmp_path: Path) -> None:
    graph = LABELS[kind]()
    data = ng.from_networkx(graph)
    assert set(ng.to_networkx(data).nodes) == set(graph.nodes)
    ng.save_graph(data, tmp_path / "g.safetensors")
    write_graphml(data, tmp_path / "g.graphml")
    ng.TriglialReservoir(data).save(tmp_path / "r.safetensors")
    for back in (
        ng.load_graph(tmp_path / "g.safetensors"),
        read_graph(tmp_path / "g.graphml"),
        ng.TriglialReservoir.load(tmp_path / "r.safetensors").graph,
    ):
        assert list(ng.to_networkx(back).nodes) == list(ng.to_networkx(data).nodes)
        assert set(ng.to_networkx(back).edges) == set(ng.to_networkx(data).edges)
    write_csv(data, tmp_path / "e.csv")
    names = {str(name) for name in ng.to_networkx(data).nodes}
    assert {str(name) for name in ng.to_networkx(read_csv(tmp_path / "e.csv")).nodes} == names


def test_igraph() -> None:
    theirs = igraph.Graph([(0, 1), (1, 2)], directed=True)
    theirs.vs["name"], theirs.es["weight"] = ["c", "b", "a"], [0.5, -0.25]
    assert by_name(ng.from_data(theirs)) == {("c", "b"): 0.5, ("b", "a"): -0.25}


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (None, "'data' must be a Data, a NetworkX graph, a file"),
    "no edges": ([], "must hold pairs, or triples"),
    "words": (["ab", "bc"], "must hold pairs, or triples"),
    "two by three": ([[0, 1, 2], [1, 2, 0]], "may be an edge_index or two edges with weights"),
    "two by three array": (np.array([[0, 1, 2], [1, 2, 0]]), "may be an edge_index or two edges"),
    "not square": (np.ones((4, 5)), "must be a square matrix, edges"),
    "nan": (np.full((4, 4), np.nan), "16 faults: row 0, column 0: nan, must be a finite"),
    "text": (np.full((4, 4), "a"), "must be a square matrix, edges"),
    "sparse": (sparse.coo_array(np.ones((2, 3))), "must be a square matrix"),
    "columns": ({"from": ["a"], "to": ["b", "c"]}, "Columns must have the same length"),
    "rounded": (pd.DataFrame({"pre": [7.2e17], "post": [1]}), "whole number or text, not a float"),
    "missing id": (pd.DataFrame({"pre": [1, None], "post": [1, 2]}), "row 1, column 'pre': nan"),
    "weight": ([("a", "b", None)], "row 0, column 'weight': None, must be a finite number"),
    "no weight": (nx.DiGraph([(0, 1, {"weight": [1]})]), r"edge 0 \(0 -> 1\), column 'weight'"),
    "length": (
        Data(edge_index=torch.zeros(2, 3).long(), edge_weight=torch.ones(4)),
        "'edge_weight' must have a number for each of 3 edges",
    ),
    "negative": (Data(edge_index=torch.tensor([[0], [-1]]), num_nodes=3), "places begin at 0"),
    "no graph": (Data(), "'edge_index' must hold pairs of whole numbers"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_graph_is_refused_by_name(kind: str) -> None:
    source, match = REFUSED[kind]
    with pytest.raises((TypeError, ValueError), match=match):
        ng.from_data(source)


def test_arguments_of_from_data() -> None:
    with pytest.raises(TypeError, match="'from_data' has no argument 'wieght'; it has"):
        ng.from_data([(0, 1)], wieght=3)
    with pytest.raises(ValueError, match="'nodes' goes with a table of edges"):
        ng.from_data([(0, 1)], [(0, 1)])
    data = ng.from_data([(0, 1)], pos=np.array([[0, 0, 0], [500, 0, 0]]), velocity=50)
    assert data.edge_delay.tolist() == [11]
    assert ng.describe(data).facts["positions from"] == "the argument 'pos'"


def test_numbered_columns_are_one_as_far_as_they_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("source,target,v_0,v_1,v_3,w_1,k_0,k_1\n0,1,1,2.5,9,7,a,b\n1,0,3,4,8,6,c,d\n")
    data = read_csv(path)
    assert data.edge_v.tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert data.edge_v_3.tolist() == [9, 8]
    assert data.edge_w_1.tolist() == [7, 6]
    assert data.edge_k == [["a", "b"], ["c", "d"]]


def test_mean_counts_are_no_jumps_either() -> None:
    graph = network(weights=[58.25, 34.75, 382.0])
    (said,) = saidly(lambda: ng.from_networkx(graph))[1]
    assert "from 34.75 to 382, as counts" in said
    assert saidly(lambda: ng.from_networkx(graph, weights="counts"))[1] == []
    assert saidly(lambda: ng.from_networkx(network(weights=[5.5, 9.25, 0.5])))[1] == []  # mV, say


def test_what_might_have_been_weights_is_named() -> None:
    rows = [(0, 1, {"strength": 3.5, "note": "a"}), (1, 0, {"strength": 1.5, "note": "b"})]
    for door in (ng.from_networkx, ng.from_data):
        data, said = saidly(lambda door=door: door(nx.DiGraph(rows)))
        expected = "'strength'; columns={'weight': 'strength'} takes it"
        assert ng.describe(data).facts["not taken for weights"] == expected
        assert said == [f"the NetworkX graph has no 'weight', and none is taken from {expected}"]
        data, said = saidly(
            lambda door=door: door(nx.DiGraph(rows), columns={"weight": "strength"})
        )
        assert data.edge_weight.tolist() == [3.5, 1.5]
        assert said == []


def test_labels_that_are_missing_are_ids(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("source,target\n7,8\n")
    (tmp_path / "n.csv").write_text("id,label\n7,seven\n8,\n")
    assert read_csv(tmp_path / "e.csv", tmp_path / "n.csv").node_label == ["seven", "8"]


MIXED = {
    "g.graphml": (
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
        '<node id="a"/><node id="b"/>'
        '<edge source="a" target="b" directed="false"/></graph></graphml>'
    ),
    "g.gexf": (
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">'
        '<graph defaultedgetype="directed">'
        '<nodes><node id="0"/><node id="1"/></nodes>'
        '<edges><edge id="0" source="0" target="1" type="undirected"/></edges></graph></gexf>'
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_mixed_directions_in_files_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(MIXED[name])
    with pytest.raises(ValueError, match=r"(?i)edge found in directed graph"):
        read_graph(tmp_path / name)


def test_a_connectome_says_where_it_is_from() -> None:
    ring = np.array([[0, 1, 2], [1, 2, 0]], dtype=np.uint64)
    data = ng.datasets.connectome(ring, np.array([3, 2, 5], dtype=np.uint16), 3, seed=4)
    facts = ng.describe(data).facts
    assert facts["weights from"] == "counts to the power of 0.5, mean 0.2"
    assert "3 unknown: they excite" in facts["signs from"]
    assert facts["delays from"] == "drawn, uniform, at most 100 steps, seed 4"
    placed = ng.datasets.connectome(ring, [3, 2, 5], 3, pos=np.eye(3), sign=[1, -1, 0])
    facts = ng.describe(placed).facts
    assert "the length of distances" in facts["delays from"]
    assert "given for 2 neurons, 1 unknown" in facts["signs from"]


def test_ids_that_stand_for_places_in_a_matrix_are_refused() -> None:
    ids = [720575940628, 720575940629]
    theirs = sparse.coo_array(([1.0, 2.0], (ids, ids[::-1])), shape=(10**12, 10**12))
    with pytest.raises(ValueError, match="as where ids stand for places; pass triples"):
        ng.from_data(theirs)
    found = theirs.tocoo()  # as it says
    data = ng.from_data(list(zip(found.row, found.col, found.data, strict=True)))
    assert data.node_label.tolist() == ids


def test_attributes_of_the_whole_graph_do_not_take_its_names() -> None:
    graph = network()
    graph.graph |= {"pos": {5: (0, 0)}, "num_nodes": 99, "edge_weight": "mV", "name": "mine"}
    data = ng.from_data(graph)
    assert by_name(data) == pytest.approx(EXPECTED)
    assert (data.graph_num_nodes, data.graph_edge_weight, data.name) == (99, "mV", "mine")


def test_columns_of_ours_are_never_taken_for_ends(tmp_path: Path) -> None:
    data = ng.from_data([(0, 1), (1, 0)])
    data.edge_target, data.edge_pre, data.edge_post = ["a", "b"], torch.arange(2), ["c", "d"]
    data.edge_w, data.id = torch.tensor([7, 8]), ["i", "j"]
    write_csv(data, tmp_path / "e.csv", tmp_path / "n.csv")
    back = read_csv(tmp_path / "e.csv", tmp_path / "n.csv")
    assert torch.equal(back.edge_index, data.edge_index)
    assert torch.equal(back.edge_weight, data.edge_weight)
    assert (back.edge_target, back.edge_post) == (["a", "b"], ["c", "d"])
    assert back.edge_w.tolist() == [7, 8]


def test_what_is_missing_is_none_and_can_be_saved(tmp_path: Path) -> None:
    rows = ["source,target,fa,n_0,n_1,id", "0,1,,1,2,nan"]
    rows += ["1,0,nan,3,,72057594062885721", "1,1,.5,4,5,1"]
    (tmp_path / "e.csv").write_text("\n".join(rows))
    data = read_csv(tmp_path / "e.csv")
    assert data.edge_fa == [None, None, 0.5]
    assert data.edge_n == [[1, 2], [3, None], [4, 5]]
    assert data.edge_id == [None, 72057594062885721, 1]  # to the last digit
    ng.save_graph(data, tmp_path / "g.safetensors")
    assert ng.load_graph(tmp_path / "g.safetensors").edge_fa == data.edge_fa
    graph = nx.DiGraph([(2**70, 5, {"a": float("nan")}), (5, 2**70, {"b": 1})])
    data = ng.from_networkx(graph)
    assert data.node_label == [5, 2**70]
    assert "edge_a" not in data  # nothing is left to keep


def test_counts_may_carry_the_sign_of_their_synapse() -> None:
    graph = network(weights=[4, -9, 1])
    (said,) = saidly(lambda: ng.from_networkx(graph))[1]
    assert "weights='counts' makes weights of counts" in said
    data, said = saidly(lambda: ng.from_data(graph, weights="counts"))  # as it says
    assert said == []
    unit = 0.2 / 2  # the mean of the roots 2, 3 and 1
    expected = {pair: unit * f for pair, f in zip(EXPECTED, (2, -4 * 3, 1), strict=True)}
    assert by_name(data) == pytest.approx(expected)
    assert data.inhibitory.sum() == 1
    with pytest.raises(ValueError, match=r"column 'weight': 0.0, must be a count of 1 or more"):
        ng.from_networkx(network(weights=[1, 0, 2]), weights="counts")
