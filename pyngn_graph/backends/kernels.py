"""Compiled loops of the event backend: one column of a reservoir over many steps.

Element-wise formulas stand in the order of the reference, in float32 and without contraction of
products and sums, so that both give the same bits. Sums over spikes are int32 multiples of the
weight grid. Work per step is O(N) plus the synaptic events; nothing here is O(E) per step.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numpy.typing import NDArray

Array = NDArray[Any]

ADDITIVE, MULTIPLICATIVE = 1, 2
"""Rules of the astrocyte; 0 is none."""

AHEAD = 32
"""Synaptic events between asking for a line of the ring and writing to it."""

CACHE = 2**21
"""Bytes of a ring that stay in the cache of a core."""

ONE, ZERO = np.float32(1.0), np.float32(0.0)


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
    """Fast state of one column: ``[N]`` each, ``fired`` ``[L, N]``, ``ring`` ``[R, N]`` int32."""

    v: Array
    refractory: Array
    i_syn: Array
    trace: Array
    fired: Array
    ring: Array


class Wiring(NamedTuple):
    """Edges by source: those of j stand at ``start[j] .. start[j + 1]``.

    ``jump`` is ``delay * N + target``, an offset into the ring; ``units`` the weight in units of
    the grid.
    """

    start: Array
    jump: Array
    units: Array


class Gain(NamedTuple):
    """Astrocytes: gain and calcium ``[N]``, the rule and its float32 constants, and territories.

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


EDGE = np.dtype(
    [
        ("src", np.int32),
        ("delay", np.int32),
        ("arrival", np.int32),
        ("health_time", np.int32),
        ("health", np.float32),
        ("hits", np.int32),
        ("lag", np.int64),
    ]
)
"""What the glia know of an edge, side by side in memory."""


class Senses(NamedTuple):
    """What oligodendrocytes and microglia sense of the live edges ``[E]``, grouped by target.

    Times count steps of the epoch since the last tick: its first step is 1, older ones are 0 or
    less. ``bits`` ``[W, N]`` uint64 is a ring that holds which steps each neuron fired in; step 0
    is bit ``origin``, and ``latest`` ``[N]`` is the last bit set. All arrivals until ``seen`` have
    been taken note of. ``due`` and ``early`` list the arrivals, times and edges, of spikes that
    left before the epoch with a delay of their own.
    """

    listens: bool
    heals: bool
    start: Array
    edges: Array
    bits: Array
    latest: Array
    origin: int
    seen: int
    window: int
    powers: Array
    gains: Array
    cost: Any
    due: Array
    early: Array


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


