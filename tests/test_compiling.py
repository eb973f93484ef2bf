"""Compiling takes a while, so a process says once that it does."""

from collections.abc import Callable

import pytest
from numba import njit
from numba.core import event

from pyngn_graph.compiling import Notice


def compile_one(module: str, *values: float) -> None:
    def twice(x: float) -> float:
        return x + x

    twice.__module__ = module
    function = njit(twice)
    for value in values:
        assert function(value) == 2 * value


def test_the_first_compilation_is_announced_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    compile_one("pyngn_graph.anything", 1)  # heard by the listener of this process
    caplog.clear()
    with event.install_listener("numba:compile", Notice()):
        compile_one("elsewhere", 1)
        made = dict[str, Callable[[int], int]]()
        exec("def same(x): return x", made)  # belongs to no module
        assert njit(made["same"])(1) == 1
        assert not caplog.records
        compile_one("pyngn_graph.anything", 1, 1.0)
        compile_one("pyngn_graph.anything", 1)
    assert [record.name for record in caplog.records] == ["pyngn_graph"]
    assert "once on this machine" in caplog.text
