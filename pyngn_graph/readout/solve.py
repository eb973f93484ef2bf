"""The algebra of ridge regression: from rows or sums to weights, once per set of penalties."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.readout.base import floored_sd


class Rows(NamedTuple):
    r"""Rows that can be left out.

    Attributes:
        left: Eigenvectors U of :math:`Z Z^\top / n`, ``[n, J]``; of a row that stands for several,
            the entry of one of them.
        y: Centered targets, ``[n, K]``.
        group: The same number for rows that are equal, ``[n]``.
        weight: How many rows each stands for, ``[n]``.
    """

    left: Tensor
    y: Tensor
    group: Tensor
    weight: Tensor

    def error(self, kept: Tensor) -> Tensor:
        r"""Mean squared error ``[K]`` of predictions for rows that were left out.

        A row is left out alone and, where rows repeat, with all that are equal to it too, and the
        mean of both is taken: what comes may be like what was seen, or not.

        Args:
            kept: Share :math:`\alpha / (d + \alpha)` of the targets that stays in the residuals
                along each of the eigenvectors, ``[J]``.
        """
        alone, one = (
            torch.arange(len(self.group), device=self.group.device),
            self.weight.clamp(max=1),
        )
        error = self._left_out(kept, alone, one)
        if len(torch.unique(self.group)) == len(alone) and torch.equal(one, self.weight):
            return error
        return (error + self._left_out(kept, self.group, self.weight)) / 2.0

    def _left_out(self, kept: Tensor, group: Tensor, number: Tensor) -> Tensor:
        r"""Errors ``[K]`` where the equal rows of each ``group`` ``[n]`` are left out at once.

        Of each, ``number`` ``[n]`` are. For m rows with residuals r and the leverage h each, they
        are

        .. math:: r + \frac{h}{1 - m h} \sum r
        """

        def sums(value: Tensor) -> Tensor:
            return torch.zeros_like(value).index_add_(0, group, value)[group]

        left, y, weight = self.left, self.y, self.weight.unsqueeze(1)
        size, number = sums(number), number.unsqueeze(1)
        square, along = left.square(), left.t() @ (weight * y)
        # What lies outside of all eigenvectors is there or is rounding, which the division by
        # what a group leaves unexplained would blow up.
        outside = 1.0 - size / weight.sum() - size * square.sum(dim=1)
        outside = torch.where(outside > 1e-9, outside, 0.0)
        within, beside = left @ (kept.unsqueeze(1) * along), y - left @ along
        unexplained = (size * (square @ kept) + outside).clamp(min=1e-12)  # 1 - m h
        total = sums(number * within) + sums(number * beside) * (outside > 0).unsqueeze(1)
        leverage = (1.0 - unexplained) / size
        error = within + beside + (leverage / unexplained).unsqueeze(1) * total
        return (weight * error.square()).sum(dim=0) / weight.sum()


class Spectrum(NamedTuple):
    r"""A least-squares problem in the eigenbasis of its standardized features z.

    Attributes:
        num_rows: Number of rows n, or the sum of their weights.
        x_mean, y_mean: Means ``[F]`` and ``[K]``.
        scale: Floored standard deviations of the features, ``[F]``.
        y_variance: Variances of the targets, ``[K]``.
        values: Eigenvalues d of :math:`Z^\top Z / n`, ``[J]``.
        vectors: Eigenvectors V, ``[F, J]``.
        cross: :math:`V^\top Z^\top (Y - \bar y) / n`, ``[J, K]``.
        rows: What leaving rows out takes, if the rows themselves are known.
    """

    num_rows: float
    x_mean: Tensor
    y_mean: Tensor
    scale: Tensor
    y_variance: Tensor
    values: Tensor
    vectors: Tensor
    cross: Tensor
    rows: "Rows | None" = None

    @classmethod
    def of_sums(cls, zz: Tensor, zy: Tensor, yy: Tensor) -> "Spectrum":
        """From the sums ``[F + 1, F + 1]``, ``[F + 1, K]``, ``[K]`` over rows of (1, x) and y."""
        n = float(zz[0, 0])
        x_mean, y_mean = zz[0, 1:] / n, zy[0] / n
        covariance = zz[1:, 1:] / n - torch.outer(x_mean, x_mean)
        scale = floored_sd(covariance.diagonal())
        values, vectors = torch.linalg.eigh(covariance / torch.outer(scale, scale))
        cross = (zy[1:] / n - torch.outer(x_mean, y_mean)) / scale.unsqueeze(1)
        return cls(
            n,
            x_mean,
            y_mean,
            scale,
            yy / n - y_mean.square(),
            values.clamp(min=0.0),
            vectors,
            vectors.t() @ cross,
        )

    @classmethod
    def of_rows(cls, x: Tensor, y: Tensor, weight: Tensor | None = None) -> "Spectrum":
        """From the rows ``[n, F]`` and ``[n, K]``; for n < F cheaper than from their sums."""
        weight = x.new_ones(len(x)) if weight is None else weight
        n, root = float(weight.sum()), weight.sqrt().unsqueeze(1)
        x_mean, y_mean = weight @ x / n, weight @ y / n
        x, y = x - x_mean, y - y_mean
        scale = floored_sd(weight @ x.square() / n)
        z = x / scale * root
        values, vectors = torch.linalg.eigh(z @ z.t() / n)
        inside = values > 1e-12 * values[-1]  # directions in which no row lies have no say
        values, left = values[inside], vectors[:, inside]
        group = torch.unique(x, dim=0, return_inverse=True)[1]
        vectors = z.t() @ left / (n * values).sqrt()
        cross = vectors.t() @ (z.t() @ (root * y)) / n
        variance = weight @ y.square() / n
        rows = Rows(left / root, y, group, weight)
        return cls(n, x_mean, y_mean, scale, variance, values, vectors, cross, rows)

    @property
    def is_flat(self) -> bool:
        """Whether no feature varies."""
        return float(self.values.sum()) < 1e-9

    def errors(self, alpha: Tensor) -> Tensor:
        """Errors ``[A, K]`` on rows left out, exact where the rows are known, else :meth:`gcv`."""
        if self.rows is None:
            return self.gcv(alpha)
        return torch.stack([self.rows.error(a / (self.values + a)) for a in alpha])

    def gcv(self, alpha: Tensor) -> Tensor:
        """Generalized cross-validation errors ``[A, K]`` of the penalties ``alpha`` ``[A]``."""
        alpha = alpha.unsqueeze(1)
        explained = (self.values + 2.0 * alpha) / (self.values + alpha).square()
        residual = self.y_variance - explained @ self.cross.square()
        # What remains of an exact fit is rounding: all such penalties count as equally good.
        residual = residual.clamp(min=0.0) + 1e-14 * self.y_variance
        df = 1.0 + (self.values / (self.values + alpha)).sum(dim=1, keepdim=True)
        return residual / (1.0 - df / self.num_rows).clamp(min=1e-9).square()

    def solve(self, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Weight ``[F, K]`` and bias ``[K]`` for the raw features, from ``alpha`` ``[K]``."""
        weight = self.vectors @ (self.cross / (self.values.unsqueeze(1) + alpha))
        weight = weight / self.scale.unsqueeze(1)
        return weight, self.y_mean - self.x_mean @ weight
