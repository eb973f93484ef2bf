"""PyG transforms on living graphs: what they return must still mean what its edges meant."""

from collections.abc import Callable
from typing import Any

import torch
import torch_geometric.transforms as T
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from pyngn_graph.graph import ANY_DELAY, refuse_names, validate
from pyngn_graph.reserved import AT_TICKS
from pyngn_graph.unions import each_graph

Transform = Callable[[Data], Data]


_MADE = "makes edges without weights and delays of their own"
_APART = "reorders edges and leaves their delays where they were"

REFUSED: dict[type[BaseTransform], str] = {
    T.ToUndirected: "adds up the weights and the delays of edges that it merges",
    T.RemoveDuplicatedEdges: "adds up what it merges, and " + _APART,
    T.AddRemainingSelfLoops: _APART,
    T.GCNNorm: _APART,
    T.KNNGraph: _MADE,
    T.RadiusGraph: _MADE,
    T.TwoHop: _MADE,
    T.LineGraph: _MADE,
    T.GDC: _MADE,
    T.FaceToEdge: _MADE,
    T.FixedPoints: "draws neurons anew and leaves their edges behind",
}
"""Transforms that may break a graph without a trace in its shapes, and how."""


class SafeTransform(BaseTransform):
    """A PyG transform under guard: it may drop edges, reorder them, or touch nodes, but not merge.

    Every edge of the result must be one that the graph had, between the same two neurons. The
    transform gets tensors of its own, so that in-place edits reach no other graph, and each graph
    of a ``Batch`` by itself. The same holds for plain transforms in the ``glia=`` of a reservoir.

    Args:
        transform: Any callable from ``Data`` to ``Data``.

    Raises:
        TypeError: If it is not callable.
        ValueError: If it is, or composes, one that may break a graph without a trace, such as
            ``ToUndirected``, which adds up the delays of edges that it merges; and at a call, if
            what it returns breaks a rule (see :func:`pyngn_graph.validate`).
    """

    def __init__(self, transform: Transform) -> None:
        check_callable(transform, "Transforms")
        self.transform = transform

    def __call__(self, data: Data) -> Data:
        """Checks a graph, transforms a copy of it, and checks what came out."""
        refuse_names(validate(data, max_delay=ANY_DELAY), *AT_TICKS)
        return each_graph(data, self._guarded)

    def forward(self, data: Data) -> Data:
        """As a call."""
        return self(data)

    def _guarded(self, data: Data) -> Data:
        ends, num_edges, num_nodes = data.edge_index, data.num_edges, data.num_nodes
        data = data.clone()
        data.edge_origin = torch.arange(num_edges, device=ends.device)
        data.neuron_origin = torch.arange(num_nodes, device=ends.device)
        data = rewritten(self.transform, self.transform, data, num_edges, max_delay=ANY_DELAY)
        check_ends(self.transform, data, ends)
        del data.edge_origin, data.neuron_origin
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transform!r})"


def check_callable(transform: Any, kind: str) -> None:
    """Refuses what is no transform (or glia: its ``kind``), or is one of ``REFUSED``.

    Raises:
        TypeError, ValueError: If it is one of them.
    """
    if isinstance(transform, type) or not callable(transform):
        raise TypeError(
            f"{kind} must be callables from Data to Data (got {transform!r}); a cell is written "
            f"with brackets: 'Astrocyte()'"
        )
    for refused, reason in REFUSED.items():
        if isinstance(transform, refused):
            raise ValueError(
                f"{transform!r} {reason}; apply it before weights and delays are set, or rewrite "
                f"edges with a function of yours that keeps every 'edge_*'"
            )
    if isinstance(transform, T.Compose):
        for part in transform.transforms:
            check_callable(part, kind)


def rewritten(name: Any, rewrite: Transform, data: Data, num_edges: int, *, max_delay: int) -> Data:
    """What ``rewrite`` makes of ``data``, once each edge is known to be an old one or new.

    ``edge_origin`` holds the old positions of edges, below ``num_edges``; -1 marks a new one.

    Raises:
        TypeError, ValueError: If it is not so, with the ``name`` of who rewrote the graph.
    """
    data = rewrite(data)
    try:
        validate(data, max_delay=max_delay)
        if not _are_distinct(data.get("edge_origin"), num_edges):
            raise ValueError(
                "edges were merged or doubled, or 'edge_origin' is lost; a transform must keep "
                "every 'edge_*' of an old edge and give a new edge 'edge_origin' -1"
            )
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name!r} returned a graph that cannot run on: {error}") from error
    return data


def check_ends(name: Any, data: Data, ends: Tensor) -> None:
    """Refuses a graph in which an old edge no longer links the ``ends`` ``[2, E]`` that it had.

    ``neuron_origin`` holds the old numbers of the neurons, where they may have changed.

    Raises:
        ValueError: If there is one, with the ``name`` of who rewrote the graph.
    """
    old = data.edge_origin >= 0
    index = data.edge_index[:, old]
    if "neuron_origin" in data:
        index = data.neuron_origin[index]
    if not torch.equal(index, ends[:, data.edge_origin[old]]):
        raise ValueError(
            f"{name!r} returned a graph that cannot run on: edges or neurons were exchanged, and "
            f"what belongs to them stayed behind; a transform must move all 'edge_*' with their "
            f"edge, and give a new edge 'edge_origin' -1"
        )


def _are_distinct(origin: Any, size: int) -> bool:
    """Whether no place of ``size`` old ones is there twice; -1, a new edge, may be."""
    if not isinstance(origin, Tensor) or origin.dtype != torch.int64 or origin.dim() != 1:
        return False
    if bool((origin[1:] > origin[:-1]).all()):  # in order, as they mostly are
        return origin.numel() == 0 or int(origin[-1]) < size
    count = torch.bincount(origin[origin >= 0], minlength=size)
    return count.numel() == size and not bool((count > 1).any())
