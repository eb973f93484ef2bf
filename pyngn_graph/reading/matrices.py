"""Matrices of weights as a source: an entry in row i and column j is the edge from i to j."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyngn_graph.notices import warn
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import Source

SPARE = 1000
"""So many times more nodes than ends of edges are ids, no places."""


def source_of_matrix(matrix: Any, title: str, names: list[Any] | None = None) -> Source:
    """The source in a square matrix, a NumPy array or one of ``scipy.sparse``; 0 is no edge.

    Raises:
        ValueError: If it is not square, or holds what is no finite number.
    """
    from scipy import sparse

    if len(matrix.shape) != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        raise ValueError(
            f"{title} must be a square matrix, row i column j the edge from i to j (got shape "
            f"{tuple(matrix.shape)}); cut out the square part"
        )
    size = int(matrix.shape[0])
    if sparse.issparse(matrix):
        _check_places(matrix, title)
        _check_size(size, matrix.data.size if matrix.format == "dia" else matrix.nnz, title)
        found = matrix.tocoo(copy=True)
        found.sum_duplicates()
        src, dst, weight = found.row, found.col, np.asarray(found.data)
        keep = np.asarray(weight != 0)
        order = np.lexsort((dst[keep], src[keep]))
        src, dst, weight = (part[keep][order] for part in (src, dst, weight))
    else:
        dense = np.asarray(matrix)
        src, dst = np.nonzero(dense)
        weight = dense[src, dst]
    if weight.dtype.kind not in "biuf":
        raise ValueError(f"{title} must hold real numbers (got {weight.dtype}); convert it")
    ends = np.stack([src, dst]).astype(np.int64)
    _check_size(size, ends.shape[1], title)
    name_of = range(size) if names is None else names
    faults = Faults(title, "Write 0 where there is no edge")
    for i in np.flatnonzero(~np.isfinite(weight)).tolist():
        row, column = (name_of[end] for end in ends[:, i].tolist())
        faults.add(f"row {row!r}", column, weight[i].item(), "a finite number")
    faults.check()
    _warn_of_half(ends, title)

    def place(level: str, i: int) -> str:
        if level == "node":
            return f"node {name_of[i]!r}"
        row, column = (name_of[end] for end in ends[:, i].tolist())
        return f"row {row!r}, column {column!r}"

    return Source(
        title,
        name_of,
        ends,
        edges={"weight": weight},
        place=place,
        notes={"directions": "row i, column j is the edge from i to j"},
    )


def _check_places(matrix: Any, title: str) -> None:
    """Refuses a sparse matrix whose indices lead out of it: loops of SciPy look at no bounds."""
    if hasattr(matrix, "check_format"):
        try:
            copy.copy(matrix).check_format(full_check=True)  # which trims what it is called on
        except ValueError as error:
            raise ValueError(f"{title} is damaged ({error}); make it anew") from error


def _check_size(size: int, entries: int, title: str) -> None:
    if size > SPARE * (2 * entries + 1):
        raise ValueError(
            f"{title} has {size:,} rows and {entries:,} entries, as where ids stand for "
            f"places; pass triples of ids, 'zip(a.row, a.col, a.data)' of its 'tocoo()', in a list"
        )


def are_sides(rows: Sequence[Any], columns: Sequence[Any]) -> bool:
    """Whether these are names along the sides of a matrix: those of one are among the other's."""
    above, beside = set(columns), set(rows)
    distinct = len(above) == len(columns) > 1 and len(beside) == len(rows) > 1
    return distinct and (above <= beside or beside <= above)


def source_of_sides(values: Any, rows: Sequence[Any], columns: Sequence[Any], title: str) -> Source:
    """The source in a matrix with names along its sides, in any order.

    Where one side lacks names of the other, those nodes send nothing, or receive nothing.

    Raises:
        ValueError: If the matrix holds what is no finite number.
    """
    names = list(columns) if len(columns) >= len(rows) else list(rows)
    place = {name: i for i, name in enumerate(names)}
    matrix = np.zeros((len(names),) * 2, dtype=values.dtype)
    matrix[np.ix_([place[name] for name in rows], [place[name] for name in columns])] = values
    source = source_of_matrix(matrix, title, names)
    for side, given in (("row", rows), ("column", columns)):
        lacking = len(names) - len(given)
        if lacking:
            source.notes[f"without a {side}"] = f"{lacking:,} of {len(names):,} nodes"
    return source


def _warn_of_half(ends: Any, title: str) -> None:
    off = ends[:, ends[0] != ends[1]]
    above = off[0] < off[1]
    if off.shape[1] > 1 and (above.all() or not above.any()):
        side = "above" if above.all() else "below"
        warn(
            f"All entries of {title} lie {side} the diagonal, as half of an undirected wiring "
            f"does: edges lead one way only. Pass 'a + a.T' for both ways"
        )
