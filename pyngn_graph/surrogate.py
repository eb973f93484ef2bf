"""Surrogate gradients: spikes of a hard threshold that pass on the slope of a smooth one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Surrogate = Callable[[Tensor, Tensor], Tensor]
"""Spikes from potentials ``v`` and thresholds ``v_th``, with a gradient of its own choice."""


class _Spike(torch.autograd.Function):
    """The hard threshold forward, ``slope(v - v_th)`` backward."""

    @staticmethod
    def forward(v: Tensor, v_th: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
        return (v >= v_th).to(v.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        v, v_th, ctx.slope = inputs
        ctx.save_for_backward(v, v_th)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        v, v_th = ctx.saved_tensors
        grad = grad * ctx.slope(v - v_th)
        return grad, -grad.sum_to_size(v_th.shape), None


@dataclass(frozen=True)
class FastSigmoid:
    r"""Spikes ``[v >= v_th]`` with the gradient of a fast sigmoid, :math:`x / (1 + \beta |x|)`.

    .. math::
        \frac{\partial s}{\partial u} = \frac{1}{(1 + \beta |x|)^2}, \qquad x = u - u_{th}

    Args:
        slope: Steepness :math:`\beta`, per unit of potential. The default suits a threshold of 1;
            in mV divide it by the distance from rest to threshold.

    Raises:
        ValueError: If ``slope`` is not positive.

    Source: Zenke & Ganguli (2018), SuperSpike.
    """

    slope: float = 10.0

    def __post_init__(self) -> None:
        _check_slope(self.slope)

    def __call__(self, v: Tensor, v_th: Tensor) -> Tensor:
        """Spikes, 0 or 1, in the type of ``v``."""
        return _spike(v, v_th, self.derivative)

    def smooth(self, x: Tensor) -> Tensor:
        """The function whose slope takes the place of that of the step."""
        return x / (1.0 + self.slope * x.abs())

    def derivative(self, x: Tensor) -> Tensor:
        """Slope of :meth:`smooth`."""
        return 1.0 / (1.0 + self.slope * x.abs()).square()


@dataclass(frozen=True)
class Arctan:
    r"""Spikes ``[v >= v_th]`` with the gradient of :math:`\arctan(\pi \alpha x / 2) / \pi`.

    .. math::
        \frac{\partial s}{\partial u} = \frac{\alpha / 2}{1 + (\pi \alpha x / 2)^2},
        \qquad x = u - u_{th}

    Args:
        slope: Steepness :math:`\alpha`, per unit of potential; see :class:`FastSigmoid`.

    Raises:
        ValueError: If ``slope`` is not positive.

    Source: Fang et al. (2021), learnable membrane time constants.
    """

    slope: float = 2.0

    def __post_init__(self) -> None:
        _check_slope(self.slope)

    def __call__(self, v: Tensor, v_th: Tensor) -> Tensor:
        """Spikes, 0 or 1, in the type of ``v``."""
        return _spike(v, v_th, self.derivative)

    def smooth(self, x: Tensor) -> Tensor:
        """The function whose slope takes the place of that of the step."""
        return torch.arctan(math.pi / 2.0 * self.slope * x) / math.pi

    def derivative(self, x: Tensor) -> Tensor:
        """Slope of :meth:`smooth`."""
        return self.slope / 2.0 / (1.0 + (math.pi / 2.0 * self.slope * x).square())


def surrogate_of(surrogate: str | Surrogate | None) -> Surrogate | None:
    """The surrogate of this name; a function or None stays what it is.

    Raises:
        ValueError: If there is none of this name.
        TypeError: If it is neither a name nor a function.
    """
    if surrogate is None or (callable(surrogate) and not isinstance(surrogate, type)):
        return surrogate
    if not isinstance(surrogate, str):
        raise TypeError(
            f"'surrogate' must be a name, a function of (v, v_th) or None (got {surrogate!r}); a "
            f"surrogate is written with brackets: 'FastSigmoid()'"
        )
    if surrogate not in SURROGATES:
        raise ValueError(f"Unknown surrogate {surrogate!r}; available: {sorted(SURROGATES)}")
    return SURROGATES[surrogate]


def _spike(v: Tensor, v_th: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
    spikes: Tensor = _Spike.apply(v, v_th, slope)  # type: ignore[no-untyped-call]
    return spikes


def _check_slope(slope: float) -> None:
    if not 0.0 < slope < math.inf:
        raise ValueError(f"'slope' must be a positive number per unit of potential (got {slope})")


SURROGATES: dict[str, Surrogate] = {"fast_sigmoid": FastSigmoid(), "arctan": Arctan()}
"""Surrogates by name, with their default slopes."""
