"""Pictures of distributions: an attribute before and after, right and wrong predictions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch_geometric.data import Data

from pyngn_graph.analysis.topology import Network
from pyngn_graph.graph import alive, number, round_delay
from pyngn_graph.plot.style import AFTER, BEFORE, COLOR_SCALE, attribute, axes_or_new, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 40
"""Most bins of a histogram unless a caller sets their number."""


def histogram(
    before: Data,
    after: Data | None,
    name: str,
    *,
    bins: int = BINS,
    scale: float = 1.0,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the histogram of an attribute of nodes or edges, before and after.

    Both share their bins, and the bins of whole numbers are whole numbers wide. Of ``edge_*`` only
    live edges count, and delays are those in use.

    Args:
        before: A graph.
        after: The same graph later, or None.
        name: Attribute ``[N]`` or ``[E]``, for instance ``"gain"`` or ``"edge_weight"``.
        bins: Most bins.
        scale: Factor from the values to the unit of the axis.
        label: Label of the horizontal axis, with its unit; by default ``name``.
        ax: Axes to draw on; new ones by default.

    Raises:
        TypeError, ValueError: If a graph breaks a rule or has no such attribute, or ``bins`` is
            less than 1.
    """
    if bins < 1:
        raise ValueError(f"'bins' must be at least 1 (got {bins})")
    graphs = [Network.of(data).data for data in (before, after) if data is not None]
    values = [values_of(data, name) for data in graphs]
    ax = axes_or_new(ax)
    edges = _bin_edges(np.concatenate(values), bins)
    ax.stairs(
        np.histogram(values[0], edges)[0], edges * scale, fill=True, color=BEFORE, label="before"
    )
    if after is not None:
        count = np.histogram(values[1], edges)[0]
        ax.stairs(count, edges * scale, color=AFTER, linewidth=1.8, label="after")
    ax.set_ylim(bottom=0)
    ax.set_xlabel(name if label is None else label)
    ax.set_ylabel("edges" if name.startswith("edge_") else "neurons")
    return ax


def delays(
    before: Data, after: Data | None = None, dt: float | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draws the histogram of the conduction delays of live edges in ms, before and after.

    Args:
        before: A graph.
        after: The same graph later, or None.
        dt: Length of a step in ms; by default that of ``before``.
        ax: Axes to draw on; new ones by default.
    """
    scale = number(before, "dt", 1.0) if dt is None else dt
    return histogram(before, after, "edge_delay", scale=scale, label="delay (ms)", ax=ax)


def confusion(
    y_true: Any, y_pred: Any, *, labels: Sequence[str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draws how often each true class was taken for which.

    Numbers in the cells are counts; the color is the share of the true class (the row).

    Args:
        y_true: True classes, ``[B]``.
        y_pred: Predicted classes, ``[B]``.
        labels: Names of the classes, in the order of their sorted values.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there are no predictions, or lengths do not agree.
    """
    true, predicted = to_numpy(y_true).ravel(), to_numpy(y_pred).ravel()
    if true.size == 0 or true.size != predicted.size:
        raise ValueError(
            f"'y_true' and 'y_pred' must have the same length >= 1 (got {true.size} and "
            f"{predicted.size})"
        )
    values, code = np.unique(np.concatenate([true, predicted]), return_inverse=True)
    names = [str(value) for value in values] if labels is None else list(labels)
    if len(names) != values.size:
        raise ValueError(f"'labels' must name all {values.size} classes (got {len(names)})")
    count = np.zeros((values.size, values.size), dtype=np.int64)
    np.add.at(count, (code[: true.size], code[true.size :]), 1)
    share = count / np.maximum(count.sum(axis=1, keepdims=True), 1)
    ax = axes_or_new(ax)
    image = ax.imshow(share, cmap=COLOR_SCALE, vmin=0.0, vmax=1.0)
    ax.figure.colorbar(image, ax=ax, label="share of the true class")
    if values.size <= 20:
        size = 9.0 if values.size <= 10 else 6.0
        for row, column in zip(*count.nonzero(), strict=True):
            ink = "#ffffff" if share[row, column] < 0.6 else "#111111"
            text = str(count[row, column])
            ax.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)
    if values.size <= 40:
        turn = 0 if max(map(len, names)) <= 2 else 90
        ax.set_xticks(range(values.size), names, rotation=turn)
        ax.set_yticks(range(values.size), names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    return ax


def values_of(data: Data, name: str) -> np.ndarray:
    """An attribute of all nodes, or of the live edges: delays are those in use."""
    values = attribute(data, name)
    if name == "edge_delay":
        values = to_numpy(round_delay(data.edge_delay))
    return values[to_numpy(alive(data))] if name.startswith("edge_") else values


def _bin_edges(values: np.ndarray, bins: int) -> np.ndarray:
    if values.size == 0:
        return np.array([0.0, 1.0])
    if values.dtype == np.bool_ or np.issubdtype(values.dtype, np.integer):
        low, high = int(values.min()), int(values.max()) + 1
        width = math.ceil((high - low) / bins)
        return np.arange(low, high + width, width) - 0.5
    return np.histogram_bin_edges(values.astype(np.float64), bins)
