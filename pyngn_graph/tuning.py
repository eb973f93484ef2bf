"""Search for parameters with Optuna: a ready space, and a study that goes on where it stopped.

Needs Optuna and scikit-learn, the extra ``tune``, imported when the search begins.
"""

import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyngn_graph.checks import check_count, whole_seed
from pyngn_graph.disk import expanded
from pyngn_graph.extras import needed
from pyngn_graph.progress import progress_bar
from pyngn_graph.recipes import GLIA

STUDY = "pyngn_graph"
"""Name of the study in its file."""

SQLITE = b"SQLite format 3"
"""What a file of SQLite begins with."""


def search_space() -> dict[str, Any]:
    """Optuna distributions of what is worth a search, by name; change or delete what you like.

    Names are parameters of the estimators, but for ``astrocyte``, ``oligodendrocyte`` and
    ``microglia``, which say one by one whether these are at work. ``hold`` is left out, as the
    time scale of the input belongs to the data.
    """
    optuna = needed("optuna", "tune", "'search_space'")
    whole, real = optuna.distributions.IntDistribution, optuna.distributions.FloatDistribution
    choice = optuna.distributions.CategoricalDistribution
    return {
        "degree": real(2.0, 16.0, log=True),
        "weight": real(0.02, 2.0, log=True),
        "tau_m": real(10.0, 60.0, log=True),
        "max_delay": whole(10, 200, log=True),
        "rho": real(0.005, 0.1, log=True),
        "input_scale": real(0.3, 10.0, log=True),
        "input_density": real(0.1, 1.0),
        "pool": choice(["last", 1, 2, 3, 5]),
        "tau_trace": real(5.0, 100.0, log=True),
        **{cell: choice([False, True]) for cell in GLIA},
    }


def search(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    space: Mapping[str, Any] | None = None,
    num_trials: int = 50,
    validation: Any = 0.25,
    scoring: str | Callable[..., float] | None = None,
    storage: Any = None,
    seed: int = 0,
    progress: bool | None = None,
) -> Any:
    """Tries parameters of an estimator and returns the ``optuna.Study``.

    Every trial is fitted to a part of X and scored on the rest, which is split off once. **X and y
    are training data**: keep the test items out, and score them once, with :func:`best`.

    With ``storage`` every finished trial is in the file at once. Called again, after Ctrl-C, a
    crash or for more trials, the search goes on; as each trial draws from a seed of its own, it
    finds what it would have found in one go. Ctrl-C ends the search with a warning and keeps what
    is finished, with a file or without.

    Args:
        estimator: A reservoir estimator, or a pipeline that holds one. It stays as it is.
        X: Training samples.
        y: Their targets.
        space: Optuna distributions by name; by default :func:`search_space`.
        num_trials: Finished trials in all, those in ``storage`` included.
        validation: Share of the samples to validate on (of each class, for a classifier), or a
            cross-validation splitter, over whose parts scores are averaged. Samples that overlap
            in time want one that keeps them apart, as
            :class:`sklearn.model_selection.TimeSeriesSplit`.
        scoring: What to maximize, as in scikit-learn; by default ``estimator.score``.
        storage: File of the study (an Optuna journal), made if it is not there; or the URL of a
            database, as ``"sqlite:///study.db"``, or a storage of Optuna.
        seed: Seed of the split and of the sampler (TPE), and of estimators without one.
        progress: Show a progress bar; by default on a terminal or in a notebook.

    Raises:
        ImportError: If Optuna or scikit-learn is missing.
        ValueError: If there is no reservoir in ``estimator``, ``space`` names what is no parameter
            of it, ``num_trials`` is not positive, ``storage`` cannot be opened, or it belongs to
            another search.

    Source: Akiba et al. (2019) for Optuna; Bergstra et al. (2011) for the sampler.
    """
    optuna = needed("optuna", "tune", "'search'")
    selection = needed("sklearn.model_selection", "tune", "'search'")
    space, seed = search_space() if space is None else dict(space), whole_seed(seed, least=0)
    check_count("num_trials", num_trials)
    _check_names(estimator, space)
    splitter = _splitter(estimator, y, validation, seed)
    study = _study(optuna, storage, _problem(estimator, X, y, splitter, scoring, seed))
    states = optuna.trial.TrialState
    done = len(study.get_trials(deepcopy=False, states=[states.COMPLETE]))
    trial = None
    with progress_bar(num_trials, progress, unit="trial") as bar:
        bar.update(min(done, num_trials))
        try:
            while done < num_trials:
                # What a trial draws depends on the seed and on finished trials alone.
                number = np.random.SeedSequence([seed, done]).generate_state(1)[0]
                study.sampler = optuna.samplers.TPESampler(seed=int(number))
                trial = study.ask(space)
                model = configured(estimator, trial.params, seed)
                score = selection.cross_val_score(
                    model, X, y, cv=splitter, scoring=scoring, error_score="raise"
                ).mean()
                study.tell(trial, score)
                trial, done = None, done + 1
                bar.update(1)
        except BaseException as error:
            if trial is not None:
                study.tell(trial, state=states.FAIL, skip_if_finished=True)
            if not isinstance(error, KeyboardInterrupt):
                raise
            again = "call again with the same 'storage' to go on" if storage else "they are kept"
            warnings.warn(f"Stopped after {done} of {num_trials} trials; {again}", stacklevel=2)
    return study


