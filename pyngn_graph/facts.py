"""What is known of a graph and its last run, and what follows from it in numbers."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.drive import rates
from pyngn_graph.evidence import Activity, Response
from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.neuron import LIFParameters

PULL = 0.1
"""Mean current of the input, in units of what reaches the threshold, that counts as one."""

NUM_BINS = 25
"""Bins that are needed to look for bursts."""


@dataclass(frozen=True)
class Facts:
    """What is known of one graph and its last run, and what follows from it.

    Attributes:
        data: The graph.
        cell: Its astrocyte, the last one that acts on it, or None.
        neuron: Parameters of its neurons.
        bias: Their bias, ``[N]``.
        dt: Step, ms.
        activity: What the run left behind.
        response: How it answers to an input; None if that was not asked for.
        pool: What the reservoir reads.
        start: Where its trials begin.
    """

    data: Data
    cell: Astrocyte | None
    neuron: LIFParameters
    bias: Tensor
    dt: float
    activity: Activity
    response: Response | None = None
    pool: str | int = "last"
    start: str = "rest"

    @property
    def rate(self) -> float:
        """Mean rate of the run, Hz."""
        return float(self.activity.counts.double().mean()) / self.activity.steps * self.hertz

    @property
    def hertz(self) -> float:
        """A probability per step of 1, in Hz."""
        return 1000.0 / self.dt

    @property
    def target(self) -> float | None:
        """Target of the astrocytes, Hz."""
        return None if self.cell is None else self.cell.target(self.dt) * self.hertz

    @property
    def life_rate(self) -> float | None:
        """Mean rate in Hz when the astrocytes were last at work, from their calcium, if ever."""
        calcium = None if self.cell is None else self.data.get("calcium")
        if calcium is None or not bool(calcium.any()):
            return None
        return float(calcium.double().mean()) * self.hertz

    @property
    def settled_rate(self) -> float:
        """Of the rates on average and at the end of a life, the one that is nearer to the target.

        What comes before the gains have settled is not held against a life.
        """
        rate, end, target = self.rate, self.life_rate, self.target
        if not self.activity.adapted or end is None or target is None:
            return rate
        return min((rate, end), key=lambda each: abs(math.log(max(each, 1e-9) / target)))

    @property
    def silent_share(self) -> float:
        """Share of the neurons that did not fire."""
        return float((self.activity.counts == 0).double().mean())

    @property
    def held_down_share(self) -> float:
        """Share of the silent neurons that the input, on average, takes away from threshold."""
        silent = self.activity.counts == 0
        pull = None if self.response is None else self.response.pull
        if pull is None or not bool(silent.any()):
            return 0.0
        return float((pull[silent] < -PULL).double().mean())

    @property
    def external(self) -> float | None:
        """Mean rate in Hz that input and bias alone cause, if it was measured."""
        return None if self.response is None else float(self.response.external.mean())

    @property
    def bias_rates(self) -> Tensor:
        """Rate in Hz that the bias alone would cause in each neuron, ``[N]``."""
        return rates(self.bias, self.neuron)

    @property
    def own_rates(self) -> Tensor:
        """Rate in Hz of each neuron without recurrence: measured, or what the bias alone causes."""
        return self.bias_rates if self.response is None else self.response.external

    def gain_shares(self) -> tuple[float, float]:
        """Shares of the gains at the lower and at the upper bound."""
        if self.cell is None:
            return 0.0, 0.0
        gain = self.data.gain
        low, high = (torch.tensor(bound) for bound in (self.cell.min_gain, self.cell.max_gain))
        return float((gain <= low).double().mean()), float((gain >= high).double().mean())

    def burst_variation(self) -> float | None:
        """Standard deviation over mean of the spikes per bin, less what chance alone would give.

        Independent neurons of constant rates have the variance of a Poisson process, the mean.
        """
        number = self.activity.population.double()
        if number.numel() < NUM_BINS or not number.any():
            return None
        mean = float(number.mean())
        return math.sqrt(max(0.0, float(number.var()) - mean)) / mean
