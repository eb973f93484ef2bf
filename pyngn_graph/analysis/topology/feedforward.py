"""Cycles, and how far signals run one way."""

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import cg
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.components import components
from pyngn_graph.analysis.topology.network import Network, ratio, total


def flow_hierarchy(data: Data | Network) -> float:
    """Share of the edges that lie on no cycle; 1 for a feed-forward graph, 0 without edges.

    Source: Luo & Magee (2011).
    """
    net = Network.of(data)
    group = components(net).numpy()
    src, dst = net.adjacency.nonzero()
    return ratio(float((group[src] != group[dst]).sum()), src.size)


def cycle_counts(data: Data | Network) -> dict[int, int]:
    r"""Numbers of directed cycles of 2, 3 and 4 different neurons in the simple graph.

    With :math:`m_i` mutual neighbors of i, :math:`c_2 = \mathrm{tr} A^2 / 2`,
    :math:`c_3 = \mathrm{tr} A^3 / 3` and
    :math:`c_4 = (\mathrm{tr} A^4 - 2 \sum_i m_i^2 + \sum_i m_i) / 4`: closed walks of four steps
    that visit a neuron twice run to and fro over mutual edges.

    Source: Harary & Manvel (1971).
    """
    net = Network.of(data)
    both = np.asarray(net.mutual.sum(axis=1), dtype=np.int64)
    walks3 = int(net.squared.multiply(net.adjacency.T).sum())
    walks4 = int(net.squared.multiply(net.squared.T).sum())
    back = int(2 * (both**2).sum() - both.sum())
    return {2: int(both.sum()) // 2, 3: walks3 // 3, 4: (walks4 - back) // 4}


def trophic_levels(data: Data | Network) -> Tensor:
    r"""The level of every neuron in the flow along the edges, ``[N]`` float64.

    Levels h minimize :math:`\sum_{ij} |w_{ij}| (h_j - h_i - 1)^2` over the edges i to j of the
    simple graph; in each weakly connected component the lowest level is 0.

    Raises:
        RuntimeError: If the conjugate gradients do not settle.

    Source: MacKay, Johnson & Sansom (2020).
    """
    net = Network.of(data)
    into, out = (np.asarray(net.sizes.sum(axis=axis), dtype=float) for axis in (0, 1))
    strength = into + out
    laplacian = sp.diags_array(strength) - net.sizes - net.sizes.T
    scale = sp.diags_array(1.0 / np.where(strength > 0.0, strength, 1.0))
    level, failed = cg(laplacian, into - out, rtol=1e-12, M=scale, maxiter=20 * net.num_nodes + 100)
    if failed:
        raise RuntimeError(
            f"Levels did not settle in {failed} rounds: the sizes of the edges differ too much"
        )
    group = components(net, strong=False).numpy()
    lowest = np.full(net.num_nodes, np.inf)
    np.minimum.at(lowest, group, level)
    return torch.from_numpy(level - lowest[group])


def directedness(data: Data | Network) -> float:
    r"""How well the edges agree on one direction: 1 in a feed-forward chain, 0 on a cycle.

    :math:`1 - \sum |w_{ij}| (h_j - h_i - 1)^2 / \sum |w_{ij}|`, one minus the trophic
    incoherence, with the levels of :func:`trophic_levels`; 0 without edges.

    Source: MacKay, Johnson & Sansom (2020).
    """
    net = Network.of(data)
    if not net.sizes.nnz:
        return 0.0
    level = trophic_levels(net).numpy()
    edges = net.sizes.tocoo()
    step = level[edges.col] - level[edges.row] - 1.0
    return 1.0 - float((edges.data * step**2).sum()) / total(net.sizes)
