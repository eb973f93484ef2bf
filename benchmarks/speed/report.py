"""Whether two simulators did the same work, and tables of what it cost."""

import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from worker import Spikes


def agreement(found: Spikes, expected: Spikes, num_nodes: int, steps: int) -> dict[str, Any]:
    """How far two runs agree over the first ``steps``: counts, spikes, first difference."""
    inside = [spikes.step < steps for spikes in (found, expected)]
    counts, keys = [], []
    for spikes, chosen in zip((found, expected), inside, strict=True):
        counts.append(np.bincount(spikes.node[chosen], minlength=num_nodes))
        keys.append(spikes.step[chosen].astype(np.int64) * num_nodes + spikes.node[chosen])
    differing = np.setxor1d(*keys)
    either = max(1, np.union1d(*keys).size)
    return {
        "steps": steps,
        "equal_counts": float((counts[0] == counts[1]).mean()),
        "equal_spikes": 1.0 - differing.size / either,
        "total": [int(count.sum()) for count in counts],
        "first_difference": int(differing[0]) // num_nodes if differing.size else None,
    }


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


def write(
    path: Path, title: str, runs: Iterable[Any], results: Any, parts: Iterable[str], notes: str
) -> None:
    """Writes the tables to ``path`` (Markdown) and everything measured beside it (JSON).

    ``runs`` are those whose versions are named.
    """
    command, about = shlex.join(["python", *sys.argv]), sorted({run["about"] for run in runs})
    facts = {"command": command, "machine": machine(), "versions": about, "results": results}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    head = [f"# {title}", f"`{command}`", machine(), "; ".join(about)]
    path.write_text("\n\n".join([*head, *parts, notes]))
    print(path.read_text())


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def median(runs: list[Any], key: str, digits: int = 3) -> str:
    return f"{statistics.median(run[key] for run in runs):.{digits}g}"


def per_second(runs: list[Any], clock: str) -> str:
    """Median seconds for a second of the model."""
    return f"{statistics.median(1000 * run[clock] / run['steps'] for run in runs):.3g}"


def millions_per_second(runs: list[Any]) -> str:
    """Median millions of synaptic events per second of CPU."""
    return f"{statistics.median(1e-6 * run['synaptic_events'] / run['cpu'] for run in runs):.3g}"


def rate(run: Any) -> float:
    """Mean firing rate, Hz."""
    return 1000 * run["spikes"] / (run["num_nodes"] * run["steps"])


def ratio(runs: list[Any], base: list[Any], per: str = "steps") -> str:
    """CPU time for a step (event, ...) over that of ``base`` in the same round."""
    pairs = zip(runs, base, strict=True)
    return spread(run["cpu"] / run[per] * one[per] / one["cpu"] for run, one in pairs)


def spread(values: Iterable[float], form: str = ".3g") -> str:
    """Median and range."""
    listed = list(values)
    low, middle, high = min(listed), statistics.median(listed), max(listed)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"
