"""Linear memory capacity: how much of its past input a reservoir still holds."""

import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.analysis.dynamics.rank import check_states, state_rank
from pyngn_graph.arrays import as_finite, as_tensor
from pyngn_graph.checks import check_count
from pyngn_graph.notices import warn
from pyngn_graph.readout import RidgeReadout

FEWEST = 10
"""Rows to train and to test on."""

DISCOVERY = 0.001
"""Share of the lags found that may be chance."""


class MemoryCapacity(NamedTuple):
    """Memory capacity ``total`` and what each lag 1, 2, ... adds to it, ``r2`` ``[max_lag]``."""

    total: float
    r2: Tensor


def memory_capacity(
    states: Tensor,
    u: Tensor,
    max_lag: int = 60,
    *,
    train_fraction: float = 0.75,
    washout: int = 0,
    floor: float | None = None,
    readout: RidgeReadout | None = None,
) -> MemoryCapacity:
    r"""How much of its past input a linear readout finds in the states of a reservoir.

    .. math::
        MC = \sum_{k=1}^{K} r_k^2, \qquad
        r_k = \mathrm{corr}(u(t-k), \hat u_k(t))

    where :math:`\hat u_k` is a ridge readout trained on the first part of the stream and
    :math:`r_k` is taken on the n rows of the rest. Chance is subtracted:
    :math:`1 - (1 - r_k^2)(n - 1)/(n - 2)` takes the place of :math:`r_k^2`, and a lag counts where
    its :math:`r_k` is positive and stands out of those of independent states, which follow a Beta
    distribution, by the rule of Benjamini & Hochberg over all lags at 1 in 1000: noise has 0. (n is
    less where the input follows itself, by the rule of Bartlett.) The
    total is at most the rank of the states, which it comes to by itself if the input is independent
    from sample to sample; a warning says where it does not.
    States are best taken once for each sample of the input::

        u = ng.tasks.uniform_input(4000, generator=g)
        states = reservoir.run(u, record=("state",), every=reservoir.setting.hold)
        memory_capacity(states.traces["state"][0], u)

    Args:
        states: States ``[T, F]``; row t was taken after sample t.
        u: Input ``[T]`` or ``[T, 1]``.
        max_lag: Longest lag K.
        train_fraction: Share of the rows that train the readout.
        washout: Rows dropped at the beginning (those without a past of ``max_lag`` always are).
        floor: What a lag must reach to count, instead of the test against chance.
        readout: The readout to train instead of ``RidgeReadout()``.

    Raises:
        ValueError: If shapes do not fit, or too few rows remain to train or to test on.

    Sources: Jaeger (2001), "Short term memory in echo state networks"; Dambre et al. (2012) for the
    bound; Benjamini & Hochberg (1995), "Controlling the false discovery rate".
    """
    check_count("max_lag", max_lag)
    states, u = check_stream(states, u)
    if not 0.0 < train_fraction < 1.0:
        raise ValueError(f"'train_fraction' must lie between 0 and 1 (got {train_fraction})")
    check_count("washout", washout, least=0)
    first = max(max_lag, washout)
    num_rows = u.numel() - first
    num_train = int(num_rows * train_fraction)
    if min(num_train, num_rows - num_train) < FEWEST:
        needed = first + math.ceil(FEWEST / min(train_fraction, 1.0 - train_fraction)) + 1
        raise ValueError(
            f"{u.numel()} samples leave {max(num_rows, 0)} rows behind 'max_lag' and 'washout', "
            f"too few to train and test on, {FEWEST} each at least; record {needed} samples, or "
            f"lower 'max_lag' and 'washout', or take train_fraction=0.75"
        )
    past = torch.stack([u[first - lag : u.numel() - lag] for lag in range(1, max_lag + 1)], dim=1)
    rows = states[first:]
    readout = RidgeReadout() if readout is None else readout
    with warnings.catch_warnings():  # that some lags are forgotten is what is asked here
        warnings.filterwarnings("ignore", "The best penalty|None of .* features")
        found = readout.fit(rows[:num_train], past[:num_train])(rows[num_train:])
    independent = _independent_rows(found, u)
    r2 = _above_chance(_correlation(found, past[num_train:]), independent, floor)
    total = float(r2.sum())
    if total > 1.0 and total > (rank := state_rank(rows - rows.mean(dim=0)).rank):
        warn(
            f"The lags add up to {total:.3g} for states of rank {rank}, so that 'u' is not "
            f"independent from sample to sample and lags share what they say; the total is "
            f"{rank}. Draw it by 'tasks.uniform_input'"
        )
        total = float(rank)
    return MemoryCapacity(total, r2)


