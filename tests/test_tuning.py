import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna")
pytest.importorskip("sklearn")

import optuna
from sklearn.datasets import load_iris
from sklearn.model_selection import TimeSeriesSplit, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyngn_graph import plot
from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor
from pyngn_graph.tuning import best, configured, search, search_space

SMALL: dict[str, Any] = {"num_nodes": 20, "hold": 3, "trials": 2}
STATES = optuna.trial.TrialState


def data(seed: int = 0) -> tuple[Any, Any]:
    """Series of two channels; the class is which of the two carries more."""
    rng = np.random.default_rng(seed)
    y = np.arange(24) % 2
    x = rng.normal(size=(24, 5, 2))
    x[np.arange(24), :, y] += 2.0
    return x, y


def small_space() -> dict[str, Any]:
    space = search_space()
    return {name: space[name] for name in ("rho", "input_scale", "pool", "astrocyte")}


def found(study: Any) -> list[Any]:
    trials = study.get_trials(states=[STATES.COMPLETE])
    return [(trial.params, trial.value) for trial in trials]


class Stopping(ReservoirClassifier):
    """Ctrl-C in the ``stop``-th fit."""

    fits = 0
    stop = 0

    def fit(self, X: Any, y: Any) -> Any:
        Stopping.fits += 1
        if Stopping.fits == Stopping.stop:
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_the_whole_space_can_be_tried() -> None:
    x, y = data()
    space = search_space()
    study = search(ReservoirClassifier(**SMALL), x, y, num_trials=3)
    for params, value in found(study):
        assert set(params) == set(space)
        assert 0.0 <= value <= 1.0
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    for values in ({"pool": "last"}, {"pool": 5}):
        configured(ReservoirClassifier(**SMALL), values).fit(x, y)


def test_equal_seeds_equal_searches() -> None:
    x, y = data()
    model = ReservoirClassifier(**SMALL)
    one, two, other = (
        search(model, x, y, space=small_space(), num_trials=3, seed=seed) for seed in (1, 1, 2)
    )
    assert found(one) == found(two)
    assert found(one) != found(other)
    assert model.random_state is None  # the estimator stays as it is


def test_going_on_finds_what_one_go_finds(tmp_path: Path) -> None:
    x, y = data()
    model, path = ReservoirClassifier(**SMALL), tmp_path / "study.log"
    whole = search(model, x, y, space=small_space(), num_trials=14)
    for num_trials in (2, 12, 14, 14):
        parts = search(model, x, y, space=small_space(), num_trials=num_trials, storage=path)
        assert len(found(parts)) == num_trials
    assert found(parts) == found(whole)


def test_ctrl_c_keeps_finished_trials(tmp_path: Path) -> None:
    x, y = data()
    space, path = small_space(), tmp_path / "study.log"
    Stopping.fits, Stopping.stop = 0, 3
    with pytest.warns(UserWarning, match="Stopped after 2 of 4 trials; call again with the same"):
        study = search(Stopping(**SMALL), x, y, space=space, num_trials=4, storage=path)
    assert len(found(study)) == 2
    assert [trial.state for trial in study.trials][2] == STATES.FAIL
    again = search(Stopping(**SMALL), x, y, space=space, num_trials=4, storage=path)
    whole = search(Stopping(**SMALL), x, y, space=space, num_trials=4)
    assert found(again) == found(whole)
    Stopping.fits, Stopping.stop = 0, 2
    with pytest.warns(UserWarning, match="Stopped after 1 of 4 trials; they are kept"):
        study = search(Stopping(**SMALL), x, y, space=space, num_trials=4)
    assert len(found(study)) == 1


def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    x, y = data()
    model, space, path = ReservoirClassifier(**SMALL), small_space(), tmp_path / "study.log"
    study = search(model, x, y, space=space, num_trials=2, storage=path)
    study.ask(space)  # a trial that nobody finished, as a kill leaves it
    again = search(model, x, y, space=space, num_trials=4, storage=path)
    assert [trial.state for trial in again.trials].count(STATES.RUNNING) == 1
    assert found(again) == found(search(model, x, y, space=space, num_trials=4))


def test_a_failing_trial_is_an_error_that_is_seen() -> None:
    x, y = data()
    space = {"rho": optuna.distributions.FloatDistribution(2.0, 3.0)}
    with pytest.raises(ValueError, match="'rho' must lie in"):
        search(ReservoirClassifier(**SMALL), x, y, space=space, num_trials=2)


