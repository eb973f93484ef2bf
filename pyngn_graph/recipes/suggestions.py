"""What the input says about parameters: a rate to aim at, and delays as long as the memory."""

import math

from pyngn_graph.evidence import external_rate
from pyngn_graph.graph import MAX_DELAY


def suggest_rho(rate: float, sigma: float = 0.5, dt: float = 1.0) -> float:
    r"""A target for astrocytes from the rate that the input alone causes.

    Where homeostasis holds the rate, each spike causes on average :math:`\sigma` others in the
    recurrence,

    .. math:: \rho = \frac{h}{1 - \sigma}

    so that the choice of the target is that of the distance to the critical point
    :math:`\sigma = 1`. A heuristic of mean field, tested well below 1 only.

    Args:
        rate: The rate h, in Hz, that :func:`external_rate` measures.
        sigma: Branching ratio, in [0, 1).
        dt: Step, ms.

    Returns:
        The target in spikes per step.

    Raises:
        ValueError: If an argument breaks its range, or the target is no probability.

    Source: Zierenberg, Wilting & Priesemann (2018).
    """
    if not 0.0 < dt < math.inf:
        raise ValueError(f"'dt' must be a positive number of ms (got {dt})")
    if not 0.0 < rate < math.inf:
        raise ValueError(
            f"'rate' must be positive, in Hz (got {rate}); without any drive homeostasis only "
            f"makes bursts: raise the bias or the input"
        )
    if not 0.0 <= sigma < 1.0:
        raise ValueError(f"'sigma' must lie in [0, 1) (got {sigma})")
    rho = rate * dt / 1000.0 / (1.0 - sigma)
    if not rho < 1.0:
        raise ValueError(
            f"A rate of {rate} Hz and sigma = {sigma} ask for {rho:.3g} spikes per step of {dt} "
            f"ms; lower the drive or 'sigma'"
        )
    return rho


def suggest_max_delay(memory: float, dt: float = 1.0) -> int:
    """The longest delay, in steps, for a task that needs ``memory`` ms of its past.

    As long as the memory: what lies farther back reaches the readout over several synapses only,
    and is blurred. Longer delays cost what is recent, as the same synapses are spread wider.

    Raises:
        ValueError: If ``memory`` is not positive, or no reservoir allows so long a delay.
    """
    if not 0.0 < dt < math.inf:
        raise ValueError(f"'dt' must be a positive number of ms (got {dt})")
    if not 0.0 < memory <= MAX_DELAY * dt:
        raise ValueError(
            f"'memory' must be positive and at most {MAX_DELAY} steps of {dt} ms (got {memory} ms)"
        )
    return math.ceil(memory / dt)


__all__ = ["external_rate", "suggest_max_delay", "suggest_rho"]
