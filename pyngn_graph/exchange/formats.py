"""Files of other programs as NetworkX graphs and matrices; nothing in them is executed."""

import io
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyngn_graph.disk import expanded
from pyngn_graph.reading.matrices import source_of_matrix
from pyngn_graph.reading.source import Source
from pyngn_graph.unpacking import members, unpacked, unpacked_matlab


def parsed(path: str | Path, kind: str, read: Callable[[io.BytesIO], Any]) -> Any:
    """What ``read`` makes of the content of a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no file of that ``kind``.
    """
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    content = path.read_bytes()
    try:
        if path.suffix.lower() == ".gz":
            content = unpacked(content)
        return read(io.BytesIO(content))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"'{path}' is no readable {kind} file ({error}); mend it") from error
    except MemoryError:
        raise
    except Exception as error:  # parsers of other programs' files raise what they please
        said = str(error) or type(error).__name__
        raise ValueError(f"'{path}' is no readable {kind} file ({said}); mend it") from error


def read_gml(path: str | Path) -> Any:
    """The NetworkX graph of a GML file, its nodes called by their labels, or else their ids."""
    import networkx as nx

    def read(file: io.BytesIO) -> Any:
        lines = file.read().decode("utf-8-sig").splitlines()
        try:
            return nx.parse_gml(lines)
        except nx.NetworkXError as error:  # nodes without labels, or with equal ones
            if "label" not in str(error) and "duplicated" not in str(error):
                raise
            return nx.parse_gml(lines, label="id")

    return parsed(path, "GML", read)


def read_gexf(path: str | Path) -> Any:
    """The NetworkX graph of a GEXF file, as Gephi writes it."""
    import networkx as nx

    return parsed(path, "GEXF", nx.read_gexf)


def read_matrix(path: str | Path, name: str | None, ending: str) -> Source:
    """The matrix in a ``.npz``, ``.npy``, ``.mat`` or ``.mtx`` file, under its ``name``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or the matrix is not there, or several may be meant.
    """
    title = f"'{Path(path).name}'"
    kind, read = _MATRICES[ending]
    arrays = parsed(path, kind, read)
    return _chosen(arrays, name, title)


def _npz(file: io.BytesIO) -> dict[str, Any]:
    arrays = {
        name.removesuffix(".npy"): _npy(io.BytesIO(content))["array"]
        for name, content in members(file)
    }
    return {"matrix": _sparse(arrays)} if "format" in arrays and "shape" in arrays else arrays


def _npy(file: io.BytesIO) -> dict[str, Any]:
    old = np.lib.format.read_magic(file) == (1, 0)
    header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if math.prod(shape) * dtype.itemsize > file.getbuffer().nbytes:
        raise ValueError(f"it is too short for an array of shape {shape}")
    file.seek(0)
    return {"array": np.lib.format.read_array(file, allow_pickle=False)}


def _sparse(arrays: Mapping[str, Any]) -> Any:
    """The matrix that ``scipy.sparse.save_npz`` took apart."""
    from scipy import sparse

    form = arrays["format"].item()
    form = form.decode() if isinstance(form, bytes) else str(form)
    shape = tuple(arrays["shape"].tolist())
    if form == "coo":
        return sparse.coo_array((arrays["data"], (arrays["row"], arrays["col"])), shape=shape)
    if form == "dia":
        return sparse.dia_array((arrays["data"], arrays["offsets"]), shape=shape)
    make = {"csr": sparse.csr_array, "csc": sparse.csc_array, "bsr": sparse.bsr_array}[form]
    return make((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)


def _mat(file: io.BytesIO) -> dict[str, Any]:
    """The square matrices of a file, and what may name their nodes; nothing else is unfolded."""
    from scipy.io import loadmat, whosmat

    file = io.BytesIO(unpacked_matlab(file.getvalue()))
    listed = whosmat(file)
    words = ("cell", "char")
    square = {n: s[0] for n, s, kind in listed if kind not in words and s == s[:1] * 2 != (1, 1)}
    named = [
        n for n, s, kind in listed if kind in words and {s[0], math.prod(s)} & {*square.values()}
    ]
    if not square:
        raise ValueError(f"it must hold one square matrix, it holds {listed}")
    return {name: loadmat(file, variable_names=[name])[name] for name in [*square, *named]}


def _mtx(file: io.BytesIO) -> dict[str, Any]:
    from scipy.io import mminfo, mmread

    entries, size = mminfo(file)[2], file.getbuffer().nbytes
    if entries > size:
        raise ValueError(f"its {size:,} bytes are too few for {entries:,} entries")
    file.seek(0)
    return {"matrix": mmread(file)}


_MATRICES: dict[str, tuple[str, Callable[[io.BytesIO], dict[str, Any]]]] = {
    ".npz": ("NumPy", _npz),
    ".npy": ("NumPy", _npy),
    ".mat": ("MATLAB", _mat),
    ".mtx": ("Matrix Market", _mtx),
}


def _chosen(arrays: Mapping[str, Any], name: str | None, title: str) -> Source:
    def size(value: Any) -> Any:
        return "x".join(map(str, getattr(value, "shape", ())))

    listed = [f"{key} ({size(value)})" for key, value in arrays.items()]
    if name is not None and name not in arrays:
        raise ValueError(f"columns={{'weight': {name!r}}} names nothing in {title}: {listed}")
    square = [key for key, value in arrays.items() if _is_square(value)]
    if name is None and len(square) != 1:
        raise ValueError(
            f"{title} must hold one square matrix, it holds {listed}; choose one with "
            f"columns={{'weight': NAME}}"
        )
    name = name or square[0]
    names = None
    size_of = int(arrays[name].shape[0])
    for key, value in arrays.items():
        if key != name and (found := _names(value, size_of)) is not None:
            names = found
            break
    return source_of_matrix(arrays[name], f"{title}, {name}", names)


def _is_square(value: Any) -> bool:
    shape: Any = getattr(value, "shape", ())
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    return len(shape) == 2 and shape[0] == shape[1] > 1 and kind in "biuf"


def _names(value: Any, size: int) -> list[str] | None:
    """The names of nodes that a file holds beside a matrix: ``size`` different words."""
    if not isinstance(value, np.ndarray) or value.size != size or value.dtype.kind not in "OUS":
        return None
    found = []
    for entry in value.ravel().tolist():
        while isinstance(entry, np.ndarray) and entry.size == 1:
            entry = entry.item()
        if not isinstance(entry, str):
            return None
        found.append(entry.strip())
    return found if len(set(found)) == size else None
