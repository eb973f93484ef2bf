"""Rules against their controls: learned delays, and memory by size with all three glia.

python benchmarks/science/t_rules.py --jobs 2
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import series_controls
from benchmarks.science.harness import Study, arguments
from benchmarks.science.protocol import series
from benchmarks.science.results import Cell, Claim, Results, Show

A = {"astrocyte": "multiplicative"}
SETTINGS = {
    "K 8, 100 ms": {"degree": 8.0, "max_delay": 100},
    "K 4, 200 ms": {"degree": 4.0, "max_delay": 200},
}
RULES: dict[str, dict[str, Any]] = {
    "uniform, i.i.d.": {"oligodendrocyte": "uniform"},
    "two of a target, by chance": {"oligodendrocyte": "two"},
    "sqrt, i.i.d.": {"oligodendrocyte": "sqrt"},
    "graded": {"oligodendrocyte": "graded"},
    "coherence": {"oligodendrocyte": "coherence"},
    "coherence, long": {"oligodendrocyte": "coherence, long"},
    "control: by distance (no O)": {},
    "control: coherence, no A": {"astrocyte": None, "oligodendrocyte": "coherence"},
    "control: zero recurrent weights": {"astrocyte": None, "connected": False},
    "control: uniform, random pruning": {"oligodendrocyte": "uniform", "microglia": "random"},
}

GROWN = A | {"degree": 16.0, "oligodendrocyte": "coherence, long", "microglia": "winner, long"}
SIZES: dict[str, dict[str, Any]] = {
    "N 1000, 100 ms": {"num_nodes": 1000, "max_delay": 100},
    "N 1000, 200 ms": {"num_nodes": 1000, "max_delay": 200},
    "N 2000, 200 ms": {"num_nodes": 2000, "max_delay": 200, "train": 8000},
    "N 2000, 400 ms": {"num_nodes": 2000, "max_delay": 400, "train": 8000},
}
GROWTHS: dict[str, dict[str, Any]] = {
    "A+O+M": {},
    "A+O+M, neutral": {"microglia": "winner", "oligodendrocyte": "coherence"},
    "uniform delays, A+M": {"oligodendrocyte": "uniform"},
    "control: A+O, random pruning": {"microglia": "random, equal"},
    "control: no glia": {"astrocyte": None, "oligodendrocyte": None, "microglia": None},
}
MEASURES = ["memory", "narma10"]

TARGETS = [
    ("N 1000, 200 ms", 30.0, 30.0),
    ("N 2000, 200 ms", 50.0, None),
    ("N 2000, 400 ms", 50.0, None),
]
"""Memory that A+O+M are to reach: size, capacity, events per ms at most (None: any number)."""

NOTES = """\
Delays: 512 neurons, weight 0.2, astrocytes, no pruning, delays by distance at birth (3 to 13 ms).
`uniform`, `sqrt` and `two` draw every delay once: from U(1, longest), with a density that grows
with the delay, and one of two delays of the target. `coherence` gives each target the same two
delays and learns which afferent takes which; `long`: the two are drawn as in `sqrt`. Random
pruning: to 35 %. Sizes: from delays by distance, in-degree 16, weight 0.2; microglia are `winner`
with a bonus for long delays, oligodendrocytes `coherence, long` up to the delay named, without
either bias where it says neutral. Glia adapt for 40 s without labels, then rest. Memory: linear
capacity over lags 1 to 200 (N 2000: 300), 3000 samples of 10 ms (N 2000: 8000) to train and 1000 to
test; it grows with the samples. NARMA-10: NRMSE. Rules have the defaults of the library, chosen on
other seeds.
"""


def main() -> None:
    study = Study("t_rules", arguments(__doc__).parse_args())
    cells = [
        Cell(row, setting, seed, series, {**A, **size, **liquid, "measures": MEASURES})
        for row, liquid in RULES.items()
        for setting, size in SETTINGS.items()
        for seed in study.seeds
    ]
    delays = study.run([*cells, *series_controls(study, list(SETTINGS), MEASURES)])
    sizes = ["N 1000, 200 ms"] if study.fast else list(SIZES)
    cells = []
    for size in sizes:
        params = {**GROWN, **SIZES[size], "max_lag": lags(size), "measures": MEASURES}
        cells += [
            Cell(row, size, seed, series, {**params, **liquid})
            for row, liquid in GROWTHS.items()
            for seed in study.seeds
        ]
        shared = {"max_lag": lags(size), "train": SIZES[size].get("train", 3000)}
        cells += series_controls(study, [size], MEASURES, SIZES[size]["num_nodes"], **shared)
    grown = study.run(cells)
    parts = []
    for results, what, columns in ((delays, "Delays", list(SETTINGS)), (grown, "Size", sizes)):
        for column in columns:
            shows = [Show("memory", column, "memory"), Show("NARMA-10", column, "narma10", ".3f")]
            shows += [
                Show("events / ms", column, "events", ".1f"),
                Show("Hz", column, "rate", ".1f"),
            ]
            shows.append(Show("edges", column, "edges", ".0f"))
            parts += [f"## {what}: {column}", results.table(shows)]
    title = "Rules against their controls"
    study.write(title, parts, draw(delays, grown), claims(delays, grown), NOTES)


def lags(size: str) -> int:
    """The longest lag for a size."""
    return 200 if SIZES[size]["num_nodes"] <= 1000 else 300


def claims(delays: Results, grown: Results) -> list[Claim]:
    """What is said of coherence and of memory."""
    found = []
    control = "uniform, i.i.d."
    for setting in SETTINGS:
        for row in ("coherence", "coherence, long"):
            memory = delays.values(row, setting, "memory")
            other = delays.values(control, setting, "memory")
            more = memory.mean() / other.mean() - 1.0
            text = f"{setting}: memory of {row} at least 10 % above uniform delays"
            paired = f"{memory.mean():.2f} / {other.mean():.2f}: {more:+.0%}, higher in "
            paired += f"{(memory > other).sum()} of {len(memory)} seeds"
            found.append(Claim(text, paired, bool(more >= 0.1)))
    for size, least, events in TARGETS:
        if size in grown.columns:
            memory, sent = (grown.mean("A+O+M", size, metric) for metric in ("memory", "events"))
            text = f"{size}, A+O+M from delays by distance: memory at least {least:g}"
            text += f" with at most {events:g} events / ms" if events else ""
            holds = memory >= least and (events is None or sent <= events)
            found.append(Claim(text, f"{memory:.1f}, {sent:.1f} events / ms", holds))
    return found


def draw(delays: Results, grown: Results) -> Figure:
    """Memory by rule, and by size."""
    figure, axes = pictures.panels(1, 2, width=6.0, height=4.8)
    left, right = axes[0]
    pictures.bars(left, delays, list(RULES), [(name, name) for name in SETTINGS], "memory")
    pictures.bars(right, grown, list(GROWTHS), [(name, name) for name in grown.columns], "memory")
    for ax, title in ((left, "Rules for delays, N 512"), (right, "Size, from delays by distance")):
        ax.set(title=title, ylabel="memory capacity")
        ax.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main()
