"""T2: all eight sets of glia, at a tuned weight and at five times that, on four tasks.

python benchmarks/science/t2_ablation.py --jobs 2
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN, series_controls
from benchmarks.science.harness import Study, arguments
from benchmarks.science.protocol import series
from benchmarks.science.results import Cell, Claim, Results, Show
from benchmarks.science.templates import template_controls, template_options, templates

A = {"astrocyte": "multiplicative"}
WEIGHTS = {"tuned": 1.0, "5 x": 5.0}

GLIA = ("none", "A", "O", "M", "A+O", "A+M", "O+M", "A+O+M")

METRICS = (
    ("memory", "memory", ".2f"),
    ("narma10", "NARMA-10", ".3f"),
    ("mackey10", "Mackey-Glass +10", ".3f"),
    ("mackey50", "Mackey-Glass +50", ".3f"),
    ("templates", "templates, %", ".1f"),
    ("rate", "Hz", ".1f"),
    ("events", "events / ms", ".0f"),
)

NOTES = """\
512 neurons, in-degree 8, delays by distance at birth (3 to 13 ms), up to 100 ms later. A:
astrocytes (multiplicative), O: oligodendrocytes, M: microglia, with the rules named above. Glia
adapt for 40 s without labels, then rest. Memory: linear capacity over lags 1 to 200. NARMA-10 and
Mackey-Glass (10 and 50 samples ahead): NRMSE. Series: 3000 samples of 10 ms to train, 1000 to test.
Templates: which of two spike trains came in the first two of three segments of 100 ms, read at the
end; chance 50 %; glia adapt to 39 s of such trials, 400 trials to train, 200 to test. Rate and
events are those of the memory task. "Random pruning": as many excitatory and inhibitory edges go as
with `winner`, which ones is chance.
"""


def main() -> None:
    study = Study("t2_ablation", arguments(__doc__).parse_args())
    weight, glia, controls = choices(study)
    rows: dict[str, dict[str, Any]] = {}
    for row in GLIA:
        cells_of = [glia[letter] for letter in row.split("+") if letter in glia]
        rows[row] = {key: value for cell in cells_of for key, value in cell.items()}
    rows |= controls
    cells = []
    for row, liquid in rows.items():
        for column, factor in WEIGHTS.items():
            for seed in study.seeds:
                params = {"weight": weight * factor, **liquid}
                cells.append(Cell(row, column, seed, series, params))
                spiky = {**params, **template_options(study)}
                cells.append(Cell(row, f"{column}, templates", seed, templates, spiky))
    columns = list(WEIGHTS)
    cells += series_controls(study, columns)
    cells += template_controls(study, [f"{column}, templates" for column in columns])
    results = study.run(cells)
    parts = []
    for column in columns:
        shows = [
            Show(head, f"{column}, templates" if metric == "templates" else column, metric, form)
            for metric, head, form in METRICS
        ]
        parts += [f"## Weight {weight * WEIGHTS[column]:g} ({column})", results.table(shows)]
    title = "Which glia do what: all eight sets at two weights"
    study.write(title, parts, draw(results, list(rows)), claims(results), NOTES)


def choices(study: Study) -> tuple[float, dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The tuned weight, the three glia and the controls, chosen by memory."""
    memory = {"measures": ["memory"]}
    weights = {f"{weight:g}": {"weight": weight, **memory} for weight in (0.05, 0.1, 0.2, 0.4)}
    weight = float(study.choose("weight without glia", series, weights, "memory"))
    shared = {"weight": weight, **A, **memory}
    rules = ("graded", "coherence", "coherence, long")
    settings = {rule: {"oligodendrocyte": rule, **shared} for rule in rules}
    o = {"oligodendrocyte": study.choose("O, with A", series, settings, "memory")}
    criteria = ("relative", "winner", "winner, long", "hub, long")
    settings = {criterion: {"microglia": criterion, **o, **shared} for criterion in criteria}
    m = {"microglia": study.choose("M, with A and O", series, settings, "memory")}
    controls = {
        "control: uniform delays": {"oligodendrocyte": "uniform"},
        "control: uniform delays, A": {"oligodendrocyte": "uniform", **A},
        "control: sqrt delays, A": {"oligodendrocyte": "sqrt", **A},
        "control: sqrt delays, A+M": {"oligodendrocyte": "sqrt", **A, **m},
        "control: A+O+random pruning": {**A, **o, "microglia": "random, equal"},
        "control: zero recurrent weights": {"connected": False},
    }
    return weight, {"A": A, "O": o, "M": m}, controls


def claims(results: Results) -> list[Claim]:
    """What is said of glia that work together."""
    found = []
    for column in WEIGHTS:
        memory = {row: results.mean(row, column, "memory") for row in GLIA}
        best = max(memory["A"], memory["O"])
        text = f"{column}: memory of A+O at least 3 times the better of A and O"
        shown = f"{memory['A+O']:.2f} / {best:.2f} = {memory['A+O'] / best:.1f}"
        if column == "5 x":
            found.append(Claim(text, shown, memory["A+O"] >= 3.0 * best))
        pair = max(("A+O", "A+M", "O+M"), key=lambda row: memory[row])
        text = f"{column}: memory of A+O+M above that of every pair"
        shown = f"{memory['A+O+M']:.2f}, {pair} {memory[pair]:.2f}"
        found.append(Claim(text, shown, memory["A+O+M"] > memory[pair]))
    return found


def draw(results: Results, rows: list[str]) -> Figure:
    """Four measures, a group of bars for each set of glia."""
    figure, axes = pictures.panels(2, 2, width=6.0, height=4.2)
    groups = [(column, f"weight: {column}") for column in WEIGHTS]
    spiky = [(f"{column}, templates", label) for column, label in groups]
    titles = ("memory capacity", "NARMA-10, NRMSE", "Mackey-Glass +10, NRMSE", "templates, %")
    metrics = ("memory", "narma10", "mackey10", "templates")
    for ax, metric, title in zip(axes.flat, metrics, titles, strict=True):
        pictures.bars(ax, results, rows, spiky if metric == "templates" else groups, metric)
        ax.set_ylabel(title)
        if metric != "memory":
            column = spiky[0][0] if metric == "templates" else groups[0][0]
            pictures.level(ax, results.mean(ESN, column, metric), "ESN of equal size")
    axes[1, 1].set_ylim(45, 104)
    axes[0, 0].legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
