"""A reservoir that learns by gradients: weights and delays of its edges are parameters."""

import copy
import dataclasses
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch_geometric.data import Data

from pyngn_graph.arrays import Numbers, as_tensor
from pyngn_graph.checks import as_number, check_count, check_finite, is_count
from pyngn_graph.constructed import Constructed, shown
from pyngn_graph.diagnosis import Diagnosis, diagnose, heard_of, judged, warn_of
from pyngn_graph.evidence import ILL, Activity
from pyngn_graph.facts import Facts
from pyngn_graph.graph import MAX_DELAY, longest_delay, prepare, round_delay, validate
from pyngn_graph.interpolation import DelayKernel
from pyngn_graph.misuse import check_signal
from pyngn_graph.neuron import LIFParameters, LIFState, integrate
from pyngn_graph.notices import warn
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.surrogate import Surrogate, surrogate_of
from pyngn_graph.synapse import DelayedSpikeConv

WORDS = {
    "'bias'": "a constant that is added to 'x'",
    "the input ('input_scale')": "the size of 'x'",
    "the time for which a sample is held ('hold')": "the number of rows for each sample of 'x'",
    "let an Astrocyte set the gains (in 'glia'), or ": "",
}
"""What a diagnosis names that is not to be had here, and what is."""


class _State(NamedTuple):
    """Fast state before step ``t``.

    The spikes of step k stand in row ``k % depth`` of ``history`` ``[depth, N, C]``; ``trace``
    ``[N, C]`` is the liquid state.
    """

    neuron: LIFState
    history: Tensor
    trace: Tensor
    t: int


