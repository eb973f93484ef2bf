"""How fast this machine runs a reservoir: the same network on every backend, with and without glia.

A quick look for users; comparisons with other simulators stand in the folder ``benchmarks``.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pyngn_graph.generators import ErdosRenyi
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.recording import Recording
from pyngn_graph.reservoir import TriglialReservoir

PERIOD = 1000
"""Steps from tick to tick of the slow clock."""

VARIANTS: dict[str, tuple[str, Callable[[], list[GlialCell]]]] = {
    "event": ("event", list),
    "event, astrocytes": ("event", lambda: [_astrocyte()]),
    "event, all glia": ("event", lambda: [_astrocyte(), Oligodendrocyte(), Microglia()]),
    "reference": ("reference", list),
}
"""What is timed: backend and glia of each row."""


@dataclass(frozen=True)
class Timing:
    """One row of the table.

    Attributes:
        name: Backend and glia.
        realtime: Seconds of the model for one second of wall time, median of all rounds.
        events_per_second: Synaptic events for one second of CPU time, median of all rounds.
        rate: Mean firing rate, Hz.
        same_spikes: Whether the spikes are those of ``reference`` for as long as that runs; None
            where glia make it another network.
    """

    name: str
    realtime: float
    events_per_second: float
    rate: float
    same_spikes: bool | None


def bench(
    num_nodes: int = 1000,
    degree: int = 100,
    seconds: float = 1.0,
    rounds: int = 3,
    seed: int = 0,
) -> list[Timing]:
    """Times every variant on one network, in turns, on one thread.

    N neurons with ``degree`` inputs each, delays from distance, constant drives that differ from
    neuron to neuron. The first second, which compiles, lays the edges out and holds the first
    tick, is not counted. ``reference`` runs a tenth of the time.

    Args:
        num_nodes: Number of neurons N.
        degree: Mean number of inputs of a neuron.
        seconds: Model time of a round, s.
        rounds: Number of rounds.
        seed: Seed of the network.

    Raises:
        ValueError: If a size or a time is not positive.
    """
    if not seconds > 0.0 or seconds == float("inf") or rounds < 1:
        raise ValueError(
            f"A time in seconds > 0 and 1 round or more are needed (got {seconds} and {rounds})"
        )
    steps = max(10, round(1000 * seconds))
    weight = 0.5 / max(1, degree) ** 0.5
    graph = ErdosRenyi(num_nodes=num_nodes, degree=degree, weight=weight, seed=seed)()
    liquids = {
        name: TriglialReservoir(
            graph,
            glia=glia(),
            glia_period=PERIOD,
            hold=steps,
            bias=(0.9, 1.2),
            backend=backend,
            threads=1,
            seed=seed,
        )
        for name, (backend, glia) in VARIANTS.items()
    }
    for liquid in liquids.values():
        liquid.adapt(num_steps=PERIOD if liquid.glia else 1, progress=False)
    shared = steps // 10
    runs: dict[str, list[tuple[float, float, Recording]]] = {name: [] for name in liquids}
    for _ in range(rounds):
        for name, liquid in liquids.items():
            runs[name].append(_timed(liquid, shared if name == "reference" else steps))
    truth = runs["reference"][0][2].events
    return [_summary(name, found, truth, shared) for name, found in runs.items()]


def _astrocyte() -> Astrocyte:
    return Astrocyte(target_rate=15.0)


def _timed(liquid: TriglialReservoir, steps: int) -> tuple[float, float, Recording]:
    wall, cpu = time.perf_counter(), time.process_time()
    recording = liquid.adapt(num_steps=steps, progress=False)
    return time.perf_counter() - wall, time.process_time() - cpu, recording


def _summary(
    name: str, runs: list[tuple[float, float, Recording]], truth: torch.Tensor, shared: int
) -> Timing:
    recording = runs[0][2]
    same = None
    if not VARIANTS[name][1]():
        same = torch.equal(recording.events[recording.events[:, 1] < shared], truth)
    length = float(recording.lengths.sum()) * recording.dt / 1000.0
    return Timing(
        name,
        statistics.median(length / wall for wall, _, _ in runs),
        statistics.median(float(run.synaptic_events.sum()) / cpu for _, cpu, run in runs),
        float(recording.rates().mean()),
        same,
    )
