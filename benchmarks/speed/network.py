"""The network that every simulator runs, as an .npz of plain arrays.

N neurons with k outgoing edges each, 80 % of the neurons excitatory; targets (k different ones) and
delays (1 to 20 steps) are independent and uniform, weights spread by a half about their mean,
drives and first potentials are uniform. The rate lies between 10 and 20 Hz. Neuron j owns row j of
``target``, ``delay`` and ``weight`` ``[N, k]``. Potentials count from rest in units of the
threshold, and step t of 1 ms is

    u <- 0 where the neuron fired at t - 1
    u <- alpha u + (1 - alpha) drive + sum of the weights that arrive,   alpha = exp(-1 / TAU)
    fires where u >= 1; each spike arrives ``delay`` steps later
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TAU = 20.0
"""Time constant of the membrane, ms, with steps of 1 ms."""

COUPLING = 0.1
"""Mean weight of an excitatory edge, times the square root of k; inhibitory ones weigh 4 times."""

DRIVE = (0.9, 1.2)
"""Bounds of the constant drives; neurons below 1 fire only with the help of others."""


class Network(NamedTuple):
    """The arrays of one network: ``[N, k]`` for edges, ``[N]`` float32 for neurons."""

    target: NDArray[np.int32]
    delay: NDArray[np.int32]
    weight: NDArray[np.float32]
    drive: NDArray[np.float32]
    potential: NDArray[np.float32]


def make(num_nodes: int, degree: int, seed: int = 0, drive: float = 1.0) -> Network:
    """Draws a network; ``drive`` scales the drives, and with them the rate."""
    if degree > num_nodes:
        raise ValueError(f"{degree} different targets need as many neurons (got {num_nodes})")
    rng = np.random.default_rng(seed)
    shape = num_nodes, degree
    mean = np.where(np.arange(num_nodes) < 0.8 * num_nodes, 1.0, -4.0) * COUPLING / degree**0.5
    weight = mean[:, None] * rng.uniform(0.5, 1.5, shape)
    targets = [rng.choice(num_nodes, degree, replace=False) for _ in range(num_nodes)]
    return Network(
        target=np.stack(targets).astype(np.int32),
        delay=rng.integers(1, 21, shape, dtype=np.int32),
        # Multiples of a power of two are the same number in every simulator.
        weight=(np.round(weight * 2.0**24) * 2.0**-24).astype(np.float32),
        drive=(drive * rng.uniform(*DRIVE, num_nodes)).astype(np.float32),
        potential=rng.uniform(0.0, 1.0, num_nodes).astype(np.float32),
    )


def replay(network: Network, steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The equations above in double precision and plain numpy: steps and nodes of all spikes."""
    num_nodes = len(network.drive)
    alpha, depth = np.exp(-1.0 / TAU), int(network.delay.max()) + 1
    drive, u = (1.0 - alpha) * network.drive.astype(float), network.potential.astype(float)
    arriving, fires, fired = np.zeros(depth * num_nodes), np.zeros(num_nodes, dtype=bool), []
    for t in range(steps):
        now = arriving[t % depth * num_nodes :][:num_nodes]
        u = alpha * np.where(fires, 0.0, u) + drive + now
        now[:] = 0.0
        fires = u >= 1.0
        fired.append(np.flatnonzero(fires))
        place = (t + network.delay[fired[-1]]) % depth * num_nodes + network.target[fired[-1]]
        np.add.at(arriving, place, network.weight[fired[-1]])
    return np.repeat(np.arange(steps), [len(nodes) for nodes in fired]), np.concatenate(fired)


def save(path: Path, network: Network) -> None:
    np.savez(path, **network._asdict())


def load(path: Path) -> Network:
    with np.load(path, allow_pickle=False) as arrays:
        return Network(*(arrays[name] for name in Network._fields))
