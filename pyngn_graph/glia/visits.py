"""The compiled round of microglial visits; imported, with numba, when it is first needed."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(cache=True, nogil=True)
def visit(
    order: Array,
    start: Array,
    src: Array,
    kind: Array,
    vigor: Array,
    quota: Array,
    boutons: Array,
    removals: int,
    min_in: int,
    budget: int,
    enough: int,
) -> Array:
    """Which of the edges, sorted by target, go; ``boutons`` is counted down.

    The inputs of target i stand at ``start[i] .. start[i + 1]``; ``quota`` is ``[2, N]`` by kind.
    No more than ``budget`` edges go, and once ``enough`` are gone no other target is visited.
    """
    lost = np.zeros(src.size, np.bool_)
    gone = 0
    for i in order:
        if gone >= enough:
            break
        inputs = start[i + 1] - start[i]
        for k in range(2):
            own = 0
            for e in range(start[i], start[i + 1]):
                own += kind[e] == k
            number = min(removals, own - quota[k, i], inputs - min_in, budget - gone)
            for _ in range(number):
                worst, least = -1, np.inf
                for e in range(start[i], start[i + 1]):
                    if kind[e] != k or lost[e]:
                        continue
                    health = vigor[e] / boutons[src[e]]
                    if health < least:
                        worst, least = e, health
                lost[worst] = True
                boutons[src[worst]] -= 1
                inputs -= 1
                gone += 1
    return lost
