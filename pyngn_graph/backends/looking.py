"""The compiled look through all edges that tells them of an epoch's spikes, once it is over.

Element-wise formulas stand in the order of the reference, in float32 and without contraction of
products and sums, so that both give the same bits. The work is that of the spikes of each edge's
target, and of one look at each edge.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


class Past(NamedTuple):
    """The spikes of one source as its edges need them, for times from ``origin`` on.

    At time x an edge without delay would heal by ``heal[x - origin]`` and count ``near[x -
    origin]``, a hit in its upper half and the lag in its lower one, if its target fired. Of the
    spikes, those over an edge of delay d that arrive from ``first[d]`` on and before ``last[d]``
    are new; together they cost ``cost[d]`` if ``known[d]`` is the source.
    """

    heal: Array
    near: Array
    first: Array
    last: Array
    cost: Array
    known: Array


@compiled
def look_through(s, spike_start, spike_time, depth, seen, until):
    """Brings every edge from the time ``seen`` up to date with the time ``until``.

    The spikes of neuron j happened at ``spike_start[j] .. spike_start[j + 1]`` of ``spike_time``,
    none after ``until``; delays are at most ``depth``. Edges do not depend on each other, so that
    each may be worked through at once, long after the fact.
    """
    fresh = _first_after(seen, spike_start, spike_time)
    grown = np.ones(spike_time.size, np.float32)
    if s.heals:
        for n in range(spike_time.size):
            if spike_time[n] > seen:
                grown[n] = _growth(s, spike_time[n])
    origin = seen - depth
    size = until - origin + 1
    past = Past(
        np.empty(size, np.float32),
        np.empty(size, np.int64),
        np.empty(depth + 1, np.int64),
        np.empty(depth + 1, np.int64),
        np.empty(depth + 1, np.float32),
        np.full(depth + 1, -1),
    )
    for j in range(s.start.size - 1):
        if s.start[j] == s.start[j + 1]:
            continue
        pre = spike_time[spike_start[j] : spike_start[j + 1]]
        _remember(past, s, pre, origin, seen, until)
        for k in range(s.start[j], s.start[j + 1]):
            if k + SOON < s.edge.size:
                soon = fresh[s.target[s.edge[k + SOON]]]
                prefetch_to_read(spike_time, soon)
                prefetch_to_read(grown, soon)
            e = s.edge[k]
            delay, target = _steps(s.delay[e]), s.target[e]
            posts = fresh[target], spike_start[target + 1]
            if s.early.size and s.early_start[k] < s.early_start[k + 1]:
                _one_by_one(s, k, pre, delay, spike_time, grown, posts, seen, until)
                continue
            first, last = past.first[delay], past.last[delay]
            hits, lags, health = _hear(
                s,
                e,
                past,
                pre[first] + delay if first < last else until + 1,
                -delay - origin,
                spike_time,
                grown,
                posts,
            )
            if s.listens:
                s.hits[e] += hits
                s.lag[e] += lags
            if s.heals:
                s.health[e] = health
            if first == last:
                continue
            s.arrival[e] = s.clock + pre[last - 1] + delay
            if s.price != ZERO:
                if s.cost[e] != ZERO:
                    s.cost[e] = _charged(s, s.cost[e], pre[first:last], delay)
                else:
                    if past.known[delay] != j:
                        past.known[delay] = j
                        past.cost[delay] = _charged(s, ZERO, pre[first:last], delay)
                    s.cost[e] = past.cost[delay]


@njit(inline="always")
def _growth(s, time):
    return s.growth[min(time - s.base, s.growth.size - 1)]


@njit(inline="always")
def _steps(delay):
    return np.int64(np.floor(np.float64(delay) + 0.5))


@compiled
def _first_after(seen, spike_start, spike_time):
    """The first spike after ``seen`` of every neuron, or the end of its spikes."""
    first = spike_start[:-1].copy()
    for i in range(first.size):
        while first[i] < spike_start[i + 1] and spike_time[first[i]] <= seen:
            first[i] += 1
    return first


@compiled
def _remember(past, s, pre, origin, seen, until):
    """Fills ``past`` for the source whose spikes are ``pre``, but for what they cost."""
    size = past.heal.size
    n = 0
    while n < pre.size and pre[n] < origin:
        n += 1
    begin = pre[n] - origin if n < pre.size else size
    past.heal[:begin] = ZERO
    past.near[:begin] = 0
    first = n
    for n in range(first, pre.size):
        begin = pre[n] - origin
        end = pre[n + 1] - origin if n + 1 < pre.size else size
        heals = begin + min(end - begin, s.gains.size)
        past.heal[begin:heals] = s.gains[: heals - begin]
        past.heal[heals:end] = ZERO
        hits = begin + min(end - begin, s.window + 1)
        for x in range(begin, hits):
            past.near[x] = (1 << 32) + x - begin
        past.near[hits:end] = 0
    for here, time in ((past.first, seen), (past.last, until)):
        n = first
        for delay in range(here.size - 1, -1, -1):
            while n < pre.size and pre[n] <= time - delay:
                n += 1
            here[delay] = n


@njit(inline="always")
def _hear(s, e, past, first, shift, spike_time, grown, posts):
    """Hits, the sum of their lags, and health of edge e after the spikes ``posts`` of its target.

    The first new arrival comes at the time ``first``.
    """
    hits, lags, health = 0, np.int64(0), ZERO
    if s.heals:
        health = s.health[e]
    known, n, last = s.arrival[e] - s.clock, posts[0], posts[1]
    while n < last and spike_time[n] < first:
        lag = spike_time[n] - known
        if lag <= s.window:
            hits += 1
            lags += lag
        if lag < s.gains.size:
            health = health + s.gains[lag] * grown[n]
        n += 1
    both = np.int64(0)
    for m in range(np.uint64(n), np.uint64(last)):
        x = np.uint64(np.int64(spike_time[m]) + shift)
        health = health + past.heal[x] * grown[m]
        both += past.near[x]
    return hits + (both >> 32), lags + (both & 0xFFFFFFFF), health


@compiled
def _charged(s, cost, pre, delay):
    """``cost`` after the arrivals of the spikes ``pre``."""
    for time in pre:
        cost = cost + s.price * _growth(s, time + delay)
    return cost


@compiled
def _one_by_one(s, k, pre, delay, spike_time, grown, posts, seen, until):
    """Tells the k-th edge of all spikes, early ones among them, in their order."""
    e = s.edge[k]
    known, n, m, last_post = s.arrival[e] - s.clock, 0, posts[0], posts[1]
    soon, last_soon = s.early_start[k], s.early_start[k + 1]
    while n < pre.size and pre[n] + delay <= seen:
        n += 1
    while soon < last_soon and s.early[soon] <= seen:
        soon += 1
    while True:
        arrives = pre[n] + delay if n < pre.size else until + 1
        comes = s.early[soon] if soon < last_soon else until + 1
        now = min(arrives, comes)
        while m < last_post and spike_time[m] < now:
            lag = spike_time[m] - known
            if s.listens and lag <= s.window:
                s.hits[e] += 1
                s.lag[e] += lag
            if lag < s.gains.size:
                s.health[e] += s.gains[lag] * grown[m]
            m += 1
        if now > until:
            break
        n += arrives == now
        while soon < last_soon and s.early[soon] == now:
            soon += 1
        known = now
        s.arrival[e] = s.clock + now
        if s.price != ZERO:
            s.cost[e] += s.price * _growth(s, now)
