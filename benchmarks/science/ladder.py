"""Recipes with and without each glia: the rows that T6 has for a task, and how they are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from benchmarks.science import pictures
from benchmarks.science.controls import ESN
from benchmarks.science.harness import Study
from benchmarks.science.recognition import ESN_SETTINGS, NONE, esn, raw, recognize
from benchmarks.science.results import Cell, Claim, Results, Show

A: dict[str, Any] = {"glia": ("astrocyte",)}
ALL = ("astrocyte", "oligodendrocyte", "microglia")
HEALTH = {"criterion": "relative", "keep": 0.35}

ROWS: dict[str, dict[str, Any]] = {
    "no glia": NONE,
    "no glia, weight 2": NONE | {"weight": 2.0},
    "A": A,
    "A, weight 2": A | {"weight": 2.0},
    "A+O": {"glia": ALL[:2]},
    "A+O+M": {"glia": ALL, **HEALTH},
    "A+O+M, winner": {"glia": ALL, "criterion": "winner", "keep": None},
    "A+O+random pruning, equal counts": {"glia": ALL, "criterion": "random_winner", "keep": None},
    "control: uniform delays": NONE | {"delay": "uniform"},
    "control: uniform delays, A": A | {"delay": "uniform"},
    "control: zero recurrent weights": NONE | {"connected": False},
}
"""Changes of a recipe; A+O+M prunes by relative health to 35 % unless it says otherwise."""

RAW = "control: raw input"


def ladder(name: str, params: Mapping[str, Any], seeds: Sequence[int]) -> list[Cell]:
    """The cells of a task: all rows, and the raw input for the first seed."""
    cells = [
        Cell(row, name, seed, recognize, {**params, **changes})
        for row, changes in ROWS.items()
        for seed in seeds
    ]
    return [
        *cells,
        Cell(RAW, name, seeds[0], raw, {key: params[key] for key in ("data", "recipe")}),
    ]


def network(
    study: Study, name: str, params: Mapping[str, Any], held_out: Mapping[str, Any] | None = None
) -> list[Cell]:
    """The cells of an echo state network as large as the liquid of a task.

    Its setting is chosen on one seed, for it takes a minute: on the data of the task, which favors
    it, or on those that ``held_out`` names.
    """
    settings = {each: {**params, "setting": how} for each, how in ESN_SETTINGS.items()}
    trials = {each: {**setting, **(held_out or {})} for each, setting in settings.items()}
    one = study.choosing[:1]
    best = study.choose(f"ESN for {name}", esn, trials, "accuracy", seeds=one)
    return [Cell(ESN, name, seed, esn, settings[best]) for seed in study.seeds]


def tables(results: Results, titles: Mapping[str, str]) -> list[str]:
    """A heading and a table for each task of ``titles``."""
    parts = []
    for name, title in titles.items():
        shows = [
            Show("accuracy, %", name, "accuracy"),
            Show("Hz", name, "rate", ".1f"),
            Show("events", name, "events", ".0f"),
            Show("edges", name, "edges", ".0f"),
        ]
        parts += [f"## {title}", results.table(shows, _rows(results, name))]
    return parts


def reached(
    results: Results, titles: Mapping[str, str], targets: Sequence[tuple[str, str, float]]
) -> list[Claim]:
    """Whether a row of a task reaches a number of per cent: task, row, target."""
    found = []
    for name, row, target in targets:
        if name in titles:
            value = results.mean(row, name, "accuracy")
            text = f"{titles[name]}, {row}: at least {target:g} %"
            found.append(Claim(text, f"{value:.2f} %", value >= target))
    return found


def draw(results: Results, titles: Mapping[str, str]) -> Figure:
    """Accuracies, a panel for each task."""
    figure, axes = pictures.panels(1, len(titles), width=6.0, height=4.4)
    for ax, (name, title) in zip(axes[0], titles.items(), strict=True):
        rows = [row for row in _rows(results, name) if row != RAW]
        pictures.bars(ax, results, rows, [(name, "")], "accuracy")
        pictures.level(ax, results.mean(RAW, name, "accuracy"), "raw input")
        lowest = min(results.mean(row, name, "accuracy") for row in [*rows, RAW])
        ax.set_ylim(max(0.0, 10.0 * (lowest // 10.0)), 100.0)
        ax.set(title=title, ylabel="accuracy, %")
    return figure


def _rows(results: Results, name: str) -> list[str]:
    return [row for row in results.rows if results.has(row, name, "accuracy")]
