"""Positions for neurons whose place nobody measured."""

import numpy as np
import torch
from torch import Tensor

DENSE = 300
"""Up to this size all eigenvectors are computed at once."""

SPACING = 100.0
"""The layout is as large as a cubic lattice with this spacing, micrometres."""


def spectral_layout(edge_index: Tensor, edge_count: Tensor, num_nodes: int) -> Tensor:
    r"""Positions ``[N, 3]`` float32 that put connected neurons near each other; no anatomy.

    With A the symmetric matrix of counts, K its row sums and :math:`\langle K \rangle` their mean,
    the coordinates are the second to fourth eigenvector of

    .. math::
        (K + \langle K \rangle)^{-1} A\, v = \lambda v

    by falling :math:`\lambda`. The mean keeps neurons with few synapses from being flung far out.
    Every axis is centered and scaled to the same spread, and all of them together so that the
    standard deviation of an axis is that of a cubic lattice of N neurons 100 micrometres apart,
    :math:`100\, N^{1/3} / \sqrt{12}`. Of the two directions of each axis the one is taken in
    which the farthest neuron has a positive coordinate.

    Raises:
        ValueError: If there are fewer than 5 neurons.

    Source: Belkin & Niyogi (2003), "Laplacian eigenmaps for dimensionality reduction and data
    representation"; the mean: Qin & Rohe (2013), "Regularized spectral clustering under the
    degree-corrected stochastic blockmodel".
    """
    from scipy.linalg import eigh
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import eigsh

    if num_nodes < 5:
        raise ValueError(
            f"A spectral layout needs at least 5 neurons (got {num_nodes}); pass 'pos'"
        )
    src, dst = edge_index.numpy()
    count = edge_count.double().numpy()
    matrix = csr_array((count, (src, dst)), shape=(num_nodes, num_nodes))
    matrix = matrix + matrix.T
    strength = matrix.sum(axis=1)
    scale = 1.0 / np.sqrt(strength + (strength.mean() or 1.0))
    matrix = diags_array(scale) @ matrix @ diags_array(scale)
    if num_nodes <= DENSE:
        vectors = eigh(matrix.toarray())[1][:, -4:]
    else:
        vectors = eigsh(
            matrix, k=4, which="LA", v0=np.random.default_rng(0).standard_normal(num_nodes)
        )[1]
    axes = vectors[:, 2::-1] * scale[:, None]  # eigenvalues rise; the last vector is left out
    axes = axes - axes.mean(axis=0)
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(3)])
    side = SPACING * num_nodes ** (1 / 3)
    return torch.from_numpy(axes / axes.std(axis=0) * side / np.sqrt(12)).float()
