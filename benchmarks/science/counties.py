"""Chickenpox in 20 counties: one liquid copied to each of them, and one readout for all.

A week lasts 20 ms. The state at the end of a week is to say the next week of its own county. The
last 52 weeks test; glia and readout know those before only, and the penalty of the readout is
chosen on the last fifth of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.controls import echo_state_network
from benchmarks.science.protocol import activity, stream
from benchmarks.science.raw import folder
from pyngn_graph.datasets import Chickenpox
from pyngn_graph.graph import keep_edges
from pyngn_graph.neuron import LIFParameters

LAGS, TEST = 4, 52
"""Weeks before the first target, and those tested on: 10 % of 517, as published."""

YEAR = 52
"""Weeks that the longest lines look back."""

HOLD = 20
"""Steps (ms) for which a week is held."""

TAUS = (20.0, 100.0)
"""Time constants of the states that the readout gets, ms."""

PASSES = 3
"""How often glia see the training weeks."""

ALPHAS = tuple(10.0 ** (k / 2) for k in range(-8, 5))


@dataclass(frozen=True)
class Counties:
    """A liquid of counties in plain values.

    Attributes:
        size: Neurons per county, a fifth of them inhibitory.
        degree: Synapses per neuron within a county, and again along each edge of the graph.
        weight: Mean excitatory jump, in units of the threshold.
        max_delay: Delays are drawn from 1 to this, ms.
        input_weight: Standard deviation of input weights.
        connected: Whether there are synapses at all.
        joined: Whether edges of the graph carry any.
        keep: Share of the synapses that random pruning leaves, before copies are made.
        astrocyte: Rule, or None for no astrocytes.
    """

    size: int = 50
    degree: float = 3.0
    weight: float = 0.2
    max_delay: int = 60
    input_weight: float = 1.0
    connected: bool = True
    joined: bool = True
    keep: float = 1.0
    astrocyte: str | None = None

    def graph(self, seed: int, edge_index: Tensor, num_places: int) -> Data:
        """The graph at birth, on the graph of counties ``edge_index`` ``[2, E]``."""
        both = ng.generators.ErdosRenyi(
            num_nodes=self.size,
            degree=2 * self.degree,
            weight=self.weight,
            delay="uniform",
            max_delay=self.max_delay,
            seed=seed,
        )()
        order = torch.randperm(both.num_edges, generator=stream(seed, "bridge"))
        half = both.num_edges // 2
        number = round(self.keep * half) if self.connected else 0
        population, bridge = (
            keep_edges(both, torch.isin(torch.arange(both.num_edges), part[:number]))
            for part in (order[:half], order[half:])
        )
        bridge = bridge if self.joined else None
        return ng.generators.replicate(population, edge_index, num_places, bridge)

    def states(self, seed: int, signal: Tensor, edge_index: Tensor, known: int) -> dict[str, Any]:
        """States ``[T, P, 2 m]`` at the ends of the weeks ``signal`` ``[T, P]``, and their cost.

        Astrocytes are at work on the first ``known`` weeks.
        """
        generator = stream(seed, "input")
        weight = self.input_weight * torch.randn(self.size, 1, generator=generator)
        bias = 0.7 + 0.4 * torch.rand(self.size, generator=generator)
        liquid = ng.SignalReservoir(
            self.graph(seed, edge_index, signal.size(1)),
            input_weight=weight,
            bias=bias,
            neuron=LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
            glia=[ng.Astrocyte(rule=self.astrocyte)] if self.astrocyte else [],
            hold=HOLD,
            tau_trace=TAUS,
            progress=False,
        )
        x = signal.unsqueeze(2)
        if self.astrocyte:
            liquid.adapt(x[:known].repeat(PASSES, 1, 1))
        recording = liquid.run(x)
        return {"states": liquid.states(recording)[0]} | activity(recording)


@cache
def data() -> Chickenpox:
    """All snapshots."""
    return Chickenpox(folder("pyg_temporal"), None, lags=LAGS)


def neighbors(data: Chickenpox) -> Tensor:
    """The graph ``[2, E]`` without edges from a county to itself: synapses within are those."""
    return data.edge_index[:, data.edge_index[0] != data.edge_index[1]]


def liquid(seed: int, nets: int = 1, **liquid: Any) -> dict[str, Any]:
    """Errors of liquids: one alone, one beside what lines are given, and the mean of several.

    Returns:
        ``mse`` of the first net alone, ``lags`` with the last 4 weeks beside its states, ``year``
        with the last 52 weeks and those of the neighbors; ``mean`` of the mean forecast of all
        ``nets``, each alone; ``validation`` of ``lags`` on the last fifth of the training weeks;
        of the first net rate in Hz, and synaptic events per ms.
    """
    ds = data()
    signal, edges = ds.signal, neighbors(ds)
    made = []
    for net in range(nets):
        known = len(signal) - TEST
        made.append(Counties(**liquid).states(1000 * seed + net, signal, edges, known))
    forecasts = torch.stack([forecast(each["states"], signal)[0] for each in made])
    states, rate, events = made[0].values()
    with_lags, error = forecast(torch.cat([states, window(signal, LAGS)], dim=2), signal)
    with_year, _ = forecast(torch.cat([states, year(signal, edges)], dim=2), signal, YEAR)
    return {
        "mse": mse(forecasts[0], signal),
        "lags": mse(with_lags, signal),
        "year": mse(with_year, signal),
        "mean": mse(forecasts.mean(dim=0), signal),
        "validation": error,
        "rate": rate,
        "events": events,
    }


def esn(seed: int, setting: Mapping[str, float], num_nodes: int = 100) -> dict[str, Any]:
    """Errors of an echo state network, the same one in every county; see :func:`liquid`."""
    ds = data()
    signal = ds.signal.double()
    network = echo_state_network(seed, num_nodes, **setting)
    states = torch.from_numpy(network.run(signal.t().unsqueeze(2).numpy())).transpose(0, 1)
    with_lags, error = forecast(torch.cat([states, window(signal, LAGS)], dim=2), signal)
    with_year = torch.cat([states, year(signal, neighbors(ds))], dim=2)
    return {
        "mse": mse(forecast(states, signal)[0], signal),
        "lags": mse(with_lags, signal),
        "year": mse(forecast(with_year, signal, YEAR)[0], signal),
        "validation": error,
    }


def linear(seed: int, lags: int, neighbor: bool = False) -> dict[str, Any]:
    """Error of a line through the last ``lags`` weeks, and through those of the neighbors' mean.

    It is the same for every seed, as nothing is drawn.
    """
    ds = data()
    series = [ds.signal, neighbor_mean(ds.signal, neighbors(ds))][: 1 + neighbor]
    features = torch.cat([window(each, lags) for each in series], dim=2)
    return {"mse": mse(forecast(features, ds.signal, lags)[0], ds.signal)}


def zero(seed: int) -> dict[str, Any]:
    """Error of always saying 0."""
    signal = data().signal
    return {"mse": mse(torch.zeros(TEST, signal.size(1)), signal)}


def year(signal: Tensor, edge_index: Tensor) -> Tensor:
    """What the best line is given, ``[T, P, 104]``: 52 weeks, and those of the neighbors' mean."""
    around = neighbor_mean(signal, edge_index)
    return torch.cat([window(signal, YEAR), window(around, YEAR)], dim=2)


