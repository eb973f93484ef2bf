"""Conversions and sums over all edges, a block at a time.

Beside a large graph there is no room for float64 copies of it.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_BLOCK = 1 << 18
"""Edges handled at once."""


def converted(values: Tensor, dtype: torch.dtype, convert: Callable[[Tensor], Tensor]) -> Tensor:
    """``convert(values)`` ``[E]`` as ``dtype``."""
    result = torch.empty_like(values, dtype=dtype)
    parts = torch.split(values.detach(), _BLOCK), torch.split(result, _BLOCK)
    for part, place in zip(*parts, strict=True):
        place.copy_(convert(part))
    return result


def sums(values: Tensor, target: Tensor, size: int, convert: Callable[[Tensor], Tensor]) -> Tensor:
    """Adds ``convert(values)`` ``[E]`` at ``target`` ``[E]``, in order: ``[size]``."""
    total = convert(values[:0]).new_zeros(size)
    parts = torch.split(values.detach(), _BLOCK), torch.split(target, _BLOCK)
    for part, at in zip(*parts, strict=True):
        total.index_add_(0, at, convert(part))
    return total


def sum_at(values: Tensor, target: Tensor, size: int) -> Tensor:
    """Adds ``values`` ``[E]`` float32 at ``target`` ``[E]``: ``[size]`` float64, free of order.

    The values are rounded to multiples of 2^-40 and summed as integers; they must stay small
    (their sum below 2^23), as traces and health do.
    """
    units = sums(values, target, size, lambda part: torch.round(part.double() * 2.0**40).long())
    return units.double() * 2.0**-40
