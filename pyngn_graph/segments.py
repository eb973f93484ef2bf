"""Sums by target without atomic additions: torch-scatter, where it is installed and of use."""

import torch
from torch import Tensor
from torch_geometric import typing
from torch_geometric.nn import Aggregation

from pyngn_graph.graph import checked_edge_index
from pyngn_graph.sorting import grouped


class SegmentSum(Aggregation):
    """Adds messages target by target, each time in the same order.

    On a GPU the plain ``aggr="add"`` adds atomically, in an order that changes from call to call,
    and with it the last bits of a float32 sum. This one gives the same bits at every call, for
    values and gradients: ``DelayedSpikeConv(aggr=SegmentSum(edge_index[1], num_nodes))``. The edges
    are sorted once, here, and must stay as they are.

    Args:
        target: Targets of the edges, ``[E]``.
        num_nodes: Number of neurons.

    Raises:
        ImportError: If torch-scatter is not installed.
        TypeError, ValueError: If a target is none of the neurons.
    """

    def __init__(self, target: Tensor, num_nodes: int) -> None:
        super().__init__()
        if not installed():
            raise ImportError(
                "'SegmentSum' needs torch-scatter: pip install torch-scatter --no-build-isolation"
            )
        checked_edge_index(target.expand(2, -1), num_nodes)
        start, order = grouped(target, torch.ones_like(target, dtype=torch.bool), num_nodes)
        self.register_buffer("start", start, persistent=False)
        self.register_buffer("order", order, persistent=False)
        self.start: Tensor
        self.order: Tensor

    def forward(
        self,
        x: Tensor,
        index: Tensor | None = None,
        ptr: Tensor | None = None,
        dim_size: int | None = None,
        dim: int = -2,
    ) -> Tensor:
        """Sums ``[N, ...]`` of the messages ``x`` ``[E, ...]``; the targets are known already."""
        messages = x.index_select(0, self.order)
        return typing.torch_scatter.segment_csr(messages, self.start, reduce="sum")


def installed() -> bool:
    """Whether torch-scatter can be imported."""
    return bool(typing.WITH_TORCH_SCATTER)


def sum_by_target(target: Tensor, num_nodes: int) -> Aggregation | str:
    """How messages are best added at ``target`` ``[E]``: what PyG takes as ``aggr``.

    On the CPU the plain sum goes through the edges in their order, and is quicker.
    """
    if target.device.type == "cuda" and installed():
        return SegmentSum(target, num_nodes)
    return "add"
