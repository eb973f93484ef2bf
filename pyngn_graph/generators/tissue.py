"""Tissue, the default family: who is connected is a matter of distance and of kind."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pyngn_graph.defaults import DEGREE
from pyngn_graph.generators.sampling import Proposal, connect, edge_count, first_guess, nearby
from pyngn_graph.generators.spatial import SpatialGenerator


@dataclass(eq=False, repr=False)
class Tissue(SpatialGenerator):
    r"""A piece of tissue: nearby neurons are connected more often than distant ones.

    .. math::
        P(j \to i) = \min(1,\; s\, C_{ab}\, e^{-(d / \lambda)^2})

    for a presynaptic neuron j of type a and a postsynaptic one i of type b at distance d (Maass,
    Natschläger and Markram, 2002). With ``degree=None`` the factor s is 1 and pairs are
    independent. Otherwise s is what gives exactly ``round(degree * num_nodes)`` synapses, the
    kinds in the ratio of the four C. Graphs too small for that get every possible synapse.

    The rule has no cut-off: the tail is sampled as well. Time and memory grow with the number of
    synapses, not with that of pairs.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree K, or ``None`` for the probabilities as they stand (K about 8 on a
            lattice of 1000). Sparse liquids remember more: 2 to 4 is a good range.
        length_scale: :math:`\lambda` in micrometres; the default is two spacings of the default
            lattice, and does not follow ``spacing``.
        c_ee: C from excitatory to excitatory neurons.
        c_ei: C from excitatory to inhibitory neurons.
        c_ie: C from inhibitory to excitatory neurons.
        c_ii: C from inhibitory to inhibitory neurons.
        self_loops: Whether a neuron may connect to itself (d = 0).
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float | None = DEGREE
    length_scale: float = 200.0
    c_ee: float = 0.3
    c_ei: float = 0.2
    c_ie: float = 0.4
    c_ii: float = 0.1
    self_loops: bool = False

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        from pyngn_graph.generators.kernels import affinities

        chances = [[self.c_ee, self.c_ei], [self.c_ie, self.c_ii]]  # row pre, column post
        log_chance = torch.tensor(chances, dtype=torch.float64).log()
        kind, count = inhibitory.long(), torch.bincount(inhibitory.long(), minlength=2)
        pairs = torch.outer(count, count)
        if not self.self_loops:
            pairs -= torch.diag(count)
        possible = int(pairs[log_chance > -math.inf].sum())
        if possible == 0:
            return torch.empty(2, 0, dtype=torch.long)
        place = pos.double() / float(self.length_scale)
        neurons = [part.numpy() for part in (place, kind, log_chance)]

        def affinity(src: Tensor, dst: Tensor) -> Tensor:
            return torch.from_numpy(affinities(*neurons, src.numpy(), dst.numpy()))

        def propose(log_scale: float) -> Iterator[Proposal]:
            return nearby(place, log_scale + float(log_chance.max()), generator)

        if self.degree is None:
            return connect(propose, affinity, None, 0.0, generator, self.self_loops)
        num_edges = edge_count(self.degree, pos.size(0), possible)
        guess = _guess(num_edges, place, log_chance, pairs, generator)
        return connect(propose, affinity, num_edges, guess, generator, self.self_loops)


def _guess(
    num_edges: int, place: Tensor, log_chance: Tensor, pairs: Tensor, generator: torch.Generator
) -> float:
    """Log of a scale s that gives a few more than ``num_edges``, where 'connect' starts from.

    ``place`` [N, 3] is in length scales, ``log_chance`` [2, 2] the log of C and ``pairs`` [2, 2]
    the number of pairs of each kind. Distances are those of a sample of neurons.
    """
    num_nodes = place.size(0)
    sample = torch.randperm(num_nodes, generator=generator)[: max(64, (1 << 18) // num_nodes)]
    squared = torch.cdist(place[sample], place).square_()
    squared[torch.arange(sample.numel()), sample] = math.inf  # self loops count for little

    def expected(log_scale: float, squared: Tensor) -> float:
        shares = [
            (log_scale + float(log_c) - squared).clamp_(max=0).exp_().sum() * many
            for log_c, many in zip(log_chance.flatten(), pairs.flatten(), strict=True)
        ]
        return float(torch.stack(shares).sum()) / (sample.numel() * max(1, num_nodes - 1))

    guess = first_guess(num_edges, expected(0.0, squared))
    near = squared[squared < guess + 50]  # all others together do not make one synapse
    for _ in range(50):  # close pairs become certain, and s must make up for it
        if expected(guess, near) >= 1.05 * num_edges:
            break
        guess += 0.25
    return guess
