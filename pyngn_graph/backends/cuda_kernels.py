"""Triton kernels of the GPU backend: one step of all columns, and what its spikes set off.

Element-wise formulas stand in the order of the reference, in float32; launched with
``enable_fp_fusion=False`` they give the same bits. What many threads add to one place are whole
numbers, so that their order does not matter. Every kernel takes plain tensors, and with
``TRITON_INTERPRET=1`` also those of the CPU.

Rows of state are ``[C, N]``, rings ``[C, L, N]`` (column, row, neuron). ``clock`` ``[3]`` int32
holds the number of the step within its chunk, twice, and the row of the ring of the first one:
:func:`step` reads the first number and sets the second, which the kernels behind it read;
:func:`deliver` sets the first to that of the next step. So a captured step can be replayed.
"""

import triton
import triton.language as tl

MAGIC = tl.constexpr(1.5 * 2.0**52)
"""Added to a float64 below 2^51 in size and taken away again, it leaves the nearest integer."""

UNIT = tl.constexpr(2.0**40)


@triton.jit
def _new_gain(gain, sensed, eta, goal, low, high, ADDITIVE: tl.constexpr):
    if ADDITIVE:
        x = gain + eta * (goal - sensed)
    else:
        x = gain * (1.0 + eta * (1.0 - sensed * goal))
    x = tl.where(x > low, x, low)
    return tl.where(x < high, x, high)


