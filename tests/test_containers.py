"""What sktime, pandas, torch and NumPy put series into: right, or refused with what to write."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")
pytest.importorskip("pandas")

import pandas as pd

import pyngn_graph as ng
from pyngn_graph.arrays import as_tensor
from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor
from pyngn_graph.recipes import Recipe

HOW: dict[str, Any] = {"num_nodes": 40, "hold": 4, "trials": 4, "random_state": 0}
X = np.random.default_rng(0).integers(-3, 4, size=(8, 12, 2)).astype(float)
Y = np.arange(8) % 2


def outputs(x: Any, y: Any = Y) -> Any:
    return ReservoirClassifier(**HOW).fit(x, y).decision_function(x)


SAME: dict[str, Callable[[Any], Any]] = {
    "learned": lambda x: torch.tensor(x, requires_grad=True),
    "bfloat16": lambda x: torch.tensor(x).bfloat16(),
    "list of learned": lambda x: [torch.tensor(each, requires_grad=True) for each in x],
    "frames": lambda x: [pd.DataFrame(each) for each in x],
    "no masked entry": lambda x: np.ma.masked_array(x),
    "objects": lambda x: x.astype(object),
    "read only, backwards": lambda x: np.broadcast_to(x, x.shape)[:, ::-1][:, ::-1],
}


@pytest.mark.parametrize("kind", SAME)
def test_containers_of_the_same_numbers(kind: str) -> None:
    assert np.array_equal(outputs(SAME[kind](X)), outputs(X))


def test_targets_that_require_gradients() -> None:
    for y in (X[:, 0, 0], X[:, :, :1]):
        models = [
            ReservoirRegressor(**HOW).fit(X, each)
            for each in (torch.tensor(y, requires_grad=True), list(torch.tensor(y)), y)
        ]
        first, *others = (model.predict(X) for model in models)
        assert all(np.array_equal(first, other) for other in others)
        assert models[0].score(X, torch.tensor(y, requires_grad=True)) == models[0].score(X, y)


def test_a_column_of_series_of_different_lengths() -> None:
    ragged = [each[: 6 + number % 4, 0] for number, each in enumerate(X)]
    assert np.array_equal(outputs(pd.Series(ragged)), outputs(ragged))
    learned = [torch.tensor(each, requires_grad=True) for each in ragged]
    assert np.array_equal(outputs(learned), outputs(ragged))
    assert torch.equal(ng.padded(learned)[0], ng.padded(ragged)[0])
    with pytest.raises(ValueError, match=r"transpose those in which channels .*'each\.T'"):
        outputs([each[: 6 + number % 4].T for number, each in enumerate(X)])


def test_a_table_of_series_says_how_to_unpack_it() -> None:
    nested = pd.DataFrame({name: [pd.Series(x[:, name]) for x in X] for name in (0, 1)})
    for table in (nested, nested.to_numpy()):
        with pytest.raises(ValueError, match=r"\[np\.stack\(row, axis=-1\) for row in np\.asarr"):
            outputs(table)
    assert np.array_equal(outputs([np.stack(r, axis=-1) for r in np.asarray(nested)]), outputs(X))


MASKED: Any = np.ma.masked_array(X, mask=X > 1)
WRONG: dict[str, tuple[Any, str]] = {
    "masked": (MASKED, r"masked at \d+ of 192 entries, .*\.filled\(\.\.\.\)"),
    "dates": (np.full(X.shape, np.datetime64("2020-01-01")), "must be real numbers"),
    "durations": (np.full(X.shape, np.timedelta64(1, "s")), "must be real numbers"),
    "films": (X[..., None], r"X\.reshape\(\*X\.shape\[:2\], -1\)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_scikit_learn_would_take_for_numbers(kind: str) -> None:
    value, message = WRONG[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        outputs(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (MASKED, r"'x' is masked .* pass 'x\.filled"),
        (torch.eye(3).to_sparse(), r"'x' is a sparse tensor; pass 'x\.to_dense\(\)'"),
        (torch.eye(3).to_sparse_csr(), "sparse"),
    ],
)
def test_what_is_there_in_part_only(value: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        as_tensor("x", value)
    for door in (ng.RidgeReadout().fit, ng.DeltaReadout().fit):
        with pytest.raises((TypeError, ValueError), match=message):
            door(value, torch.arange(3))


def test_a_frame_with_columns_of_several_types_is_numbers() -> None:
    mixed = pd.DataFrame({"a": [True, False], "b": [1.5, 2.0], "c": [1, 2]})
    assert as_tensor("x", mixed).tolist() == [[1.0, 1.5, 1.0], [0.0, 2.0, 2.0]]
    labels = as_tensor("y", np.array([2, 1], dtype=object))
    assert labels.dtype == torch.int64
    for wrong in (mixed.assign(d=["1", "2"]), mixed.assign(d=pd.Series([None, 1], dtype=object))):
        with pytest.raises(TypeError, match="must be real numbers"):
            as_tensor("x", wrong)


def test_a_layer_of_neurons_takes_arrays() -> None:
    x = X[0, :3, 0] + 1.0
    expected = ng.LIFLayer(3)(torch.tensor(x))
    for value in (x, x.tolist(), pd.Series(x), x[::-1].copy()[::-1]):
        assert torch.equal(ng.LIFLayer(3)(value), expected)
    with pytest.raises(TypeError, match="'i_syn' must be real numbers"):
        ng.LIFLayer(3)(["a", "b", "c"])


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_whole_numbers_of_numpy_are_parameters(kind: Any) -> None:
    how = {"hold": 4, "pool": 3, "trials": 3, "max_delay": 60, "num_nodes": 30, "read": 2}
    given = {name: kind(value) for name, value in how.items()}
    one, two = (
        ReservoirClassifier(**parameters, random_state=0).fit(X, Y) for parameters in (how, given)
    )
    assert np.array_equal(one.decision_function(X), two.decision_function(X))
    assert two.reservoir_.graph.clock == one.reservoir_.graph.clock


def test_numbers_of_numpy_are_kept_in_files(tmp_path: Any) -> None:
    graph = Recipe(num_nodes=27).tissue()
    how: dict[str, Any] = {"hold": 3, "glia_period": 5, "dt": 1.0, "tau_trace": 20.0}
    kinds = {"hold": np.int64, "glia_period": np.int16, "dt": np.float32, "tau_trace": np.float32}
    given = {name: kinds[name](value) for name, value in how.items()}
    one, two = (
        ng.TriglialReservoir(graph, in_channels=2, glia=[ng.Astrocyte()], **each)
        for each in (how, given)
    )
    states = one.adapt(X).states
    assert torch.equal(two.adapt(X).states, states)
    two.save(tmp_path / "r.safetensors")
    assert torch.equal(ng.TriglialReservoir.load(tmp_path / "r.safetensors")(X), one(X))


def test_recipes_from_files_are_those_from_code() -> None:
    recipe = Recipe(glia=("astrocyte",), bias=(0.5, 1.0), frame=(28, 28), receptive="gabor_sizes")
    listed = Recipe(
        glia=["astrocyte"],  # type: ignore[arg-type]
        bias=np.array([0.5, 1.0]),  # type: ignore[arg-type]
        frame=[28, 28],  # type: ignore[arg-type]
        receptive="gabor_sizes",
    )
    assert listed == recipe
    assert hash(listed) == hash(recipe)
    assert str(listed) == str(recipe)
    assert np.array_equal(
        ReservoirClassifier(**HOW, bias=[0.5, 1.0]).fit(X, Y).decision_function(X),
        ReservoirClassifier(**HOW, bias=(0.5, 1.0)).fit(X, Y).decision_function(X),
    )
    with pytest.raises(ValueError, match=r"bounds are a tuple: bias=\(0\.5, 1\)"):
        ng.TriglialReservoir(recipe.tissue(), bias=[0.5, 1.0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"glia": "astrocyte"}, r"pass \('astrocyte',\)"),
        ({"life": "long"}, "'life' must be a positive number"),
        ({"life": True}, "'life' must be a positive number"),
        ({"read": 1.0}, "'read' must lie in 1..4"),
        ({"read": True}, "'read' must lie in 1..4"),
    ],
)
def test_what_is_no_parameter_of_a_recipe(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**wrong)


@pytest.mark.parametrize("name", ["tau_m", "v_th", "v_rest", "r_m", "tau_syn"])
def test_learned_parameters_run_as_their_values(name: str) -> None:
    graph = Recipe(num_nodes=27).tissue()
    x = np.abs(X).repeat(4, axis=1)
    value = {"tau_m": 15.0, "tau_syn": 4.0, "v_rest": 0.1}.get(name, 0.9)
    learned = torch.nn.Parameter(torch.full((27,), value))
    one, two = (
        ng.TriglialReservoir(graph, in_channels=2, neuron=ng.LIFParameters(**{name: each}))
        for each in (value, learned)
    )
    assert torch.equal(two(x), one(x))


def test_neurons_to_draw_in_any_container() -> None:
    plot = pytest.importorskip("pyngn_graph.plot")
    pytest.importorskip("matplotlib").use("Agg")
    run = ng.TriglialReservoir(Recipe(num_nodes=27).tissue(), in_channels=2).run(X, record=("v",))
    for nodes in ([3, 5], np.array([3, 5]), torch.tensor([3, 5]), range(3, 6, 2)):
        labels = [tick.get_text() for tick in plot.potentials(run, nodes).get_yticklabels()]
        assert labels == ["3", "5"]
    for wrong in ([0.5], [-1], [27], [True], []):
        with pytest.raises(ValueError, match="'nodes' must name neurons from 0 to 26"):
            plot.potentials(run, wrong)


def test_scores_want_targets() -> None:
    for kind in (ReservoirClassifier, ReservoirRegressor):
        with pytest.raises(ValueError, match="y"):
            kind(**HOW).fit(X, Y).score(X, None)
