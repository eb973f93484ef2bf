"""Numbers as people hold them are taken where nothing is lost, at every door alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from helpers import generator, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import pyngn_graph as ng
from pyngn_graph import encoding, tasks
from pyngn_graph.analysis import dynamics
from pyngn_graph.arrays import as_float32, as_tensor

VALUES = torch.randint(0, 3, (6, 12, 3), generator=generator(0))
"""Small whole numbers, which every type holds."""


def frame(value: Tensor) -> Any:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(value.numpy()) if value.dim() == 2 else value.numpy()


DRESS: dict[str, Callable[[Tensor], Any]] = {
    "int64": lambda v: v,
    "float64": Tensor.double,
    "float16": Tensor.half,
    "uint8": lambda v: v.to(torch.uint8),
    "array": lambda v: v.double().numpy(),
    "array of float16": lambda v: v.half().numpy(),
    "array of longdouble": lambda v: v.numpy().astype(np.longdouble),
    "array of uint16": lambda v: v.numpy().astype(np.uint16),
    "array of uint64": lambda v: v.numpy().astype(np.uint64),
    "array of another endianness": lambda v: v.double().numpy().astype(">f4"),
    "array written backwards": lambda v: v.flip(0).numpy()[::-1],
    "array in the order of Fortran": lambda v: np.asfortranarray(v.float().numpy()),
    "array that is read only": lambda v: np.frombuffer(v.float().numpy().tobytes(), "f4").reshape(
        v.shape
    ),
    "lists": Tensor.tolist,
    "tuples": lambda v: tuple(v.tolist()),
    "list of arrays": lambda v: list(v.numpy()),
    "list of tensors": lambda v: list(v.float()),
    "frame": frame,
}


def reservoir(**how: Any) -> ng.TriglialReservoir:
    return ng.TriglialReservoir(random_graph(), in_channels=3, hold=4, bias=(0.8, 1.4), **how)


def readout(kind: Any, x: Any, y: Any) -> Any:
    made = kind().fit(x, y).partial_fit(x, y)
    assert made(x).shape[0] == made.predict(x).shape[0] == len(y)
    assert made.score(x, y) <= 1.0
    return made.weight, made.bias


STATES, TARGETS = VALUES.flatten(0, 1), VALUES.flatten(0, 1).sum(dim=1)
DOORS: dict[str, Callable[[Callable[[Tensor], Any]], Any]] = {
    "forward": lambda dress: reservoir()(dress(VALUES)),
    "one trial": lambda dress: reservoir()(dress(VALUES[0])),
    "run": lambda dress: reservoir().run(dress(VALUES), record=("v",)).traces["v"],
    "adapt": lambda dress: reservoir(glia=[ng.Astrocyte()]).adapt(dress(VALUES)).events,
    "lengths": lambda dress: (
        reservoir()(VALUES, dress(torch.tensor([1, 2, 3, 4, 5, 6])).copy())
        if dress is frame
        else reservoir()(VALUES, torch.tensor([1, 2, 3, 4, 5, 6]))
    ),
    "input_weight": lambda dress: reservoir(input_weight=dress(STATES[:8]))(VALUES),
    "step": lambda dress: reservoir(stateful=True).step(dress(STATES[:4])),
    "signals": lambda dress: ng.SignalReservoir(random_graph(), in_channels=3, hold=2)(
        dress(VALUES[:1].expand(8, -1, -1).transpose(0, 1))
    ),
    "ridge": lambda dress: readout(ng.RidgeReadout, dress(STATES), TARGETS.double()),
    "ridge, labels": lambda dress: readout(ng.RidgeReadout, dress(STATES), TARGETS.numpy()),
    "delta": lambda dress: readout(ng.DeltaReadout, dress(STATES), TARGETS.double().numpy()),
    "poisson": lambda dress: encoding.poisson(dress(STATES), 5, generator=generator(1)),
    "latency": lambda dress: encoding.latency(dress(STATES.clamp(max=1)), 5),
    "level_crossing": lambda dress: encoding.level_crossing(dress(STATES), 0.5),
    "nrmse": lambda dress: torch.tensor(tasks.nrmse(dress(STATES), STATES.double() + 1.0)),
    "branching": lambda dress: torch.tensor(
        dynamics.branching_ratio(dress(STATES.t()), max_lag=5).m
    ),
    "fano": lambda dress: torch.tensor(dynamics.fano_factor(dress(STATES))),
    "rank": lambda dress: torch.tensor(dynamics.state_rank(dress(STATES)).effective),
    "memory": lambda dress: dynamics.memory_capacity(dress(STATES), dress(STATES[:, :1]), 2).r2,
}


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, tuple):
        return all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    return bool(torch.equal(ours.nan_to_num(-1.0), theirs.nan_to_num(-1.0)))


@pytest.mark.parametrize("dress", DRESS)
@pytest.mark.parametrize("door", DOORS)
def test_every_dress_gives_the_same_bits(door: str, dress: str) -> None:
    assert same(DOORS[door](DRESS[dress]), DOORS[door](Tensor.float))


WRONG: dict[str, Any] = {
    "complex": np.ones((6, 12, 3), dtype=complex),
    "complex tensor": torch.ones(6, 12, 3, dtype=torch.complex64),
    "objects": np.full((6, 12, 3), None),
    "words": [[["a", "b", "c"]] * 12] * 6,
    "numbers in words": np.full((6, 12, 3), "1.0"),
    "times": np.full((6, 12, 3), np.datetime64("2020-01-01")),
    "a word": "x.npy",
    "nothing much": {"x": 1.0},
    "a function": torch.ones,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_holds_no_real_numbers_is_refused_by_name(wrong: str) -> None:
    value = WRONG[wrong]
    flat = value if isinstance(value, str | dict) or callable(value) else value[0]
    for call in (
        lambda: reservoir()(value),
        lambda: reservoir().run(value),
        lambda: reservoir().adapt(value),
        lambda: ng.RidgeReadout().fit(flat, TARGETS),
        lambda: encoding.level_crossing(flat, 0.5),
        lambda: tasks.nrmse(flat, flat),
    ):
        with pytest.raises(TypeError, match=r"'(x|signal|prediction)' must (be|hold) .*real"):
            call()


def test_rows_of_different_lengths_have_a_remedy() -> None:
    ragged = [np.ones((4, 3)).tolist(), np.ones((2, 3)).tolist()]
    with pytest.raises(ValueError, match=r"x, lengths = pyngn_graph\.padded\(series\)"):
        reservoir()(ragged)
    with pytest.raises(ValueError, match="padded"):
        reservoir()([torch.ones(4, 3), torch.ones(2, 3)])
    assert reservoir()(*ng.padded(ragged)).shape == (2, 8)


def test_words_as_labels_have_a_remedy() -> None:
    words = np.array(["a", "b"] * 36)
    with pytest.raises(TypeError, match=r"np\.unique\(y, return_inverse=True\)\[1\]"):
        ng.RidgeReadout().fit(STATES, words)
    codes = np.unique(words, return_inverse=True)[1]
    assert ng.RidgeReadout().fit(STATES, codes).classes.tolist() == [0, 1]


@given(value=st.integers(-(2**63), 2**63 - 1), kind=st.sampled_from(["array", "tensor", "list"]))
def test_whole_numbers_are_kept_or_refused(value: int, kind: str) -> None:
    given: Any = [value, 0]
    given = given if kind == "list" else np.array(given)
    given = torch.from_numpy(given) if kind == "tensor" else given
    if int(np.float32(value)) == value and -(2**63) < value:
        assert int(as_float32("x", given)[0]) == value
    elif abs(value) <= 2**62:
        with pytest.raises(ValueError, match=r"'x' holds whole numbers up to .* subtract an off"):
            as_float32("x", given)


def test_the_remedy_for_large_numbers_works() -> None:
    x = 1_700_000_000_000 + 997 * torch.arange(36).view(12, 3)
    with pytest.raises(ValueError, match=r"'\(x - x\.min\(\)\) / 1000\.0' in float64"):
        reservoir()(x)
    moved = (x.double() - x.min()) / 1000.0
    assert reservoir()(moved).shape == (1, 8)


def test_numbers_beyond_64_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="must fit into 64 bits"):
        as_tensor("x", np.array([2**64 - 1], dtype=np.uint64))
    with pytest.raises(TypeError, match=r"real numbers \(got object\)"):
        as_tensor("x", [2**70])


def test_a_tensor_is_taken_as_it_is_and_an_array_is_copied() -> None:
    x = torch.ones(3, requires_grad=True)
    assert as_tensor("x", x) is x
    array = np.ones(3)
    tensor = as_tensor("x", array)
    array[0] = 7.0
    assert tensor.tolist() == [1.0, 1.0, 1.0]


def test_nullable_columns_of_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    whole = pandas.DataFrame({"a": pandas.array([1, 2, 3], dtype="Int64"), "b": [0.5, 1.0, 2.0]})
    assert as_tensor("x", whole.astype(float)).tolist() == [[1.0, 0.5], [2.0, 1.0], [3.0, 2.0]]
    words = pandas.DataFrame({"a": ["u", "v"], "b": [0.5, 1.0]})
    with pytest.raises(TypeError, match="'x' must be real numbers"):
        as_tensor("x", words)


def test_arrays_that_mean_something_else_are_told_as_tensors_are() -> None:
    made = reservoir()
    with pytest.warns(UserWarning, match=r"SignalReservoir\(graph, in_channels=3\)\(x\[None\]\)"):
        made(np.ones((8, 3)))
    with pytest.raises(TypeError, match="looks like the edges of a graph"):
        made(random_graph().edge_index.numpy())


def test_whole_numbers_that_float64_does_not_hold_are_refused() -> None:
    large = torch.full((4, 2), 2**60)
    for call in (
        lambda: ng.RidgeReadout().fit(large, torch.arange(4)),
        lambda: dynamics.fano_factor(large),
        lambda: tasks.nrmse(large, large + 1),
    ):
        with pytest.raises(ValueError, match=r"float64 holds all of them up to 2\*\*53 only"):
            call()
