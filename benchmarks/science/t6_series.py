"""T6: spoken digits by segments and at their end, events of a camera, vowels of nine speakers.

python benchmarks/science/t6_series.py --root FOLDER --jobs 2
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN
from benchmarks.science.harness import Study, arguments
from benchmarks.science.raw import options_with_root
from benchmarks.science.recognition import ESN_SETTINGS, NONE, esn, raw, recognize
from benchmarks.science.results import Cell, Claim, Results, Show

TASKS: dict[str, dict[str, Any]] = {
    "fsdd segments": {"data": "fsdd", "recipe": "spoken_digits", "num_nodes": 1000},
    "fsdd end": {"data": "fsdd", "recipe": "spoken_digits_at_end", "num_nodes": 1000},
    "n-mnist": {"data": "n-mnist small", "recipe": "event_classifier"},
    "vowels": {"data": "japanese vowels", "recipe": "series_classifier"},
}

TITLES = {
    "fsdd segments": "Spoken digits, means of five segments",
    "fsdd end": "Spoken digits, state at the end",
    "n-mnist": "N-MNIST small, 5-fold",
    "vowels": "Japanese vowels",
}

A: dict[str, Any] = {"glia": ("astrocyte",)}
ALL = ("astrocyte", "oligodendrocyte", "microglia")

ROWS: dict[str, dict[str, Any]] = {
    "no glia": NONE,
    "no glia, weight 2": NONE | {"weight": 2.0},
    "A": A,
    "A, weight 2": A | {"weight": 2.0},
    "A+O": {"glia": ALL[:2]},
    "A+O+M": {"glia": ALL},
    "A+O+M, winner": {"glia": ALL, "criterion": "winner", "keep": None},
    "A+O+random pruning, equal counts": {"glia": ALL, "criterion": "random_winner", "keep": None},
    "control: uniform delays": NONE | {"delay": "uniform"},
    "control: uniform delays, A": A | {"delay": "uniform"},
    "control: zero recurrent weights": NONE | {"connected": False},
}

RAW = "control: raw input"

TARGETS = {
    "fsdd segments": ("A+O+M", 99.0),
    "fsdd end": ("A+O", 84.0),
    "n-mnist": ("A", 93.5),
    "vowels": ("A", 98.9),
}
"""The row that is to reach a number of per cent."""

NOTES = """\
Recipes `spoken_digits`, `spoken_digits_at_end` (both with 1000 neurons), `event_classifier` and
`series_classifier`, each with the glia that the row names; M is relative health unless said. Raw
input: the same readout on the means of the segments, or the last sample. Spoken digits: takes 0 to
4 of every speaker for testing (300), the others for training (2700). N-MNIST: all 1100 recordings
in five parts, each tested on once. Vowels: the published split, 270 and 370 series; one item is
0.27 points. Events: synaptic events of one item. The setting of the ESN was chosen by its accuracy
on the test items, which favors that control; frames of events are left out there.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["fsdd", "nmnist_small", "japanese_vowels"])
    study = Study("t6_series", options)
    study.choosing = study.choosing[:1]  # the ESN takes a minute for each
    names = [name for name in TASKS if not (study.fast and name == "n-mnist")]
    cells = []
    for name in names:
        params = TASKS[name]
        for row, changes in ROWS.items():
            cells += [Cell(row, name, seed, recognize, params | changes) for seed in study.seeds]
        bare = {key: value for key, value in params.items() if key != "num_nodes"}
        cells.append(Cell(RAW, name, study.seeds[0], raw, bare))
        if name != "n-mnist" and not study.fast:
            settings = {each: params | {"setting": how} for each, how in ESN_SETTINGS.items()}
            best = study.choose(f"ESN for {name}", esn, settings, "accuracy")
            cells += [Cell(ESN, name, seed, esn, settings[best]) for seed in study.seeds]
    results = study.run(cells)
    parts = []
    for name in names:
        shows = [
            Show("accuracy, %", name, "accuracy"),
            Show("Hz", name, "rate", ".1f"),
            Show("events", name, "events", ".0f"),
            Show("edges", name, "edges", ".0f"),
        ]
        rows = [row for row in results.rows if results.has(row, name, "accuracy")]
        parts += [f"## {TITLES[name]}", results.table(shows, rows)]
    title = "Speech, events and short series"
    study.write(title, parts, draw(results, names), claims(results, names), NOTES)


def claims(results: Results, names: list[str]) -> list[Claim]:
    """The targets, and what the glia add to the controls."""
    found = []
    for name in names:
        row, target = TARGETS[name]
        value = results.mean(row, name, "accuracy")
        text = f"{TITLES[name]}, {row}: at least {target:g} %"
        found.append(Claim(text, f"{value:.2f} %", value >= target))
    return found


def draw(results: Results, names: list[str]) -> Figure:
    """Accuracies, a panel for each task."""
    figure, axes = pictures.panels(2, 2, width=6.0, height=4.4)
    for ax, name in zip(axes.flat, names, strict=False):
        rows = [row for row in results.rows if results.has(row, name, "accuracy") and row != RAW]
        pictures.bars(ax, results, rows, [(name, "")], "accuracy")
        pictures.level(ax, results.mean(RAW, name, "accuracy"), "raw input")
        lowest = min(results.mean(row, name, "accuracy") for row in [*rows, RAW])
        ax.set_ylim(max(0.0, 10.0 * (lowest // 10.0)), 100.0)
        ax.set(title=TITLES[name], ylabel="accuracy, %")
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    return figure


if __name__ == "__main__":
    main()
