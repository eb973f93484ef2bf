"""Series in every layout that people have them in: right, or refused with the call to make."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from hypothesis import given
from hypothesis import strategies as st

import pyngn_graph as ng
from pyngn_graph.classification import chance
from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor
from pyngn_graph.recipes import image_classifier

HOW: dict[str, Any] = {"num_nodes": 40, "hold": 5, "trials": 4, "random_state": 0}


def waves(count: int = 24, steps: int = 40) -> tuple[Any, Any]:
    """Slow and quick oscillations ``[n, T]`` and which of the two each is."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    phase = rng.uniform(0, 6, (count, 1)) + np.arange(steps) * np.where(y, 0.9, 0.2)[:, None]
    return np.sin(phase) + 0.1 * rng.normal(size=(count, steps)), y


@contextmanager
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "X .* is read as")
        yield


X, Y = waves()


def outputs(x: Any, **how: Any) -> Any:
    return ReservoirClassifier(**HOW | how).fit(x, Y).decision_function(x)


def test_rows_of_one_channel_say_how_they_are_read_and_what_to_write() -> None:
    with pytest.warns(UserWarning, match=r"read as a table.*pass 'X\[:, :, None\]', or set chan"):
        outputs(X)
    with silence():
        series = outputs(X[:, :, None])
        assert np.array_equal(outputs(X, channels=1), series)
        assert outputs(X, channels=40).shape == series.shape  # a table, as is said
        ReservoirClassifier(**HOW).fit(X[:, :4], Y)  # so few columns are no series


def test_channels_before_time_say_how_they_are_read_and_what_to_write() -> None:
    deep = np.stack([X, -X, 2.0 * X], axis=1)
    with pytest.warns(UserWarning, match=r"time steps of 3 .*pass 'X\.transpose\(0, 2, 1\)'"):
        outputs(deep)
    with pytest.warns(UserWarning, match=r"1 time step.*pass 'X\.transpose\(0, 2, 1\)'"):
        outputs(X[:, None, :])
    with silence():
        outputs(deep.transpose(0, 2, 1))
        outputs(deep, channels=40)
        still = ReservoirClassifier.from_recipe(image_classifier(), num_nodes=27, random_state=0)
        still.fit(np.random.default_rng(0).uniform(size=(6, 1, 784)), Y[:6])
    with pytest.raises(ValueError, match=r"channels = 3\] \(got \[24, 3, 40\]\); time comes befo"):
        outputs(deep, channels=3)


def test_warnings_point_at_the_line_of_the_user() -> None:
    with pytest.warns(UserWarning, match="read as a table") as found:
        ReservoirClassifier(**HOW).fit(X, Y)
    assert [each.filename for each in found] == [__file__]


def test_a_model_of_one_channel_knows_rows_of_it() -> None:
    model = ReservoirClassifier(**HOW).fit(X[:, :, None], Y)
    assert np.array_equal(model.predict(X), model.predict(X[:, :, None]))
    assert np.array_equal(model.predict(X.tolist()), model.predict(X[:, :, None]))
    assert np.array_equal(model.predict(X[:, :30]), model.predict(X[:, :30, None]))


# Series of different lengths

LENGTHS = [40 - k % 7 for k in range(24)]
CUT = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
KINDS: dict[str, Any] = {
    "rows": CUT,
    "columns": [x[:, None] for x in CUT],
    "lists": [x.tolist() for x in CUT],
    "tensors": [torch.from_numpy(x).unsqueeze(1) for x in CUT],
    "a tuple": tuple(CUT),
    "an array of objects": np.array([*CUT, None], dtype=object)[:-1],
}


@pytest.mark.parametrize("kind", KINDS)
def test_lists_of_series_are_series(kind: str) -> None:
    ends = np.full((24, 40, 1), np.nan)
    for row, x in zip(ends, CUT, strict=True):
        row[: len(x), 0] = x
    with silence():
        expected = outputs(ends)
        assert np.array_equal(outputs(KINDS[kind]), expected)
        model = ReservoirRegressor(**HOW).fit(KINDS[kind], Y)
        assert model.predict(KINDS[kind][:3]).shape == (3,)
        assert model.predict(KINDS[kind][7:8]).shape == (1,)


