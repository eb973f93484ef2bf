"""Every program in the documentation runs, page by page, as it stands."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PROGRAMS = {
    page.stem: "\n".join(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S))
    for page in sorted(DOCS.glob("*.md"))
}
WHOLE = [page for page, program in PROGRAMS.items() if program and page != "coming_from"]
"""Pages whose programs are one; the other's are pairs, and ``test_coming_from.py`` runs them."""


def test_there_are_programs_on_the_pages_that_teach() -> None:
    taught = {"quickstart", "astrocytes", "oligodendrocytes", "microglia", "your_own_cell"}
    assert taught <= {page for page, program in PROGRAMS.items() if program}


@pytest.mark.filterwarnings("error:The reservoir is", "error:No edge of the graph")
@pytest.mark.parametrize("page", WHOLE)
def test_the_programs_of_a_page_run(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(PROGRAMS[page], f"{page}.md", "exec"), {"__name__": page})
    said = [s for s in capsys.readouterr().out.splitlines() if s.startswith("The reservoir is ")]
    assert len(said) == len(re.findall(r"^print\(.*diagnose\(", PROGRAMS[page], re.M))
    assert all(line.startswith("The reservoir is healthy: ") for line in said), said


@pytest.mark.parametrize("page", sorted(PROGRAMS))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        # docs/tutorials is a copy that building makes
        where = DOCS.parent if target.startswith("tutorials/") else DOCS
        assert (where / target).is_file(), target
    for script in re.findall(r"(benchmarks/[\w/]+\.py)", text):
        assert (DOCS.parent / script).is_file(), script
