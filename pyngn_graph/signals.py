"""Signals on a graph: features of its nodes in, liquid states of its nodes out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.arrays import Numbers, as_tensor
from pyngn_graph.constructed import Constructed, arguments, shown
from pyngn_graph.diagnosis import Diagnosis, diagnose
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import MAX_DELAY, validate
from pyngn_graph.lowpass import low_passed
from pyngn_graph.misuse import check_signal, warn_of_gradients
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.projection import Projection
from pyngn_graph.recording import Recording
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.transforms import Transform

WITHOUT = {
    "pool": "states come at the end of every sample; pool those that it returns",
    "input_density": "all neurons of a place get all of its features; pass 'input_weight' with 0s",
}
"""Arguments of a reservoir that mean nothing here, and what to do instead."""


class SignalReservoir(Constructed):
    r"""A reservoir on the nodes of a graph, with the same input weights at every node.

    A place, as a node of the user's graph is called here, is one neuron or a population of m
    neurons, as :func:`pyngn_graph.generators.replicate` makes them. Neuron i of place a gets

    .. math:: I_{ext,ai}(t) = b_i + \sum_f W_{if}\, x_{af}(t)

    and the liquid states of a place are the low-passed spikes of its neurons. They come at the end
    of every sample, and suit any torch or PyG module as features of the nodes. Nothing is trained
    by gradients, and none flows back to ``x``; see :class:`~pyngn_graph.TrainableReservoir`.

    Example, features ``x`` ``[T, P, F]`` of a graph as in PyG Temporal, and a head for the last:

    >>> import torch, pyngn_graph as ng
    >>> from torch_geometric.nn import GCNConv
    >>> edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> x = torch.randn(60, 4, 2, generator=torch.Generator().manual_seed(0))
    >>> population, bridge = (
    ...     ng.generators.ErdosRenyi(num_nodes=25, degree=3, max_delay=40, seed=seed)()
    ...     for seed in (0, 1)
    ... )
    >>> graph = ng.generators.replicate(population, edge_index, 4, bridge)
    >>> glia = [ng.Astrocyte()]
    >>> liquid = ng.SignalReservoir(graph, in_channels=2, glia=glia, hold=20, progress=False)
    >>> recording = liquid.adapt(x)  # glia reshape the graph, unsupervised
    >>> states = liquid(x)           # [T, P, m], here of neurons
    >>> list(states.shape)
    [60, 4, 25]
    >>> list(GCNConv(25, 1)(states[-1], edge_index).shape)
    [4, 1]

    Args:
        graph: The neurons of all places, those of a place one after the other. With ``place``
            ``[N]``, as ``replicate`` writes it, places are told by it; otherwise every neuron is
            a place.
        in_channels: Features F of a place.
        input_scale: Standard deviation of the current into a neuron when all features have unit
            variance.
        input_weight: Your own weights ``[m, F]`` instead of random ones.
        bias: Constant current, a number, ``[m]``, or bounds of a uniform distribution.
        tau_trace: Time constants of the liquid states, ms: one, or several that stand one behind
            the other in the states.
        seed: Seed of input weights and bias.
        progress: Show a progress bar; see :meth:`pyngn_graph.TriglialReservoir.run`.
        **options: Everything else of :class:`~pyngn_graph.TriglialReservoir`, but for ``pool`` and
            ``input_density``: ``neuron``, ``glia``, ``dt``, ``hold`` (the steps for which a sample
            is held), ``stateful`` and ``start``, which hold for liquid states too, ...

    Attributes:
        reservoir: The :class:`~pyngn_graph.TriglialReservoir` of all neurons.
        projection: Input weights, shared by all places.
        num_places: Number of places P.

    Raises:
        ValueError, TypeError: If the graph, a parameter or an input breaks its rule.
    """

    WRITABLE = ("training", "progress")

    in_channels: int = shown("projection.in_channels", "Features F of a place.")
    input_scale: float = shown("projection.scale", "Standard deviation of the input current.")
    input_weight: Tensor = shown("projection.weight", "Input weights ``[m, F]``.")
    seed: int = shown("projection.seed", "Seed of input weights and bias.")
    neuron: LIFParameters = shown("reservoir.neuron", "Parameters of the neurons.")
    glia: tuple[GlialCell | Transform, ...] = shown("reservoir.glia", "The glia, in their order.")
    dt: float = shown("reservoir.dt", "Step, ms.")
    glia_period: int = shown("reservoir.glia_period", "Steps from one tick to the next.")
    hold: int = shown("reservoir.hold", "Steps for which a sample is held.")
    in_flight: str = shown("reservoir.in_flight", "Which delay a spike takes.")
    max_delay: int = shown("reservoir.max_delay", "Longest delay allowed, steps.")
    stateful: bool = shown("reservoir.stateful", "Whether the fast state is kept between calls.")
    start: str = shown("reservoir.start", "Where a trial begins.")
    backend: str = shown("reservoir.backend", "The backend in use.")
    threads: int | None = shown("reservoir.threads", "Threads for independent trials.")

    def __init__(
        self,
        graph: Data,
        in_channels: int = 1,
        input_scale: float = 1.0,
        input_weight: Tensor | None = None,
        bias: float | Tensor | tuple[float, float] = (0.7, 1.1),
        tau_trace: float | Sequence[float] = 20.0,
        seed: int = 0,
        progress: bool | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        for name in WITHOUT.keys() & options:
            raise TypeError(f"A SignalReservoir has no '{name}': {WITHOUT[name]}")
        self.tau_trace = tuple(torch.as_tensor(tau_trace, dtype=torch.float64).flatten().tolist())
        if not self.tau_trace or not all(0.0 <= tau < math.inf for tau in self.tau_trace):
            raise ValueError(f"'tau_trace' must hold times in ms, none negative (got {tau_trace})")
        validate(graph, max_delay=options.get("max_delay", MAX_DELAY))
        self.num_places, size = _places(graph)
        drawn = Projection(size, in_channels, input_scale, 1.0, input_weight, bias, seed)
        self.projection = Projection(size, in_channels, input_scale, 1.0, drawn.weight, 0.0, seed)
        self.reservoir = TriglialReservoir(
            graph, bias=drawn.bias.repeat(self.num_places), seed=seed, **options
        )
        self.progress = progress
        self._traces: dict[str, Tensor] = {}
        self._told: set[str] = set()
        self._made = True

    @classmethod
    def readable(cls) -> list[str]:
        """The names that an argument of the constructor goes by."""
        inner = [name for name in arguments(TriglialReservoir) if hasattr(cls, name)]
        return list(dict.fromkeys([*super().readable(), *inner]))

    @property
    def graph(self) -> Data:
        """The living graph of all neurons; assign one to go on with it."""
        return self.reservoir.graph

    @graph.setter
    def graph(self, graph: Data) -> None:
        self.reservoir.graph = graph

    @property
    def bias(self) -> Tensor:
        """The constant current into the neurons of a place, ``[m]``."""
        return self.reservoir.bias[: self.projection.num_nodes]

    def replace(self, **changes: Any) -> "SignalReservoir":
        """A new reservoir on the graph as it stands, with other arguments; it begins at rest.

        What is drawn, or of your own, is kept or drawn anew as for
        :meth:`pyngn_graph.TriglialReservoir.replace`.

        Raises:
            ValueError, TypeError: If there is no such argument, or a value breaks its rule.
        """
        same = self._arguments(changes) | {"backend": self.reservoir.setting.backend}
        size, own = self.projection.num_nodes, (self.in_channels, self.input_scale)
        drawn = Projection(size, *own, 1.0, None, 0.0, self.seed).weight
        is_drawn = drawn is not None and torch.equal(drawn, self.input_weight.cpu())
        if (changes.keys() & {"input_scale", "seed"} and is_drawn) or "in_channels" in changes:
            del same["input_weight"]
        graph = changes.get("graph")
        if isinstance(graph, Data) and _places(graph)[1] != size:
            same = {name: same[name] for name in same if name not in ("input_weight", "bias")}
        return SignalReservoir(**(same | changes))

    def reset(self) -> None:
        """Forgets the fast state; trials begin again at ``start``."""
        self.reservoir.reset()

    @torch.compiler.disable
    def run(self, x: Numbers, **options: Any) -> Recording:
        """Runs the reservoir on features ``x`` ``[T, P, F]`` or ``[B, T, P, F]``.

        The graph stays as it is. ``options`` are those of
        :meth:`pyngn_graph.TriglialReservoir.run`.
        """
        return self._recorded(False, x, options)

    @torch.compiler.disable
    def adapt(self, x: Numbers, **options: Any) -> Recording:
        """Lets the glia reshape the graph while it runs on ``x``; otherwise as :meth:`run`.

        :meth:`states` turns the recording into liquid states, for a reservoir that adapts while
        it predicts.
        """
        return self._recorded(True, x, options)

    def diagnose(self, x: Tensor | None = None) -> Diagnosis:
        """Says in words how the last run was, or one of ``x``, and what to change.

        See :meth:`pyngn_graph.TriglialReservoir.diagnose`.
        """
        current = None if x is None else self.currents(x)
        return diagnose(self.reservoir, self.reservoir._activity, current, pool="all")

    @torch.compiler.disable
    def forward(self, x: Numbers) -> Tensor:
        """Liquid states ``[T, P, K m]`` or ``[B, T, P, K m]``, K the number of time constants."""
        states = self.states(self.run(x))
        return states if as_tensor("x", x).dim() == 4 else states[0]

    def currents(self, x: Numbers) -> Tensor:
        """Input of the reservoir ``[B, T, P m]`` for features ``x``, without the bias.

        Raises:
            ValueError, TypeError: If ``x`` has another shape or type, or is not finite.
        """
        check_signal(self.graph, self.in_channels, x, shape="[T, P, F] or [B, T, P, F]")
        warn_of_gradients(self, x)
        x = as_tensor("x", x)
        features = [self.num_places, self.projection.in_channels]
        if x.dim() not in (3, 4) or list(x.shape[-2:]) != features:
            places, channels = features
            raise ValueError(
                f"'x' must have shape [T, {places}, {channels}] (sample, place, feature) or "
                f"[B, T, {places}, {channels}] (got {list(getattr(x, 'shape', []))})"
            )
        x = x if x.dim() == 4 else x.unsqueeze(0)
        rows, _ = self.projection.checked(x.transpose(1, 2).flatten(0, 1), None, None)
        current = self.projection(rows).unflatten(2, (x.size(0), self.num_places))
        return current.permute(2, 0, 3, 1).flatten(2)

    def states(self, recording: Recording) -> Tensor:
        """Liquid states ``[B, T, P, K m]`` at the ends of the samples of a recording.

        Where trials did not begin at rest, ``recording.traces["begin"]`` ``[B, K, N]`` has the
        states that they began with.
        """
        begin = recording.traces.get("begin")
        states, _ = self._low_passed(recording, None if begin is None else begin.transpose(0, 1))
        shape = (*states.shape[:3], self.num_places, -1)  # [T, K, B, P, m]
        return states.view(shape).permute(2, 0, 3, 1, 4).flatten(3)

    def get_extra_state(self) -> dict[str, Tensor]:
        """The liquid states from which to go on, for ``state_dict``."""
        return dict(self._traces)

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Takes over those of a ``state_dict``."""
        self._traces = {name: trace.to(self.bias.device) for name, trace in state.items()}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._traces = {name: trace.to(self.bias.device) for name, trace in self._traces.items()}
        return self

    def _recorded(self, learns: bool, x: Numbers, options: dict[str, Any]) -> Recording:
        inner, current = self.reservoir, self.currents(x)
        begin = self._begin()
        call = inner.adapt if learns else inner.run
        recording = call(current, **{"progress": self.progress} | options)
        lived = learns and inner.start == "lived"
        if begin is None and not (lived or inner.stateful or (learns and len(current) > 1)):
            return recording
        if learns:  # one stream: each trial begins as the one before it ended
            end, begins = self._at_rest(recording, 1) if begin is None else begin, []
            for trial in range(len(current)):
                begins.append(end)
                _, end = self._low_passed(_one(recording, trial), end)
            begin = torch.cat(begins, dim=1)
        else:
            rest = self._at_rest(recording, len(current))
            begin = rest if begin is None else begin.expand_as(rest)
            end = self._low_passed(recording, begin)[1] if inner.stateful else begin
        recording.traces["begin"] = begin.transpose(0, 1)
        kept = {"present": inner.stateful, "lived": lived}
        self._traces |= {name: end for name in kept if kept[name]}
        return recording

    def _begin(self) -> Tensor | None:
        """The liquid states ``[K, B, N]`` from which the next call begins; None for rest."""
        inner = self.reservoir
        start = inner._start(learns=True)
        if start is None:
            return None
        return self._traces.get("present" if start is inner._state else "lived")

    def _at_rest(self, recording: Recording, trials: int) -> Tensor:
        return self.bias.new_zeros(len(self.tau_trace), trials, recording.graph.num_nodes)

    def _low_passed(self, recording: Recording, begin: Tensor | None) -> tuple[Tensor, Tensor]:
        return low_passed(recording, self.tau_trace, self.hold, begin)

    def extra_repr(self) -> str:
        """Places and time constants."""
        return f"num_places={self.num_places}, tau_trace={self.tau_trace}"


def _one(recording: Recording, trial: int) -> Recording:
    """What is left of a recording for the liquid states of one trial, up to its own end."""
    events = recording.events[recording.events[:, 0] == trial].clone()
    events[:, 0] = 0
    edges = recording.num_edges[trial : trial + 1, : int(recording.lengths[trial])]
    return replace(recording, events=events, num_edges=edges)


def _places(graph: Data) -> tuple[int, int]:
    """Number of places, and of the neurons of each."""
    place = graph.get("place")
    if place is None:
        return graph.num_nodes, 1
    if not isinstance(place, Tensor) or place.dtype != torch.int64 or not place.numel():
        raise ValueError(
            f"'place' must be an int64 tensor [N] (got {getattr(place, 'dtype', place)!r})"
        )
    num_places = max(1, int(place.max()) + 1)
    size = graph.num_nodes // num_places
    expected = torch.arange(num_places, device=place.device).repeat_interleave(size)
    if not torch.equal(place, expected):
        raise ValueError(
            "'place' must count the places in order, each with the same number of neurons; build "
            "the graph with 'generators.replicate', or delete 'place' to make every neuron one"
        )
    return num_places, size
