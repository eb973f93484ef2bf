"""The compiled tables by which all edges of a source are told of their spikes."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyngn_graph.compiling import compiled

Array = NDArray[Any]

BLOCK = 64
"""Entries that are written at once."""

OLDEST = 2**16 - 1
"""The oldest age for which there is a table."""

ZERO = np.float32(0.0)


class Ages(NamedTuple):
    """Times count from the step ``origin``; ``size`` is one more than the last.

    The age of an arrival is the time since; from the age ``old`` on it means nothing. A spike of
    the target at age n heals by ``gain[n]`` and counts ``near[n]``, a hit in the upper half and the
    lag in the lower one. ``heals`` and ``hears`` hold the same, and behind it, at ``own + x``, what
    holds at the age of the last spike of the source at time x; nothing at the time ``never``, less
    a delay. At time x gains are to be multiplied by ``grown[x]``, and an arrival costs
    ``charge[x]``, 0 if it is not a new one.

    Of the spikes of the source, those over an edge of delay d that arrive from ``first[d]`` on and
    before ``last[d]`` are new; together they cost ``cost[d]`` if ``known[d // BLOCK]`` is the
    source.
    """

    origin: int
    size: int
    never: int
    old: int
    own: int
    gain: Array
    near: Array
    heals: Array
    hears: Array
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
    never, least = size + BLOCK + depth, old if old <= OLDEST else 0
    own = size + least
    gain, near = np.zeros(own + never, np.float32), np.zeros(own + never, np.int64)
    for lag in range(least):
        gain[lag] = gains[lag] if lag < gains.size else ZERO
        near[lag] = (1 << 32) + lag if lag <= window else 0
    grown, charge = np.ones(never + 1, np.float32), np.zeros(size + depth + BLOCK, np.float32)
    for x in range(depth + 1, size):
        grown[x] = growth[min(x + origin - base, growth.size - 1)]
        charge[x] = price * grown[x]
    blocks = depth // BLOCK + 1
    first, last = np.empty(depth + 1, np.int64), np.empty(depth + 1, np.int64)
    cost, known = np.empty(blocks * BLOCK, np.float32), np.full(blocks, -1)
    both = gain, near, gain.copy(), near.copy()
    return Ages(origin, size, never, old, own, *both, grown, charge, first, last, cost, known)


@compiled
def remember(ages, pre):
    """Fills ``ages`` for the source whose spikes are ``pre``, but for what they cost."""
    heals, hears = ages.heals[ages.own :], ages.hears[ages.own :]
    size, depth = ages.size, ages.first.size - 1
    silent = pre[0] if pre.size else size
    heals[:silent] = ZERO
    hears[:silent] = 0
    for n in range(pre.size):
        begin = pre[n]
        end = pre[n + 1] if n + 1 < pre.size else size
        for x in range(begin, end, BLOCK):  # what stands beyond the end is written anew
            at, age = np.uint64(x), np.uint64(x - begin)
            for k in range(np.uint64(BLOCK)):  # unsigned: in one instruction
                heals[at + k] = ages.gain[age + k]
                hears[at + k] = ages.near[age + k]
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
