"""Counts of synapses are no potentials: how they become weights, and who says so."""

from typing import Any

from torch import Tensor

MEANINGS = ("counts", "jumps")
"""What a column of weights may hold: counts, or jumps of the potential."""

WEIGHT, POWER, INHIBITION = 0.2, 0.5, 4.0
"""Mean excitatory weight, power of the counts, and how much stronger inhibition is."""


def check_meaning(weights: Any) -> None:
    """Raises a ValueError unless ``weights`` is one of ``MEANINGS`` or None."""
    if weights is not None and not (isinstance(weights, str) and weights in MEANINGS):
        raise ValueError(
            f"'weights' must say what the column of weights holds, 'counts' of synapses or "
            f"'jumps' of the potential (got {weights!r}); which column it is says "
            f"columns={{'weight': ...}}"
        )


def sizes_of_counts(count: Tensor, weight: float = WEIGHT, power: float = POWER) -> Tensor:
    r"""Sizes of weights ``[E]`` float32, :math:`w_0 c^p / \langle c^p \rangle`."""
    size = count.double() ** power
    return (weight * size / size.mean()).float()
