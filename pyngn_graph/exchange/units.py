r"""Between the neurons here and those of NIR: which numbers mean the same step.

NIR writes differential equations, :math:`\tau \dot v = (v_{leak} - v) + R I`, and leaves the step
to who reads them. A clock-driven reader holds its inputs over a step h (a spike is 1 for one step)
and advances each node

.. math::
    v &\leftarrow v + (1 - e^{-h / \tau}) (v_{leak} - v + R I) && \text{"exact"} \\
    v &\leftarrow v + (h / \tau) (v_{leak} - v + R I)          && \text{"euler"}

Both are the step of :func:`~pyngn_graph.neuron.lif_step`, with :math:`\alpha = e^{-dt / \tau_m}`,
if :math:`\tau = \tau_m h / dt` for the first and :math:`\tau = h / (1 - \alpha)` for the second.
A spike over a weight w' then makes the potential jump by :math:`(1 - \alpha) R w'`, so that

.. math:: w' = \frac{\gamma w}{(1 - \alpha) R}

(:math:`w' R h / \tau = \gamma w` for "euler", and for "exact" to first order). A synaptic current
of time constant :math:`\tau_s` is a leaky integrator before the neuron, see :func:`synapse`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.neuron import LIFCoefficients, LIFParameters, Value

Array = NDArray[np.float64]

SOLVERS = ("exact", "euler")


def check_clock(solver: str, step: float, loop_steps: int) -> None:
    """Raises a ValueError if one of the three breaks its rule."""
    if solver not in SOLVERS:
        raise ValueError(f"Unknown solver {solver!r}; available: {list(SOLVERS)}")
    if not 0.0 < step < math.inf:
        raise ValueError(f"'step' must be positive, in seconds (got {step})")
    if loop_steps not in (0, 1):
        raise ValueError(
            f"'loop_steps' must be 1, for readers in which a loop takes a step by itself, or 0 for "
            f"those in which it takes none (got {loop_steps!r})"
        )


def coefficients(neuron: LIFParameters, dt: float, num_nodes: int) -> LIFCoefficients:
    """Those of the step, ``[N]`` in float64."""
    values = neuron.at(dt, torch.zeros(num_nodes, dtype=torch.float64))
    return LIFCoefficients(*(None if v is None else v.expand(num_nodes) for v in values))  # type: ignore[arg-type]


def per_neuron(value: Value | Tensor, num_nodes: int) -> Array:
    """One number for each neuron."""
    wide: Array = torch.as_tensor(value, dtype=torch.float64).expand(num_nodes).numpy()
    return wide.copy()


def written(tau: Array, dt: float, solver: str, step: float) -> Array:
    """A time constant in ms as NIR's, in seconds, for readers with that solver and step."""
    if solver == "exact":
        return tau * (step / dt)
    result: Array = -step / np.expm1(-dt / tau)
    return result


def read(tau: Array, dt: float, solver: str, step: float) -> Value:
    r"""The inverse of :func:`written`: ms.

    Raises:
        ValueError: If the reader could not take such steps: :math:`h \ge \tau` in "euler".
    """
    if solver == "exact":
        return as_value(tau * (dt / step))
    if (tau <= step).any():
        raise ValueError(
            f"A time constant of {tau.min()} s cannot be advanced by Euler's rule in steps of "
            f"{step} s; it must be longer"
        )
    return as_value(-dt / np.log1p(-step / tau))


def synapse(c: LIFCoefficients) -> Array:
    r"""Resistance of the leaky integrator that stands for the synaptic current, ``[N]``.

    Here a spike lifts the current by w and acts from the next step on, over which it decays; NIR's
    integrator is held constant over a step. With :math:`\beta = e^{-dt / \tau_s}` and
    :math:`\epsilon` the exact effect of a unit of current on the potential (``syn_drive``),

    .. math:: r = \frac{\epsilon}{(1 - \alpha) R\,(1 - \beta)}

    makes both the same; weights are then written as they are, and delays one step longer.
    """
    assert c.syn_alpha is not None
    assert c.syn_drive is not None
    r: Array = (c.syn_drive / (c.drive * (1.0 - c.syn_alpha))).numpy()
    return r


def as_value(values: Array) -> Value:
    """One number if all agree, else a float64 tensor; see :func:`tidied`."""
    values = tidied(np.asarray(values, dtype=np.float64))
    return float(values[0]) if (values == values[0]).all() else torch.from_numpy(values)


def tidied(values: Array) -> Array:
    """Undoes the rounding of a change of units.

    Where a float32 number, or a decimal of at most 12 digits, lies within a few units of the last
    place, it was that.
    """
    near = 8 * np.spacing(np.abs(values))
    decimal = np.array([float(f"{value:.12g}") for value in values])
    single = values.astype(np.float32).astype(np.float64)
    values = np.where(np.abs(single - values) <= near, single, values)
    return np.where(np.abs(decimal - values) <= near, decimal, values)
