"""What someone hands in, before any rule: names of nodes, ends of edges, and columns of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = Sequence[Any] | NDArray[Any]
"""An entry for each node or edge; :data:`ABSENT` where the source has none."""

Columns = dict[str, Column]


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()
"""Where a node or an edge lacks an attribute that others have."""


@dataclass(frozen=True)
class Source:
    """A graph as columns under the names that its source gives them.

    Attributes:
        title: What errors call it, e.g. ``"'edges.csv'"``.
        names: What its nodes are called, in their order.
        ends: Places of the nodes ``[2, E]`` that edges join, row 0 pre.
        nodes: Columns of the nodes.
        edges: Columns of the edges.
        graph: Attributes of the whole.
        place: Where node or edge number i stands, in words: ``place("edge", 3)``.
        notes: What has been noted so far about how it was read, by heading.
        label: The column of the nodes that holds other names, more for people.
    """

    title: str
    names: Sequence[Any]
    ends: NDArray[np.int64]
    nodes: Columns = field(default_factory=dict)
    edges: Columns = field(default_factory=dict)
    graph: dict[str, Any] = field(default_factory=dict)
    place: Callable[[str, int], str] = lambda level, i: f"{level} {i}"
    notes: dict[str, str] = field(default_factory=dict)
    label: str | None = None

    @property
    def num_edges(self) -> int:
        """Number of its edges."""
        return int(self.ends.shape[1])

    def with_edges(self, order: NDArray[np.int64], ends: NDArray[np.int64]) -> "Source":
        """The source with the edges ``order`` of it, which join ``ends`` now."""
        place = self.place

        def moved(level: str, i: int) -> str:
            return place(level, int(order[i]) if level == "edge" else i)

        columns = {name: taken(column, order) for name, column in self.edges.items()}
        return replace(self, ends=ends, edges=columns, place=moved)


def is_nan(entry: Any) -> bool:
    """Whether an entry is the float that stands for nothing."""
    return isinstance(entry, float) and entry != entry


def are_text(column: Column) -> bool:
    """Whether every entry of a column is text."""
    return not isinstance(column, np.ndarray) and set(map(type, column)) <= {str}


def taken(column: Column, order: NDArray[np.int64]) -> Column:
    """The entries ``order`` of a column."""
    if isinstance(column, np.ndarray):
        picked: Column = column[order]
        return picked
    return [column[i] for i in order.tolist()]
