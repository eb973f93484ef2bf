"""Is the reservoir dead, saturated or healthy, and what should be changed?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.neuron import LIFParameters

SILENT_RATE = 0.5
"""Mean rate in Hz below which a reservoir counts as dead."""

SATURATED_SHARE = 0.1
"""Share of all steps with a spike above which a reservoir counts as saturated."""

BOUND_SHARE = 0.2
"""Share of gains at a bound that deserves a warning."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of a reservoir in its last run.

    Attributes:
        verdict: ``"dead"``, ``"saturated"`` or ``"healthy"``.
        mean_rate: Mean firing rate, Hz.
        silent_share: Share of neurons that did not fire.
        low_gain_share: Share of gains at the lower bound of an astrocyte.
        high_gain_share: Share of gains at its upper bound.
        advice: What to change, one sentence each; empty if nothing.
    """

    verdict: str
    mean_rate: float
    silent_share: float
    low_gain_share: float
    high_gain_share: float
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
) -> Diagnosis:
    """Judges a run of ``num_steps`` steps in which the neurons fired ``counts`` ``[N]`` times."""
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
    return Diagnosis(verdict, mean * 1000.0 / dt, silent, low, high, tuple(advice))


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
            f"the target rate; raise 'rho' or lower the drive."
        )
    return advice


def _drive_advice(cell: Astrocyte, neuron: LIFParameters, bias: Tensor, dt: float) -> list[str]:
    """Compares the rate that the bias alone would cause with the target of the astrocyte."""
    settled = neuron.v_rest + neuron.r_m * bias.double()
    span = (settled - neuron.v_reset) / (settled - neuron.v_th).clamp(min=1e-12)
    interval = torch.as_tensor(neuron.tau_m) * span.log() + neuron.t_ref
    rate = torch.where(settled > neuron.v_th, dt / interval, 0.0)
    share = float((rate > cell.target(dt)).double().mean())
    if share <= BOUND_SHARE:
        return []
    return [
        f"The bias alone drives {share:.0%} of the neurons above the target rate, and they will "
        f"leave the recurrence; raise 'rho' or lower 'bias'."
    ]
