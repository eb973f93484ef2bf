"""The pairs of programs of ``docs/coming_from.md``: a peer's, ours, and what they print."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "coming_from.md"


class Pair(NamedTuple):
    """Programs and lines as they stand on the page."""

    theirs: str
    ours: str
    printed: list[str]


def pairs() -> dict[str, Pair]:
    """The pair of each peer, by the heading of its section."""
    found = {}
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]:
        blocks = re.findall(r"^(?:\*\*(.+?)\*\*\n\n)?```(\w+)\n(.*?)^```$", section, re.M | re.S)
        (lead, *_, theirs), (here, *_, ours), (_, kind, printed) = blocks
        assert (lead.split()[0], here, kind) == ("In", "Here", "text"), blocks
        found[section.splitlines()[0]] = Pair(theirs, ours, printed.splitlines())
    return found


def printed_by(program: str) -> list[str]:
    """The lines that a program prints, run in this process."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(program, PAGE.name, "exec"), {"__name__": "__main__"})
    return out.getvalue().splitlines()
