"""Series of different lengths as one tensor, beside how long each of them is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.arrays import as_tensor


def padded(series: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Series ``[T_i, C]``, or ``[T_i]`` of one channel, as what a reservoir takes.

    ``reservoir(*padded(series))`` are their liquid states.

    Args:
        series: Arrays, tensors, data frames or nested lists of numbers.

    Returns:
        ``x`` ``[B, T, C]`` float32, zero behind the end of a shorter series, and ``lengths``
        ``[B]`` int64.

    Raises:
        ValueError: If they are no series, not finite, or have different numbers of channels.
    """
    arrays = as_arrays(series)
    lengths = torch.tensor([len(each) for each in arrays])
    x = torch.from_numpy(filled(arrays, 0.0)).float()
    bad = (~torch.isfinite(x)).nonzero()
    if len(bad):
        raise ValueError(
            f"Series must be finite in float32 (series {int(bad[0, 0])} is not, at time step "
            f"{int(bad[0, 1])}); fill the gaps, and cut off NaN behind an end"
        )
    return x, lengths


def is_ragged(series: Any) -> bool:
    """Whether ``series`` is a list of series that differ in size, or an array of objects."""
    objects = hasattr(series, "dtype") and series.ndim == 1 and series.dtype == object
    if not objects and not isinstance(series, list | tuple):
        return False
    sizes = {_size(each) for each in series}
    words = any(isinstance(each, str) for each in series)
    return len(sizes) > (0 if objects else 1) and None not in sizes and not words


def as_arrays(series: Sequence[Any]) -> list[NDArray[np.float64]]:
    """Each of ``series`` as ``[T_i, C]`` float64."""
    try:
        arrays = [as_tensor("series", each).detach().cpu().double().numpy() for each in series]
    except (TypeError, ValueError) as error:
        raise ValueError(f"Series must be arrays of numbers [T, C] or [T] ({error})") from error
    arrays = [each[:, None] if each.ndim == 1 else each for each in arrays]
    shapes = [list(each.shape) for each in arrays]
    channels = {each.shape[1] for each in arrays if each.ndim == 2}
    if len(channels) != 1 or any(each.ndim != 2 or 0 in each.shape for each in arrays):
        strange = next((s for s in shapes if len(s) != 2 or 0 in s or s[1:] != shapes[0][1:]), [])
        raise ValueError(
            f"Series of different lengths must be a list of arrays [T, C], none empty and all with "
            f"the same C, or of arrays [T] (the first has shape {shapes[:1] or 'none'}, another "
            f"{strange}); transpose those in which channels come first: 'each.T'"
        )
    return arrays


def _size(series: Any) -> tuple[int, ...] | None:
    """What series that make one array have in common; None of a number."""
    try:
        return tuple(np.shape(series)) if hasattr(series, "shape") else (len(series),)
    except TypeError:
        return None


def filled(arrays: Sequence[NDArray[np.float64]], value: float) -> NDArray[np.float64]:
    """Series ``[T_i, C]`` as one array ``[B, T, C]``, with ``value`` behind their ends."""
    longest = max(len(each) for each in arrays)
    joined = np.full((len(arrays), longest, arrays[0].shape[1]), value)
    for row, each in zip(joined, arrays, strict=True):
        row[: len(each)] = each
    return joined