def test_a_list_of_series_with_a_list_of_targets() -> None:
    model = ReservoirRegressor(**HOW | {"glia": ()}).fit(CUT, [x[::-1] for x in CUT])
    assert model.readout_.num_rows == sum(LENGTHS)
    assert np.isnan(model.predict(CUT)).sum() == 24 * 40 - sum(LENGTHS)
    assert np.isfinite(model.score(CUT, [x[::-1] for x in CUT]))


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), channels=st.integers(1, 3))
def test_padded_series_are_what_a_reservoir_takes(lengths: list[int], channels: int) -> None:
    rng = np.random.default_rng(channels)
    series = [rng.normal(size=(length, channels)) for length in lengths]
    x, samples = ng.padded(series)
    assert x.dtype == torch.float32
    assert samples.tolist() == lengths
    assert x.shape == (len(lengths), max(lengths), channels)
    for row, each in zip(x, series, strict=True):
        assert torch.equal(row[: len(each)], torch.from_numpy(each).float())
        assert not row[len(each) :].any()


def test_padded_series_run_as_each_alone() -> None:
    graph = ng.generators.Tissue(num_nodes=30, seed=0)()
    reservoir = ng.TriglialReservoir(graph, in_channels=1, hold=3)
    states = reservoir(*ng.padded(CUT))
    for each, state in zip(CUT, states, strict=True):
        alone = reservoir(torch.from_numpy(each).float().unsqueeze(1))
        assert torch.equal(alone[0], state)


