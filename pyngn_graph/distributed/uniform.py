"""The random scores of a whole graph, of which every rank picks those of its own edges."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.graph import alive

BLOCK = 2**22
"""Edges of the whole graph that are looked at together."""


class Uniform:
    """Does what :func:`pyngn_graph.glia.scores.uniform` does, to the same numbers.

    A single process draws a number for each live edge in its order. Ranks tell each other which
    edges are alive, a bit for each, and all draw all numbers, some millions at a time.
    """

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def __call__(self, data: Data, generator: torch.Generator) -> Tensor:
        """A random number for every live edge here, ``[E]``; ``edge_number`` rises."""
        ranks, score = self.ranks, torch.zeros_like(data.edge_weight)
        live = alive(data).nonzero().squeeze(1)
        number = data.edge_number[live]
        end = ranks.largest(int(number[-1]) + 1 if number.numel() else 0)
        for first in range(0, end, BLOCK):
            inside = slice(*torch.searchsorted(number, torch.tensor([first, first + BLOCK])))
            place = number[inside] - first
            own = np.zeros(min(BLOCK, end - first), dtype=bool)
            own[place.numpy()] = True
            # An edge is alive on one rank only: adding up bytes of bits never carries.
            bits = ranks.total(torch.from_numpy(np.packbits(own))).numpy()
            count = np.unpackbits(bits, count=own.size).cumsum(dtype=np.int64)
            drawn = torch.rand(int(count[-1]), generator=generator, dtype=torch.float32)
            score[live[inside]] = drawn[torch.from_numpy(count)[place] - 1].to(score)
        return score
