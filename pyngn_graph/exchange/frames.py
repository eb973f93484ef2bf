"""Frames, lists and arrays of edges as a source; pandas is not needed for any of it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.matrices import are_sides, source_of_matrix, source_of_sides
from pyngn_graph.reading.source import ABSENT, Column, Columns, Source
from pyngn_graph.reading.tables import linked


def source_of_frame(
    edges: Any, nodes: Any, columns: Mapping[str, str] | None, title: str = "the frame of edges"
) -> Source:
    """The source in a frame of edges, or of a matrix with its names, and if given of nodes.

    Raises:
        TypeError: If ``nodes`` is no frame.
        ValueError: If they have faults; see :func:`~pyngn_graph.reading.tables.linked`.
    """
    if nodes is None and not columns:
        sides = _sides(edges)
        if sides is not None:
            return _of_sides(edges, *sides)
        if _is_bare(edges):
            return source_of_array(edges.to_numpy())
    about = None
    if nodes is not None:
        about = (_columns(nodes, "nodes"), "the frame of nodes", _row)
    chosen = words.roles(columns)
    return linked(_columns(edges, "data"), title, _row, about, chosen)


def source_of_list(edges: Sequence[Any]) -> Source:
    """The source in a list of pairs, of triples with a weight or a dict, or of rows of a matrix.

    Raises:
        TypeError, ValueError: If an entry is none of these.
    """
    rows = [list(row) if isinstance(row, list | tuple | np.ndarray) else row for row in edges]
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(rows) == 2 and widths == {3} and all(isinstance(row, list) for row in edges):
        raise _two_by_three()
    number = 0 not in widths and all(isinstance(x, int | float) for row in rows for x in row)
    if number and widths == {len(rows)} and len(rows) > 3:
        return source_of_matrix(np.array(rows), "the list of rows")
    if number and len(rows) == 2 and widths - {2, 3}:
        return source_of_array(np.array(rows))
    if not rows or not widths <= {2, 3}:
        raise ValueError(
            f"A list of edges must hold pairs, or triples with a weight (got entries of "
            f"{sorted(widths)} values); pass a matrix as an array"
        )
    extra = [row[2] if len(row) == 3 else ABSENT for row in rows]
    attributes: Columns = {}
    if any(isinstance(value, dict) for value in extra):
        dicts = [value if isinstance(value, dict) else {"weight": value} for value in extra]
        for name in dict.fromkeys(name for row in dicts for name in row):
            attributes[str(name)] = [row.get(name, ABSENT) for row in dicts]
    elif 3 in widths:
        attributes["weight"] = extra
    table: Columns = {"source": [row[0] for row in rows], "target": [row[1] for row in rows]}
    return linked(table | attributes, "the list of edges", _row)


def _two_by_three() -> ValueError:
    return ValueError(
        "Two rows of three numbers may be an edge_index or two edges with weights; pass "
        "'Data(edge_index=...)', or tuples (source, target, weight)"
    )


def source_of_array(array: NDArray[Any], title: str = "the array of edges") -> Source:
    """The source in an array: a square matrix, rows of edges, or an ``edge_index`` of names.

    Raises:
        ValueError: If it has another shape.
    """
    if array.shape == (2, 3) and array.dtype.kind in "iu":
        raise _two_by_three()
    if array.ndim == 2 and array.shape[0] == array.shape[1] and array.dtype.kind in "biuf":
        return source_of_matrix(array, "the matrix")
    if array.ndim == 2 and array.shape[1] in (2, 3):
        table: Columns = {"source": array[:, 0], "target": array[:, 1]}
        if array.shape[1] == 3:
            table["weight"] = array[:, 2]
    elif array.ndim == 2 and array.shape[0] == 2 and array.dtype.kind in "iu":
        table = {"source": array[0], "target": array[1]}
    else:
        raise ValueError(
            f"An array must be a square matrix, edges [E, 2] or [E, 3], or an edge_index [2, E] of "
            f"whole numbers (got {array.dtype} {list(array.shape)})"
        )
    return linked(table, title, _row)


def _row(i: int) -> str:
    return f"row {i}"


def _columns(frame: Any, argument: str) -> Columns:
    if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
        raise TypeError(
            f"'{argument}' must be a frame or a dict of columns (got {type(frame).__name__})"
        )
    frame = _with_index(frame)
    keys = list(frame) if isinstance(frame, Mapping) else list(frame.columns)
    names = [str(key) for key in keys]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"The frame has the columns {doubled} twice; drop or rename one of them")
    found = {name: _column(name, frame[key]) for name, key in zip(names, keys, strict=True)}
    sizes = {name: len(column) for name, column in found.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"Columns must have the same length (got {sizes})")
    return found


def _column(name: str, values: Any) -> Column:
    if np.ndim(values) == 0 or isinstance(values, Mapping):
        raise TypeError(
            f"Column {name!r} must hold an entry for each row (got {type(values).__name__}); pass "
            f"a list, or a dict of dicts as 'nx.from_dict_of_dicts(...)'"
        )
    array = np.asarray(values)
    if array.dtype.kind in "biuf" and array.ndim == 1:
        return array
    entries = values.to_list() if hasattr(values, "to_list") else list(values)
    return [None if _is_missing(entry) else _plain(entry) for entry in entries]


def _plain(entry: Any) -> Any:
    """Decimals of data bases as numbers of Python."""
    if not isinstance(entry, Decimal):
        return entry
    return int(entry) if entry.is_finite() and entry % 1 == 0 else float(entry)


def _is_missing(entry: Any) -> bool:
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(entry, float) and entry != entry


def _with_index(frame: Any) -> Any:
    """A frame of pandas with the columns that became its index, by their names."""
    names = getattr(getattr(frame, "index", None), "names", [None])
    return frame if None in names or set(names) & set(frame.columns) else frame.reset_index()


def _sides(frame: Any) -> tuple[list[Any], list[Any]] | None:
    """The names along the rows and the columns of a frame that is a matrix, or None."""
    index = getattr(frame, "index", None)
    if index is None or callable(index) or _is_bare(frame):
        return None
    rows, columns = ids.as_names(list(index), list(frame.columns))
    named = words.ends_among(list(map(str, columns)), {}, "the frame") is not None
    return (rows, columns) if are_sides(rows, columns) and not named else None


def _is_bare(frame: Any) -> bool:
    """Whether neither rows nor columns of a frame have names: it is an array."""
    index = getattr(frame, "index", None)
    if index is None or callable(index):
        return False
    plain = list(frame.columns) == list(range(len(frame.columns)))
    return plain and type(index).__name__ == "RangeIndex"


def _of_sides(frame: Any, rows: list[Any], columns: list[Any]) -> Source:
    """The source in a frame that is a matrix; where an entry is missing there is no edge."""
    array = frame.to_numpy()
    if array.dtype.kind not in "biuf":
        try:
            array = frame.astype(float).to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The frame must hold numbers ({error}); convert it") from error
    missing = np.isnan(array)
    source = source_of_sides(np.where(missing, 0, array), rows, columns, "the frame")
    if missing.any():
        source.notes["no edge"] = f"where an entry is missing, {int(missing.sum()):,} of them"
    return source
