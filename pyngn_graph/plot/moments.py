"""Which moments of a graph's life are worth a picture."""

import numpy as np

from pyngn_graph.history import TopologyLog


def distinct(log: TopologyLog) -> tuple[list[int], np.ndarray]:
    """The moments at which the live edges are not those of the moment before.

    Delays and gains do not count, as pictures of the wiring do not show them.

    Returns:
        The first moment, those of a change, and the last in place of the last change; and how many
        edges came, went, or fell silent or sound between each of them and the next.
    """
    counts = np.array([c.dropped.numel() + c.grown.numel() + c.switched for c in log.changes])
    changing = np.flatnonzero(counts)
    if not len(changing):
        return sorted({0, len(log) - 1}), np.zeros(min(1, len(log.changes)))
    return [0, *(int(k) + 1 for k in changing[:-1]), len(log) - 1], counts[changing].astype(float)


def chosen(log: TopologyLog, frames: int) -> list[int]:
    """``frames`` moments, the first to the last, with equal numbers of changes between them.

    A tick of very many changes counts for no more than the way from one picture to the next, so
    all moments differ; where there are too few of :func:`distinct`, some come twice.
    """
    moments, sizes = distinct(log)
    steps = frames - 1
    if not 0 < steps < sizes.size:
        places = np.linspace(0, sizes.size, frames).round().astype(int)
        return [moments[place] for place in places]
    # With the j largest at the cap, the cap is one of the other steps, which the rest share.
    largest, j = np.sort(sizes)[::-1], np.arange(steps)
    caps = (sizes.sum() - largest.cumsum() + largest)[:steps] / (steps - j)
    cap = caps[largest[:steps] <= caps][0] * (1.0 - 1e-9)  # less, so that no two goals share one
    passed = np.concatenate([[0.0], np.minimum(sizes, cap).cumsum()])
    goals = np.linspace(0.0, passed[-1], frames)
    return [moments[int(np.abs(passed - goal).argmin())] for goal in goals]
