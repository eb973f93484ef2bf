"""What glia cost: the same network bare, with astrocytes, with all three glia.

python benchmarks/speed/glia.py --sizes 10000x100 --rounds 5

Astrocytes are given the mean rate of the bare network as their target, oligodendrocytes its range
of delays, and microglia prune so little at a tick that the number of edges hardly changes. Ticks of
the slow clock come every 1000 steps; ``no-ticks`` is the network with all glia and none. The
first epoch and its tick, which compile, are left out.
"""

import argparse
from typing import Any

from report import median, millions_per_second, per_second, rate, ratio, versions
from rounds import Simulator, arguments, interleaved, jobs_of, lay_down

from benchmarks.report import spread, table, write

SIMULATORS = {
    name: Simulator("run_ours.py", name) for name in ("event", "astrocytes", "glia", "no-ticks")
}

NOTES = """\
CPU and wall: seconds for one second of the model, loop over time only, medians. Ratio: CPU time
over that of the bare network (`event`) in the same round, median (range); per event: of CPU time
for each synaptic event. Rate: over the whole run; glia shift it. Edges: those left at the end.
Ticks: CPU time inside ticks (what the glia sensed is worked out there as well), in ms each and as a
share of the run. Memory: peak of the whole process, imports included.
"""


def measure(size: str, options: argparse.Namespace) -> dict[str, Any]:
    """All rounds of one size."""
    path, _ = lay_down(size, options)
    steps = round(1000 * options.seconds)
    jobs = jobs_of(SIMULATORS, path, steps, options)
    for job in jobs.values():  # compiles where that is kept; glia need the rate of the bare network
        job()
    return {"size": size, "rounds": interleaved(size, jobs, options.rounds)}


def section(result: dict[str, Any]) -> str:
    """The table of one size."""
    rounds = result["rounds"]
    base = rounds["event"]
    head = ["network", "CPU s", "wall s", "ratio", "per event", "M events / CPU s", "Hz", "edges"]
    head += ["ms a tick", "ticks: share of the run", "memory MiB"]
    rows = []
    for name, runs in rounds.items():
        row = [name, per_second(runs, "cpu"), per_second(runs, "wall"), ratio(runs, base)]
        row += [ratio(runs, base, per="synaptic_events"), millions_per_second(runs)]
        row += [f"{rate(runs[0]):.1f}", str(runs[0]["edges"])]
        if runs[0]["ticks"]:
            row.append(spread(1000 * run["tick_cpu"] / run["ticks"] for run in runs))
            row.append(spread((run["tick_cpu"] / run["cpu"] for run in runs), ".1%"))
        else:
            row += ["", ""]
        rows.append([*row, median(runs, "memory", 4)])
    pairs = zip(rounds["glia"], rounds["no-ticks"], strict=True)
    whole = spread((1.0 - none["cpu"] / run["cpu"] for run, none in pairs), ".1%")
    return "\n\n".join(
        [
            f"## {result['size']} neurons x edges of each",
            f"{base[0]['steps']} steps, {len(base)} rounds",
            table(head, rows),
            f"What ticks add to a run with all glia, 1 - CPU time without / with them: {whole}.",
        ]
    )


def main() -> None:
    options = arguments(__doc__, "glia.md", ["1000x100", "10000x100"], 5.0).parse_args()
    results: list[dict[str, Any]] = []
    for size in options.sizes:
        results.append(measure(size, options))
        runs = [run for result in results for runs in result["rounds"].values() for run in runs]
        write(options.out, "What glia cost", versions(runs), results, map(section, results), NOTES)


if __name__ == "__main__":
    main()
