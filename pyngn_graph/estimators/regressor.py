"""A reservoir that gives a value for each sample, or for each time step of it."""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from pyngn_graph.estimators.base import ReservoirEstimator
from pyngn_graph.estimators.series import Series, check_steps, dimensions, stacked
from pyngn_graph.estimators.weights import checked_weights


class ReservoirRegressor(RegressorMixin, ReservoirEstimator):
    """Gives values for series, or for rows of a table, from the liquid states that they leave.

    **The shape of y decides.** ``[n_samples]`` or ``[n_samples, K]``: one value, or K, for each
    sample, read out at its end or over its segments (``pool``, ``read``). ``[n_samples, T, K]``,
    beside X ``[n_samples, T, C]``: K values for each time step, from the liquid state at the end of
    that step: forecasting, filtering. A single long series X ``[T, C]`` with y ``[T]`` is
    ``X[None]`` with ``y[None, :, None]``. Time steps where y is NaN are neither learned from nor
    scored: a washout is ``y[:, :50] = np.nan``, and a shorter series ends that way too; beside a
    list of series y may be a list as well. Predictions have the shape of y; behind the end of a
    shorter series they are NaN. Other parameters, the rules for X and the attributes are those of
    :class:`ReservoirEstimator`, and also:

    Attributes:
        per_step_: Whether there is a prediction for each time step.
    """

    per_step_: bool

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Organizes a new reservoir and fits the readout.

        Args:
            X: Series ``[n_samples, T, C]``, a list of them, or a table ``[n_samples, F]``.
            y: Values ``[n_samples]``, ``[n_samples, K]`` or ``[n_samples, T, K]``.
            sample_weight: How much each sample counts, ``[n_samples]``: 2 as much as the sample
                twice, 0 as if it were not there.

        Raises:
            ValueError: If an argument breaks a rule, or a parameter its range.
        """
        return self._fit(X, y, sample_weight, fresh=True)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learns from more samples; the first batch also organizes the reservoir.

        Args:
            X: As in ``fit``.
            y: As in ``fit``, with the same K in all calls.
            sample_weight: As in ``fit``.

        Raises:
            ValueError: If X or y breaks a rule, or y has another shape than before.
        """
        return self._fit(X, y, sample_weight, fresh=not self.__sklearn_is_fitted__())

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predictions in the shape that y had."""
        check_is_fitted(self, "readout_")
        series = self._series(X)
        if not self.per_step_:
            return self._read(self._states(self._scaled(series)))
        values = self._read(self._step_states(series)[series.inside])
        everything = np.full((*series.inside.shape, values.shape[1]), np.nan)
        everything[series.inside.numpy()] = values
        return everything

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R squared, averaged over outputs; of a y ``[n_samples, T, K]`` over all time steps."""
        check_is_fitted(self, "readout_")
        if not self.per_step_:
            y = stacked(y, "y")
            return float(super().score(X, y, checked_weights(sample_weight, len(np.atleast_1d(y)))))
        series = self._series(X)
        weight = checked_weights(sample_weight, len(series.values))
        y, known = self._targets(y, series)
        if weight is not None:
            weight = np.broadcast_to(weight[:, None], known.shape)[known]
        return float(r2_score(y[known], self.predict(X)[known], sample_weight=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _fit(self, X: Any, y: Any, sample_weight: Any, fresh: bool) -> Self:
        series = self._series(X, fresh)
        y, known = self._targets(y, series)
        per_step = y.ndim == 3
        if not fresh and per_step != self.per_step_:
            raise ValueError(
                f"y must keep its number of dimensions from call to call (got {y.ndim}); 'fit' anew"
            )
        weight, rows = checked_weights(sample_weight, len(y), none=not fresh), None
        if weight is not None:
            some = weight > 0
            if not some.any():  # no sample of this batch counts
                return self
            series, y, known, weight = series.where(some), y[some], known[some], weight[some]
            each = np.broadcast_to(weight[:, None], known.shape) if per_step else weight
            rows = torch.from_numpy(each[known])
        if fresh:
            at_end = replace(self.recipe, pool="last", read=None)
            recipe = at_end if per_step else self.recipe
            self._grow(series, recipe, None if weight is None else torch.from_numpy(weight))
        self.per_step_ = per_step
        if per_step:
            states = self._step_states(series)[torch.from_numpy(known)]
        else:
            states = self._states(self._scaled(series))
        self.readout_.partial_fit(states, torch.from_numpy(y[known]), rows)
        return self

    def _targets(self, y: Any, series: Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """``y`` as float64, and where it is known: ``[B]`` or, for each time step, ``[B, T]``."""
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        y = stacked(y, "y")
        finite: Any = "allow-nan" if dimensions(y) == 3 else True
        y = check_array(
            y,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=finite,
            dtype=np.float64,
            input_name="y",
        )
        if y.ndim < 3:
            check_steps(y.shape, tuple(series.values.shape))
        check_consistent_length(series.values, y)
        if y.ndim < 3:
            return y, np.ones(len(y), dtype=np.bool_)
        if y.shape[:-1] != series.inside.shape:
            raise ValueError(
                f"y must have shape [n_samples], [n_samples, K], or [n_samples, T, K] beside "
                f"series of T time steps (got {list(y.shape)} beside T = {series.values.size(1)})"
            )
        known = ~np.isnan(y).any(axis=2)
        if (known & ~series.inside.numpy()).any():
            raise ValueError("y has values behind the end of a series of X; set them to NaN")
        return y, known

    def _step_states(self, series: Series) -> Tensor:
        """Liquid states at the end of every time step, ``[B, T, N]``; NaN behind the ends."""
        every, states = self.reservoir_.setting.hold, []
        for x, lengths in self._scaled(series):
            run = self.reservoir_.run(
                x, lengths=lengths, record=("state",), every=every, progress=False
            )
            states.append(run.traces["state"])
        joined = torch.cat(states)
        return self.recipe_.features(joined.flatten(0, 1)).view_as(joined)

    def _read(self, states: Tensor) -> NDArray[np.float64]:
        prediction: NDArray[np.float64] = self.readout_.predict(states.double()).numpy()
        return prediction
