"""Which neurons reach each other."""

import numpy as np
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network


def components(data: Data | Network, strong: bool = True) -> Tensor:
    """The connected component of every neuron, ``[N]`` int64: 0 is the largest, then the next.

    Strong: neurons that reach each other along the edges. Weak: either way. Of components of one
    size the one with the first neuron comes first.

    Source: Pearce (2005) for strong ones, as in ``scipy.sparse.csgraph``.
    """
    net = Network.of(data)
    kind = "strong" if strong else "weak"
    found = csgraph.connected_components(net.adjacency, directed=True, connection=kind)[1]
    return by_size(found)


def by_size(labels: np.ndarray) -> Tensor:
    """Renames groups ``[N]`` by falling size, then by their first member."""
    _, first, group, size = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.lexsort((first, -size))] = np.arange(len(first))
    return torch.from_numpy(rank[group])