@triton.jit
def step(
    clock,
    sample,
    drive,
    table,
    refractory_steps,
    v,
    refractory,
    i_syn,
    trace,
    fired,
    ring,
    gain,
    calcium,
    nodes,
    total,
    window,
    sums,
    tap,
    tap_v,
    tap_i_syn,
    tap_state,
    tap_gain,
    tap_calcium,
    num_nodes,
    width,
    depth,
    chunk,
    capacity,
    grid,
    keep,
    add,
    kappa,
    rest,
    eta,
    goal,
    low,
    high,
    WIDE: tl.constexpr,
    REFRACTORY: tl.constexpr,
    SYNAPTIC: tl.constexpr,
    RULE: tl.constexpr,
    TERRITORY: tl.constexpr,
    V: tl.constexpr,
    I_SYN: tl.constexpr,
    STATE: tl.constexpr,
    GAIN: tl.constexpr,
    CALCIUM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Neurons, liquid state and astrocytes of one step; neurons that fire are put on a list.

    ``table`` ``[8, width]`` has the coefficients in the order in which they are read here, where
    ``WIDE`` is 1 for each neuron, else 0 and once for all. ``tap`` and ``window`` ``[C, chunk]``
    name the row of the traces and of ``sums`` for each step, or -1.
    """
    c = tl.program_id(1).to(tl.int64)
    k = tl.load(clock)
    row = ((tl.load(clock + 2) + k) % depth).to(tl.int64)
    if tl.program_id(0) + c == 0:
        tl.store(clock + 1, k)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < num_nodes
    place = c * num_nodes + i
    here = (c * depth + row) * num_nodes + i
    earlier = (c * depth + (row + depth - 1) % depth) * num_nodes + i

    own = table + i * WIDE
    alpha = tl.load(own, mask=inside, other=0.0)
    v_rest = tl.load(own + 1 * width, mask=inside, other=0.0)
    v_reset = tl.load(own + 2 * width, mask=inside, other=0.0)
    v_th = tl.load(own + 3 * width, mask=inside, other=0.0)
    v_min = tl.load(own + 4 * width, mask=inside, other=0.0)
    scale = tl.load(own + 5 * width, mask=inside, other=0.0)
    current = (tl.load(sample + k).to(tl.int64) * tl.num_programs(1) + c) * num_nodes + i
    external = tl.load(drive + current, mask=inside, other=0.0)
    before = tl.load(fired + earlier, mask=inside, other=0)
    due = tl.load(ring + here, mask=inside, other=0)
    tl.store(ring + here, tl.full([BLOCK], 0, tl.int32), mask=inside)
    g = tl.load(gain + i, mask=inside, other=0.0)
    jump = g * (due.to(tl.float32) * grid)
    if SYNAPTIC:
        charge = tl.load(i_syn + place, mask=inside, other=0.0)
        fade = tl.load(own + 6 * width, mask=inside, other=0.0)
        charged = fade * charge + jump
        tl.store(i_syn + place, charged, mask=inside)
        jump = tl.load(own + 7 * width, mask=inside, other=0.0) * charge
    x = tl.load(v + place, mask=inside, other=0.0)
    x = tl.where(before != 0, v_reset, x)
    x = v_rest + alpha * (x - v_rest) + scale * external + jump
    x = tl.where(x < v_min, v_min, x)
    if REFRACTORY:
        held = tl.load(refractory + place, mask=inside, other=0)
        x = tl.where(held > 0, v_reset, x)
        fires = (x >= v_th) & (held <= 0) & inside
        pause = tl.load(refractory_steps + i * WIDE, mask=inside, other=0)
        held = tl.where(held > 0, held - 1, 0)
        tl.store(refractory + place, tl.where(fires, pause, held), mask=inside)
    else:
        fires = (x >= v_th) & inside
    tl.store(v + place, x, mask=inside)
    tl.store(fired + here, fires.to(tl.uint8), mask=inside)

    one = fires.to(tl.int32)
    number = tl.sum(one, 0)
    if number > 0:
        first = tl.atomic_add(total + c, number, sem="relaxed")
        tl.store(nodes + c * capacity + first + tl.cumsum(one, 0) - one, i, mask=fires)

    spike = fires.to(tl.float32)
    state = keep * tl.load(trace + place, mask=inside, other=0.0) + add * spike
    tl.store(trace + place, state, mask=inside)
    to = tl.load(window + c * chunk + k)
    if to >= 0:
        pool = sums + to.to(tl.int64) * num_nodes + i
        tl.store(pool, tl.load(pool, mask=inside, other=0.0) + state, mask=inside)
    ca = tl.load(calcium + i, mask=inside, other=0.0)
    if RULE > 0:
        ca = kappa * ca + rest * spike
        tl.store(calcium + i, ca, mask=inside)
        if not TERRITORY:
            g = _new_gain(g, ca, eta, goal, low, high, RULE == 1)
            tl.store(gain + i, g, mask=inside)
    taken = tl.load(tap + c * chunk + k)
    if taken >= 0:
        at = (c * chunk + taken) * num_nodes + i
        if V:
            tl.store(tap_v + at, x, mask=inside)
        if I_SYN:
            tl.store(tap_i_syn + at, charged, mask=inside)
        if STATE:
            tl.store(tap_state + at, state, mask=inside)
        if GAIN:
            if not TERRITORY:
                tl.store(tap_gain + at, g, mask=inside)
        if CALCIUM:
            tl.store(tap_calcium + at, ca, mask=inside)


@triton.jit
def _push(ring, jump, units, e, inside, column, base, size):
    """Adds the weights of edges ``e`` to a ring of ``size`` places, from the place ``base`` on."""
    ahead = base + tl.load(jump + e, mask=inside, other=0)
    ahead = column * size + tl.where(ahead < size, ahead, ahead - size)
    weight = tl.load(units + e, mask=inside, other=0).to(ring.dtype.element_ty)
    tl.atomic_add(ring + ahead, weight, mask=inside, sem="relaxed")


@triton.jit
def deliver(
    clock,
    start,
    jump,
    units,
    nodes,
    total,
    mark,
    ring,
    size,
    num_nodes,
    depth,
    chunk,
    capacity,
    pieces,
    BLOCK: tl.constexpr,
):
    """Adds the weights of all edges out of the neurons that fire to the ring, column by column.

    Edges are those of :class:`~pyngn_graph.backends.cuda_wiring.Wiring`; the spikes of step k are
    ``mark[c, k] .. total[c]`` of ``nodes[c]``. Each row of edges is shared by ``pieces`` programs.
    """
    c = tl.program_id(1).to(tl.int64)
    k = tl.load(clock + 1)
    row = ((tl.load(clock + 2) + k) % depth).to(tl.int64)
    marked = mark + c * (chunk + 1) + k
    first, last = tl.load(marked), tl.load(total + c)
    if tl.program_id(0) == 0:
        tl.store(marked + 1, last)
        if c == 0:
            tl.store(clock, k + 1)
    for item in range(tl.program_id(0), (last - first) * pieces, tl.num_programs(0)):
        j = tl.load(nodes + c * capacity + first + item // pieces)
        end = tl.load(start + j + 1)
        begin = tl.load(start + j) + (item % pieces) * BLOCK
        for here in range(begin, end, pieces * BLOCK):
            e = here + tl.arange(0, BLOCK)
            _push(ring, jump, units, e, e < end, c, row * num_nodes, size)


@triton.jit
def refill(column, row, age, node, start, jump, units, ring, size, num_nodes, BLOCK: tl.constexpr):
    """Puts into the ring what past spikes still have to deliver, one spike for each program.

    The spike of ``node`` left ``age`` steps ago, when ``row`` was its row of the ring.
    """
    s = tl.program_id(0)
    c, j = tl.load(column + s), tl.load(node + s)
    base, least = tl.load(row + s) * num_nodes, tl.load(age + s) * num_nodes
    end = tl.load(start + j + 1)
    for here in range(tl.load(start + j), end, BLOCK):
        e = here + tl.arange(0, BLOCK)
        late = tl.load(jump + e, mask=e < end, other=-1) >= least
        _push(ring, jump, units, e, late, c, base, size)


@triton.jit
def territories(
    clock,
    start,
    member,
    gain,
    calcium,
    tap,
    tap_gain,
    num_nodes,
    eta,
    goal,
    low,
    high,
    RULE: tl.constexpr,
    GAIN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Moves the gain of one neuron for each program by the mean calcium of its territory."""
    i = tl.program_id(0)
    first, last = tl.load(start + i), tl.load(start + i + 1)
    units = tl.zeros([BLOCK], tl.int64)
    for here in range(first, last, BLOCK):
        at = here + tl.arange(0, BLOCK)
        other = tl.load(member + at, mask=at < last, other=0)
        ca = tl.load(calcium + other, mask=at < last, other=0.0).to(tl.float64) * UNIT
        units += ((ca + MAGIC) - MAGIC).to(tl.int64)
    mean = tl.sum(units, 0).to(tl.float64) / UNIT / (last - first).to(tl.float64)
    g = _new_gain(tl.load(gain + i), mean.to(tl.float32), eta, goal, low, high, RULE == 1)
    tl.store(gain + i, g)
    if GAIN:
        taken = tl.load(tap + tl.load(clock + 1))
        if taken >= 0:
            tl.store(tap_gain + taken.to(tl.int64) * num_nodes + i, g)


@triton.jit(
    do_not_specialize=[
        "num_edges",
        "num_nodes",
        "clock",
        "seen",
        "until",
        "window",
        "num_gains",
        "base",
        "last_growth",
    ]
)
def look_through(
    edge,
    source,
    jump,
    spike_start,
    spike_time,
    early_start,
    early,
    arrival,
    hits,
    lag,
    health,
    cost,
    gains,
    growth,
    num_edges,
    num_nodes,
    clock,
    seen,
    until,
    window,
    num_gains,
    base,
    last_growth,
    price,
    LISTENS: tl.constexpr,
    HEALS: tl.constexpr,
    CHARGES: tl.constexpr,
    EARLY: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Brings every live edge from the time ``seen`` up to date with the time ``until``.

    Each lane merges the spikes of its edge's source, one delay later, with those of its target, in
    their order; see :class:`~pyngn_graph.backends.looking.Senses` for what is what.
    """
    k = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    active = k < num_edges
    e = tl.load(edge + k, mask=active, other=0)
    j = tl.load(source + e, mask=active, other=0)
    far = tl.load(jump + k, mask=active, other=0).to(tl.int64)
    delay = far // num_nodes
    i = far - delay * num_nodes
    n = tl.load(spike_start + j, mask=active, other=0)
    n_end = tl.load(spike_start + j + 1, mask=active, other=0)
    m = tl.load(spike_start + i, mask=active, other=0)
    m_end = tl.load(spike_start + i + 1, mask=active, other=0)
    known = tl.load(arrival + e, mask=active, other=0) - clock
    end = tl.full([BLOCK], until + 1, tl.int64)
    s, s_end = n, n
    if EARLY:
        s = tl.load(early_start + k, mask=active, other=0)
        s_end = tl.load(early_start + k + 1, mask=active, other=0)
    num_hits = tl.zeros([BLOCK], tl.int64)
    num_lags = tl.zeros([BLOCK], tl.int64)
    healed = tl.zeros([BLOCK], tl.float32)
    charged = tl.zeros([BLOCK], tl.float32)
    if HEALS:
        healed = tl.load(health + e, mask=active, other=0.0)
    if CHARGES:
        charged = tl.load(cost + e, mask=active, other=0.0)

    lanes = active
    while tl.max(lanes.to(tl.int32), 0) > 0:
        arrives = tl.load(spike_time + n, mask=lanes & (n < n_end), other=0).to(tl.int64)
        arrives = tl.where(n < n_end, arrives + delay, end)
        comes = end
        if EARLY:
            comes = tl.load(early + s, mask=lanes & (s < s_end), other=0)
            comes = tl.where(s < s_end, comes, end)
        now = tl.minimum(tl.minimum(arrives, comes), end)
        post = tl.load(spike_time + m, mask=lanes & (m < m_end), other=0).to(tl.int64)
        post = tl.where(m < m_end, post, end)
        comes_first = lanes & (post < now)
        heard = comes_first & (post > seen)
        since = post - known
        if LISTENS:
            near = heard & (since <= window)
            num_hits += near.to(tl.int64)
            num_lags += tl.where(near, since, 0)
        if HEALS:
            heals = heard & (since < num_gains)
            gained = tl.load(gains + since, mask=heals, other=0.0)
            grown = tl.load(growth + tl.minimum(post - base, last_growth), mask=heals, other=0.0)
            healed = tl.where(heals, healed + gained * grown, healed)
        m += comes_first.to(tl.int64)
        arrived = lanes & (now <= until) & (post >= now)
        new = arrived & (now > seen)
        known = tl.where(new, now, known)
        if CHARGES:
            grown = tl.load(growth + tl.minimum(now - base, last_growth), mask=new, other=0.0)
            charged = tl.where(new, charged + price * grown, charged)
        n += (arrived & (arrives == now)).to(tl.int64)
        if EARLY:
            s += (arrived & (comes == now)).to(tl.int64)
        lanes = comes_first | arrived

    tl.store(arrival + e, known + clock, mask=active)
    if LISTENS:
        num_hits += tl.load(hits + e, mask=active, other=0)
        num_lags += tl.load(lag + e, mask=active, other=0)
        tl.store(hits + e, num_hits, mask=active)
        tl.store(lag + e, num_lags, mask=active)
    if HEALS:
        tl.store(health + e, healed, mask=active)
    if CHARGES:
        tl.store(cost + e, charged, mask=active)


@triton.jit
def follow(
    constants,
    trace,
    mean,
    total,
    total_mean,
    variance,
    axon,
    deviation,
    spread,
    num_nodes,
    BLOCK: tl.constexpr,
):
    """What :func:`pyngn_graph.backends.loadings.follow` does; ``constants`` float64 of the rule."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < num_nodes
    fade, keep, rest = tl.load(constants), tl.load(constants + 1), tl.load(constants + 2)
    tiny, floor = tl.load(constants + 6), tl.load(constants + 7)
    r = fade * tl.load(trace + i, mask=inside, other=0.0)
    r = tl.where(r > tiny, r, 0.0)
    slow = keep * tl.load(mean + i, mask=inside, other=0.0) + rest * r
    tl.store(trace + i, r, mask=inside)
    tl.store(mean + i, slow, mask=inside)
    tl.store(axon + i, r - slow, mask=inside)
    y = fade * tl.load(total + i, mask=inside, other=0.0)
    y = tl.where(tl.abs(y) > tiny, y, 0.0)
    slow = keep * tl.load(total_mean + i, mask=inside, other=0.0) + rest * y
    away = y - slow
    v = keep * tl.load(variance + i, mask=inside, other=0.0) + rest * (away * away)
    tl.store(total + i, y, mask=inside)
    tl.store(total_mean + i, slow, mask=inside)
    tl.store(variance + i, v, mask=inside)
    tl.store(deviation + i, away, mask=inside)
    tl.store(spread + i, tl.sqrt(v) + floor, mask=inside)


@triton.jit
def learn(
    constants,
    clock,
    start,
    jump,
    weight,
    delay,
    loading,
    pull,
    trace,
    mean,
    axon,
    deviation,
    spread,
    program,
    units,
    nodes,
    mark,
    num_nodes,
    BLOCK: tl.constexpr,
):
    """Lets all edges out of the neurons that fire learn; what it adds to sums goes to ``units``."""
    k = tl.load(clock + 1)
    most, eta, rate = tl.load(constants + 3), tl.load(constants + 4), tl.load(constants + 5)
    first, last = tl.load(mark + k), tl.load(mark + k + 1)
    for spike in range(first + tl.program_id(0), last, tl.num_programs(0)):
        j = tl.load(nodes + spike)
        x, r, slow = tl.load(axon + j), tl.load(trace + j), tl.load(mean + j)
        end = tl.load(start + j + 1)
        for here in range(tl.load(start + j), end, BLOCK):
            e = here + tl.arange(0, BLOCK)
            inside = e < end
            i = tl.load(jump + e, mask=inside, other=0) % num_nodes
            before = tl.load(loading + e, mask=inside, other=0.0)
            away = tl.load(deviation + i, mask=inside, other=0.0)
            z = (away - before * x) / tl.load(spread + i, mask=inside, other=1.0)
            z = tl.where(z < most, z, most)
            z = tl.where(z > -most, z, -most)
            change = eta * (z - before)
            after = before + change
            opposite = tl.load(weight + e, mask=inside, other=0.0) * after <= 0.0
            goal = tl.load(program + 2 * i + opposite.to(tl.int32), mask=inside, other=0.0)
            goal -= tl.load(delay + e, mask=inside, other=0.0)
            pulled = tl.load(pull + e, mask=inside, other=0.0)
            tl.store(loading + e, after, mask=inside)
            tl.store(pull + e, pulled + rate * (goal - pulled), mask=inside)
            added = (((change * r + after) * UNIT + MAGIC) - MAGIC).to(tl.int64)
            tl.atomic_add(units + i, added, mask=inside, sem="relaxed")
            added = ((change * slow * UNIT + MAGIC) - MAGIC).to(tl.int64)
            tl.atomic_add(units + num_nodes + i, added, mask=inside, sem="relaxed")


@triton.jit
def gather(clock, trace, total, total_mean, units, fired, num_nodes, depth, BLOCK: tl.constexpr):
    """Adds to the sums what :func:`learn` found, and the spikes of this step to the traces."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < num_nodes
    row = ((tl.load(clock + 2) + tl.load(clock + 1)) % depth).to(tl.int64)
    spike = tl.load(fired + row * num_nodes + i, mask=inside, other=0).to(tl.float64)
    tl.store(trace + i, tl.load(trace + i, mask=inside, other=0.0) + spike, mask=inside)
    zero = tl.full([BLOCK], 0, tl.int64)
    added = tl.load(units + i, mask=inside, other=0).to(tl.float64) / UNIT
    tl.store(total + i, tl.load(total + i, mask=inside, other=0.0) + added, mask=inside)
    tl.store(units + i, zero, mask=inside)
    added = tl.load(units + num_nodes + i, mask=inside, other=0).to(tl.float64) / UNIT
    tl.store(total_mean + i, tl.load(total_mean + i, mask=inside, other=0.0) + added, mask=inside)
    tl.store(units + num_nodes + i, zero, mask=inside)
