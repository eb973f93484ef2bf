"""What examples show is healthy: who copies one begins with a reservoir that works."""

import functools
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyngn_graph import TriglialReservoir

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
README = BLOCK.findall((ROOT / "README.md").read_text())
PAGES = {
    page.stem: "\n".join(BLOCK.findall(page.read_text()))
    for page in sorted((ROOT / "docs").glob("*.md"))
    if page.stem != "coming_from"  # programs of others beside ours, bare by intention
}
DOCSTRINGS = {
    f"{path.stem}:{text.count(chr(10), 0, found.start()) + 1}": found[0]
    for path in sorted((ROOT / "pyngn_graph").rglob("*.py"))
    for text in [path.read_text()]
    for found in re.finditer(r"(^ +(>>>|\.\.\.) ?.*\n)((?!\n).*\n)*", text, re.M)
    if "TriglialReservoir(" in found[0] or "SignalReservoir(" in found[0]
}


def program_of(docstring: str) -> str:
    lines = (line.strip() for line in docstring.splitlines())
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[TriglialReservoir]:
    """Every reservoir that is made."""
    begin, all_of_them = TriglialReservoir.__init__, list[TriglialReservoir]()

    @functools.wraps(begin)
    def remembered(self: TriglialReservoir, *args: Any, **how: Any) -> None:
        begin(self, *args, **how)
        all_of_them.append(self)

    monkeypatch.setattr(TriglialReservoir, "__init__", remembered)
    return all_of_them


def run(program: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "The reservoir is")
        exec(compile(program, name, "exec"), {"__name__": name})


def assert_healthy(made: list[TriglialReservoir]) -> None:
    ran = [each for each in made if each._activity is not None]
    assert ran
    for each in ran:
        found = each.diagnose()
        assert found.verdict == "healthy", found
        assert not found.advice, found


@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if "Reservoir" in text])
def test_reservoirs_of_the_documentation_are_healthy(
    page: str, made: list[TriglialReservoir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(PAGES[page], f"{page}.md")
    if page != "index":
        assert_healthy(made)


@pytest.mark.parametrize("number", range(len(README)))
def test_reservoirs_of_the_readme_are_healthy(
    number: int, made: list[TriglialReservoir], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    nodes = [f"n{i},{x},{y},{z}" for i, (x, y, z) in enumerate(rng.uniform(0, 500, (60, 3)))]
    Path("nodes.csv").write_text("\n".join(["name,x,y,z", *nodes]))
    edges = [f"n{i},n{j},{rng.integers(1, 30)}" for i, j in rng.integers(0, 60, (400, 2))]
    Path("edges.csv").write_text("\n".join(["pre,post,weight", *edges]))
    np.save("x.npy", rng.normal(size=(200, 40, 3)).cumsum(axis=1))
    np.save("y.npy", rng.choice(["rest", "walk", "run"], 200))
    run(README[number], f"README[{number}]")
    assert_healthy(made)


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_reservoirs_of_docstrings_are_healthy(name: str, made: list[TriglialReservoir]) -> None:
    run(program_of(DOCSTRINGS[name]), name)
    assert_healthy(made)


def test_there_are_examples() -> None:
    assert len(README) == 3
    assert len(DOCSTRINGS) >= 2
    assert sum("Reservoir" in text for text in PAGES.values()) > 8
