"""The compiled selection of the lowest edges; imported, with numba, when it is first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]


@compiled
def lowest(
    ranked: tuple[Array, Array],
    score: Array,
    target: Array,
    places: Array,
    below: float,
    fraction: float,
    keep: int,
) -> Array:
    """The edges to prune, ``[E]`` bool; see :func:`pyngn_graph.glia.pruning.select`.

    Of each kind go the lowest ``fraction`` and what scores less than ``below``. ``ranked`` holds
    the live edges by rising score, the excitatory and the inhibitory ones; ``places`` ``[N]`` of
    the best inputs of each target are safe, and counted down.
    """
    protected = _protected(ranked, target, places)
    end = np.zeros(2, np.int64)
    for kind in range(2):
        quota = int(np.floor(fraction * ranked[kind].size))
        for e in ranked[kind]:
            if quota == 0 and not score[e] < below:
                break
            if quota > 0 and not protected[e]:
                quota -= 1
            end[kind] += 1
    doomed, rank = np.zeros(score.size, np.bool_), np.zeros(2, np.int64)
    budget = ranked[0].size + ranked[1].size - keep
    while budget > 0 and (rank[0] < end[0] or rank[1] < end[1]):
        excitatory = _share(ranked, rank, 0) if rank[0] < end[0] else np.inf
        inhibitory = _share(ranked, rank, 1) if rank[1] < end[1] else np.inf
        kind = _first(ranked, rank, excitatory, inhibitory)
        e = ranked[kind][rank[kind]]
        rank[kind] += 1
        if not protected[e]:
            doomed[e] = True
            budget -= 1
    return doomed


@compiled
def _protected(ranked: tuple[Array, Array], target: Array, places: Array) -> Array:
    """The inputs of each target with the highest shares, as many as it has ``places``."""
    protected, remaining = np.zeros(target.size, np.bool_), places.sum()
    rank = np.array([ranked[0].size - 1, ranked[1].size - 1])
    while remaining > 0:
        # Where a kind has no edge left its share is negative, and the other one comes first.
        kind = _first(ranked, rank, -_share(ranked, rank, 0), -_share(ranked, rank, 1))
        e = ranked[kind][rank[kind]]
        rank[kind] -= 1
        if places[target[e]] > 0:
            protected[e] = True
            places[target[e]] -= 1
            remaining -= 1
    return protected


@compiled
def _share(ranked: tuple[Array, Array], rank: Array, kind: int) -> Any:
    """How high the edge ``rank[kind]`` of a kind stands in it, from 0 to 1."""
    return (rank[kind] + 0.5) / ranked[kind].size


@compiled
def _first(ranked: tuple[Array, Array], rank: Array, excitatory: float, inhibitory: float) -> int:
    """The kind whose next edge has the lower number, of equal ones the earlier edge."""
    if excitatory == inhibitory:
        return int(ranked[1][rank[1]] < ranked[0][rank[0]])
    return int(inhibitory < excitatory)
