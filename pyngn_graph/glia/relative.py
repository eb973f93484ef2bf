"""The compiled comparison of inputs with each other; imported, with numba, when first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled
from pyngn_graph.sorting import argsort, group_by

Array = NDArray[Any]

UNIT = 2.0**40
"""Sums are formed in units of 1 / UNIT, as integers: they do not depend on the order of edges."""


@compiled
def above_the_others(value: Array, target: Array, live: Array, num_nodes: int) -> Array:
    """``value`` ``[E]`` minus the mean over the target's other live inputs, ``[E]`` float64.

    It is 0 where there is no other.
    """
    total, inputs = np.zeros(num_nodes, np.int64), np.zeros(num_nodes, np.int64)
    for e in range(value.size):
        if live[e]:
            total[target[e]] += np.int64(np.rint(np.float64(value[e]) * UNIT))
            inputs[target[e]] += 1
    above = np.zeros(value.size)
    for e in range(value.size):
        others = inputs[target[e]] - 1
        if others > 0:
            own = np.float64(value[e])
            above[e] = own - (np.float64(total[target[e]]) / UNIT - own) / others
    return above


@compiled
def mid_rank(value: Array, target: Array, inhibitory: Array, live: Array, num_nodes: int) -> Array:
    """Rank of ``value`` ``[E]`` float64 among the target's live inputs of its kind, from 0 to 1.

    Equal ones share the mean of their ranks; it is 1/2 where there is no other, and 0 if masked.
    """
    order = argsort(value)
    kind = 2 * target[order] + inhibitory[order]
    start, place = group_by(kind, live[order], 2 * num_nodes)
    rank = np.zeros(value.size)
    for i in range(2 * num_nodes):
        first, end = start[i], start[i + 1]
        while first < end:
            last, least = first, value[order[place[first]]]
            while last + 1 < end and value[order[place[last + 1]]] == least:
                last += 1
            for k in range(first, last + 1):
                middle = 0.5 * (first + last) - start[i]
                others = start[i + 1] - start[i] - 1
                rank[order[place[k]]] = middle / others if others else 0.5
            first = last + 1
    return rank
