"""How many dimensions the states of a reservoir span: kernel quality and generalization rank."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.arrays import as_finite
from pyngn_graph.notices import warn


class StateRank(NamedTuple):
    """Dimensions of a set of states.

    Attributes:
        rank: Singular values of the states above ``floor``.
        effective: Participation ratio of the variances along the principal axes.
        singular_values: Of the raw states, ``[min(M, F)]``, descending.
        floor: What noise alone would reach.
    """

    rank: int
    effective: float
    singular_values: Tensor
    floor: float


class KernelQuality(NamedTuple):
    """The rank on inputs that differ, and on inputs that should count as the same."""

    kernel: StateRank
    generalization: StateRank

    @property
    def difference(self) -> int:
        """Kernel quality less generalization rank, which predicts computational power."""
        return self.kernel.rank - self.generalization.rank


def state_rank(states: Tensor, noise: float | None = None) -> StateRank:
    r"""Numerical and effective rank of M states of F features.

    The rank counts the singular values of ``states`` above

    .. math:: \theta = \sigma (\sqrt{M} + \sqrt{F})

    the expected largest singular value of a matrix ``[M, F]`` of independent noise of standard
    deviation :math:`\sigma`. The effective rank needs no threshold,

    .. math:: \Big(\sum_i \lambda_i\Big)^2 \Big/ \sum_i \lambda_i^2

    with :math:`\lambda_i` the eigenvalues of the covariance of the states; F independent features
    of equal variance have F (for M well above F), states on a line 1, states that are all the same
    0. The rank is at most min(M, F): with fewer states than features most sets have full rank, and
    it says nothing, and a warning says so; take M at least F.

    Args:
        states: States ``[M, F]``, one row for each input.
        noise: Standard deviation :math:`\sigma` of what is not signal in an entry, say of the state
            when one input is given again with jitter. By default the rounding of float32,
            :math:`2^{-23} \max |x|`.

    Raises:
        ValueError: If ``states`` is no finite ``[M, F]`` tensor or ``noise`` is negative.

    Sources: Legenstein & Maass (2007), "Edge of chaos and prediction of computational performance
    for neural circuit models", for the rank as a measure; Davidson & Szarek (2001) for the floor;
    Rajan, Abbott & Sompolinsky (2010) for the participation ratio.
    """
    states = check_states(states)
    floor = noise_floor(states, noise)
    values = torch.linalg.svdvals(states)
    spread = torch.linalg.svdvals(states - states.mean(dim=0)).square()
    # Equal states differ by rounding alone, which has no dimension.
    spread = torch.where(spread.sqrt() > noise_floor(states, None), spread, 0.0)
    total = float(spread.sum())
    effective = total**2 / float(spread.square().sum()) if total > 0 else 0.0
    rank = int((values > floor).sum())
    if rank == len(states) < states.size(1):
        warn(
            f"{rank} states of {states.size(1)} features have full rank whatever they are; take at "
            f"least as many states as features, or give their 'noise'"
        )
    return StateRank(rank, effective, values, floor)


def kernel_quality(distinct: Tensor, similar: Tensor, noise: float | None = None) -> KernelQuality:
    """Kernel quality and generalization rank of a reservoir, by :func:`state_rank`.

    Kernel quality is the rank of its states after M inputs that differ in what matters: how many
    of them a linear readout can tell apart, whatever the labels. The generalization rank is that
    after inputs that differ in what should not matter (jitter, noise): the smaller, the better the
    readout carries over to new data. Computation is best where the first is large and the second
    small. Without ``noise`` rounding is the floor, above which both tend to be full: give the size
    of a difference that the readout cannot use, and compare the effective ranks too::

        rate = torch.full((500, 10), 20.0)                              # M at least F
        distinct = ng.encoding.poisson(rate, 300, generator=g)
        similar = distinct[:1].repeat(500, 1, 1)                        # one end, many pasts
        similar[:, :200] = ng.encoding.poisson(rate, 200, generator=g)
        kernel_quality(reservoir(distinct), reservoir(similar), noise=1e-3).difference

    Args:
        distinct: States ``[M, F]`` after inputs that differ.
        similar: States ``[M', F]`` after versions of one input.
        noise: See :func:`state_rank`; one value for both.

    Raises:
        ValueError: If a set of states breaks a rule of :func:`state_rank`, or they have other
            features.

    Source: Legenstein & Maass (2007), "Edge of chaos and prediction of computational performance
    for neural circuit models".
    """
    kernel, generalization = state_rank(distinct, noise), state_rank(similar, noise)
    if distinct.size(1) != similar.size(1):
        raise ValueError(
            f"'distinct' and 'similar' must be states of the same reservoir (got "
            f"{distinct.size(1)} and {similar.size(1)} features)"
        )
    return KernelQuality(kernel, generalization)


def noise_floor(states: Tensor, noise: float | None) -> float:
    """The largest singular value that noise in ``states`` ``[M, F]`` is expected to have."""
    if noise is None:
        noise = torch.finfo(torch.float32).eps * float(states.abs().max())
    if not 0.0 <= noise < torch.inf:
        raise ValueError(f"'noise' must be a standard deviation, 0 or more (got {noise})")
    return noise * (states.size(0) ** 0.5 + states.size(1) ** 0.5)


def check_states(states: Tensor) -> Tensor:
    """``states`` ``[M, F]`` in float64.

    Raises:
        ValueError: If they are empty, of another shape, or not finite.
    """
    states = as_finite("states", states, "drop the rows that are not")
    if states.dim() != 2 or 0 in states.shape:
        raise ValueError(
            f"'states' must have shape [M, F], one row for each input or sample (got "
            f"{list(states.shape)})"
        )
    return states.detach().double()
