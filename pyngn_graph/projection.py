"""How an input becomes a current into every neuron: a fixed projection and a bias."""

import math
from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pyngn_graph.arrays import Numbers, as_float32, as_tensor
from pyngn_graph.checks import as_number, generator_of, is_count, whole_seed


class Projection(nn.Module):
    r"""External currents from the input of a reservoir.

    .. math:: I_{ext,i} = b_i + \sum_c W_{ic} x_c

    Products of float32 are exact in float64, and channels are added in their order before one
    rounding to float32: the same bits everywhere. ``weight`` is ``[N, C]``, or None if the input
    is itself the current into every neuron; ``bias`` is ``[N]``. Arguments as for
    :class:`~pyngn_graph.TriglialReservoir`.
    """

    def __init__(
        self,
        num_nodes: int,
        in_channels: int | None,
        scale: float,
        density: float,
        weight: Tensor | None,
        bias: float | Tensor | tuple[float, float] | None,
        seed: int,
    ) -> None:
        super().__init__()
        if in_channels is not None and not is_count(in_channels):
            raise ValueError(f"'in_channels' must be at least 1, or None (got {in_channels})")
        scale, density = as_number("input_scale", scale), as_number("input_density", density)
        if not 0.0 <= scale < math.inf:
            raise ValueError(f"'input_scale' must be finite and not negative (got {scale})")
        if not 0.0 < density <= 1.0:
            raise ValueError(f"'input_density' must lie in (0, 1] (got {density})")
        seed = whole_seed(seed)
        generator = generator_of(seed)
        if weight is not None:
            weight = as_float32("input_weight", weight).clone()
            if in_channels is None or weight.shape != (num_nodes, in_channels):
                raise ValueError(
                    f"'input_weight' must have shape [{num_nodes}, in_channels = {in_channels}] "
                    f"(got {list(weight.shape)})"
                )
        elif in_channels is not None:
            size = (num_nodes, in_channels)
            weight = torch.randn(size, generator=generator, dtype=torch.float32) * float(scale)
            reached = torch.rand(size, generator=generator, dtype=torch.float32) < density
            weight = weight * reached / math.sqrt(in_channels * density)
        if bias is None:
            bias = 0.0 if in_channels is None else (0.7, 1.1)
        if isinstance(bias, tuple):
            if len(bias) != 2 or not bias[0] <= bias[1]:
                raise ValueError(f"'bias' as a pair means (lowest, highest) (got {bias})")
            low, high = bias
            share = torch.rand(num_nodes, generator=generator, dtype=torch.float32)
            bias = low + (high - low) * share
        bias = as_float32("bias", bias)
        if bias.dim() and bias.shape != (num_nodes,):
            pair = bias.flatten().tolist() if bias.shape == (2,) else (0.7, 1.1)
            raise ValueError(
                f"'bias' must have shape [{num_nodes}] (got {list(bias.shape)}); bounds are a "
                f"tuple: bias=({pair[0]:g}, {pair[1]:g})"
            )
        self.in_channels, self.num_nodes = in_channels, num_nodes
        self.scale, self.density = scale, density
        self.seed: int | Sequence[int] = seed
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias.expand(num_nodes).clone())
        self.weight: Tensor | None
        self.bias: Tensor
        self.check()

    def check(self) -> None:
        """Raises a ValueError unless weights and bias have the shapes they began with, all finite.

        They may be edited by hand.
        """
        shapes: dict[str, tuple[int, ...]] = {"bias": (self.num_nodes,)}
        if self.in_channels is not None:
            shapes["weight"] = (self.num_nodes, self.in_channels)
        for name, shape in shapes.items():
            value, shown = getattr(self, name), name if name == "bias" else "input_weight"
            if not isinstance(value, Tensor) or value.dtype != torch.float32:
                raise ValueError(f"'{shown}' must be a float32 tensor (got {value!r})")
            if value.shape != shape:
                raise ValueError(
                    f"'{shown}' must have shape {list(shape)} (got {list(value.shape)})"
                )
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"'{shown}' must be finite")

    def checked(
        self, x: Numbers | None, num_steps: int | None, lengths: Numbers | None
    ) -> tuple[Tensor, Tensor]:
        """Input as ``[B, T, C]`` float32 (C = 0 without input) and the samples of each trial.

        Raises:
            ValueError, TypeError: If shape, type, device or a value breaks the rule.
        """
        if x is None:
            if num_steps is None or not is_count(num_steps):
                raise ValueError(
                    f"Without input give 'run' or 'adapt' 'num_steps', a whole number >= 1 (got "
                    f"{num_steps!r}), and below 2**31"
                )
            x = self.bias.new_zeros(1, num_steps, 0)
        elif num_steps is not None:
            raise ValueError("Give 'x' or 'num_steps', not both; the input has its own length")
        else:
            x = self._checked_input(x)
        full = torch.full((x.size(0),), x.size(1), device=x.device)
        if lengths is None:
            return self._bounded(x), full
        lengths = as_tensor("lengths", lengths).to(x.device)
        whole = not lengths.is_floating_point() and lengths.dtype != torch.bool
        if not whole or lengths.shape != full.shape:
            raise ValueError(
                f"'lengths' must be {x.size(0)} whole numbers of samples, one for each trial "
                f"(got {lengths.dtype} {list(lengths.shape)})"
            )
        if bool(((lengths < 1) | (lengths > x.size(1))).any()):
            raise ValueError(
                f"'lengths' must lie in 1..{x.size(1)}, the samples of 'x' "
                f"(got {int(lengths.min())}..{int(lengths.max())})"
            )
        inside = torch.arange(x.size(1), device=x.device) < lengths.unsqueeze(1)
        return self._bounded(x.masked_fill(~inside.unsqueeze(2), 0.0)), lengths.long()

    def _checked_input(self, given: Numbers) -> Tensor:
        if isinstance(given, Tensor) and not given.is_complex():
            x = given
        else:
            x = as_tensor("x", given).to(self.bias.device)
        channels = self.num_nodes if self.in_channels is None else self.in_channels
        flat = channels == 1 and (x.dim() == 1 or (x.dim() == 2 and x.size(1) != 1))
        if x.dim() == 2:
            x = x.unsqueeze(0)
        if x.dim() != 3 or x.size(-1) != channels or 0 in x.shape:
            hint = ""
            if x.dim() == 3 and x.size(1) == channels:
                hint = "; time comes before channels: try 'x.transpose(1, 2)'"
            if flat:
                hint = "; series of one channel are 'x.unsqueeze(-1)', or 'x[..., None]' in NumPy"
            raise ValueError(
                f"'x' must have shape [B, T, {channels}] (trial, sample, channel) or "
                f"[T, {channels}] (got {list(x.shape)}){hint}"
            )
        if x.device != self.bias.device:
            raise ValueError(
                f"'x' is on {x.device} but the reservoir on {self.bias.device}; "
                f"move one of them with '.to(...)'"
            )
        return as_float32("x", x)

    def _bounded(self, x: Tensor) -> Tensor:
        bad = ~torch.isfinite(x)
        if bool(bad.any()):
            first = bad.nonzero()[0].tolist()
            raise ValueError(
                f"'x' must be finite in float32: {int(bad.sum())} of {x.numel()} entries are not, "
                f"the first is x{first}; clean or rescale the input"
            )
        if self.largest_current(x) > torch.finfo(torch.float32).max:
            raise ValueError(
                f"'x' reaches {float(x.abs().max()):.3g}, from which the projection may make a "
                f"current that is not finite in float32; rescale the input"
            )
        return x

    def largest_current(self, x: Tensor | None = None) -> float:
        """The largest size of a current that input of the size of ``x`` may make."""
        bias = float(self.bias.abs().max())
        if x is None or x.numel() == 0:
            return bias
        factor = 1.0 if self.weight is None else float(self.weight.double().abs().sum(1).max())
        return float(x.abs().max()) * factor + bias

    def forward(self, x: Tensor) -> Tensor:
        """Currents ``[T, N, B]`` for the input ``[B, T, C]``."""
        bias = self.bias.unsqueeze(1)
        if x.size(2) == 0:
            return bias.expand(x.size(1), -1, x.size(0))
        if self.weight is None:
            return (bias.double() + x.permute(1, 2, 0).double()).float()
        if x.device.type == "cpu":
            from pyngn_graph.currents import currents

            return currents(self, x)
        return project(x, self.weight, self.bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Only the device is followed: in another type there would be other bits.
        def move(value: Tensor) -> Tensor:
            return value.to(fn(value.new_empty(0)).device)

        return super()._apply(move, recurse)  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        """Channels, scale, density and seed."""
        return (
            f"in_channels={self.in_channels}, scale={self.scale}, density={self.density}, "
            f"seed={self.seed}"
        )


def project(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The definition: currents ``[T, N, B]`` from ``x`` ``[B, T, C]`` and ``weight`` ``[N, C]``.

    The sum begins with ``bias + 0``. Hence it is never a negative zero, and a channel at zero can
    be left out.
    """
    current = bias.double().unsqueeze(1) + 0.0
    for value, column in zip(x.permute(2, 1, 0).double(), weight.double().t(), strict=True):
        current = current + column.unsqueeze(1) * value.unsqueeze(1)
    return current.float()
