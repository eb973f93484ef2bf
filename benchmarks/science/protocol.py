"""The liquid of all tables and what it is asked: built, adapted unlabeled, frozen, then read.

Neurons on a cubic lattice (tau_m 30 ms, refractory 2 ms, floor -2, bias U(0.7, 1.1)), one input
channel to all of them with weights N(0, 1), held for 10 ms per sample. Glia are at work only while
the liquid adapts, to an input of its own, U(-1, 1). All liquids of a seed get the same inputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph import tasks
from pyngn_graph.analysis.dynamics import memory_capacity
from pyngn_graph.glia import Coherence, FixedDelays, Hub, MatchedRandom, Winner
from pyngn_graph.glia.oligodendrocyte import graded
from pyngn_graph.glia.pruning import health
from pyngn_graph.graph import alive, num_live
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.recording import Recording

HOLD = 10
"""Steps (ms) for which a sample is held; glia other than astrocytes act every second."""

WASHOUT, TEST = 200, 1000
"""Samples before training begins, and those tested on."""

SERIES = ("memory", "narma10", "mackey_glass")
"""What a time series can be used to ask."""

DELAY_RULES = {
    "graded": lambda seed: graded,
    "coherence": lambda seed: Coherence(seed=seed),
    "coherence, long": lambda seed: Coherence(shape=2.0, seed=seed),
    "uniform": lambda seed: FixedDelays("uniform", seed),
    "sqrt": lambda seed: FixedDelays("sqrt", seed),
    "two": lambda seed: FixedDelays("two", seed),
}
"""Rules of oligodendrocytes; the last three are controls that draw all delays once."""

CRITERIA = {
    "threshold": "threshold",
    "health": health,
    "relative": "relative",
    "weight": "weight",
    "random": "random",
    "winner": Winner(),
    "winner, long": Winner(long_delay=0.5),
    "hub": Hub(),
    "hub, long": Hub(long_delay=0.5),
    "random, equal": MatchedRandom(Winner()),
}
"""What microglia prune by; ``"random, equal"`` has the E and I counts of ``"winner"``."""

States = Callable[[Tensor], Tensor]
"""From an input ``[T, 1]``, or trials ``[B, T, C]``, to states ``[T, F]``, or ``[B, F]``."""


@dataclass(frozen=True)
class Liquid:
    """A liquid and its glia in plain values.

    Attributes:
        num_nodes: Neurons.
        degree: Mean in-degree at birth.
        weight: Mean excitatory jump, in units of the threshold.
        max_delay: Longest delay that oligodendrocytes give, ms; at birth delays grow with distance.
        connected: Whether edges are alive; if not, all are masked.
        astrocyte: Rule, or None for no astrocytes.
        eta: Learning rate of the astrocytes; None for that of the rule.
        oligodendrocyte: One of ``DELAY_RULES``, or None.
        microglia: One of ``CRITERIA``, or None.
        keep: Share of edges at which microglia stop; None: as the criterion has it.
        adapt: Time for which the glia are at work, s.
    """

    num_nodes: int = 512
    degree: float = 8.0
    weight: float = 0.2
    max_delay: int = 100
    connected: bool = True
    astrocyte: str | None = None
    eta: float | None = None
    oligodendrocyte: str | None = None
    microglia: str | None = None
    keep: float | None = None
    adapt: float = 40.0

    def graph(self, seed: int) -> Data:
        """The graph at birth."""
        tissue = ng.generators.Tissue(
            num_nodes=self.num_nodes, degree=self.degree, weight=self.weight, seed=seed
        )
        data = tissue()
        if not self.connected:
            data.edge_mask = torch.zeros(data.num_edges, dtype=torch.bool)
        return data

    def glia(self, seed: int) -> list[ng.GlialCell]:
        """The glia, in the order of their action."""
        cells: list[ng.GlialCell] = []
        if self.astrocyte:
            # Where a single input is left, light weights need gains above the default bound.
            cells.append(ng.Astrocyte(rule=self.astrocyte, eta=self.eta, max_gain=1e4))
        if self.oligodendrocyte:
            rule = DELAY_RULES[self.oligodendrocyte](seed)
            cells.append(ng.Oligodendrocyte(rule=rule, max_delay=self.max_delay))
        if self.microglia:
            criterion = CRITERIA[self.microglia]
            cells.append(ng.Microglia(criterion=criterion, keep=self.keep, seed=seed))
        return cells

    def reservoir(
        self, seed: int, in_channels: int = 1, graph: Data | None = None, **options: Any
    ) -> ng.TriglialReservoir:
        """The reservoir at birth, or on a ``graph`` that has lived already."""
        return ng.TriglialReservoir(
            self.graph(seed) if graph is None else graph,
            in_channels=in_channels,
            neuron=LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
            glia=self.glia(seed),
            seed=seed,
            **options,
        )

    def adapted(self, seed: int) -> ng.TriglialReservoir:
        """The reservoir once its glia have been at work on an input of their own."""
        reservoir = self.reservoir(seed, hold=HOLD)
        if reservoir.glia:
            samples = round(1000.0 * self.adapt / HOLD)
            u = tasks.uniform_input(samples, generator=stream(seed, "adaptation"))
            reservoir.adapt(u, progress=False)
        return reservoir


def stream(seed: int, name: str) -> torch.Generator:
    """The random stream of one purpose; streams and seeds are independent of each other."""
    mixed = np.random.SeedSequence(seed, spawn_key=tuple(name.encode()))
    return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))


def series(
    seed: int,
    measures: Sequence[str] = SERIES,
    max_lag: int = 200,
    train: int = 3000,
    **liquid: Any,
) -> dict[str, Any]:
    """What an adapted liquid remembers and computes, and what that costs.

    Returns:
        What :func:`scores` returns; rate in Hz, synaptic events per ms, live edges of both kinds,
        share of gains at a bound.
    """
    reservoir = Liquid(**liquid).adapted(seed)
    found: dict[str, Any] = {}

    def states(u: Tensor) -> Tensor:
        recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
        found.update(activity(recording) if not found else {})
        return recording.traces["state"][0]

    return scores(states, seed, measures, max_lag, train) | found | composition(reservoir.graph)


def activity(recording: Recording) -> dict[str, float]:
    """Mean rate in Hz, and synaptic events per ms."""
    events = float(recording.synaptic_events.double().mean())
    return {"rate": float(recording.rates().mean()), "events": events}


def composition(data: Data) -> dict[str, float]:
    """Live edges of both kinds, and the share of gains at a bound."""
    inhibitory = int((alive(data) & (data.edge_weight < 0)).sum())
    found: dict[str, float] = {"edges": num_live(data), "inhibitory": inhibitory}
    if "gain" in data:
        found["bound"] = float(((data.gain <= 0.01) | (data.gain >= 1e4)).double().mean())
    return found


def scores(
    states: States, seed: int, measures: Sequence[str], max_lag: int, train: int
) -> dict[str, Any]:
    """What a ridge readout finds in the ``states`` of any system.

    Series are scaled to mean and standard deviation of U(-1, 1), the input of the adaptation.

    Returns:
        Of ``measures``: ``memory`` (capacity over lags 1 to ``max_lag``) and ``r2`` by lag, to the
        last that is not 0; ``narma10`` and ``mackey10``, ``mackey50`` (10 and 50 samples ahead),
        NRMSE.
    """
    found: dict[str, Any] = {}
    length = WASHOUT + train + TEST
    if "memory" in measures:
        u = tasks.uniform_input(max_lag + train + TEST, generator=stream(seed, "memory"))
        found |= capacity(states(u), u, max_lag, train, TEST)
    if "narma10" in measures:
        u, y = tasks.narma10(length, generator=stream(seed, "narma10"))
        found["narma10"] = _error(states(4.0 * u - 1.0), y.unsqueeze(1))
    if "mackey_glass" in measures:
        x = tasks.mackey_glass(length + 50, generator=stream(seed, "mackey_glass"))
        u = (x[:length, None] - x.mean()) / (x.std() * 3.0**0.5)
        seen = states(u.float())
        for ahead in (10, 50):
            found[f"mackey{ahead}"] = _error(seen, x[ahead : ahead + length, None])
    return found


def capacity(states: Tensor, u: Tensor, max_lag: int, train: int, test: int) -> dict[str, Any]:
    """``memory``, the capacity over lags 1 to ``max_lag``, and ``r2`` by lag, to the last not 0.

    Of the samples behind the first ``max_lag``, ``train`` train the readout and ``test`` test it.
    """
    share = (train + 0.5) / (train + test)
    found = memory_capacity(states, u, max_lag, train_fraction=share)
    known = int(found.r2.count_nonzero() and found.r2.nonzero().max() + 1)
    return {"memory": found.total, "r2": [round(r2, 4) for r2 in found.r2[:known].tolist()]}


def _error(states: Tensor, y: Tensor) -> float:
    """NRMSE of a readout on the last ``TEST`` rows, trained on those before."""
    states, y = states[WASHOUT:], y[WASHOUT:].double()
    readout = ng.RidgeReadout().fit(states[:-TEST], y[:-TEST])
    return tasks.nrmse(readout(states[-TEST:].double()), y[-TEST:])
