"""Every tutorial runs, and every notebook is the one of its script, with its outputs."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("jupytext", reason="the extra 'tutorials' is not installed")
import jupytext
import nbformat

FOLDER = Path(__file__).parents[1] / "tutorials"
SCRIPTS = sorted(FOLDER.glob("[0-9]*.py"))
NAMES = [script.stem for script in SCRIPTS]


def notebook(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def cells(content: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in content.cells]


def test_scripts_and_notebooks_come_in_pairs_and_are_in_the_index() -> None:
    assert NAMES
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES
    index = (FOLDER / "README.md").read_text()
    assert [name for name in re.findall(r"\]\((\d\w+)\.ipynb\)", index) if name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_that_of_its_script(name: str) -> None:
    assert cells(notebook(name)) == cells(jupytext.read(FOLDER / f"{name}.py"))


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_was_run_from_top_to_bottom_and_is_small(name: str) -> None:
    code = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert all(output.output_type != "error" for output in outputs)
    assert all(output.get("name") != "stderr" for output in outputs)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 500_000


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_with_what_to_try_next_and_its_links_lead_somewhere(name: str) -> None:
    text = [cell.source for cell in notebook(name).cells if cell.cell_type == "markdown"]
    assert text[-1].splitlines()[0] == "## What to try next" or "\n## What to try next" in text[-1]
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", "\n".join(text)):
        assert (FOLDER / target).is_file(), target


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize("name", NAMES)
def test_the_script_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYNGN_DATA", raising=False)  # what is skipped without data, is skipped
    script = FOLDER / f"{name}.py"
    with torch.random.fork_rng():
        exec(compile(script.read_text(), str(script), "exec"), {"__name__": "__main__"})
    pyplot.close("all")
    assert list(tmp_path.iterdir()) == []
