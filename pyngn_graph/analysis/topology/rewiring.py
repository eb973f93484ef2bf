"""Edges by chance: swaps that keep degrees, and sets of edges drawn at random."""

from collections.abc import Callable

import torch
from torch import Tensor

Accept = Callable[[Tensor, Tensor], Tensor]
Order = Callable[[int, Tensor, torch.Generator], Tensor]


def rewired(
    edge_index: Tensor,
    num_nodes: int,
    rounds: int,
    generator: torch.Generator,
    accept: Accept | None = None,
    order: Order | None = None,
) -> Tensor:
    """Edges ``[2, E]`` after random swaps of targets: all in-degrees and out-degrees stay.

    In each round all edges form random pairs, and a pair a -> b, c -> d becomes a -> d, c -> b
    unless this makes a self-loop or an edge that is there or is made twice (Maslov & Sneppen,
    2002). Edge e keeps its source.

    Args:
        edge_index: The edges.
        num_nodes: Number of neurons.
        rounds: Rounds of swaps; in each of them every edge is in one swap that is tried.
        generator: Source of the pairs.
        accept: Which swaps may be, ``[K]`` bool: it is given the two edges of each pair ``[2, K]``
            and the two targets ``[2, K]`` that they would get. By default all may.
        order: The order of the edges ``[E]`` in a round of that number, with the targets ``[E]``
            that they have by then; its first half is paired with the second, and who is left out
            of it keeps its target. By default a random order of all.
    """
    src, dst = edge_index[0], edge_index[1].clone()
    for number in range(rounds):
        if order is None:
            drawn = torch.randperm(dst.numel(), generator=generator)
        else:
            drawn = order(number, dst, generator)
        one, two = drawn[: drawn.numel() // 2 * 2].view(2, -1)
        new = torch.stack([src[one] * num_nodes + dst[two], src[two] * num_nodes + dst[one]])
        old = src * num_nodes + dst
        _, place, times = torch.unique(new, return_inverse=True, return_counts=True)
        loops = new // num_nodes == new % num_nodes
        good = ~(torch.isin(new, old) | (times[place] > 1) | loops).any(dim=0)
        if accept is not None:
            good &= accept(torch.stack([one, two]), torch.stack([dst[two], dst[one]]))
        one, two = one[good], two[good]
        dst[one], dst[two] = dst[two], dst[one]
    return torch.stack([src, dst])


def random_edges(num_edges: int, num_nodes: int, generator: torch.Generator) -> Tensor:
    """``num_edges`` different edges ``[2, E]`` without self-loops, all sets equally likely."""
    pairs = torch.randperm(num_nodes * (num_nodes - 1), generator=generator)[:num_edges]
    source, target = pairs // (num_nodes - 1), pairs % (num_nodes - 1)
    return torch.stack([source, target + (target >= source).long()])
