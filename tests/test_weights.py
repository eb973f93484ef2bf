"""A sample of weight 2 is as good as the sample twice, one of weight 0 as good as none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import generator
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import RidgeReadout
from pyngn_graph.readout import ridge

SHAPES = st.tuples(st.integers(4, 30), st.integers(1, 40))
ONE = 1e-3
"""A penalty of its own: then nothing depends on how it is chosen."""


def rows(seed: int, number: int, features: int) -> tuple[Tensor, Tensor, Tensor]:
    g = generator(seed)
    x = torch.randn(number, features, generator=g, dtype=torch.float64)
    y = x[:, :1] + torch.randn(number, 2, generator=g, dtype=torch.float64)
    weight = torch.randint(0, 4, (number,), generator=g)
    weight[0] = 2
    return x, y, weight


def assert_close(one: RidgeReadout, two: RidgeReadout) -> None:
    torch.testing.assert_close(one.weight, two.weight, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(one.bias, two.bias, atol=1e-7, rtol=1e-6)


@given(seed=st.integers(0, 2**31), shape=SHAPES, labels=st.booleans(), choose=st.booleans())
def test_whole_weights_are_repeated_rows(
    seed: int, shape: tuple[int, int], labels: bool, choose: bool
) -> None:
    x, values, weight = rows(seed, *shape)
    y = (values[:, 0] > 0).long() if labels else values
    alpha: Any = (1e-3, 1e-1, 10.0) if choose else ONE
    weighted = RidgeReadout(alpha).fit(x, y, weight)
    repeated = RidgeReadout(alpha).fit(*(v.repeat_interleave(weight, dim=0) for v in (x, y)))
    assert_close(weighted, repeated)
    assert weighted.num_rows == int((weight > 0).sum())


@given(seed=st.integers(0, 2**31), shape=SHAPES, factor=st.floats(0.01, 100.0))
def test_the_solution_is_that_of_the_weighted_normal_equations(
    seed: int, shape: tuple[int, int], factor: float
) -> None:
    x, y, _ = rows(seed, *shape)
    weight = factor * (0.1 + torch.rand(len(x), generator=generator(seed), dtype=torch.float64))
    readout = RidgeReadout(ONE).fit(x, y, weight)
    share = weight / weight.sum()
    mean = share @ x
    variance = share @ (x - mean).square()
    sd = variance.sqrt()
    sd = sd.clamp(min=0.05 * float(sd[sd > 0].median()))
    z, target = (x - mean) / sd, y - share @ y
    gram = z.t() @ (share.unsqueeze(1) * z) + ONE * torch.eye(shape[1], dtype=torch.float64)
    by_hand = torch.linalg.solve(gram, z.t() @ (share.unsqueeze(1) * target)) / sd.unsqueeze(1)
    torch.testing.assert_close(readout.weight, by_hand, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("number", [20, 100])
@pytest.mark.parametrize("labels", [False, True])
def test_any_split_gives_the_same_bits_and_any_order_the_same_weights(
    number: int, labels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ridge, "BLOCK", 30)
    x, values, _ = rows(1, number, 12)
    y = (values[:, 0] > 0).long() if labels else values
    weight = 0.5 + torch.rand(number, generator=generator(2))
    whole = RidgeReadout().fit(x, y, weight)
    for sizes in ([1] * number, [7] * (number // 7 + 1), [number - 3, 3]):
        parts = RidgeReadout()
        start = 0
        for size in sizes:
            part = slice(start, start + size)
            start += size
            if len(x[part]):
                parts.partial_fit(x[part], y[part], weight[part])
        assert torch.equal(parts.weight, whole.weight)
        assert parts.num_rows == number
    order = torch.randperm(number, generator=generator(3))
    other = RidgeReadout(ONE).fit(x[order], y[order], weight[order])
    assert_close(other, RidgeReadout(ONE).fit(x, y, weight))


@pytest.mark.parametrize("labels", [False, True])
def test_batches_of_no_weight_are_as_if_they_were_not_there(labels: bool) -> None:
    x, values, _ = rows(1, 40, 12)
    y = (values[:, 0] > 0).long() if labels else values
    weight = (torch.arange(40) % 3).double()
    weight[10:20] = 0.0
    whole = RidgeReadout().fit(x, y, weight)
    for size in (1, 5, 10):
        parts = RidgeReadout()
        for rows_x, rows_y, w in zip(x.split(size), y.split(size), weight.split(size), strict=True):
            parts.partial_fit(rows_x, rows_y, w)
        assert torch.equal(parts.weight, whole.weight)
    with pytest.raises(RuntimeError, match="has seen no data"):
        RidgeReadout().partial_fit(x[:1], y[:1], [0.0]).predict(x)


def test_rows_without_a_weight_weigh_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ridge, "BLOCK", 16)
    x, y, _ = rows(4, 60, 5)
    plain = RidgeReadout().fit(x, y)
    assert torch.equal(RidgeReadout().fit(x, y, torch.ones(60)).weight, plain.weight)
    mixed = RidgeReadout().partial_fit(x[:40], y[:40]).partial_fit(x[40:], y[40:], torch.ones(20))
    assert torch.equal(mixed.weight, plain.weight)
    assert mixed.num_rows == 60
    mixed.save(tmp_path / "r.safetensors")
    again = RidgeReadout.load(tmp_path / "r.safetensors")
    again.partial_fit(x, y, np.full(60, 2.0))
    mixed.partial_fit(x, y, [2] * 60)
    assert torch.equal(again.weight, mixed.weight)


@pytest.mark.parametrize("wrong", [[1.0] * 5, [-1.0] + [1.0] * 5, [0.0] * 6, [[1.0]] * 6])
def test_what_are_no_weights(wrong: Any) -> None:
    x, y, _ = rows(0, 6, 2)
    readout = RidgeReadout().fit(x, y)
    before = readout.weight
    none = wrong == [0.0] * 6  # as if this batch were not there
    for call in (readout.fit,) if none else (readout.fit, readout.partial_fit):
        with pytest.raises(ValueError, match=r"'sample_weight' must have shape \[6\], one number"):
            call(x, y, wrong)
    with pytest.raises(ValueError, match="'sample_weight' must be finite"):
        readout.partial_fit(x, y, [float("nan")] * 6)
    assert torch.equal(readout.weight, before)


# Estimators


def series() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 12, 2)).cumsum(axis=1)
    return x, (x[:, -1, 0] > 0.0).astype(int), rng.integers(0, 4, 30)


def estimator(kind: str) -> Any:
    return getattr(pytest.importorskip("pyngn_graph.estimators"), kind)


HOW: dict[str, Any] = {"num_nodes": 40, "hold": 4, "trials": 6, "random_state": 0, "alpha": 0.01}


@pytest.mark.parametrize("glia", [(), ("astrocyte", "microglia")])
def test_weights_of_samples_are_repeated_samples(glia: tuple[str, ...]) -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    x, y, weight = series()
    twice = [np.repeat(each, weight, axis=0) for each in (x, y)]
    how = HOW | {"glia": glia}
    one = estimators.ReservoirClassifier(**how).fit(x, y, sample_weight=weight)
    two = estimators.ReservoirClassifier(**how).fit(*twice)
    np.testing.assert_allclose(one.decision_function(x), two.decision_function(x), atol=1e-6)
    assert one.score(x, y, sample_weight=weight) == pytest.approx(two.score(*twice))
    values = x[:, -1]
    one = estimators.ReservoirRegressor(**how).fit(x, values, weight)
    two = estimators.ReservoirRegressor(**how).fit(twice[0], np.repeat(values, weight, axis=0))
    np.testing.assert_allclose(one.predict(x), two.predict(x), atol=1e-5)
    steps = x[:, :, :1]
    one = estimators.ReservoirRegressor(**how).fit(x, steps, weight)
    two = estimators.ReservoirRegressor(**how).fit(twice[0], np.repeat(steps, weight, axis=0))
    np.testing.assert_allclose(one.predict(x), two.predict(x), atol=1e-5)
    assert one.score(x, steps, weight) == pytest.approx(
        two.score(twice[0], np.repeat(steps, weight, axis=0)), abs=1e-5
    )


def test_batches_with_weights_are_one_fit() -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    x, y, weight = series()
    how = HOW | {"glia": (), "standardize": False, "class_weight": {1: 3.0}}
    whole = estimators.ReservoirClassifier(**how).fit(x, y, sample_weight=weight)
    parts = estimators.ReservoirClassifier(**how)
    for part in np.array_split(np.random.default_rng(1).permutation(30), 4):
        parts.partial_fit(x[part], y[part], classes=[0, 1], sample_weight=weight[part])
    np.testing.assert_allclose(whole.decision_function(x), parts.decision_function(x), atol=1e-6)


@pytest.mark.parametrize("kind", ["ReservoirClassifier", "ReservoirRegressor"])
def test_later_samples_of_no_weight_change_nothing(kind: str) -> None:
    x, y, weight = series()
    make, named = estimator(kind), kind == "ReservoirClassifier"
    how = {"classes": [0, 1]} if named else {}
    model = make(**HOW).partial_fit(x, y, sample_weight=weight, **how)
    before = model.predict(x)
    assert np.array_equal(model.partial_fit(x, y, sample_weight=0 * weight).predict(x), before)
    with pytest.raises(ValueError, match="some above"):
        make(**HOW).partial_fit(x, y, sample_weight=0 * weight, **how)
    if named:
        model.set_params(class_weight={0: 0.0}).partial_fit(x[y == 0], y[y == 0])
        assert np.array_equal(model.predict(x), before)


@pytest.mark.parametrize("kind", ["ReservoirClassifier", "ReservoirRegressor"])
@pytest.mark.parametrize("wrong", [-1.0, 0.0, float("nan")])
def test_scores_ask_the_same_of_weights(kind: str, wrong: float) -> None:
    x, y, _ = series()
    model = estimator(kind)(**HOW).fit(x, y)
    assert model.score(x, y, torch.ones(30, requires_grad=True)) == model.score(x, y)
    with pytest.raises(ValueError, match="sample_weight"):
        model.score(x, y, np.full(30, wrong))


def test_a_rare_class_is_heard_when_classes_are_balanced() -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    rng = np.random.default_rng(3)
    y = (np.arange(200) % 10 == 0).astype(int)
    x = rng.normal(size=(200, 10, 1)) + 0.5 * y[:, None, None]

    def recall(**how: Any) -> float:
        made = estimators.ReservoirClassifier(**HOW | {"alpha": 1.0} | how).fit(x[:100], y[:100])
        return float((made.predict(x[100:])[y[100:] == 1] == 1).mean())

    assert recall(class_weight="balanced") > recall() + 0.2
    assert recall(class_weight="balanced") == recall(class_weight={0: 100 / 180, 1: 5.0})
    assert recall(class_weight={1: 9.0}) == recall(class_weight={0: 10.0, 1: 90.0})


def test_what_are_no_weights_of_classes() -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    x, y, _ = series()
    for wrong, match in (
        ({7: 1.0}, r"class_weight names none of the classes \[0, 1\]"),
        ("even", "class_weight must be None, 'balanced' or a dict"),
        ({0: -1.0}, "Weights of classes must be numbers >= 0"),
        ({0: 0.0, 1: 0.0}, "leaves no sample above zero weight"),
    ):
        with pytest.raises(ValueError, match=match):
            estimators.ReservoirClassifier(**HOW, class_weight=wrong).fit(x, y)
    with pytest.raises(ValueError, match="needs all samples at once; count the classes and pass"):
        estimators.ReservoirClassifier(class_weight="balanced").partial_fit(x, y, classes=[0, 1])


def test_the_classifier_has_the_parameters_of_all_estimators_and_one_more() -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    named, values = (
        kind().get_params()
        for kind in (estimators.ReservoirClassifier, estimators.ReservoirRegressor)
    )
    assert named == values | {"class_weight": None}
