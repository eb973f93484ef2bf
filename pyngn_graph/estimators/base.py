"""What both estimators share: flat parameters, the rules for X, and the life of the reservoir."""

from collections.abc import Iterator
from dataclasses import fields
from inspect import signature
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import whole_seed
from pyngn_graph.classification import BATCH, organize
from pyngn_graph.datasets import channel_statistics, standardize
from pyngn_graph.defaults import DEGREE, LIFE, LONGEST, POOL, RHO, TAU_M
from pyngn_graph.diagnosis import Diagnosis
from pyngn_graph.estimators.series import (
    Series,
    check_channels,
    check_single,
    dimensions,
    distinct,
    stacked,
    warn_of_axes,
    warn_of_table,
)
from pyngn_graph.glia.oligodendrocyte import DelayRule
from pyngn_graph.glia.pruning import Criterion
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.readout.ridge import ALPHAS
from pyngn_graph.recipes import GLIA, Recipe

RECIPE = tuple(field.name for field in fields(Recipe))
"""Parameters that are those of a recipe."""


class ReservoirEstimator(BaseEstimator):
    r"""Base of the estimators: a reservoir that organizes itself, and a ridge readout.

    ``fit`` draws a tissue (or takes ``graph``), lets the glia see ``trials`` random training
    samples without their targets, freezes the graph, turns every sample into a liquid state and
    solves for the readout. ``partial_fit`` does all this with its first batch; from then on the
    liquid stays as it is, for states must keep their meaning, and only the readout learns.

    **Input.** ``[n_samples, T, C]`` are series of T time steps of C channels; those of sktime and
    aeon, ``[n_samples, C, T]``, are ``X.transpose(0, 2, 1)``. Series of different lengths are a
    list of arrays ``[T_i, C]``, or ``[T_i]`` of one channel, or have rows of NaN at their ends.
    Series of one channel in rows ``[n_samples, T]`` are ``X[:, :, None]``.

    ``[n_samples, F]``, arrays or data frames, are tables: each row is a single time step of F
    channels, a still pattern, shown for ``hold`` ms. With ``channels=C`` it is cut into F / C time
    steps of C values, time first: ``channels=1`` for series of one channel. A still pattern wants
    to be seen longer than a sample of a series does, and its spikes counted: ``hold=40, pool=1,
    tau_trace=0``. Where X may be meant otherwise a warning says how it is read.

    Args:
        num_nodes: Number of neurons.
        degree: Mean number of inputs per neuron before pruning.
        weight: Mean excitatory weight, in units of the threshold.
        tau_m: Membrane time constant, ms.
        delay: Delays at birth: ``"distance"``, ``"uniform"`` or ``"sqrt"``.
        max_delay: Longest delay, ms.
        glia: Which glia are at work, of ``("astrocyte", "oligodendrocyte", "microglia")``.
        rho: Target of the astrocytes, spikes per step of 1 ms.
        rule: Rule of the oligodendrocytes.
        criterion: Criterion of the microglia.
        keep: Share of the edges at which microglia stop pruning; None for that of the criterion.
        trials: Training samples that the glia see, at most.
        life: Longest time for which they see them, ms: fewer if they are long; None for no limit.
        hold: Time for which each time step of X is held, ms.
        receptive: Name of the fields through which neurons see the input; None for a random
            projection.
        frame: Size of what the fields see.
        input_scale: Standard deviation of the current into a neuron when all channels have unit
            variance.
        input_density: Share of the neurons that each channel reaches.
        bias: Bounds of the constant current, which is uniform.
        pool: What is read out: ``"last"``, the state at the end, or its means over so many
            segments.
        read: How many of the last segments are read; None for all.
        tau_trace: Time constant of the liquid state, ms; 0 for spikes.
        normalized: Whether states are scaled to unit length.
        start: Where a series begins: ``"rest"``, or ``"lived"``, as the life with glia ended.
        alpha: Penalty of the ridge readout, or several to choose from by generalized
            cross-validation.
        channels: Channels of a time step; how many values of a row of a table make one.
        standardize: Whether each channel of X is brought to zero mean and unit variance, as seen
            in ``fit`` or in the first ``partial_fit``.
        graph: A graph to live on instead of a random tissue.
        random_state: Seed of everything random; the same as that of a recipe. None draws one from
            numpy's global state, as scikit-learn does.

    Attributes:
        reservoir_: The living reservoir.
        life_: How long the glia have seen samples, ms of model time.
        recipe_: The recipe that it was made by.
        readout_: The :class:`~pyngn_graph.RidgeReadout`.
        mean_, scale_: Of the channels, ``[C]``.
        n_features_in_: Channels C of series, columns of tables.
        feature_names_in_: Names of the columns, where a data frame gave them.

    Parameters up to ``start`` are explained with :class:`~pyngn_graph.recipes.Recipe`.
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
    ) -> None:
        self.num_nodes = num_nodes
        self.degree = degree
        self.weight = weight
        self.tau_m = tau_m
        self.delay = delay
        self.max_delay = max_delay
        self.glia = glia
        self.rho = rho
        self.rule = rule
        self.criterion = criterion
        self.keep = keep
        self.trials = trials
        self.life = life
        self.hold = hold
        self.receptive = receptive
        self.frame = frame
        self.input_scale = input_scale
        self.input_density = input_density
        self.bias = bias
        self.pool = pool
        self.read = read
        self.tau_trace = tau_trace
        self.normalized = normalized
        self.start = start
        self.alpha = alpha
        self.channels = channels
        self.standardize = standardize
        self.graph = graph
        self.random_state = random_state

    @staticmethod
    def names() -> list[str]:
        """Names of the parameters that all estimators have."""
        return [
            name for name in signature(ReservoirEstimator.__init__).parameters if name != "self"
        ]

    @classmethod
    def from_recipe(cls, recipe: Recipe, **params: Any) -> Self:
        """An estimator with the parameters of ``recipe``, and others by name.

        Recipes say in which units they want their input, hence ``standardize=False`` unless it
        is given.
        """
        chosen = {name: getattr(recipe, name) for name in RECIPE}
        return cls(**(chosen | {"standardize": False} | params))

    @property
    def recipe(self) -> Recipe:
        """The recipe that the parameters make."""
        return Recipe(**{name: getattr(self, name) for name in RECIPE})

    def states(self, X: ArrayLike) -> NDArray[Any]:
        """The liquid states ``[n_samples, F]`` that the readout gets."""
        check_is_fitted(self, "readout_")
        return self._states(self._scaled(self._series(X))).numpy()

    def diagnose(self, X: ArrayLike) -> Diagnosis:
        """Says in words whether the reservoir is healthy on X, what is amiss and what to change.

        Args:
            X: As in ``fit``; the reservoir runs on 100 of the first 150 samples. See
                :meth:`pyngn_graph.TriglialReservoir.diagnose`.
        """
        check_is_fitted(self, "readout_")
        x, lengths = next(self._scaled(self._series(X)))
        return self.reservoir_.diagnose(x, lengths)

    def _series(self, X: Any, fresh: bool = False) -> Series:
        """``X`` as series, in its own units.

        Raises:
            ValueError: If X breaks a rule, or, unless ``fresh``, has other channels than before.
        """
        X = stacked(X)
        if not fresh and self._is_univariate(X):
            X = np.asarray(X)[:, :, None]
        if dimensions(X) > 3:
            raise ValueError(
                f"X must be series [n, T, C] or a table [n, F] (got {list(np.shape(X))}): of "
                f"images a table is 'X.reshape(len(X), -1)', films are "
                f"'X.reshape(*X.shape[:2], -1)'"
            )
        if dimensions(X) == 3:
            X = check_array(X, allow_nd=True, ensure_all_finite="allow-nan", dtype=np.float64)
            check_channels(X.shape, self.channels)
            if fresh:
                self.n_features_in_ = X.shape[2]
                self.__dict__.pop("feature_names_in_", None)
                if self.channels is None and self.receptive is None:
                    warn_of_axes(X.shape)
        else:
            X = self._cut(validate_data(self, X, reset=fresh, dtype=np.float64), fresh)
        if 0 in X.shape:
            raise ValueError(f"X must have samples, time steps and channels (got {X.shape})")
        if not fresh and X.shape[2] != len(self.mean_):
            raise ValueError(
                f"X has {X.shape[2]} channels, but {type(self).__name__} is expecting "
                f"{len(self.mean_)} as in 'fit'"
            )
        values = torch.from_numpy(np.array(X))
        known = ~values.isnan().any(dim=2)
        series = Series(values, known.sum(dim=1))
        bad = (series.lengths == 0) | (series.inside != known).any(dim=1)
        if bool(bad.any()):
            raise ValueError(
                f"NaN may only stand at the end of a series, where it says that it is shorter: "
                f"{int(bad.sum())} of {len(X)} samples break this, the first is "
                f"X[{int(bad.nonzero()[0, 0])}]; fill the gaps"
            )
        return series

    def _is_univariate(self, X: Any) -> bool:
        """Whether X is ``[n, T]``, and what was learned from were series of one channel."""
        if dimensions(X) != 2 or self.n_features_in_ != 1:
            return False
        return len(X) > 0 and np.shape(X)[1] > 1

    def _cut(self, X: NDArray[Any], fresh: bool) -> NDArray[Any]:
        if fresh and self.channels is None:
            check_single(X.shape)
            if self.receptive is None:
                warn_of_table(X.shape)
        width = X.shape[1] if self.channels is None else self.channels
        if not isinstance(width, int) or width < 1 or X.shape[1] % width:
            raise ValueError(
                f"'channels' must be a whole number that divides the {X.shape[1]} columns of X, "
                f"or None (got {self.channels!r})"
            )
        return X.reshape(len(X), -1, width)

    def _grow(self, series: Series, recipe: Recipe, weight: Tensor | None = None) -> None:
        """Makes a reservoir and lets its glia organize it; its readout has learned nothing.

        With ``weight`` ``[B]``, or where series repeat, the glia see each series once at most, and
        which ones does not depend on their order: a weight of 2 is as good as the series twice.
        """
        state = self.random_state
        if state is None or isinstance(state, np.random.RandomState):
            state = check_random_state(state).randint(2**31 - 1)
        state = whole_seed(state, 0, "random_state")
        readout = RidgeReadout(self.alpha)
        num_channels = series.values.size(2)
        mean = torch.zeros(num_channels, dtype=torch.float32)
        scale = torch.ones_like(mean)
        if self.standardize:
            mean, std = channel_statistics(*series, weight)
            scale = torch.where(std > 0, std, 1.0)
        x = standardize(*series, mean, scale).float()
        reservoir = recipe.reservoir(num_channels, state, self.graph)
        self.life_ = 0.0
        if recipe.needs_life:
            seen = distinct(series, weight is not None)
            life = organize(
                recipe, reservoir, x[seen], series.lengths[seen], state, None, progress=False
            )
            self.life_ = float(life.lengths.sum()) * life.dt
        self.mean_, self.scale_ = mean.numpy(), scale.numpy()
        self.recipe_, self.reservoir_, self.readout_ = recipe, reservoir, readout

    def _scaled(self, series: Series) -> Iterator[tuple[Tensor, Tensor]]:
        """Standardized series and their lengths, as many at a time as are run together."""
        mean, scale = torch.from_numpy(self.mean_), torch.from_numpy(self.scale_)
        x = standardize(*series, mean, scale).float()
        return zip(torch.split(x, BATCH), torch.split(series.lengths, BATCH), strict=True)

    def _states(self, parts: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        """What the readout gets of the liquid states, ``[B, F]``."""
        states = [self.reservoir_(x, lengths=lengths) for x, lengths in parts]
        return self.recipe_.features(torch.cat(states))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "readout_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
