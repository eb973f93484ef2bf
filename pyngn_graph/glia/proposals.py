"""The compiled search for new targets; imported, with numba, when it is first needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]


@compiled
def propose(src: Array, old: Array, pos: Array, tries: int, rng: Any) -> Array:
    """A new target for each axon ``src`` ``[K]``, or -1 where none of so many tries is taken.

    A neuron drawn from all is taken with the chance ``exp(-d^2)``, unless it is the axon itself,
    or its ``old`` target: so targets are spread as these chances are. ``pos`` ``[N, 3]`` is in
    units of the length scale.
    """
    target = np.full(src.size, -1)
    for k in range(src.size):
        j = src[k]
        for _ in range(tries):
            i = rng.integers(0, pos.shape[0])
            if i == j or i == old[k]:
                continue
            x, y, z = pos[i, 0] - pos[j, 0], pos[i, 1] - pos[j, 1], pos[i, 2] - pos[j, 2]
            if rng.random() < np.exp(-(x * x + y * y + z * z)):
                target[k] = i
                break
    return target
