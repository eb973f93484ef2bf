"""The matrix that a spike goes through: how far it can grow, and how one-way it is."""

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse import csgraph
from scipy.sparse.linalg import ArpackNoConvergence, eigs
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network, ratio

SMALL = 300
"""Matrices up to this size are treated as dense ones."""


def effective_matrix(data: Data | Network) -> Any:
    r"""What a spike does to every potential, a CSR array ``[N, N]`` of float64.

    :math:`W_{ij} = \gamma_i \sum_e M_e w_e` over the edges e from j to i: row i (post), column j
    (pre), signs and self loops included; the gain is 1 where the graph has none.
    """
    net = Network.of(data)
    gain, value = net.data.get("gain"), net.weight
    if gain is not None:
        value = value * gain.detach().cpu().double().numpy()[net.dst]
    matrix = sp.coo_array((value, (net.dst, net.src)), shape=(net.num_nodes, net.num_nodes)).tocsr()
    matrix.sum_duplicates()
    return matrix


def eigenvalues(data: Data | Network) -> Tensor:
    """All eigenvalues of :func:`effective_matrix`, ``[N]`` complex128; takes N^3 steps."""
    return torch.from_numpy(np.linalg.eigvals(effective_matrix(data).toarray()).astype(complex))


def spectral_radius(data: Data | Network) -> float:
    """The largest modulus of an eigenvalue of :func:`effective_matrix`.

    That of the strongly connected components, whose eigenvalues are those of the whole: exactly 0
    for a feed-forward graph. Those of more than 300 neurons are left to ARPACK.
    """
    matrix = effective_matrix(data)
    count, group = csgraph.connected_components(matrix != 0, connection="strong")
    loops = np.abs(matrix.diagonal()).max(initial=0.0)
    sizes = np.bincount(group, minlength=count)
    blocks = [np.flatnonzero(group == name) for name in np.flatnonzero(sizes > 1)]
    return max([float(loops), *(_radius(matrix[block][:, block]) for block in blocks)])


def _radius(matrix: Any) -> float:
    if matrix.shape[0] > SMALL:
        start = np.random.default_rng(0).normal(size=matrix.shape[0])
        try:
            found = eigs(matrix, k=6, v0=start, return_eigenvectors=False)
            return float(np.abs(found).max())
        except ArpackNoConvergence:
            pass
    return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())


def non_normality(data: Data | Network) -> float:
    r"""How far :math:`W` of :func:`effective_matrix` is from commuting with its transpose.

    .. math:: \frac{\lVert W W^T - W^T W \rVert_F}{\lVert W \rVert_F^2}

    0 for a normal matrix, as all symmetric ones are; at most :math:`\sqrt 2`, reached by a single
    edge. 0 without edges. Non-normal networks amplify for a while what dies out in the end.

    Sources: Elsner & Paardekooper (1987); Trefethen & Embree (2005).
    """
    matrix = effective_matrix(data)
    gap = matrix @ matrix.T - matrix.T @ matrix
    return ratio(_norm(gap), _norm(matrix) ** 2)


def henrici(data: Data | Network) -> float:
    r"""Share of W that its eigenvalues do not explain, in [0, 1]; takes N^3 steps.

    .. math:: \sqrt{\lVert W \rVert_F^2 - \sum_k |\lambda_k|^2} \; / \; \lVert W \rVert_F

    0 for a normal matrix, 1 for a feed-forward one without self loops; 0 without edges.

    Sources: Henrici (1962); Asllani, Lambiotte & Carletti (2018).
    """
    whole = _norm(effective_matrix(data)) ** 2
    explained = float((eigenvalues(data).abs() ** 2).sum())
    return ratio(max(whole - explained, 0.0), whole) ** 0.5


def _norm(matrix: Any) -> float:
    return float(np.sqrt((matrix.data**2).sum()))
