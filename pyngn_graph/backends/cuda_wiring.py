"""The edges of a graph as the GPU reads them, made on its device and only when they changed."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import alive, longest_delay, num_live, round_delay
from pyngn_graph.grid import weight_grid
from pyngn_graph.memo import remembered
from pyngn_graph.sorting import grouped

BLOCK = 1 << 24
"""Edges handled at once: beside a large graph there is little room for more."""


class Wiring(NamedTuple):
    """Live edges by source: those of j stand at ``start[j] .. start[j + 1]``.

    ``edge`` is their position in the graph, ``jump`` is ``delay * N + target``, an offset into the
    ring, as int32 (or int64), ``units`` the weight in units of ``grid``, int32.
    """

    start: Tensor
    edge: Tensor
    jump: Tensor
    units: Tensor
    grid: float


@remembered("edge_index", "edge_mask", "edge_weight", "edge_delay")
def wiring(data: Data) -> Wiring:
    """The live edges of ``data`` for delivery."""
    start, edge = by_source(data)
    grid, steps = weight_grid(data), round_delay(data.edge_delay)
    small = (longest_delay(data) + 1) * data.num_nodes < 2**31
    jump = torch.empty_like(edge, dtype=torch.int32 if small else torch.int64)
    units = torch.empty_like(edge, dtype=torch.int32)
    blocks = (torch.split(each, BLOCK) for each in (edge, jump, units))
    for at, far, weight in zip(*blocks, strict=True):
        far.copy_(steps[at] * data.num_nodes + data.edge_index[1, at])
        weight.copy_(torch.round(data.edge_weight[at].double() / grid))
    return Wiring(start, edge, jump, units, grid)


@remembered("edge_index", "edge_mask")
def by_source(data: Data) -> tuple[Tensor, Tensor]:
    """Where the live edges of each source start, and their positions."""
    source = data.edge_index[0]
    if num_live(data) == data.num_edges and bool((source.diff() >= 0).all()):
        degree = torch.bincount(source, minlength=data.num_nodes)  # they stand in order already
        start = torch.cat([degree.new_zeros(1), degree.cumsum(0)])
        return start, torch.arange(data.num_edges, device=source.device)
    return grouped(source, alive(data), data.num_nodes)
