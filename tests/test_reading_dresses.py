"""Graphs as others write them: matrices with names, arrays in files, odd tables and frames."""

import io as streams
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import io, sparse
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.cli import main
from pyngn_graph.exchange import read_csv, read_graph, write_csv, write_graphml

EDGES = {("a", "b"): 0.5, ("b", "c"): -0.25, ("c", "a"): 1.5}
MATRIX = np.array([[0, 0.5, 0], [0, 0, -0.25], [1.5, 0, 0]])


def by_name(data: Data) -> dict[tuple[Any, Any], float]:
    labels = data.get("node_label", list(range(data.num_nodes)))
    labels = labels.tolist() if isinstance(labels, Tensor) else labels
    ends = data.edge_index.t().tolist()
    return {
        (labels[u], labels[v]): w for (u, v), w in zip(ends, data.edge_weight.tolist(), strict=True)
    }


MATRICES = {
    "zeros": ",a,b,c\na,0,0.5,0\nb,0,0,-0.25\nc,1.5,0,0\n",
    "empty cells": ",a,b,c\na,,0.5,\nb,,,-0.25\nc,1.5,,\n",
    "rows in another order": "neuron,a,b,c\nc,1.5,,\na,0,0.5,0\nb,0,0,-0.25\n",
    "columns in another order": ",c,a,b\na,0,0,0.5\nb,-0.25,0,0\nc,0,1.5,0\n",
    "decimal commas": ";a;b;c\na;0;0,5;0\nb;0;0;-0,25\nc;1,5;0;0\n",
    "as R writes it": '"a" "b" "c"\n"a" 0 0.5 0\n"b" 0 0 -0.25\n"c" 1.5 0 0\n',
    "separators at the end": ",a,b,c,\na,0,0.5,0,\nb,0,0,-0.25,\nc,1.5,0,0,\n",
}


