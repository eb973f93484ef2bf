import sys
from types import ModuleType

import pytest
import torch
from helpers import random_graph

from pyngn_graph import TriglialReservoir
from pyngn_graph.progress import Hidden, progress_bar


@pytest.mark.parametrize(("show", "visible"), [(True, True), (False, False), (None, False)])
def test_the_bar_shows_where_it_is_asked_for(
    show: bool | None, visible: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    reservoir = TriglialReservoir(random_graph(), bias=1.2)
    reservoir.run(num_steps=600, progress=show)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("0/600" in err) == visible


def test_the_bar_shows_on_a_terminal_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert not isinstance(progress_bar(5, None), Hidden)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert isinstance(progress_bar(5, None), Hidden)


def test_the_bar_shows_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    assert not isinstance(progress_bar(5, None), Hidden)


def test_short_work_shows_no_bar_unless_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for show, visible in ((None, False), (True, True)):
        with progress_bar(5, show, unit="trial") as bar:
            bar.update(5)
        out, err = capsys.readouterr()
        assert out == ""
        assert ("trial" in err) == visible


def test_a_hidden_bar_asks_for_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.auto.tqdm.get_lock", lambda: pytest.fail("asked for the lock"))
    TriglialReservoir(random_graph()).run(num_steps=20, progress=False)


def test_forward_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    TriglialReservoir(random_graph())(torch.ones(2, 300, 8))
    assert capsys.readouterr() == ("", "")
