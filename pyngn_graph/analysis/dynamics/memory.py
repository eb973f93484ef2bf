"""Linear memory capacity: how much of its past input a reservoir still holds."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.analysis.dynamics.rank import check_states
from pyngn_graph.arrays import as_finite, as_tensor
from pyngn_graph.checks import check_count
from pyngn_graph.readout import RidgeReadout


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
    floor: float = 0.005,
    readout: RidgeReadout | None = None,
) -> MemoryCapacity:
    r"""How much of its past input a linear readout finds in the states of a reservoir.

    .. math::
        MC = \sum_{k=1}^{K} r_k^2, \qquad
        r_k = \mathrm{corr}(u(t-k), \hat u_k(t))

    where :math:`\hat u_k` is a ridge readout trained on the first part of the stream and
    :math:`r_k^2` is taken on the rest. For an i.i.d. input it is at most the number of states.
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
        floor: An :math:`r_k^2` below this counts as 0: 1000 test rows of pure noise give about
            .001 to .005 per lag.
        readout: The readout to train instead of ``RidgeReadout()``.

    Raises:
        ValueError: If shapes do not fit or too few rows remain.

    Source: Jaeger (2001), "Short term memory in echo state networks".
    """
    check_count("max_lag", max_lag)
    states, u = check_stream(states, u)
    if not 0.0 < train_fraction < 1.0:
        raise ValueError(f"'train_fraction' must lie between 0 and 1 (got {train_fraction})")
    check_count("washout", washout, least=0)
    first = max(max_lag, washout)
    num_rows = u.numel() - first
    num_train = int(num_rows * train_fraction)
    if num_train < 2 or num_rows - num_train < 2:
        raise ValueError(
            f"{u.numel()} samples leave {max(num_rows, 0)} rows behind 'max_lag' and 'washout', "
            f"too few to train and test on; record a longer stream"
        )
    past = torch.stack([u[first - lag : u.numel() - lag] for lag in range(1, max_lag + 1)], dim=1)
    rows = states[first:]
    readout = RidgeReadout() if readout is None else readout
    found = readout.fit(rows[:num_train], past[:num_train])(rows[num_train:])
    r2 = _correlation(found, past[num_train:]).square()
    r2 = torch.where(r2 < float(floor), 0.0, r2)
    return MemoryCapacity(float(r2.sum()), r2)


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
