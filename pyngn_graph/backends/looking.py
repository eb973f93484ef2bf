"""The compiled look through all edges that tells them of an epoch's spikes, once it is over.

Element-wise formulas stand in the order of the reference, in float32 and without contraction of
products and sums, so that both give the same bits. The work is that of the spikes of each edge's
target, and of one look at each edge.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pyngn_graph.backends.ages import BLOCK, OLDEST, add_up, remember, tables
from pyngn_graph.backends.kernels import steps
from pyngn_graph.backends.prefetch import prefetch_to_read
from pyngn_graph.compiling import compiled

Array = NDArray[Any]

SOON = np.uint64(8)
"""Edges between asking for the spikes of a target and reading them."""

LANES = 4
"""Spikes of a target that are looked up in one go."""

ZERO, NEXT = np.float32(0.0), np.uint64(1)


class Known(NamedTuple):
    """What spikes change of the edges, attributes ``edge_*`` of the graph, ``[E]``.

    What nobody senses is empty.
    """

    arrival: Any
    hits: Any
    lag: Any
    health: Any
    cost: Any


class Senses(NamedTuple):
    """What oligodendrocytes and microglia know of the edges, and how they learn it.

    All are arrays for the compiled loop, and tensors for whoever keeps them.
    ``edge`` numbers the live edges by source, those of j at ``start[j] .. start[j + 1]``;
    ``target`` and ``delay`` are attributes of the graph, ``[E]``; what is ``known`` of the live
    edges is written, brought up to date, to ``now``, which may be the same. Times count the steps
    since the last tick: the first of the epoch is 1, older ones are 0 or less, and the clock of the
    graph is ``clock`` ahead of them. Spikes that left before the epoch with a delay of their own
    arrive over the k-th edge at the times ``early_start[k] .. early_start[k + 1]`` of ``early``.

    A spike of the target n steps after the last arrival adds ``gains[n]``, if there is such a
    number, an arrival costs ``price``, each times ``growth[m]``, or the last of them, m steps after
    the time ``base``.
    """

    listens: bool
    heals: bool
    start: Any
    edge: Any
    target: Any
    delay: Any
    early_start: Any
    early: Any
    clock: int
    known: Known
    now: Known
    window: int
    gains: Any
    price: Any
    growth: Any
    base: int


@compiled
def look_through(s, spike_start, spike_time, depth, seen, until):
    """Brings every edge from the time ``seen`` up to date with the time ``until``.

    The spikes of neuron j happened at ``spike_start[j] .. spike_start[j + 1]`` of ``spike_time``,
    none after ``until``; delays are at most ``depth``, and no spike is as old as that at the time
    ``seen``. Edges do not depend on each other, so that each may be worked through at once, long
    after the fact.
    """
    ages = tables(s.window, s.gains, s.price, s.growth, s.base, depth, seen, until)
    clock, spike_time = s.clock + ages.origin, spike_time - np.int32(ages.origin)
    begin, posts = _in_blocks(spike_start, spike_time, depth, ages.never)
    for j in range(s.start.size - 1):
        if s.start[j] == s.start[j + 1]:
            continue
        pre = spike_time[spike_start[j] : spike_start[j + 1]]
        if ages.old <= OLDEST:
            remember(ages, pre)
        for k in range(np.uint64(s.start[j]), np.uint64(s.start[j + 1])):
            if k + SOON < s.edge.size:
                prefetch_to_read(posts, begin[np.uint64(s.target[np.uint64(s.edge[k + SOON])])])
            e = np.uint64(s.edge[k])
            delay, target = steps(s.delay[e]), np.uint64(s.target[e])
            here = np.uint64(begin[target]), np.uint64(begin[target + NEXT])
            early = s.early.size and s.early_start[k] < s.early_start[k + NEXT]
            if early or ages.old > OLDEST:
                _one_by_one(s, k, pre, delay, posts, here, ages)
                continue
            first, last = ages.first[delay], ages.last[delay]
            arrives = pre[first] + delay if first < last else ages.size
            hits, lags, health = _hear(s, e, ages, arrives, delay, posts, here)
            if s.listens:
                s.now.hits[e] = s.known.hits[e] + hits
                s.now.lag[e] = s.known.lag[e] + lags
            if s.heals:
                s.now.health[e] = health
            old = s.known.arrival[e]
            s.now.arrival[e] = clock + pre[last - 1] + delay if first < last else old
            if s.price != ZERO:
                cost = s.known.cost[e]
                if cost == ZERO and first < last:
                    block = delay // BLOCK
                    if ages.known[block] != j:
                        add_up(ages, j, pre, block)
                    cost = ages.cost[delay]
                else:
                    for n in range(first, last):
                        cost += ages.charge[pre[n] + delay]
                s.now.cost[e] = cost


@compiled
def _in_blocks(spike_start, spike_time, seen, never):
    """The spikes after ``seen``: where those of each neuron begin, and their times.

    Each neuron has whole blocks of them: the last is filled up with the time ``never``.
    """
    begin, fresh = np.zeros(spike_start.size, np.int64), spike_start[:-1].copy()
    for i in range(fresh.size):
        while fresh[i] < spike_start[i + 1] and spike_time[fresh[i]] <= seen:
            fresh[i] += 1
        begin[i + 1] = begin[i] + -(-(spike_start[i + 1] - fresh[i]) // LANES) * LANES
    posts = np.full(begin[-1] + 1, never, np.int32)
    for i in range(fresh.size):
        for n in range(fresh[i], spike_start[i + 1]):
            posts[begin[i] + n - fresh[i]] = spike_time[n]
    return begin, posts


@njit(inline="always")
def _hear(s, e, ages, arrives, delay, posts, here):
    """Hits, the sum of their lags, and health of edge e after the ``posts`` of its target.

    The first new arrival comes at the time ``arrives``; ages count from an older one before.
    """
    health, both = s.known.health[e] if s.heals else ZERO, np.int64(0)
    before = -np.int64(max(s.known.arrival[e] - s.clock - ages.origin, -ages.old))
    after = ages.own - delay
    n, end = here
    while n < end:
        for k in range(np.uint64(LANES)):
            time = np.int64(posts[n + k])
            at = np.uint64(time + (before if time < arrives else after))
            health = health + ages.heals[at] * ages.grown[np.uint64(time)]
            both += ages.hears[at]
        n += np.uint64(LANES)
        if posts[n] >= arrives:
            break
    while n < end:
        for k in range(np.uint64(LANES)):
            time = np.int64(posts[n + k])
            at = np.uint64(time + after)
            health = health + ages.heals[at] * ages.grown[np.uint64(time)]
            both += ages.hears[at]
        n += np.uint64(LANES)
    return both >> 32, both & 0xFFFFFFFF, health


@compiled
def _one_by_one(s, k, pre, delay, posts, here, ages):
    """Tells the k-th edge of all spikes, early ones among them, in their order."""
    e, seen, until = s.edge[k], ages.first.size - 1, ages.size - 1
    s.now.arrival[e] = s.known.arrival[e]
    if s.listens:
        s.now.hits[e], s.now.lag[e] = s.known.hits[e], s.known.lag[e]
    if s.heals:
        s.now.health[e] = s.known.health[e]
    if s.price != ZERO:
        s.now.cost[e] = s.known.cost[e]
    known, n, m = s.known.arrival[e] - s.clock - ages.origin, 0, here[0]
    soon, last_soon = 0, 0
    if s.early.size:
        soon, last_soon = s.early_start[k], s.early_start[k + NEXT]
    while n < pre.size and pre[n] + delay <= seen:
        n += 1
    while soon < last_soon and s.early[soon] - ages.origin <= seen:
        soon += 1
    while True:
        arrives = pre[n] + delay if n < pre.size else until + 1
        comes = s.early[soon] - ages.origin if soon < last_soon else until + 1
        now = min(arrives, comes)
        while m < here[1] and posts[m] < now:
            lag = posts[m] - known
            if s.listens and lag <= s.window:
                s.now.hits[e] += 1
                s.now.lag[e] += lag
            if lag < s.gains.size:
                s.now.health[e] += s.gains[lag] * ages.grown[posts[m]]
            m += NEXT
        if now > until:
            break
        n += arrives == now
        while soon < last_soon and s.early[soon] - ages.origin == now:
            soon += 1
        known = now
        s.now.arrival[e] = s.clock + ages.origin + now
        if s.price != ZERO:
            s.now.cost[e] += ages.charge[now]
