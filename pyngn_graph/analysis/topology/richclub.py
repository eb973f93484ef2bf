"""Whether hubs are connected among themselves."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network


def rich_club(data: Data | Network) -> Tensor:
    r"""Density among the neurons of total degree above k, for k = 0 .. K - 1, ``[K]`` float64.

    .. math:: \phi(k) = \frac{E_{>k}}{N_{>k} (N_{>k} - 1)}

    with the simple graph; K is its largest total degree. NaN where fewer than two neurons are
    left. Dense hubs are to be expected: divide by the mean over
    :func:`~pyngn_graph.analysis.topology.null_model` of the same degrees.

    Sources: Colizza et al. (2006); van den Heuvel & Sporns (2011) for connectomes.
    """
    net = Network.of(data)
    degree = net.inputs + net.outputs
    src, dst = net.adjacency.nonzero()
    largest = int(degree.max(initial=0))
    # Neurons, and edges, of each rank; the rank of an edge is the lower of its ends.
    nodes = np.bincount(degree, minlength=largest + 1)
    edges = np.bincount(np.minimum(degree[src], degree[dst]), minlength=largest + 1)
    left, among = (count[::-1].cumsum()[::-1][1:].astype(float) for count in (nodes, edges))
    pairs = left * (left - 1.0)
    density = np.full(largest, np.nan)
    return torch.from_numpy(np.divide(among, pairs, out=density, where=pairs > 0))


def hub_density(data: Data | Network, share: float = 0.1) -> float:
    """:func:`rich_club` above the degree that ``share`` of the neurons exceed at most.

    NaN if fewer than two neurons exceed it.

    Raises:
        ValueError: If ``share`` lies outside [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"'share' must lie in [0, 1] (got {share})")
    net = Network.of(data)
    degree = np.sort(net.inputs + net.outputs)[::-1]
    bound = degree[min(int(share * degree.size), degree.size - 1)]
    density = rich_club(net)
    return float(density[bound]) if bound < density.numel() else float("nan")
