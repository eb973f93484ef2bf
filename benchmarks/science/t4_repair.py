"""T4: self-repair after changes of weights, wiring and drive: time to return, memory around it.

python benchmarks/science/t4_repair.py --jobs 2
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.report import table
from benchmarks.science import pictures
from benchmarks.science.controls import series_controls
from benchmarks.science.harness import Study, arguments
from benchmarks.science.protocol import series
from benchmarks.science.repair import AFTER, CHANGES, repair
from benchmarks.science.results import Cell, Claim, Results, Show

A = {"astrocyte": "multiplicative"}
UNIFORM = {"oligodendrocyte": "uniform"}
LONG = {"oligodendrocyte": "coherence, long"}
TWICE = {"eta": 0.002}

ROWS: dict[str, dict[str, Any]] = {
    "no glia": {"live": False, **UNIFORM},
    "A, then frozen": {"live": False, **A, **UNIFORM},
    "A": {"live": True, **A, **UNIFORM},
    "A additive": {"live": True, "astrocyte": "additive", **UNIFORM},
    "A+O": {"live": True, **A, **LONG},
    "A+O+M": {"live": True, **A, **LONG, "microglia": "winner, long"},
    "A, twice the eta": {"live": True, **A, **UNIFORM, **TWICE},
    "A+O+M, twice the eta": {"live": True, **A, **LONG, **TWICE, "microglia": "winner, long"},
    "A+O+M, health, twice the eta": {"live": True, **A, **LONG, **TWICE, "microglia": "relative"},
    "control: A+O+random pruning": {"live": True, **A, **LONG, "microglia": "random, equal"},
}

NOTES = """\
512 neurons, in-degree 8, weight 0.2. "A" and "no glia" have delays drawn once from U(1, 100) ms;
A+O and A+O+M begin with delays by distance (oligodendrocytes: coherence, long-biased; microglia:
winner with a bonus for long delays). Glia adapt for 40 s; then 10 s of life, the change, 30 s of
life, all on U(-1, 1). Time: seconds after the change from which the mean rate stays within 20 % of
that of the 10 s before, for good; the mean is that of the second around each moment (in brackets:
of the second before it, which comes later by up to half a second). Memory: linear capacity over
lags 1 to 200 with glia at rest, before the change, just after it, and 30 s later. Astrocytes move
the gain at 0.001 per step, "twice the eta" at 0.002, a step first tried on seeds 0 and 1. Winners
leave a target one excitatory input: where a lesion takes that, no gain can bring the rate back, for
it multiplies the recurrent input alone. "Health" is relative health to 35 % of the edges. Zero
recurrent weights, the raw input and the ESN have no wiring that could change or repair itself: of
them only memory stands here.
"""


def main() -> None:
    study = Study("t4_repair", arguments(__doc__).parse_args())
    cells = [
        Cell(row, change, seed, repair, {"change": change, **params})
        for row, params in ROWS.items()
        for change in CHANGES
        for seed in study.seeds
    ]
    alone = {"connected": False, "measures": ["memory"]}
    name = "control: zero recurrent weights"
    others = [Cell(name, "memory", seed, series, alone) for seed in study.seeds]
    others += series_controls(study, ["memory"], ["memory"])
    results = study.run(cells)
    controls = study.run(others)
    shows = [Show(change, change, "back", ".1f") for change in CHANGES]
    parts = ["## Seconds until the rate is back", results.table(shows), "The slowest seed:"]
    slowest = [[row, *(_slowest(results, row, change) for change in CHANGES)] for row in ROWS]
    parts.append(table(["", *CHANGES], slowest))
    for metric, title in (
        ("orphans", "Neurons without an excitatory input just after the change, %"),
        ("before", "Memory before the change"),
        ("damaged", "Memory just after the change"),
        ("after", f"Memory {AFTER} s later"),
    ):
        shows = [Show(change, change, metric) for change in CHANGES]
        parts += [f"## {title}", results.table(shows)]
    parts += ["## Memory of the controls", controls.table([Show("memory", "memory", "memory")])]
    title = "Self-repair: what a liquid does about changes"
    study.write(title, parts, draw(results), claims(results), NOTES)


def _slowest(results: Results, row: str, change: str) -> str:
    back = results.values(row, change, "back")
    late = results.values(row, change, "returned") == 0
    if late.any():
        return f"never in {late.sum()} of {len(late)}"
    return f"{back.max():.1f} ({results.values(row, change, 'back_late').max():.1f})"


def claims(results: Results) -> list[Claim]:
    """What is said of the time to return."""
    found = []
    for row in ("A", "A+O", "A+O+M", "A+O+M, twice the eta"):
        for change in CHANGES[1:]:
            back = results.values(row, change, "back")
            text = f"{row}, {change}: rate back in 3 s or less in every seed"
            shown = f"slowest: {_slowest(results, row, change)}"
            found.append(Claim(text, shown, bool(back.max() <= 3.0)))
    return found


def draw(results: Results) -> Figure:
    """Rates after each change above, memory around it below."""
    figure, axes = pictures.panels(2, len(CHANGES) - 1, width=3.2, height=3.2, sharey="row")
    rows, ticks = ["A, then frozen", "A", "A+O", "A+O+M"], (5, 10, 20, 50, 100, 200)
    for (upper, lower), change in zip(axes.T, CHANGES[1:], strict=True):
        for place, row in enumerate(rows):
            rates = results.values(row, change, "rates")
            seconds = 0.25 * np.arange(rates.shape[1])
            mean, sd = rates.mean(axis=0), rates.std(axis=0, ddof=min(1, len(rates) - 1))
            color = pictures.COLORS[place]
            upper.plot(seconds, mean, color=color, label=row, linewidth=1.2)
            upper.fill_between(seconds, mean - sd, mean + sd, color=color, alpha=0.2, linewidth=0)
            values = [results.values(row, change, when) for when in ("before", "damaged", "after")]
            pictures.curve(lower, [0, 1, 2], values, place, row)
        upper.axhspan(16.0, 24.0, color="#808080", alpha=0.15, linewidth=0)
        upper.set(title=change, xlabel="s after the change", yscale="log", ylim=(5, 300))
        upper.set_yticks(ticks, map(str, ticks))
        lower.set_xticks([0, 1, 2], ["before", "just after", f"{AFTER} s later"], fontsize=8)
    axes[1, 0].set_ylim(0, None)
    axes[0, 0].set_ylabel("mean rate of a second, Hz")
    axes[1, 0].set_ylabel("memory capacity")
    axes[0, -1].legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    main()
