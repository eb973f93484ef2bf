"""Numbers as people hold them, arrays, lists, frames and tensors, as tensors; nothing is lost."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pyngn_graph.checks import check_finite, check_tensor

Numbers = Tensor | ArrayLike
"""What doors take: a tensor, or what NumPy makes an array of."""

WHOLE = 2**24
"""Largest size up to which float32 holds every whole number."""


def as_tensor(name: str, value: Any, remedy: str = "") -> Tensor:
    """``value`` as a tensor of real numbers, with the type that they have.

    Args:
        name: What it is called in an error.
        value: A tensor, which is returned as it is; an array, a data frame, a number, or nested
            lists of numbers.
        remedy: What to do about words and objects.

    Raises:
        TypeError: If it holds something else: complex numbers, words, objects.
        ValueError: If rows differ in length, entries are masked, or whole numbers do not fit into
            64 bits.
    """
    if isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value):
        try:
            value = torch.stack(list(value))
        except RuntimeError as error:
            raise _ragged(name) from error
    if isinstance(value, Tensor):
        check_tensor(name, value, remedy or "pass its real part, 'value.real'")
        _check_layout(name, value)
        return value
    array = _array(name, value, remedy)
    if array.dtype.kind == "u" and array.size and int(array.max()) > 2**63 - 1:
        raise ValueError(
            f"'{name}' must fit into 64 bits with a sign (got {int(array.max())}); rescale it"
        )
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def as_float32(name: str, value: Any, remedy: str = "") -> Tensor:
    """``value`` as float32: see :func:`as_tensor`. Fractions are rounded, whole numbers are not.

    Raises:
        TypeError, ValueError: As there, or if a whole number would become another one.
    """
    tensor = as_tensor(name, value, remedy).detach()
    if tensor.is_floating_point() or tensor.dtype == torch.bool or tensor.numel() == 0:
        return tensor.float()
    lowest, highest = (int(v) for v in torch.aminmax(tensor))
    narrow = tensor.float()
    if max(-lowest, highest) > WHOLE and bool((narrow.double().long() != tensor.long()).any()):
        raise ValueError(
            f"'{name}' holds whole numbers up to {max(-lowest, highest)}, and float32 holds them "
            f"up to {WHOLE} only; subtract an offset, or rescale: "
            f"'({name} - {name}.min()) / 1000.0' in float64"
        )
    return narrow


def as_finite(name: str, value: Any, remedy: str = "drop or replace them") -> Tensor:
    """``value`` as :func:`as_tensor` has it, all of it finite.

    Raises:
        TypeError, ValueError: As there, or as :func:`~pyngn_graph.checks.check_finite` does.
    """
    tensor = as_tensor(name, value)
    check_finite(name, tensor, remedy)
    return tensor


def _check_layout(name: str, value: Tensor) -> None:
    for kind, found, remedy in (
        ("sparse", value.layout != torch.strided and not value.is_nested, ".to_dense()"),
        ("nested", value.is_nested, ".to_padded_tensor(0.0)"),
        ("quantized", value.is_quantized, ".dequantize()"),
    ):
        if found:
            raise TypeError(f"'{name}' is a {kind} tensor; pass '{name}{remedy}'")


def _array(name: str, value: Any, remedy: str) -> NDArray[Any]:
    if np.ma.is_masked(value):
        raise ValueError(
            f"'{name}' is masked at {int(np.ma.getmaskarray(value).sum())} of {value.size} "
            f"entries, and there is no number; pass '{name}.filled(...)' with one"
        )
    remedy = remedy or "pass numbers: an array, a data frame or a tensor"
    if isinstance(value, str | bytes | dict | set) or value is None or callable(value):
        raise TypeError(f"'{name}' must be real numbers (got {type(value).__name__}); {remedy}")
    try:
        array = np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise _ragged(name) from error
    except (TypeError, RuntimeError) as error:
        raise TypeError(f"'{name}' cannot be read as an array ({error}); {remedy}") from error
    if array.dtype == object and array.size and all(isinstance(v, Real) for v in array.flat):
        array = np.array(array.tolist())  # as of a frame with columns of several types
    if array.dtype.kind == "c":
        raise TypeError(
            f"'{name}' must be real numbers (got {array.dtype}); pass its real part, or its size"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(f"'{name}' must be real numbers (got {array.dtype}); {remedy}")
    return array


def _ragged(name: str) -> ValueError:
    return ValueError(
        f"'{name}' holds rows of different lengths; series of different lengths are made one "
        f"tensor by 'x, lengths = pyngn_graph.padded(series)'"
    )
