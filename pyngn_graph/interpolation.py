"""Delays between whole steps: a kernel spreads each spike over the steps around its delay."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DelayKernel:
    r"""Splits a delay D that is no whole number into shares of the whole steps k around it.

    .. math::
        \phi_k = \frac{f(k - D)}{\sum_l f(l - D)}, \qquad
        f(x) = \max(0, 1 - |x| / w) \text{ (triangle)}, \qquad
        f(x) = e^{-x^2 / 2 w^2} \text{ (gaussian)}

    A triangle of width 1 is linear interpolation between two neighboring steps, and a whole delay
    is met exactly. A wider kernel sees spikes that would arrive further from D, and so learns from
    afar; let the width shrink while learning.

    Args:
        shape: ``"triangle"`` or ``"gaussian"``.
        width: w in steps, at least 1 for a triangle.

    Raises:
        ValueError: If the shape is unknown or the width out of range.

    Source: Hammouamri, Khalfaoui-Hassani & Masquelier (2024), dilated convolutions with learnable
    spacings; here on the edges of a graph.
    """

    shape: str = "triangle"
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.shape not in ("triangle", "gaussian"):
            raise ValueError(f"Unknown shape {self.shape!r}; available: ['gaussian', 'triangle']")
        if self.shape == "triangle" and not 1.0 <= self.width < math.inf:
            raise ValueError(f"'width' of a triangle must be at least 1 step (got {self.width})")
        if not 0.0 < self.width < math.inf:
            raise ValueError(f"'width' must be a positive number of steps (got {self.width})")

    def __call__(self, edge_delay: Tensor, max_delay: int) -> tuple[Tensor, Tensor]:
        """Whole steps ``[E, K]`` int64 from 1 to ``max_delay``, and shares ``[E, K]`` of sum 1.

        ``edge_delay`` ``[E]`` must lie in the same range. Shares are differentiable in it; where
        the slope jumps, as at whole delays, its mean from both sides is taken.
        """
        # A gaussian is as good as zero beyond three widths.
        reach = math.ceil(self.width if self.shape == "triangle" else 3.0 * self.width)
        taps = min(2 * reach + 1, max_delay)
        first = torch.floor(edge_delay.detach() + 0.5).long() - reach
        first = first.clamp(1, max_delay - taps + 1)
        steps = first.unsqueeze(1) + torch.arange(taps, device=edge_delay.device)
        distance = steps - edge_delay.unsqueeze(1)
        if self.shape == "gaussian":
            return steps, torch.softmax(-0.5 * (distance / self.width).square(), dim=1)
        height = 1.0 - distance.abs() / self.width
        share = torch.maximum(height, torch.zeros_like(height))
        return steps, share / share.sum(dim=1, keepdim=True)
