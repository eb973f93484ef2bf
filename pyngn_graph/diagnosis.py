"""Is the reservoir dead, saturated or healthy, and what should be changed?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Data

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
        advice: What to change, one sentence each; empty if nothing.
    """

    verdict: str
    mean_rate: float
    silent_share: float
    low_gain_share: float
    high_gain_share: float
    burst_variation: float | None
    external_rate: float | None
    advice: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"The reservoir is {self.verdict}: {self.mean_rate:.1f} Hz on average, "
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
    advice: list[str] = []
    for cell in astrocytes:
        low = float((data.gain <= torch.tensor(cell.min_gain)).double().mean())
        high = float((data.gain >= torch.tensor(cell.max_gain)).double().mean())
        advice += _gain_advice(cell, low, high)
        advice += _drive_advice(cell, neuron, bias, dt)
        if external is not None and external * dt / 1000.0 > cell.target(dt):
            advice.append(
                f"The input alone causes {external:.1f} Hz, above the target of "
                f"{cell.target(dt) * 1000.0 / dt:.1f} Hz, and the gains will fall to their lower "
                f"bound; raise 'rho' (see 'recipes.suggest_rho') or weaken the input."
            )
    variation = _burst_variation(population)
    if variation is not None and variation > BURST_VARIATION:
        advice.append(
            f"The population fires in bursts: its rate varies by {variation:.0%} of its mean; "
            f"raise the bias or the input, lower 'rho' or the weights."
        )
    if mean > SATURATED_SHARE:
        verdict = "saturated"
        remedy = "lower the weights, raise 't_ref'" if astrocytes else "add an Astrocyte"
        advice.append(f"Neurons fire in {mean:.0%} of all steps; {remedy}, or lower the bias.")
    elif mean * 1000.0 / dt < SILENT_RATE:
        verdict = "dead"
        advice.append("Hardly a spike; raise 'bias' or 'input_scale', or rescale the input.")
    else:
        verdict = "healthy"
        if silent > 0.5:
            advice.append("Most neurons never fire; spread the bias or reach more neurons.")
    rate = mean * 1000.0 / dt
    return Diagnosis(verdict, rate, silent, low, high, variation, external, tuple(advice))


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


def _gain_advice(cell: Astrocyte, low: float, high: float) -> list[str]:
    advice = []
    if high > BOUND_SHARE:
        advice.append(
            f"{high:.0%} of the gains sit at max_gain = {cell.max_gain}: these neurons cannot "
            f"reach the target rate; raise the bias, the weights or 'max_gain'."
        )
    if low > BOUND_SHARE:
        advice.append(
            f"{low:.0%} of the gains sit at min_gain = {cell.min_gain}: the drive alone exceeds "
            f"the target rate; raise 'rho', or lower 'bias' or 'input_scale'."
        )
    return advice


def _drive_advice(cell: Astrocyte, neuron: LIFParameters, bias: Tensor, dt: float) -> list[str]:
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
    return [
        f"The bias alone drives {share:.0%} of the neurons above the target rate, and they will "
        f"leave the recurrence; raise 'rho' or lower 'bias'."
    ]
