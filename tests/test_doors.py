"""Every public door under fire: a correct result or an error of ours, and nothing changed.

``HYPOTHESIS_PROFILE=long`` runs ten times as many cases, other ones each time. What is checked of
an answer stands in ``hostile.py``, the doors in ``doors.py``; rules that need a hand-made case, as
what breaks in the middle of a life, are in ``test_bad_input.py``, broken files in ``test_files.py``
and ``test_checkpoint.py``.
"""

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from doors import DOORS, GRAPH_DOORS, ROWS, VALUE_DOORS, check, estimated
from hostile import answers, is_finite, small_graphs, spoiled
from hypothesis import given, settings
from hypothesis import strategies as st

from pyngn_graph import cli
from pyngn_graph.exchange import read_graph
from pyngn_graph.exchange.files import READERS

PER_DOOR = 2 * settings.default.max_examples
"""Cases at each of the doors: more than 2000 in all."""

under_fire = settings(max_examples=PER_DOOR)


def test_there_are_cases_enough() -> None:
    assert len(DOORS) * PER_DOOR >= 2000


@pytest.mark.parametrize("name", DOORS)
@under_fire
@given(data=st.data())
def test_hostile_input(name: str, data: st.DataObject) -> None:
    strategy, door, how = DOORS[name]
    check(door, data.draw(strategy), **how)


@under_fire
@given(arguments=spoiled({"x": ROWS, "y": torch.arange(12) % 3, "again": ROWS}))
def test_estimators_refuse_in_words(arguments: dict[str, Any]) -> None:
    """Many of the errors are those of scikit-learn, whose rules for arrays these are."""
    given = {
        name: value.numpy() if isinstance(value, torch.Tensor) and not value.is_meta else value
        for name, value in arguments.items()
    }
    result = answers(lambda: estimated(**given), given, errors=(ValueError, TypeError))
    assert is_finite(result)


@pytest.mark.parametrize("name", sorted(set(GRAPH_DOORS) - {"set", "csv"}))
@settings(max_examples=10)
@given(data=st.data())
def test_sound_graphs_are_taken(name: str, data: st.DataObject) -> None:
    """Without edges, of one node, with N == E, parallel edges or silence alike.

    A list of edges knows no isolated neurons, and 'set' needs a graph of three.
    """
    door, finite = GRAPH_DOORS[name]
    graph = data.draw(small_graphs())
    result = door(graph)
    assert not finite or is_finite(result)


@pytest.mark.parametrize("name", VALUE_DOORS)
def test_sound_arguments_are_taken(name: str) -> None:
    door, good = VALUE_DOORS[name]
    assert is_finite(door(**good))


# Files and the command


@pytest.mark.parametrize("ending", sorted(READERS))
@under_fire
@given(content=st.binary(max_size=64) | st.text(" ,;\n01.-ex<>src dt", max_size=64))
def test_files_of_anything(ending: str, content: bytes | str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"graph{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        before = path.read_bytes()
        assert is_finite(answers(lambda: read_graph(path), content))
        assert path.read_bytes() == before


@under_fire
@given(
    command=st.sampled_from(["demo", "run", "bench", "info"]),
    option=st.sampled_from(["--num-nodes", "--seed", "--weight", "--glia", "--graph", "--rounds"]),
    value=st.sampled_from(["nan", "-1", "inf", "", "0x", "1e400", "-0.5", "two", "none,", "\0"]),
)
def test_the_command_complains_in_one_line(command: str, option: str, value: str) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            code: Any = cli.main([command, option, value])
        except SystemExit as error:
            code = error.code
    assert code == 2
    assert said.getvalue().count("\n") == 1
