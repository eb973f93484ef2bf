"""Membrane potentials of some neurons, one above the other."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from pyngn_graph.arrays import Numbers
from pyngn_graph.checks import is_count
from pyngn_graph.plot.activity import traced, unit_of
from pyngn_graph.plot.style import EXCITATORY, INHIBITORY, axes_or_new, is_inhibitory, to_numpy
from pyngn_graph.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 6
"""Neurons drawn unless they are named."""

HEIGHT = 0.75
"""Height of the potentials of a neuron, in units of the distance to the next one."""


def potentials(
    recording: Recording,
    nodes: Numbers | None = None,
    trial: int | None = 0,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the potentials of some neurons over time, and a dot at each of their spikes.

    Each neuron has a scale of its own: its lowest potential stands at its tick, its highest below
    the dots. Record every step (``every=1``) to see resets.

    Args:
        recording: A recording made with ``run(..., record=("v",))``.
        nodes: The neurons, from below; by default six at equal distances in the order of their
            rates, silent ones left out where others are there.
        trial: A trial, or None for all of them, one after the other.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is no such trial or neuron, or ``"v"`` was not recorded.
    """
    moment, values, place = traced(recording, "v", trial)
    num_nodes = int(recording.graph.num_nodes)
    if nodes is None:
        rates = recording.rates()
        firing = int((rates > 0).sum()) or num_nodes
        order = torch.argsort(rates, descending=True, stable=True)
        chosen = (
            torch.linspace(0, firing - 1, min(MOST, firing), dtype=torch.float32).round().long()
        )
        nodes = order[chosen].sort().values.tolist()
    nodes = np.asarray(nodes).reshape(-1).tolist()
    wrong = [node for node in nodes if not is_count(node, 0) or node >= num_nodes]
    if wrong or not nodes:
        raise ValueError(
            f"'nodes' must name neurons from 0 to {num_nodes - 1} (got {nodes}); "
            f"leave it out for a choice"
        )
    ax = axes_or_new(ax)
    unit, scale = unit_of(place, recording.dt)
    time, v = to_numpy(moment) * scale, to_numpy(values[:, nodes]).astype(np.float64)
    low, high = (v.min(axis=0), v.max(axis=0)) if v.size else np.zeros((2, len(nodes)))
    v = HEIGHT * (v - low) / np.where(high > low, high - low, 1.0)
    when = to_numpy(place[recording.events[:, 0], recording.events[:, 1]])
    who, inhibits = to_numpy(recording.events[:, 2]), to_numpy(is_inhibitory(recording.graph))
    for row, node in enumerate(nodes):
        ink = INHIBITORY if inhibits[node] else EXCITATORY
        ax.plot(time, v[:, row] + row, color=ink, linewidth=1.0)
        spikes = when[(who == node) & (when >= 0)] * scale
        ax.plot(spikes, np.full(spikes.size, row + 0.85), ".", color=ink, markersize=4)
    ax.set_yticks(range(len(nodes)), [str(node) for node in nodes])
    ax.set_xlim(0, (int(place.max()) + 1) * scale)
    ax.set_ylim(-0.1, len(nodes))
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("potential of neuron")
    return ax
