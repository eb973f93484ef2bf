"""How figures of all tables look: colors told apart by all readers, means with their sd."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.science.results import Results

# The palette of Okabe and Ito (2008), without yellow.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#808080")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def panels(rows: int, columns: int, width: float = 5.0, height: float = 3.8) -> tuple[Figure, Any]:
    """A figure, and its axes ``[rows, columns]``."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def curve(
    ax: Axes, x: Sequence[float], values: Sequence[np.ndarray], place: int, label: str
) -> None:
    """A line through the means of ``values``, with error bars of one sd, over ``x``."""
    mean, sd = _mean_sd(values)
    style = {"color": COLORS[place % len(COLORS)], "marker": MARKERS[place % len(MARKERS)]}
    ax.errorbar(x, mean, sd, label=label, capsize=2.5, markersize=5, linewidth=1.5, **style)


def bars(
    ax: Axes, results: Results, rows: Sequence[str], groups: Sequence[tuple[str, str]], metric: str
) -> None:
    """Groups of bars with error bars: for each row a group, for each (column, label) a bar."""
    width, place = 0.8 / len(groups), np.arange(len(rows))
    for number, (column, label) in enumerate(groups):
        mean, sd = _mean_sd([results.values(row, column, metric) for row in rows])
        x = place + (number - (len(groups) - 1) / 2) * width
        ax.bar(x, mean, width, yerr=sd, capsize=2, label=label, color=COLORS[number])
    names = [row.removeprefix("control: ") for row in rows]
    ax.set_xticks(place, names, rotation=45, ha="right", fontsize=8)


def level(ax: Axes, value: float, label: str, left: bool = False) -> None:
    """A dashed line at ``value``, named at an end of it."""
    ax.axhline(value, color="#808080", linestyle="--", linewidth=1.0, zorder=0)
    ax.annotate(
        label,
        (0.01 if left else 0.99, value),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="left" if left else "right",
        fontsize=7,
        color="#606060",
    )


def decades(ax: Axes, ticks: Sequence[float]) -> None:
    """A logarithmic axis whose ``ticks`` are written out."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.xaxis.set_minor_formatter(NullFormatter())


def _mean_sd(values: Sequence[np.ndarray]) -> tuple[list[float], list[float]]:
    sd = [float(each.std(ddof=1)) if len(each) > 1 else 0.0 for each in values]
    return [float(each.mean()) for each in values], sd
