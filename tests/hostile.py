"""What hypothesis throws at every public door, and the law each answer must obey."""

import copy
import linecache
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers import random_graph
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph

PACKAGE = str(Path(pyngn_graph.__file__).parent)

nan, inf = float("nan"), float("inf")

NUMBERS: tuple[Any, ...] = (
    nan, inf, -inf, 0, -1, 0.0, -0.0, 0.5, 1, 2, 2.5, -3.5, 1e-300, 1e-45, 1e-9, 1e9, 1e37, 3e38,
    -3e38, 1e300, -1e300, 2**31, 2**53 + 1, 2**63, 2**70, -(2**70), True, np.float64(nan),
    np.int64(-1), torch.tensor(nan), torch.tensor(-1),
)  # fmt: skip
"""Numbers at the edge of every range and beyond it."""

WRONG: tuple[Any, ...] = (None, "two", b"2", (), [], {}, [nan], object(), 2j)
"""What is no number at all."""

DTYPES = (torch.float64, torch.float16, torch.int64, torch.int8, torch.bool, torch.complex64)


# The law


def answers(call: Callable[[], Any], given: Any, *, errors: tuple[type, ...] = ()) -> Any:
    """``call()``, or None if it is refused: by an error of ours, and with ``given`` untouched.

    An error is ours if a ``raise`` in the package threw it. Those of ``errors`` may come from
    elsewhere. NaN and infinity may not be answered.
    """
    before, result, refusal = copy.deepcopy(given), None, None
    try:
        result = call()
    except (ValueError, TypeError, *errors) as error:
        refusal = error
    if refusal is not None:
        assert isinstance(refusal, errors) or is_ours(refusal), describe(refusal)
        assert str(refusal), "an error without a word"
    assert same(given, before), "what the caller gave was changed"
    return result


