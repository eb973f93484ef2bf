"""Errors on the page of questions are provoked, and read as they are quoted there."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_geometric.transforms as T
from helpers import random_graph

import pyngn_graph as ng

PAGE = (Path(__file__).parents[1] / "docs" / "faq.md").read_text()
QUOTED = re.findall(r"^\*\*`(.+?)`\.\*\*", PAGE, flags=re.MULTILINE)


def reservoir(**how: Any) -> ng.TriglialReservoir:
    return ng.TriglialReservoir(random_graph(), **how)


def without(key: str) -> None:
    graph = random_graph()
    del graph[key]
    ng.validate(graph)


def changed(key: str, change: Callable[[Any], Any]) -> None:
    graph = random_graph()
    graph[key] = change(graph[key])
    ng.validate(graph)


CAUSES: dict[str, Callable[[Path], Any]] = {
    "needs 'scikit-learn'": lambda _: importlib.reload(ng.estimators),
    "has no 'edge_delay'": lambda _: without("edge_delay"),
    "must be float32": lambda _: changed("edge_weight", torch.Tensor.double),
    "int64 tensor": lambda _: changed("edge_index", torch.Tensor.int),
    "at least 1 step": lambda _: changed("edge_delay", torch.zeros_like),
    "rows for": lambda _: ng.validate(T.AddSelfLoops(attr=None)(random_graph())),
    "ToUndirected()": lambda _: ng.SafeTransform(T.ToUndirected()),
    "count steps of": lambda _: ng.TriglialReservoir(random_graph(dt=0.5)),
    "must have shape [B, T, 3]": lambda _: reservoir(in_channels=3)(torch.zeros(10, 3, 50)),
    "Without input": lambda _: reservoir().run(),
    "Nothing to diagnose": lambda _: reservoir().diagnose(),
    "has seen no data": lambda _: ng.RidgeReadout().predict(torch.zeros(1, 8)),
    "features but": lambda _: ng.RidgeReadout().fit(torch.eye(8), torch.arange(8.0))(torch.eye(9)),
    "does not hold": lambda empty: ng.datasets.Sunspots(empty),
    "Unknown backend": lambda _: reservoir(backend="gpu"),
}


def test_every_error_on_the_page_has_a_cause_here() -> None:
    assert len(QUOTED) == len(CAUSES)
    for part, quoted in zip(CAUSES, QUOTED, strict=True):
        assert part in quoted


@pytest.mark.parametrize("quoted", QUOTED)
def test_errors_read_as_they_are_quoted(
    quoted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    (cause,) = (cause for part, cause in CAUSES.items() if part in quoted)
    pattern = re.escape(quoted).replace(re.escape("..."), ".+")
    with pytest.raises((ValueError, TypeError, RuntimeError, OSError, ImportError)) as raised:
        cause(tmp_path)
    assert re.fullmatch(pattern, str(raised.value)), raised.value
