"""The edges of a graph as the kernels read them, made anew only when they changed."""

from typing import Any

import numpy as np
from torch_geometric.data import Data

from pyngn_graph.backends import kernels
from pyngn_graph.glia.base import as_array
from pyngn_graph.graph import alive, longest_delay, num_targets
from pyngn_graph.grid import neuron_grid
from pyngn_graph.memo import remembered
from pyngn_graph.sorting import group_by


@remembered("edge_index", "edge_mask")
def by_source(data: Data) -> tuple[Any, Any]:
    """Live edges grouped by source: where each group starts, and their positions."""
    return group_by(as_array(data.edge_index[0]), as_array(alive(data)), data.num_nodes)


@remembered("edge_index", "edge_mask", "edge_weight", "edge_delay", "ptr")
def wiring(data: Data) -> tuple[kernels.Wiring, Any]:
    """Live edges for delivery, and the grid, float32, that their weights are units of.

    It is one number, or one for each neuron, as :func:`pyngn_graph.grid.neuron_grid` says.
    """
    start, order = by_source(data)
    grid = neuron_grid(data).numpy()[()]
    small = (longest_delay(data) + 1) * num_targets(data) < 2**32
    jump = np.empty(order.size, dtype=np.uint32 if small else np.uint64)
    units = np.empty(order.size, dtype=np.int32)
    kernels.lay_out(
        order,
        as_array(data.edge_index[1]),
        as_array(data.edge_delay),
        as_array(data.edge_weight),
        1.0 / grid,
        num_targets(data),
        jump,
        units,
    )
    return kernels.Wiring(start, jump, units), grid.astype(np.float32)
