"""The grid of the weights: multiples of a power of two, whose sums are exact in any order."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.blockwise import converted, sums
from pyngn_graph.memo import remembered
from pyngn_graph.unions import spans

LARGEST_SUM = 2**30
"""Sums of weights in units of their grid stay below this, and so within int32."""


@remembered("edge_index", "edge_weight")
def weight_grid(data: Data) -> float:
    r"""The power of two ``q`` on whose multiples all weights of a graph are placed.

    ``q`` is the smallest power of two with
    :math:`\max_i \sum_j \mathrm{round}(|w_{ji}| / q) < 2^{30}`, so that every sum of inputs is an
    exact int32 multiple of ``q``: no order of summation, number of threads or device changes a bit
    of it. The relative rounding error is about 1e-9 of the largest possible input, and weights
    that lie on their grid stay where they are. Every graph of a ``Batch`` has a grid of its own:
    see :func:`neuron_grid`.
    """
    if isinstance(data, Batch):
        raise TypeError("A Batch has a grid for each of its graphs; use 'neuron_grid'")
    if data.num_edges == 0:
        return 1.0
    largest = largest_input(data)
    return finest_grid(largest, data.num_edges, lambda grid: largest_in_units(data, grid))


def finest_grid(largest: float, num_edges: int, in_units: Callable[[float], int]) -> float:
    """The grid of a graph whose ``largest`` input is that, and ``in_units(q)`` in units of q."""
    exponent = max(math.frexp(largest)[1] - 31, -149)  # no float32 is finer than 2^-149
    slack = num_edges / 2  # more than rounding can do to a sum
    while True:
        grid = math.ldexp(1.0, exponent)
        sure, possible = (largest / grid + sign * slack < LARGEST_SUM for sign in (1, -1))
        if sure or (possible and in_units(grid) < LARGEST_SUM):
            return grid
        exponent += 1


@remembered("edge_index", "edge_weight")
def largest_input(data: Data) -> float:
    r"""The largest possible input of a neuron, :math:`\max_i \sum_j |w_{ji}|`."""
    return float(input_sizes(data).max())


@remembered("edge_index", "edge_weight", "ptr")
def neuron_grid(data: Data) -> Tensor:
    """The grid of the weights into every neuron, float64: one number, or ``[N]`` for a ``Batch``.

    Each graph of a ``Batch`` keeps the grid that it has by itself, and so its bits.
    """
    if not isinstance(data, Batch):
        return torch.tensor(weight_grid(data), dtype=torch.float64)
    grid = torch.empty(data.num_nodes, dtype=torch.float64)
    for nodes, edges in spans(data):
        part = Data(
            num_nodes=nodes.stop - nodes.start,
            edge_index=data.edge_index[:, edges] - nodes.start,
            edge_weight=data.edge_weight[edges],
        )
        grid[nodes] = weight_grid(part)
    return grid


def on_its_grid(data: Data) -> Data:
    """The graph, not a ``Batch``, with its weights rounded to their grid."""
    data.edge_weight = _weights_on_grid(data)
    return data


@remembered("edge_index", "edge_weight")
def _weights_on_grid(data: Data) -> Tensor:
    return on_grid(data.edge_weight, weight_grid(data))


def largest_in_units(data: Data, grid: float) -> int:
    """The largest sum of the sizes of weights at a neuron, each a multiple of ``grid``."""

    def units(weight: Tensor) -> Tensor:
        return torch.round(_size(weight) / grid).long()

    return int(sums(data.edge_weight, data.edge_index[1], data.num_nodes, units).max())


def input_sizes(data: Data) -> Tensor:
    """The sum of the sizes of the weights into every neuron, ``[N]`` float64."""
    return sums(data.edge_weight, data.edge_index[1], data.num_nodes, _size)


def on_grid(weight: Tensor, grid: float) -> Tensor:
    """``weight`` [E] float32 in multiples of ``grid``, exact in float32; itself if it is that."""
    rounded = converted(
        weight, torch.float32, lambda part: torch.round(part.double() / grid) * grid
    )
    return weight if torch.equal(weight, rounded) else rounded


def _size(weight: Tensor) -> Tensor:
    return weight.double().abs()
