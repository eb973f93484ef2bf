"""Sampling random graphs without looking at all pairs: time grows with the number of synapses.

Pairs of similar probability are grouped. In a group, the hits of independent trials at its largest
probability, the bound, are found by jumping over the misses (Batagelj and Brandes, 2005); a hit
then stays with probability p / bound.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

_CHUNK = 1 << 21
"""Pairs handled at once: bounds the memory beyond that of the graph itself."""

Proposal = tuple[Tensor, Tensor, float]
"""Pairs ``src`` and ``dst``, and the log of the bound they were drawn with."""


def connect(
    propose: Callable[[float], Iterator[Proposal]],
    affinity: Callable[[Tensor, Tensor], Tensor],
    num_edges: int | None,
    log_scale: float,
    generator: torch.Generator,
    self_loops: bool = False,
) -> Tensor:
    """Draws each pair with probability ``min(1, scale * exp(affinity))``, as ``[2, E]``.

    A pair is in the graph where ``U / exp(affinity) < scale`` for its own uniform U. To get
    exactly ``num_edges``, the pairs with the smallest ratios are taken: the scale is where the
    next one would come in.

    Args:
        propose: Given the log of a scale, proposes every pair at most once, independently, with a
            bound of at least its probability.
        affinity: The log of a probability up to the scale, from ``src`` and ``dst``.
        num_edges: Number of edges, or None for ``log_scale`` as it stands.
        log_scale: Log of the scale, or a first guess that is raised until there are enough edges.
        generator: Source of randomness.
        self_loops: Whether pairs of a neuron with itself count.
    """
    step = 1 / 16
    while num_edges != 0:
        found = _thinned(
            propose(log_scale), affinity, log_scale, generator, self_loops, num_edges or 0
        )
        number = found[0].size
        if num_edges is None or number >= num_edges:
            return _smallest(*found, number if num_edges is None else num_edges)
        # What is missing and a little more; where close pairs are certain already, ever more.
        log_scale, step = log_scale + math.log(num_edges / max(1, number)) + step, 2 * step
    return torch.empty(2, 0, dtype=torch.long)


def _thinned(
    proposals: Iterable[Proposal],
    affinity: Callable[[Tensor, Tensor], Tensor],
    log_scale: float,
    generator: torch.Generator,
    self_loops: bool,
    expected: int,
) -> tuple[Any, Any, Any]:
    """The pairs that stay, ``src`` and ``dst`` in int32, and the log of their ratios."""
    from pyngn_graph.generators.kernels import keep_below

    # Room for a few more than expected: memory that is never written to is never taken.
    found, number = _room(math.ceil(1.25 * expected) + _CHUNK), 0
    for src, dst, log_bound in proposals:
        u = torch.rand(src.numel(), generator=generator, dtype=torch.float64)
        log_ratio = u.log_().add_(log_bound).sub_(affinity(src, dst))
        if number + src.numel() > found[0].size:
            found = _room(2 * found[0].size + src.numel(), found)
        pairs = src.numpy(), dst.numpy(), log_ratio.numpy()
        number = keep_below(log_scale, *pairs, self_loops, *found, number)
    src, dst, ratio = (part[:number] for part in found)
    return src, dst, ratio


def _room(size: int, old: Sequence[Any] = ()) -> list[Any]:
    """Arrays ``src``, ``dst`` and ``ratio`` for ``size`` pairs, which begin with the old ones."""
    room = [np.empty(size, kind) for kind in (np.int32, np.int32, np.float64)]
    for new, values in zip(room, old, strict=False):
        new[: values.size] = values
    return room


def _smallest(src: Any, dst: Any, ratio: Any, number: int) -> Tensor:
    """The ``number`` pairs with the smallest ratios, of equal ones the first, as ``[2, E]``."""
    from pyngn_graph.generators.kernels import take_smallest

    limit = math.inf
    if number < ratio.size:
        limit = float(np.partition(ratio, number - 1)[number - 1])
    return torch.from_numpy(take_smallest(src, dst, ratio, limit, number))


def edge_count(degree: float, num_nodes: int, possible: int) -> int:
    """The number of edges that gives the mean ``degree``, or all ``possible`` ones."""
    return min(math.floor(degree * num_nodes + 0.5), possible)


def first_guess(num_edges: int, mass: float) -> float:
    """Log of a scale at which ``num_edges`` or a few more pairs appear, if none is certain.

    ``mass`` is the expected number of edges at scale 1. The guess is rounded up to a coarse grid,
    as the last bits of ``mass`` may depend on the number of threads.
    """
    wanted = 1.02 * num_edges + 4 * math.sqrt(num_edges) + 4
    return math.ceil(16 * math.log(wanted / max(mass, 1e-300))) / 16


def successes(total: int, log_p: float, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields, in chunks, which of ``total`` independent trials of probability p succeed."""
    if log_p >= 0 or math.exp(log_p) == 1.0:
        for first in range(0, total, _CHUNK):
            yield torch.arange(first, min(first + _CHUNK, total))
        return
    p, last = math.exp(log_p), -1
    while p > 0 and last < total - 1:
        size = min(_CHUNK, int(1.1 * p * (total - last)) + 32)
        u = torch.rand(size, generator=generator, dtype=torch.float64)
        gap = u.neg_().log1p_().div_(math.log1p(-p)).floor_().add_(1)
        hit = gap.clamp_(max=total).long().cumsum_(0).add_(last)
        last = int(hit[-1])
        yield hit if last < total else hit[hit < total]


