"""A reservoir that names the class of each sample."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from pyngn_graph.estimators.base import ReservoirEstimator
from pyngn_graph.estimators.series import Series


class ReservoirClassifier(ClassifierMixin, ReservoirEstimator):
    """Names the class of series, or of rows of a table, by the liquid states that they leave.

    Ridge regression on one-hot labels reads the states; the largest output wins. Parameters, the
    rules for X and the attributes are those of :class:`ReservoirEstimator`, and also:

    Attributes:
        classes_: The labels in ascending order.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Organizes a new reservoir and fits the readout.

        Args:
            X: Series ``[n_samples, T, C]``, a list of them, or a table ``[n_samples, F]``.
            y: Labels ``[n_samples]``, of any type that can be sorted.

        Raises:
            ValueError: If X or y breaks a rule, or a parameter its range.
        """
        series, labels = self._labeled(X, y, fresh=True)
        self._grow(series, self.recipe)
        self.classes_ = np.unique(labels)
        return self._learn(series, labels)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Learns from more samples; the first batch also organizes the reservoir.

        Args:
            X: As in ``fit``.
            y: As in ``fit``.
            classes: All labels there will ever be; needed in the first call.

        Raises:
            ValueError: If ``classes`` is missing or others than before, or lacks a label of y.
        """
        first = not self.__sklearn_is_fitted__()
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        series, labels = self._labeled(X, y, fresh=first)
        known = self.classes_ if classes is None else np.unique(np.asarray(classes))
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"'classes' must be those of the first call, {self.classes_.tolist()} (got "
                f"{known.tolist()}); 'fit' anew for others"
            )
        strange = np.setdiff1d(labels, known)
        if strange.size:
            raise ValueError(f"'y' holds labels that are not in 'classes': {strange.tolist()}")
        if first:
            self._grow(series, self.recipe)
        self.classes_ = known
        return self._learn(series, labels)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Outputs of the readout ``[n_samples, n_classes]``, which add up to 1.

        For two classes ``[n_samples]``: that of the second less that of the first.
        """
        outputs = self._class_outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The class of each sample, ``[n_samples]``."""
        outputs = self._class_outputs(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        r"""Probabilities of the classes, ``[n_samples, n_classes]``.

        The least-squares fit of a one-hot label estimates :math:`P(k \mid x)` linearly; what
        leaves [0, 1] is cut off and the rest divided by its sum. Rough and not calibrated: wrap
        the estimator in :class:`sklearn.calibration.CalibratedClassifierCV` where it matters.
        """
        outputs = self._class_outputs(X).clip(min=0.0)
        return outputs / outputs.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Logarithms of :meth:`predict_proba`; minus infinity where that is 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _labeled(self, X: Any, y: Any, fresh: bool) -> tuple[Series, NDArray[Any]]:
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        series = self._series(X, fresh)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(series.values, y)
        return series, y

    def _learn(self, series: Series, labels: NDArray[Any]) -> Self:
        target = torch.from_numpy(np.searchsorted(self.classes_, labels))
        self.readout_.partial_fit(self._states(self._scaled(series)), target)
        return self

    def _class_outputs(self, X: Any) -> NDArray[np.float64]:
        """``[n_samples, n_classes]``; 0 for a class of which no sample was seen yet."""
        check_is_fitted(self, "readout_")
        states = self._states(self._scaled(self._series(X)))
        outputs = self.readout_(states.double()).numpy()
        everything = np.zeros((len(outputs), len(self.classes_)))
        seen = self.readout_.classes
        assert seen is not None
        everything[:, seen.numpy()] = outputs
        return everything
