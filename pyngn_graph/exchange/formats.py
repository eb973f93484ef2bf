"""Files of other programs as NetworkX graphs and matrices; nothing in them is executed."""

import io
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyngn_graph.disk import expanded
from pyngn_graph.reading import words
from pyngn_graph.reading.matrices import source_of_matrix
from pyngn_graph.reading.positions import WHOLE
from pyngn_graph.reading.source import Columns, Source
from pyngn_graph.reading.text import decoded
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
        text, _ = decoded(file.read(), f"'{Path(path).name}'")
        lines = text.splitlines()
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


def read_arrays(path: str | Path, ending: str) -> dict[str, Any]:
    """The arrays in a ``.npz``, ``.npy``, ``.mat`` or ``.mtx`` file, by their names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    kind, read = _MATRICES[ending]
    found: dict[str, Any] = parsed(path, kind, read)
    for value in list(found.values()):
        if isinstance(value, np.ndarray) and value.dtype.names and len(found) == 1:
            parts = {name: value[name].ravel() for name in value.dtype.names}
            return {key: part.item() if part.size == 1 else part for key, part in parts.items()}
    return found


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
    from scipy.io import loadmat, whosmat

    content = unpacked_matlab(file.getvalue())
    try:
        for name, shape, kind in whosmat(io.BytesIO(content)):
            if kind in ("cell", "struct", "object") and 8 * math.prod(shape) > len(content):
                raise ValueError(f"it is too short for '{name}' of shape {shape}")
        found = loadmat(io.BytesIO(content))
    except NotImplementedError as error:  # HDF5
        raise ValueError("it is of version 7.3; save it with '-v7'") from error
    return {name: value for name, value in found.items() if not name.startswith("__")}


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


def source_of_arrays(arrays: Mapping[str, Any], name: str | None, title: str) -> Source:
    """The source in the arrays of a file: its square matrix, or the one called ``name``.

    Beside it may stand names of nodes, and positions.

    Raises:
        ValueError: If the matrix is not there, or several may be meant.
    """

    def size(value: Any) -> Any:
        return "x".join(map(str, getattr(value, "shape", ())))

    listed = [f"{key} ({size(value)})" for key, value in arrays.items()]
    if name is not None and name not in arrays:
        raise ValueError(f"columns={{'weight': {name!r}}} names nothing in {title}: {listed}")
    square = [key for key, value in arrays.items() if _is_square(value)]
    if len(square) > 1:
        square = [key for key in square if not words.is_(key, WHOLE)]
    if name is None and len(square) != 1:
        choice = f"; choose one with columns={{'weight': {square[0]!r}}}" if square else ""
        raise ValueError(f"{title} must hold one square matrix, it holds {listed}{choice}")
    name = name or square[0]
    names = None
    nodes: Columns = {}
    number = int(arrays[name].shape[0])
    rest = [key for key in arrays if key != name]
    for key in list(rest):
        found = _names(key, arrays[key], number)
        if names is None and found is not None:
            names = found
            rest.remove(key)
        elif words.is_(key, WHOLE) and _are_places(arrays[key], number):
            nodes[key] = list(arrays[key])
            rest.remove(key)
    notes = {"source": f"{title}, {name!r}"}
    if rest:
        notes["left out"] = f"{', '.join(map(repr, rest))}"
    source = source_of_matrix(arrays[name], f"{title}, {name}", names)
    return replace(source, nodes=nodes, notes=notes | source.notes)


def _is_square(value: Any) -> bool:
    shape: Any = getattr(value, "shape", ())
    kind = getattr(getattr(value, "dtype", None), "kind", "O")
    return len(shape) == 2 and shape[0] == shape[1] > 1 and kind in "biuf"


def _are_places(value: Any, size: int) -> bool:
    return getattr(value, "shape", ()) in ((size, 2), (size, 3)) and value.dtype.kind in "iuf"


def _names(key: str, value: Any, size: int) -> list[Any] | None:
    """The names of nodes that a file holds beside a matrix: ``size`` different words or ids."""
    if not isinstance(value, np.ndarray) or value.size != size:
        return None
    if value.dtype.kind in "iu" and words.is_(key.removesuffix("s"), words.NODE):
        ids = value.ravel().tolist()
        return ids if len(set(ids)) == size else None
    if value.dtype.kind not in "OUS":
        return None
    found = []
    for entry in value.ravel().tolist():
        while isinstance(entry, np.ndarray) and entry.size == 1:
            entry = entry.item()
        if not isinstance(entry, str):
            return None
        found.append(entry.strip())
    return found if len(set(found)) == size else None
