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

SOON = 8
"""Edges between asking for the spikes of a target and reading them."""

ZERO = np.float32(0.0)


class Senses(NamedTuple):
    """What oligodendrocytes and microglia know of the edges, and how they learn it.

    All are arrays for the compiled loop, and tensors for whoever keeps them.
    ``edge`` numbers the live edges by source, those of j at ``start[j] .. start[j + 1]``;
    ``target`` and ``delay`` and what stands from ``arrival`` to ``cost`` are attributes of the
    graph, ``[E]``. Times count the steps since the last tick: the first of the epoch is 1, older
    ones are 0 or less, and the clock of the graph is ``clock`` ahead of them. Spikes that left
    before the epoch with a delay of their own arrive over the k-th edge at the times
    ``early_start[k] .. early_start[k + 1]`` of ``early``.

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
    arrival: Any
    hits: Any
    lag: Any
    health: Any
    cost: Any
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
    fresh = _first_after(depth, spike_start, spike_time)
    for j in range(s.start.size - 1):
        if s.start[j] == s.start[j + 1]:
            continue
        pre = spike_time[spike_start[j] : spike_start[j + 1]]
        if ages.old <= OLDEST:
            remember(ages, pre)
        for k in range(s.start[j], s.start[j + 1]):
            if k + SOON < s.edge.size:
                prefetch_to_read(spike_time, fresh[s.target[s.edge[k + SOON]]])
            e = s.edge[k]
            delay, target = steps(s.delay[e]), s.target[e]
            posts = fresh[target], spike_start[target + 1]
            early = s.early.size and s.early_start[k] < s.early_start[k + 1]
            if early or ages.old > OLDEST:
                _one_by_one(s, k, pre, delay, spike_time, posts, ages)
                continue
            first, last = ages.first[delay], ages.last[delay]
            arrives = pre[first] + delay if first < last else ages.size
            hits, lags, health = _hear(s, e, ages, arrives, delay, spike_time, posts)
            if s.listens:
                s.hits[e] += hits
                s.lag[e] += lags
            if s.heals:
                s.health[e] = health
            if first == last:
                continue
            s.arrival[e] = clock + pre[last - 1] + delay
            if s.price != ZERO and s.cost[e] == ZERO:
                block = delay // BLOCK
                if ages.known[block] != j:
                    add_up(ages, j, pre, block)
                s.cost[e] = ages.cost[delay]
            elif s.price != ZERO:
                for n in range(first, last):
                    s.cost[e] += ages.charge[pre[n] + delay]


@compiled
def _first_after(seen, spike_start, spike_time):
    """The first spike after ``seen`` of every neuron, or the end of its spikes."""
    first = spike_start[:-1].copy()
    for i in range(first.size):
        while first[i] < spike_start[i + 1] and spike_time[first[i]] <= seen:
            first[i] += 1
    return first


@njit(inline="always")
def _hear(s, e, ages, arrives, delay, spike_time, posts):
    """Hits, the sum of their lags, and health of edge e after the spikes ``posts`` of its target.

    The first new arrival comes at the time ``arrives``; ages count from an older one before.
    """
    health, both = s.health[e] if s.heals else ZERO, np.int64(0)
    before = -np.int64(max(s.arrival[e] - s.clock - ages.origin, -ages.old))
    after = ages.own - delay
    for n in range(np.uint64(posts[0]), np.uint64(posts[1])):
        time = np.int64(spike_time[n])
        age = ages.age[np.uint64(time + (before if time < arrives else after))]
        health = health + ages.gain[age] * ages.grown[np.uint64(time)]
        both += ages.near[age]
    return both >> 32, both & 0xFFFFFFFF, health


@compiled
def _one_by_one(s, k, pre, delay, spike_time, posts, ages):
    """Tells the k-th edge of all spikes, early ones among them, in their order."""
    e, seen, until = s.edge[k], ages.first.size - 1, ages.size - 1
    known, n, m, last_post = s.arrival[e] - s.clock - ages.origin, 0, posts[0], posts[1]
    soon, last_soon = 0, 0
    if s.early.size:
        soon, last_soon = s.early_start[k], s.early_start[k + 1]
    while n < pre.size and pre[n] + delay <= seen:
        n += 1
    while soon < last_soon and s.early[soon] - ages.origin <= seen:
        soon += 1
    while True:
        arrives = pre[n] + delay if n < pre.size else until + 1
        comes = s.early[soon] - ages.origin if soon < last_soon else until + 1
        now = min(arrives, comes)
        while m < last_post and spike_time[m] < now:
            lag = spike_time[m] - known
            if s.listens and lag <= s.window:
                s.hits[e] += 1
                s.lag[e] += lag
            if lag < s.gains.size:
                s.health[e] += s.gains[lag] * ages.grown[spike_time[m]]
            m += 1
        if now > until:
            break
        n += arrives == now
        while soon < last_soon and s.early[soon] - ages.origin == now:
            soon += 1
        known = now
        s.arrival[e] = s.clock + ages.origin + now
        if s.price != ZERO:
            s.cost[e] += ages.charge[now]