def best(study: Any, estimator: Any, seed: int = 0) -> Any:
    """A new estimator with the best parameters that :func:`search` found; fit it to all of X.

    Args:
        study: The study.
        estimator: The estimator that was given to :func:`search`.
        seed: The seed that was given to it.
    """
    return configured(estimator, study.best_params, seed)


def configured(estimator: Any, params: Mapping[str, Any], seed: int = 0) -> Any:
    """A clone of ``estimator`` with the parameters of a trial, and a seed if it has none."""
    from sklearn.base import clone

    prefix, reservoir = _found(estimator)
    seed = whole_seed(seed, least=0)
    switches = {name: value for name, value in params.items() if name in GLIA}
    chosen = {name: value for name, value in params.items() if name not in GLIA}
    if switches:
        at_work = {cell: switches.get(cell, cell in reservoir.glia) for cell in GLIA}
        chosen["glia"] = tuple(cell for cell in GLIA if at_work[cell])
    if reservoir.random_state is None:
        chosen["random_state"] = seed
    return clone(estimator).set_params(**{prefix + name: value for name, value in chosen.items()})


def _found(estimator: Any) -> tuple[str, Any]:
    """The reservoir within ``estimator``, and what its parameters begin with there."""
    from pyngn_graph.estimators.base import ReservoirEstimator

    if isinstance(estimator, ReservoirEstimator):
        return "", estimator
    for name, part in estimator.get_params().items():
        if isinstance(part, ReservoirEstimator):
            return f"{name}__", part
    raise ValueError(f"There is no ReservoirClassifier or ReservoirRegressor in {estimator!r}")


def _check_names(estimator: Any, space: Mapping[str, Any]) -> None:
    known = {*_found(estimator)[1].get_params(deep=False), *GLIA}
    unknown = sorted(set(space) - known)
    if unknown:
        raise ValueError(f"'space' names no parameters {unknown}; available: {sorted(known)}")
    if "glia" in space and any(cell in space for cell in GLIA):
        raise ValueError(f"'space' must name 'glia' or some of {list(GLIA)}, not both")


def _splitter(estimator: Any, y: Any, validation: Any, seed: int) -> Any:
    from sklearn.base import is_classifier
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv

    if not isinstance(validation, float):
        return check_cv(validation, y, classifier=is_classifier(estimator))
    kind = StratifiedShuffleSplit if is_classifier(estimator) else ShuffleSplit
    return kind(n_splits=1, test_size=validation, random_state=seed)


def _problem(estimator: Any, X: Any, y: Any, splitter: Any, scoring: Any, seed: int) -> str:
    """What a study must agree on to be gone on with."""
    import joblib

    text = f"{joblib.hash((X, y))} {estimator.get_params()} {splitter} {scoring} {seed}"
    return re.sub(r" at 0x[0-9a-f]+", "", text)  # where functions lie changes from run to run


def _opened(optuna: Any, storage: Any) -> Any:
    """The storage of Optuna that a path, a URL or a storage of Optuna's own stands for."""
    if storage is None or isinstance(storage, optuna.storages.BaseStorage):
        return storage
    wanted = "the path of a file, or the URL of a database as 'sqlite:///study.db'"
    if not isinstance(storage, str | os.PathLike):
        raise TypeError(f"'storage' must be {wanted} (got {storage!r})")
    if "://" in str(storage):
        try:
            return optuna.storages.get_storage(str(storage))
        except Exception as error:  # of whatever database
            raise ValueError(
                f"'storage' must be {wanted} (got {storage!r}, which Optuna does not open: {error})"
            ) from error
    path = expanded(storage)
    if str(storage).startswith("sqlite:") or not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"'storage' must be {wanted}, in a folder that exists (got {storage!r})")
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(SQLITE)) == SQLITE:
                raise ValueError(f"'{path}' is a database; pass storage='sqlite:///{path}'")
    return optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(os.fspath(path))
    )


def _study(optuna: Any, storage: Any, problem: str) -> Any:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            study_name=STUDY,
            storage=_opened(optuna, storage),
            direction="maximize",
            load_if_exists=True,
        )
    finally:
        optuna.logging.set_verbosity(verbosity)
    if study.user_attrs.get("problem", problem) != problem:
        raise ValueError(
            f"The study in '{storage}' was made with other data, parameters, validation, scoring "
            f"or seed; give another file, or the same arguments"
        )
    study.set_user_attr("problem", problem)
    return study
