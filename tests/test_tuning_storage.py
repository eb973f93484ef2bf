"""Where a study lives: nowhere, in a file, or in a database; and seeds of any integer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna")
pytest.importorskip("sklearn")

import optuna

from pyngn_graph import plot
from pyngn_graph.estimators import ReservoirClassifier
from pyngn_graph.tuning import best, configured, search, search_space

X = np.random.default_rng(0).normal(size=(16, 6, 1))
Y = np.arange(16) % 2
SMALL = ReservoirClassifier(num_nodes=15, hold=2, pool=2, trials=2)


def tried(**options: Any) -> Any:
    space = {name: search_space()[name] for name in ("rho", "input_scale")}
    return search(SMALL, X, Y, space=space, num_trials=2, progress=False, **options)


def outcome(study: Any) -> list[Any]:
    return [(trial.params, trial.value) for trial in study.trials]


def test_a_study_is_the_same_wherever_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = outcome(tried())
    places = (
        "sqlite:///study.db",
        f"sqlite:///{tmp_path}/other.db",
        "study.log",
        tmp_path / "path.log",
        "~/home.log",
        optuna.storages.InMemoryStorage(),
    )
    for storage in places:
        assert outcome(tried(storage=storage)) == expected
        assert outcome(tried(storage=storage)) == expected  # nothing is left to do
    names = {"study.db", "other.db", "study.log", "path.log", "home.log"}
    assert {path.name for path in tmp_path.iterdir()} >= names


@pytest.mark.parametrize(
    ("storage", "error"),
    [
        ("sqlite:/study.db", ValueError),
        ("sqlite:study.db", ValueError),
        ("nothing://study", ValueError),
        ("redis://localhost", ValueError),
        ("sqlite:////no/such/folder/study.db", ValueError),
        ("no/such/folder/study.log", ValueError),
        (".", ValueError),
        (3, TypeError),
        (b"study.log", TypeError),
    ],
)
def test_another_place_is_refused_with_what_is_wanted(
    storage: Any, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="'storage' must be the path of a file, or the URL of a data"):
        tried(storage=storage)
    assert list(tmp_path.iterdir()) == []


def test_a_database_given_as_a_path_is_named(tmp_path: Path) -> None:
    expected = outcome(tried(storage=f"sqlite:///{tmp_path}/study.db"))
    with pytest.raises(ValueError, match="is a database; pass storage='sqlite:///") as error:
        tried(storage=tmp_path / "study.db")
    url = str(error.value).split("storage='")[1].rstrip("'")
    assert outcome(tried(storage=url)) == expected


def test_the_seed_is_any_integer() -> None:
    study = tried(seed=3)
    assert outcome(tried(seed=np.int64(3))) == outcome(study)
    assert best(study, SMALL, np.uint8(3)).random_state == 3
    assert type(best(study, SMALL, np.uint8(3)).random_state) is int
    widths = [plot.importances(scored(), seed=s).patches[0].get_width() for s in (3, np.int32(3))]
    assert widths[0] == widths[1]


def scored() -> Any:
    """A study whose trials differ in their scores."""
    study = optuna.create_study()
    uniform = optuna.distributions.FloatDistribution(0.0, 1.0)
    for k in range(6):
        params, kinds = {"a": k / 6, "b": k % 2 / 2}, {"a": uniform, "b": uniform}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=kinds, value=float(k))
        )
    return study


@pytest.mark.parametrize("seed", [True, 1.0, "1", -1])
def test_no_seed_is_refused(seed: Any) -> None:
    study = tried()
    for call in (
        lambda: tried(seed=seed),
        lambda: best(study, SMALL, seed),
        lambda: configured(SMALL, {}, seed),
        lambda: plot.importances(study, seed=seed),
    ):
        with pytest.raises(ValueError, match=r"'seed' must be a whole number >= 0 .*pass seed=1"):
            call()
