"""What a constant current does to a neuron: the rate that it causes, and the bias for a rate."""

import torch
from torch import Tensor

from pyngn_graph.neuron import LIFParameters

SPREAD = 0.2
"""Half the width of a bias that is suggested, in units of the current that reaches threshold."""


def threshold_current(neuron: LIFParameters) -> float:
    """The constant current that just reaches the threshold, a mean over the neurons."""
    v_th, v_rest, r_m = (_mean(getattr(neuron, name)) for name in ("v_th", "v_rest", "r_m"))
    return (v_th - v_rest) / r_m if r_m else 0.0


def rates(current: Tensor, neuron: LIFParameters) -> Tensor:
    """The rate in Hz that each constant current ``[N]`` causes in its neuron, ``[N]`` float64."""
    names = ("v_rest", "r_m", "v_reset", "v_th", "tau_m", "t_ref")
    values = (torch.as_tensor(getattr(neuron, name)).to(current.device) for name in names)
    v_rest, r_m, v_reset, v_th, tau_m, t_ref = values
    settled = v_rest + r_m * current.double()
    span = (settled - v_reset) / (settled - v_th).clamp(min=1e-12)
    interval = tau_m * span.log() + t_ref
    return torch.where(settled > v_th, 1000.0 / interval, 0.0)


def bias_for(rate: float, neuron: LIFParameters) -> tuple[float, float] | None:
    """Bounds of a uniform bias that alone makes neurons fire at ``rate`` Hz on average.

    None where no current has such an effect: a threshold that lies not above rest.
    """
    unit = threshold_current(neuron)
    if not unit > 0.0:
        return None
    one = LIFParameters(
        *(_mean(getattr(neuron, name)) for name in ("tau_m", "v_th", "v_rest", "v_reset", "r_m"))
    )
    spread = torch.linspace(-SPREAD, SPREAD, 401, dtype=torch.float64)
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = (low + high) / 2.0
        if float(rates(unit * (middle + spread), one).mean()) < rate:
            low = middle
        else:
            high = middle
    return _short(unit * (high - SPREAD)), _short(unit * (high + SPREAD))


def _mean(value: float | Tensor) -> float:
    return float(torch.as_tensor(value, dtype=torch.float64).mean())


def _short(value: float) -> float:
    return float(f"{value:.3g}")
