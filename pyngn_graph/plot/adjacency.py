"""Who is connected to whom, and how far away in time."""

import math
from typing import TYPE_CHECKING

import numpy as np
from torch_geometric.data import Data

from pyngn_graph.analysis.topology import Network
from pyngn_graph.checks import check_count
from pyngn_graph.graph import alive, number, round_delay
from pyngn_graph.plot.style import DIVERGING, attribute, axes_or_new, needed, to_numpy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def adjacency(
    data: Data, name: str = "edge_delay", *, max_cells: int = 150, ax: "Axes | None" = None
) -> "Axes":
    """Draws the matrix of live edges, source against target, colored by their delay.

    Of parallel edges, and of a block of neurons where there are more than ``max_cells``, the mean
    is shown; where no edge is, the axes shine through.

    Args:
        data: A graph.
        name: Attribute of the edges ``[E]``: ``"edge_delay"`` is given in ms.
        max_cells: Most rows and columns.
        ax: Axes to draw on; new ones by default.

    Raises:
        TypeError, ValueError: If the graph breaks a rule or has no such attribute of edges, or
            ``max_cells`` is less than 1.
    """
    check_count("max_cells", max_cells)
    Network.of(data)  # refuses what is no graph
    if not name.startswith("edge_"):
        raise ValueError(f"'name' must be an attribute of edges, 'edge_...' (got {name!r})")
    values = attribute(data, name).astype(np.float64)
    if name == "edge_delay":
        values = to_numpy(round_delay(data.edge_delay)) * number(data, "dt", 1.0)
    num_nodes, live = int(data.num_nodes), to_numpy(alive(data))
    block = math.ceil(num_nodes / max_cells)
    cells = math.ceil(num_nodes / block)
    row, column = to_numpy(data.edge_index)[:, live] // block
    total, count = np.zeros((cells, cells)), np.zeros((cells, cells))
    np.add.at(total, (row, column), values[live])
    np.add.at(count, (row, column), 1.0)
    mean = np.full((cells, cells), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    ax = axes_or_new(ax)
    extent = (-0.5, cells * block - 0.5, cells * block - 0.5, -0.5)
    colors = needed("matplotlib.colors").LinearSegmentedColormap.from_list("delay", DIVERGING)
    image = ax.imshow(mean, cmap=colors, extent=extent, interpolation="nearest")
    if not live.any():
        image.set_clim(0.0, 1.0)
    label = "delay (ms)" if name == "edge_delay" else name
    ax.figure.colorbar(image, ax=ax, label=label if block == 1 else f"{label}, mean")
    ax.set_xlim(-0.5, num_nodes - 0.5)
    ax.set_ylim(num_nodes - 0.5, -0.5)
    note = "" if block == 1 else f" (blocks of {block})"
    ax.set_xlabel(f"target{note}")
    ax.set_ylabel(f"source{note}")
    return ax
