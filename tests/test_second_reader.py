"""Dresses of numbers that few think of: matrices whose indices lie, tensors with signs to come."""

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU_BACKENDS, random_graph
from scipy import io as scipy_io
from scipy import sparse
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, Microglia, TriglialReservoir, from_data, validate
from pyngn_graph.exchange import read_graph

MATRIX = np.array([[0.0, 0.5, 0.25], [0.0, 0.0, 0.75], [1.5, 0.0, 0.0]])
MOST = 200 << 20


# --- Sparse matrices that lead the loops of SciPy out of their memory

PLACES: dict[str, dict[str, list[int]]] = {
    "pointers to nowhere": {"indptr": [0, 10**9, 3, 3]},
    "pointers before the first": {"indptr": [0, -(10**8), 3, 3]},
    "pointers that fall": {"indptr": [0, 3, 1, 3]},
    "places beyond": {"indices": [0, 1, 2**31 - 1]},
    "places before the first": {"indices": [0, 1, -(10**9)]},
}


def compressed(form: str, **places: list[int]) -> Any:
    """A matrix whose places were edited by hand, as no constructor of SciPy looks at them."""
    matrix = {"csr": sparse.csr_array, "csc": sparse.csc_array}[form](
        (np.ones(3), np.array([0, 1, 2], dtype=np.int32), np.array([0, 1, 2, 3], dtype=np.int32)),
        shape=(3, 3),
    )
    for name, values in places.items():
        getattr(matrix, name)[:] = values
    return matrix


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_a_sparse_matrix_that_leads_out_of_itself_is_refused(
    form: str, places: dict[str, list[int]], tmp_path: Path
) -> None:
    matrix, path = compressed(form, **places), tmp_path / "matrix.npz"
    sparse.save_npz(path, matrix)
    for door in (lambda: from_data(matrix), lambda: read_graph(path)):
        with pytest.raises(ValueError, match=r"is damaged \(ind.* must be"):
            door()
    for name, values in places.items():
        assert getattr(matrix, name).tolist() == values


def test_a_sound_sparse_matrix_is_read_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "matrix.npz"
    for form in ("csr", "csc", "coo", "dia", "bsr"):
        sparse.save_npz(path, sparse.coo_array(MATRIX).asformat(form))
        assert read_graph(path).edge_weight.tolist() == [0.5, 0.25, 0.75, 1.5]


# --- Matrices that say that they are large