@pytest.mark.parametrize(
    "wrong",
    [
        [np.ones((3, 2)), np.ones((4, 3))],
        [np.ones(3), np.ones((4, 3))],
        [np.ones((3, 2)), np.ones((0, 2))],
        [np.ones((3, 2, 2)), np.ones((4, 2, 2))],
        [],
    ],
)
def test_what_are_no_series(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be a list of arrays"):
        ng.padded(wrong)
    with pytest.raises(ValueError, match=r"arrays|sample|empty|dim"):
        ReservoirClassifier(**HOW).fit(wrong, np.arange(len(wrong)))


def test_words_are_no_series() -> None:
    for wrong in ([["a", "b"], ["c"]], ["ab", "c"]):
        with pytest.raises(ValueError, match=r"numbers|string|convert|1D array"):
            ReservoirClassifier(**HOW).fit(wrong, [0, 1])


# One long series


def long(channels: int = 1) -> tuple[Any, Any]:
    u = np.random.default_rng(1).uniform(-1, 1, (200, channels))
    return u, np.roll(u[:, 0], 1)


@pytest.mark.parametrize("kind", [ReservoirClassifier, ReservoirRegressor])
def test_one_column_is_asked_what_it_is(kind: Any) -> None:
    u, _ = long()
    with pytest.raises(ValueError, match=r"one series of 200 time steps, pass 'X\[None\]', and y"):
        kind(**HOW).fit(u, np.arange(200) % 2)
    assert kind(**HOW, channels=1).fit(u, np.arange(200) % 2).predict(u).shape == (200,)


@pytest.mark.parametrize("channels", [1, 3])
def test_targets_of_one_long_series(channels: int) -> None:
    u, y = long(channels)
    settings = HOW | {"glia": (), "tau_trace": 5.0}
    model = ReservoirRegressor(**settings).fit(u[None], y[None, :, None])
    assert model.predict(u[None]).shape == (1, 200, 1)
    for wrong, call in (
        (y, r"'y\[None, :, None\]'"),
        (y[:, None], r"'y\[None\]'"),
        (y[None], r"'y\[:, :, None\]'"),
    ):
        with pytest.raises(ValueError, match=call):
            ReservoirRegressor(**settings).fit(u[None], wrong)


def test_a_matrix_of_targets_as_long_as_the_series_is_asked_what_it_is() -> None:
    x, y = X[:, :, None], np.cumsum(X, axis=1)
    settings = HOW | {"glia": ()}
    with pytest.raises(ValueError, match=r"pass 'y\[:, :, None\]', for the second .*np\.pad"):
        ReservoirRegressor(**settings).fit(x, y)
    assert ReservoirRegressor(**settings).fit(x, y[:, :, None]).per_step_
    wide = np.pad(x, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)
    whole = ReservoirRegressor(**settings).fit(wide, y)
    assert not whole.per_step_
    assert whole.predict(wide).shape == (24, 40)
    assert np.array_equal(whole.states(x), whole.states(wide))


# Segments


@pytest.mark.parametrize("hold", [1, 2])
def test_more_segments_than_steps_are_refused(hold: int) -> None:
    graph = ng.generators.Tissue(num_nodes=20, seed=0)()
    reservoir = ng.TriglialReservoir(graph, in_channels=1, hold=hold, pool=8)
    before = reservoir.graph
    x = torch.zeros(2, 7 // hold, 1)
    for call in (reservoir, reservoir.run, reservoir.adapt):
        with pytest.raises(ValueError, match=r"'pool' = 8 segments.*shortest has .*use pool="):
            call(x)
    assert reservoir.graph is before
    assert reservoir(torch.zeros(2, 8 // hold, 1)).shape == (2, 160)
    with pytest.raises(ValueError, match=f"the shortest has {3 * hold}"):
        reservoir(torch.zeros(2, 8, 1), lengths=torch.tensor([8, 3]))
    with pytest.raises(ValueError, match=r"'pool' = 9 segments need trials of at least 9 steps"):
        ReservoirClassifier(num_nodes=20, hold=1, pool=9, random_state=0).fit(X[:, :8, None], Y)
    steps = ReservoirRegressor(num_nodes=20, hold=1, pool=9, random_state=0)
    assert steps.fit(X[:, :8, None], X[:, :8, None]).per_step_  # which reads no segments


# What estimators say of themselves


def test_life_is_told() -> None:
    x = np.repeat(X[:, :, None], 5, axis=1)
    model = ReservoirClassifier(**HOW | {"trials": 20}, life=5000.0).fit(x, Y)
    assert model.life_ == 5000.0  # five series of 200 x 5 ms
    assert ReservoirClassifier(**HOW | {"glia": ()}).fit(x, Y).life_ == 0.0
    shorter = ReservoirClassifier(**HOW | {"trials": 20}, life=700.0).fit(x, Y)
    assert shorter.life_ == 700.0


def test_the_diagnosis_is_that_of_the_reservoir_on_x() -> None:
    model = ReservoirClassifier(**HOW).fit(X[:, :, None], Y)
    said = model.diagnose(X[:, :, None])
    x = torch.from_numpy((X[:, :, None] - model.mean_) / model.scale_).float()
    model.reservoir_(x)
    assert str(said) == str(model.reservoir_.diagnose(x))


def test_chance_is_the_most_common_class() -> None:
    train, test = torch.tensor([0, 1, 1, 2, 1]), torch.tensor([1, 1, 0, 2])
    assert chance(train, test) == 0.5
    assert chance(train, torch.tensor([0, 2])) == 0.0


def test_labels_of_time_steps_are_no_classes() -> None:
    u, _ = long(2)
    labels = (u[:, 0] > 0).astype(int)
    for y in (labels, labels[None]):
        with pytest.raises(ValueError, match=r"a label for each time step .* cut X into windows"):
            ReservoirClassifier(**HOW).fit(u[None], y)
    target = (labels.reshape(1, 200, 1) == np.unique(labels)).astype(float)
    steps = ReservoirRegressor(**HOW | {"tau_trace": 5.0}).fit(u[None], target)
    assert steps.predict(u[None]).argmax(axis=2).shape == (1, 200)


def test_a_reservoir_of_one_channel_says_where_it_belongs() -> None:
    graph = ng.generators.Tissue(num_nodes=20, seed=0)()
    reservoir = ng.TriglialReservoir(graph, in_channels=1)
    for x in (torch.rand(30), torch.rand(5, 30), np.ones((5, 30))):
        with pytest.raises(ValueError, match=r"series of one channel are 'x\.unsqueeze\(-1\)'"):
            reservoir(x)
        assert reservoir(torch.as_tensor(x).unsqueeze(-1)).size(1) == 20
