"""What X may be: series, ragged lists of them, tables; and what else it may be meant as."""

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.arrays import as_tensor
from pyngn_graph.notices import warn
from pyngn_graph.ragged import as_arrays, filled, is_ragged

WIDE = 10
"""Columns, or channels, from which X may be series that are laid out otherwise."""


class Series(NamedTuple):
    """Series ``values`` ``[B, T, C]`` float64, and the ``lengths`` ``[B]`` of them."""

    values: Tensor
    lengths: Tensor

    @property
    def inside(self) -> Tensor:
        """Which time steps belong to a series, ``[B, T]`` bool."""
        return torch.arange(self.values.size(1)) < self.lengths.unsqueeze(1)

    def where(self, chosen: NDArray[np.bool_]) -> "Series":
        """The series that are ``chosen`` ``[B]``."""
        some = torch.from_numpy(chosen)
        return Series(self.values[some], self.lengths[some])


def stacked(X: Any, name: str = "X") -> Any:
    """Series of different lengths as ``[n, T, C]``, with NaN behind their ends; else X itself.

    Tensors, alone or in a list, become arrays.

    Raises:
        TypeError, ValueError: If X holds what scikit-learn would take for numbers, or series in
            the cells of a table.
    """
    if is_ragged(X):
        return filled(as_arrays(X), np.nan)
    tensors = isinstance(X, list | tuple) and len(X) and isinstance(X[0], Tensor)
    dates = getattr(getattr(X, "dtype", None), "kind", "") in ("m", "M")
    if tensors or isinstance(X, Tensor) or np.ma.is_masked(X) or dates:
        return as_tensor(name, X).detach().cpu().double().numpy()
    _check_cells(X)
    return X


def _check_cells(X: Any) -> None:
    if not hasattr(X, "shape") or len(X.shape) != 2 or 0 in X.shape:
        return
    cell: Any = X.iat[0, 0] if hasattr(X, "iat") else X[0, 0] if isinstance(X, np.ndarray) else None
    if np.ndim(cell):
        raise ValueError(
            f"X {list(X.shape)} has a series in each of its cells; pass "
            f"'[np.stack(row, axis=-1) for row in np.asarray(X)]', series [T, C]"
        )


def distinct(series: Series, sort: bool) -> Tensor:
    """Numbers of the series to choose from: all, or, where some are equal, one of each.

    In the latter case, and if ``sort``, they come in an order that depends on their values alone.
    """
    rows = zip(series.values.numpy(), series.lengths.tolist(), strict=True)
    keys = [blake2b(row[:length].tobytes(), digest_size=16).digest() for row, length in rows]
    first = {key: number for number, key in reversed(list(enumerate(keys)))}
    if len(first) == len(keys) and not sort:
        return torch.arange(len(keys))
    return torch.tensor([first[key] for key in sorted(first)])


def dimensions(values: Any) -> int:
    """Number of dimensions of an array, a table, nested lists or what else makes an array."""
    return int(values.ndim) if hasattr(values, "ndim") else np.asarray(values).ndim


def check_channels(shape: tuple[int, ...], channels: int | None) -> None:
    """Refuses series of the ``shape`` ``[n, T, C]`` that have not the ``channels`` they should.

    Raises:
        ValueError: With the axes to swap, where they are.
    """
    if channels is None or shape[2] == channels:
        return
    swapped = "; time comes before channels: 'X.transpose(0, 2, 1)'"
    raise ValueError(
        f"X must have shape [n, T, channels = {channels}] (got {list(shape)})"
        f"{swapped if shape[1] == channels else ''}"
    )


def warn_of_axes(shape: tuple[int, ...]) -> None:
    """Warns of series ``[n, T, C]`` that are much wider than they are long."""
    _, steps, channels = shape
    if channels >= WIDE and channels > 4 * steps:
        warn(
            f"X {list(shape)} is read as [n, T, C], series of {steps} time step(s) of {channels} "
            f"channels. If they are {channels} time steps of {steps} channel(s), as in sktime and "
            f"aeon, pass 'X.transpose(0, 2, 1)'; channels={channels} says that they are not"
        )


def warn_of_table(shape: tuple[int, ...]) -> None:
    """Warns of a table ``[n, F]`` that may hold series of one channel."""
    if shape[1] >= WIDE:
        warn(
            f"X {list(shape)} is read as a table: each row is a still pattern of {shape[1]} "
            f"channels, without time. If a row is a series of {shape[1]} time steps, pass "
            f"'X[:, :, None]', or set channels=1; channels={shape[1]} says that it is a table"
        )


def check_single(shape: tuple[int, ...]) -> None:
    """Refuses a table of one column, which is more likely one long series.

    Raises:
        ValueError: With the calls for either.
    """
    if shape[1] == 1:
        raise ValueError(
            f"X {list(shape)} has n_features=1: if it is one series of {shape[0]} time steps, pass "
            f"'X[None]', and y with one row of targets: 'y[None, :, None]'; channels=1 says that "
            f"it is {shape[0]} series of one time step each"
        )


def check_labels(y_shape: tuple[int, ...], x_shape: tuple[int, ...]) -> None:
    """Refuses a label for each time step of ``x_shape`` ``[n, T, C]``.

    Raises:
        ValueError: With what to do instead.
    """
    number, steps = x_shape[:2]
    if steps > 1 and (y_shape[:2] == (number, steps) or (number == 1 and y_shape == (steps,))):
        raise ValueError(
            f"y {list(y_shape)} has a label for each time step of X {list(x_shape)}, and a "
            f"classifier names whole series: cut X into windows [n, T, C] with one label each, or "
            f"fit a ReservoirRegressor to '(y.reshape({number}, {steps}, 1) == np.unique(y))."
            f"astype(float)', whose largest prediction names the class of a time step"
        )


def check_steps(y_shape: tuple[int, ...], x_shape: tuple[int, ...]) -> None:
    """Refuses values for each time step of ``x_shape`` ``[n, T, C]`` that lack an axis.

    Raises:
        ValueError: With the call to make.
    """
    number, steps = x_shape[:2]
    if steps == 1:
        return
    if number == 1 and y_shape in ((steps,), (steps, 1)):
        call = "y[None, :, None]" if len(y_shape) == 1 else "y[None]"
        raise ValueError(
            f"y {list(y_shape)} has one value for each time step of the only series of X "
            f"{list(x_shape)}; pass '{call}', [n, T, K]"
        )
    if y_shape == (number, steps):
        raise ValueError(
            f"y {list(y_shape)} beside X {list(x_shape)} may be a value for each time step, or "
            f"{steps} values for each series; for the first pass 'y[:, :, None]', for the second "
            f"give X one more time step of NaN, which ends a series: "
            f"'np.pad(X, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)'"
        )
