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

AHEAD = np.uint64(64)
"""Synaptic events between asking for a line of the ring and writing to it."""

ROW, LINE = 128, 16
"""Edges of an upcoming neuron to ask for beforehand, and how many of them share a cache line."""

CACHE = 2**21
"""Bytes of a ring, half of them in use at a time, that stay in the cache of a core."""

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
    """Fast state of one column: ``[N]`` each, ``fired`` ``[L, N]`` and ``ring`` ``[2 L, N]``.

    Row ``t % L`` of ``fired`` has the spikes of step t as uint8. The input that is due at step t,
    in units of the grid, is the sum of the rows ``t % L`` and ``t % L + L`` of ``ring``: a spike of
    step s adds to row ``s % L + delay``, which never has to wrap around. It is int32, or int64
    where spikes may pile up on an edge.
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

    ``jump`` is ``delay * N + target``, an offset into the ring from the row of the step in which j
    fires, as uint32 (or uint64); ``units`` the weight in units of the grid, int32.
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
def _neurons(fast, row, wrapped, before, now, c, drive, gain, grid, synaptic):
    v, refractory, i_syn = fast.v, fast.refractory, fast.i_syn
    for i in range(v.size):
        x = _at(c.v_reset, i) if before[i] != 0 else v[i]
        jump = gain[i] * (np.float32(row[i] + wrapped[i]) * _at(grid, i))
        row[i] = wrapped[i] = 0
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
def _ask_for_row(wiring, j):
    """Asks for the first edges out of j, which are going to be read."""
    first = wiring.start[j]
    for e in range(first, min(first + ROW, wiring.start[j + 1]), LINE):
        prefetch_to_read(wiring.jump, e)
        prefetch_to_read(wiring.units, e)


@compiled
def _deliver_far(nodes, wiring, ring):
    """As :func:`_deliver`, for a ring too large for the cache: asks for each line beforehand."""
    start, jump, units = wiring.start, wiring.jump, wiring.units
    sent = np.int64(0)
    for k in range(nodes.size):
        first, last = np.uint64(start[nodes[k]]), np.uint64(start[nodes[k] + 1])
        sent += np.int64(last - first)
        upcoming = np.uint64(start[nodes[k + 1]]) if k + 1 < nodes.size else first
        if k + 3 < nodes.size:
            _ask_for_row(wiring, nodes[k + 3])
        if k == 0:
            for e in range(first, min(first + AHEAD, last)):
                prefetch(ring, np.int64(jump[e]))
        middle = max(first + AHEAD, last) - AHEAD
        for e in range(first, middle):
            prefetch(ring, np.int64(jump[e + AHEAD]))
            ring[np.uint64(jump[e])] += units[e]
        for e in range(middle, last):  # and now for those of the next neuron
            soon = min(upcoming + e - middle, np.uint64(jump.size - 1))
            prefetch(ring, np.int64(jump[soon]))
            ring[np.uint64(jump[e])] += units[e]
    return sent


@compiled
def _deliver(nodes, wiring, ring):
    """Adds the weights of all edges out of ``nodes`` to the ring; returns the number of edges.

    The flat ``ring`` begins with the row of the step in which they fire.
    """
    start, jump, units = wiring.start, wiring.jump, wiring.units
    sent = np.int64(0)
    for k in range(nodes.size):
        first, last = np.uint64(start[nodes[k]]), np.uint64(start[nodes[k] + 1])
        sent += np.int64(last - first)
        if k + 1 < nodes.size:
            _ask_for_row(wiring, nodes[k + 1])
        for e in range(first, last):
            ring[np.uint64(jump[e])] += units[e]
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
    num_nodes, depth = fast.v.size, fast.fired.shape[0]
    flat, taken, total = fast.ring.reshape(-1), 0, 0
    sensed = np.empty(num_nodes, np.float32) if astro.member.size else astro.calcium
    for k in range(sample.size):
        row = t % depth
        now, due, wrapped = fast.fired[row][:num_nodes], fast.ring[row], fast.ring[row + depth]
        before, current = fast.fired[(t - 1) % depth], drive[sample[k]]
        _neurons(fast, due, wrapped, before, now, c, current, astro.gain, grid, synaptic)
        _low_pass(fast.trace, now, keep, add)
        count = _firing(now, nodes[total:])
        found, ahead = nodes[total : total + count], flat[row * num_nodes :]
        if flat.nbytes > CACHE:
            sent[k] = _deliver_far(found, wiring, ahead)
        else:
            sent[k] = _deliver(found, wiring, ahead)
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
    depth, num_nodes = fired.shape[0], ring.shape[1]
    flat = ring.reshape(-1)
    for past in range(max(0, t - depth), t):
        now, ahead = fired[past % depth], flat[past % depth * num_nodes :]
        least = np.uint64((t - past) * num_nodes)  # the jump of what is due at t
        for j in range(now.size):
            if now[j]:
                for e in range(wiring.start[j], wiring.start[j + 1]):
                    if wiring.jump[e] >= least:
                        ahead[np.uint64(wiring.jump[e])] += wiring.units[e]


@compiled
def receive(spikes, fast, wiring, t, sent):
    """Delivers ``spikes`` ``[T, G]`` of neurons elsewhere, fired in the T steps before step ``t``.

    None of them is due before ``t``. The number of their live edges is written to ``sent`` ``[T]``.
    """
    num_nodes, depth = fast.v.size, fast.fired.shape[0]
    flat = fast.ring.reshape(-1)
    nodes = np.empty(spikes.shape[1], np.int32)
    for k in range(spikes.shape[0]):
        row, count = (t - spikes.shape[0] + k) % depth, 0
        fast.fired[row, num_nodes:] = spikes[k]
        for j in range(spikes.shape[1]):
            if spikes[k, j]:
                nodes[count] = num_nodes + j
                count += 1
        sent[k] = _deliver(nodes[:count], wiring, flat[row * num_nodes :])


@compiled
def lay_out(order, target, delay, weight, per_unit, num_nodes, jump, units):
    """Fills ``jump`` and ``units`` of a :class:`Wiring` for the edges in this ``order``.

    ``per_unit`` is the inverse of the grid, a number or one for each target.
    """
    for k in range(order.size):
        e = order[k]
        jump[k] = steps(delay[e]) * num_nodes + target[e]
        units[k] = np.int32(np.rint(np.float64(weight[e]) * _at(per_unit, target[e])))
