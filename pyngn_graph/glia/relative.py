"""The compiled comparison of inputs with each other; imported, with numba, when first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

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
