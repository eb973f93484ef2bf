"""A reservoir that names the class of each sample."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.defaults import DEGREE, LIFE, LONGEST, POOL, RHO, TAU_M
from pyngn_graph.estimators.base import ReservoirEstimator
from pyngn_graph.estimators.series import Series, check_labels
from pyngn_graph.estimators.weights import checked_weights, with_class_weights
from pyngn_graph.glia.oligodendrocyte import DelayRule
from pyngn_graph.glia.pruning import Criterion
from pyngn_graph.readout.ridge import ALPHAS
from pyngn_graph.recipes import GLIA


class ReservoirClassifier(ClassifierMixin, ReservoirEstimator):
    """Names the class of series, or of rows of a table, by the liquid states that they leave.

    Ridge regression on one-hot labels reads the states; the largest output wins. Parameters, the
    rules for X and the attributes are those of :class:`ReservoirEstimator`, and also:

    Args:
        class_weight: How much the samples of each class count in the readout: a dict from labels to
            numbers, 1 for those left out, or ``"balanced"``: all classes alike, however many
            samples each has. They are relative to each other. None: all samples alike.

    Attributes:
        classes_: The labels in ascending order.
    """

    def __init__(
        self,
        num_nodes: int = 1000,
        degree: float = DEGREE,
        weight: float = 0.2,
        tau_m: float = TAU_M,
        delay: str = "distance",
        max_delay: int = LONGEST,
        glia: tuple[str, ...] = GLIA,
        rho: float = RHO,
        rule: str | DelayRule = "graded",
        criterion: str | Criterion = "relative",
        keep: float | None = 0.35,
        trials: int = 250,
        life: float | None = LIFE,
        hold: int = 10,
        receptive: str | None = None,
        frame: tuple[int, ...] = (),
        input_scale: float = 1.0,
        input_density: float = 1.0,
        bias: tuple[float, float] = (0.7, 1.1),
        pool: str | int = POOL,
        read: int | None = None,
        tau_trace: float = 20.0,
        normalized: bool = False,
        start: str = "rest",
        alpha: float | tuple[float, ...] = ALPHAS,
        channels: int | None = None,
        standardize: bool = True,
        graph: Data | None = None,
        random_state: int | np.random.RandomState | None = None,
        class_weight: str | dict[Any, float] | None = None,
    ) -> None:
        given = dict(locals())
        super().__init__(**{name: given[name] for name in ReservoirEstimator.names()})
        self.class_weight = class_weight

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Organizes a new reservoir and fits the readout.

        Args:
            X: Series ``[n_samples, T, C]``, a list of them, or a table ``[n_samples, F]``.
            y: Labels ``[n_samples]``, of any type that can be sorted.
            sample_weight: How much each sample counts, ``[n_samples]``: 2 as much as the sample
                twice, 0 as if it were not there.

        Raises:
            ValueError: If an argument breaks a rule, or a parameter its range.
        """
        series, labels, weight = self._labeled(X, y, sample_weight, fresh=True)
        classes = np.unique(labels)
        total = with_class_weights(weight, labels, classes, self.class_weight)
        if total is not None and not total.any():
            raise ValueError(
                f"class_weight leaves no sample above zero weight (got {self.class_weight})"
            )
        if total is not None:  # weights of classes are relative to each other only
            total = total * ((len(labels) if weight is None else weight.sum()) / total.sum())
        self._grow(series, self.recipe, weight)
        self.classes_ = classes
        return self._learn(series, labels, total)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learns from more samples; the first batch also organizes the reservoir.

        Args:
            X: As in ``fit``.
            y: As in ``fit``.
            classes: All labels there will ever be; needed in the first call.
            sample_weight: As in ``fit``.

        Raises:
            ValueError: If ``classes`` is missing or others than before, or lacks a label of y, or
                ``class_weight="balanced"``, which takes all samples at once.
        """
        first = not self.__sklearn_is_fitted__()
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples at once; count the classes and pass a "
                "dict from labels to weights, or 'fit'"
            )
        series, labels, weight = self._labeled(X, y, sample_weight, fresh=first)
        known = self.classes_ if classes is None else np.unique(np.asarray(classes))
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(
                f"'classes' must be those of the first call, {self.classes_.tolist()} (got "
                f"{known.tolist()}); 'fit' anew for others"
            )
        strange = np.setdiff1d(labels, known)
        if strange.size:
            raise ValueError(f"'y' holds labels that are not in 'classes': {strange.tolist()}")
        total = with_class_weights(weight, labels, known, self.class_weight)
        if first:
            self._grow(series, self.recipe, weight)
        self.classes_ = known
        return self._learn(series, labels, total)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy: share of the samples that are named correctly."""
        return float(super().score(X, y, checked_weights(sample_weight, len(np.atleast_1d(y)))))

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

    def _labeled(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool
    ) -> tuple[Series, NDArray[Any], Tensor | None]:
        """The samples that count, with their labels and weights."""
        if y is None:
            name = type(self).__name__
            raise ValueError(f"{name} requires y to be passed, but the target y is None")
        series = self._series(X, fresh)
        check_labels(np.asarray(y).shape, tuple(series.values.shape))
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(series.values, y)
        weight = checked_weights(sample_weight, len(y), none=not fresh)
        if weight is None:
            return series, y, None
        some = weight > 0
        return series.where(some), y[some], torch.from_numpy(weight[some])

    def _learn(self, series: Series, labels: NDArray[Any], weight: Tensor | None) -> Self:
        if not len(labels):  # no sample of this batch counts
            return self
        target = torch.from_numpy(np.searchsorted(self.classes_, labels))
        self.readout_.partial_fit(self._states(self._scaled(series)), target, weight)
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
