"""A graph as glia reshape it: a strip of pictures, and the graph in 3D to be played."""

from collections.abc import Sequence
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology import Network
from pyngn_graph.history import TopologyLog
from pyngn_graph.plot.space import edge_trace, layout, node_trace
from pyngn_graph.plot.style import AFTER, BEFORE, TARGET, classes, needed, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = "xyz"

OBLIQUE = np.array([[0.94, -0.10], [0.34, 0.28], [0.0, 0.95]])
"""From space to a picture, at an angle at which the layers of a lattice do not hide each other."""

KINDS = (("edges", BEFORE), ("new", AFTER), ("about to go", TARGET))
"""Edges that last, that are new since the frame before, and that the next frame lacks."""


def film(
    log: TopologyLog,
    axes: "Sequence[Axes] | None" = None,
    *,
    frames: int = 4,
    plane: str | None = None,
    max_edges: int = 1500,
) -> "list[Axes]":
    """Draws a graph at moments of its life, side by side.

    Edges that the next picture lacks are orange, those that the last one lacked blue, all others
    gray. Where there are too many of them, the same random part is drawn in all pictures.

    Args:
        log: The history of a graph with ``pos``.
        axes: Axes to draw on, one for each picture; by default those of a new figure.
        frames: Number of pictures without ``axes``; moments are spaced evenly, from the first to
            the last.
        plane: The two axes of space that are seen; by default the graph is seen at an angle.
        max_edges: Most edges drawn at first.

    Raises:
        ValueError: If the graph has no positions, ``plane`` is no plane, or there are no pictures.
    """
    if plane not in (None, *("".join(pair) for pair in permutations(AXES, 2))):
        raise ValueError(f"'plane' must be two of x, y and z (got {plane!r})")
    if axes is None:
        if frames < 1:
            raise ValueError(f"'frames' must be at least 1 (got {frames})")
        count = min(frames, len(log))
        figure = needed("matplotlib.pyplot").figure(figsize=(3 * count, 3), layout="constrained")
        axes = list(figure.subplots(1, count, squeeze=False)[0])
    collections = needed("matplotlib.collections")
    clocks, share = log.clocks, _share(log, max_edges)
    moments = _moments(len(log), len(axes))
    graphs = [log.graph(moment) for moment in moments]
    shown = [_shown(data, share) for data in graphs]
    for k, (ax, data) in enumerate(zip(axes, graphs, strict=True)):
        place = _places(data)
        place = place @ OBLIQUE if plane is None else place[:, [AXES.index(axis) for axis in plane]]
        for (name, ink), chosen in zip(KINDS, _kinds(graphs, shown, k), strict=True):
            src, dst = shown[k][:, chosen]
            lines = collections.LineCollection(
                np.stack([place[src], place[dst]], axis=1),
                colors=ink,
                linewidths=0.5,
                alpha=0.5,
                label=name,
            )
            ax.add_collection(lines)
        for _, ink, members in classes(data):
            ax.scatter(place[members, 0], place[members, 1], s=4, color=ink, linewidths=0, zorder=2)
        time = clocks[moments[k]] * Network.of(data).dt / 1000.0
        ax.set_title(f"{time:.3g} s, {Network.of(data).src.size:,} edges", fontsize=9)
        ax.set_aspect("equal", adjustable="datalim")
        if plane is None:
            ax.set_axis_off()
        else:
            ax.set_xlabel(f"{plane[0]} (µm)")
    if plane is not None:
        axes[0].set_ylabel(f"{plane[1]} (µm)")
    if share < 1.0:
        axes[0].annotate(
            f"{100 * share:.0f} % of the edges shown", (0, 0), xycoords="axes fraction", fontsize=8
        )
    return list(axes)


