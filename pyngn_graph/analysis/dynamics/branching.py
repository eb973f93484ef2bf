"""How many spikes a spike causes: the branching ratio, also where most neurons are not seen."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite
from pyngn_graph.checks import check_count
from pyngn_graph.notices import warn

GRID = 200
"""Values of m from which the fit starts out."""

LEAST_EVIDENCE = 15.0
"""Chi-squared that less than 1 in 1000 memoryless activities has, whichever m fits it best."""

LONGEST_MEMORY = 0.1
"""Largest part of a trial that may be its autocorrelation time."""

STRETCHES = 10
"""Stretches of time that are left out one by one."""


class BranchingRatio(NamedTuple):
    r"""Multistep regression of population activity.

    Attributes:
        m: Branching ratio per row of the activity, from the fit; NaN where there is none.
        naive: The conventional estimate, ``r[0]``; too low where only a part is observed.
        tau: Autocorrelation time :math:`-dt / \ln m`, ms.
        b: Amplitude of the fit, 1 for a fully observed branching process and below for a part;
            clearly above 1 the activity is none.
        r: Slopes of the regressions at lags 1, 2, ..., ``[K]``.
        fit: :math:`b\,m^k` at the same lags, ``[K]``; look whether it follows ``r``.
        interval: Bounds of m at 95 %, by leaving out each of 10 stretches of time; (0, 1), that
            is anything, where there is no m.
    """

    m: float
    naive: float
    tau: float
    b: float
    r: Tensor
    fit: Tensor
    interval: tuple[float, float] = (0.0, 1.0)


def branching_ratio(activity: Tensor, max_lag: int = 50, dt: float = 1.0) -> BranchingRatio:
    r"""Branching ratio of a driven population by multistep regression.

    A branching process, :math:`\langle A_{t+1} | A_t \rangle = m A_t + h`, has regression slopes

    .. math::
        r_k = \frac{\mathrm{Cov}(A_t, A_{t+k})}{\mathrm{Var}(A_t)} = b\, m^k

    with b = 1. Observing a random part of the units lowers b alone and leaves m, so that the slope
    at one lag (``naive``) is biased towards 0 and the decay over many is not. Covariances are those
    around the mean of all trials, m in (0, 1] and b minimize the squared error over the lags.

    The estimate holds for a stationary process below m = 1, in trials many times as long as its
    autocorrelation time. There is none, m is NaN, and a warning says so, where

    - the fit does not stand out of the slopes of memoryless activity, of variance 1 / T: their
      portmanteau statistic is below what 1 in 1000 of these has;
    - a constant fits as well: activity whose rate drifts, or trials of different rates, have flat
      slopes whatever m is, as those of lags much shorter than the autocorrelation time;
    - the autocorrelation time is more than a tenth of a trial.

    Input common to the neurons shows its own autocorrelation, and a saturated network is not
    critical because m is 1: drive by independent noise and look at the rate.

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
    a = a.reshape(-1, a.size(-1))
    r = _slopes(a, max_lag)
    m, b = _fit(r)
    lag = torch.arange(1.0, max_lag + 1, dtype=r.dtype, device=r.device)
    fit = b * m**lag
    why = _undefined(r, fit, m, a.numel(), a.size(1))
    if why:
        warn(f"There is no branching ratio: {why}")
    return BranchingRatio(
        m=math.nan if why else m,
        naive=float(r[0]),
        tau=math.nan if why else -dt / math.log(m),
        b=b,
        r=r,
        fit=fit,
        interval=(0.0, 1.0) if why else _interval(a, max_lag, m),
    )


def _slopes(a: Tensor, max_lag: int, kept: Tensor | None = None) -> Tensor:
    """Slopes ``[K]`` of deviations ``[B, T]`` from a mean, where both ends are ``kept`` ``[T]``."""
    kept = torch.ones_like(a[0], dtype=torch.bool) if kept is None else kept
    variance = a[:, kept].square().mean()
    pairs = [kept[:-k] & kept[k:] for k in range(1, max_lag + 1)]
    covariance = [
        (a[:, :-k][:, both] * a[:, k:][:, both]).mean() for k, both in enumerate(pairs, start=1)
    ]
    return torch.stack(covariance) / variance


def _undefined(r: Tensor, fit: Tensor, m: float, rows: int, length: int) -> str:
    """Why slopes ``r`` ``[K]`` over so many rows, in trials of that length, tell nothing of m."""
    explained = float(fit.square().sum())
    if rows * explained < LEAST_EVIDENCE:
        return "the activity is memoryless: no slope stands out of chance"
    # Slopes of activity with memory scatter more (Bartlett, 1946).
    flat = float((r - r.mean()).square().sum() - (r - fit).square().sum())
    if rows * flat / (1.0 + 2.0 * explained) < LEAST_EVIDENCE and r.numel() > 1:
        return "a constant fits the slopes as well: the rate drifts, or 'max_lag' is too short"
    if m >= 1.0 or -1.0 / math.log(m) > LONGEST_MEMORY * length:
        return "the autocorrelation time is no small part of a trial: the rate drifts"
    return ""


def _interval(a: Tensor, max_lag: int, m: float) -> tuple[float, float]:
    """Bounds of m at 95 % by the jackknife over stretches of time."""
    place = torch.arange(a.size(1), device=a.device) * STRETCHES // a.size(1)
    found = [_fit(_slopes(a, max_lag, place != part))[0] for part in range(STRETCHES)]
    spread = torch.tensor(found, dtype=torch.float64).var(correction=0).item()
    error = 1.96 * math.sqrt((STRETCHES - 1) * spread)
    return max(0.0, m - error), min(1.0, m + error)


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
