"""What every door asks of a number or a tensor, in the same words."""

import operator
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from pyngn_graph.memo import once

MAX_COUNT = 2**31 - 1
"""Largest number of steps, samples, neurons or the like: what is more is a slip."""

LARGEST = 1e100
"""Largest size of a value that enters statistics: its square must not overflow."""


WHOLE = 2**53
"""Largest size up to which float64 holds every whole number."""


def is_count(value: Any, least: int = 1) -> bool:
    """Whether ``value`` is a whole number from ``least`` to ``MAX_COUNT``; no bool is one."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and least <= int(value) <= MAX_COUNT


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Raises a ValueError unless ``value`` is a whole number from ``least`` to ``MAX_COUNT``."""
    if is_count(value, least):
        return
    if is_count(value, MAX_COUNT) or (isinstance(value, Integral) and int(value) > MAX_COUNT):
        raise ValueError(f"'{name}' must be at most 2**31 - 1 (got {value}); lower it")
    raise ValueError(f"'{name}' must be a whole number >= {least} (got {value!r})")


def as_number(name: str, value: Any) -> float:
    """``value`` as a float; a TypeError if it is no single real number, and no bool is one."""
    single = isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)
    if not single or isinstance(value, bool) or (isinstance(value, Tensor) and value.is_complex()):
        raise TypeError(f"'{name}' must be a number (got {value!r})")
    return float(value)


def whole_seed(value: Any, least: int = -(2**63), name: str = "seed") -> int:
    """A seed as the ``int`` that it is: any integer of Python, NumPy or torch, but no bool.

    Raises:
        ValueError: If it is no integer, below ``least``, or of more than 64 bits.
    """
    try:
        whole = operator.index(value)
    except (TypeError, RuntimeError):
        whole = None
    if isinstance(value, bool) or "bool" in str(getattr(value, "dtype", "")):
        whole = None
    if whole is not None and least <= whole < 2**64:
        return whole
    size = "of at most 64 bits" if least < 0 else f">= {least} and of at most 64 bits"
    raise ValueError(
        f"'{name}' must be a whole number {size} (got {value!r}); pass {name}={_near(value)}"
    )


def _near(value: Any) -> int:
    """The seed that somebody may have meant."""
    try:
        return abs(int(value)) % 2**63
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return 0


def generator_of(seed: Any) -> torch.Generator:
    """A generator that begins with ``seed``.

    Raises:
        ValueError: If ``seed`` is no whole number of 64 bits.
    """
    return torch.Generator().manual_seed(whole_seed(seed))


def check_tensor(name: str, value: Any, remedy: str = "use 'torch.as_tensor'") -> None:
    """Raises a TypeError or a ValueError unless ``value`` is a real tensor that holds values."""
    if not isinstance(value, Tensor) or value.is_complex():
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise TypeError(f"'{name}' must be a real tensor (got {found}); {remedy}")
    if is_hollow(value):
        raise ValueError(f"'{name}' is on meta, where tensors hold no values; make it on a device")


def is_hollow(value: Tensor) -> bool:
    """Whether ``value`` is on meta and holds nothing; a subclass may keep its values elsewhere."""
    return value.is_meta and type(value) is Tensor


Extent = Callable[[Tensor], tuple[float, float]]
"""Finds the least and the largest entry of a tensor."""


def extent(value: Tensor) -> tuple[float, float]:
    """The least and the largest entry, in one pass and without a mask; NaN if one is NaN."""
    if value.numel() == 0:
        return 0, 0
    low, high = torch.aminmax(value.detach())
    return low.item(), high.item()


known_extent: Extent = once(extent)
"""As :func:`extent`, at once where the tensor is known."""


def check_finite(name: str, value: Any, remedy: str = "drop or replace them") -> None:
    """Raises a TypeError or a ValueError unless ``value`` is a real tensor, all of it finite.

    In size its values must stay below ``LARGEST``.
    """
    check_tensor(name, value)
    if not value.is_floating_point():
        size = 0 if value.dtype == torch.bool else max(-extent(value)[0], extent(value)[1])
        if size > WHOLE:
            raise ValueError(
                f"'{name}' holds whole numbers up to {size:.3g}, and float64 holds all of them up "
                f"to 2**53 only; subtract an offset"
            )
        return
    bad = ~(value.detach().abs() < LARGEST)
    if bool(bad.any()):
        first = bad.nonzero()[0].tolist()
        raise ValueError(
            f"'{name}' must be finite: {int(bad.sum())} of {bad.numel()} entries are not below "
            f"{LARGEST:g} in size, the first is {name}{first} = {value[tuple(first)].item()}; "
            f"{remedy}"
        )
