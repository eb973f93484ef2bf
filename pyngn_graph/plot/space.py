"""The graph in 3D, to be turned."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology import Network
from pyngn_graph.graph import alive
from pyngn_graph.plot.style import (
    BEFORE,
    DIVERGING,
    attribute,
    classes,
    needed,
)

SYMBOLS = {"excitatory": "circle", "inhibitory": "diamond"}


CAMERA = {"eye": {"x": 2.05, "y": 1.3, "z": 0.95}, "center": {"x": 0.0, "y": 0.0, "z": -0.1}}


def graph3d(
    data: Data, color: str = "class", *, max_nodes: int = 20_000, max_edges: int = 10_000
) -> Any:
    """Draws the live graph at its positions, as a ``plotly.graph_objects.Figure``.

    One trace holds all edges, one the excitatory and one the inhibitory neurons, so that the
    scene turns smoothly. Above the limits a random part is drawn, the same at each call, and a
    note says which part.

    Args:
        data: A graph with ``pos`` ``[N, 3]`` in micrometres.
        color: ``"class"`` (excitatory or inhibitory), or an attribute of nodes ``[N]`` or of
            edges ``[E]``, such as ``"gain"`` or ``"edge_delay"``.
        max_nodes: Most neurons drawn; only edges between them are.
        max_edges: Most edges drawn.

    Raises:
        TypeError, ValueError: If the graph breaks a rule, has no positions, or no such attribute.
    """
    Network.of(data)  # refuses what is no graph
    if data.get("pos") is None:
        raise ValueError("The graph has no 'pos'; set 'data.pos' [N, 3] to draw it in space")
    values = None if color == "class" else attribute(data, color).astype(np.float32)
    num_nodes, live = int(data.num_nodes), alive(data).nonzero().squeeze(1).cpu()
    nodes = _some(torch.arange(num_nodes), max_nodes)
    kept = torch.zeros(num_nodes, dtype=torch.bool)
    kept[nodes] = True
    edges = live[kept[data.edge_index[:, live].cpu()].all(dim=0)]
    edges = _some(edges, max_edges)

    go = needed("plotly.graph_objects")
    figure = go.Figure()
    place = data.pos.detach().cpu().float()
    on_edges, on_nodes = (values, None) if color.startswith("edge_") else (None, values)
    lines = edge_trace(go, place, data.edge_index.cpu()[:, edges])
    if on_edges is not None:
        lines.line = {"color": np.repeat(on_edges[edges.numpy()], 3), "width": 3}
        lines.update(line_coloraxis="coloraxis", opacity=0.8, showlegend=False)
    figure.add_trace(lines)
    for name, ink, members in classes(data):
        chosen = nodes[torch.from_numpy(members)[nodes]]
        trace = node_trace(go, name, place[chosen].numpy(), chosen.numpy())
        trace.marker.color = ink if on_nodes is None else on_nodes[chosen.numpy()]
        trace.marker.size = 3.5 if nodes.numel() < 2000 else 2.0
        if on_nodes is not None:
            # Plotly has no symbol for a trace of many colors in its legend.
            trace.update(marker_coloraxis="coloraxis", showlegend=False)
            trace.hovertemplate = f"{color} %{{marker.color:.4g}}<br>{trace.hovertemplate}"
        figure.add_trace(trace)
    notes = [
        f"{part.numel():,} of {whole:,} {what} shown"
        for part, whole, what in ((nodes, num_nodes, "neurons"), (edges, live.numel(), "edges"))
        if part.numel() < whole
    ]
    if on_nodes is not None:
        notes.append("circles excitatory, diamonds inhibitory")
    figure.update_layout(**layout(" · ".join(notes), None if values is None else color))
    return figure


def _some(choice: Tensor, limit: int) -> Tensor:
    """At most ``limit`` entries of ``choice``, drawn at random with a fixed seed, in order."""
    if choice.numel() <= limit:
        return choice
    generator = torch.Generator().manual_seed(0)
    return choice[torch.randperm(choice.numel(), generator=generator)[:limit].sort().values]


def edge_trace(go: Any, place: Tensor, ends: Tensor) -> Any:
    """Edges ``[2, K]`` as one line that is broken after each by a point that is not a number."""
    gap = torch.full_like(place[ends[0]], torch.nan)
    line = torch.stack([place[ends[0]], place[ends[1]], gap], dim=1).reshape(-1, 3).numpy()
    return go.Scatter3d(
        x=line[:, 0],
        y=line[:, 1],
        z=line[:, 2],
        mode="lines",
        name="edges",
        line={"color": BEFORE, "width": 1.5},
        opacity=0.35,
        hoverinfo="skip",
    )


def node_trace(go: Any, name: str, place: np.ndarray, nodes: np.ndarray) -> Any:
    """Neurons of one class at ``place`` ``[K, 3]``, which are called ``nodes`` ``[K]``."""
    return go.Scatter3d(
        x=place[:, 0],
        y=place[:, 1],
        z=place[:, 2],
        mode="markers",
        name=name,
        marker={"symbol": SYMBOLS[name], "line": {"width": 0}},
        customdata=nodes,
        hovertemplate="neuron %{customdata}<br>(%{x:.0f}, %{y:.0f}, %{z:.0f}) µm"
        f"<extra>{name}</extra>",
    )


def layout(note: str, color: str | None) -> dict[str, Any]:
    """A scene with axes in micrometres, a note, and the scale of ``color`` if it has one."""
    axis = {"color": BEFORE, "showgrid": False, "zeroline": False, "showbackground": False}
    axis |= {"showline": True, "linecolor": BEFORE, "showspikes": False}
    chosen: dict[str, Any] = {
        "template": "none",
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"color": BEFORE, "size": 12},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "legend": {"orientation": "h", "itemsizing": "constant", "x": 0, "y": 1, "yanchor": "top"},
        "modebar": {"bgcolor": "rgba(0, 0, 0, 0)", "color": BEFORE, "orientation": "v"},
        "scene": {
            "aspectmode": "data",
            "dragmode": "orbit",
            # Off the diagonal, along which the rows of a lattice hide behind each other.
            "camera": CAMERA,
            **{f"{name}axis": {**axis, "title": {"text": f"{name} (µm)"}} for name in "xyz"},
        },
    }
    corner = {"x": 0, "y": 0, "yanchor": "bottom"}
    if color is not None:
        bar = {"title": {"text": color}, "orientation": "h", "thickness": 12, "len": 0.8}
        bar |= {"x": 0.5, "y": 0, "yanchor": "bottom"}
        chosen["coloraxis"] = {"colorscale": list(DIVERGING), "colorbar": bar}
        corner = {"x": 0, "y": 0.93, "yanchor": "top"}
    if note:
        style = {"xref": "paper", "yref": "paper", "xanchor": "left", "showarrow": False}
        chosen["annotations"] = [{"text": note, **style, **corner}]
    return chosen
