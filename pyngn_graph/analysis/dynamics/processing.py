"""Information processing capacity: which functions of its past input a reservoir computes."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.analysis.dynamics.memory import check_stream
from pyngn_graph.analysis.dynamics.rank import noise_floor
from pyngn_graph.checks import check_count, is_count

ENTRIES = 2**22
"""Values of basis functions held in memory at a time."""


class ProcessingCapacity(NamedTuple):
    """What a linear readout can compute of the past input.

    Attributes:
        total: Sum over all functions.
        by_degree: Sum over the functions of each degree 1, 2, ..., ``[D]``.
        by_lag: The same, split by the longest lag 0, 1, ... of the functions, ``[D, K + 1]``; a row
            that has not come down to 0 at its end asks for a longer ``max_lag``.
        rank: Dimensions of the states, the bound of ``total``.
        threshold: Smallest share of a function's variance that counted.
        num_functions: Functions tried, ``[D]``.
    """

    total: float
    by_degree: Tensor
    by_lag: Tensor
    rank: int
    threshold: float
    num_functions: Tensor


def information_processing_capacity(
    states: Tensor,
    u: Tensor,
    max_degree: int = 3,
    max_lag: int | Sequence[int] = 20,
    *,
    washout: int = 0,
    p_value: float = 1e-4,
) -> ProcessingCapacity:
    r"""How much a linear readout can compute of the past input, over an orthogonal set of targets.

    For an input that is independent and uniform in [-1, 1], the products of normalized Legendre
    polynomials

    .. math::
        y_{d}(t) = \prod_{k=0}^{K} \sqrt{2 d_k + 1}\, P_{d_k}(u(t - k)), \qquad \sum_k d_k \le D

    are orthonormal. The capacity for one is the share of its variance that the best affine readout
    of the states explains, and the total over a complete set is at most the number of independent
    states: exactly that if the reservoir forgets its start and has no noise. Degree 1 is linear
    memory, with the present (lag 0) included.

    All rows train and none test, so that :math:`R^2` is biased upwards by about r / T for states of
    rank r. It is corrected, :math:`C = 1 - (1 - R^2)(T - 1)/(T - 1 - r)`, and counts only where
    :math:`R^2` exceeds the ``1 - p_value`` quantile of the Beta(r/2, (T - 1 - r)/2) distribution
    that it has for a target that is independent of the states. Functions of the very input that
    drives them are uncorrelated with the states but not independent, so that up to about ten times
    as many pass, each with little. What is truly there but below the threshold, about r / T, is
    lost: record many more samples than there are states.

    The number of functions of degree d grows as :math:`K^d / d!`: give high degrees short lags.
    States are best taken once for each sample of the input::

        u = ng.tasks.uniform_input(5000, generator=g)
        states = reservoir.run(u, record=("state",), every=reservoir.setting.hold)
        information_processing_capacity(states.traces["state"][0], u, 3, (60, 20, 10))

    Args:
        states: States ``[T, F]``; row t was taken after sample t.
        u: Input ``[T]`` or ``[T, 1]``, independent and uniform in [-1, 1].
        max_degree: Highest total degree D.
        max_lag: Longest lag K, or one for each degree.
        washout: Rows dropped at the beginning (those without a past of ``max_lag`` always are).
        p_value: Share of independent targets that would count by mistake.

    Raises:
        ValueError: If shapes do not fit, too few rows remain, or the input has another
            distribution.

    Source: Dambre, Verstraeten, Schrauwen & Massar (2012), "Information processing capacity of
    dynamical systems"; they take the chi-squared limit of the Beta distribution as null.
    """
    from scipy.special import betainccinv

    states, u = check_stream(states, u)
    check_count("max_degree", max_degree)
    lags = list(max_lag) if isinstance(max_lag, Sequence) else [max_lag] * max_degree
    if len(lags) != max_degree or not all(is_count(lag, 0) for lag in lags):
        raise ValueError(
            f"'max_lag' must be a whole number of samples >= 0, or {max_degree} of them, one for "
            f"each degree (got {max_lag!r})"
        )
    check_count("washout", washout, least=0)
    if not 0.0 < p_value < 1.0:
        raise ValueError(f"'p_value' must lie between 0 and 1 (got {p_value})")
    _check_uniform(u)
    longest = max(lags)
    first = max(longest, washout)
    basis, rank = _orthonormal(states[first:])
    num_rows = u.numel() - first
    if num_rows < rank + 3:
        raise ValueError(
            f"{u.numel()} samples leave {max(num_rows, 0)} rows behind 'max_lag' and 'washout', "
            f"too few for states of rank {rank}; record a longer stream"
        )
    freedom = num_rows - 1 - rank
    threshold = float(betainccinv(rank / 2, freedom / 2, p_value)) if rank else 1.0
    # past[d][k, t] is the normalized polynomial of degree d + 1 of u, k samples before row t.
    past = _legendre(u[first - longest :], max_degree).unfold(1, num_rows, 1).flip(1)
    by_lag = u.new_zeros(max_degree, longest + 1)
    count = torch.zeros(max_degree, dtype=torch.int64, device=u.device)
    for degree, powers, lag in _functions(lags, max(1, ENTRIES // num_rows)):
        lag = lag.to(u.device)
        y = past[powers[0] - 1, lag[:, 0]]
        for j, power in enumerate(powers[1:], start=1):
            y = y * past[power - 1, lag[:, j]]
        y = y - y.mean(dim=1, keepdim=True)
        r2 = (y @ basis).square().sum(dim=1) / y.square().sum(dim=1)
        share = 1.0 - (1.0 - r2) * (num_rows - 1) / freedom
        by_lag[degree - 1].index_add_(0, lag[:, -1], torch.where(r2 > threshold, share, 0.0))
        count[degree - 1] += lag.size(0)
    by_degree = by_lag.sum(dim=1)
    return ProcessingCapacity(float(by_degree.sum()), by_degree, by_lag, rank, threshold, count)


def _orthonormal(states: Tensor) -> tuple[Tensor, int]:
    """An orthonormal basis ``[T, r]`` of the centered states, and its size r."""
    floor = noise_floor(states, None) if states.numel() else 0.0
    left, values, _ = torch.linalg.svd(states - states.mean(dim=0), full_matrices=False)
    rank = int((values > floor).sum())
    return left[:, :rank], rank


def _legendre(u: Tensor, max_degree: int) -> Tensor:
    """Legendre polynomials of degree 1 to D of ``u`` ``[T]``, of unit variance, ``[D, T]``."""
    values = [torch.ones_like(u), u]
    for n in range(1, max_degree):
        values.append(((2 * n + 1) * u * values[n] - n * values[n - 1]) / (n + 1))
    return torch.stack([math.sqrt(2 * d + 1) * values[d] for d in range(1, max_degree + 1)])


def _functions(lags: list[int], size: int) -> Iterator[tuple[int, tuple[int, ...], Tensor]]:
    """All products, as degree, powers ``(p_1, ..., p_m)`` and ascending lags ``[S, m]``, in blocks.

    Column j of the lags says at which lag the polynomial of degree p_j stands.
    """
    for degree, longest in enumerate(lags, start=1):
        for powers in _compositions(degree):
            chosen = combinations(range(longest + 1), len(powers))
            while block := list(islice(chosen, size)):
                yield degree, powers, torch.tensor(block)


def _compositions(total: int) -> Iterator[tuple[int, ...]]:
    """All ways to write ``total`` as an ordered sum of whole numbers >= 1."""
    if total == 0:
        yield ()
    for first in range(1, total + 1):
        yield from ((first, *rest) for rest in _compositions(total - first))


def _check_uniform(u: Tensor) -> None:
    """Refuses an input whose first two moments are not those of U(-1, 1), within six sigma."""
    mean, power = float(u.mean()), float(u.square().mean())
    sigma = 1.0 / math.sqrt(u.numel())
    outside = float(u.abs().max()) > 1.0
    if outside or abs(mean) > 6 * 0.58 * sigma or abs(power - 1 / 3) > 6 * 0.3 * sigma:
        raise ValueError(
            f"'u' must be independent and uniform in [-1, 1] (got values in "
            f"{float(u.min()):.3g}..{float(u.max()):.3g}, mean {mean:.3g}, mean square "
            f"{power:.3g}); draw it by 'tasks.uniform_input', and give u of [low, high] as "
            f"2 (u - low) / (high - low) - 1"
        )
    follows = max(abs(float((u[:-k] * u[k:]).mean())) for k in range(1, min(6, u.numel())))
    if follows > 6 * sigma / 3:
        raise ValueError(
            f"'u' must be independent from sample to sample, but its values follow each other "
            f"(covariance {follows:.3g} at one of the first lags); draw it by 'tasks.uniform_input'"
        )
