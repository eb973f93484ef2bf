"""A graph as glia reshape it: a strip of pictures, and the graph in 3D to be played."""

from collections.abc import Sequence
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


def film(
    log: TopologyLog,
    axes: "Sequence[Axes] | None" = None,
    *,
    frames: int = 4,
    plane: str = "xy",
    max_edges: int = 4000,
) -> "list[Axes]":
    """Draws a graph at moments of its life, side by side, seen along an axis.

    An edge has the color of the class of its neuron. Where there are too many of them, the same
    random part is drawn in all pictures.

    Args:
        log: The history of a graph with ``pos``.
        axes: Axes to draw on, one for each picture; by default those of a new figure.
        frames: Number of pictures without ``axes``; moments are spaced evenly, from the first to
            the last.
        plane: The two axes of space that are seen.
        max_edges: Most edges drawn at first.

    Raises:
        ValueError: If the graph has no positions, ``plane`` is no plane, or there are no pictures.
    """
    if len(plane) != 2 or len(set(plane)) != 2 or not set(plane) <= set(AXES):
        raise ValueError(f"'plane' must be two of x, y and z (got {plane!r})")
    if axes is None:
        if frames < 1:
            raise ValueError(f"'frames' must be at least 1 (got {frames})")
        count = min(frames, len(log))
        figure = needed("matplotlib.pyplot").figure(figsize=(3 * count, 3), layout="constrained")
        axes = list(figure.subplots(1, count, squeeze=False)[0])
    collections = needed("matplotlib.collections")
    clocks, share = log.clocks, _share(log, max_edges)
    for ax, moment in zip(axes, _moments(len(log), len(axes)), strict=True):
        data = log.graph(moment)
        place = _places(data)[:, [AXES.index(axis) for axis in plane]]
        edges = _shown(data, share)
        for _, ink, members in classes(data):
            own = edges[:, members[edges[0]]]
            lines = collections.LineCollection(
                np.stack([place[own[0]], place[own[1]]], axis=1),
                colors=ink,
                linewidths=0.5,
                alpha=0.35,
            )
            ax.add_collection(lines)
            ax.scatter(place[members, 0], place[members, 1], s=3, color=ink, linewidths=0)
        time = clocks[moment] * Network.of(data).dt / 1000.0
        ax.set_title(f"{time:.3g} s, {Network.of(data).src.size:,} edges", fontsize=9)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xlabel(f"{plane[0]} (µm)")
    axes[0].set_ylabel(f"{plane[1]} (µm)")
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
    traces = [
        _edge_traces(
            go, graphs[k], shown[k], shown[max(k - 1, 0)], shown[min(k + 1, len(shown) - 1)]
        )
        for k in range(len(graphs))
    ]
    place = torch.from_numpy(_places(graphs[0]))
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


def _edge_traces(
    go: Any, data: Data, edges: np.ndarray, before: np.ndarray, after: np.ndarray
) -> list[Any]:
    """The edges that last, those that are new and those that are about to go."""
    own, old, next_ = (ends[0] * data.num_nodes + ends[1] for ends in (edges, before, after))
    going = ~np.isin(own, next_)
    new = ~np.isin(own, old) & ~going
    place: Tensor = torch.from_numpy(_places(data))
    kinds = (("edges", ~going & ~new, BEFORE), ("new", new, AFTER), ("about to go", going, TARGET))
    traces = []
    for name, chosen, ink in kinds:
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
