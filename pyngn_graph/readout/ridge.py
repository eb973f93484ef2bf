"""Ridge regression in closed form, from sums that batches add up."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from pyngn_graph.arrays import Numbers, as_finite
from pyngn_graph.notices import warn
from pyngn_graph.readout.base import Readout, one_hot, warn_of_constant_features, widened
from pyngn_graph.readout.solve import Spectrum

ALPHAS = tuple(float(f"1e{k}") for k in range(-10, 5))
"""Penalties to choose from by default: 1e-10 to 1e4."""

SAME = 1e-9
"""Errors that differ by less than this share of the variance are the same."""

BLOCK = 1024
"""Rows that are added to the sums at a time (F, if there are more features)."""


class RidgeReadout(Readout):
    r"""Ridge regression on standardized features, in closed form.

    With features :math:`z = (x - \bar x) / \sigma` (see :func:`floored_sd` for the floor under
    :math:`\sigma`) and centered targets, values or one-hot labels, it minimizes

    .. math::
        \frac{1}{n} \sum_{b=1}^{n} \lVert y_b - \bar y - W^\top z_b \rVert^2
        + \alpha \lVert W \rVert^2

    From several ``alpha`` the one with the smallest error on rows left out is taken. With fewer
    rows than features each is left out in turn, alone and with those equal to it, which has a
    closed form too. Else it is the generalized cross-validation error,

    .. math::
        \mathrm{GCV}(\alpha) = \frac{\mathrm{RSS}(\alpha) / n}{(1 - \mathrm{df}(\alpha) / n)^2},
        \qquad \mathrm{df}(\alpha) = 1 + \sum_j \frac{d_j}{d_j + \alpha}

    (:math:`d_j`: eigenvalues of the correlation matrix), an estimate of it that needs the sums
    only: no data is held back. Values have an ``alpha`` per target, so that targets fitted together
    or alone give the same; classes share one. A warning says where the best one is the least or the
    largest of all, and where no feature varies.

    :meth:`partial_fit` adds to the sums of :math:`1, x, x x^\top, x y^\top` in float64. Rows wait
    until a whole block (``BLOCK`` or F rows, counted from the first row ever) is full, hence **any
    split of the same sequence of rows gives the same bits**: one ``fit``, batches of any size, row
    by row, before and after save and load (on one machine with one number of threads). Another
    order of the rows gives the same weights to float64 rounding. With fewer rows than features no
    block is full and the solution comes from the rows themselves, which is equal and cheaper.

    A label that first appears in a later batch is learned as if it had been known from the start.

    Rows may have weights: one of weight 2 counts as two equal rows, one of weight 0 as none. Hence
    their sum stands for n, and weights should be about 1 on average.

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
    rows_w: Tensor | None  # [R] their weights; None while all are 1
    rows_summed: Tensor | None  # [] rows in full blocks; None while all weights are 1
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
        self.register_buffer("rows_w", None)
        self.register_buffer("rows_summed", None)
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
        if self.rows_summed is not None:
            return waiting + int(self.rows_summed)
        return waiting + (0 if self.sum_zz is None else int(self.sum_zz[0, 0]))

    def fit(self, x: Numbers, y: Numbers, sample_weight: Numbers | None = None) -> Self:
        """Forgets everything and solves for ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]``.

        Args:
            x: Features.
            y: Labels or values.
            sample_weight: How much each row counts, ``[B]``; by default 1.

        Raises:
            TypeError, ValueError: If an argument breaks a rule; the readout stays as it was.
        """
        rows = self._rows(x, y, sample_weight, fresh=True)
        self._forget()
        self._add(*rows)
        self._solved()
        return self

    def partial_fit(self, x: Numbers, y: Numbers, sample_weight: Numbers | None = None) -> Self:
        """Adds ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]`` to the sums; else as :meth:`fit`.

        The weights of the map are solved for when they are next needed.

        Raises:
            TypeError, ValueError: If an argument breaks a rule; the readout stays as it was.
        """
        rows = self._rows(x, y, sample_weight)
        if len(rows[0]):  # else none of them counts
            self._add(*rows)
        return self

    def _rows(
        self, x: Numbers, y: Numbers, weight: Numbers | None, fresh: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Checked features and targets of the rows that count, and their weights."""
        x, y = self._check(x, y, fresh)
        if weight is None:
            return x, y, None
        w = as_finite("sample_weight", weight).detach().double().to(x.device)
        if w.shape != (len(x),) or bool((w < 0).any()) or (fresh and not bool((w > 0).any())):
            rule = ", some above 0" if fresh else ""
            raise ValueError(
                f"'sample_weight' must have shape [{len(x)}], one number >= 0 for each row{rule} "
                f"(got {list(w.shape)}, from {float(w.min()) if w.numel() else 0:g})"
            )
        some = w > 0
        return x[some], y[some], w[some]

    def _add(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> None:
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
        if weight is not None and self.rows_w is None:
            self.rows_summed = torch.tensor(self.num_rows - len(self.rows_x), device=x.device)
            self.rows_w = self.rows_x.new_ones(len(self.rows_x))
        start, block = 0, max(BLOCK, x.size(1))
        while start < len(x):
            part = slice(start, start + block - len(self.rows_x))
            self.rows_x = torch.cat([self.rows_x, x[part].double() - self.x_first])
            self.rows_y = torch.cat([self.rows_y, y[part]])
            if self.rows_w is not None:
                more = self.rows_w.new_ones(len(x[part])) if weight is None else weight[part]
                self.rows_w = torch.cat([self.rows_w, more])
            start = part.stop
            if len(self.rows_x) == block:
                self.sum_zz, self.sum_zy, self.sum_yy = self._sums()
                self.rows_x = self.rows_x.new_empty(0, x.size(1))
                self.rows_y = self.rows_y.new_empty(0, *self.rows_y.shape[1:])
                if self.rows_w is not None and self.rows_summed is not None:
                    self.rows_w = self.rows_w.new_empty(0)
                    self.rows_summed = self.rows_summed + block

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
        weighted = z if self.rows_w is None else z * self.rows_w.unsqueeze(1)
        zz = z.t() @ weighted
        zy = widened(weighted.t() @ y, place, size)
        yy = widened((weighted[:, :1] * y.square()).sum(dim=0), place, size)
        if self.sum_zz is None or self.sum_zy is None or self.sum_yy is None:
            return zz, zy, yy
        return self.sum_zz + zz, self.sum_zy + zy, self.sum_yy + yy

    def _warn_of_ends(self, chosen: Tensor) -> None:
        """Says so where the best penalty is the least or the largest of several."""
        least, largest = min(self.alphas), max(self.alphas)
        for end, name, why, beyond in (
            (largest, "largest", "the features tell next to nothing of them", 100.0 * largest),
            (least, "least", "they follow from the features without noise", 0.01 * least),
        ):
            number = int((chosen == end).sum())
            if number and least < largest:
                targets = f"{number} of {chosen.numel()} targets"
                warn(
                    f"The best penalty for {targets} is {end:g}, the {name} to "
                    f"choose from: {why}. If that cannot be, go on to alpha={beyond:g}; "
                    f"alpha={end:g} alone takes it as it is"
                )

    def _total(self) -> float:
        """Sum of the weights of all rows: their number, where all are 1."""
        if self.rows_w is None:
            return self.num_rows
        summed = 0.0 if self.sum_zz is None else float(self.sum_zz[0, 0])
        return summed + float(self.rows_w.sum())

    def _solved(self) -> tuple[Tensor, Tensor]:
        """Solution and penalty, brought up to date."""
        if self.solution is not None and self.penalty is not None:
            return self.solution, self.penalty
        if self.x_first is None or self.rows_x is None or self.rows_y is None:
            raise self._nothing_learned()
        if self._total() < self.x_first.numel() and self.sum_zz is None:
            y = self.rows_y if self.classes is None else one_hot(self.rows_y, self.classes)
            spectrum = Spectrum.of_rows(self.rows_x, y, self.rows_w)
        else:
            spectrum = Spectrum.of_sums(*self._sums())
        alpha = self.x_first.new_tensor(self.alphas)
        error, variance = spectrum.errors(alpha), spectrum.y_variance
        if self.classes is not None:
            error = error.sum(dim=1, keepdim=True).expand_as(error)
            variance = variance.sum().expand_as(variance)
        # Of penalties that are as good the largest is the safest.
        good = error <= error.amin(dim=0) + SAME * variance
        self.penalty = torch.where(good, alpha.unsqueeze(1), 0.0).amax(dim=0)
        if spectrum.is_flat:
            warn_of_constant_features(self.num_rows, self.x_first.numel())
        elif self.num_rows > 1:
            self._warn_of_ends(self.penalty[variance > 0])
        weight, bias = spectrum.solve(self.penalty)
        bias = bias - self.x_first @ weight
        if self.y_first is not None:
            bias = bias + self.y_first
        self.solution = torch.cat([bias.unsqueeze(0), weight])
        return self.solution, self.penalty
