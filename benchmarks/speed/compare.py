"""Runs the same network on each simulator, in interleaved rounds, and writes a table.

python benchmarks/speed/compare.py --sizes 1000x100 10000x100 --rounds 5

Every run is a process of its own on one thread. Only the loop over time is compared; building,
compiling and a first step are left out. Networks of less than a million edges run longer than
``--seconds``, in proportion, so that what a run costs once does not count. Work that grows with
all edges at each step (``pyg``, ``pyngn``, and ``reference``, which shows that the work is the
same) is cut short at large sizes; times are given for a second of the model.
"""

import argparse
from functools import partial
from typing import Any

import network
from report import agreement, median, millions_per_second, per_second, rate, ratio, versions
from rounds import Simulator, arguments, interleaved, lay_down, run, shape, spikes
from worker import Spikes

from benchmarks.report import table, write

REFERENCE = Simulator("run_ours.py", "reference", at_once=10**9)

SIMULATORS = {
    "event": Simulator("run_ours.py", "event"),
    "nest": Simulator("run_nest.py", None, "nest"),
    "brian2": Simulator("run_brian2.py", "float64", "brian2"),
    "brian2-float32": Simulator("run_brian2.py", "float32", "brian2"),
    "pyg": Simulator("run_pyg.py", at_once=3 * 10**8),
    "pyngn": Simulator("run_pyngn.py", None, "pyngn", 50, dense=True, at_once=2 * 10**8),
}

EDGES = 10**6
"""Edges from which a network runs no longer than the seconds that are asked for."""

NOTES = """\
CPU and wall: seconds for one second of the model, loop over time only, medians. Ratio: CPU time
over that of `event` in the same round, median (range). M events / CPU s: millions of synaptic
events, that is spikes times edges out of each neuron, for a second of CPU. Build: CPU seconds
before the loop; Brian2 without generating and compiling its program. Memory: peak of the whole
process, imports included; of Brian2 that of its program alone.

Equal counts: share of the neurons with as many spikes as in the backend `reference` (float32), and
as in the same equations in double precision (plain numpy), each over as many steps as both were
run. Where spikes differ, the first step at which they do: rounding decides whether a potential a
hair from the threshold fires, and a recurrent network carries that on.
"""


def measure(size: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """All rounds of one size."""
    num_nodes, degree = shape(size)
    path, net = lay_down(size, options)
    wanted = round(1000 * options.seconds * max(1.0, EDGES / (num_nodes * degree)))
    double = Spikes(*network.replay(net, wanted))
    del net
    few = REFERENCE.steps(wanted, num_nodes, degree)
    run("reference", REFERENCE, path, few, options)
    reference = spikes("reference", path)
    jobs, left_out, steps = {}, {}, {}
    for name in names:
        need = SIMULATORS[name].bytes_per_edge * SIMULATORS[name].size(num_nodes, degree) / 2**30
        if need > options.memory:
            left_out[name] = need
            continue
        steps[name] = SIMULATORS[name].steps(wanted, num_nodes, degree)
        jobs[name] = partial(run, name, SIMULATORS[name], path, steps[name], options)
        if not SIMULATORS[name].at_once:  # compiles where that is kept, warms the disk's cache
            jobs[name]()
    found = interleaved(size, jobs, options.rounds)
    equal = {}
    for name in jobs:
        kinds = {"reference": (reference, few), "double": (double, wanted)}
        equal[name] = {
            kind: agreement(spikes(name, path), expected, num_nodes, min(steps[name], length))
            for kind, (expected, length) in kinds.items()
        }
    return {"size": size, "rounds": found, "equal": equal, "left_out": left_out}


def section(result: dict[str, Any]) -> str:
    """The table of one size."""
    rounds = result["rounds"]
    base = rounds["event"]
    head = ["simulator", "CPU s", "wall s", "ratio", "M events / CPU s", "build s", "memory MiB"]
    head += ["steps", "equal counts: reference", "double"]
    rows = []
    for name, runs in rounds.items():
        row = [name, per_second(runs, "cpu"), per_second(runs, "wall"), ratio(runs, base)]
        row += [millions_per_second(runs), median(runs, "build", 2), median(runs, "memory", 4)]
        rows.append([*row, str(runs[0]["steps"]), *map(_share, result["equal"][name].values())])
    parts = [
        f"## {result['size']} neurons x edges of each",
        f"{rate(base[0]):.1f} Hz, {base[0]['synaptic_events']:.3g} synaptic events in "
        f"{base[0]['steps']} steps; {len(base)} rounds",
        table(head, rows),
    ]
    if result["left_out"]:
        needs = (f"{name} (about {need:.0f} GiB)" for name, need in result["left_out"].items())
        parts.append(f"Left out for want of memory: {', '.join(needs)}.")
    return "\n\n".join(parts)


def _share(equal: dict[str, Any]) -> str:
    if equal["first_difference"] is None:
        return f"all, every spike of {equal['steps']} steps"
    return f"{equal['equal_counts']:.1%}, from step {equal['first_difference']}"


def main() -> None:
    sizes = ["1000x100", "10000x100", "10000x1000", "100000x100"]
    parser = arguments(__doc__, "speed.md", sizes, 1.0)
    parser.add_argument("--simulators", nargs="+", default=list(SIMULATORS), choices=SIMULATORS)
    parser.add_argument("--memory", type=float, default=4.0, help="GiB that one run may take")
    options = parser.parse_args()
    names = []
    for name, simulator in SIMULATORS.items():
        if name == "event" or name in options.simulators:
            if simulator.python(options.environments).exists():
                names.append(name)
            else:
                print(f"{name} is skipped: run benchmarks/speed/environments.sh to install it")
    results: list[dict[str, Any]] = []
    for size in options.sizes:
        results.append(measure(size, names, options))
        runs = [run for result in results for runs in result["rounds"].values() for run in runs]
        title = "One network, several simulators"
        write(options.out, title, versions(runs), results, map(section, results), NOTES)


if __name__ == "__main__":
    main()