def nearby(place: Tensor, log_peak: float, generator: torch.Generator) -> Iterator[Proposal]:
    """Proposes pairs at distance r with a bound of at least ``min(1, exp(log_peak - r^2))``.

    ``place`` [N, 3] is in units of the length scale. Space is cut into cubes. Two cubes k steps
    apart along an axis are at least k - 1 sides apart, so all pairs of cubes with the same
    ``shell = sum(max(|k| - 1, 0)^2)`` share one bound. Pairs beyond the last shell, where the
    bound is below 1 / N, are sampled from all N x N pairs.
    """
    from pyngn_graph.generators.kernels import pairs_of_blocks

    num_nodes = place.size(0)
    place = place - place.amin(dim=0)
    extent = place.amax(dim=0)
    reach = math.sqrt(max(0.0, log_peak + math.log(num_nodes)))
    roomy = float(8 * extent.prod() / num_nodes) ** (1 / 3)  # eight neurons to a cube
    # Between half a length scale and one, unless that made too many cubes.
    side = max(0.5, min(1.0, roomy), reach / 8, float(extent.max()) / 1e6)
    last_shell = math.ceil((reach / side) ** 2) if reach > 0 else -1

    def log_bound(shell: int) -> float:
        return min(0.0, log_peak - shell * side**2)

    cell = torch.floor(place / side).long()
    if last_shell >= 0:
        span = torch.minimum(cell.amax(dim=0), torch.tensor(math.isqrt(last_shell) + 1))
        size = cell.amax(dim=0) + 1 + 2 * span  # a margin that no neighbor can step over
        stride = torch.stack([size[1] * size[2], size[2], torch.tensor(1)])
        key, order = ((cell + span) * stride).sum(dim=1).sort(stable=True)
        cube, count = torch.unique_consecutive(key, return_counts=True)  # the occupied ones
        start = count.cumsum(0) - count
        steps = torch.cartesian_prod(*(torch.arange(-int(m), int(m) + 1) for m in span))
        shells, steps = _shell(steps), (steps * stride).sum(dim=1)
        for shell in range(last_shell + 1):
            for step in torch.split(steps[shells == shell], max(1, _CHUNK // cube.numel())):
                wanted = cube + step.unsqueeze(1)
                there = torch.searchsorted(cube, wanted).clamp(max=cube.numel() - 1)
                occupied = cube[there] == wanted
                a, b = occupied.nonzero()[:, 1], there[occupied]  # pairs of cubes, one block each
                end = (count[a] * count[b]).cumsum(0)
                total = int(end[-1]) if end.numel() else 0
                blocks = [part.numpy() for part in (end, a, b, start, count, order)]
                for hit in successes(total, log_bound(shell), generator):
                    src, dst = map(torch.from_numpy, pairs_of_blocks(hit.numpy(), *blocks))
                    yield src, dst, log_bound(shell)
    for hit in successes(num_nodes**2, log_bound(last_shell + 1), generator):
        src, dst = hit // num_nodes, hit % num_nodes
        far = _shell(cell[src] - cell[dst]) > last_shell
        yield src[far], dst[far], log_bound(last_shell + 1)


def _shell(step: Tensor) -> Tensor:
    return (step.abs() - 1).clamp(min=0).square().sum(dim=1)
