"""Whether two simulators did the same work, and what it cost."""

import statistics
from collections.abc import Iterable
from typing import Any

import numpy as np
from worker import Spikes

from benchmarks.report import spread


def agreement(found: Spikes, expected: Spikes, num_nodes: int, steps: int) -> dict[str, Any]:
    """How far two runs agree over the first ``steps``: counts, spikes, first difference."""
    inside = [spikes.step < steps for spikes in (found, expected)]
    counts, keys = [], []
    for spikes, chosen in zip((found, expected), inside, strict=True):
        counts.append(np.bincount(spikes.node[chosen], minlength=num_nodes))
        keys.append(spikes.step[chosen].astype(np.int64) * num_nodes + spikes.node[chosen])
    differing = np.setxor1d(*keys)
    either = max(1, np.union1d(*keys).size)
    return {
        "steps": steps,
        "equal_counts": float((counts[0] == counts[1]).mean()),
        "equal_spikes": 1.0 - differing.size / either,
        "total": [int(count.sum()) for count in counts],
        "first_difference": int(differing[0]) // num_nodes if differing.size else None,
    }


def versions(runs: Iterable[Any]) -> list[str]:
    """What took part in ``runs``, in words."""
    return sorted({run["about"] for run in runs})


def median(runs: list[Any], key: str, digits: int = 3) -> str:
    return f"{statistics.median(run[key] for run in runs):.{digits}g}"


def per_second(runs: list[Any], clock: str) -> str:
    """Median seconds for a second of the model."""
    return f"{statistics.median(1000 * run[clock] / run['steps'] for run in runs):.3g}"


def millions_per_second(runs: list[Any]) -> str:
    """Median millions of synaptic events per second of CPU."""
    return f"{statistics.median(1e-6 * run['synaptic_events'] / run['cpu'] for run in runs):.3g}"


def rate(run: Any) -> float:
    """Mean firing rate, Hz."""
    return 1000 * run["spikes"] / (run["num_nodes"] * run["steps"])


def ratio(runs: list[Any], base: list[Any], per: str = "steps") -> str:
    """CPU time for a step (event, ...) over that of ``base`` in the same round."""
    pairs = zip(runs, base, strict=True)
    return spread(run["cpu"] / run[per] * one[per] / one["cpu"] for run, one in pairs)
