"""Tuples where there are none: labels such as (0, 1), the nodes of grids, survive.

JSON has no tuples, and PyG makes lists of them when it copies a graph or moves it.
"""

from typing import Any

_MARK = "__tuple__"


def packed(value: Any) -> Any:
    """The value with its tuples as dicts of one key, which JSON can say."""
    if isinstance(value, tuple):
        return {_MARK: [packed(entry) for entry in value]}
    if isinstance(value, list):
        return [packed(entry) for entry in value]
    if isinstance(value, dict):
        return {key: packed(entry) for key, entry in value.items()}
    return value


def as_tuples(value: Any) -> Any:
    """The value with tuples in place of its lists."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def as_lists(value: Any) -> Any:
    """The value with lists in place of its tuples."""
    return list(map(as_lists, value)) if isinstance(value, tuple) else value


def unpacked(value: Any) -> Any:
    """What :func:`packed` was given."""
    if isinstance(value, dict):
        if set(value) == {_MARK}:
            return tuple(unpacked(entry) for entry in value[_MARK])
        return {key: unpacked(entry) for key, entry in value.items()}
    return [unpacked(entry) for entry in value] if isinstance(value, list) else value
