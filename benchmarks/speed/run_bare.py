"""Bare delivery and bare sensing of the recorded spikes in numba, and how memory streams: limits.

The spikes of ``event.npz``, no neurons and no time: each spike adds its k weights, as int32, to a
ring of future inputs, of twice as many rows as the longest delay has steps, as in the library, so
that no row wraps around. One kernel is the plain loop. The other asks for each entry of the ring
``AHEAD`` events before it is written, and for the edges of the neuron that comes next. Both must
leave the same ring. ``cpu`` is that of the faster one. ``sensing`` is what no glia that listen to
the spikes of both ends of an edge get around: each edge looks up one number for each spike of its
target, and adds it in order. The streaming triad is that of STREAM
(McCalpin), a = b + s c in float64, on arrays far beyond the cache.
"""

import argparse

import numba
import numpy as np
from network import Network
from numba import njit
from worker import Result, Spikes, Stopwatch, main, peak_memory

from pyngn_graph.backends.kernels import prefetch

AHEAD = 64
"""Synaptic events between asking for an entry of the ring and writing to it."""

LINE = 16
"""Entries of 4 bytes in a cache line."""

TRIAD = 2**23
"""Elements of each of the three arrays of the triad, 64 MiB."""


@njit
def plain(nodes, ends, num_nodes, degree, jump, units, ring):
    depth, first = ring.size // (2 * num_nodes), 0
    for t in range(ends.size):
        here = ring[t % depth * num_nodes :]
        for k in range(first, ends[t]):
            row = np.uint64(nodes[k] * degree)
            for e in range(row, row + np.uint64(degree)):
                here[np.uint64(jump[e])] += units[e]
        first = ends[t]


@njit
def prefetching(nodes, ends, num_nodes, degree, jump, units, ring):
    depth, ahead, first = ring.size // (2 * num_nodes), min(AHEAD, degree), 0
    for t in range(ends.size):
        here, last = ring[t % depth * num_nodes :], ends[t]
        for k in range(first, last):
            row = nodes[k] * degree
            # What follows this row: the next one, or the row itself once more at the end.
            next_row = nodes[min(k + 1, last - 1)] * degree
            if k + 2 < last:
                far = nodes[k + 2] * degree
                for e in range(far, far + min(degree, 8 * LINE), LINE):
                    prefetch(jump, e)
                    prefetch(units, e)
            for e in range(np.uint64(row), np.uint64(row + degree - ahead)):
                prefetch(here, np.int64(jump[e + np.uint64(ahead)]))
                here[np.uint64(jump[e])] += units[e]
            shift = next_row - row - degree + ahead
            for e in range(row + degree - ahead, row + degree):
                prefetch(here, np.int64(jump[e + shift]))
                here[np.uint64(jump[e])] += units[e]
        first = last


@njit
def sensing(nodes, ends, target, delay, health):
    """Adds to each edge, for each spike of its target, the time since the last spike to arrive."""
    num_nodes, degree = target.shape
    start, time = np.zeros(num_nodes + 2, np.int64), np.empty(nodes.size, np.int32)
    for j in nodes:
        start[j + 2] += 1
    start, first = start.cumsum(), 0
    for t in range(ends.size):
        for j in nodes[first : ends[t]]:
            time[start[j + 1]] = t
            start[j + 1] += 1
        first = ends[t]
    longest, ago = delay.max(), np.empty(ends.size + delay.max(), np.float32)
    for j in range(num_nodes):
        ago[:] = 0.0
        for n in range(start[j], start[j + 1]):
            until = time[n + 1] if n + 1 < start[j + 1] else ends.size
            for t in range(time[n], until):
                ago[longest + t] = np.float32(t - time[n])
        for k in range(degree):
            i, since, total = target[j, k], np.uint64(longest - delay[j, k]), health[j, k]
            for n in range(np.uint64(start[i]), np.uint64(start[i + 1])):
                total += ago[np.uint64(time[n]) + since]
            health[j, k] = total


@njit
def triad(a, b, c, s):
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


def stream() -> float:
    """GB/s of the triad, the best of some repetitions, as STREAM counts them."""
    a, b, c = np.zeros(TRIAD), np.ones(TRIAD), np.full(TRIAD, 2.0)
    triad(a, b, c, 3.0)
    times = []
    for _ in range(5):
        with Stopwatch() as watch:
            triad(a, b, c, 3.0)
        times.append(watch.wall)
    return 1e-9 * 3 * a.nbytes / min(times)


def simulate(network: Network, options: argparse.Namespace) -> Result:
    num_nodes, degree = network.target.shape
    spikes = Spikes.read(options.cache / "event.npz")
    with Stopwatch() as build:
        depth = int(network.delay.max())
        jump = (network.delay * num_nodes + network.target).ravel().astype(np.uint32)
        units = np.rint(network.weight.ravel() * 2.0**24).astype(np.int32)
        nodes = spikes.node.astype(np.int64)
        ends = np.searchsorted(spikes.step, np.arange(options.steps), side="right")
    watches, rings = {}, []
    for kernel in (plain, prefetching):
        ring = np.zeros(2 * depth * num_nodes, np.int32)
        kernel(nodes, ends[:1], num_nodes, degree, jump, units, ring)  # compiles
        ring[:] = 0
        with Stopwatch() as watches[kernel.__name__]:
            kernel(nodes, ends, num_nodes, degree, jump, units, ring)
        rings.append(ring)
    if not np.array_equal(*rings):
        raise RuntimeError("The two kernels differ")
    memory, best = peak_memory(), min(watches.values(), key=lambda watch: watch.cpu)
    health = np.zeros(network.target.shape, np.float32)
    sensing(nodes[: ends[0]], ends[:1], network.target, network.delay, health)  # compiles
    with Stopwatch() as watches["sensing"]:
        sensing(nodes, ends, network.target, network.delay, health)
    more = {name: watch.cpu for name, watch in watches.items()} | {"triad": stream()}
    about = f"numba {numba.__version__}, bare delivery"
    return Result(*spikes, build.cpu, best.cpu, best.wall, memory, about, more)


if __name__ == "__main__":
    main(simulate)