@intrinsic
def trailing_zeros(typing_context, word):
    """Number of zero bits below the lowest set bit of a uint64 that is not 0."""

    def generate(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def leading_zeros(typing_context, word):
    """Number of zero bits above the highest set bit of a uint64 that is not 0."""

    def generate(context, builder, signature, args):
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def prefetch(typing_context, array, place):
    """Asks for the cache line of ``array[place]``, which is going to be written."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        llvm = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        line = builder.bitcast(builder.gep(data, [args[1]]), byte)
        builder.call(llvm, [line, *(ir.Constant(word, value) for value in (1, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _at(value, i):
    """Element ``i`` of an array, or the number itself."""
    return value[i] if isinstance(value, np.ndarray) else value


@overload(_at)
def _at_compiled(value, i):
    if isinstance(value, types.Array):
        return lambda value, i: value[i]
    return lambda value, i: value


@njit(nogil=True, cache=True, error_model="numpy")
def _neurons(fast, row, before, now, c, drive, gain, grid, synaptic):
    v, refractory, i_syn = fast.v, fast.refractory, fast.i_syn
    for i in range(v.size):
        x = _at(c.v_reset, i) if before[i] != 0 else v[i]
        jump = gain[i] * (np.float32(row[i]) * grid)
        row[i] = 0
        if synaptic:
            charge = i_syn[i]
            i_syn[i] = _at(c.syn_alpha, i) * charge + jump
            jump = _at(c.syn_drive, i) * charge
        rest = _at(c.v_rest, i)
        x = rest + _at(c.alpha, i) * (x - rest) + _at(c.drive, i) * drive[i] + jump
        x = x if x > _at(c.v_min, i) else _at(c.v_min, i)
        held = refractory[i]
        x = _at(c.v_reset, i) if held > 0 else x
        v[i] = x
        fires = (x >= _at(c.v_th, i)) & (held <= 0)
        held = held - 1 if held > 0 else 0
        refractory[i] = _at(c.refractory_steps, i) if fires else held
        now[i] = fires


@njit(nogil=True, cache=True, error_model="numpy")
def _low_pass(trace, now, keep, add):
    for i in range(trace.size):
        trace[i] = keep * trace[i] + add * np.float32(now[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _calcium(calcium, now, kappa, rest):
    for i in range(calcium.size):
        calcium[i] = kappa * calcium[i] + rest * np.float32(now[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _gain(gain, sensed, rule, eta, goal, low, high):
    for i in range(gain.size):
        if rule == ADDITIVE:
            x = gain[i] + eta * (goal - sensed[i])
        else:
            x = gain[i] * (ONE + eta * (ONE - sensed[i] * goal))
        x = x if x > low else low
        gain[i] = x if x < high else high


@njit(nogil=True, cache=True, error_model="numpy")
def _territories(g, sensed):
    for i in range(sensed.size):
        g.units[i] = np.int64(np.rint(np.float64(g.calcium[i]) * 2.0**40))
    for i in range(sensed.size):
        total = np.int64(0)
        for k in range(g.start[i], g.start[i + 1]):
            total += g.units[g.member[k]]
        size = np.float64(g.start[i + 1] - g.start[i])
        sensed[i] = np.float32(np.float64(total) * 2.0**-40 / size)


@njit(nogil=True, cache=True, error_model="numpy")
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
def _slot(base, jump, size):
    slot = base + np.int64(jump)
    return slot - size if slot >= size else slot


@njit(nogil=True, cache=True, error_model="numpy")
def _deliver_far(nodes, count, wiring, ring, base):
    """As :func:`_deliver`, for a ring too large for the cache: asks for each line beforehand."""
    jump, units, size = wiring.jump, wiring.units, ring.size
    for k in range(count):
        first, last = wiring.start[nodes[k]], wiring.start[nodes[k] + 1]
        if k + 1 < count:
            upcoming = wiring.start[nodes[k + 1]]
            prefetch(jump, upcoming)
            prefetch(units, upcoming)
        for e in range(first, min(first + AHEAD, last)):
            prefetch(ring, _slot(base, jump[e], size))
        for e in range(first, last - AHEAD):
            prefetch(ring, _slot(base, jump[e + AHEAD], size))
            ring[_slot(base, jump[e], size)] += units[e]
        for e in range(max(first, last - AHEAD), last):
            ring[_slot(base, jump[e], size)] += units[e]


@njit(nogil=True, cache=True, error_model="numpy")
def _deliver(nodes, count, wiring, ring, base):
    size = ring.size
    for k in range(count):
        for e in range(wiring.start[nodes[k]], wiring.start[nodes[k] + 1]):
            ring[_slot(base, wiring.jump[e], size)] += wiring.units[e]


@njit(inline="always")
def _first_bit(bits, node, after, until):
    """Position of the first set bit in ``after < p <= until`` of a ring of words, or -1."""
    p, last, found = after + 1, bits.shape[0] - 1, -1
    while p <= until:
        word = bits[(p >> 6) & last, node] >> np.uint64(p & 63)
        if word != 0:
            p += trailing_zeros(word)
            found = p if p <= until else -1
            break
        p = (p | 63) + 1
    return found


@njit(inline="always")
def _last_bit(bits, node, after, until):
    """Position of the last set bit in ``after < p <= until`` of a ring of words, or -1."""
    p, last, found = until, bits.shape[0] - 1, -1
    while p > after:
        word = bits[(p >> 6) & last, node] << np.uint64(63 - (p & 63))
        if word != 0:
            p -= leading_zeros(word)
            found = p if p > after else -1
            break
        p = (p | 63) - 64
    return found


@njit(inline="always")
def _add_health(edges, k, time, amount, powers):
    edges[k].health = edges[k].health * powers[time - edges[k].health_time] + amount
    edges[k].health_time = time


@njit(inline="always")
def _catch_up(edges, k, time, bits, latest, origin, seen, powers, cost):
    """Brings edge ``k`` up to all arrivals until ``time``."""
    node, shift = edges[k].src, origin - edges[k].delay
    after, until = max(np.int64(edges[k].arrival), seen) + shift, time + shift
    if latest[node] <= after:
        pass
    elif cost != ZERO:
        p = _first_bit(bits, node, after, until)
        while p >= 0:
            edges[k].arrival = p - shift
            _add_health(edges, k, p - shift, cost, powers)
            p = _first_bit(bits, node, p, until)
    else:
        p = latest[node]
        p = p if p <= until else _last_bit(bits, node, after, until)
        if p >= 0:
            edges[k].arrival = p - shift


@njit(nogil=True, cache=True, error_model="numpy")
def catch_up_all(s, time):
    """Brings every edge up to all arrivals until ``time``."""
    edges, bits, latest, powers = s.edges, s.bits, s.latest, s.powers
    for k in range(edges.size):
        _catch_up(edges, k, time, bits, latest, s.origin, s.seen, powers, s.cost)


@njit(nogil=True, cache=True, error_model="numpy")
def _sense_early(s, first, time):
    """Arrivals at ``time`` of spikes that left before the epoch; returns the next in the list."""
    edges, bits, latest, powers = s.edges, s.bits, s.latest, s.powers
    while first < s.due.size and s.due[first] <= time:
        k = s.early[first]
        if edges[k].arrival < time:
            _catch_up(edges, k, time - 1, bits, latest, s.origin, s.seen, powers, s.cost)
            edges[k].arrival = time
            if s.cost != ZERO:
                _add_health(edges, k, time, s.cost, powers)
        first += 1
    return first


@njit(nogil=True, cache=True, error_model="numpy")
def _sense(s, nodes, count, time):
    """What the afferents of the neurons that fire at ``time`` mean to the glia."""
    edges, bits, latest, powers, gains = s.edges, s.bits, s.latest, s.powers, s.gains
    start, place = s.start, time + s.origin
    word = (place >> 6) & (bits.shape[0] - 1)
    for c in range(count):
        bits[word, nodes[c]] |= np.uint64(1) << np.uint64(place & 63)
        latest[nodes[c]] = place
    for c in range(count):
        for k in range(start[nodes[c]], start[nodes[c] + 1]):
            _catch_up(edges, k, time, bits, latest, s.origin, s.seen, powers, s.cost)
            lag = time - edges[k].arrival
            if s.listens and lag <= s.window:
                edges[k].hits += 1
                edges[k].lag += lag
            if s.heals and lag < gains.size:
                _add_health(edges, k, time, gains[lag], powers)


@njit(nogil=True, cache=True, error_model="numpy")
def run_column(
    fast,
    wiring,
    c,
    synaptic,
    astro,
    senses,
    taps,
    drive,
    sample,
    grid,
    keep,
    add,
    t,
    time,
    nodes,
    counts,
):
    """Runs one column over the steps of ``sample``; see :mod:`pyngn_graph.backends.event`.

    ``t`` is the first step of the state, ``time`` the steps of the epoch before it. The neurons
    that fire are written to ``nodes``, step after step, and their number to ``counts``.
    """
    depth, num_nodes = fast.fired.shape
    flat, taken, total, early = fast.ring.reshape(-1), 0, 0, 0
    sensed = np.empty(num_nodes, np.float32) if astro.member.size else astro.calcium
    senses_any = senses.listens or senses.heals
    words = senses.bits.shape[0]
    for k in range(sample.size):
        row, time = t % depth, time + 1
        now = fast.fired[row]
        before = fast.fired[(t - 1) % depth]
        if senses_any:
            place = time + senses.origin
            if place & 63 == 0:
                senses.bits[(place >> 6) & (words - 1)] = 0
            early = _sense_early(senses, early, time)
        _neurons(fast, fast.ring[row], before, now, c, drive[sample[k]], astro.gain, grid, synaptic)
        _low_pass(fast.trace, now, keep, add)
        found = nodes[total:]
        count = _firing(now, found)
        if flat.nbytes > CACHE:
            _deliver_far(found, count, wiring, flat, row * num_nodes)
        else:
            _deliver(found, count, wiring, flat, row * num_nodes)
        if astro.rule:
            _calcium(astro.calcium, now, astro.kappa, astro.rest)
            if astro.member.size:
                _territories(astro, sensed)
            _gain(astro.gain, sensed, astro.rule, astro.eta, astro.goal, astro.low, astro.high)
        if senses_any:
            _sense(senses, found, count, time)
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


@njit(nogil=True, cache=True, error_model="numpy")
def refill(fired, wiring, ring, t):
    """Puts into the ring what past spikes, step ``t`` not included, still have to deliver."""
    depth, num_nodes = fired.shape
    for past in range(max(0, t - depth), t):
        now = fired[past % depth]
        for j in range(num_nodes):
            if now[j]:
                for e in range(wiring.start[j], wiring.start[j + 1]):
                    delay = wiring.jump[e] // num_nodes
                    if past + delay >= t:
                        target = wiring.jump[e] - delay * num_nodes
                        ring[(past + delay) % depth, target] += wiring.units[e]


@njit(nogil=True, cache=True, error_model="numpy")
def remember(fired, bits, latest, origin, t):
    """Notes past spikes: step ``t`` of the state is step 1 of the epoch."""
    depth, num_nodes = fired.shape
    for past in range(max(0, t - depth), t):
        place = past - t + 1 + origin
        for j in range(num_nodes):
            if fired[past % depth, j]:
                word = (place >> 6) & (bits.shape[0] - 1)
                bits[word, j] |= np.uint64(1) << np.uint64(place & 63)
                latest[j] = place


@njit(nogil=True, cache=True, error_model="numpy")
def group_by(key, chosen, num_groups):
    """Where each group of the ``chosen`` entries starts, and their stable order by ``key``."""
    start = np.zeros(num_groups + 1, np.int64)
    for e in range(key.size):
        if chosen[e]:
            start[key[e] + 1] += 1
    for i in range(num_groups):
        start[i + 1] += start[i]
    place, order = start[:-1].copy(), np.empty(start[-1], np.int64)
    for e in range(key.size):
        if chosen[e]:
            order[place[key[e]]] = e
            place[key[e]] += 1
    return start, order


@njit(nogil=True, cache=True, error_model="numpy")
def lay_out(order, target, delay, weight, per_unit, num_nodes, jump, units):
    """Fills ``jump`` and ``units`` of a :class:`Wiring` for the edges in this ``order``."""
    for k in range(order.size):
        e = order[k]
        jump[k] = delay[e] * num_nodes + target[e]
        units[k] = np.int32(np.rint(np.float64(weight[e]) * per_unit))
