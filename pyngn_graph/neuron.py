"""Leaky integrate-and-fire neurons: parameters, one exact step, and a layer around it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from pyngn_graph.checks import check_count, check_tensor
from pyngn_graph.surrogate import Surrogate, surrogate_of

Value = float | Tensor
"""One number for all neurons, or a tensor ``[N]`` with one for each."""


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

    tau_m: Value = 20.0
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
            if isinstance(value, Tensor):
                check_tensor(field.name, value)
            if value is not None and not bool(torch.isfinite(_float64(value)).all()):
                raise ValueError(f"'{field.name}' must be finite (got {value})")
        for name in ("tau_m", "tau_syn"):
            value = getattr(self, name)
            if value is not None and bool((_float64(value) <= 0).any()):
                raise ValueError(f"'{name}' must be positive, in ms (got {value})")
        if bool((_float64(self.t_ref) < 0).any()):
            raise ValueError(f"'t_ref' must not be negative, in ms (got {self.t_ref})")
        for name in ("v_reset", "v_min"):
            value = getattr(self, name)
            if value is not None and bool((_float64(value) >= _float64(self.v_th)).any()):
                raise ValueError(f"'{name}' must lie below 'v_th' = {self.v_th} (got {value})")

    def check_size(self, num_nodes: int) -> None:
        """Raises a ValueError unless every tensor has shape ``[num_nodes]``."""
        for field in fields(self):
            value = getattr(self, field.name)
            shape = () if value is None else _float64(value).shape
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
            return value.reshape(value.shape + (1,) * (like.dim() - 1)) if value.dim() else value

        dt = float(dt)
        tau_m, r_m = _float64(self.tau_m), _float64(self.r_m)
        alpha = torch.exp(-dt / tau_m)
        steps = torch.round(_float64(self.t_ref) / dt).clamp(max=2.0**30)  # fits int32
        syn_alpha = syn_drive = None
        if self.tau_syn is not None:
            tau_syn = _float64(self.tau_syn)
            syn_alpha = torch.exp(-dt / tau_syn)
            same = (tau_syn - tau_m).abs() <= 1e-9 * tau_m
            ratio = tau_syn / torch.where(same, 1.0, tau_syn - tau_m)
            syn_drive = r_m * torch.where(same, dt / tau_m * alpha, ratio * (syn_alpha - alpha))
        coefficients = LIFCoefficients(
            alpha=cast(alpha),
            drive=cast((1.0 - alpha) * r_m),
            v_th=cast(_float64(self.v_th)),
            v_rest=cast(_float64(self.v_rest)),
            v_reset=cast(_float64(self.v_reset)),
            v_min=None if self.v_min is None else cast(_float64(self.v_min)),
            refractory_steps=cast(steps).long() if bool((steps > 0).any()) else None,
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
            float(value.abs().max()) for value in (c.alpha, c.v_rest, c.v_reset)
        )
        r_m = float(_float64(self.r_m).abs().max())
        if c.syn_alpha is None or c.syn_drive is None:
            return alpha, v_rest, v_reset, r_m, 0.0, 1.0
        return alpha, v_rest, v_reset, r_m, float(c.syn_alpha.max()), float(c.syn_drive.abs().max())


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
        refractory = None if not _is_refractory(params) else zero.long()
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
    current, c = _current(i_ext, state.v), params.at(dt, state.v)
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


class LIFLayer(nn.Module):
    """A layer of leaky integrate-and-fire neurons that keeps its own state.

    ``n_neurons`` neurons with the parameters of :class:`LIFParameters`, stepped by ``dt`` ms at
    each call. The state takes the shape of the input, ``[N]`` or ``[N, B]``.

    Spikes have no gradient unless a ``surrogate`` gives them one (:func:`lif_step`). Then the state
    remembers all steps since :meth:`reset_state` or :meth:`detach_state`; call the latter every so
    many steps for truncated backpropagation. Steps compile with ``torch.compile(fullgraph=True)``,
    to the same bits; a compiled step leaves out the search for NaN.
    """

    def __init__(
        self,
        n_neurons: int,
        tau_m: Value = 20.0,
        v_th: Value = 1.0,
        v_rest: Value = 0.0,
        v_reset: Value = 0.0,
        r_m: Value = 1.0,
        t_ref: Value = 0.0,
        v_min: Value | None = None,
        tau_syn: Value | None = None,
        dt: float = 1.0,
        surrogate: str | Surrogate | None = None,
    ) -> None:
        super().__init__()
        check_count("n_neurons", n_neurons)
        self.n_neurons, self.surrogate = n_neurons, surrogate_of(surrogate)
        self._params = LIFParameters(tau_m, v_th, v_rest, v_reset, r_m, t_ref, v_min, tau_syn)
        self._params.check_size(n_neurons)
        self._dt = dt
        self.register_buffer("_like", torch.zeros(n_neurons), persistent=False)
        self._like: Tensor
        self._prepare()
        self.reset_state()

    def _prepare(self) -> None:
        # Once, not at every step: what is computed here in float64 is no business of a compiler.
        like = {1: self._like, 2: self._like.unsqueeze(1)}
        self._coefficients = {dim: self.params.at(self.dt, each) for dim, each in like.items()}
        self._rest = {dim: LIFState.rest(self.params, each) for dim, each in like.items()}

    @property
    def params(self) -> LIFParameters:
        """Parameters of the neurons."""
        return self._params

    @property
    def dt(self) -> float:
        """Length of a step, ms."""
        return self._dt

    def reset_state(self) -> None:
        """Puts every neuron back to rest."""
        self.state, self._stepped = self._rest[1], False

    def detach_state(self) -> None:
        """Cuts the state from the gradients of the steps so far; its values stay."""
        self.state = self.state.apply(Tensor.detach)

    @property
    def v(self) -> Tensor:
        """Potentials ``[N]`` or ``[N, B]``."""
        return self.state.v

    @property
    def s(self) -> Tensor:
        """Spikes of the last step, 0 or 1, shaped as ``v``."""
        return self.state.spikes

    def forward(self, i_syn: Tensor, i_ext: Value = 0.0) -> Tensor:
        """Advances one step and returns the spikes; see :func:`lif_step`.

        Raises:
            ValueError: If the input has another number of neurons or trials, or is not finite.
        """
        check_tensor("i_syn", i_syn)
        if i_syn.dim() not in (1, 2) or i_syn.size(0) != self.n_neurons:
            raise ValueError(
                f"'i_syn' must have shape [{self.n_neurons}] or [{self.n_neurons}, B] "
                f"(got {list(i_syn.shape)})"
            )
        if not torch.compiler.is_compiling():
            for name, value in (("i_syn", i_syn), ("i_ext", i_ext)):
                value = value if isinstance(value, Tensor) else _float64(value)
                check_tensor(name, value)
                if not bool(torch.isfinite(value).all()):
                    raise ValueError(f"'{name}' must be finite; look for NaN in what feeds it")
        state = self.state
        if state.v.shape != i_syn.shape:
            if self._stepped:
                raise ValueError(
                    f"'i_syn' has shape {list(i_syn.shape)} but the state {list(state.v.shape)}; "
                    f"call 'reset_state()' before changing the number of trials"
                )
            state = self._rest[i_syn.dim()].apply(lambda entry: entry.expand(i_syn.shape))
        current, c = _current(i_ext, state.v), self._coefficients[i_syn.dim()]
        state = integrate(i_syn.to(state.v.dtype), current, state, c, self.surrogate)
        if not torch.compiler.is_compiling() and not bool(torch.isfinite(state.v).all()):
            raise ValueError(
                f"A potential leaves the range of {state.v.dtype}; rescale 'i_syn' and 'i_ext'"
            )
        self.state, self._stepped = state, True
        return self.s

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._prepare()
        # 'fn' may convert floats; the refractory steps left are whole and stay so.
        self.state = self.state.apply(fn)
        return self

    def extra_repr(self) -> str:
        """Size, step and parameters."""
        learning = "" if self.surrogate is None else f", surrogate={self.surrogate}"
        return f"{self.n_neurons}, dt={self.dt}, {self.params}{learning}"


def _current(i_ext: Value, v: Tensor) -> Tensor:
    current = torch.as_tensor(i_ext, dtype=v.dtype, device=v.device)
    if current.shape not in ((), v.shape[:1], v.shape):
        raise ValueError(
            f"'i_ext' must be a number or have shape {list(v.shape[:1])} or {list(v.shape)} "
            f"(got {list(current.shape)})"
        )
    return current.unsqueeze(1) if current.dim() == 1 and v.dim() == 2 else current


def _float64(value: Value) -> Tensor:
    return torch.as_tensor(value, dtype=torch.float64)


def _is_refractory(params: LIFParameters) -> bool:
    return bool((_float64(params.t_ref) > 0).any())


def _optional(asked: Value | None, value: Tensor) -> Tensor | None:
    return None if asked is None else value
