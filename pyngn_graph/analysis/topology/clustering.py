"""Triangles: how often the neighbors of a neuron are connected."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Floats, Network, ratio

PATTERNS = ("all", "cycle", "middleman", "in", "out")


def clustering(data: Data | Network, weighted: bool = False, pattern: str = "all") -> Tensor:
    r"""Directed clustering coefficient of every neuron, ``[N]`` float64.

    With the simple graph A, degrees d and mutual neighbors :math:`d^\leftrightarrow = (A^2)_{ii}`,

    .. math:: C_i = \frac{\big[(A + A^T)^3\big]_{ii}}
        {2\,\big[d_i (d_i - 1) - 2 d^\leftrightarrow_i\big]}

    and for one pattern of triangles alone: ``"cycle"`` :math:`A^3` over
    :math:`d^{in} d^{out} - d^\leftrightarrow`, ``"middleman"`` :math:`A A^T A` over the same,
    ``"in"`` :math:`A^T A^2` over :math:`d^{in}(d^{in} - 1)`, ``"out"`` :math:`A^2 A^T` over
    :math:`d^{out}(d^{out} - 1)`. ``weighted`` puts :math:`(|w| / \max |w|)^{1/3}` in place of A in
    the numerator. A neuron around which there can be no triangle has 0.

    Raises:
        ValueError: If ``pattern`` is unknown.

    Source: Fagiolo (2007).
    """
    triangles, possible = _triangles(Network.of(data), weighted, pattern)
    found = np.divide(triangles, possible, out=np.zeros_like(triangles), where=possible > 0)
    return torch.from_numpy(found)


def transitivity(data: Data | Network, weighted: bool = False) -> float:
    """Triangles of the whole graph over those that could be; 0 if none could.

    The sums over all neurons of numerator and denominator of :func:`clustering`.

    Source: Newman (2003); Rubinov & Sporns (2010) for directed graphs.
    """
    triangles, possible = _triangles(Network.of(data), weighted, "all")
    return ratio(float(triangles.sum()), float(possible.sum()))


def _triangles(net: Network, weighted: bool, pattern: str) -> tuple[Floats, Floats]:
    """Triangles around every neuron, and how many there could be."""
    if pattern not in PATTERNS:
        raise ValueError(f"Unknown pattern {pattern!r}; available: {list(PATTERNS)}")
    into, out = net.inputs.astype(float), net.outputs.astype(float)
    both = np.asarray(net.mutual.sum(axis=1), dtype=float)
    a = _cube_roots(net.sizes) if weighted else net.adjacency.astype(float)
    if pattern == "all":
        either, degree = (a + a.T).tocsr(), into + out
        return _diagonal(either, either, either) / 2.0, degree * (degree - 1.0) - 2.0 * both
    if pattern == "cycle":
        return _diagonal(a, a, a), into * out - both
    if pattern == "middleman":
        return _diagonal(a, a.T.tocsr(), a), into * out - both
    if pattern == "in":
        return _diagonal(a.T.tocsr(), a, a), into * (into - 1.0)
    return _diagonal(a, a, a.T.tocsr()), out * (out - 1.0)


def _cube_roots(sizes: Any) -> Any:
    roots = sizes.copy()
    if roots.nnz:
        roots.data = np.cbrt(roots.data / roots.data.max())
    return roots


def _diagonal(a: Any, b: Any, c: Any) -> Floats:
    """The diagonal of a b c."""
    return np.asarray((a @ b).multiply(c.T).sum(axis=1), dtype=float)
