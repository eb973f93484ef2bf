"""Curves of what analysis measures: memory over lags, and how activity breeds activity."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pyngn_graph.analysis.dynamics import BranchingRatio, MemoryCapacity
from pyngn_graph.plot.style import AFTER, BEFORE, PALETTE, TARGET, axes_or_new, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def memory_curve(
    capacity: MemoryCapacity | Mapping[str, MemoryCapacity],
    sample: float | None = None,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws how much of each past input a readout finds: squared correlation against the lag.

    The area under a curve is the capacity, which the legend gives.

    Args:
        capacity: What :func:`~pyngn_graph.analysis.dynamics.memory_capacity` returned, or several
            of them by name.
        sample: Duration of a sample in ms: the lag is then given in ms, not in samples.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is nothing to draw, or ``sample`` is not positive.
    """
    named = {"memory": capacity} if isinstance(capacity, MemoryCapacity) else dict(capacity)
    if not named:
        raise ValueError("'capacity' holds nothing to draw; pass what 'memory_capacity' returned")
    if sample is not None and not sample > 0.0:
        raise ValueError(f"'sample' must be a positive number of ms (got {sample})")
    ax = axes_or_new(ax)
    longest = 1
    for number, (name, found) in enumerate(named.items()):
        r2 = to_numpy(found.r2)
        lag, longest = np.arange(1, r2.size + 1), max(longest, r2.size)
        ax.plot(
            lag * (sample or 1.0),
            r2,
            color=PALETTE[number % len(PALETTE)],
            linestyle=("-", "--", ":")[number // len(PALETTE) % 3],
            linewidth=1.6,
            label=f"{name}: {found.total:.1f}",
        )
    ax.set_xlim(0, longest * (sample or 1.0))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("lag (samples)" if sample is None else "lag (ms)")
    ax.set_ylabel("squared correlation")
    ax.legend(frameon=False)
    return ax


def branching(ratio: BranchingRatio, row: float = 1.0, *, ax: "Axes | None" = None) -> "Axes":
    """Draws the slopes of a multistep regression over the lag, and the fit whose decay is m.

    Args:
        ratio: What :func:`~pyngn_graph.analysis.dynamics.branching_ratio` returned.
        row: Length of a row of the activity in ms.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If ``row`` is not positive.
    """
    if not row > 0.0:
        raise ValueError(f"'row' must be a positive number of ms (got {row})")
    ax = axes_or_new(ax)
    slopes = to_numpy(ratio.r)
    lag = np.arange(1, slopes.size + 1) * row
    ax.axhline(0.0, color=BEFORE, linewidth=0.8)
    label = "fit, m undefined" if np.isnan(ratio.m) else f"fit, m = {ratio.m:.3f}"
    ax.plot(lag, slopes, ".", color=AFTER, markersize=5, label="slopes")
    ax.plot(lag, to_numpy(ratio.fit), color=TARGET, linewidth=1.6, label=label)
    ax.set_xlim(0, lag[-1] + row)
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel("slope of regression")
    ax.legend(frameon=False)
    return ax
