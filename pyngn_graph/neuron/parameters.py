"""Parameters of the neurons, and the constants of a step that follow from them."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyngn_graph.checks import check_tensor
from pyngn_graph.defaults import TAU_M
from pyngn_graph.notices import warn

Value = float | Tensor
"""One number for all neurons, or a tensor ``[N]`` with one for each."""


LONGEST_REFRACTORY = 2.0**30
"""Most steps that are counted: they fit int32."""


class LIFCoefficients(NamedTuple):
    """Constants of one step of length ``dt``, computed in float64 and rounded once."""

    alpha: Tensor
    drive: Tensor
    v_th: Tensor
    v_rest: Tensor
    v_reset: Tensor
    v_min: Tensor | None
    refractory_steps: Tensor | None
    syn_alpha: Tensor | None
    syn_drive: Tensor | None


@dataclass(frozen=True, eq=False)
class LIFParameters:
    r"""Parameters of leaky integrate-and-fire neurons, each a number or a tensor ``[N]``.

    .. math:: \tau_m \dot u = -(u - u_{rest}) + R\,I

    Args:
        tau_m: Membrane time constant, ms.
        v_th: Threshold. Potentials share one unit of your choice; by default the threshold is 1.
        v_rest: Resting potential.
        v_reset: Potential after a spike, below ``v_th``.
        r_m: Membrane resistance R, potential per current.
        t_ref: Absolute refractory time, ms: the neuron stays at ``v_reset`` and ignores input.
        v_min: Floor of the potential; ``None`` for no floor.
        tau_syn: Time constant of an exponential synaptic current, ms. ``None``: a spike is a
            Dirac pulse and its weight the jump of the potential. Otherwise the weight is the jump
            of a current that decays with ``tau_syn`` and acts from the next step on (the
            convention of NEST's ``iaf_psc_exp``).

    Raises:
        ValueError: If a value is not finite or breaks its range.
    """

    tau_m: Value = TAU_M
    v_th: Value = 1.0
    v_rest: Value = 0.0
    v_reset: Value = 0.0
    r_m: Value = 1.0
    t_ref: Value = 0.0
    v_min: Value | None = None
    tau_syn: Value | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray | np.generic):  # as torch and files know them
                value = torch.tensor(value) if value.ndim else value.item()
                object.__setattr__(self, field.name, value)
            if isinstance(value, Tensor):
                check_tensor(field.name, value)
            if value is not None and not bool(torch.isfinite(float64(value)).all()):
                raise ValueError(f"'{field.name}' must be finite (got {value})")
        for name in ("tau_m", "tau_syn"):
            value = getattr(self, name)
            if value is not None and bool((float64(value) <= 0).any()):
                raise ValueError(f"'{name}' must be positive, in ms (got {value})")
        if bool((float64(self.t_ref) < 0).any()):
            raise ValueError(f"'t_ref' must not be negative, in ms (got {self.t_ref})")
        for name in ("v_reset", "v_min"):
            value = getattr(self, name)
            if value is not None and bool((float64(value) >= float64(self.v_th)).any()):
                raise ValueError(f"'{name}' must lie below 'v_th' = {self.v_th} (got {value})")

    @property
    def is_refractory(self) -> bool:
        """Whether the state of the neurons counts refractory steps, be they rounded to none."""
        return bool((float64(self.t_ref) > 0).any())

    def check_size(self, num_nodes: int) -> None:
        """Raises a ValueError unless every tensor has shape ``[num_nodes]``."""
        for field in fields(self):
            value = getattr(self, field.name)
            shape = () if value is None else float64(value).shape
            if shape not in ((), (num_nodes,)):
                raise ValueError(
                    f"'{field.name}' must be a number or have shape [{num_nodes}], one value for "
                    f"each neuron (got {list(shape)})"
                )

    def at(self, dt: float, like: Tensor) -> LIFCoefficients:
        r"""Coefficients of the exact step of ``dt`` ms for potentials shaped as ``like``.

        With :math:`\alpha = e^{-dt/\tau_m}` the drive enters with :math:`(1 - \alpha) R`; a
        synaptic current :math:`e^{-t/\tau_s}` adds over one step
        :math:`R\,\frac{\tau_s}{\tau_s - \tau_m}(e^{-dt/\tau_s} - e^{-dt/\tau_m})`.
        """
        if not 0.0 < dt < math.inf:
            raise ValueError(f"'dt' must be a positive number of ms (got {dt})")

        def cast(value: Tensor) -> Tensor:
            value = value.to(device=like.device, dtype=like.dtype)
            if value.dim() and not value.requires_grad and bool((value == value[0]).all()):
                return value[0]  # backends are quicker with one number for all
            return value.reshape(value.shape + (1,) * (like.dim() - 1)) if value.dim() else value

        dt = float(dt)
        tau_m, r_m = float64(self.tau_m), float64(self.r_m)
        alpha = torch.exp(-dt / tau_m)
        t_ref = float64(self.t_ref)
        steps = torch.round(t_ref / dt).clamp(max=LONGEST_REFRACTORY)
        lost = (t_ref > 0) & (steps == 0)
        if bool(lost.any()):
            warn(
                f"'t_ref' of {t_ref[lost].max().item():g} ms rounds to 0 steps of {dt:g} ms, and "
                f"{int(lost.sum())} of {lost.numel()} values have no effect; take a smaller 'dt', "
                f"or t_ref=0.0 if none is meant"
            )
        syn_alpha = syn_drive = None
        if self.tau_syn is not None:
            tau_syn = float64(self.tau_syn)
            syn_alpha = torch.exp(-dt / tau_syn)
            same = (tau_syn - tau_m).abs() <= 1e-9 * tau_m
            ratio = tau_syn / torch.where(same, 1.0, tau_syn - tau_m)
            syn_drive = r_m * torch.where(same, dt / tau_m * alpha, ratio * (syn_alpha - alpha))
        coefficients = LIFCoefficients(
            alpha=cast(alpha),
            drive=cast((1.0 - alpha) * r_m),
            v_th=cast(float64(self.v_th)),
            v_rest=cast(float64(self.v_rest)),
            v_reset=cast(float64(self.v_reset)),
            v_min=None if self.v_min is None else cast(float64(self.v_min)),
            refractory_steps=cast(steps).long() if self.is_refractory else None,
            syn_alpha=None if syn_alpha is None else cast(syn_alpha),
            syn_drive=None if syn_drive is None else cast(syn_drive),
        )
        for name, value in coefficients._asdict().items():
            if value is not None and not bool(torch.isfinite(value).all()):
                raise ValueError(
                    f"'{name}' of a step of {dt} ms is not finite in {like.dtype}; choose smaller "
                    f"potentials and 'r_m', or longer time constants"
                )
        return coefficients

    def extremes(self, dt: float) -> tuple[float, float, float, float, float, float]:
        """The largest of alpha, of ``v_rest``, ``v_reset``, ``r_m`` in size, and of the synapse.

        The last two are the decay of the synaptic current over a step of ``dt`` ms, and the
        potential that a unit of it makes; 0 and 1 without ``tau_syn``.
        """
        c = self.at(dt, torch.zeros(1, dtype=torch.float64))
        alpha, v_rest, v_reset = (
            float(value.detach().abs().max()) for value in (c.alpha, c.v_rest, c.v_reset)
        )
        r_m = float(float64(self.r_m).detach().abs().max())
        if c.syn_alpha is None or c.syn_drive is None:
            return alpha, v_rest, v_reset, r_m, 0.0, 1.0
        syn_alpha, syn_drive = (value.detach().abs().max() for value in (c.syn_alpha, c.syn_drive))
        return alpha, v_rest, v_reset, r_m, float(syn_alpha), float(syn_drive)


def float64(value: Value) -> Tensor:
    """``value`` as a tensor of float64."""
    return torch.as_tensor(value, dtype=torch.float64)
