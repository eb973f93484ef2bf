"""The classic random graphs, the yardsticks for tissue: equal chances, small world, scale free."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from pyngn_graph.defaults import DEGREE
from pyngn_graph.generators.sampling import Proposal, connect, edge_count, first_guess, successes
from pyngn_graph.generators.spatial import SpatialGenerator


@dataclass(eq=False, repr=False)
class ErdosRenyi(SpatialGenerator):
    """Every pair of neurons is equally likely: exactly ``round(degree * num_nodes)`` synapses.

    The control without geometry (Erdős and Rényi, 1959), without self loops or parallel edges.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = DEGREE

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        num_nodes = pos.size(0)
        possible = num_nodes * (num_nodes - 1)

        def affinity(src: Tensor, dst: Tensor) -> Tensor:
            return torch.zeros(src.numel(), dtype=torch.float64)

        def propose(log_scale: float) -> Iterator[Proposal]:
            for hit in successes(num_nodes**2, log_scale, generator):
                yield hit // num_nodes, hit % num_nodes, min(0.0, log_scale)

        num_edges = edge_count(self.degree, num_nodes, possible)
        guess = first_guess(num_edges, possible)
        return connect(propose, affinity, num_edges, guess, generator)


@dataclass(eq=False, repr=False)
class SmallWorld(SpatialGenerator):
    """Local inputs in 3D and a few long-range ones (Watts and Strogatz, 1998, directed).

    Each neuron receives from its ``degree`` nearest neighbors in space (equal distances in random
    order; a fractional degree is a mixture of both whole numbers). Then, with probability
    ``rewiring``, a synapse gets a new presynaptic neuron, any that is not yet among the inputs:
    in-degrees stay as they are, out-degrees spread.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        rewiring: Probability that a synapse is rewired: 0 a lattice, 1 a random graph.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = DEGREE
    rewiring: float = 0.1

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        from scipy.spatial import cKDTree

        num_nodes = pos.size(0)
        num_edges = edge_count(self.degree, num_nodes, num_nodes * (num_nodes - 1))
        if num_edges == 0:
            return torch.empty(2, 0, dtype=torch.long)
        quota = torch.full((num_nodes,), num_edges // num_nodes)  # the in-degrees
        quota[torch.randperm(num_nodes, generator=generator)[: num_edges % num_nodes]] += 1
        size = float((pos.amax(dim=0) - pos.amin(dim=0)).max()) or 1.0
        # A shift far below any spacing puts neighbors at equal distance in random order.
        shift = 1e-6 * size * torch.rand(num_nodes, 3, generator=generator, dtype=torch.float64)
        place = (pos.double() + shift).numpy()
        near = torch.from_numpy(cKDTree(place).query(place, k=int(quota.max()) + 1)[1])
        dst = torch.arange(num_nodes).repeat_interleave(quota)
        rank = torch.arange(num_edges) - (quota.cumsum(0) - quota)[dst] + 1  # rank 0 is itself
        src = near.reshape(num_nodes, -1)[dst, rank]
        return torch.stack([self._rewired(src, dst, num_nodes, generator), dst])

    def _rewired(
        self, src: Tensor, dst: Tensor, num_nodes: int, generator: torch.Generator
    ) -> Tensor:
        """``src`` [E] after rewiring. A pair (src, dst) is the number ``dst * num_nodes + src``."""
        taken = (dst * num_nodes + src).sort().values
        chosen = torch.rand(src.numel(), generator=generator, dtype=torch.float64) < self.rewiring
        src, pending = src.clone(), chosen.nonzero().flatten()
        for _ in range(64):  # in a nearly complete graph there may be no free partner: it stays
            draw = torch.randint(num_nodes, (pending.numel(),), generator=generator)
            pair = dst[pending] * num_nodes + draw
            spot = torch.searchsorted(taken, pair).clamp(max=taken.numel() - 1)
            order = pair.argsort(stable=True)
            free = torch.ones_like(pair, dtype=torch.bool)
            free[order[1:]] = pair[order[1:]] != pair[order[:-1]]  # the first of equal draws
            free &= (taken[spot] != pair) & (draw != dst[pending])
            src[pending[free]] = draw[free]
            taken = torch.cat([taken, pair[free]]).sort().values
            pending = pending[~free]
            if pending.numel() == 0:
                break
        return src


@dataclass(eq=False, repr=False)
class ScaleFree(SpatialGenerator):
    r"""A few hubs send and receive a large share of all synapses.

    Neurons are ranked at random, anywhere in space, and rank k has the propensity
    :math:`p_k = k^{-1 / (\text{exponent} - 1)}`:

    .. math::
        P(j \to i) = \min(1,\; s\, p_j\, p_i)

    with s such that there are exactly ``round(degree * num_nodes)`` synapses (the static model of
    Goh, Kahng and Kim, 2001, directed). In-degree and out-degree both follow a power law with this
    exponent, and the hubs are the same neurons. Unlike growth by attachment to older neurons
    (Price, 1965; Barabási and Albert, 1999), whose directed graph has no cycles, this one is
    recurrent. No self loops, no parallel edges.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        exponent: Exponent of the degree distribution, above 2; 3 is that of Barabási and Albert.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = DEGREE
    exponent: float = 3.0

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        num_nodes = pos.size(0)
        log_propensity = torch.arange(1, num_nodes + 1).double().log() / (1.0 - self.exponent)
        # Ranks 1, 2-3, 4-7, ...: within such an octave all propensities are alike.
        edges = [2**k - 1 for k in range(num_nodes.bit_length())] + [num_nodes]
        octaves = [(low, high - low) for low, high in pairwise(edges)]

        def affinity(src: Tensor, dst: Tensor) -> Tensor:
            return log_propensity[src] + log_propensity[dst]

        def propose(log_scale: float) -> Iterator[Proposal]:
            for first, rows in octaves:
                for second, columns in octaves:
                    top = float(log_propensity[first] + log_propensity[second])
                    log_bound = min(0.0, log_scale + top)
                    for hit in successes(rows * columns, log_bound, generator):
                        yield first + hit // columns, second + hit % columns, log_bound

        num_edges = edge_count(self.degree, num_nodes, num_nodes * (num_nodes - 1))
        propensity = log_propensity.exp()
        mass = float(propensity.sum() ** 2 - propensity.square().sum())
        ranks = connect(propose, affinity, num_edges, first_guess(num_edges, mass), generator)
        return torch.randperm(num_nodes, generator=generator)[ranks]
