"""The compiled selection of the lowest edges; imported, with numba, when it is first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled
from pyngn_graph.sorting import LEADS, argsort, lead

Array = NDArray[Any]


@compiled
def lowest(
    score: Array,
    kind: Array,
    live: Array,
    target: Array,
    num_nodes: int,
    below: float,
    fraction: float,
    min_in: int,
    keep: int,
) -> Array:
    """The edges to prune, ``[E]`` bool; see :func:`pyngn_graph.glia.pruning.select`.

    Of each ``kind``, inhibitory or not, go the lowest ``fraction`` and what scores less than
    ``below``. Edges are ranked no farther than is needed to tell which these are.
    """
    inputs, count = census(score, kind, live, target, num_nodes)
    reserve = np.minimum(inputs, min_in).sum()
    edge = candidates(score, kind, live, limits(count, reserve, below, fraction))
    doomed = np.zeros(score.size, np.bool_)
    doomed[edge] = lowest_of(
        score[edge],
        kind[edge],
        target[edge],
        inputs,
        count.sum(axis=1),
        below,
        fraction,
        min_in,
        keep,
    )
    return doomed


@compiled
def census(
    score: Array, kind: Array, live: Array, target: Array, num_nodes: int
) -> tuple[Array, Array]:
    """Live inputs ``[N]``, and live edges ``[2, LEADS]`` by kind and upper part of their score."""
    inputs, count = np.zeros(num_nodes, np.int64), np.zeros((2, LEADS), np.int64)
    bits = score.view(np.uint64)
    for e in range(score.size):
        if live[e]:
            inputs[target[e]] += 1
            count[np.uint8(kind[e]), lead(bits[e])] += 1
    return inputs, count


@compiled
def limits(count: Array, reserve: int, below: float, fraction: float) -> Array:
    """Upper parts of scores ``[2]`` below which stands all that may go, and may not beside.

    ``reserve`` is the number of inputs that targets keep in any case.
    """
    share, size, last = 0.0, count.sum(axis=1), np.zeros(2, np.int64)
    limit = lead(np.array([below]).view(np.uint64)[0])
    for k in range(2):
        enough = count[k, : limit + 1].sum()
        if fraction > 0.0:
            enough += int(fraction * size[k]) + reserve
        if size[k]:
            share = max(share, enough / size[k])
    for k in range(2):
        number, found = min(size[k], int(min(share, 1.0) * size[k]) + 2), 0
        while found < number:
            found += count[k, last[k]]
            last[k] += 1
    return last


@compiled
def candidates(score: Array, kind: Array, live: Array, last: Array) -> Array:
    """The live edges below the :func:`limits` of their kind, in order."""
    edge, found, bits = np.empty(score.size, np.int64), 0, score.view(np.uint64)
    for e in range(score.size):
        if live[e] and lead(bits[e]) < last[np.uint8(kind[e])]:
            edge[found] = e
            found += 1
    return edge[:found].copy()


@compiled
def lowest_of(
    score: Array,
    kind: Array,
    target: Array,
    inputs: Array,
    size: Array,
    below: float,
    fraction: float,
    min_in: int,
    keep: int,
) -> Array:
    """Which of the :func:`candidates` go, ``[M]`` bool.

    ``inputs`` are those of the targets by number, counted down here, ``size`` ``[2]`` the live
    edges of each kind, candidates or not.
    """
    first, second = np.flatnonzero(kind == 0), np.flatnonzero(kind == 1)
    ranked = first[argsort(score[first])], second[argsort(score[second])]
    protected = _protected(ranked, size, target, inputs, min_in)
    end = np.zeros(2, np.int64)
    for k in range(2):
        quota = int(np.floor(fraction * size[k]))
        for place in range(ranked[k].size):
            if quota == 0 and not score[ranked[k][place]] < below:
                break
            if quota > 0 and not protected[k][place]:
                quota -= 1
            end[k] += 1
    doomed, rank = np.zeros(score.size, np.bool_), np.zeros(2, np.int64)
    budget = size.sum() - keep
    while budget > 0 and (rank[0] < end[0] or rank[1] < end[1]):
        k, tied = _next(rank, end, size)
        if tied:
            k = int(ranked[1][rank[1]] < ranked[0][rank[0]])
        if not protected[k][rank[k]]:
            doomed[ranked[k][rank[k]]] = True
            budget -= 1
        rank[k] += 1
    return doomed


@compiled
def _protected(
    ranked: tuple[Array, Array], size: Array, target: Array, inputs: Array, min_in: int
) -> tuple[Array, Array]:
    """Which of the ``ranked`` are among the ``min_in`` of their target with the highest shares.

    Of edges of equal share it is the earlier one. ``inputs`` are counted down.
    """
    protected = np.zeros(ranked[0].size, np.bool_), np.zeros(ranked[1].size, np.bool_)
    rank, end = np.zeros(2, np.int64), np.array([ranked[0].size, ranked[1].size])
    while rank[0] < end[0] or rank[1] < end[1]:
        k, tied = _next(rank, end, size)
        if tied:
            k = int(ranked[1][rank[1]] > ranked[0][rank[0]])
        i = target[ranked[k][rank[k]]]
        inputs[i] -= 1
        protected[k][rank[k]] = inputs[i] < min_in
        rank[k] += 1
    return protected


@compiled
def _next(rank: Array, end: Array, size: Array) -> tuple[int, bool]:
    """The kind whose edge ``rank`` stands lower in it, from 0 to 1, and whether both do."""
    first = (rank[0] + 0.5) / size[0] if rank[0] < end[0] else np.inf
    second = (rank[1] + 0.5) / size[1] if rank[1] < end[1] else np.inf
    return int(second < first), first == second
