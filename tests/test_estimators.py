import importlib
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from helpers import graph_of, random_graph

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import pyngn_graph.estimators
from pyngn_graph.classification import classify
from pyngn_graph.datasets.series import SeriesDataset
from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor
from pyngn_graph.estimators.base import ReservoirEstimator
from pyngn_graph.recipes import Recipe, image_classifier

TABLE: dict[str, Any] = {
    "num_nodes": 25,
    "hold": 20,
    "pool": 1,
    "tau_trace": 0.0,
    "trials": 2,
    "input_scale": 1.5,
    "random_state": 0,
}
SERIES: dict[str, Any] = {"num_nodes": 30, "hold": 4, "trials": 5, "random_state": 0}
EITHER = pytest.mark.parametrize("kind", [ReservoirClassifier, ReservoirRegressor])


def no_failures(estimator: ReservoirEstimator) -> dict[str, str]:
    """No check of scikit-learn is expected to fail."""
    return {}


@parametrize_with_checks(
    [ReservoirClassifier(**TABLE), ReservoirRegressor(**TABLE)],
    expected_failed_checks=no_failures,
)
def test_the_checks_of_scikit_learn_pass(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def series(seed: int = 0, num_items: int = 24, num_steps: int = 6) -> tuple[Any, Any]:
    """Series of two channels; the class is which of the two carries more."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=num_items)
    x = rng.normal(size=(num_items, num_steps, 2))
    x[np.arange(num_items), :, y] += 2.0
    return x, np.array(["left", "right"])[y]


def memory(seed: int, num_items: int, num_steps: int) -> tuple[Any, Any]:
    """Noise, and what it was one time step before: nothing at the first."""
    x = np.random.default_rng(seed).uniform(-1, 1, size=(num_items, num_steps, 1))
    y = np.roll(x, 1, axis=1)
    y[:, 0] = np.nan
    return x, y


def test_it_is_the_recipe_with_its_readout() -> None:
    recipe = Recipe(num_nodes=30, hold=3, trials=6, pool=2, normalized=True)
    x, y = series()
    code = torch.from_numpy((y == "right").astype(np.int64))
    parts = torch.from_numpy(x).float().split(12), code.split(12)
    train, test = (SeriesDataset(a, torch.full_like(b, 6), b) for a, b in zip(*parts, strict=True))
    expected = classify(recipe, train, test, seed=3, progress=False)
    ours = ReservoirClassifier.from_recipe(recipe, random_state=3).fit(x[:12], y[:12])
    assert ours.recipe == recipe
    assert (ours.predict(x[12:]) == "right").tolist() == expected.prediction.bool().tolist()
    assert ours.score(x[12:], y[12:]) == pytest.approx(expected.accuracy)
    assert torch.equal(ours.reservoir_.graph.gain, expected.reservoir.graph.gain)


def test_from_recipe_takes_every_parameter_of_the_recipe() -> None:
    recipe = image_classifier()
    ours = ReservoirRegressor.from_recipe(recipe, alpha=0.5, num_nodes=9)
    assert (ours.num_nodes, ours.alpha, ours.standardize) == (9, 0.5, False)
    assert ours.receptive == "gabor_sizes"
    assert ours.recipe.hold == recipe.hold
    assert set(vars(recipe)) <= set(ours.get_params())


@EITHER
def test_nothing_happens_before_fit(kind: Any) -> None:
    nonsense = kind(num_nodes=-1, glia=("neuron",), pool=0, alpha=-1.0)
    assert clone(nonsense).get_params() == nonsense.get_params()
    with pytest.raises(ValueError, match=r"Unknown glia \['neuron'\]"):
        nonsense.fit(np.eye(4), np.arange(4) % 2)


@EITHER
def test_equal_seeds_equal_estimators(kind: Any) -> None:
    x, _ = series()
    y = np.arange(24) % 3
    one, two = (kind(**SERIES).fit(x, y) for _ in range(2))
    other = kind(**SERIES | {"random_state": 1}).fit(x, y)
    assert np.array_equal(one.states(x), two.states(x))
    assert np.array_equal(one.predict(x), two.predict(x))
    assert not np.array_equal(one.states(x), other.states(x))
    drawn = [kind(**SERIES | {"random_state": np.random.RandomState(7)}) for _ in range(2)]
    assert np.array_equal(*(each.fit(x, y).states(x) for each in drawn))
    again = pickle.loads(pickle.dumps(one))
    assert np.array_equal(one.predict(x), again.predict(x))


def test_a_table_is_series_written_in_rows() -> None:
    x, y = series()
    deep = ReservoirClassifier(**SERIES).fit(x, y)
    flat = ReservoirClassifier(**SERIES, channels=2).fit(x.reshape(24, 12), y)
    assert np.array_equal(deep.states(x), flat.states(x.reshape(24, 12)))
    still = ReservoirClassifier(**SERIES, channels=12).fit(x.reshape(24, 12), y)
    assert still.reservoir_.in_channels == 12
    assert (deep.n_features_in_, flat.n_features_in_) == (2, 12)
    values = ReservoirRegressor(**SERIES, channels=2).fit(x.reshape(24, 12), x[:, :, :1])
    assert values.predict(x.reshape(24, 12)).shape == (24, 6, 1)


def test_nan_ends_a_series() -> None:
    x, y = series()
    x[5:, 4:] = np.nan
    model = ReservoirClassifier(**SERIES).fit(x, y)
    assert np.array_equal(model.states(x[5:]), model.states(x[5:, :4]))
    assert np.isfinite(model.predict_proba(x)).all()
    inside = x[~np.isnan(x).any(axis=2)]
    np.testing.assert_allclose(model.mean_, inside.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(model.scale_, inside.std(axis=0), rtol=1e-5)


def test_standardizing_makes_units_vanish() -> None:
    x, y = series()
    plain = ReservoirClassifier(**SERIES).fit(x, y)
    moved = ReservoirClassifier(**SERIES).fit(1024.0 * x + 512.0, y)
    np.testing.assert_allclose(
        plain.decision_function(x), moved.decision_function(1024.0 * x + 512.0), atol=0.05
    )
    x[:, :, 1] = 0.1  # a constant channel is no reason to divide by rounding errors
    flat = ReservoirClassifier(**SERIES).fit(x, y)
    assert flat.scale_[1] == 1.0
    raw = ReservoirClassifier(**SERIES, standardize=False).fit(x, y)
    assert raw.mean_.tolist() == [0.0, 0.0]


def test_partial_fit_in_any_batches_is_fit() -> None:
    x, y = series()
    settings = SERIES | {"glia": (), "standardize": False}
    whole = ReservoirClassifier(**settings).fit(x, y)
    parts = ReservoirClassifier(**settings)
    order = np.argsort(y, kind="stable")  # the second class comes last
    whole.fit(x[order], y[order])
    for rows in np.array_split(order, 5):
        parts.partial_fit(x[rows], y[rows], classes=["left", "right"])
        assert parts.decision_function(x).shape == (24,)
    assert np.array_equal(whole.decision_function(x), parts.decision_function(x))
    values = np.random.default_rng(1).normal(size=(24, 2))
    one = ReservoirRegressor(**settings).fit(x, values)
    two = ReservoirRegressor(**settings)
    for rows in np.array_split(np.arange(24), 3):
        two.partial_fit(x[rows], values[rows])
    assert np.array_equal(one.predict(x), two.predict(x))


def test_after_its_first_batch_the_liquid_stays_as_it_is() -> None:
    x, y = series()
    model = ReservoirClassifier(**SERIES).partial_fit(x[:12], y[:12], classes=np.unique(y))
    liquid, mean = model.reservoir_, model.mean_
    states = model.states(x)
    model.partial_fit(10.0 + x[12:], y[12:])
    assert model.reservoir_ is liquid
    assert model.mean_ is mean
    assert np.array_equal(model.states(x), states)
    assert model.readout_.num_rows == 24


def test_outputs_of_classes() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5, 2))
    y = np.repeat([3, 5, 9], 10)
    model = ReservoirClassifier(**SERIES).fit(x, y)
    outputs, chance = model.decision_function(x), model.predict_proba(x)
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    assert (chance >= 0).all()
    assert np.array_equal(model.classes_[outputs.argmax(axis=1)], model.predict(x))
    assert np.array_equal(model.classes_[chance.argmax(axis=1)], model.predict(x))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(x)), chance)
    few = ReservoirClassifier(**SERIES).partial_fit(x[:20], y[:20], classes=[3, 4, 5, 9])
    assert (few.decision_function(x)[:, [1, 3]] == 0).all()
    assert set(few.predict(x)) <= {3, 5}


def test_a_value_for_each_time_step() -> None:
    x, y = memory(0, 12, 60)
    model = ReservoirRegressor(
        num_nodes=100, tau_m=10.0, weight=0.1, input_scale=2.0, trials=5, random_state=0
    ).fit(x, y)
    assert model.predict(x).shape == y.shape
    fresh, target = memory(1, 6, 60)
    assert model.score(fresh, target) > 0.3
    # By hand: the state when a time step ends, and ridge regression on it.
    scaled = torch.from_numpy((fresh - model.mean_) / model.scale_).float()
    run = model.reservoir_.run(scaled, record=("state",))
    states = run.traces["state"][:, 9::10]
    by_hand = model.readout_.predict(states[3].double())
    np.testing.assert_allclose(model.predict(fresh)[3], by_hand.numpy())
    single = ReservoirRegressor(num_nodes=30, random_state=0).fit(x[:1], y[:1])
    assert single.readout_.num_rows == 59


def test_time_steps_without_a_value_are_not_learned_from() -> None:
    x, y = memory(0, 3, 20)
    settings = SERIES | {"glia": ()}
    y[:, :5] = np.nan
    x[2, 15:] = y[2, 15:] = np.nan
    model = ReservoirRegressor(**settings).fit(x, y)
    assert model.readout_.num_rows == 15 + 15 + 10
    prediction = model.predict(x)
    assert np.isnan(prediction[2, 15:]).all()
    assert np.isfinite(prediction[:2]).all()
    whole = np.where(np.isnan(y), 1e6, y)
    whole[2, 15:] = np.nan
    assert model.score(x, y) > model.score(x, whole)
    with pytest.raises(ValueError, match="values behind the end of a series"):
        model.fit(x, np.zeros_like(y))


def test_searches_and_pipelines() -> None:
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), ReservoirClassifier(**TABLE))
    assert cross_val_score(pipeline, x[::3], y[::3], cv=2).mean() > 0.7
    search = GridSearchCV(
        ReservoirClassifier(**TABLE),
        {"rho": [0.02, 0.06], "glia": [(), ("astrocyte",)], "alpha": [1e-2]},
        cv=2,
    ).fit(x[::3], y[::3])
    assert search.best_estimator_.get_params()["rho"] == search.best_params_["rho"]
    assert len(search.cv_results_["params"]) == 4
    deep, target = memory(0, 6, 12)
    forecast = GridSearchCV(
        ReservoirRegressor(**SERIES), {"tau_trace": [2.0, 20.0]}, cv=KFold(2), error_score="raise"
    ).fit(deep, target)
    assert np.isfinite(forecast.cv_results_["mean_test_score"]).all()


def test_it_lives_on_a_graph_of_ones_own() -> None:
    graph = random_graph(3, num_nodes=12, num_edges=40)
    x, y = series()
    model = ReservoirClassifier(**SERIES | {"glia": ()}, graph=graph, pool=3, read=2).fit(x, y)
    assert torch.equal(model.reservoir_.graph.edge_index, graph.edge_index)
    assert model.states(x).shape == (24, 24)
    assert clone(model).graph is not graph
    with pytest.raises(ValueError, match="'edge_delay' must be at least 1 step"):
        ReservoirClassifier(graph=graph_of(2, [(0, 1, 1.0, 0)])).fit(x, y)


def test_names_of_columns() -> None:
    pandas = pytest.importorskip("pandas")
    x, y = load_iris(return_X_y=True)
    frame = pandas.DataFrame(x, columns=list("abcd"))
    model = ReservoirClassifier(**TABLE).fit(frame, y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_bad_input_is_refused() -> None:
    x, y = series()
    model = ReservoirClassifier(**SERIES).fit(x, y)
    before = model.decision_function(x)
    gap = x.copy()
    gap[4, 2] = np.nan
    with pytest.raises(ValueError, match=r"NaN may only stand at the end .* first is X\[4\]"):
        model.fit(gap, y)
    with pytest.raises(
        ValueError, match="X has 3 channels, but ReservoirClassifier is expecting 2"
    ):
        model.predict(np.ones((2, 6, 3)))
    with pytest.raises(ValueError, match="'channels' must be a whole number that divides the 12"):
        ReservoirClassifier(channels=5).fit(x.reshape(24, 12), y)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        ReservoirClassifier().partial_fit(x, y)
    with pytest.raises(ValueError, match="'classes' must be those of the first call"):
        model.partial_fit(x, y, classes=["left", "up"])
    with pytest.raises(ValueError, match=r"not in 'classes': \['up'\]"):
        model.partial_fit(x[:1], ["up"])
    assert np.array_equal(model.decision_function(x), before)
    values = ReservoirRegressor(**SERIES).fit(x, np.arange(24.0))
    with pytest.raises(ValueError, match="must keep its number of dimensions"):
        values.partial_fit(x, np.zeros((24, 6, 1)))
    with pytest.raises(ValueError, match=r"y must have shape .*got \[24, 5, 1\] beside T = 6"):
        values.fit(x, np.zeros((24, 5, 1)))
    prediction = values.predict(x)
    with pytest.raises(ValueError, match="'alpha' must be a positive number"):
        values.set_params(alpha=-1.0, read=1, pool=3).fit(5.0 * x, np.arange(24.0))
    assert np.array_equal(values.predict(x), prediction)
    steps = ReservoirRegressor(**SERIES).fit(*memory(0, 3, 8))
    with pytest.raises(ValueError, match=r"sample_weight must have shape \[3\]"):
        steps.score(*memory(0, 3, 8), sample_weight=np.ones(4))


def test_the_package_does_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys, pyngn_graph; assert not any(m.startswith('sklearn') for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"scikit-learn.*pip install 'pyngn-graph\[sklearn\]'"):
        importlib.reload(pyngn_graph.estimators)
