"""Ridge regression in closed form, from sums that batches add up."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from pyngn_graph.arrays import Numbers
from pyngn_graph.readout.base import Readout, one_hot, widened
from pyngn_graph.readout.solve import Spectrum

ALPHAS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties to choose from by default."""

BLOCK = 1024
"""Rows that are added to the sums at a time (F, if there are more features)."""


class RidgeReadout(Readout):
    r"""Ridge regression on standardized features, in closed form.

    With features :math:`z = (x - \bar x) / \sigma` (see :func:`floored_sd` for the floor under
    :math:`\sigma`) and centered targets, values or one-hot labels, it minimizes

    .. math::
        \frac{1}{n} \sum_{b=1}^{n} \lVert y_b - \bar y - W^\top z_b \rVert^2
        + \alpha \lVert W \rVert^2

    From several ``alpha`` the one with the smallest generalized cross-validation error is taken,

    .. math::
        \mathrm{GCV}(\alpha) = \frac{\mathrm{RSS}(\alpha) / n}{(1 - \mathrm{df}(\alpha) / n)^2},
        \qquad \mathrm{df}(\alpha) = 1 + \sum_j \frac{d_j}{d_j + \alpha}

    (:math:`d_j`: eigenvalues of the correlation matrix), an estimate of the leave-one-out error
    that needs the sums only: no data is held back. Values have an ``alpha`` per target, so that
    targets fitted together or alone give the same; classes share one.

    :meth:`partial_fit` adds to the sums of :math:`1, x, x x^\top, x y^\top` in float64. Rows wait
    until a whole block (``BLOCK`` or F rows, counted from the first row ever) is full, hence **any
    split of the same sequence of rows gives the same bits**: one ``fit``, batches of any size, row
    by row, before and after save and load (on one machine with one number of threads). Another
    order of the rows gives the same weights to float64 rounding. With fewer rows than features no
    block is full and the solution comes from the rows themselves, which is equal and cheaper.

    A label that first appears in a later batch is learned as if it had been known from the start.

    Args:
        alpha: The penalty, or several to choose from. In units of a feature's variance, hence
            independent of the number of rows.

    Raises:
        ValueError: If an ``alpha`` is not positive and finite.

    Sources: Hoerl & Kennard (1970) for ridge regression; Golub, Heath & Wahba (1979) for GCV.
    """

    x_first: Tensor | None  # [F] the first row, subtracted from all: keeps sums small
    rows_x: Tensor | None  # [R, F] rows that wait for their block to be full
    rows_y: Tensor | None  # [R] labels or [R, K] values
    sum_zz: Tensor | None  # [F + 1, F + 1] sum over full blocks of z z' with z = (1, x)
    sum_zy: Tensor | None  # [F + 1, K]
    sum_yy: Tensor | None  # [K]
    solution: Tensor | None  # [F + 1, K] bias and weight; None while out of date
    penalty: Tensor | None  # [K] alpha of the solution; None while out of date

    def __init__(self, alpha: float | Iterable[float] = ALPHAS) -> None:
        super().__init__()
        self.alphas = tuple(np.atleast_1d(np.asarray(alpha, np.float64)).tolist())
        if not self.alphas or not all(0.0 < a < torch.inf for a in self.alphas):
            raise ValueError(
                f"'alpha' must be a positive number, or several (got {self.alphas}); "
                f"1e-9 is next to no penalty"
            )
        for name in ("x_first", "rows_x", "rows_y", "sum_zz", "sum_zy", "sum_yy"):
            self.register_buffer(name, None)
        self.register_buffer("solution", None)
        self.register_buffer("penalty", None)

    def config(self) -> dict[str, Any]:
        """The parameters of the constructor."""
        return {"alpha": list(self.alphas)}

    def extra_repr(self) -> str:
        """The penalties, and the size once it is known."""
        alpha = self.alphas[0] if len(self.alphas) == 1 else self.alphas
        return f"alpha={alpha}" + self._size()

    @property
    def weight(self) -> Tensor:
        """``[F, K]`` float64: change of each output per unit of each raw feature."""
        return self._solved()[0][1:]

    @property
    def bias(self) -> Tensor:
        """``[K]`` float64: outputs for features that are all zero."""
        return self._solved()[0][0]

    @property
    def best_alpha(self) -> Tensor:
        """``[K]`` float64: the penalty chosen for each output, the same for all classes."""
        return self._solved()[1]

    @property
    def in_features(self) -> int | None:
        """Number of features F, None before the first data."""
        return None if self.x_first is None else self.x_first.numel()

    @property
    def num_rows(self) -> int:
        """Number of rows learned from."""
        waiting = 0 if self.rows_x is None else self.rows_x.size(0)
        return waiting + (0 if self.sum_zz is None else int(self.sum_zz[0, 0]))

    def fit(self, x: Numbers, y: Numbers) -> Self:
        """Forgets everything and solves for ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]``.

        Raises:
            TypeError, ValueError: If ``x`` or ``y`` breaks a rule; the readout stays as it was.
        """
        x, y = self._check(x, y, fresh=True)
        self._forget()
        self._add(x, y)
        self._solved()
        return self

    def partial_fit(self, x: Numbers, y: Numbers) -> Self:
        """Adds ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]`` to the sums.

        The weights are solved for when they are next needed.

        Raises:
            TypeError, ValueError: If ``x`` or ``y`` breaks a rule; the readout stays as it was.
        """
        self._add(*self._check(x, y))
        return self

    def _add(self, x: Tensor, y: Tensor) -> None:
        if self.x_first is None:
            self.x_first = x[0].double().clone()
            self.rows_x = self.x_first.new_empty(0, x.size(1))
            if y.is_floating_point():
                self.y_first = y[0].clone()
                self.rows_y = y.new_empty(0, self.y_first.numel())
            else:
                self.classes, self.rows_y = y.new_empty(0), y.new_empty(0)
        assert self.rows_x is not None
        assert self.rows_y is not None
        if self.y_first is not None:
            y = (y - self.y_first).reshape(len(y), -1)
        else:
            place, classes = self._know(y)
            if self.sum_zy is not None and self.sum_yy is not None:
                self.sum_zy = widened(self.sum_zy, place, classes.numel())
                self.sum_yy = widened(self.sum_yy, place, classes.numel())
        self.solution = self.penalty = None
        start, block = 0, max(BLOCK, x.size(1))
        while start < len(x):
            stop = start + block - len(self.rows_x)
            self.rows_x = torch.cat([self.rows_x, x[start:stop].double() - self.x_first])
            self.rows_y = torch.cat([self.rows_y, y[start:stop]])
            start = stop
            if len(self.rows_x) == block:
                self.sum_zz, self.sum_zy, self.sum_yy = self._sums()
                self.rows_x = self.rows_x.new_empty(0, x.size(1))
                self.rows_y = self.rows_y.new_empty(0, *self.rows_y.shape[1:])

    def _sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """``sum_zz``, ``sum_zy``, ``sum_yy`` with the waiting rows added."""
        assert self.rows_x is not None
        assert self.rows_y is not None
        z = pad(self.rows_x, (1, 0), value=1.0)
        if self.classes is None:
            y, size = self.rows_y, self.rows_y.size(1)
            place = torch.arange(size, device=y.device)
        else:
            # Columns for the labels of these rows only: which others are known must not matter.
            labels, size = torch.unique(self.rows_y), self.classes.numel()
            y, place = one_hot(self.rows_y, labels), torch.searchsorted(self.classes, labels)
        zz = z.t() @ z
        zy = widened(z.t() @ y, place, size)
        yy = widened(y.square().sum(dim=0), place, size)
        if self.sum_zz is None or self.sum_zy is None or self.sum_yy is None:
            return zz, zy, yy
        return self.sum_zz + zz, self.sum_zy + zy, self.sum_yy + yy

    def _solved(self) -> tuple[Tensor, Tensor]:
        """Solution and penalty, brought up to date."""
        if self.solution is not None and self.penalty is not None:
            return self.solution, self.penalty
        if self.x_first is None or self.rows_x is None or self.rows_y is None:
            raise self._nothing_learned()
        if self.num_rows < self.x_first.numel():
            y = self.rows_y if self.classes is None else one_hot(self.rows_y, self.classes)
            spectrum = Spectrum.of_rows(self.rows_x, y)
        else:
            spectrum = Spectrum.of_sums(*self._sums())
        alpha = self.x_first.new_tensor(self.alphas)
        error = spectrum.gcv(alpha)
        if self.classes is not None:
            error = error.sum(dim=1, keepdim=True).expand_as(error)
        self.penalty = alpha[error.argmin(dim=0)]
        weight, bias = spectrum.solve(self.penalty)
        bias = bias - self.x_first @ weight
        if self.y_first is not None:
            bias = bias + self.y_first
        self.solution = torch.cat([bias.unsqueeze(0), weight])
        return self.solution, self.penalty
