"""Whether two simulators did the same work, and the table of what it cost."""

import json
import os
import platform
import shlex
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

BASE = "event"

NOTES = """\
CPU and wall: seconds for one second of the model, loop over time only, medians. Ratio: CPU time
over that of `event` in the same round, median (range). Build: CPU seconds before the loop; Brian2
without generating and compiling its program. Memory: peak of the whole process, imports included;
of Brian2 that of its program alone.

Equal counts: share of the neurons with as many spikes as in the backend `reference` (float32), over
as many steps as that was run, and as in the same equations in double precision (plain numpy). Where
spikes differ, the first step at which they do: rounding decides whether a potential a hair from the
threshold fires, and a recurrent network carries that on.
"""


class Spikes(NamedTuple):
    """Steps and nodes of spikes, ``[S]`` each."""

    step: Any
    node: Any


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
    """The processor by name, and the cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        name = next((value.strip() for key, value in lines if key.startswith("model name")), name)
    cores, system = f"{os.cpu_count()} cores", platform.system()
    return f"{name}, {cores}, {system}, Python {platform.python_version()}"


def write(path: Path, results: list[dict[str, Any]]) -> None:
    """Writes the table to ``path`` (Markdown) and everything measured beside it (JSON)."""
    command = shlex.join(["python", *sys.argv])
    about = sorted({runs[0]["about"] for r in results for runs in r["rounds"].values()})
    facts = {"command": command, "machine": machine(), "versions": about}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(json.dumps(facts | {"results": results}, indent=1) + "\n")
    parts = ["# One network, several simulators", f"`{command}`", machine(), "; ".join(about)]
    path.write_text("\n\n".join([*parts, *map(_table, results), NOTES]))


def _table(result: dict[str, Any]) -> str:
    rounds = result["rounds"]
    first = rounds[BASE][0]
    lines = [
        f"## {result['size']} neurons x edges of each",
        f"{result['rate']:.1f} Hz, {first['synaptic_events']:.3g} synaptic events in "
        f"{result['steps']} steps; rounds: {len(rounds[BASE])}; steps of `reference`: "
        f"{result['steps_of_reference']}",
        "| simulator | CPU s | wall s | ratio | M events / CPU s | build s | memory MiB "
        "| equal counts: reference | double |\n|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in rounds.items():
        cpu, wall = (
            statistics.median(1000 * run[clock] / run["steps"] for run in runs)
            for clock in ("cpu", "wall")
        )
        events = statistics.median(1e-6 * run["synaptic_events"] / run["cpu"] for run in runs)
        build, memory = (statistics.median(run[k] for run in runs) for k in ("build", "memory"))
        equal = (_share(result[kind][name]) for kind in ("reference", "double"))
        cells = [name, f"{cpu:.3g}", f"{wall:.3g}", _ratio(runs, rounds[BASE]), f"{events:.3g}"]
        cells += [f"{build:.2g}", f"{memory:.0f}", *equal]
        lines[-1] += "\n| " + " | ".join(cells) + " |"
    return "\n\n".join(lines)


def _ratio(runs: list[Any], base: list[Any]) -> str:
    def cost(run: Any) -> float:
        return run["cpu"] / run["steps"]

    ratios = [cost(run) / cost(other) for run, other in zip(runs, base, strict=True)]
    return f"{statistics.median(ratios):.3g} ({min(ratios):.3g}-{max(ratios):.3g})"


def _share(equal: dict[str, Any]) -> str:
    if equal["first_difference"] is None:
        return "all, every spike"
    return f"{equal['equal_counts']:.1%}, from step {equal['first_difference']}"