@pytest.mark.parametrize("kind", MATRICES)
def test_matrices_with_names_in_any_order(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(MATRICES[kind])
    assert by_name(read_csv(path)) == EDGES
    if MATRICES[kind].startswith((",", "neuron")) and "end" not in kind:
        frame = pd.read_csv(streams.StringIO(MATRICES[kind]), index_col=0)
        assert by_name(ng.from_data(frame)) == EDGES
        assert by_name(ng.from_data(frame.astype(object))) == EDGES


def test_nodes_without_a_row_or_a_column(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(",a,b,muscle\na,,0.5,\nb,-0.25,,2.5\n")
    data = read_csv(path)
    assert by_name(data) == {("a", "b"): 0.5, ("b", "a"): -0.25, ("b", "muscle"): 2.5}
    facts = ng.describe(data).facts
    assert facts["without a row"] == "1 of 3 nodes"
    assert facts["no edge"] == "where a cell is empty, 3 of them"
    frame = pd.read_csv(path, index_col=0)
    assert by_name(ng.from_data(frame)) == by_name(data)
    assert by_name(ng.from_data(frame.T)) == {(v, u): w for (u, v), w in by_name(data).items()}


def test_faults_of_a_matrix_name_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(",a,b,c\na,0,x,0\nb,0,0,nan\nc,1.5,0,0\n")
    match = (
        r"'m.csv' has 2 faults: row 1 \(line 2\), 'a', column 'b': 'x', .*'b', column 'c': 'nan'"
    )
    with pytest.raises(ValueError, match=match):
        read_graph(path)
    path.write_text("0,1,inf,0\n0,0,2,0\n0,1,0,0\n0,1,0,0\n")
    with pytest.raises(ValueError, match=r"'m.csv' has 1 fault: row 0, column 2: inf, must be"):
        read_graph(path)
    wrong = MATRIX.copy()
    wrong[1, 2] = np.nan
    for source in (wrong, sparse.csr_array(wrong), torch.from_numpy(wrong)):
        with pytest.raises(ValueError, match=r"1 fault: row 1, column 2: nan, .*Write 0 where"):
            ng.from_data(source)


def test_a_small_table_of_numbers_is_no_matrix_with_names(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("0,1,0\n0,0,2\n1,0,0\n")
    with pytest.raises(ValueError, match="may be a list of edges or a matrix"):
        read_csv(path)


def saved(write: Callable[[Path], Any], name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


NAMES = np.array(["a", "b", "c"])
POS = np.arange(9.0).reshape(3, 3) * 100
PRE, POST = np.array([7, 8, 9], dtype=np.uint64), np.array([8, 9, 7], dtype=np.uint64)
WEIGHT = np.array([0.5, -0.25, 1.5])
KINDS = [("pre", "u8"), ("post", "u8"), ("weight", "f8")]
TABLE = np.array(list(zip(PRE, POST, WEIGHT, strict=True)), KINDS)

FILES = {
    "names and places": saved(lambda p: np.savez(p, W=MATRIX, labels=NAMES, pos=POS), "g.npz"),
    "ids": saved(lambda p: np.savez(p, W=MATRIX, ids=PRE.astype(np.int64)), "g.npz"),
    "places of matlab": saved(
        lambda p: io.savemat(p, {"W": MATRIX, "names": NAMES.astype(object), "xyz": POS}), "g.mat"
    ),
    "struct of matlab": saved(lambda p: io.savemat(p, {"s": {"W": MATRIX}}), "g.mat"),
    "columns": saved(lambda p: np.savez(p, pre=PRE, post=POST, weight=WEIGHT), "g.npz"),
    "columns of matlab": saved(
        lambda p: io.savemat(p, {"source": PRE, "target": POST, "weight": WEIGHT}), "g.mat"
    ),
    "a table": saved(lambda p: np.save(p, TABLE), "g.npy"),
    "a data": saved(
        lambda p: np.savez(p, edge_index=[[0, 1, 2], [1, 2, 0]], edge_weight=WEIGHT), "g.npz"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_arrays_in_files(kind: str, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    data = read_graph(path)
    found = by_name(data)
    names = sorted({name for pair in found for name in pair})
    assert names in (["a", "b", "c"], [0, 1, 2], [7, 8, 9])
    assert {(names.index(u), names.index(v)): w for (u, v), w in found.items()} == {
        (0, 1): 0.5, (1, 2): -0.25, (2, 0): 1.5
    }  # fmt: skip
    assert by_name(ng.from_data(path)) == found
    if "places" in kind:
        assert data.pos.tolist() == POS.tolist()


def test_rows_of_edges_in_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", [[7, 8, 0.5], [8, 9, -0.25]])
    assert by_name(read_graph(tmp_path / "e.npy")) == {(7, 8): 0.5, (8, 9): -0.25}
    np.save(tmp_path / "e.npy", [[7, 8, 0.5], [8.5, 9, -0.25]])
    with pytest.raises(ValueError, match=r"'e.npy' has 1 fault: row 1, column 'source': 8.5"):
        read_graph(tmp_path / "e.npy")


def test_structured_arrays_are_tables() -> None:
    assert by_name(ng.from_data(TABLE)) == {(7, 8): 0.5, (8, 9): -0.25, (9, 7): 1.5}


def test_the_remedy_for_several_matrices_works(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", A=MATRIX, B=2 * MATRIX)
    with pytest.raises(ValueError, match=r"choose one with columns={'weight': 'A'}"):
        read_graph(tmp_path / "g.npz")
    data = read_graph(tmp_path / "g.npz", columns={"weight": "A"})
    assert data.edge_weight.tolist() == [0.5, -0.25, 1.5]
    assert ng.describe(data).facts["left out"] == "'B'"


FRAME = pd.DataFrame({"pre": ["a", "b", "c"], "post": ["b", "c", "a"], "weight": [0.5, -0.25, 1.5]})
FRAMES = {
    "an index of names": FRAME.set_index(["pre", "post"]),
    "one column as index": FRAME.set_index("pre"),
    "categories": FRAME.astype({"pre": "category", "post": "category", "weight": "category"}),
    "decimals": FRAME.assign(weight=list(map(Decimal, ("0.5", "-0.25", "1.5")))),
    "nullable": FRAME.convert_dtypes(),
    "objects": FRAME.astype(object),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_in_every_dress(kind: str) -> None:
    assert by_name(ng.from_data(FRAMES[kind])) == EDGES


def test_frames_without_names_are_arrays() -> None:
    frame = pd.DataFrame([[1, 2, 0.5], [2, 3, 1.5]])
    assert by_name(ng.from_data(frame)) == {(1, 2): 0.5, (2, 3): 1.5}


def test_entries_of_a_sparse_matrix_add_up() -> None:
    twice = sparse.coo_array(([0.5, 0.25, 1.5], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert by_name(ng.from_data(twice)) == by_name(ng.from_data(twice.toarray()))
    assert twice.nnz == 3


REFUSED = {
    "complex": (sparse.coo_array(MATRIX * 1j), "must hold real numbers .got complex128"),
    "masked": (np.ma.masked_equal(MATRIX, 1.5), "masked array; '.filled.0.'"),
    "one number": ({"pre": ["a"], "post": ["b"], "weight": 0.5}, "'weight' must hold an entry for"),
    "dict of dicts": (nx.to_dict_of_dicts(nx.path_graph(3)), "from_dict_of_dicts"),
    "nan among words": (pd.DataFrame({"pre": ["a", "nan"], "post": ["b", "c"]}), "row 1, .*'nan'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_read_wrongly_is_refused(kind: str) -> None:
    source, match = REFUSED[kind]
    with pytest.raises((TypeError, ValueError), match=match):
        ng.from_data(source)


HALVES = {
    "separators at the end": "source,target,weight\na,b,0.5,\nb,c,-0.25,\nc,a,1.5,\n",
    "rows of separators": "source,target,weight\na,b,0.5\n,,\nb,c,-0.25\nc,a,1.5\n,,\n",
    "molten": "source,target,value\na,b,0.5\nb,c,-0.25\nc,a,1.5\n",
    "quotes and spaces": '"source" "target" "weight"\n"a" "b" 0.5\n"b" "c" -0.25\n"c" "a" 1.5\n',
}


@pytest.mark.parametrize("kind", HALVES)
def test_tables_in_every_dress(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(HALVES[kind])
    assert by_name(read_csv(path)) == EDGES


def test_a_list_with_dicts_in_a_text_file(tmp_path: Path) -> None:
    graph = nx.DiGraph()
    graph.add_weighted_edges_from((u, v, w) for (u, v), w in EDGES.items())
    nx.write_edgelist(graph, tmp_path / "e.txt")
    assert by_name(read_graph(tmp_path / "e.txt")) == EDGES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source,target\n720575940628857210.0,1\n", "row 1 .line 2., column 'source': .*rounded"),
        ("source,target,delay\na,b,0\nb,a,-2\n", "2 faults: row 1 .line 2., column 'delay': 0.0"),
        ("1,2,0.5,x\n2,3,0.25,y\n", "if its first row is an edge, write names above it"),
        ("a,b\nb,c\n", "if its first row is an edge, write names above it"),
    ],
)
def test_faults_of_tables_name_place_and_remedy(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"'e.csv' .*{said}"):
        read_csv(path)


def test_gml_in_latin_1(tmp_path: Path) -> None:
    text = 'graph [ directed 1 node [ id 7 label "\xe9" ] node [ id 3 label "b" ] edge [ source 7 target 3 value 0.5 ] ]'  # noqa: E501
    (tmp_path / "g.gml").write_bytes(text.encode("latin-1"))
    assert by_name(read_graph(tmp_path / "g.gml")) == {("\xe9", "b"): 0.5}


def test_gaps_dates_and_ids_go_through_tables(tmp_path: Path) -> None:
    frame = FRAME.assign(
        neuropil=["LOP", None, "GNG"],
        seen=pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        price=list(map(Decimal, ("0.5", "0.25", "1.5"))),
    )
    nodes = pd.DataFrame(
        {"id": ["a", "b", "c"], "label": ["A", "B", "C"], "soma": ["x", None, "y"]}
    )
    data = ng.from_data(frame, nodes)
    assert data.edge_neuropil == ["LOP", None, "GNG"]
    assert data.edge_price.tolist() == [0.5, 0.25, 1.5]
    assert data.edge_seen[0].startswith("2020-01-01")
    write_csv(data, tmp_path / "e.csv", tmp_path / "n.csv")
    again = read_csv(tmp_path / "e.csv", tmp_path / "n.csv")
    write_graphml(data, tmp_path / "g.graphml")
    ng.save_graph(data, tmp_path / "g.safetensors")
    for back in (
        again,
        read_graph(tmp_path / "g.graphml"),
        ng.load_graph(tmp_path / "g.safetensors"),
        ng.from_networkx(ng.to_networkx(data)),
    ):
        for key in ("node_id", "node_label", "soma", "edge_neuropil", "edge_seen"):
            assert back[key] == data[key], key
        assert torch.equal(back.edge_price, data.edge_price)
        assert torch.equal(back.edge_weight, data.edge_weight)


def test_the_command_reads_as_the_library_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "e.csv"
    path.write_text("begin,finish,strength\na,b,3\nb,c,5\nc,a,2\n")
    asked = ["--columns", "pre=begin,post=finish,weight=strength", "--weights", "counts"]
    assert main(["info", "--graph", str(path), "--measures", "size", *asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_edges"] == 3
    with pytest.raises(SystemExit):
        main(["info", "--graph", str(path), "--columns", "strength"])
    assert "must be pairs role=name" in capsys.readouterr().err
