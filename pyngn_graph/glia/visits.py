"""The compiled round of microglial visits; imported, with numba, when it is first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]


@compiled
def visit(
    order: Array,
    start: Array,
    edge: Array,
    src: Array,
    inhibitory: Array,
    vigor: Array,
    quota: Array,
    boutons: Array,
    removals: int,
    min_in: int,
    budget: int,
    enough: int,
) -> Array:
    """Which edges go, ``[E]`` bool; ``boutons`` is counted down.

    The inputs of target i stand at ``start[i] .. start[i + 1]`` of ``edge``, and their ``vigor``
    likewise; ``quota`` is ``[2, N]`` by kind.
    No more than ``budget`` edges go, and once ``enough`` are gone no other target is visited.
    """
    lost = np.zeros(src.size, np.bool_)
    own = np.empty(np.diff(start).max(), np.int64)
    gone = 0
    for i in order:
        if gone >= enough:
            break
        inputs = start[i + 1] - start[i]
        for k in range(2):
            size = 0
            for place in range(start[i], start[i + 1]):
                if inhibitory[edge[place]] == k:
                    own[size] = place
                    size += 1
            number = min(removals, size - quota[k, i], inputs - min_in, budget - gone)
            for _ in range(number):
                worst, least = 0, np.inf
                for m in range(size):
                    health = vigor[own[m]] / boutons[src[edge[own[m]]]]
                    if health < least:
                        worst, least = m, health
                e = edge[own[worst]]
                lost[e] = True
                boutons[src[e]] -= 1
                size -= 1
                for m in range(worst, size):
                    own[m] = own[m + 1]
                inputs -= 1
                gone += 1
    return lost
