"""Where nodes are, in whatever dress a source says it."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.reading import words
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import ABSENT, Column, Columns, Source
from pyngn_graph.reading.values import numbers

WHOLE = ("pos", "position", "positions", "coordinates", "coordinate", "coords", "xyz", "viz",
          "graphics", "location", "soma", "somalocation", "somapos", "dnposition")  # fmt: skip
"""Attributes that hold all coordinates of a node."""

_STEMS = ("", "pos", "position", "coord", "coordinate", "coordinates", "dnposition", "soma",
          "somapos", "somaposition", "loc", "location", "center", "centroid", "mni", "ccf", "node",
          "vizposition")  # fmt: skip
"""What stands before x, y and z, the likeliest first."""

_UNITS = {"": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3}
"""Units that a name may end with, in micrometres."""

Positions = tuple[NDArray[np.float64] | None, list[str], str | None]
"""``[N, 3]`` or None, the attributes that were used up, and where they come from, in words."""


def positions(source: Source, chosen: Mapping[str, str], faults: Faults) -> Positions:
    """The positions of the nodes of a source; a plane has z = 0.

    Where some nodes have none, none are taken, and the words say so.
    """
    nodes = source.nodes
    axes = [role for role in "xyz" if role in chosen]
    if axes:
        for role in axes:
            words.check_there(chosen[role], nodes, role, source.title)
        if axes[:2] != ["x", "y"]:
            raise ValueError(f"'columns' must name 'x', 'y' and, in space, 'z' (got {axes})")
        return _of_axes([chosen[axis] for axis in axes], 1.0, source, faults)
    named = _axes_among(nodes)
    whole = next((n for w in WHOLE for n in nodes if words.is_(n, (w,))), None)
    if whole is not None and (named is None or not words.is_(named[0][0], ("x",))):
        found = _of_whole(whole, source, faults)
        if found is not None:
            return found
    if named is not None and _are_numbers([nodes[name] for name in named[0]]):
        return _of_axes(*named, source, faults)
    return None, [], None


def _axes_among(nodes: Columns) -> tuple[list[str], float] | None:
    """The columns of two or three axes, and micrometres per unit."""
    by_key = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in nodes}
    for stem in _STEMS:
        for unit, scale in _UNITS.items():
            for axes in (("x", "y", "z"), ("0", "1", "2")) if stem else (("x", "y", "z"),):
                keys = [f"{stem}{axis}{unit}" for axis in axes]
                keys += [f"{axis}{stem}{unit}" for axis in axes] if stem else []
                for part in (keys[:3], keys[3:]):
                    found = [by_key[key] for key in part if key in by_key]
                    if len(found) == 3 or (len(found) == 2 and part[:2] == _keys(found)):
                        return found, scale
    return None


def _keys(names: list[str]) -> list[str]:
    return [re.sub(r"[^a-z0-9]", "", name.lower()) for name in names]


def _are_numbers(columns: list[Column]) -> bool:
    return all(
        np.ndim(entry) == 0 and not isinstance(entry, bool) for col in columns for entry in col
    )


def _of_axes(names: list[str], scale: float, source: Source, faults: Faults) -> Positions:
    columns = [source.nodes[name] for name in names]
    lack = [any(_is_missing(col[i]) for col in columns) for i in range(len(source.names))]
    if any(lack):
        return _incomplete(names, lack)
    values = [
        numbers(column, name, lambda i: source.place("node", i), faults) * scale
        for name, column in zip(names, columns, strict=True)
    ]
    said = ", ".join(map(repr, names)) + (f" times {scale:g}" if scale != 1.0 else "")
    return _in_space(np.stack(values, axis=1)), names, _said(said, len(values))


def _of_whole(name: str, source: Source, faults: Faults) -> Positions | None:
    rows = [_row(entry) for entry in source.nodes[name]]
    lack = [row is None for row in rows]
    sizes = {len(row) for row in rows if row is not None}
    if len(sizes) != 1:
        if name == "pos":  # in all other dresses it may mean something else
            for i, entry in enumerate(source.nodes[name]):
                rule = "two or three coordinates, as many on every node"
                faults.add(source.place("node", i), name, entry, rule)
        return None
    if any(lack):
        return _incomplete([name], lack)
    return _in_space(np.array(rows, dtype=np.float64)), [name], _said(repr(name), sizes.pop())


def _row(entry: Any) -> list[float] | None:
    """The two or three coordinates in an entry: a sequence, text as ``[1 2 3]``, or a mapping."""
    if isinstance(entry, Mapping):
        inner = entry.get("position", entry)
        values = [inner.get(axis) for axis in "xyz" if inner.get(axis) is not None]
    elif isinstance(entry, str):
        values = re.findall(r"[^\s,;\[\]()]+", entry)
    else:
        try:
            values = list(entry)
        except TypeError:
            return None
    try:
        row = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return row if len(row) in (2, 3) and bool(np.isfinite(row).all()) else None


def _in_space(pos: NDArray[np.float64]) -> NDArray[np.float64]:
    return pos if pos.shape[1] == 3 else np.pad(pos, ((0, 0), (0, 1)))


def _said(names: str, size: int) -> str:
    return f"read from {names}" + (", z = 0" if size == 2 else "")


def _incomplete(names: list[str], lack: list[bool]) -> Positions:
    number = sum(lack)
    said = f"{', '.join(map(repr, names))} left out: {number:,} of {len(lack):,} nodes have none"
    return None, names, said


def _is_missing(entry: Any) -> bool:
    return (
        entry is None
        or entry is ABSENT
        or (isinstance(entry, str) and entry.strip().lower() in ("", "na", "nan", "none", "null"))
        or (isinstance(entry, float) and entry != entry)
    )
