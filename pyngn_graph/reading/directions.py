"""Edges without a direction lead both ways."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pyngn_graph.reading import words
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import Column, Source

_WORDS = {
    "directed": False,
    "undirected": True,
    "mutual": True,
    "bidirected": True,
    "bidirectional": True,
    "both": True,
}
_FLAGS = {"true": False, "1": False, "false": True, "0": True}
"""Entries of a column ``directed``, and whether they make an edge undirected."""


def both_ways(source: Source, chosen: Mapping[str, str]) -> Source:
    """The source with the way back of every edge that its column ``type`` calls undirected.

    A column of other words is what its users call types of synapses, and stays.

    Raises:
        ValueError: If the column says it of some edges and not of others.
    """
    name = _column(source, chosen)
    if name is None:
        return source
    meaning = _WORDS | (_FLAGS if words.is_(name, ("directed",)) else {})
    known = [meaning.get(str(entry).strip().lower()) for entry in source.edges[name]]
    faults = Faults(source.title, "Write Directed or Undirected in these rows")
    for row, kind in enumerate(known):
        if kind is None:
            rule = "Directed or Undirected, as in other rows"
            faults.add(source.place("edge", row), name, source.edges[name][row], rule)
    faults.check()
    rest: dict[str, Column] = {key: col for key, col in source.edges.items() if key != name}
    source = replace(source, edges=rest)
    return doubled(source, np.array([bool(kind) for kind in known], dtype=bool))


def doubled(source: Source, undirected: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Source:
    """The source with the ways back of the edges ``undirected`` ``[E]`` behind the others."""
    back = np.flatnonzero(undirected & (source.ends[0] != source.ends[1]))
    if not back.size:
        return source
    order = np.concatenate([np.arange(source.num_edges), back])
    ends = np.concatenate([source.ends, source.ends[::-1, back]], axis=1)
    number = int(undirected.sum())
    note = f"{number:,} undirected edges lead both ways"
    source = source.with_edges(order, ends)
    return replace(source, notes=source.notes | {"directions": note})


def _column(source: Source, chosen: Mapping[str, str]) -> str | None:
    if "type" in chosen:
        words.check_there(chosen["type"], source.edges, "type", source.title)
    for name in [chosen["type"]] if "type" in chosen else source.edges:
        if words.is_(name, words.DIRECTION) or "type" in chosen:
            found = {str(entry).strip().lower() for entry in source.edges[name]}
            if found & _WORDS.keys() or (words.is_(name, ("directed",)) and found <= _FLAGS.keys()):
                return name
    return None
