"""How cost grows with neurons, edges of each, rate, trials and threads, one of them at a time.

python benchmarks/speed/scaling.py --rounds 5

All start from 10^4 neurons with 100 edges each at the rate of ``network.py``, one trial, one thread
(``--sizes`` names another start). Trials are a batch on one frozen graph. Writes a table, the
numbers, and a figure beside them.
"""

import argparse
import statistics
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from report import median, millions_per_second, rate, ratio, versions
from rounds import Simulator, arguments, interleaved, lay_down, run, shape

from benchmarks.report import spread, table, write

EVENT = Simulator("run_ours.py", "event")

DRIVES = (0.85, 0.9, 1.0, 1.5, 3.0, 6.0)
"""Factors of the drives, which set the rate."""

NOTES = """\
CPU and wall: seconds for one second of the model and one trial, loop over time only, median
(range). Ratio: CPU time for one second of one trial over that of the first row in the same round.
ns an event: CPU time for each synaptic event. Memory: peak of the whole process, imports included.
"""


class Case(NamedTuple):
    """One point; ``trials`` 0 is a run on the drives alone, without input."""

    num_nodes: int
    degree: int
    drive: float = 1.0
    trials: int = 0
    threads: int = 1

    @property
    def network(self) -> str:
        """The name of its network."""
        return f"{self.num_nodes}x{self.degree}-{self.drive:g}"

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.network} trials {self.trials} threads {self.threads}"


def sweeps(start: Case) -> dict[str, dict[str, Case]]:
    """The cases of each parameter by their label."""
    n, k = start.num_nodes, start.degree
    nodes = [n * factor // 100 for factor in (10, 30, 100, 300, 1000)]
    degrees = [k * factor // 100 for factor in (10, 30, 100, 300, 1000)]
    wide = (start._replace(trials=8, threads=threads) for threads in (1, 2))
    threads = [start, start._replace(threads=2), *wide]
    return {
        "neurons": {str(n): start._replace(num_nodes=n) for n in nodes if n >= k},
        "edges of each": {str(k): start._replace(degree=k) for k in degrees if k <= n},
        "drive": {f"{drive:g}": start._replace(drive=drive) for drive in DRIVES},
        "trials": {str(count): start._replace(trials=count) for count in (1, 4, 16, 64)},
        "threads": {f"{case.threads} ({max(1, case.trials)} trials)": case for case in threads},
    }


def measure(cases: list[Case], options: argparse.Namespace) -> dict[str, list[Any]]:
    """All rounds of all cases by their names."""
    steps, jobs, paths = round(1000 * options.seconds), {}, {}
    for case in cases:
        if case.network not in paths:
            size = f"{case.num_nodes}x{case.degree}"
            paths[case.network] = lay_down(size, options, case.drive, case.network)[0]
        numbers = {"trials": case.trials, "threads": case.threads}
        path = paths[case.network]
        jobs[case.name] = partial(_one, case, path, steps, options, numbers)
    jobs[cases[0].name]()  # compiles where that is kept
    return interleaved("scaling", jobs, options.rounds)


def _one(
    case: Case, path: Path, steps: int, options: argparse.Namespace, numbers: dict[str, int]
) -> Any:
    found = run("event", EVENT, path, steps, options, **numbers)
    trials = max(1, case.trials)
    return found | {"steps": steps * trials, "trials": trials}  # costs are given for one trial


def section(parameter: str, cases: dict[str, Case], found: dict[str, list[Any]]) -> str:
    """The table of one parameter."""
    head = [parameter, "Hz", "CPU s", "wall s", "ratio", "ns an event", "M events / CPU s"]
    base, rows = found[next(iter(cases.values())).name], []
    for label, case in cases.items():
        runs = found[case.name]
        row = [label, f"{rate(runs[0]):.1f}", _seconds(runs, "cpu"), _seconds(runs, "wall")]
        row += [ratio(runs, base), f"{statistics.median(map(_per_event, runs)):.3g}"]
        rows.append([*row, millions_per_second(runs), median(runs, "memory", 4)])
    return f"## {parameter.capitalize()}\n\n{table([*head, 'memory MiB'], rows)}"


def _seconds(runs: list[Any], clock: str) -> str:
    return spread(1000 * run[clock] / run["steps"] for run in runs)


def _per_event(run: Any) -> float:
    return 1e9 * run["cpu"] / max(1, run["synaptic_events"])


def draw(path: Path, parts: dict[str, dict[str, Case]], found: dict[str, list[Any]]) -> None:
    """CPU time for a second of the model, and for an event, against each parameter."""
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    names = [name for name in parts if name != "threads"]
    axes = figure.subplots(2, len(names), sharex="col", sharey="row")
    for (upper, lower), name in zip(axes.T, names, strict=True):
        runs = [found[case.name] for case in parts[name].values()]
        x = [float(label) for label in parts[name]]
        if name == "drive":
            x, name = [rate(run[0]) for run in runs], "rate, Hz"
        for axis, cost in (
            (upper, lambda run: 1000 * run["cpu"] / run["steps"]),
            (lower, _per_event),
        ):
            values = [sorted(map(cost, several)) for several in runs]
            middle = [statistics.median(several) for several in values]
            around = [
                [m - several[0] for m, several in zip(middle, values, strict=True)],
                [several[-1] - m for m, several in zip(middle, values, strict=True)],
            ]
            axis.errorbar(x, middle, around, marker="o", markersize=4, linewidth=1, capsize=2)
            axis.set(xscale="log", yscale="log")
            axis.grid(alpha=0.3)
        lower.set_xlabel(name)
    axes[0, 0].set_ylabel("CPU s per model s and trial")
    axes[1, 0].set_ylabel("CPU ns per synaptic event")
    figure.savefig(path, dpi=120)


def main() -> None:
    options = arguments(__doc__, "scaling.md", ["10000x100"], 1.0).parse_args()
    (size,) = options.sizes
    parts = sweeps(Case(*shape(size)))
    cases = {case.name: case for cases in parts.values() for case in cases.values()}
    found = measure(list(cases.values()), options)
    results = {
        "sweeps": {name: {k: c._asdict() for k, c in part.items()} for name, part in parts.items()},
        "rounds": found,
    }
    picture = options.out.with_suffix(".png")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(picture, parts, found)
    steps = round(1000 * options.seconds)
    about = f"Around {size}; {steps} steps, {options.rounds} rounds."
    body = [about, f"![CPU time against each parameter]({picture.name})"]
    body += [section(name, part, found) for name, part in parts.items()]
    runs = [run for several in found.values() for run in several]
    write(options.out, "How cost grows", versions(runs), results, body, NOTES)


if __name__ == "__main__":
    main()