def npy(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    file = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def matlab(variable: bytes, packed: bool) -> bytes:
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    if not packed:
        return head + variable
    content = zlib.compress(variable, 1)
    return head + struct.pack("<II", 15, len(content)) + content


def variable(rows: int, columns: int, content: bytes, kind: int = 6) -> bytes:
    def element(code: int, body: bytes) -> bytes:
        return struct.pack("<II", code, len(body)) + body + b"\0" * (-len(body) % 8)

    parts = [(6, struct.pack("<II", kind, 0)), (5, struct.pack("<ii", rows, columns)), (1, b"a")]
    parts += [(9, content)] if kind == 6 else []
    return element(14, b"".join(element(*part) for part in parts))


LARGE: dict[str, Callable[[], bytes]] = {
    "forged.npy": lambda: npy((30_000, 30_000)),
    "beyond.npy": lambda: npy((10**6, 10**6)),
    "odd.npy": lambda: npy((30_000, 30_000), "|V1000"),
    "forged.npz": lambda: zipped("a.npy", npy((10**5, 10**5))),
    "packed.mat": lambda: matlab(variable(5000, 5000, b"\0" * (5000 * 5000 * 8)), True),
    "cells.mat": lambda: matlab(variable(20_000, 20_000, b"", kind=1), False),
    "dense.mtx": lambda: b"%%MatrixMarket matrix array real general\n100000 100000\n1\n",
    "half.mtx": lambda: b"%%MatrixMarket matrix array real symmetric\n40000 40000\n1\n",
    "sparse.mtx": lambda: b"%%MatrixMarket matrix coordinate real general\n3 3 9999999999\n1 1 1\n",
}


@pytest.mark.parametrize("name", LARGE)
def test_a_matrix_larger_than_its_file_is_refused(name: str, tmp_path: Path) -> None:
    content = LARGE[name]()
    assert len(content) < 2 << 20
    (tmp_path / name).write_bytes(content)
    del content
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"too short|too few|becomes more|one square matrix"):
            read_graph(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


def test_diagonals_of_a_huge_matrix_are_not_written_out() -> None:
    with pytest.raises(ValueError, match="1,000,000,000 rows and 5 entries"):
        from_data(sparse.dia_array((np.ones((1, 5)), [0]), shape=(10**9, 10**9)))


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_files_are_read(packed: bool, tmp_path: Path) -> None:
    path, names = tmp_path / "a.mat", np.array(["x", "yy", "z"], dtype=object)
    other = {"s": {"deep": {"er": 1}}, "row": np.ones((1, 5)), "label": names}
    for matrix in (MATRIX, sparse.csc_array(MATRIX)):
        scipy_io.savemat(path, {"a": matrix, **other}, do_compression=packed)
        graph = read_graph(path)
        assert graph.edge_weight.tolist() == [0.5, 0.25, 0.75, 1.5]
        assert graph.node_label == ["x", "yy", "z"]
    scipy_io.savemat(path, other, do_compression=packed)
    with pytest.raises(ValueError, match=r"one square matrix, it holds .*row \(1x5\)"):
        read_graph(path)


# --- Tensors in odd dresses

ODD: dict[str, Callable[[Tensor], Tensor]] = {
    "quantized": lambda v: torch.quantize_per_tensor(v.float(), 0.1, 0, torch.qint8),
    "negated": torch._neg_view,  # type: ignore[attr-defined]
    "imaginary part": lambda v: torch.complex(v, v).conj().imag,
}


@pytest.mark.parametrize("key", ["edge_weight", "gain", "edge_health", "calcium"])
@pytest.mark.parametrize("dress", ODD.values(), ids=ODD.keys())
def test_a_tensor_that_holds_no_plain_numbers_is_refused(
    key: str, dress: Callable[[Tensor], Tensor]
) -> None:
    for backend in CPU_BACKENDS:
        reservoir = TriglialReservoir(
            random_graph(), glia=[Astrocyte(), Microglia()], bias=1.3, backend=backend
        )
        reservoir.run(num_steps=5)
        reservoir.graph[key] = dress(reservoir.graph[key])
        with pytest.raises(TypeError, match=f"'{key}' must "):
            validate(reservoir.graph)
        with pytest.raises(TypeError, match=f"'{key}' must "):
            reservoir.run(num_steps=5)


@pytest.mark.parametrize("key", ["pos", "edge_weight", "edge_health", "gain", "calcium"])
def test_a_parameter_on_the_graph_is_a_tensor_like_any_other(key: str) -> None:
    lives = []
    for backend in CPU_BACKENDS:
        reservoir = TriglialReservoir(
            random_graph(), glia=[Astrocyte(territory=80.0), Microglia()], glia_period=10,
            bias=1.3, backend=backend,
        )  # fmt: skip
        reservoir.graph[key] = torch.nn.Parameter(reservoir.graph[key].clone())
        lives.append(reservoir.adapt(num_steps=40))
        assert not any(
            value.requires_grad
            for value in reservoir.graph.to_dict().values()
            if isinstance(value, Tensor)
        )
    assert torch.equal(lives[0].events, lives[1].events)
    assert torch.equal(lives[0].graph.gain, lives[1].graph.gain)


@pytest.mark.parametrize("key", ["velocity", "length_scale", "clock"])
def test_a_row_of_numbers_where_one_belongs_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"'{key}' must be (one|a) number"):
        TriglialReservoir(random_graph(**{key: torch.arange(8.0)}))


@pytest.mark.parametrize("door", [validate, TriglialReservoir, from_data])
@pytest.mark.parametrize("number", [2**31, 10**15])
def test_more_neurons_than_can_be_counted_are_refused_before_any_is_made(
    door: Callable[[Data], Any], number: int
) -> None:
    graph = random_graph()
    graph.num_nodes = number
    for key in ("pos", "inhibitory"):
        graph.pop(key, None)
    with pytest.raises(ValueError, match="'num_nodes' must be at most"):
        door(graph)


@pytest.mark.parametrize("key", ["edge_index", "edge_weight", "edge_delay", "gain", "calcium"])
@pytest.mark.parametrize("turn", [lambda v: v.reshape(-1, 2), lambda v: v.view(torch.int32)])
def test_the_same_bytes_in_another_form_are_found(
    key: str, turn: Callable[[Tensor], Tensor]
) -> None:
    for backend in CPU_BACKENDS:
        reservoir = TriglialReservoir(random_graph(), glia=[Astrocyte()], bias=1.3, backend=backend)
        value = reservoir.graph[key]
        reservoir.run(num_steps=5)
        value.data = turn(value.data)
        with pytest.raises((TypeError, ValueError), match=rf"'{key}'|rows for"):
            reservoir.run(num_steps=5)
