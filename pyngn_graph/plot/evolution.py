"""How an attribute of the graph changes from tick to tick."""

from typing import TYPE_CHECKING

import numpy as np

from pyngn_graph.graph import number
from pyngn_graph.history import TopologyLog
from pyngn_graph.plot.activity import SECONDS
from pyngn_graph.plot.distribution import values_of
from pyngn_graph.plot.style import AFTER, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def evolution(
    log: TopologyLog,
    name: str,
    *,
    scale: float = 1.0,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws an attribute over the life of a graph: median, and the band from 10 to 90 %.

    Of ``edge_*`` only live edges count, and delays are those in use, in steps unless ``scale`` says
    otherwise. For health and other things that glia sense the log must hold them:
    ``record=TopologyRecorder(sensed=True)``.

    Args:
        log: The history of a graph, ``recording.topology``.
        name: Attribute ``[N]`` or ``[E]``, as ``"edge_delay"``, ``"edge_health"`` or ``"gain"``.
        scale: Factor from the values to the unit of the axis.
        label: Label of the vertical axis, with its unit; by default ``name``.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If the graph has no such attribute.
    """
    clocks, shares, dt = [], [], 1.0
    for clock, graph in zip(log.clocks, log.graphs(), strict=True):
        values, dt = values_of(graph, name) * scale, number(graph, "dt", 1.0)
        if values.size:
            clocks.append(clock)
            shares.append(np.quantile(values, [0.1, 0.5, 0.9]))
    ax = axes_or_new(ax)
    seconds = bool(clocks) and clocks[-1] * dt >= SECONDS
    time = np.array(clocks) * (dt / 1000.0 if seconds else dt)
    low, middle, high = np.array(shares).reshape(-1, 3).T
    ax.fill_between(
        time, low, high, step="post", color=AFTER, alpha=0.3, linewidth=0, label="10-90 %"
    )
    ax.step(time, middle, where="post", color=AFTER, linewidth=1.6, label="median")
    if len(clocks) > 1:
        ax.set_xlim(time[0], time[-1])
    ax.set_xlabel(f"life ({'s' if seconds else 'ms'})")
    ax.set_ylabel(name if label is None else label)
    return ax
