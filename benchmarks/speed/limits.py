"""How near delivery comes to what the machine can do: bare kernels and a streaming triad.

python benchmarks/speed/limits.py --sizes 10000x100 100000x100 --rounds 5

Each round runs ``event``, ``event`` with all edges masked, and the bare kernel of ``run_bare.py``
on the spikes of ``event``. With its edges masked the network fires on its drives alone, at much the
same rate, and does everything but deliver; so delivery takes

    cpu(event) - cpu(masked)

and the share of the bare kernel that it reaches is cpu(bare) over that. ``run_bare.py`` also times
what no glia that listen to the spikes of both ends of an edge get around.
"""

import argparse
from typing import Any

from report import rate, versions
from rounds import Simulator, arguments, interleaved, jobs_of, lay_down

from benchmarks.report import spread, table, write

SIMULATORS = {
    "event": Simulator("run_ours.py", "event"),
    "masked": Simulator("run_ours.py", "masked"),
    "bare": Simulator("run_bare.py"),
}

NOTES = """\
M events / CPU s: millions of synaptic events for a second of CPU. Loop: `event` as a whole. Masked:
CPU time of the same network with all edges masked, over that of `event`. Delivery: events over the
CPU time of `event` less that of the masked network in the same round. Bare: the recorded spikes
delivered by a kernel that does nothing else, as a plain loop and asking for memory beforehand.
Share: CPU time of the faster bare kernel over that of delivery (of the whole loop), in the same
round. Edges read: 8 bytes for each event of the faster bare kernel. Triad: a = b + s c in float64
on arrays far larger than the cache, 24 bytes an element, one thread. Medians, with ranges for
shares. Since the masked network fires a little less, delivery is charged a little too much. Bare
sensing: CPU time, over that of `event`, of a loop in which each edge looks up and adds one number
for each spike of its target; glia that listen to both ends of an edge do at least that.
"""


def measure(size: str, options: argparse.Namespace) -> dict[str, Any]:
    """All rounds of one size, and what follows from each."""
    path, _ = lay_down(size, options)
    steps = round(1000 * options.seconds)
    jobs = jobs_of(SIMULATORS, path, steps, options)
    jobs["event"]()  # compiles where that is kept; the bare kernel needs its spikes
    found = interleaved(size, jobs, options.rounds)
    derived = [
        _derived(event, masked, bare)
        for event, masked, bare in zip(found["event"], found["masked"], found["bare"], strict=True)
    ]
    return {"size": size, "rounds": found, "derived": derived}


def _derived(event: Any, masked: Any, bare: Any) -> dict[str, float]:
    events, delivery = event["synaptic_events"], event["cpu"] - masked["cpu"]
    return {
        "rate": rate(event),
        "masked_rate": rate(masked),
        "loop": 1e-6 * events / event["cpu"],
        "masked": masked["cpu"] / event["cpu"],
        "delivery": 1e-6 * events / delivery,
        "plain": 1e-6 * events / bare["plain"],
        "prefetching": 1e-6 * events / bare["prefetching"],
        "share": bare["cpu"] / delivery,
        "share_of_loop": bare["cpu"] / event["cpu"],
        "edges_read": 8e-9 * events / bare["cpu"],
        "triad": bare["triad"],
        "sensing": bare["sensing"] / event["cpu"],
    }


COLUMNS = {
    "Hz": ("rate", ".1f", False),
    "Hz masked": ("masked_rate", ".1f", False),
    "loop": ("loop", ".3g", False),
    "masked": ("masked", ".0%", False),
    "delivery": ("delivery", ".3g", False),
    "bare: plain": ("plain", ".3g", False),
    "prefetching": ("prefetching", ".3g", False),
    "**share: delivery**": ("share", ".0%", True),
    "whole loop": ("share_of_loop", ".0%", True),
    "edges read GB/s": ("edges_read", ".3g", False),
    "triad GB/s": ("triad", ".3g", False),
    "bare sensing": ("sensing", ".2f", True),
}
"""Each column: the value, its format, whether the range stands with it."""


def rows(results: list[dict[str, Any]]) -> list[list[str]]:
    found = []
    for result in results:
        row = [result["size"]]
        for key, form, ranged in COLUMNS.values():
            text = spread((values[key] for values in result["derived"]), form)
            row.append(text if ranged else text.split()[0])
        found.append(row)
    return found


def main() -> None:
    sizes = ["1000x100", "10000x100", "10000x1000", "100000x100"]
    options = arguments(__doc__, "limits.md", sizes, 5.0).parse_args()
    results: list[dict[str, Any]] = []
    for size in options.sizes:
        results.append(measure(size, options))
        runs = [run for result in results for runs in result["rounds"].values() for run in runs]
        steps, rounds = runs[0]["steps"], options.rounds
        about = f"{steps} steps, {rounds} rounds; rates of events in M events / CPU s"
        parts = [about, table(["network", *COLUMNS], rows(results))]
        title = "Delivery and the limits of the machine"
        write(options.out, title, versions(runs), results, parts, NOTES)


if __name__ == "__main__":
    main()