def test_what_is_validated_on_is_not_trained_on() -> None:
    x, y = data()
    seen = []

    class Watched(ReservoirClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            seen.append(("train", X[:, 0, 0]))
            return super().fit(X, y)

        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
            seen.append(("validation", X[:, 0, 0]))
            return float(super().score(X, y))

    model = Watched(**SMALL, random_state=0)
    study = search(model, x, y, space=small_space(), num_trials=2, validation=0.25)
    (_, train), (_, validation), (_, train_2), (_, validation_2) = seen
    assert (train.size, validation.size) == (18, 6)
    assert set(train) | set(validation) == set(x[:, 0, 0])
    assert np.array_equal(train, train_2)
    assert np.array_equal(validation, validation_2)
    params, value = found(study)[0]
    parts = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    by_hand = configured(ReservoirClassifier(**SMALL, random_state=0), params)
    assert by_hand.fit(parts[0], parts[2]).score(parts[1], parts[3]) == value


def test_the_best_estimator_is_new_and_has_the_best_parameters() -> None:
    x, y = data()
    model = ReservoirClassifier(**SMALL, glia=("microglia",))
    study = search(model, x, y, space=small_space(), num_trials=3, seed=5)
    chosen = best(study, model, seed=5)
    assert not hasattr(chosen, "readout_")
    assert (chosen.rho, chosen.pool) == (study.best_params["rho"], study.best_params["pool"])
    astrocyte = ("astrocyte",) if study.best_params["astrocyte"] else ()
    assert chosen.glia == (*astrocyte, "microglia")  # a cell that is not searched stays
    assert (chosen.random_state, chosen.num_nodes) == (5, 20)
    assert configured(ReservoirClassifier(glia=("microglia",)), {"rho": 0.01}).glia == (
        "microglia",
    )


def test_pipelines_series_and_splitters() -> None:
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), ReservoirClassifier(**SMALL))
    study = search(pipeline, x[::4], y[::4], space=small_space(), num_trials=2, validation=2)
    assert best(study, pipeline)[-1].rho == study.best_params["rho"]
    rng = np.random.default_rng(0)
    series = rng.normal(size=(9, 6, 1))
    forecast = search(
        ReservoirRegressor(**SMALL),
        series,
        np.roll(series, 1, axis=1),
        space={"tau_trace": search_space()["tau_trace"]},
        validation=TimeSeriesSplit(2),
        scoring=lambda model, a, b: -float(np.square(model.predict(a) - b).mean()),
        num_trials=2,
    )
    assert all(value < 0.0 for _, value in found(forecast))


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    x, y = data()
    model, path = ReservoirClassifier(**SMALL), tmp_path / "study.log"
    with pytest.raises(ValueError, match=r"names no parameters \['weights'\]; available"):
        search(model, x, y, space={"weights": None})
    with pytest.raises(ValueError, match="must name 'glia' or some of"):
        search(model, x, y, space={"glia": None, "microglia": None})
    with pytest.raises(ValueError, match=r"'num_trials' must be a whole number >= 1 \(got 0\)"):
        search(model, x, y, num_trials=0)
    with pytest.raises(ValueError, match="There is no ReservoirClassifier or ReservoirRegressor"):
        search(StandardScaler(), x, y)
    kept = search(model, x, y, space=small_space(), num_trials=1, storage=path)
    for others in ((x + 1.0, y, 0), (x, 1 - y, 0), (x, y, 1)):
        with pytest.raises(ValueError, match="was made with other data, parameters"):
            search(model, *others[:2], num_trials=1, storage=path, seed=others[2])
    with pytest.raises(ValueError, match="was made with other data, parameters"):
        search(ReservoirClassifier(num_nodes=21), x, y, num_trials=1, storage=path)
    again = search(model, x, y, space=small_space(), num_trials=1, storage=path)
    assert [found(again), again.user_attrs] == [found(kept), kept.user_attrs]


def test_the_search_leaves_the_voice_of_optuna_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    search(ReservoirClassifier(**SMALL), *data(), space=small_space(), num_trials=1)
    assert optuna.logging.get_verbosity() == before
    assert capsys.readouterr().err == ""


def test_the_picture_shows_what_mattered() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    study = optuna.create_study(direction="maximize")
    uniform = optuna.distributions.FloatDistribution(0.0, 1.0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        params = dict(zip(["much", "little", "nothing"], rng.random(3), strict=True))
        value = 10.0 * params["much"] + params["little"]
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=dict.fromkeys(params, uniform), value=value
            )
        )
    study.tell(study.ask({"much": uniform}), state=STATES.FAIL)
    axes = plot.importances(study)
    names = [label.get_text() for label in axes.get_yticklabels()]
    widths = [bar.get_width() for bar in axes.patches]
    assert names[-1] == "much"
    assert widths == sorted(widths)
    assert sum(widths) == pytest.approx(1.0)
    assert widths[-1] > 0.9
    assert "40 trials" in axes.get_xlabel()
    assert axes.get_xlim() == pytest.approx((0.0, 1.25 * widths[-1]))
    assert [text.get_text() for text in axes.texts] == [f"{100 * width:.0f} %" for width in widths]
    again = plot.importances(study, ax=axes)
    assert again is axes
    assert [bar.get_width() for bar in axes.patches[3:]] == widths
    with pytest.raises(
        ValueError, match=r"takes 2 finished trials to compare parameters \(got 0\)"
    ):
        plot.importances(optuna.create_study())
    alike = optuna.create_study()
    for _ in range(3):
        alike.add_trial(
            optuna.trial.create_trial(
                params={"much": 0.5}, distributions={"much": uniform}, value=0.25
            )
        )
    with pytest.raises(ValueError, match=r"Scores must differ .*\(got 0.25 from all 3 trials\)"):
        plot.importances(alike)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for call in (search_space, lambda: search(None, None, None), lambda: plot.importances(None)):
        with pytest.raises(ImportError, match=r"'optuna'.*pip install 'pyngn-graph\[tune\]'"):
            call()
