"""What separates two graphs of one life, and the later one from the earlier."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pyngn_graph.graph import round_delay

Content = dict[str, Any]
"""The attributes of a graph by name, tensors on the CPU."""

Patch = tuple[Tensor | None, Tensor]
"""The rows of a tensor that differ from what was carried along, all if None, and what they hold."""


@dataclass(frozen=True)
class Change:
    """What a tick of the slow clock changed.

    Attributes:
        clock: Steps of life after which it came.
        dropped: Places of the edges that went, in the list of before, int64.
        grown: Places of the new edges in the list of now, int64; an edge that moved to a new
            target is dropped and grown.
        moved: Number of edges that stayed and whose delay in use changed.
        switched: Number of edges that stayed and fell silent, or sound again.
        origin: The place in the list of before of every edge of now, -1 where it is new; None if
            all edges stay where they are.
        patches: What separates the ``edge_*`` from what was carried along.
        values: Other attributes that changed.
        deleted: Attributes that are gone.
    """

    clock: int
    dropped: Tensor
    grown: Tensor
    moved: int
    switched: int
    origin: Tensor | None = field(repr=False)
    patches: dict[str, Patch] = field(repr=False)
    values: Content = field(repr=False)
    deleted: tuple[str, ...] = field(repr=False)


def difference(before: Content, after: Content, origin: Tensor | None) -> Change:
    """The change from which :func:`changed` makes ``after`` of ``before``, to the last bit.

    Args:
        before: The earlier graph.
        after: The later graph.
        origin: The place in ``before`` of every edge of ``after``, ``[E]`` int64, -1 where it is
            new; None if the edges are the same.
    """
    size, old = _num_edges(after), _num_edges(before)
    place = torch.arange(size) if origin is None else origin
    gone = torch.ones(old, dtype=torch.bool)
    gone[place[place >= 0]] = False
    stay = size == old and torch.equal(place, torch.arange(size))
    patches, values = dict[str, Patch](), Content()
    for key, value in after.items():
        last = before.get(key)
        if not (_is_of_edges(key, last, old) and _is_like(key, value, last, size)):
            if not _same(value, last):
                values[key] = value
            continue
        carried = _carried(_rows(key, last), None if stay else place)
        rows = _differing(_rows(key, value), carried)
        if 2 * rows.numel() > size:
            patches[key] = (None, _rows(key, value))
        elif rows.numel():
            patches[key] = (rows, _rows(key, value)[rows])
    return Change(
        clock=int(after.get("clock", 0)),
        dropped=gone.nonzero().squeeze(1),
        grown=(place < 0).nonzero().squeeze(1),
        moved=_num_changed(before, after, place, "edge_delay"),
        switched=_num_changed(before, after, place, "edge_mask"),
        origin=None if stay else place,
        patches=patches,
        values=values,
        deleted=tuple(key for key in before if key not in after),
    )


def changed(before: Content, change: Change) -> Content:
    """The graph that ``change`` makes of ``before``."""
    old, after = _num_edges(before), Content()
    for key, last in before.items():
        if key in change.deleted or key in change.values:
            continue
        if not _is_of_edges(key, last, old):
            after[key] = last
            continue
        rows, values = change.patches.get(key, (torch.empty(0, dtype=torch.long), None))
        if rows is None:
            after[key] = _rows(key, values)
            continue
        carried = _carried(_rows(key, last), change.origin)
        after[key] = _rows(key, carried if values is None else carried.index_copy(0, rows, values))
    return after | change.values


def _num_edges(content: Content) -> int:
    return int(content["edge_index"].size(1))


def _rows(key: str, value: Tensor | None) -> Any:
    """A tensor with one edge in a row, and such a one as it was."""
    return value.t() if key == "edge_index" and value is not None else value


def _is_of_edges(key: str, value: Any, size: int) -> bool:
    if not isinstance(value, Tensor) or not key.startswith("edge_") or value.dim() == 0:
        return False
    return bool(_rows(key, value).size(0) == size)


def _is_like(key: str, value: Any, last: Any, size: int) -> bool:
    if not _is_of_edges(key, value, size) or value.dtype != last.dtype:
        return False
    return bool(_rows(key, value).shape[1:] == _rows(key, last).shape[1:])


def _carried(rows: Tensor, origin: Tensor | None) -> Tensor:
    """The rows at their new places; 0 in those of new edges."""
    if origin is None:
        return rows
    kept = origin >= 0
    moved = rows.new_zeros(origin.numel(), *rows.shape[1:])
    moved[kept] = rows[origin[kept]]
    return moved


def _bits(rows: Tensor) -> Tensor:
    """The bytes of each row: 0 and -0 differ, equal NaNs do not."""
    flat = rows.contiguous().view(torch.uint8) if rows.dim() else rows.view(1).view(torch.uint8)
    return flat.flatten(1) if flat.dim() > 1 else flat.view(max(rows.numel(), 1), -1)


def _differing(rows: Tensor, others: Tensor) -> Tensor:
    if not rows.numel():
        return torch.empty(0, dtype=torch.long)
    return (_bits(rows) != _bits(others)).any(dim=1).nonzero().squeeze(1)


def _same(value: Any, other: Any) -> bool:
    if not isinstance(value, Tensor) or not isinstance(other, Tensor):
        return type(value) is type(other) and bool(value == other)
    if value.dtype != other.dtype or value.shape != other.shape:
        return False
    return not value.numel() or torch.equal(_bits(value), _bits(other))


def _num_changed(before: Content, after: Content, place: Tensor, key: str) -> int:
    if key not in before or key not in after:
        return 0
    kept = place >= 0
    old, new = (round_delay(content[key]) for content in (before, after))
    return int((old[place[kept]] != new[kept]).sum())
