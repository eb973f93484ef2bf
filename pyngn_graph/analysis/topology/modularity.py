"""Communities of neurons, and how well they are told apart."""

import numpy as np
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.components import by_size
from pyngn_graph.analysis.topology.network import Network, ratio, total
from pyngn_graph.checks import whole_seed


def communities(data: Data | Network, seed: int = 0) -> Tensor:
    """The community of every neuron, ``[N]`` int64; 0 is the largest.

    The method of Louvain on the simple graph, directed and weighted by ``|w|``: a search for high
    :func:`modularity` that need not find the highest, and that goes through the neurons in an
    order drawn with ``seed``. Without edges every neuron is one of its own.

    Sources: Blondel et al. (2008); Dugue & Perez (2015) for directed graphs; as in NetworkX.
    """
    import networkx as nx

    net, number = Network.of(data), whole_seed(seed)
    labels = np.arange(net.num_nodes)
    if net.sizes.nnz:
        graph = nx.from_scipy_sparse_array(net.sizes, create_using=nx.DiGraph)
        for name, members in enumerate(nx.community.louvain_communities(graph, seed=number)):
            labels[list(members)] = name
    return by_size(labels)


def modularity(data: Data | Network, labels: Tensor) -> float:
    r"""Weight within communities beyond what the strengths of the neurons let expect.

    .. math:: Q = \frac{1}{W} \sum_{ij} \Big[|w_{ij}| - \frac{s^{out}_i s^{in}_j}{W}\Big]
        \delta(c_i, c_j)

    on the simple graph, W its whole weight; 0 without edges.

    Args:
        data: The graph.
        labels: The community c of every neuron, ``[N]`` int64.

    Raises:
        ValueError: If ``labels`` has another shape.

    Source: Leicht & Newman (2008).
    """
    net = Network.of(data)
    group = np.asarray(labels)
    if group.shape != (net.num_nodes,):
        raise ValueError(f"'labels' must have shape {[net.num_nodes]} (got {list(group.shape)})")
    group = np.unique(group, return_inverse=True)[1]
    edges, whole = net.sizes.tocoo(), total(net.sizes)
    within = float(edges.data[group[edges.row] == group[edges.col]].sum())
    out = np.bincount(group, np.asarray(net.sizes.sum(axis=1)))
    into = np.bincount(group, np.asarray(net.sizes.sum(axis=0)))
    return ratio(within, whole) - ratio(float(out @ into), whole**2)
