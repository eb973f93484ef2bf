from dataclasses import replace

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen
from torch import Tensor

from pyngn_graph.classification import Classification, classify, classify_raw
from pyngn_graph.datasets import SeriesDataset
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.recipes import Recipe

RECIPE = Recipe(num_nodes=60, max_delay=20, hold=5, pool=2, trials=40)
NUM_CLASSES = 3


def series(num_series: int, seed: int, same_length: bool = False) -> SeriesDataset:
    """Three classes: which channel rises towards the end, under noise."""
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(num_series) % NUM_CLASSES
    lengths = torch.randint(6, 10, (num_series,), generator=g)
    if same_length:
        lengths = torch.full_like(lengths, 9)
    step = torch.arange(9)
    rise = torch.nn.functional.one_hot(y, NUM_CLASSES).unsqueeze(1) * step.view(1, -1, 1) / 2.0
    x = rise + 0.3 * torch.randn(num_series, 9, NUM_CLASSES, generator=g)
    x[step >= lengths.unsqueeze(1)] = 0.0
    return SeriesDataset(x, lengths, y)


def relabeled(dataset: SeriesDataset, y: Tensor) -> SeriesDataset:
    return SeriesDataset(dataset.x, dataset.lengths, y)


TRAIN, TEST = series(90, 0), series(45, 1)


@pytest.fixture(scope="module")
def result() -> Classification:
    return classify(RECIPE, TRAIN, TEST, seed=2)


def test_the_classes_are_told_apart(result: Classification) -> None:
    assert result.accuracy > 0.9
    right = (result.prediction == TEST.y).double().mean()
    assert result.accuracy == pytest.approx(float(right))


def test_equal_seeds_give_equal_results(result: Classification) -> None:
    again = classify(RECIPE, TRAIN, TEST, seed=2)
    assert torch.equal(again.prediction, result.prediction)
    assert_same(again.reservoir.graph, frozen(result.reservoir.graph))
    assert_same_run(again.after, result.after)
    assert again.synaptic_events == result.synaptic_events


def test_glia_learn_from_the_training_input_alone(result: Classification) -> None:
    # Neither labels nor test items reach the graph: only the readout learns from labels.
    shuffled = TRAIN.y[torch.randperm(90, generator=torch.Generator().manual_seed(0))]
    other = classify(RECIPE, relabeled(TRAIN, shuffled), series(9, 5), seed=2)
    assert_same(other.reservoir.graph, frozen(result.reservoir.graph))
    assert other.accuracy < 0.8


def test_the_glia_were_at_work_for_as_long_as_the_recipe_says(result: Classification) -> None:
    assert result.life is not None
    assert result.life.lengths.numel() == RECIPE.trials
    assert result.reservoir.graph.clock == int(result.life.lengths.sum())
    assert result.life.traces["gain"].shape[1] == int(result.life.lengths.max()) // RECIPE.hold
    assert result.reservoir.graph.num_edges < result.before.graph.num_edges


def test_before_and_after_are_the_same_test_trials(result: Classification) -> None:
    lengths = TEST.lengths[:3] * RECIPE.hold
    for run in (result.before, result.after):
        assert torch.equal(run.lengths, lengths)
    events = float(result.after.synaptic_events.sum()) / float(lengths.sum())
    assert result.synaptic_events == pytest.approx(events)
    again = result.reservoir.run(TEST.x[:3], lengths=TEST.lengths[:3])
    assert_same_run(again, result.after)


def test_without_glia_nothing_changes() -> None:
    bare = classify(RECIPE.bare(), TRAIN, TEST, seed=2)
    assert bare.life is None
    assert_same_run(bare.before, bare.after)
    assert "gain" not in bare.reservoir.graph


def test_gains_are_recorded_where_there_are_astrocytes() -> None:
    recipe = replace(RECIPE, glia=("oligodendrocyte",), trials=3)
    life = classify(recipe, TRAIN, TEST).life
    assert life is not None
    assert life.traces == {}


def test_the_bar_counts_trials_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    classify(replace(RECIPE.bare(), num_nodes=8), TRAIN, TEST, progress=True)
    assert "/135" in capsys.readouterr().err
    classify(replace(RECIPE, num_nodes=8), TRAIN, TEST)
    assert capsys.readouterr() == ("", "")


# --- the control: the same readout on the raw input


def test_raw_series_of_equal_length_are_read_whole() -> None:
    train, test = series(90, 0, same_length=True), series(45, 1, same_length=True)
    readout = RidgeReadout().fit(train.x.flatten(1), train.y)
    for pool in ("last", 4):
        found = classify_raw(replace(RECIPE, pool=pool), train, test)
        assert found == readout.score(test.x.flatten(1), test.y)


def test_raw_series_are_read_no_further_back_than_the_liquid() -> None:
    train, test = series(90, 0, same_length=True), series(45, 1, same_length=True)
    recipe = replace(RECIPE, pool=3, read=1)
    late = [dataset.x[:, 6:].flatten(1) for dataset in (train, test)]
    expected = RidgeReadout().fit(late[0], train.y).score(late[1], test.y)
    assert classify_raw(recipe, train, test) == expected
    ends = []
    for dataset in (TRAIN, TEST):
        pairs = zip(dataset.x, dataset.lengths.tolist(), strict=True)
        ends.append(torch.stack([x[:n].tensor_split(3)[2].mean(dim=0) for x, n in pairs]))
    expected = RidgeReadout().fit(ends[0], TRAIN.y).score(ends[1], TEST.y)
    assert classify_raw(recipe, TRAIN, TEST) == expected


def test_the_readout_gets_the_features_of_the_recipe() -> None:
    recipe = replace(RECIPE.bare(), read=1, normalized=True)
    result = classify(recipe, TRAIN, TEST, seed=2)
    states = [recipe.features(result.reservoir(d.x, lengths=d.lengths)) for d in (TRAIN, TEST)]
    assert states[0].size(1) == RECIPE.num_nodes
    readout = RidgeReadout().fit(states[0], TRAIN.y)
    assert torch.equal(result.prediction, readout.predict(states[1]))


def test_raw_series_of_unequal_length_are_read_as_the_liquid_is() -> None:
    def last(dataset: SeriesDataset) -> Tensor:
        return torch.stack([x[n - 1] for x, n in zip(dataset.x, dataset.lengths, strict=True)])

    def halves(dataset: SeriesDataset) -> Tensor:
        pairs = zip(dataset.x, dataset.lengths.tolist(), strict=True)
        parts = [(x[: (n + 1) // 2], x[(n + 1) // 2 : n]) for x, n in pairs]
        return torch.stack([torch.cat([a.mean(dim=0), b.mean(dim=0)]) for a, b in parts])

    for pool, features in (("last", last), (2, halves)):
        expected = RidgeReadout().fit(features(TRAIN), TRAIN.y).score(features(TEST), TEST.y)
        assert classify_raw(replace(RECIPE, pool=pool), TRAIN, TEST) == expected