def _independent_rows(found: Tensor, u: Tensor) -> Tensor:
    """What ``found`` ``[n, K]`` is worth in independent rows, ``[K]`` (Bartlett, 1946).

    That is n for an input ``u`` ``[T]`` that is independent from sample to sample.
    """
    n, u, found = len(found), u - u.mean(), found - found.mean(dim=0)
    power, inflation = float(u.square().mean()), torch.ones_like(found[0])
    variance = found.square().mean(dim=0).clamp(min=1e-300)
    for lag in range(1, n - 1):
        follows = float((u[:-lag] * u[lag:]).mean()) / power if power else 0.0
        if follows < 2.0 / len(u) ** 0.5:
            break
        inflation += 2.0 * follows * (found[:-lag] * found[lag:]).sum(dim=0) / n / variance
    return n / inflation.clamp(min=1.0)


def _above_chance(r: Tensor, num_rows: Tensor, floor: float | None) -> Tensor:
    """What correlations ``r`` over ``num_rows`` say beyond chance, all ``[K]``; 0 where nothing."""
    from scipy.special import betainc

    num_rows = num_rows.clamp(min=3.0)
    r2 = torch.where(r > 0, r.square(), 0.0)
    share = (1.0 - (1.0 - r2) * (num_rows - 1) / (num_rows - 2)).clamp(min=0.0)
    if floor is not None:
        return torch.where(share < floor, 0.0, share)
    freedom, unexplained = (num_rows - 2).cpu().numpy(), (1.0 - r2).clamp(min=0.0).cpu().numpy()
    p = torch.from_numpy(0.5 * betainc(freedom / 2, 0.5, unexplained)).to(r)
    p = torch.where(r > 0, p, 1.0)
    ordered, order = p.sort()
    rank = torch.arange(1, p.numel() + 1, dtype=p.dtype, device=p.device)
    passed = (ordered <= DISCOVERY * rank / p.numel()).nonzero()
    counts = torch.zeros_like(p, dtype=torch.bool)
    if passed.numel():
        counts[order[: int(passed[-1, 0]) + 1]] = True
    return torch.where(counts, share, 0.0)


def check_stream(states: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """``states`` ``[T, F]`` and their input ``u`` ``[T]``, or ``[T, 1]``, in float64.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite.
    """
    u = as_finite("u", u, "drop the rows that are not")
    states = as_tensor("states", states)
    u = u.squeeze(1) if u.dim() == 2 and u.size(1) == 1 else u
    if states.dim() != 2 or u.dim() != 1 or states.size(0) != u.size(0):
        raise ValueError(
            f"'states' must be [T, F] and 'u' [T] or [T, 1] (got {list(states.shape)} and "
            f"{list(u.shape)}); sample the states once per input sample"
        )
    return check_states(states), u.detach().double()


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of the columns of ``a`` and ``b`` ``[T, K]``; 0 where one does not vary."""
    a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    size = (a.square().sum(dim=0) * b.square().sum(dim=0)).sqrt()
    return torch.where(size > 0, (a * b).sum(dim=0) / size.clamp(min=1e-300), 0.0)
