"""The compiled parts of the rule "graded"; imported, with numba, when first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled
from pyngn_graph.sorting import sorted_groups

Array = NDArray[Any]


@compiled
def spread(
    delay: Array, target: Array, live: Array, num_nodes: int, shortest: int, longest: int
) -> Array:
    """See :func:`pyngn_graph.glia.oligodendrocyte.graded_delays`; ``delay`` is float32."""
    start, order = sorted_groups(target, live, num_nodes, delay)
    goal = delay.copy()
    for i in range(num_nodes):
        size = start[i + 1] - start[i]
        for rank in range(size):
            share = (longest - shortest) * (rank + 0.5) / size
            goal[order[start[i] + rank]] = np.float32(shortest + share)
    return goal


@compiled
def approach(delay: Array, goal: Array, hits: Array, stay: Array) -> Array:
    """``delay`` after so many hits, each of which moves it towards its ``goal``; float32.

    Of the way, ``stay[n]`` is left after n hits, or the last of them.
    """
    moved = delay.copy()
    for e in range(delay.size):
        if hits[e] > 0:
            left = stay[min(hits[e], stay.size - 1)]
            moved[e] = goal[e] + left * (delay[e] - goal[e])
    return moved