def window(signal: Tensor, lags: int) -> Tensor:
    """The last ``lags`` weeks of each place, ``[T, P, lags]``, oldest first, zero before the first.

    Args:
        signal: ``[T, P]``.
        lags: Number of weeks.
    """
    padded = torch.cat([signal.new_zeros(lags - 1, signal.size(1)), signal])
    return padded.unfold(0, lags, 1)


def neighbor_mean(signal: Tensor, edge_index: Tensor) -> Tensor:
    """Mean ``[T, P]`` of ``signal`` over the sources of the edges into each place, 0 without."""
    source, target = edge_index
    count = torch.bincount(target, minlength=signal.size(1)).clamp(min=1)
    return torch.zeros_like(signal).index_add(1, target, signal[:, source]) / count


def forecast(features: Tensor, signal: Tensor, first: int = LAGS) -> tuple[Tensor, float]:
    """The last ``TEST`` weeks of all places, and the error on the weeks the penalty is chosen on.

    Args:
        features: ``[T, P, F]``; those of a week are to tell the next.
        signal: ``[T, P]``.
        first: The first week to learn to tell.
    """
    x, y = features[first - 1 : -1].double(), signal[first:].double()
    known = len(y) - TEST
    held = known - known // 5

    def fit(alpha: float, end: int) -> Callable[[Tensor], Tensor]:
        readout = ng.RidgeReadout(alpha).fit(x[:end].flatten(0, 1), y[:end].flatten())
        return lambda x: readout.predict(x.flatten(0, 1)).view(x.shape[:2])

    errors = {
        alpha: float((fit(alpha, held)(x[held:known]) - y[held:known]).square().mean())
        for alpha in ALPHAS
    }
    alpha = min(errors, key=lambda alpha: errors[alpha])
    return fit(alpha, known)(x[known:]), errors[alpha]


def mse(found: Tensor, signal: Tensor) -> float:
    """Mean squared error over the last weeks of ``signal`` and all places."""
    return float((found.double() - signal[-TEST:].double()).square().mean())
