"""How many spikes a spike causes: the branching ratio, also where most neurons are not seen."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite
from pyngn_graph.checks import check_count

GRID = 200
"""Values of m from which the fit starts out."""


class BranchingRatio(NamedTuple):
    r"""Multistep regression of population activity.

    Attributes:
        m: Branching ratio per row of the activity, from the fit.
        naive: The conventional estimate, ``r[0]``; too low where only a part is observed.
        tau: Autocorrelation time :math:`-dt / \ln m`, ms.
        b: Amplitude of the fit, 1 for a fully observed branching process and below for a part;
            clearly above 1 the activity is none.
        r: Slopes of the regressions at lags 1, 2, ..., ``[K]``.
        fit: :math:`b\,m^k` at the same lags, ``[K]``; look whether it follows ``r``.
    """

    m: float
    naive: float
    tau: float
    b: float
    r: Tensor
    fit: Tensor


def branching_ratio(activity: Tensor, max_lag: int = 50, dt: float = 1.0) -> BranchingRatio:
    r"""Branching ratio of a driven population by multistep regression.

    A branching process, :math:`\langle A_{t+1} | A_t \rangle = m A_t + h`, has regression slopes

    .. math::
        r_k = \frac{\mathrm{Cov}(A_t, A_{t+k})}{\mathrm{Var}(A_t)} = b\, m^k

    with b = 1. Observing a random part of the units lowers b alone and leaves m, so that the slope
    at one lag (``naive``) is biased towards 0 and the decay over many is not. Covariances are those
    around the mean of all trials, m in (0, 1] and b minimize the squared error over the lags.

    The estimate holds for a stationary process below m = 1, in trials many times as long as its
    autocorrelation time. Input common to the neurons shows its
    own autocorrelation, and a saturated network is not critical because m is 1: drive by
    independent noise and look at the rate. With flat slopes near 0 the activity is memoryless and m
    arbitrary; b is then near 0.

    Args:
        activity: Population activity ``[T]`` or ``[B, T]``, say
            ``population_count(recording, 4)`` (a row should be about as long as the delay from
            spike to spike).
        max_lag: Longest lag K in rows, several times the autocorrelation time.
        dt: Length of a row, ms.

    Raises:
        ValueError: If ``activity`` is too short, not finite, or does not vary.

    Source: Wilting & Priesemann (2018), "Inferring collective dynamical states from widely
    unobserved systems".
    """
    check_count("max_lag", max_lag)
    if not 0.0 < dt < math.inf:
        raise ValueError(f"'dt' must be a positive number of ms (got {dt})")
    activity = as_finite("activity", activity, "cut all trials to the same length")
    if activity.dim() not in (1, 2) or activity.size(-1) < max_lag + 2:
        raise ValueError(
            f"'activity' must be [T] or [B, T] with T >= max_lag + 2 = {max_lag + 2} (got "
            f"{list(activity.shape)}); record longer trials or lower 'max_lag'"
        )
    a = activity.detach().double()
    a = a - a.mean()
    variance = a.square().mean()
    if float(variance) == 0.0:
        raise ValueError("'activity' must vary; a silent or clock-like network has no ratio")
    lags = range(1, max_lag + 1)
    r = torch.stack([(a[..., :-k] * a[..., k:]).mean() for k in lags]) / variance
    m, b = _fit(r)
    return BranchingRatio(
        m=m,
        naive=float(r[0]),
        tau=-dt / math.log(m) if m < 1.0 else math.inf,
        b=b,
        r=r,
        fit=b * m ** torch.arange(1.0, max_lag + 1, dtype=r.dtype, device=r.device),
    )


def _fit(r: Tensor) -> tuple[float, float]:
    """Values m in (0, 1] and b >= 0 with b m^k closest to the slopes ``r`` ``[K]``."""
    from scipy.optimize import minimize_scalar

    lag = torch.arange(1.0, r.numel() + 1, dtype=r.dtype, device=r.device)

    def amplitude(m: float) -> float:
        decay = m**lag
        return max(float(decay @ r / (decay @ decay)), 0.0)

    def error(m: float) -> float:
        return float((r - amplitude(m) * m**lag).square().sum())

    grid = [(i + 1) / GRID for i in range(GRID)]
    best = min(range(GRID), key=lambda i: error(grid[i]))
    low, high = max(grid[best] - 1 / GRID, 1e-6), min(grid[best] + 1 / GRID, 1.0)
    found = minimize_scalar(error, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    m = min((float(found.x), grid[best]), key=error)
    return m, amplitude(m)
