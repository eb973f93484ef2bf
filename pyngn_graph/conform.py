"""Arrays, lists and other types of numbers as the tensors that a graph is made of."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.reserved import GIVEN, OF_EDGES, OF_NEURONS

_EXACT = {torch.float64: 2**53, torch.float32: 2**24}
"""Whole numbers below are exact in that type."""


def conformed(data: Data) -> Data:
    """The graph with what its user gave in the types of this library, itself if all fits.

    NumPy arrays and lists become tensors, whole numbers and truth values of any type int64 and
    bool, and other numbers float32. What cannot be converted without losing more than the digits
    that float32 does not hold stays as it is, for :func:`pyngn_graph.validate` to refuse.
    """
    changed = {}
    for key in ("edge_index", *GIVEN):
        value = data.get(key)
        if value is not None and not _fits(key, value):
            found = _converted(key, value)
            if found is not None:
                changed[key] = found
    if not changed:
        return data
    conform = copy.copy(data)
    for key, found in changed.items():
        conform[key] = found
    return conform


def _dtypes(key: str) -> tuple[torch.dtype, ...]:
    if key == "edge_index":
        return (torch.int64,)
    if key == "pos":
        return torch.float32, torch.float64
    return (OF_EDGES.get(key) or OF_NEURONS[key]).dtypes


def _fits(key: str, value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype in _dtypes(key)


def _converted(key: str, value: Any) -> Tensor | None:
    found = as_tensor(value)
    if found is None:
        return None
    dtypes = _dtypes(key)
    if torch.bool in dtypes:
        return found.bool() if bool(((found == 0) | (found == 1)).all()) else None
    if torch.int64 in dtypes and (found.dtype == torch.bool or not found.is_floating_point()):
        return found.long()
    if torch.float32 in dtypes:
        return found.float()
    return as_whole(found)


def given(value: Any, whole: bool = False) -> Any:
    """A tensor of the real numbers in an array or a list; what holds none stays as it is.

    Args:
        value: What was given.
        whole: Whether its entries must be whole numbers, and become int64.
    """
    found = as_tensor(value)
    if found is not None and whole:
        found = as_whole(found)
    return value if found is None else found


def as_tensor(value: Any) -> Tensor | None:
    """Real numbers as a tensor torch can count with, or None where there are others."""
    if isinstance(value, Tensor):
        if value.is_complex() or value.is_meta or value.layout != torch.strided:
            return None
        unsigned = value.dtype in (torch.uint16, torch.uint32, torch.uint64)
        return _signed(value.detach().cpu().numpy()) if unsigned else value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # rows of unequal length, or what is no number
        return None
    return _signed(array) if array.dtype.kind in "biuf" else None


def as_whole(value: Tensor) -> Tensor | None:
    """Whole numbers as int64, or None where a float holds a fraction or may have lost digits."""
    if not value.is_floating_point():
        return value.long()
    limit = _EXACT.get(value.dtype, 2**8)
    whole = bool(((value == value.floor()) & (value.abs() <= limit)).all())
    return value.long() if whole else None


def _signed(array: Any) -> Tensor | None:
    if array.dtype.kind == "u":
        if array.size and int(array.max()) >= 2**63:
            return None
        array = array.astype(np.int64)
    return torch.from_numpy(np.array(array))
