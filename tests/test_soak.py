"""The long run, for a few seconds."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import soak


def test_a_short_run_is_lived_again_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = soak.soak(minutes=10, num_nodes=30, steps=200, folder=tmp_path)
    assert [row["again"] for row in rows] == [False] * 9 + [True]
    assert 1.0 < rows[-1]["rate_hz"] < 200.0
    soak.report(rows, 2000, tmp_path)
    assert json.loads((tmp_path / "soak.json").read_text())["results"] == rows
    text = (tmp_path / "soak.md").read_text()
    assert "2,000 steps" in text
    assert "1 minutes were lived again" in text


def test_what_is_broken_is_named() -> None:
    first = soak.reservoir(30).graph
    assert soak.invariants(first, first, 0)["most_inputs"] > 0
    for key, value, match in (
        ("gain", 101.0, "'gain' is out of bounds"),
        ("calcium", 2.0, "'calcium' is out of bounds"),
        ("edge_health", torch.inf, "'edge_health'"),
        ("edge_delay", 101.0, "a delay is out of bounds"),
        ("edge_weight", 0.5, "weights drift"),
    ):
        now = first.clone()
        now[key][0] = value
        with pytest.raises((AssertionError, ValueError), match=match):
            soak.invariants(first, now, 0)
    with pytest.raises(AssertionError, match="the clock does not count the steps"):
        soak.invariants(first, first, 1)
