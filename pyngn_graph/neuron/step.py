"""One exact step of leaky integrate-and-fire neurons: pure functions from state to state."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pyngn_graph.neuron.parameters import LIFCoefficients, LIFParameters, Value
from pyngn_graph.surrogate import Surrogate, surrogate_of


class LIFState(NamedTuple):
    """Fast state of the neurons; every tensor ``[N]`` or ``[N, B]``.

    ``spikes`` are 0 or 1 in the type of ``v``; ``refractory`` counts the steps left and ``i_syn``
    is the synaptic current, each only where the parameters ask for it.
    """

    v: Tensor
    spikes: Tensor
    refractory: Tensor | None = None
    i_syn: Tensor | None = None

    @classmethod
    def rest(cls, params: LIFParameters, like: Tensor) -> "LIFState":
        """Silent neurons at ``v_rest``, shaped as ``like``."""
        coefficients = params.at(1.0, like)
        zero = torch.zeros_like(like)
        refractory = zero.long() if params.is_refractory else None
        return cls(zero + coefficients.v_rest, zero, refractory, _optional(params.tau_syn, zero))

    def apply(self, function: Callable[[Tensor], Tensor]) -> "LIFState":
        """The state with ``function`` applied to every tensor."""
        refractory, i_syn = (
            None if entry is None else function(entry) for entry in (self.refractory, self.i_syn)
        )
        return LIFState(function(self.v), function(self.spikes), refractory, i_syn)


def lif_step(
    i_syn: Tensor,
    state: LIFState,
    params: LIFParameters,
    dt: float,
    *,
    i_ext: Value = 0.0,
    surrogate: str | Surrogate | None = None,
) -> LIFState:
    r"""Advances neurons by one step of ``dt`` ms, exactly.

    .. math::
        u &\leftarrow u_{reset} \text{ where a spike was emitted in the last step} \\
        u &\leftarrow u_{rest} + \alpha (u - u_{rest}) + (1 - \alpha) R\,I_{ext} + I_{syn} \\
        s &= [u \ge u_{th}] \text{ and not refractory}

    ``i_syn`` ``[N]`` or ``[N, B]`` is the sum of the jumps of this step and ``i_ext`` a current
    held constant over it: a number, ``[N]``, or shaped as the state. The reset belongs to the next
    step, so that traces show the crossing. With ``tau_syn`` the sum charges a synaptic current
    instead (Rotter & Diesmann 1999).

    Spikes have no gradient unless a ``surrogate`` gives them one: ``"fast_sigmoid"``,
    ``"arctan"``, or a function (see :mod:`pyngn_graph.surrogate`). They stay the same, 0 or 1. The
    reset passes no gradient on.

    Raises:
        ValueError: If ``i_ext`` has another shape or ``surrogate`` is unknown.
    """
    current, c = current_into(i_ext, state.v), params.at(dt, state.v)
    return integrate(i_syn, current, state, c, surrogate_of(surrogate))


def integrate(
    i_syn: Tensor,
    i_ext: Value,
    state: LIFState,
    c: LIFCoefficients,
    surrogate: Surrogate | None = None,
) -> LIFState:
    """The arithmetic of :func:`lif_step`; every backend keeps this order of operations."""
    charge = None
    if c.syn_alpha is not None and c.syn_drive is not None and state.i_syn is not None:
        charge = c.syn_alpha * state.i_syn + i_syn
        i_syn = c.syn_drive * state.i_syn
    v = torch.where(state.spikes > 0, c.v_reset, state.v)
    v = c.v_rest + c.alpha * (v - c.v_rest) + c.drive * i_ext + i_syn
    if c.v_min is not None:
        v = torch.maximum(v, c.v_min)
    if c.refractory_steps is None or state.refractory is None:
        return LIFState(v, _fired(v, c, surrogate), None, charge)
    held = state.refractory > 0
    v = torch.where(held, c.v_reset, v)
    spikes = _fired(v, c, surrogate) * ~held
    left = (state.refractory - 1).clamp(min=0)
    return LIFState(v, spikes, torch.where(spikes > 0, c.refractory_steps, left), charge)


def _fired(v: Tensor, c: LIFCoefficients, surrogate: Surrogate | None) -> Tensor:
    return (v >= c.v_th).to(v.dtype) if surrogate is None else surrogate(v, c.v_th)


def current_into(i_ext: Value, v: Tensor) -> Tensor:
    """The current ``i_ext`` in the type of the potentials ``v``, shaped so that it meets them."""
    current = torch.as_tensor(i_ext, dtype=v.dtype, device=v.device)
    if current.shape not in ((), v.shape[:1], v.shape):
        raise ValueError(
            f"'i_ext' must be a number or have shape {list(v.shape[:1])} or {list(v.shape)} "
            f"(got {list(current.shape)})"
        )
    return current.unsqueeze(1) if current.dim() == 1 and v.dim() == 2 else current


def _optional(asked: Value | None, value: Tensor) -> Tensor | None:
    return None if asked is None else value
