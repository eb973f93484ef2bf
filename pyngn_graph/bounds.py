"""How far potentials may go: refused before a run where float32 might not hold them."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.grid import largest_input
from pyngn_graph.neuron import LIFParameters

LARGEST_POTENTIAL = 1e38
"""Largest potential that may be reached; float32 ends at 3.4e38."""

LONGEST_SUM = 1e9
"""Steps over which a neuron that does not leak is taken to add up its input."""


def check_potentials(
    neuron: LIFParameters, dt: float, data: Data, gain: float, current: float, start: float
) -> None:
    r"""Refuses a run in which a potential might overflow to infinity, and from there to NaN.

    Between two spikes a potential is at most

    .. math::
        |u_{rest}| + \max(|u_{reset}|, |u(0)|, |u_{rest}|) + |R|\,I
            + \frac{\gamma \max_i \sum_j |w_{ji}|}{1 - \alpha}

    Args:
        neuron: Parameters of the neurons.
        dt: Step, ms.
        data: The graph.
        gain: Largest gain :math:`\gamma` that a neuron may get.
        current: Largest external current I, in size.
        start: Largest potential to start from, in size.

    Raises:
        ValueError: If the bound lies beyond ``LARGEST_POTENTIAL``.
    """
    alpha, v_rest, v_reset, r_m, syn_alpha, syn_drive = neuron.extremes(dt)
    weights = largest_input(data)
    jump = gain * weights * syn_drive * _steps(syn_alpha)
    reach = v_rest + max(v_reset, start, v_rest) + r_m * current + jump * _steps(alpha)
    if not reach <= LARGEST_POTENTIAL:
        raise ValueError(
            f"Potentials may reach {reach:.3g}, beyond {LARGEST_POTENTIAL:g}, and overflow: "
            f"currents go to {current:.3g}, R to {r_m:.3g}, weights into a neuron to "
            f"{weights:.3g} and gains to {gain:.3g} in size; rescale 'bias', 'x', 'neuron' or "
            f"'edge_weight', or lower 'max_gain' of the astrocytes"
        )


def largest_size(value: Tensor | None) -> float:
    """The largest size in ``value``, 0 if it is empty or None."""
    return 0.0 if value is None or value.numel() == 0 else float(torch.abs(value).max())


def _steps(keep: float) -> float:
    """Over how many steps an input counts that decays by the factor ``keep``."""
    return LONGEST_SUM if 1.0 - keep < 1.0 / LONGEST_SUM else 1.0 / (1.0 - keep)
