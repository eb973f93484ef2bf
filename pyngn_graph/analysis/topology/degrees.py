"""How many edges and how much weight the neurons have."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network, ratio, sums, total


class Degrees(NamedTuple):
    """Degrees ``[N]`` int64 and strengths ``[N]`` float64, the sums of :math:`|w|`."""

    inputs: Tensor
    outputs: Tensor
    in_strength: Tensor
    out_strength: Tensor

    @property
    def total(self) -> Tensor:
        """In-degree and out-degree together, ``[N]``; a self loop counts twice."""
        return self.inputs + self.outputs


def degrees(data: Data | Network) -> Degrees:
    """Live edges into and out of every neuron, and their sizes; parallel edges and loops count."""
    net = Network.of(data)
    size = np.abs(net.weight)
    counts = (np.bincount(end, minlength=net.num_nodes) for end in (net.dst, net.src))
    strengths = (sums(size, end, net.num_nodes) for end in (net.dst, net.src))
    return Degrees(*(torch.from_numpy(value) for value in (*counts, *strengths)))


def degree_distribution(data: Data | Network, direction: str = "in") -> Tensor:
    """How many neurons have 0, 1, 2, ... live edges, ``[K + 1]`` int64.

    Args:
        data: The graph.
        direction: ``"in"``, ``"out"`` or ``"total"``.

    Raises:
        ValueError: If ``direction`` is another word.
    """
    names = {"in": "inputs", "out": "outputs", "total": "total"}
    if direction not in names:
        raise ValueError(f"Unknown direction {direction!r}; available: {list(names)}")
    counts: Tensor = getattr(degrees(data), names[direction])
    return torch.bincount(counts)


def density(data: Data | Network) -> float:
    """Share of the N (N - 1) ordered pairs of neurons that have an edge; 0 for one neuron."""
    net = Network.of(data)
    return ratio(net.adjacency.nnz, net.num_nodes * (net.num_nodes - 1))


def reciprocity(data: Data | Network, weighted: bool = False) -> float:
    r"""Share of the edges, or of their size, that the opposite edge returns; 0 without edges.

    .. math:: r = \frac{\sum_{ij} a_{ij} a_{ji}}{\sum_{ij} a_{ij}}, \qquad
        r_w = \frac{\sum_{ij} \min(|w_{ij}|, |w_{ji}|)}{\sum_{ij} |w_{ij}|}

    Sources: Wasserman & Faust (1994); Squartini et al. (2013) for the weighted one.
    """
    net = Network.of(data)
    if not weighted:
        return ratio(net.mutual.nnz, net.adjacency.nnz)
    return ratio(total(net.sizes.minimum(net.sizes.T)), total(net.sizes))
