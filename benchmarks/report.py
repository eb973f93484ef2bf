"""What all reports share: the command, the machine, tables in Markdown, and where they go."""

import json
import os
import platform
import resource
import shlex
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def command() -> str:
    """How this program was started, with paths as they were given."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def machine() -> str:
    """The processor by name, its cores, the memory."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        name = next((value.strip() for key, value in lines if key.startswith("model name")), name)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def peak_memory() -> float:
    """The most memory that this process has held so far, GiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread(values: Iterable[float], form: str = ".3g") -> str:
    """Median and range."""
    listed = list(values)
    low, middle, high = min(listed), statistics.median(listed), max(listed)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"


def write(
    path: Path,
    title: str,
    versions: Sequence[str],
    results: Any,
    parts: Iterable[str],
    notes: str,
    indent: int | None = 1,
) -> None:
    """Writes the tables to ``path`` (Markdown) and everything measured beside it (JSON).

    With ``indent=None`` a list of results takes a line for each.
    """
    facts = {"command": command(), "machine": machine(), "versions": versions, "results": results}
    text = json.dumps(facts, indent=indent)
    if indent is None:
        lines = ",\n".join(json.dumps(result) for result in results)
        text = json.dumps(facts | {"results": []}).removesuffix("[]}") + f"[\n{lines}\n]}}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(text + "\n")
    head = [f"# {title}", f"`{command()}`", machine(), "; ".join(versions)]
    path.write_text("\n\n".join([*head, *parts, notes]))
    print(path.read_text())
