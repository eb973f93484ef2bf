"""How fast trajectories part: the Lyapunov exponent of finite perturbations."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite


class LyapunovExponent(NamedTuple):
    """Growth of the distance between two trajectories.

    Attributes:
        exponent: Mean of ``by_trial`` over the trials that have one, 1/ms; NaN if none has.
        by_trial: Slope of the logarithm of the distance, ``[B]``, 1/ms; NaN for a trial that is
            apart for less than two steps.
        distance: Euclidean distance at each step, ``[B, T]``.
    """

    exponent: float
    by_trial: Tensor
    distance: Tensor


def lyapunov_exponent(a: Tensor, b: Tensor, dt: float = 1.0) -> LyapunovExponent:
    r"""Largest Lyapunov exponent from two trajectories that start close to each other.

    .. math:: d(t) = \lVert a(t) - b(t) \rVert \approx d(0)\, e^{\lambda t}

    :math:`\lambda` is the least-squares slope of :math:`\ln d` over all steps given; those at which
    the trajectories are the same to the last bit are left out. Negative: the perturbation is
    forgotten; positive: it grows, until it is as large as the system, where the steps should end.

    In steps of ``dt`` a reset wipes out what is infinitesimal, and every network of such neurons
    contracts at the rate of its membranes as long as no spike moves. What tells order from chaos is
    whether a perturbation of finite size moves spikes, so that the size is part of the answer::

        shift = torch.full((B, N), 0.01)                              # potentials, in units of v
        one, two = perturb(reservoir, x, shift, at=500, record=("v",))
        lyapunov_exponent(one.traces["v"][:, 500:600], two.traces["v"][:, 500:600], one.dt)

    Args:
        a: Trajectory ``[T, K]`` or trajectories ``[B, T, K]``.
        b: The perturbed ones, of the same shape.
        dt: Time from row to row, ms.

    Raises:
        ValueError: If shapes differ, there are less than two rows, or values are not finite.

    Sources: Wolf, Swift, Swinney & Vastano (1985), "Determining Lyapunov exponents from a time
    series"; Legenstein & Maass (2007) for finite perturbations of spiking circuits.
    """
    cut = "cut it to the length of its trial"
    a, b = as_finite("a", a, cut), as_finite("b", b, cut)
    if a.shape != b.shape or a.dim() not in (2, 3) or a.size(-2) < 2:
        raise ValueError(
            f"'a' and 'b' must both be [T, K] or [B, T, K] with T >= 2 (got {list(a.shape)} and "
            f"{list(b.shape)})"
        )
    if not 0.0 < dt < math.inf:
        raise ValueError(f"'dt' must be a positive number of ms (got {dt})")
    distance = torch.linalg.vector_norm(a.detach().double() - b.detach().double(), dim=-1)
    distance = distance.reshape(-1, a.size(-2))
    apart = distance > 0
    weight = apart.double()
    count = weight.sum(dim=1, keepdim=True)
    log = torch.where(apart, distance, 1.0).log()
    t = dt * torch.arange(a.size(-2), dtype=torch.float64, device=a.device)
    t = t - (weight * t).sum(dim=1, keepdim=True) / count
    slope = (weight * t * log).sum(dim=1) / (weight * t.square()).sum(dim=1)
    slope = torch.where(count.squeeze(1) > 1, slope, torch.nan)
    return LyapunovExponent(float(slope.nanmean()), slope, distance)
