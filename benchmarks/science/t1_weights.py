"""T1: memory and NARMA-10 against the initial weight over two decades, with and without glia.

python benchmarks/science/t1_weights.py --jobs 2
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN, TAPS, series_controls
from benchmarks.science.harness import Study, arguments
from benchmarks.science.protocol import series
from benchmarks.science.results import Cell, Claim, Results, Show

WEIGHTS = (0.02, 0.036, 0.063, 0.11, 0.2, 0.36, 0.63, 1.1, 2.0)

ASTROCYTES = {"astrocyte": "multiplicative"}
OLIGODENDROCYTES = {"oligodendrocyte": "coherence, long"}
MICROGLIA = {"microglia": "winner, long"}
UNIFORM = {"oligodendrocyte": "uniform", "max_delay": 60}
ALONE = "control: zero recurrent weights"

ROWS: dict[str, dict[str, Any]] = {
    "uniform delays": UNIFORM,
    "uniform delays, A": UNIFORM | ASTROCYTES,
    "uniform delays, A additive": UNIFORM | {"astrocyte": "additive"},
    "none": {},
    "A": ASTROCYTES,
    "O": OLIGODENDROCYTES,
    "M": MICROGLIA,
    "A+O": ASTROCYTES | OLIGODENDROCYTES,
    "A+M": ASTROCYTES | MICROGLIA,
    "O+M": OLIGODENDROCYTES | MICROGLIA,
    "A+O+M": ASTROCYTES | OLIGODENDROCYTES | MICROGLIA,
    "control: A+O+random pruning, equal counts": {
        **ASTROCYTES,
        **OLIGODENDROCYTES,
        "microglia": "random, equal",
    },
    ALONE: {"connected": False},
}

NOTES = """\
Columns: mean excitatory weight at birth, the jump of the potential in units of the threshold. 512
neurons, in-degree 8. Rows with "uniform delays": drawn once from 1 to 60 ms. The others begin with
delays that grow with distance (3 to 13 ms). A: astrocytes (multiplicative unless said); O:
oligodendrocytes (coherence, long-biased, up to 100 ms); M: microglia (winner, bonus for long
delays). Glia adapt for 40 s, unlabeled, then rest. Memory: linear capacity over lags 1 to 200.
NARMA-10: NRMSE, smaller is better. Readouts are trained on 3000 samples of 10 ms, tested on 1000.
"""


def main() -> None:
    study = Study("t1_weights", arguments(__doc__).parse_args())
    weights = WEIGHTS[::4] if study.fast else WEIGHTS
    measures = ["memory", "narma10"]
    cells = [
        Cell(row, f"{weight:g}", seed, series, {"measures": measures, "weight": weight, **liquid})
        for row, liquid in ROWS.items()
        for weight in weights
        for seed in study.seeds
    ]
    columns = [f"{weight:g}" for weight in weights]
    results = study.run([*cells, *series_controls(study, columns, measures)])
    parts = []
    for metric, title, form in (
        ("memory", "Memory", ".2f"),
        ("narma10", "NARMA-10, NRMSE", ".3f"),
        ("rate", "Rate, Hz", ".1f"),
        ("events", "Synaptic events per ms", ".0f"),
    ):
        shows = [Show(column, column, metric, form) for column in columns]
        rows = [row for row in results.rows if results.has(row, columns[0], metric)]
        parts += [f"## {title}", results.table(shows, rows)]
    title = "Memory and NARMA-10 against the initial weight"
    study.write(title, parts, draw(results, weights), claims(results), NOTES)


def claims(results: Results) -> list[Claim]:
    """What is said of astrocytes and weights."""
    found = []
    first, last = results.columns[0], results.columns[-1]
    for row in ("uniform delays, A", "A+O", "A+O+M"):
        memory = results.means(row, "memory")
        off = float(np.abs(memory / memory.mean() - 1.0).max())
        text = f"{row}: memory within 5 % of its mean for all weights from {first} to {last}"
        found.append(Claim(text, f"within {off:.1%} of {memory.mean():.2f}", off <= 0.05))
    for row in ("uniform delays", "O"):
        memory = results.means(row, "memory")
        for end, value in ((first, memory[0]), (last, memory[-1])):
            loss = 1.0 - float(value / memory.max())
            text = f"{row}, no astrocytes: memory at {end} at least 50 % below its best"
            found.append(Claim(text, f"{loss:.0%} below {memory.max():.2f}", loss >= 0.5))
    return found


def draw(results: Results, weights: tuple[float, ...]) -> Figure:
    """Both measures against the weight, for static uniform delays and for all glia."""
    figure, axes = pictures.panels(2, 2)
    sets = (
        ("Delays drawn once, U(1, 60) ms", [row for row in ROWS if row.startswith("uniform")]),
        ("Delays by distance at birth", ["none", "A", "O", "M", "A+O", "A+M", "O+M", "A+O+M"]),
    )
    first = results.columns[0]
    for column, (title, rows) in enumerate(sets):
        upper, lower = axes[:, column]
        for ax, metric in ((upper, "memory"), (lower, "narma10")):
            for place, row in enumerate(rows):
                values = [results.values(row, each, metric) for each in results.columns]
                label = row.removeprefix("uniform delays").removeprefix(", ") or "none"
                pictures.curve(ax, weights, values, place, label)
            pictures.level(ax, results.mean(ALONE, first, metric), "zero recurrent weights")
            pictures.decades(ax, weights)
        pictures.level(lower, results.mean(ESN, first, "narma10"), "ESN of equal size")
        for row, left in ((TAPS[10], False), (TAPS[30], True)):
            label = row.removeprefix("control: ")
            pictures.level(lower, results.mean(row, first, "narma10"), label, left)
        upper.set(title=title, ylabel="memory capacity")
        upper.set_ylim(0, 1.35 * upper.get_ylim()[1])  # room for the legend
        lower.set(ylabel="NARMA-10, NRMSE", ylim=(0.3, 1.1))
        lower.set_xlabel("weight at birth (jump / threshold)")
        upper.legend(fontsize=8, ncols=4, frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    main()