def is_ours(error: BaseException) -> bool:
    """Whether a ``raise`` of the package is where ``error`` comes from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0)
    return frame.filename.startswith(PACKAGE) and line.lstrip().startswith("raise")


def describe(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"not our error: {type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        if a.dtype != b.dtype or a.shape != b.shape or a.device != b.device:
            return False
        return a.is_meta or torch.equal(_bits(a), _bits(b))
    if isinstance(a, Data):
        return same(a.to_dict(), b.to_dict())
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.tobytes() == b.tobytes()
    return repr(a) == repr(b) or type(a).__module__ != "builtins" or type(a) is object


def _bits(value: Tensor) -> Tensor:
    """The memory of ``value``, byte by byte."""
    return value.detach().flatten().clone().unsqueeze(-1).view(torch.uint8)


def is_finite(value: Any) -> bool:
    """Whether no number in ``value``, or in what it holds, is NaN or infinite."""
    if isinstance(value, Tensor):
        return value.is_meta or bool(torch.isfinite(value).all())
    if isinstance(value, Data):
        return is_finite({k: v for k, v in value.to_dict().items() if k != "edge_color"})
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    if isinstance(value, float | np.floating):
        return math.isfinite(value)
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if is_dataclass(value) and not isinstance(value, type):
        return all(is_finite(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple | list):
        return all(map(is_finite, value))
    return True


# Tensors


@st.composite
def tensors(draw: st.DrawFn, like: Tensor) -> Tensor:
    """``like``, spoiled: in a few entries, as a whole, or in shape, type or device."""
    value = like.clone()
    for _ in range(draw(st.integers(1, 2))):
        value = draw(st.sampled_from(SPOILS))(draw, value)
    return value


def _entry(draw: st.DrawFn, value: Tensor) -> Tensor:
    if value.numel() == 0 or value.is_meta or value.dtype == torch.bool:
        return value
    numbers = [n for n in NUMBERS if isinstance(n, float | int)]
    number = float(draw(st.sampled_from(numbers)))
    whole = not value.is_floating_point() and not value.is_complex()
    if whole:
        limits = torch.iinfo(value.dtype)
        number = 0 if math.isnan(number) else min(max(number, limits.min), limits.max // 2)
    entry = torch.tensor(int(number) if whole else number, dtype=None if whole else torch.float64)
    value = value.contiguous().clone()
    value.view(-1)[draw(st.integers(0, value.numel() - 1))] = entry.to(value.dtype)
    return value


def _whole(draw: st.DrawFn, value: Tensor) -> Tensor:
    number = draw(st.sampled_from([nan, inf, 0.0, 3e38, -3e38, 1e37, 1e30, 1e-45, -1.0]))
    if value.is_floating_point():
        return torch.full(value.shape, number, dtype=torch.float64).to(value)
    return torch.zeros_like(value)


def _cast(draw: st.DrawFn, value: Tensor) -> Tensor:
    dtype = draw(st.sampled_from(DTYPES))
    return value.to(dtype)


def _cut(draw: st.DrawFn, value: Tensor) -> Tensor:
    return value[draw(st.sampled_from([0, 1])) :] if value.dim() else value.unsqueeze(0)


def _grown(draw: st.DrawFn, value: Tensor) -> Tensor:
    return torch.cat([value, value[:1]]) if value.dim() and value.numel() else value.unsqueeze(0)


def _turned(draw: st.DrawFn, value: Tensor) -> Tensor:
    return value.mT if value.dim() > 1 else value.unsqueeze(-1)


def _flat(draw: st.DrawFn, value: Tensor) -> Tensor:
    return value.reshape(-1)


def _empty(draw: st.DrawFn, value: Tensor) -> Tensor:
    return value[:0] if value.dim() else value


def _elsewhere(draw: st.DrawFn, value: Tensor) -> Tensor:
    return value.to("meta")


SPOILS: tuple[Callable[[st.DrawFn, Tensor], Tensor], ...] = (
    _entry, _entry, _entry, _whole, _whole, _cast, _cut, _grown, _turned, _flat, _empty, _elsewhere,
)  # fmt: skip


# Graphs


@st.composite
def small_graphs(draw: st.DrawFn) -> Data:
    """Sound graphs of every small size: no edges, one node, N == E, parallel edges, silence."""
    num_nodes = draw(st.sampled_from([1, 2, 3, 5]))
    num_edges = draw(st.sampled_from([0, 1, num_nodes, 9]))
    graph = random_graph(draw(st.integers(0, 9)), num_nodes, num_edges, max_delay=4)
    extra = {
        "edge_mask": torch.arange(num_edges) % 3 > 0,
        "edge_health": torch.linspace(0.0, 1.0, num_edges),
        "gain": torch.linspace(0.5, 2.0, num_nodes),
        "calcium": torch.zeros(num_nodes),
        "inhibitory": torch.arange(num_nodes) % 2 > 0,
        "edge_color": torch.ones(num_edges, 2),
        "dt": 1.0,
        "clock": 3,
    }
    for key, value in extra.items():
        if draw(st.booleans()):
            graph[key] = value
    return graph


@st.composite
def graphs(draw: st.DrawFn) -> Data:
    """Graphs of which up to two attributes are spoiled."""
    graph = draw(small_graphs())
    keys = sorted(graph.to_dict())
    for key in draw(st.lists(st.sampled_from(keys), max_size=2, unique=True)):
        value = graph[key]
        kind = draw(st.sampled_from(["spoil", "spoil", "spoil", "number", "wrong", "drop"]))
        if kind == "drop":
            del graph[key]
        elif kind == "wrong":
            graph[key] = draw(st.sampled_from([v for v in WRONG if type(v) is not object]))
        elif kind == "number" or not isinstance(value, Tensor):
            graph[key] = draw(st.sampled_from(NUMBERS))
        else:
            graph[key] = draw(tensors(value))
    return graph


# Arguments


@st.composite
def spoiled(draw: st.DrawFn, good: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments ``good``, one or two of them replaced by what is hostile to them."""
    arguments = dict(good)
    for key in draw(st.lists(st.sampled_from(sorted(good)), min_size=1, max_size=2, unique=True)):
        value = good[key]
        choices: list[st.SearchStrategy[Any]] = [st.sampled_from(NUMBERS)]
        if isinstance(value, Tensor):
            choices += [tensors(value)] * 3
        arguments[key] = draw(st.one_of(choices))
    return arguments
