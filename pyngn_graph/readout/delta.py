"""The delta rule: a readout that learns online, one row at a time."""

from typing import Any, Self

import torch
from torch import Tensor

from pyngn_graph.arrays import Numbers
from pyngn_graph.checks import check_count, generator_of, whole_seed
from pyngn_graph.readout.base import (
    Readout,
    floored_sd,
    one_hot,
    warn_of_constant_features,
    widened,
)


class DeltaReadout(Readout):
    r"""The delta rule on standardized features, with a normalized step.

    For each row, in order, means and variances of features and targets are brought up to date
    (Welford), :math:`z = (x - \bar x) / \sigma` (floored, see :func:`floored_sd`), and

    .. math::
        e = y - \bar y - W^\top z, \qquad
        W \leftarrow W + \eta \, \frac{z e^\top}{1 + \lVert z \rVert^2}

    which corrects the share :math:`\eta` of the error of this row, whatever the size of the
    features. Targets are values or one-hot labels. A label that first appears later is learned as
    if it had been known from the start, and any split of the same sequence of rows over calls of
    :meth:`partial_fit` gives the same bits.

    Args:
        lr: Step :math:`\eta`, in (0, 2); small steps average over noise.
        epochs: Passes of :meth:`fit` over its data.
        seed: Seed of the order in which :meth:`fit` visits the rows, new in each pass.

    Raises:
        ValueError: If a parameter breaks its rule.

    Sources: Widrow & Hoff (1960) for the rule; Nagumo & Noda (1967) for the normalized step.
    """

    rows_seen: Tensor | None  # [] int64
    x_mean: Tensor | None  # [F]
    x_spread: Tensor | None  # [F] sum of squared deviations from the mean
    y_mean: Tensor | None  # [K] relative to y_first
    standard_weight: Tensor | None  # [F, K] for standardized features

    def __init__(self, lr: float = 0.02, epochs: int = 10, seed: int = 0) -> None:
        super().__init__()
        if not 0.0 < lr < 2.0:
            raise ValueError(f"'lr' must lie between 0 and 2, where the rule is stable (got {lr})")
        check_count("epochs", epochs)
        self.lr, self.epochs, self.seed = lr, epochs, whole_seed(seed)
        for name in ("rows_seen", "x_mean", "x_spread", "y_mean", "standard_weight"):
            self.register_buffer(name, None)

    def config(self) -> dict[str, Any]:
        """The parameters of the constructor."""
        return {"lr": self.lr, "epochs": self.epochs, "seed": self.seed}

    def extra_repr(self) -> str:
        """The parameters, and the size once it is known."""
        return f"lr={self.lr}, epochs={self.epochs}, seed={self.seed}" + self._size()

    @property
    def weight(self) -> Tensor:
        """``[F, K]`` float64: change of each output per unit of each raw feature."""
        _, x_spread, _, standard_weight, num_rows = self._learned()
        return standard_weight / floored_sd(x_spread / num_rows).unsqueeze(1)

    @property
    def bias(self) -> Tensor:
        """``[K]`` float64: outputs for features that are all zero."""
        x_mean, _, y_mean, _, _ = self._learned()
        bias = y_mean - x_mean @ self.weight
        return bias if self.y_first is None else bias + self.y_first

    @property
    def in_features(self) -> int | None:
        """Number of features F, None before the first data."""
        return None if self.x_mean is None else self.x_mean.numel()

    @property
    def num_rows(self) -> int:
        """Number of rows learned from, each counted as often as it was visited."""
        return 0 if self.rows_seen is None else int(self.rows_seen)

    def fit(self, x: Numbers, y: Numbers) -> Self:
        """Forgets everything and passes ``epochs`` times over ``x`` ``[B, F]`` and ``y``.

        Raises:
            TypeError, ValueError: If ``x`` or ``y`` breaks a rule; the readout stays as it was.
        """
        x, y = self._check(x, y, fresh=True)
        self._forget()
        if bool((x == x[0]).all()):
            warn_of_constant_features(*x.shape)
        generator = generator_of(self.seed)
        for _ in range(self.epochs):
            order = torch.randperm(len(x), generator=generator).to(x.device)
            self._pass(x[order], y[order])
        return self

    def partial_fit(self, x: Numbers, y: Numbers) -> Self:
        """Passes once over ``x`` ``[B, F]`` and ``y`` ``[B]`` or ``[B, K]``, in order.

        Raises:
            TypeError, ValueError: If ``x`` or ``y`` breaks a rule; the readout stays as it was.
        """
        self._pass(*self._check(x, y))
        return self

    def _pass(self, x: Tensor, y: Tensor) -> None:
        if self.x_mean is None:
            self._begin(x, y)
        y = self._as_rows(y)
        x_mean, x_spread, y_mean, weight, num_rows = self._learned()
        for x_row, y_row in zip(x.double(), y, strict=True):
            num_rows += 1
            deviation = x_row - x_mean
            x_mean = x_mean + deviation / num_rows
            x_spread = x_spread + deviation * (x_row - x_mean)
            y_mean = y_mean + (y_row - y_mean) / num_rows
            z = (x_row - x_mean) / floored_sd(x_spread / num_rows)
            error = y_row - y_mean - z @ weight
            weight = torch.addr(weight, z, error, alpha=self.lr / (1.0 + float(z @ z)))
        self.x_mean, self.x_spread, self.y_mean = x_mean, x_spread, y_mean
        self.standard_weight, self.rows_seen = weight, torch.tensor(num_rows, device=x.device)

    def _begin(self, x: Tensor, y: Tensor) -> None:
        self.x_mean = x.new_zeros(x.size(1), dtype=torch.float64)
        self.x_spread = torch.zeros_like(self.x_mean)
        if y.is_floating_point():
            self.y_first = y[0].clone()
        else:
            self.classes = y.new_empty(0)
        self.y_mean = self.x_mean.new_zeros(0 if self.y_first is None else self.y_first.numel())
        self.standard_weight = self.x_mean.new_zeros(x.size(1), self.y_mean.numel())
        self.rows_seen = torch.tensor(0, device=x.device)

    def _as_rows(self, y: Tensor) -> Tensor:
        """Targets ``[B, K]``; makes room for labels never seen before."""
        if self.y_first is not None:
            return (y - self.y_first).reshape(len(y), -1)
        place, classes = self._know(y)
        if self.y_mean is not None and self.standard_weight is not None:
            # Target and output of a new class were 0 so far: there was no error to learn from.
            self.y_mean = widened(self.y_mean, place, classes.numel())
            self.standard_weight = widened(self.standard_weight, place, classes.numel())
        return one_hot(y, classes)

    def _learned(self) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
        state = self.x_mean, self.x_spread, self.y_mean, self.standard_weight, self.rows_seen
        x_mean, x_spread, y_mean, weight, rows_seen = state
        if (
            x_mean is None
            or x_spread is None
            or y_mean is None
            or weight is None
            or rows_seen is None
        ):
            raise self._nothing_learned()
        return x_mean, x_spread, y_mean, weight, int(rows_seen)
