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
from pyngn_graph.plot.moments import chosen, distinct
from pyngn_graph.plot.space import edge_trace, layout, node_trace
from pyngn_graph.plot.style import AFTER, BEFORE, TARGET, classes, needed, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXES = "xyz"

OBLIQUE = np.array([[0.94, -0.10], [0.34, 0.28], [0.0, 0.95]])
"""From space to a picture, at an angle at which the layers of a lattice do not hide each other."""

KINDS = (("edges that stay", BEFORE), ("new edges", AFTER), ("edges about to go", TARGET))
"""Edges that last, that are new since the frame before, and that the next frame lacks. Neurons are
gray, too, and told apart by their shapes: a color means one thing."""

WIDTHS, OPACITIES = (0.5, 0.7, 0.7), (0.65, 0.8, 0.8)
"""Of the lines of each kind."""

MARKERS = {"excitatory neurons": ("o", 4.0), "inhibitory neurons": ("D", 7.0)}
"""Shape and area of the dots of each class."""


def film(
    log: TopologyLog,
    axes: "Sequence[Axes] | None" = None,
    *,
    frames: int = 4,
    plane: str | None = None,
    max_edges: int = 600,
) -> "list[Axes]":
    """Draws a graph at moments of its life, side by side.

    Edges that the next picture lacks are orange, those that the last one lacked blue, all others
    gray; neurons are gray dots, inhibitory ones diamonds. Where there are too many edges, the same
    random part is drawn in all pictures.

    Moments are the first, the last, and those between which edges come and go in equal numbers; a
    title gives the time. A new figure has its legend below; one for axes of yours is
    ``figure.legend()``.

    Args:
        log: The history of a graph with ``pos``.
        axes: Axes to draw on, one for each picture; by default those of a new figure.
        frames: Most pictures without ``axes``; fewer where fewer moments differ.
        plane: The two axes of space that are seen; by default the graph is seen at an angle.
        max_edges: Most edges drawn at first.

    Raises:
        ValueError: If the graph has no positions, ``plane`` is no plane, or there are no pictures.
    """
    if plane not in (None, *("".join(pair) for pair in permutations(AXES, 2))):
        raise ValueError(f"'plane' must be two of x, y and z (got {plane!r})")
    figure = None
    if axes is None:
        if frames < 1:
            raise ValueError(f"'frames' must be at least 1 (got {frames})")
        count = min(frames, len(distinct(log)[0]))
        figure = needed("matplotlib.pyplot").figure(figsize=(3 * count, 3), layout="constrained")
        axes = list(figure.subplots(1, count, squeeze=False)[0])
    collections = needed("matplotlib.collections")
    clocks, share = log.clocks, _share(log, max_edges)
    note = "" if share >= 1.0 else f", {100 * share:.0f} % shown"
    moments = chosen(log, len(axes))
    graphs = [log.graph(moment) for moment in moments]
    shown = [_shown(data, share) for data in graphs]
    named: dict[str, Any] = {}
    for k, (ax, data) in enumerate(zip(axes, graphs, strict=True)):
        place = _places(data)
        place = place @ OBLIQUE if plane is None else place[:, [AXES.index(axis) for axis in plane]]
        for (name, ink), width, opacity, members in zip(
            KINDS, WIDTHS, OPACITIES, _kinds(graphs, shown, k), strict=True
        ):
            src, dst = shown[k][:, members]
            lines = collections.LineCollection(
                np.stack([place[src], place[dst]], axis=1),
                colors=ink,
                linewidths=width,
                alpha=opacity,
            )
            ax.add_collection(lines)
            if members.any():
                named.setdefault(name, lines)
        for name, _, members in classes(data):
            name = f"{name} neurons"
            marker, area = MARKERS[name]
            x, y = place[members].T
            dots = ax.scatter(x, y, s=area, marker=marker, color=BEFORE, linewidths=0, zorder=2)
            named.setdefault(name, dots)
        time = clocks[moments[k]] * Network.of(data).dt / 1000.0
        ax.set_title(f"{time:.3g} s, {Network.of(data).src.size:,} edges{note}", fontsize=9)
        ax.set_aspect("equal", adjustable="datalim")
        if plane is None:
            ax.set_axis_off()
        else:
            ax.set_xlabel(f"{plane[0]} (µm)")
    if plane is not None:
        axes[0].set_ylabel(f"{plane[1]} (µm)")
    for name, artist in named.items():
        artist.set_label(name)
    if figure is not None:
        _legend(figure, [named[name] for name in (*dict(KINDS), *MARKERS) if name in named])
    return list(axes)


def _legend(figure: Any, artists: list[Any]) -> None:
    """What the colors and shapes mean, below the pictures, in as many rows as it takes."""
    columns = min(len(artists), 2 * len(figure.axes) - 1)
    figure.set_figheight(3.0 + 0.25 * -(-len(artists) // columns))
    legend = figure.legend(
        handles=artists,
        loc="outside lower center",
        ncols=columns,
        fontsize=9,
        frameon=False,
        markerscale=2,
    )
    for line in legend.get_lines():
        line.set(linewidth=1.5, alpha=1.0)


def film3d(log: TopologyLog, *, frames: int = 30, max_edges: int = 4000) -> Any:
    """Draws the history of a graph in 3D as a ``plotly.graph_objects.Figure`` that can be played.

    Colors, shapes and moments are those of :func:`film`. Where there are too many edges, the same
    random part is drawn throughout.

    Args:
        log: The history of a graph with ``pos``.
        frames: Most frames; fewer where fewer moments differ.
        max_edges: Most edges drawn at first.

    Raises:
        ValueError: If the graph has no positions, or there are no frames.
    """
    if frames < 1:
        raise ValueError(f"'frames' must be at least 1 (got {frames})")
    go = needed("plotly.graph_objects")
    moments, share = chosen(log, min(frames, len(distinct(log)[0]))), _share(log, max_edges)
    graphs = [log.graph(moment) for moment in moments]
    shown = [_shown(data, share) for data in graphs]
    place = torch.from_numpy(_places(graphs[0]))
    traces = [
        _edge_traces(go, place, shown[k], _kinds(graphs, shown, k)) for k in range(len(graphs))
    ]
    figure = go.Figure(data=traces[0])
    for name, _, members in classes(graphs[0]):
        nodes = np.flatnonzero(members)
        dots = node_trace(go, name, place[nodes].numpy(), nodes)
        dots.marker.color, dots.marker.size = BEFORE, 2.5
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
    for (name, ink), members in zip(KINDS, kinds, strict=True):
        trace = edge_trace(go, place, torch.from_numpy(edges[:, members]))
        trace.update(name=name, line_color=ink, opacity=0.35 if ink == BEFORE else 0.9)
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
