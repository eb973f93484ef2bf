"""The compiled tables by which all edges of a source are told of their spikes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]

BLOCK = 32
"""Entries that are written at once."""

OLDEST = 2**16 - 1
"""Ages stand in uint16."""

ZERO = np.float32(0.0)


class Ages(NamedTuple):
    """Times count from the step ``origin``; ``size`` is one more than the last.

    The age of an arrival is the time since, or ``old``, the first age at which it means nothing.
    ``age[n]`` is n for ages, and ``age[own + x]`` that of the last spike of the source at time x. A
    spike of the target at age n heals by ``gain[n]`` and counts ``near[n]``, a hit in the upper
    half and the lag in the lower one. At time x gains are to be multiplied by ``grown[x]``, and an
    arrival costs ``charge[x]``, 0 if it is not a new one.

    Of the spikes of the source, those over an edge of delay d that arrive from ``first[d]`` on and
    before ``last[d]`` are new; together they cost ``cost[d]`` if ``known[d // BLOCK]`` is the
    source.
    """

    origin: int
    size: int
    old: int
    own: int
    age: Array
    gain: Array
    near: Array
    grown: Array
    charge: Array
    first: Array
    last: Array
    cost: Array
    known: Array


@compiled
def tables(window, gains, price, growth, base, depth, seen, until):
    """What is the same for all sources; spikes of the time ``seen - depth`` and before are gone.

    Where ages are too large for their tables, these are short and of no use.
    """
    origin = seen - depth
    size, old = until - origin + 1, max(gains.size, window + 1)
    least = old if old <= OLDEST else 0
    own = size + least
    age = np.empty(own + size + BLOCK, np.uint16)
    for n in range(own):
        age[n] = min(n, least)
    gain, near = np.zeros(least + 1, np.float32), np.zeros(least + 1, np.int64)
    for lag in range(least):
        gain[lag] = gains[lag] if lag < gains.size else ZERO
        near[lag] = (1 << 32) + lag if lag <= window else 0
    grown, charge = np.ones(size, np.float32), np.zeros(size + depth + BLOCK, np.float32)
    for x in range(depth + 1, size):
        grown[x] = growth[min(x + origin - base, growth.size - 1)]
        charge[x] = price * grown[x]
    blocks = depth // BLOCK + 1
    first, last = np.empty(depth + 1, np.int64), np.empty(depth + 1, np.int64)
    cost, known = np.empty(blocks * BLOCK, np.float32), np.full(blocks, -1)
    return Ages(origin, size, old, own, age, gain, near, grown, charge, first, last, cost, known)


@compiled
def remember(ages, pre):
    """Fills ``ages`` for the source whose spikes are ``pre``, but for what they cost."""
    own, size, depth = ages.age[ages.own :], ages.size, ages.first.size - 1
    own[: pre[0] if pre.size else size] = ages.old
    for n in range(pre.size):
        begin = pre[n]
        end = pre[n + 1] if n + 1 < pre.size else size
        for x in range(begin, end, BLOCK):  # what stands beyond the end is written anew
            at, age = np.uint64(x), np.int32(x - begin)
            for k in range(np.uint64(BLOCK)):  # unsigned: in one instruction
                own[at + k] = min(age + np.int32(k), np.int32(ages.old))
    for here, time in ((ages.first, depth), (ages.last, size - 1)):
        n = 0
        for delay in range(depth, -1, -1):
            while n < pre.size and pre[n] <= time - delay:
                n += 1
            here[delay] = n


@compiled
def add_up(ages, j, pre, block):
    """Adds up what the spikes ``pre`` of source j cost, for a block of delays."""
    ages.known[block] = j
    shift = block * BLOCK
    total = ages.cost[shift : shift + BLOCK]
    total[:] = ZERO
    for time in pre:
        charge = ages.charge[time + shift : time + shift + BLOCK]
        for k in range(total.size):
            total[k] += charge[k]