def film3d(log: TopologyLog, *, frames: int = 30, max_edges: int = 4000) -> Any:
    """Draws the history of a graph in 3D as a ``plotly.graph_objects.Figure`` that can be played.

    In each frame the edges that are about to go and those that are new since the last frame have
    colors of their own. Where there are too many edges, the same random part is drawn throughout.

    Args:
        log: The history of a graph with ``pos``.
        frames: Most frames; moments are spaced evenly, from the first to the last.
        max_edges: Most edges drawn at first.

    Raises:
        ValueError: If the graph has no positions, or there are no frames.
    """
    if frames < 1:
        raise ValueError(f"'frames' must be at least 1 (got {frames})")
    go = needed("plotly.graph_objects")
    moments, share = _moments(len(log), min(frames, len(log))), _share(log, max_edges)
    graphs = [log.graph(moment) for moment in moments]
    shown = [_shown(data, share) for data in graphs]
    place = torch.from_numpy(_places(graphs[0]))
    traces = [
        _edge_traces(go, place, shown[k], _kinds(graphs, shown, k)) for k in range(len(graphs))
    ]
    figure = go.Figure(data=traces[0])
    for name, ink, members in classes(graphs[0]):
        nodes = np.flatnonzero(members)
        dots = node_trace(go, name, place[nodes].numpy(), nodes)
        dots.marker.color, dots.marker.size = ink, 2.5
        figure.add_trace(dots)
    clocks = log.clocks
    names = [f"{clocks[moment] * Network.of(graphs[0]).dt / 1000.0:.4g} s" for moment in moments]
    figure.frames = [
        go.Frame(name=name, data=frame, traces=[0, 1, 2])
        for name, frame in zip(names, traces, strict=True)
    ]
    note = "" if share >= 1.0 else f"{100 * share:.0f} % of the edges shown"
    figure.update_layout(layout(note, None) | _player(names))
    return figure


def _moments(number: int, frames: int) -> list[int]:
    return [int(moment) for moment in np.linspace(0, number - 1, frames).round()]


def _places(data: Data) -> np.ndarray:
    if data.get("pos") is None:
        raise ValueError("The graph has no 'pos'; set 'data.pos' [N, 3] to draw it in space")
    return to_numpy(data.pos.float())


def _share(log: TopologyLog, max_edges: int) -> float:
    return min(1.0, max_edges / max(1, Network.of(log.graph(0)).src.size))


def _shown(data: Data, share: float) -> np.ndarray:
    """Ends ``[2, K]`` of the live edges that are drawn, a choice by their ends alone."""
    net = Network.of(data)
    mixed = (net.src * 0x9E3779B1 + net.dst * 0x85EBCA77) % 2**32 * 0xC2B2AE35 % 2**32
    return np.stack([net.src, net.dst])[:, mixed < share * 2**32]


def _kinds(graphs: list[Data], shown: list[np.ndarray], k: int) -> list[np.ndarray]:
    """Which of the edges ``shown[k]`` are of each of ``KINDS``, ``[K]`` bool."""
    own, old, next_ = (
        shown[m][0] * graphs[k].num_nodes + shown[m][1]
        for m in (k, max(k - 1, 0), min(k + 1, len(shown) - 1))
    )
    going = ~np.isin(own, next_)
    new = ~np.isin(own, old) & ~going
    return [~going & ~new, new, going]


def _edge_traces(go: Any, place: Tensor, edges: np.ndarray, kinds: list[np.ndarray]) -> list[Any]:
    """The edges ``[2, K]`` of each kind."""
    traces = []
    for (name, ink), chosen in zip(KINDS, kinds, strict=True):
        trace = edge_trace(go, place, torch.from_numpy(edges[:, chosen]))
        trace.update(name=name, line_color=ink, opacity=0.35 if name == "edges" else 0.9)
        traces.append(trace)
    return traces


def _player(names: list[str]) -> dict[str, Any]:
    """A button that plays the frames, and a slider, below the scene."""
    still = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}}
    play = {"frame": {"duration": 400, "redraw": True}, "fromcurrent": True}
    steps = [{"label": name, "method": "animate", "args": [[name], still]} for name in names]
    buttons = [
        {"label": "▶", "method": "animate", "args": [None, play]},
        {"label": "❚❚", "method": "animate", "args": [[None], still]},
    ]
    corner = {"type": "buttons", "direction": "left", "x": 0, "y": 0, "xanchor": "left"}
    return {
        "margin": {"l": 10, "r": 10, "t": 0, "b": 120},
        "sliders": [{"steps": steps, "x": 0.15, "len": 0.8, "y": 0, "yanchor": "top"}],
        "updatemenus": [{**corner, "yanchor": "top", "buttons": buttons, "showactive": False}],
    }
