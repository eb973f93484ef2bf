"""Compiled loops of the event backend: one column of a reservoir over many steps.

Element-wise formulas stand in the order of the reference, in float32 and without contraction of
products and sums, so that both give the same bits. Sums over spikes are whole multiples of the
weight grid. Work per step is O(N) plus the synaptic events; nothing here is O(E) per step.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray

from pyngn_graph.backends.loadings import follow, learn
from pyngn_graph.backends.prefetch import prefetch, prefetch_to_read
from pyngn_graph.compiling import compiled

Array = NDArray[Any]

ADDITIVE, MULTIPLICATIVE = 1, 2
"""Rules of the astrocyte; 0 is none."""

AHEAD = 32
"""Synaptic events between asking for a line of the ring and writing to it."""

ROW, LINE = 128, 16
"""Edges of an upcoming neuron to ask for beforehand, and how many of them share a cache line."""

CACHE = 2**20
"""Bytes of a ring that stay in the cache of a core."""

ONE = np.float32(1.0)


class Neurons(NamedTuple):
    """Coefficients of the step, each a float32 or an array ``[N]`` of them."""

    alpha: Any
    drive: Any
    v_th: Any
    v_rest: Any
    v_reset: Any
    v_min: Any
    refractory_steps: Any
    syn_alpha: Any
    syn_drive: Any


class Fast(NamedTuple):
    """Fast state of one column: ``[N]`` each, ``fired`` and ``ring`` ``[L, N]``.

    Row ``t % L`` of ``fired`` has the spikes of step t as uint8, that of ``ring`` the input that is
    due at step t in units of the grid: int32, or int64 where spikes may pile up on an edge.
    ``fired`` is ``[L, N + G]`` where G neurons that are simulated elsewhere send spikes here.
    """

    v: Array
    refractory: Array
    i_syn: Array
    trace: Array
    fired: Array
    ring: Array


class Wiring(NamedTuple):
    """Edges by source: those of j stand at ``start[j] .. start[j + 1]``.

    ``jump`` is ``delay * N + target``, an offset into the ring, as uint32 (or uint64); ``units``
    the weight in units of the grid, int32.
    """

    start: Array
    jump: Array
    units: Array


class Gain(NamedTuple):
    """Astrocytes: gain and calcium ``[N]``, the rule, its constants, and territories.

    A constant is a float32, or an array ``[N]`` of them.

    The members of the territory of i stand at ``start[i] .. start[i + 1]`` of ``member``.
    """

    gain: Array
    calcium: Array
    rule: int
    kappa: Any
    rest: Any
    eta: Any
    goal: Any
    low: Any
    high: Any
    start: Array
    member: Array
    units: Array


class Taps(NamedTuple):
    """What to take down.

    The ``wanted`` traces get a row ``[N]`` for each step that is ``due`` ``[T]``; the liquid state
    is added to the row of ``sums`` that ``window`` ``[T]`` names, if not negative.
    """

    due: Array
    window: Array
    sums: Array
    wanted: Array
    v: Array
    i_syn: Array
    state: Array
    gain: Array
    calcium: Array


def _at(value, i):
    """Element ``i`` of an array, or the number itself."""
    return value[i] if isinstance(value, np.ndarray) else value


@overload(_at)
def _at_compiled(value, i):
    if isinstance(value, types.Array):
        return lambda value, i: value[i]
    return lambda value, i: value


@compiled
def _neurons(fast, row, before, now, c, drive, gain, grid, synaptic):
    v, refractory, i_syn = fast.v, fast.refractory, fast.i_syn
    for i in range(v.size):
        x = _at(c.v_reset, i) if before[i] != 0 else v[i]
        jump = gain[i] * (np.float32(row[i]) * _at(grid, i))
        row[i] = 0
        if synaptic:
            charge = i_syn[i]
            i_syn[i] = _at(c.syn_alpha, i) * charge + jump
            jump = _at(c.syn_drive, i) * charge
        rest = _at(c.v_rest, i)
        x = rest + _at(c.alpha, i) * (x - rest) + _at(c.drive, i) * drive[i] + jump
        x = _at(c.v_min, i) if x < _at(c.v_min, i) else x
        held = refractory[i]
        x = _at(c.v_reset, i) if held > 0 else x
        v[i] = x
        fires = (x >= _at(c.v_th, i)) & (held <= 0)
        held = held - 1 if held > 0 else 0
        refractory[i] = _at(c.refractory_steps, i) if fires else held
        now[i] = fires


@compiled
def _low_pass(trace, now, keep, add):
    for i in range(trace.size):
        trace[i] = keep * trace[i] + add * np.float32(now[i])


@compiled
def _calcium(calcium, now, kappa, rest):
    for i in range(calcium.size):
        calcium[i] = _at(kappa, i) * calcium[i] + _at(rest, i) * np.float32(now[i])


@compiled
def _gain(gain, sensed, rule, eta, goal, low, high):
    for i in range(gain.size):
        if rule == ADDITIVE:
            x = gain[i] + _at(eta, i) * (_at(goal, i) - sensed[i])
        else:
            x = gain[i] * (ONE + _at(eta, i) * (ONE - sensed[i] * _at(goal, i)))
        x = x if x > _at(low, i) else _at(low, i)
        gain[i] = x if x < _at(high, i) else _at(high, i)


@compiled
def _territories(g, sensed):
    for i in range(sensed.size):
        g.units[i] = np.int64(np.rint(np.float64(g.calcium[i]) * 2.0**40))
    for i in range(sensed.size):
        total = np.int64(0)
        for k in range(g.start[i], g.start[i + 1]):
            total += g.units[g.member[k]]
        size = np.float64(g.start[i + 1] - g.start[i])
        sensed[i] = np.float32(np.float64(total) * 2.0**-40 / size)


@compiled
def _firing(now, nodes):
    """Writes the indices of the neurons that fire to ``nodes`` and returns their number."""
    count, whole = 0, now.size // 8
    words = now[: 8 * whole].view(np.uint64)
    for k in range(whole):
        if words[k] != 0:
            for i in range(8 * k, 8 * k + 8):
                if now[i] != 0:
                    nodes[count] = i
                    count += 1
    for i in range(8 * whole, now.size):
        if now[i] != 0:
            nodes[count] = i
            count += 1
    return count


@njit(inline="always")
def steps(delay):
    """The delay in use; see :func:`pyngn_graph.graph.round_delay`."""
    return np.int64(np.floor(np.float64(delay) + 0.5))


@njit(inline="always")
def _slot(base, jump, size):
    """``(base + jump) % size`` for unsigned numbers, where the sum is below ``2 * size``."""
    ahead = base + jump
    return min(ahead, ahead - size)  # what is negative wraps around to something huge


@njit(inline="always")
def _ask_for_row(wiring, j):
    """Asks for the first edges out of j, which are going to be read."""
    first = wiring.start[j]
    for e in range(first, min(first + ROW, wiring.start[j + 1]), LINE):
        prefetch_to_read(wiring.jump, e)
        prefetch_to_read(wiring.units, e)


@compiled
def _deliver_far(nodes, wiring, ring, base):
    """As :func:`_deliver`, for a ring too large for the cache: asks for each line beforehand."""
    start, jump, units, size = wiring.start, wiring.jump, wiring.units, np.uint64(ring.size)
    sent = 0
    for k in range(nodes.size):
        first, last = start[nodes[k]], start[nodes[k] + 1]
        sent += last - first
        upcoming = start[nodes[k + 1]] if k + 1 < nodes.size else first
        if k + 3 < nodes.size:
            _ask_for_row(wiring, nodes[k + 3])
        if k == 0:
            for e in range(first, min(first + AHEAD, last)):
                prefetch(ring, np.int64(_slot(base, jump[e], size)))
        middle = max(first, last - AHEAD)
        for e in range(first, middle):
            prefetch(ring, np.int64(_slot(base, jump[e + AHEAD], size)))
            ring[_slot(base, jump[e], size)] += units[e]
        for e in range(middle, last):  # and now for those of the next neuron
            soon = min(upcoming + e - middle, jump.size - 1)
            prefetch(ring, np.int64(_slot(base, jump[soon], size)))
            ring[_slot(base, jump[e], size)] += units[e]
    return sent


@compiled
def _deliver(nodes, wiring, ring, base):
    """Adds the weights of all edges out of ``nodes`` to the ring; returns the number of edges."""
    start, jump, units, size = wiring.start, wiring.jump, wiring.units, np.uint64(ring.size)
    sent = 0
    for k in range(nodes.size):
        first, last = start[nodes[k]], start[nodes[k] + 1]
        sent += last - first
        if k + 1 < nodes.size:
            _ask_for_row(wiring, nodes[k + 1])
        for e in range(first, last):
            ring[_slot(base, jump[e], size)] += units[e]
    return sent


@compiled
def run_column(
    fast,
    wiring,
    c,
    synaptic,
    astro,
    loadings,
    taps,
    drive,
    sample,
    grid,
    keep,
    add,
    t,
    nodes,
    counts,
    sent,
):
    """Runs one column over the steps of ``sample``; see :mod:`pyngn_graph.backends.event`.

    ``t`` is the first step; ``grid`` is a number or one for each neuron. The neurons that fire are
    written to ``nodes``, step after step, their number to ``counts`` and that of their live edges
    to ``sent``.
    """
    depth, num_nodes = fast.ring.shape
    flat, taken, total = fast.ring.reshape(-1), 0, 0
    sensed = np.empty(num_nodes, np.float32) if astro.member.size else astro.calcium
    for k in range(sample.size):
        row = t % depth
        now, due = fast.fired[row][:num_nodes], fast.ring[row]
        before = fast.fired[(t - 1) % depth]
        _neurons(fast, due, before, now, c, drive[sample[k]], astro.gain, grid, synaptic)
        _low_pass(fast.trace, now, keep, add)
        count = _firing(now, nodes[total:])
        found, base = nodes[total : total + count], np.uint64(row * num_nodes)
        if flat.nbytes > CACHE:
            sent[k] = _deliver_far(found, wiring, flat, base)
        else:
            sent[k] = _deliver(found, wiring, flat, base)
        if loadings.learns:
            follow(loadings)
            learn(loadings, found)
        if astro.rule:
            _calcium(astro.calcium, now, astro.kappa, astro.rest)
            if astro.member.size:
                _territories(astro, sensed)
            _gain(astro.gain, sensed, astro.rule, astro.eta, astro.goal, astro.low, astro.high)
        if taps.window[k] >= 0:
            total_state = taps.sums[taps.window[k]]
            for i in range(num_nodes):
                total_state[i] += fast.trace[i]
        if taps.due[k]:
            if taps.wanted[0]:
                taps.v[taken] = fast.v
            if taps.wanted[1]:
                taps.i_syn[taken] = fast.i_syn
            if taps.wanted[2]:
                taps.state[taken] = fast.trace
            if taps.wanted[3]:
                taps.gain[taken] = astro.gain
            if taps.wanted[4]:
                taps.calcium[taken] = astro.calcium
            taken += 1
        counts[k] = count
        total += count
        t += 1


@compiled
def refill(fired, wiring, ring, t):
    """Puts into the ring what past spikes, step ``t`` not included, still have to deliver."""
    depth, num_nodes = ring.shape
    flat, size = ring.reshape(-1), np.uint64(ring.size)
    for past in range(max(0, t - depth), t):
        now, base = fired[past % depth], np.uint64(past % depth * num_nodes)
        least = np.uint64((t - past) * num_nodes)  # the jump of what is due at t
        for j in range(now.size):
            if now[j]:
                for e in range(wiring.start[j], wiring.start[j + 1]):
                    if wiring.jump[e] >= least:
                        flat[_slot(base, wiring.jump[e], size)] += wiring.units[e]


@compiled
def receive(spikes, fast, wiring, t, sent):
    """Delivers ``spikes`` ``[T, G]`` of neurons elsewhere, fired in the T steps before step ``t``.

    None of them is due before ``t``. The number of their live edges is written to ``sent`` ``[T]``.
    """
    depth, num_nodes = fast.ring.shape
    flat = fast.ring.reshape(-1)
    nodes = np.empty(spikes.shape[1], np.int32)
    for k in range(spikes.shape[0]):
        row, count = (t - spikes.shape[0] + k) % depth, 0
        fast.fired[row, num_nodes:] = spikes[k]
        for j in range(spikes.shape[1]):
            if spikes[k, j]:
                nodes[count] = num_nodes + j
                count += 1
        sent[k] = _deliver(nodes[:count], wiring, flat, np.uint64(row * num_nodes))


@compiled
def lay_out(order, target, delay, weight, per_unit, num_nodes, jump, units):
    """Fills ``jump`` and ``units`` of a :class:`Wiring` for the edges in this ``order``.

    ``per_unit`` is the inverse of the grid, a number or one for each target.
    """
    for k in range(order.size):
        e = order[k]
        jump[k] = steps(delay[e]) * num_nodes + target[e]
        units[k] = np.int32(np.rint(np.float64(weight[e]) * _at(per_unit, target[e])))
