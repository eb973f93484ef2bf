"""Ids are names: never places, never sizes, never floats."""

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import are_text, is_nan

_WHOLE = re.compile(r"(?:(?:0|-?[1-9][0-9]{0,18}+)\n)*+")
_DIGITS = re.compile(r"-?[0-9]{1,30}")
_FLOAT = re.compile(r"(?:0|-?[1-9][0-9]{0,14}+)(?:\.0*)?")
_ROUNDED = re.compile(
    r"-?[0-9]+(\.[0-9]+)?[eE]\+[0-9]+|-?[0-9]+\.[0-9]+[eE][0-9]+|-?[1-9][0-9]{15,}\.0*"
)
_MISSING = ("", "na", "nan", "none", "null", "n/a", "#n/a", "<na>")
_NO_NAME = ("nan", "n/a", "#n/a", "<na>", "null")
"""Of these, what programs write for nothing even among words; ``NA`` and ``None`` may be names."""

_EXACT = 2**53
"""Whole numbers from here on are not all floats."""


def plain(name: Any) -> Any:
    """A name as a plain Python value: NumPy's whole numbers and text, and floats that are whole."""
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, float) and name.is_integer() and abs(name) < _EXACT:
        return int(name)
    return name


def as_names(*columns: Sequence[Any] | NDArray[Any]) -> list[list[Any]]:
    """Columns of ids as names: whole numbers where every id is one, text otherwise.

    Text that is a whole number in its usual form becomes one, so that ids of a table and of
    NetworkX agree; ``007`` or ``1_1`` stay as they are, and so does all else in those columns.
    """
    lists = [_listed(column) for column in columns]
    if all(map(_are_numbers, lists)):
        return [[int(name) for name in names] for names in lists]
    if all(map(_are_whole_floats, lists)):  # as a program writes them that knows floats only
        return [[int(float(name)) for name in names] for names in lists]
    return [names if are_text(names) else list(map(str, names)) for names in lists]


def _listed(column: Sequence[Any] | NDArray[Any]) -> list[Any]:
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        found: list[Any] = column.tolist()
        return found
    if are_text(column):
        return list(column)
    return [plain(name) for name in column]


def _are_numbers(names: list[Any]) -> bool:
    kinds = set(map(type, names))
    if kinds <= {str}:
        return _WHOLE.fullmatch("\n".join([*names, ""])) is not None
    return kinds <= {str, int} and all(
        _WHOLE.fullmatch(f"{name}\n") is not None for name in names if type(name) is str
    )


def _are_whole_floats(names: list[Any]) -> bool:
    return all(_FLOAT.fullmatch(str(name)) for name in names)


def check(column: Sequence[Any] | NDArray[Any], name: str, place: Any, faults: Faults) -> None:
    """Notes ids that are none: empty, missing, or rounded to a float on their way here."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return
    if are_text(column) and _are_numbers(list(column)):
        return
    numeric = None
    for row, entry in enumerate(column):
        entry = plain(entry)
        if type(entry) is str and entry and entry.lower() not in _MISSING:
            if not {"e", "E", "."} & set(entry):
                continue
        if isinstance(entry, float) and not is_nan(entry):
            faults.add(place(row), name, entry, "an id as a whole number or text, not a float")
        elif entry is None or is_nan(entry) or (type(entry) is str and not entry):
            faults.add(place(row), name, entry, "the name of a node")
        elif isinstance(entry, str) and _ROUNDED.fullmatch(entry):
            rule = "an id with all its digits; this one was rounded, write ids as text"
            faults.add(place(row), name, entry, rule)
        elif isinstance(entry, str) and entry.lower() in _MISSING:
            if numeric is None:
                numeric = all(
                    _DIGITS.fullmatch(str(each)) for each in column if not _is_missing(each)
                )
            if numeric or entry.lower() in _NO_NAME:  # among words it may be one
                faults.add(place(row), name, entry, "the name of a node")


def _is_missing(entry: Any) -> bool:
    return entry is None or is_nan(entry) or str(entry).lower() in _MISSING


def in_order(names: Iterable[Any]) -> list[Any]:
    """Names by number where they are numbers, and then by the alphabet."""
    return sorted(names, key=rank)


def are_numbered(names: Iterable[Any]) -> bool:
    """Whether all names are whole numbers, as numbers or as text."""
    return all(
        type(name) is int or (type(name) is str and _DIGITS.fullmatch(name)) for name in names
    )


def rank(name: Any) -> tuple[int, int, str]:
    """Where a name stands among others: numbers first."""
    text = str(name)
    return (0, int(text), text) if _DIGITS.fullmatch(text) else (1, 0, text)


def places(names: Sequence[Any], *ends: list[Any]) -> NDArray[np.int64]:
    """Where the names in ``ends`` stand among ``names``; -1 if they do not."""
    place = {name: i for i, name in enumerate(names)}
    rows = [np.fromiter(map(place.get, end, repeat(-1)), np.int64, len(end)) for end in ends]
    return np.stack(rows) if rows else np.empty((0, 0), np.int64)


def label(names: Sequence[Any]) -> Tensor | list[Any] | None:
    """What ``node_label`` holds: nothing for 0 .. N - 1, int64 for whole numbers, or a list."""
    if isinstance(names, range):
        return None
    if names == list(range(len(names))) and all(type(name) is int for name in names):
        return None
    if all(type(name) is int and -(2**63) <= name < 2**63 for name in names):
        return torch.tensor(names, dtype=torch.int64)
    return list(names)