class TrainableReservoir(Constructed):
    r"""The equations of :class:`~pyngn_graph.TriglialReservoir`, differentiable, without glia.

    .. math::
        a_i(t) &= \sum_j M_{ji} w_{ji} \sum_k \phi_k(D_{ji}) s_j(t - k) \\
        u_i &\leftarrow u_{rest} + \alpha (u_i - u_{rest}) + (1 - \alpha) R x_i(t)
            + \gamma_i a_i(t) \\
        z_i &\leftarrow e^{-dt / \tau} z_i + (1 - e^{-dt / \tau}) s_i(t)

    Spikes are those of the hard threshold, 0 or 1; backward, a surrogate gradient takes the place
    of its slope. While delays learn, in ``train()`` mode, a kernel :math:`\phi` spreads them over
    whole steps. In ``eval()`` mode, and where they do not learn
    (``reservoir.edge_delay.requires_grad_(False)``), they are rounded as everywhere else.

    Gradient mode uses plain floats: sums over edges are rounded in the order of the edges. Where
    sums are exact all the same, say because weights are multiples of 1/1024, an ``eval()`` run has
    the same spikes as a ``TriglialReservoir`` on :meth:`to_data`; otherwise they agree to rounding,
    which may move a spike.

    Example, a graph convolution before and after, all of it learning:

    >>> import torch, pyngn_graph as ng
    >>> from torch_geometric.nn import GCNConv
    >>> graph = ng.generators.Tissue(num_nodes=30, seed=0)()
    >>> encoder, readout = GCNConv(2, 4), GCNConv(4, 1)
    >>> reservoir = ng.TrainableReservoir(graph)
    >>> x = torch.randn(50, 30, 2, generator=torch.Generator().manual_seed(0))  # [T, N, F]
    >>> states = reservoir(encoder(x, graph.edge_index))                         # [T, N, 4]
    >>> readout(states[-1], graph.edge_index).square().mean().backward()
    >>> reservoir.edge_delay.grad.shape == graph.edge_delay.shape
    True

    Args:
        graph: A graph that passes :func:`pyngn_graph.validate`; it is copied. ``gain`` is used and
            stays as it is.
        neuron: Parameters of the neurons.
        dt: Step in ms; must agree with ``graph.dt`` where the graph has one.
        surrogate: ``"fast_sigmoid"``, ``"arctan"`` or a function, see
            :mod:`pyngn_graph.surrogate`.
        kernel: How delays are spread while they learn. The attribute may be replaced at any time by
            a narrower one.
        max_delay: Longest delay that may be learned, steps; by default the longest of the graph.
            Delays that an optimizer took beyond 1 to ``max_delay`` are set back to this range at
            the next call in ``train()`` mode.
        tau_trace: Time constant of the liquid state, ms; 0: the spikes.
        checkpoint: Steps after which the state is kept for the way back; what lies between is
            computed again then, and memory grows with the number of these points instead of that
            of steps. None: everything is kept.
        stateful: Keep the fast state from call to call, until :meth:`reset`, cut from gradients:
            truncated backpropagation is one call, and one ``backward()``, for each window of a long
            sequence.

    Attributes:
        edge_weight: Parameter ``[E]``.
        edge_delay: Parameter ``[E]``, steps, not necessarily whole.

    Shapes:
        - **input** ``[T, N]`` or ``[T, N, C]``: the current into every neuron at every step; C
          columns (channels or trials) share the graph and do not meet
        - **output**: liquid states, shaped as the input

    Raises:
        ValueError, TypeError: If the graph, a parameter or an input breaks its rule.

    Sources: Neftci, Mostafa & Zenke (2019) for surrogate gradients through time; those of the parts
    stand with :mod:`pyngn_graph.surrogate` and :mod:`pyngn_graph.interpolation`.
    """

    WRITABLE = ("training", "kernel")

    dt: float = shown("_graph.dt", "Step, ms.")
    edge_index: Tensor
    edge_mask: Tensor
    gain: Tensor | None

    def __init__(
        self,
        graph: Data,
        neuron: LIFParameters | None = None,
        dt: float = 1.0,
        surrogate: str | Surrogate = "fast_sigmoid",
        kernel: DelayKernel | None = None,
        max_delay: int | None = None,
        tau_trace: float = 20.0,
        checkpoint: int | None = None,
        stateful: bool = False,
    ) -> None:
        super().__init__()
        if max_delay is not None:
            check_count("max_delay", max_delay)
        data = prepare(graph, max_delay=MAX_DELAY if max_delay is None else max_delay)
        dt = as_number("dt", dt)
        if "dt" in graph and data.dt != dt:
            raise ValueError(
                f"The delays of the graph count steps of {data.dt} ms but dt = {dt}; "
                f"pass dt={data.dt} or build the graph with dt={dt}"
            )
        if checkpoint is not None and not is_count(checkpoint):
            raise ValueError(
                f"'checkpoint' must be a whole number of steps >= 1, or None (got {checkpoint!r})"
            )
        tau_trace = as_number("tau_trace", tau_trace)
        if not 0.0 <= tau_trace < math.inf:
            raise ValueError(f"'tau_trace' must not be negative, in ms (got {tau_trace})")
        data.dt, self._graph = float(dt), data
        self.neuron = LIFParameters() if neuron is None else neuron
        self.neuron.check_size(data.num_nodes)
        self.neuron.at(dt, data.edge_weight.new_zeros(data.num_nodes, 1))
        self.surrogate = surrogate_of(surrogate)
        self.kernel = DelayKernel() if kernel is None else kernel
        self.max_delay = longest_delay(data) if max_delay is None else max_delay
        self.tau_trace, self.checkpoint, self.stateful = tau_trace, checkpoint, stateful
        self.conv = DelayedSpikeConv()
        self.edge_weight = nn.Parameter(data.edge_weight.clone())
        self.edge_delay = nn.Parameter(data.edge_delay.float())
        for name in ("edge_index", "edge_mask", "gain"):
            self.register_buffer(name, data.get(name), persistent=False)
        self._state: _State | None = None
        self._heard: tuple[Activity, bool] | None = None
        self._told: set[str] = set()
        self._made = True

    @property
    def graph(self) -> Data:
        """The graph with the weights and delays as they are now; see :meth:`to_data`."""
        return self.to_data()

    def replace(self, **changes: Any) -> "TrainableReservoir":
        """A new reservoir with other arguments; weights and delays are as they were learned.

        Raises:
            ValueError, TypeError: If there is no such argument, or a value breaks its rule.
        """
        made = TrainableReservoir(**(self._arguments(changes) | changes))
        if "graph" not in changes:
            made.to(self.edge_weight.device, self.edge_weight.dtype)
            made.load_state_dict(self.state_dict())
        return made

    def reset(self) -> None:
        """Forgets the fast state."""
        self._state = None

    def forward(self, x: Numbers) -> Tensor:
        """Liquid states ``[T, N]`` or ``[T, N, C]`` at all steps of the current ``x``.

        Raises:
            ValueError: If the input has another shape, is not finite, or has another number of
                columns than the state that is kept.
        """
        drive = self._checked(x)
        state = self._begin(drive[0])
        begun = state.trace
        if self.training and self.edge_delay.requires_grad:
            self._set_back()
            delay, share = self.kernel(self.edge_delay, self.max_delay)
        else:
            delay, share = round_delay(self._delay()), None
        traces = []
        for part in torch.split(drive, self.checkpoint or len(drive)):
            parts = (part, state, self.edge_weight, delay, share)
            if self.checkpoint is not None and torch.is_grad_enabled():
                seen, state = checkpoint(
                    self._advance, *parts, use_reentrant=False, preserve_rng_state=False
                )
            else:
                seen, state = self._advance(*parts)
            traces.append(seen)
        if not bool(torch.isfinite(state.neuron.v).all()):
            raise ValueError("A potential leaves the range of floats; rescale 'x' or the weights")
        if self.stateful:
            history, trace = state.history.detach(), state.trace.detach()
            self._state = _State(state.neuron.apply(Tensor.detach), history, trace, state.t)
        states = torch.cat(traces)
        self._tell(begun, states, drive)
        return states.reshape(as_tensor("x", x).shape)

    def diagnose(self, x: Numbers) -> Diagnosis:
        """Says in words how a run of ``x`` from rest is, and what to change.

        It is one of a :class:`~pyngn_graph.TriglialReservoir` on :meth:`to_data`, to which columns
        are trials; see its ``diagnose``. What is said of a bias holds for a constant that is added
        to ``x``.
        """
        trials = self._checked(x).detach().float().permute(2, 0, 1)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No edge of the graph")  # these weights learn
            reservoir = TriglialReservoir(
                self.to_data(),
                neuron=self.neuron,
                dt=self._graph.dt,
                tau_trace=self.tau_trace,
                max_delay=self.max_delay,
            )
        return _in_its_words(diagnose(reservoir, None, trials, pool="all"))

    def to_data(self) -> Data:
        """The graph with the weights and delays as they are now, ready for a reservoir with glia.

        Delays are rounded to whole steps, unless the graph came with floats.

        Raises:
            ValueError: If a weight or delay is not finite.
        """
        data = copy.copy(self._graph).to(self.edge_weight.device)
        whole = not data.edge_delay.is_floating_point()
        delay = self._delay().detach()
        data.edge_weight = self.edge_weight.detach().float().clone()
        data.edge_delay = round_delay(delay) if whole else delay.float()
        return validate(data, max_delay=self.max_delay)

    @torch.no_grad()
    def _tell(self, begun: Tensor, states: Tensor, drive: Tensor) -> None:
        """Warns of a dead or saturated run, by the number of spikes that made its states."""
        if ILL in self._told:
            return
        steps, dt = states.size(0) * states.size(2), self._graph.dt
        keep = math.exp(-dt / self.tau_trace) if self.tau_trace else 0.0
        counts = (states.sum(dim=0) + keep / (1.0 - keep) * (states[-1] - begun)).sum(dim=1)
        activity = Activity(counts.round().long(), steps, counts.new_zeros(0).long(), False)
        bias = counts.new_zeros(counts.shape)
        heard = heard_of(self, activity, dt, bool(drive.any()))
        if heard is not None:
            found = judged(Facts(self._graph, None, self.neuron, bias, dt, heard[0]))
            warn_of(self, _in_its_words(found), heard[1])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = self.edge_delay.detach().double()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        dtype, after = self.edge_delay.dtype, self.edge_delay.detach().double().to(before.device)
        if dtype not in (torch.float32, torch.float64) and not torch.equal(before, after):
            warn(
                f"{dtype} does not hold all delays: some moved by up to "
                f"{float((before - after).abs().max()):.3g} steps; keep this module in float32"
            )
        return self

    def extra_repr(self) -> str:
        """The graph and every parameter."""
        names = (
            "neuron",
            "surrogate",
            "kernel",
            "max_delay",
            "tau_trace",
            "checkpoint",
            "stateful",
        )
        facts = {"graph": f"{self._graph.num_nodes} neurons, {self._graph.num_edges} edges"}
        facts |= {"dt": str(self._graph.dt)} | {name: repr(getattr(self, name)) for name in names}
        return ",\n".join(f"{name}={value}" for name, value in facts.items())

    def _delay(self) -> Tensor:
        return self.edge_delay.clamp(1, self.max_delay)

    @torch.no_grad()
    def _set_back(self) -> None:
        # Only where needed: an edit would spoil a backward pass that is still to come.
        inside = self._delay()
        if not torch.equal(inside, self.edge_delay):
            self.edge_delay.copy_(inside)

    def _checked(self, x: Numbers) -> Tensor:
        num_nodes = self._graph.num_nodes
        check_signal(self._graph, None, x, shape=f"[T, {num_nodes}] or [T, {num_nodes}, C]")
        x = as_tensor("x", x)
        for name, value in (("edge_weight", self.edge_weight), ("edge_delay", self.edge_delay)):
            check_finite(name, value, "lower the learning rate, and load the last good weights")
        if x.dim() not in (2, 3) or x.size(1) != num_nodes or 0 in x.shape:
            raise ValueError(
                f"'x' must have shape [T, {num_nodes}] or [T, {num_nodes}, C] (step, neuron, "
                f"column) (got {list(x.shape)})"
            )
        if not bool(torch.isfinite(x).all()):
            raise ValueError("'x' must be finite; look for NaN in what feeds it")
        return x.to(self.edge_weight.dtype).reshape(*x.shape[:2], -1)

    def _begin(self, like: Tensor) -> _State:
        if self._state is not None:
            if self._state.trace.shape != like.shape:
                raise ValueError(
                    f"The fast state holds {self._state.trace.size(1)} columns but 'x' has "
                    f"{like.size(1)}; call 'reset()' first"
                )
            return self._state
        zero = torch.zeros_like(like, requires_grad=False)
        history = zero.new_zeros(self.max_delay, *zero.shape)
        return _State(LIFState.rest(self.neuron, zero), history, zero, 0)

    def _advance(
        self,
        drive: Tensor,
        state: _State,
        edge_weight: Tensor,
        edge_delay: Tensor,
        edge_share: Tensor | None,
    ) -> tuple[Tensor, _State]:
        """Liquid states ``[T, N, C]`` of some steps, and the state after them."""
        dt = self._graph.dt
        coefficients = self.neuron.at(dt, drive[0])
        keep = math.exp(-dt / self.tau_trace) if self.tau_trace else 0.0
        edges = (self.edge_index, edge_weight, edge_delay, self.edge_mask, edge_share)
        neuron, history, trace, t = state
        traces = []
        for current in drive:
            jump = self.conv(history, t, *edges)
            if self.gain is not None:
                jump = self.gain.unsqueeze(1) * jump
            neuron = integrate(jump, current, neuron, coefficients, self.surrogate)
            trace = keep * trace + (1.0 - keep) * neuron.spikes
            row = torch.tensor([t % self.max_delay], device=drive.device)
            history = history.index_copy(0, row, neuron.spikes.unsqueeze(0))
            traces.append(trace)
            t += 1
        return torch.stack(traces), _State(neuron, history, trace, t)


def _in_its_words(found: Diagnosis) -> Diagnosis:
    """A diagnosis whose advice names what there is to change here."""
    advice = []
    for sentence in found.advice:
        for theirs, ours in WORDS.items():
            sentence = sentence.replace(theirs, ours)
        advice.append(sentence)
    return dataclasses.replace(found, advice=tuple(advice))
