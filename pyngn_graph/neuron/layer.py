"""A layer of neurons that keeps its own state, as a PyTorch module."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from pyngn_graph.arrays import Numbers, as_tensor
from pyngn_graph.checks import check_count, check_tensor
from pyngn_graph.neuron.parameters import LIFParameters, Value, float64
from pyngn_graph.neuron.step import LIFState, current_into, integrate
from pyngn_graph.surrogate import Surrogate, surrogate_of


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
        self.register_buffer("_like", torch.zeros(n_neurons, dtype=torch.float32), persistent=False)
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

    def forward(self, i_syn: Numbers, i_ext: Value = 0.0) -> Tensor:
        """Advances one step and returns the spikes; see :func:`lif_step`.

        Raises:
            ValueError: If the input has another number of neurons or trials, or is not finite.
        """
        i_syn = i_syn if isinstance(i_syn, Tensor) else as_tensor("i_syn", i_syn)
        check_tensor("i_syn", i_syn)
        if i_syn.dim() not in (1, 2) or i_syn.size(0) != self.n_neurons:
            raise ValueError(
                f"'i_syn' must have shape [{self.n_neurons}] or [{self.n_neurons}, B] "
                f"(got {list(i_syn.shape)})"
            )
        if not torch.compiler.is_compiling():
            for name, value in (("i_syn", i_syn), ("i_ext", i_ext)):
                value = value if isinstance(value, Tensor) else float64(value)
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
        current, c = current_into(i_ext, state.v), self._coefficients[i_syn.dim()]
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
