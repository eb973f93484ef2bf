"""Compiled loops over pairs and edges; imported, with numba, when they are first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]


@compiled
def pairs_of_blocks(
    hits: Array, end: Array, a: Array, b: Array, start: Array, count: Array, order: Array
) -> tuple[Array, Array]:
    """The neurons ``src`` and ``dst`` of the pairs ``hits``, which ascend.

    Block k holds all pairs of a neuron of cube ``a[k]`` with one of cube ``b[k]``, and ends before
    pair ``end[k]``; the neurons of cube c stand in ``order`` from ``start[c]``, ``count[c]`` of
    them.
    """
    src, dst = np.empty(hits.size, np.int32), np.empty(hits.size, np.int32)
    block = np.searchsorted(end, hits[0], side="right") if hits.size else 0
    for k in range(hits.size):
        while end[block] <= hits[k]:
            block += 1
        rows, columns = count[a[block]], count[b[block]]
        row, column = divmod(hits[k] - end[block] + rows * columns, columns)
        src[k] = order[start[a[block]] + row]
        dst[k] = order[start[b[block]] + column]
    return src, dst


@compiled
def affinities(place: Array, kind: Array, log_chance: Array, src: Array, dst: Array) -> Array:
    """``log_chance`` [2, 2] of the kinds of each pair, less its squared distance."""
    affinity = squared_distances(place, src, dst)
    for k in range(src.size):
        affinity[k] = log_chance[kind[src[k]], kind[dst[k]]] - affinity[k]
    return affinity


@compiled
def squared_distances(place: Array, src: Array, dst: Array) -> Array:
    """Squared distances between the rows ``src`` and ``dst`` of ``place`` [N, 3] float64."""
    squared = np.empty(src.size, np.float64)
    for k in range(src.size):
        x = place[src[k], 0] - place[dst[k], 0]
        y = place[src[k], 1] - place[dst[k], 1]
        z = place[src[k], 2] - place[dst[k], 2]
        squared[k] = x * x + y * y + z * z
    return squared


@compiled
def keep_below(
    limit: float,
    src: Array,
    dst: Array,
    ratio: Array,
    self_loops: bool,
    kept_src: Array,
    kept_dst: Array,
    kept_ratio: Array,
    number: int,
) -> int:
    """Writes the pairs whose ratio is below ``limit`` behind the first ``number`` that are kept.

    Returns how many are kept then.
    """
    for k in range(src.size):
        if ratio[k] < limit and (self_loops or src[k] != dst[k]):
            kept_src[number], kept_dst[number], kept_ratio[number] = src[k], dst[k], ratio[k]
            number += 1
    return number


@compiled
def take_smallest(src: Array, dst: Array, ratio: Array, limit: float, number: int) -> Array:
    """The pairs below ``limit`` and the first of those at it, ``number`` in all, as [2, E]."""
    edges, ties = np.empty((2, number), np.int64), number
    for value in ratio:
        ties -= value < limit
    taken = 0
    for k in range(ratio.size):
        if ratio[k] < limit or (ratio[k] == limit and ties > 0):
            ties -= ratio[k] == limit
            edges[0, taken], edges[1, taken] = src[k], dst[k]
            taken += 1
    return edges


@compiled
def sorted_edges(src: Array, dst: Array, num_nodes: int) -> Array:
    """The edges as [2, E] int64, sorted by (src, dst): two counting sorts, the last key first."""
    senders, place = np.empty(dst.size, np.int32), _starts(dst, num_nodes)
    for k in range(dst.size):
        senders[place[dst[k]]] = src[k]
        place[dst[k]] += 1
    edges, first = np.empty((2, src.size), np.int64), 0
    place = _starts(src, num_nodes)
    for i, last in enumerate(_starts(dst, num_nodes)[1:]):
        for k in range(first, last):
            edges[0, place[senders[k]]] = senders[k]
            edges[1, place[senders[k]]] = i
            place[senders[k]] += 1
        first = last
    return edges


@compiled
def _starts(group: Array, num_groups: int) -> Array:
    """Where each group starts once sorted, and their end: [num_groups + 1]."""
    starts = np.zeros(num_groups + 1, np.int64)
    for k in range(group.size):
        starts[group[k] + 1] += 1
    return np.cumsum(starts)
