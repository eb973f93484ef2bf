"""Matrices of weights as a source: an entry in row i and column j is the edge from i to j."""

from typing import Any

import numpy as np

from pyngn_graph.notices import warn
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
    if sparse.issparse(matrix):
        found = matrix.tocoo()
        src, dst, weight = found.row, found.col, np.asarray(found.data)
        keep = np.asarray(weight != 0)
        order = np.lexsort((dst[keep], src[keep]))
        src, dst, weight = (part[keep][order] for part in (src, dst, weight))
    else:
        dense = np.asarray(matrix)
        if dense.dtype.kind not in "biuf":
            raise ValueError(f"{title} must hold real numbers (got {dense.dtype}); convert it")
        src, dst = np.nonzero(dense)
        weight = dense[src, dst]
    ends = np.stack([src, dst]).astype(np.int64)
    size = int(matrix.shape[0])
    if size > SPARE * (ends.size + 1):
        raise ValueError(
            f"{title} has {size:,} rows and {ends.shape[1]:,} entries, as where ids stand for "
            f"places; pass triples of ids, 'zip(a.row, a.col, a.data)' of its 'tocoo()', in a list"
        )
    _warn_of_half(ends, title)
    name_of = range(size) if names is None else names

    def place(level: str, i: int) -> str:
        return f"row {ends[0, i]}" if level == "edge" else f"node {i}"

    return Source(
        title,
        name_of,
        ends,
        edges={"weight": weight},
        place=place,
        notes={"directions": "row i, column j is the edge from i to j"},
    )


def _warn_of_half(ends: Any, title: str) -> None:
    off = ends[:, ends[0] != ends[1]]
    above = off[0] < off[1]
    if off.shape[1] > 1 and (above.all() or not above.any()):
        side = "above" if above.all() else "below"
        warn(
            f"All entries of {title} lie {side} the diagonal, as half of an undirected wiring "
            f"does: edges lead one way only. Pass 'a + a.T' for both ways"
        )
