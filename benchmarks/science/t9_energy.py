"""T9: synaptic events for each correct answer, before microglia are at work and after.

python benchmarks/science/t9_energy.py --root FOLDER --jobs 2
"""

from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN
from benchmarks.science.harness import Study, arguments
from benchmarks.science.ladder import RAW, network
from benchmarks.science.raw import options_with_root
from benchmarks.science.recognition import HELD_OUT, raw, recognize
from benchmarks.science.results import Cell, Claim, Results, Show

TASKS: dict[str, dict[str, Any]] = {
    "digits by rows": {"data": "digits", "recipe": "digits_by_rows", "start": "rest"},
    "spoken digits": {"data": "fsdd", "recipe": "spoken_digits"},
    "spoken digits, end": {"data": "fsdd", "recipe": "spoken_digits_at_end"},
    "image columns": {"data": "mnist columns", "recipe": "image_columns"},
}

PAIR = ("astrocyte", "oligodendrocyte")
ALL = (*PAIR, "microglia")

BEFORE, UNIFORM = "A+O", "control: uniform delays, A"

ROWS: dict[str, dict[str, Any]] = {
    "no glia": {"glia": ()},
    BEFORE: {"glia": PAIR},
    "A+O+M, relative": {"glia": ALL, "criterion": "relative", "keep": 0.35},
    "A+O+random pruning to 35 %": {"glia": ALL, "criterion": "random", "keep": 0.35},
    "A+O+M, winner": {"glia": ALL, "criterion": "winner", "keep": None},
    "A+O+random pruning, winner's counts": {
        "glia": ALL,
        "criterion": "random_winner",
        "keep": None,
    },
    UNIFORM: {"glia": PAIR[:1], "delay": "uniform"},
    "control: zero recurrent weights": {"glia": (), "connected": False},
}

NOTES = """\
Recipes of the tasks (`digits_by_rows`, `spoken_digits`, `spoken_digits_at_end`, `image_columns`)
with the glia of the row; all trials begin at rest (see t_start.py). A synaptic event is a spike of
a neuron with a live edge, once for each of them: what costs energy on neuromorphic hardware. Events
for each answer: those of a test item on
average, over the accuracy. Spikes of the input projection are not counted, nor is the readout.
Uniform delays: drawn once, from 1 ms to the longest that oligodendrocytes give. Raw input: the same
readout on the samples, or the means of the segments, that the recipe reads; it draws nothing. ESN:
as many units as neurons, their states read as those of the liquid; its setting was chosen on seed
0, for spoken digits on takes 5 to 9 of those to train on, for images on the test items, which
favors it. Neither has synaptic events.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["fsdd", "mnist"])
    study = Study("t9_energy", options)
    names = list(TASKS)[:1] if study.fast else list(TASKS)
    cells = [
        Cell(row, name, seed, recognize, {**TASKS[name], **changes})
        for name in names
        for row, changes in ROWS.items()
        for seed in study.seeds
    ]
    for name in names:
        cells.append(Cell(RAW, name, study.seeds[0], raw, TASKS[name]))
        cells += network(study, name, TASKS[name], HELD_OUT.get(TASKS[name]["data"]))
    results = study.run(cells)
    parts = []
    for name in names:
        shows = [
            Show("events for each correct answer", name, "events_per_answer", ".0f"),
            Show("accuracy, %", name, "accuracy"),
            Show("edges", name, "edges", ".0f"),
            Show("Hz", name, "rate", ".1f"),
        ]
        parts += [f"## {name.capitalize()}", results.table(shows)]
    title = "Synaptic events for each correct answer"
    study.write(title, parts, draw(results, names), claims(results, names), NOTES)


def claims(results: Results, names: list[str]) -> list[Claim]:
    """What microglia save, what that costs, and what else is right as often."""
    found = []
    for name in names:
        for row in ("A+O+M, relative", "A+O+M, winner"):
            spent = [results.mean(each, name, "events_per_answer") for each in (BEFORE, row)]
            right = [results.mean(each, name, "accuracy") for each in (BEFORE, row)]
            text = f"{name}: {row} spends less than half for an answer, at most 1 point lost"
            shown = f"{spent[1] / spent[0]:.0%} of the events, {right[1] - right[0]:+.2f} points"
            holds = spent[1] < 0.5 * spent[0] and right[1] > right[0] - 1.0
            found.append(Claim(text, shown, holds))
        for control in (UNIFORM, RAW, ESN):
            gain = results.mean(BEFORE, name, "accuracy") - results.mean(control, name, "accuracy")
            text = f"{name}: {BEFORE} more often right than {control.removeprefix('control: ')}"
            found.append(Claim(text, f"{gain:+.2f} points", gain > 0.0))
    return found


def draw(results: Results, names: list[str]) -> Figure:
    """Accuracy against events, a panel for each task."""
    figure, axes = pictures.panels(2, 2, width=5.5, height=4.2)
    for ax, name in zip(axes.flat, names, strict=False):
        for place, row in enumerate(ROWS):
            spent = max(results.mean(row, name, "events_per_answer"), 1.0)
            values = results.values(row, name, "accuracy")
            pictures.curve(ax, [spent], [values], place, row.removeprefix("control: "))
        for row in (RAW, ESN):
            label = row.removeprefix("control: ").removesuffix(", best setting")
            pictures.level(ax, results.mean(row, name, "accuracy"), label, left=True)
        ax.set(title=name, xscale="log", ylabel="accuracy, %", xlabel="events for an answer")
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


if __name__ == "__main__":
    main()
