"""The live wiring of a graph, read once for all measures."""

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import accepted, alive, number, round_delay

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Network:
    """The live edges of a graph: those whose ``edge_mask`` is True.

    Every measure takes a ``Data`` or, to share what several of them need, a ``Network``. Weights
    are 1 and delays 1 step where the graph has none. What is done with

    - silent edges (mask False): they do not exist;
    - degrees, strengths, wiring and balance: every edge counts, parallel ones and self loops too;
    - everything else: the *simple* graph. Self loops are left out, parallel edges are one edge
      whose size is the sum of their :math:`|w|` and whose delay is the shortest of theirs. The
      effective matrix alone keeps self loops, and signs.

    Matrices have row j (pre), column i (post), as in NetworkX and the Brain Connectivity Toolbox.

    Attributes:
        num_nodes: N.
        src: Presynaptic neurons of the live edges, ``[E]``.
        dst: Their targets, ``[E]``.
        weight: Their weights with signs, ``[E]``.
        delay: Their delays in use, whole steps, ``[E]``.
        dt: Length of a step, ms.
        data: The graph itself.
    """

    num_nodes: int
    src: Integers
    dst: Integers
    weight: Floats
    delay: Floats
    dt: float
    data: Data = field(repr=False)

    @classmethod
    def of(cls, data: "Data | Network") -> "Network":
        """The network of a graph, or ``data`` itself if it is one.

        Raises:
            TypeError, ValueError: See :func:`~pyngn_graph.graph.validate`; only weights and delays
                may be missing.
        """
        if isinstance(data, Network):
            return data
        if isinstance(data, Data):
            data = _with_defaults(data)
        data = accepted(data)
        live = alive(data).cpu()
        src, dst = data.edge_index.cpu()[:, live].numpy()
        return cls(
            num_nodes=int(data.num_nodes),
            src=src,
            dst=dst,
            weight=data.edge_weight.detach().cpu()[live].double().numpy(),
            delay=round_delay(data.edge_delay.detach().cpu())[live].double().numpy(),
            dt=number(data, "dt", 1.0),
            data=data,
        )

    @cached_property
    def adjacency(self) -> Any:
        """The simple graph: 1 where there is an edge, a CSR array ``[N, N]`` of int64."""
        return (self.sizes != 0).astype(np.int64)

    @cached_property
    def sizes(self) -> Any:
        """The simple graph with the sizes of its edges, a CSR array ``[N, N]``.

        An edge of weight 0 is one: it has the smallest size that is a number.
        """
        size = np.maximum(np.abs(self.weight), np.finfo(np.float64).tiny)
        return self._simple(size)

    @cached_property
    def delays(self) -> Any:
        """The simple graph with the delays of its edges in steps, a CSR array ``[N, N]``."""
        ends = self.src * self.num_nodes + self.dst
        order = np.lexsort((self.delay, ends))
        shortest = order[np.diff(ends[order], prepend=-1) != 0]
        return self._simple(self.delay[shortest], shortest)

    @cached_property
    def inputs(self) -> Integers:
        """In-degrees of the simple graph, ``[N]``."""
        return np.asarray(self.adjacency.sum(axis=0), dtype=np.int64)

    @cached_property
    def outputs(self) -> Integers:
        """Out-degrees of the simple graph, ``[N]``."""
        return np.asarray(self.adjacency.sum(axis=1), dtype=np.int64)

    @cached_property
    def mutual(self) -> Any:
        """1 where edges run both ways, a CSR array ``[N, N]`` of int64."""
        return self.adjacency.multiply(self.adjacency.T).tocsr()

    @cached_property
    def squared(self) -> Any:
        """Numbers of paths of two edges, a CSR array ``[N, N]`` of int64."""
        return self.adjacency @ self.adjacency

    def _simple(self, values: Floats, edges: Integers | None = None) -> Any:
        src, dst = (self.src, self.dst) if edges is None else (self.src[edges], self.dst[edges])
        keep = src != dst
        shape = (self.num_nodes, self.num_nodes)
        matrix = sp.coo_array((values[keep], (src[keep], dst[keep])), shape=shape).tocsr()
        matrix.sum_duplicates()
        return matrix


def _with_defaults(data: Data) -> Data:
    data = copy.copy(data)
    if isinstance(data.get("edge_index"), Tensor) and data.edge_index.dim() == 2:
        size = data.edge_index.size(1)
        if "edge_weight" not in data:
            data.edge_weight = torch.ones(size, dtype=torch.float32)
        if "edge_delay" not in data:
            data.edge_delay = torch.ones(size, dtype=torch.long)
    return data


def sums(values: Floats, at: Integers, size: int) -> Floats:
    """Adds ``values`` ``[E]`` at ``at`` ``[E]``: ``[size]``."""
    return np.bincount(at, values, minlength=size).astype(np.float64)  # integers without edges


def total(matrix: Any) -> float:
    """The sum of all entries of a sparse matrix."""
    return float(matrix.sum())


def ratio(part: float, whole: float) -> float:
    """``part / whole``, or 0 where there is nothing."""
    return part / whole if whole else 0.0
