"""Where a trial begins: at rest, or where the life with glia ended.

python benchmarks/science/t_start.py --root FOLDER --jobs 2
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.harness import Study, arguments
from benchmarks.science.raw import options_with_root
from benchmarks.science.recognition import HELD_OUT, recognize
from benchmarks.science.results import Cell, Claim, Results, Show
from benchmarks.science.verdicts import above

TASKS: dict[str, dict[str, Any]] = {
    "digits": {"data": "digits", "recipe": "digits_by_rows"},
    "vowels": {"data": "japanese vowels", "recipe": "series_classifier"},
    "fsdd segments": {"data": "fsdd", "recipe": "spoken_digits"},
    "fsdd end": {"data": "fsdd", "recipe": "spoken_digits_at_end"},
}

STARTS = ("rest", "lived")

NOTES = """\
Recipes as they are, but for `start`. Rate: mean over the first 100 test trials. The choice is made
on items held out of the training ones (a quarter; of spoken digits takes 5 to 9), on seeds of their
own; the table is of the test items, which chose nothing. `digits_by_rows` took the start that was
chosen for it.
"""


def main() -> None:
    options = options_with_root(arguments(__doc__), ["fsdd", "japanese_vowels"])
    study = Study("t_start", options)
    names = ["digits"] if study.fast else list(TASKS)
    for name in names:
        held_out = TASKS[name] | HELD_OUT[TASKS[name]["data"]]
        settings = {start: held_out | {"start": start} for start in STARTS}
        study.choose(f"start of {name}", recognize, settings, "accuracy")
    results = study.run(
        Cell(start, name, seed, recognize, {**TASKS[name], "start": start})
        for name in names
        for start in STARTS
        for seed in study.seeds
    )
    shows = [
        Show(f"{name}, {head}", name, metric, form)
        for name in names
        for head, metric, form in (("%", "accuracy", ".2f"), ("Hz", "rate", ".1f"))
    ]
    parts = ["## Accuracy, and rate while trials are read", results.table(shows)]
    study.write("Where a trial begins", parts, draw(results), claims(results), NOTES)


def claims(results: Results) -> list[Claim]:
    """What is said of trials that begin where life ended, task by task."""
    return [above(results, "lived", "rest", name, "accuracy") for name in results.columns]


def draw(results: Results) -> Figure:
    """Accuracy and rate, task by task."""
    figure, axes = pictures.panels(1, 2, width=5.0)
    for ax, metric, label in zip(
        axes[0], ("accuracy", "rate"), ("accuracy (%)", "rate (Hz)"), strict=True
    ):
        for place, start in enumerate(STARTS):
            values = np.array([results.values(start, name, metric) for name in results.columns])
            x = np.arange(len(values)) + 0.2 * (place - 0.5)
            kind = {"color": pictures.COLORS[place], "label": f"start = {start}", "capsize": 3}
            ax.errorbar(
                x, values.mean(1), values.std(1, ddof=1), fmt=pictures.MARKERS[place], **kind
            )
        ax.set_xticks(range(len(results.columns)), results.columns, fontsize=8)
        ax.set_ylabel(label)
    axes[0, 0].legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
