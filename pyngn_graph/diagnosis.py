"""Is the reservoir dead, saturated or healthy, and what should be changed?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.advice import (
    BIAS,
    INPUT,
    MAX_GAIN,
    RHO,
    T_REF,
    WEIGHTS,
    Cause,
    advised,
    by_severity,
)
from pyngn_graph.checks import MAX_COUNT
from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.probe import Probe

if TYPE_CHECKING:
    from pyngn_graph.reservoir import TriglialReservoir

SILENT_RATE = 0.5
"""Mean rate in Hz below which a reservoir counts as dead."""

SATURATED_SHARE = 0.1
"""Share of all steps with a spike above which a reservoir counts as saturated."""

BOUND_SHARE = 0.2
"""Share of gains at a bound that deserves a warning."""

BIN, ONSET, NUM_BINS = 20.0, 100.0, 25
"""Bursts are looked for in bins of so many ms, after the first ms of each trial, if there are so
many bins."""

BURST_VARIATION = 1.0
"""Coefficient of variation of the population rate, chance taken off, from which it bursts."""

LESS_DRIVE = (("raise", RHO), ("lower", BIAS), ("lower", INPUT))
STEADIER = (("raise", BIAS), ("raise", INPUT), ("lower", RHO), ("lower", WEIGHTS))
CALMER = (("lower", BIAS), ("lower", WEIGHTS), ("raise", T_REF))

WHOLE, BURSTS = 2.0, 0.5
"""Severity of what is wrong with the reservoir as a whole, and of bursts: as if half of the gains
were at a bound."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of a reservoir in its last run.

    Attributes:
        verdict: ``"dead"``, ``"saturated"`` or ``"healthy"``.
        mean_rate: Mean firing rate, Hz.
        silent_share: Share of neurons that did not fire.
        low_gain_share: Share of gains at the lower bound of an astrocyte.
        high_gain_share: Share of gains at its upper bound.
        burst_variation: Coefficient of variation of the population rate, chance taken off; None
            where the run kept no spikes or was too short.
        external_rate: Rate that the input alone causes, Hz; None if it was not asked for.
        concern: What is gravest, a clause; empty if nothing is amiss.
        advice: What to change, one sentence each, the gravest first; empty if nothing. None of
            them raises what another lowers.
    """

    verdict: str
    mean_rate: float
    silent_share: float
    low_gain_share: float
    high_gain_share: float
    burst_variation: float | None
    external_rate: float | None
    concern: str
    advice: tuple[str, ...]

    def __str__(self) -> str:
        but = self.verdict == "healthy" and self.concern
        verdict = f"healthy in its rate, but {self.concern}" if but else self.verdict
        lines = [
            f"The reservoir is {verdict}: {self.mean_rate:.1f} Hz on average, "
            f"{self.silent_share:.0%} of the neurons silent, {self.low_gain_share:.0%} of the "
            f"gains at their lower and {self.high_gain_share:.0%} at their upper bound."
        ]
        return "\n".join([*lines, *(f"- {sentence}" for sentence in self.advice)])


def diagnose(
    data: Data,
    glia: Sequence[Any],
    neuron: LIFParameters,
    bias: Tensor,
    dt: float,
    counts: Tensor,
    num_steps: int,
    population: Tensor,
    external: float | None = None,
) -> Diagnosis:
    """Judges a run of ``num_steps`` steps in which the neurons fired ``counts`` ``[N]`` times.

    ``population`` is what :func:`binned` made of the run, ``external`` the :func:`external_rate`.
    """
    per_step = counts.double() / num_steps
    mean, silent = float(per_step.mean()), float((counts == 0).double().mean())
    astrocytes = [cell for cell in glia if isinstance(cell, Astrocyte)]
    low = high = 0.0
    causes: list[Cause] = []
    for cell in astrocytes:
        low = float((data.gain <= torch.tensor(cell.min_gain)).double().mean())
        high = float((data.gain >= torch.tensor(cell.max_gain)).double().mean())
        causes += _of_gains(cell, low, high)
        causes += _of_bias(cell, neuron, bias, dt)
        causes += _of_input(cell, external, dt)
    variation = _burst_variation(population)
    if variation is not None and variation > BURST_VARIATION:
        meaning = f": its rate varies by {variation:.0%} of its mean"
        causes.append(Cause(BURSTS, "the population fires in bursts", STEADIER, meaning))
    if mean > SATURATED_SHARE:
        verdict, seen = "saturated", f"neurons fire in {mean:.0%} of all steps"
        if astrocytes:
            causes.append(Cause(WHOLE, seen, CALMER))
        else:
            causes.append(Cause(WHOLE, seen, CALMER[:1], other="add an Astrocyte"))
    elif mean * 1000.0 / dt < SILENT_RATE:
        verdict = "dead"
        causes.append(Cause(WHOLE, "hardly a spike", (("raise", BIAS), ("raise", INPUT))))
    else:
        verdict = "healthy"
        if silent > 0.5:
            remedy = "spread 'bias' or reach more neurons with the input"
            causes.append(Cause(silent, "most neurons never fire", other=remedy))
    concern = by_severity(causes)[0].seen if causes else ""
    rate = mean * 1000.0 / dt
    return Diagnosis(
        verdict, rate, silent, low, high, variation, external, concern, advised(causes)
    )


def external_rate(
    reservoir: "TriglialReservoir", x: Tensor, lengths: Tensor | None = None
) -> float:
    """The mean rate h, in Hz, that input and bias alone cause: no spike reaches another neuron.

    The reservoir itself is not run. ``x`` and ``lengths`` are as for the reservoir.
    """
    data, setting = reservoir.graph, reservoir.setting
    alone = type(reservoir)(
        Data(
            num_nodes=data.num_nodes,
            edge_index=data.edge_index[:, :0],
            edge_weight=data.edge_weight[:0],
            edge_delay=data.edge_delay[:0],
        ),
        in_channels=reservoir.in_channels,
        neuron=setting.neuron,
        dt=setting.dt,
        hold=setting.hold,
        input_weight=reservoir.input_weight,
        bias=reservoir.bias,
        backend=setting.backend,
        threads=setting.threads,
    )
    alone(x, lengths)
    return alone.diagnose().mean_rate


def binned(probe: Probe, dt: float) -> Tensor:
    """Spikes of all neurons in each bin of ``BIN`` ms of each trial, after ``ONSET``, ``[K]``.

    Bins are whole; there are none if the probe kept no spikes.
    """
    width, onset = (min(round(time / dt), MAX_COUNT) for time in (BIN, ONSET))
    width = max(1, width)
    whole = ((probe.lengths - onset) // width).clamp(min=0)
    if not probe.events:
        return whole[:0]
    parts = (part[:3] for part in probe.events)
    trial, step, counts = (torch.cat(each) for each in zip(*parts, strict=True))
    place = (step - onset) // width
    inside = (place >= 0) & (place < whole[trial])
    place = (whole.cumsum(0) - whole)[trial] + place
    total = torch.zeros(int(whole.sum()), dtype=torch.int64, device=whole.device)
    return total.index_add(0, place[inside], counts[inside])


def _burst_variation(population: Tensor) -> float | None:
    """Standard deviation over mean of the spikes per bin, less what chance alone would give.

    Independent neurons of constant rates have the variance of a Poisson process, the mean.
    """
    if population.numel() < NUM_BINS or not population.any():
        return None
    number = population.double()
    mean = float(number.mean())
    return math.sqrt(max(0.0, float(number.var()) - mean)) / mean


def _of_gains(cell: Astrocyte, low: float, high: float) -> list[Cause]:
    causes = []
    if high > BOUND_SHARE:
        seen = f"{high:.0%} of the gains sit at max_gain = {cell.max_gain}"
        turns = (("raise", BIAS), ("raise", WEIGHTS), ("raise", MAX_GAIN), ("lower", RHO))
        causes.append(Cause(high, seen, turns, ": these neurons cannot reach the target rate"))
    if low > BOUND_SHARE:
        seen = f"{low:.0%} of the gains sit at min_gain = {cell.min_gain}"
        meaning = ": the drive alone exceeds the target rate"
        causes.append(Cause(low, seen, LESS_DRIVE, meaning))
    return causes


def _of_bias(cell: Astrocyte, neuron: LIFParameters, bias: Tensor, dt: float) -> list[Cause]:
    """Compares the rate that the bias alone would cause with the target of the astrocyte."""
    names = ("v_rest", "r_m", "v_reset", "v_th", "tau_m", "t_ref")
    values = (torch.as_tensor(getattr(neuron, name)).to(bias.device) for name in names)
    v_rest, r_m, v_reset, v_th, tau_m, t_ref = values
    settled = v_rest + r_m * bias.double()
    span = (settled - v_reset) / (settled - v_th).clamp(min=1e-12)
    interval = tau_m * span.log() + t_ref
    rate = torch.where(settled > v_th, dt / interval, 0.0)
    share = float((rate > cell.target(dt)).double().mean())
    if share <= BOUND_SHARE:
        return []
    seen = f"the bias alone drives {share:.0%} of the neurons above the target rate"
    turns = (("raise", RHO), ("lower", BIAS))
    return [Cause(share, seen, turns, ", and they will leave the recurrence")]


def _of_input(cell: Astrocyte, external: float | None, dt: float) -> list[Cause]:
    """Compares the rate that the input alone causes with the target of the astrocyte."""
    if external is None or external * dt / 1000.0 <= cell.target(dt):
        return []
    target = cell.target(dt) * 1000.0 / dt
    seen = f"the input alone causes {external:.1f} Hz, above the target of {target:.1f} Hz"
    meaning = ", and the gains will fall to their lower bound (see 'recipes.suggest_rho')"
    return [Cause(1.0, seen, LESS_DRIVE, meaning)]
