"""Open question: how robust are winner networks to lesions?

python benchmarks/science/t_lesions.py --jobs 2
"""

import numpy as np
from matplotlib.figure import Figure

from benchmarks.report import table
from benchmarks.science import pictures
from benchmarks.science.harness import Study, arguments
from benchmarks.science.lesions import HEAL, PRUNED, lesion
from benchmarks.science.results import Cell, Claim, Results, Show, mean_sd
from benchmarks.science.verdicts import sure

LESIONS = {
    f"{share:.0%} of {what}".replace("%", " %"): (what, share)
    for what in ("edges", "neurons")
    for share in (0.1, 0.25, 0.5)
}

STAGES = {
    "kept": "Memory just after the lesion, readout of before",
    "refit": "Memory just after the lesion, readout trained anew",
    "healed_kept": f"Memory after {HEAL} s with astrocytes at work, readout of before",
    "healed": f"Memory after {HEAL} s with astrocytes at work, readout trained anew",
}

ASKED = {
    "kept": "readout of before",
    "refit": "readout trained anew",
    "healed": f"readout trained anew after {HEAL} s with astrocytes at work",
}
"""The stages of which claims are made."""

UNPRUNED, FULL, RANDOM = "unpruned", "random, 15 %", "random, equal counts"
WINNERS = ("winner", "winner, long")

NOTES = f"""\
512 neurons, in-degree 16, weight 0.3, delays drawn once from U(1, 100) ms, astrocytes and the
microglia named; glia adapt for 40 s without labels. Then a random share of the live edges goes, or
all edges into and out of a random share of the neurons (which still get the input, and are read).
The readout of before stays as it was, or is trained anew; all glia are at rest, or astrocytes are
at work for {HEAL} s more. Lost: mean over seeds of 1 - memory / memory before the lesion. Memory:
linear capacity over lags 1 to 200, 3000 samples of 10 ms to train, 1000 to test. No parameter was
chosen. Memory is called more if the 95 % confidence interval of the mean paired difference
(Student's t) lies above 0. No glia, zero recurrent weights, the raw input and an ESN, all without
lesions, stand in T3: its liquids are the same, on the same seeds and inputs.
"""


def main() -> None:
    study = Study("t_lesions", arguments(__doc__).parse_args())
    results = study.run(
        Cell(row, column, seed, lesion, {"pruned": row, "what": what, "share": share})
        for row in PRUNED
        for column, (what, share) in LESIONS.items()
        for seed in study.seeds
    )
    first = next(iter(LESIONS))
    shows = [Show("memory", first, "before"), Show("events / ms", first, "events_before", ".1f")]
    shows += [Show("Hz", first, "rate_before", ".1f"), Show("edges", first, "edges_before", ".0f")]
    parts = ["## Verdict", verdict(results), "## Before", results.table(shows)]
    for metric, title in STAGES.items():
        shows = [Show(column, column, metric) for column in LESIONS]
        parts += [f"## {title}", results.table(shows)]
        rows = [
            [row, *(_lost(results, row, column, metric) for column in LESIONS)] for row in PRUNED
        ]
        parts += ["Lost, of the memory before:", table(["", *LESIONS], rows)]
    for metric, title in (
        ("events_refit", "Events per ms just after the lesion"),
        ("events_healed", f"Events per ms after {HEAL} s with astrocytes at work"),
    ):
        shows = [Show(column, column, metric, ".1f") for column in LESIONS]
        parts += [f"## {title}", results.table(shows)]
    title = "Lesions of pruned liquids"
    study.write(title, parts, draw(results), claims(results), NOTES)


def loss(results: Results, row: str, column: str, metric: str) -> np.ndarray:
    """The share of memory that is lost, for each seed."""
    return 1.0 - results.values(row, column, metric) / results.values(row, column, "before")


def _lost(results: Results, row: str, column: str, metric: str) -> str:
    return mean_sd(100.0 * loss(results, row, column, metric), ".0f") + " %"


def ahead(results: Results, row: str, control: str, metric: str) -> list[str]:
    """The lesions after which ``row`` remembers more than ``control``."""
    return [
        column
        for column in LESIONS
        if sure(results.values(row, column, metric) - results.values(control, column, metric))
    ]


def claims(results: Results) -> list[Claim]:
    """What is said of winners that lose edges or neurons, and of astrocytes afterwards."""
    found = []
    for metric, when in ASKED.items():
        for row in WINNERS:
            for control in (RANDOM, FULL, UNPRUNED):
                text = f"{row}: more memory than {control} after every lesion, {when}"
                columns = ahead(results, row, control, metric)
                found.append(_claim(text, columns))
            text = f"{row}: loses no larger share than {RANDOM} at any lesion, {when}"
            columns = [
                column
                for column in LESIONS
                if loss(results, row, column, metric).mean()
                <= loss(results, RANDOM, column, metric).mean()
            ]
            found.append(_claim(text, columns))
    for row in PRUNED:
        text = f"{row}: {HEAL} s of astrocytes give memory back after every lesion, new readout"
        columns = [
            column
            for column in LESIONS
            if sure(results.values(row, column, "healed") - results.values(row, column, "refit"))
        ]
        found.append(_claim(text, columns))
    return found


def _claim(text: str, columns: list[str]) -> Claim:
    missing = ", ".join(column for column in LESIONS if column not in columns)
    shown = f"{len(columns)} of {len(LESIONS)}" + (f"; not {missing}" if missing else "")
    return Claim(text, shown, not missing)


def verdict(results: Results) -> str:
    """What the comparisons allow to be said."""
    sentences = []
    for metric, when in ASKED.items():
        everywhere = [
            column
            for column in LESIONS
            if all(
                column in ahead(results, row, control, metric)
                for row in WINNERS
                for control in (RANDOM, FULL, UNPRUNED)
            )
        ]
        lost = [f"{row} {loss(results, row, '25 % of edges', metric).mean():.0%}" for row in PRUNED]
        sentences.append(
            f"With the {when}, both winners remember more than all other liquids after "
            f"**{len(everywhere)} of {len(LESIONS)} lesions** "
            f"({', '.join(everywhere) if everywhere else 'none'}). A quarter of the edges "
            f"costs this share of their memory: {'; '.join(lost)}."
        )
    return "\n\n".join(sentences)


def draw(results: Results) -> Figure:
    """Memory against what is lost, for edges and neurons, at every stage."""
    figure, axes = pictures.panels(2, len(STAGES), width=3.6, height=3.2)
    for ax_row, what in zip(axes, ("edges", "neurons"), strict=True):
        columns = [column for column in LESIONS if column.endswith(what)]
        shares = [0.0, *(100.0 * LESIONS[column][1] for column in columns)]
        for ax, (metric, title) in zip(ax_row, STAGES.items(), strict=True):
            for place, row in enumerate(PRUNED):
                values = [results.values(row, columns[0], "before")]
                values += [results.values(row, column, metric) for column in columns]
                pictures.curve(ax, shares, values, place, row)
            ax.set(xlabel=f"% of {what} lost", ylim=(0, 22))
            ax.set_title(title.removeprefix("Memory ").replace(", ", ",\n"), fontsize=8)
        ax_row[0].set_ylabel("memory capacity")
    axes[0, 0].legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    main()
