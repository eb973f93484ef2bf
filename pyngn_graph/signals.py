"""Signals on a graph: features of its nodes in, liquid states of its nodes out."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.arrays import Numbers, as_tensor
from pyngn_graph.constructed import Constructed, arguments, shown
from pyngn_graph.diagnosis import Diagnosis, diagnose
from pyngn_graph.glia.base import GlialCell, f32
from pyngn_graph.graph import MAX_DELAY, validate
from pyngn_graph.misuse import check_signal, warn_of_gradients
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.projection import Projection
from pyngn_graph.recording import Recording
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.transforms import Transform

BLOCK = 2**24
"""Spikes, one for every neuron and step, laid out at a time."""


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
        **options: Everything else of :class:`~pyngn_graph.TriglialReservoir`: ``neuron``,
            ``glia``, ``dt``, ``hold`` (the steps for which a sample is held), ...

    Attributes:
        reservoir: The :class:`~pyngn_graph.TriglialReservoir` of all neurons.
        projection: Input weights, shared by all places.
        num_places: Number of places P.

    Raises:
        ValueError, TypeError: If the graph, a parameter or an input breaks its rule.
    """

    REMEDY = "make another with 'SignalReservoir(reservoir.graph, ..., {name}={value})'"
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

    @torch.compiler.disable
    def run(self, x: Numbers, **options: Any) -> Recording:
        """Runs the reservoir on features ``x`` ``[T, P, F]`` or ``[B, T, P, F]``.

        The graph stays as it is. ``options`` are those of
        :meth:`pyngn_graph.TriglialReservoir.run`.
        """
        return self.reservoir.run(self.currents(x), **{"progress": self.progress} | options)

    @torch.compiler.disable
    def adapt(self, x: Numbers, **options: Any) -> Recording:
        """Lets the glia reshape the graph while it runs on ``x``; otherwise as :meth:`run`.

        :meth:`states` turns the recording into liquid states, for a reservoir that adapts while
        it predicts.
        """
        return self.reservoir.adapt(self.currents(x), **{"progress": self.progress} | options)

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
        """Liquid states ``[B, T, P, K m]`` at the ends of the samples of a recording."""
        trials, num_steps = recording.num_edges.shape
        hold, size = self.reservoir.setting.hold, recording.graph.num_nodes
        factors = [math.exp(-recording.dt / tau) if tau else 0.0 for tau in self.tau_trace]
        kind: Any = {"dtype": torch.float32, "device": recording.events.device}
        keep, add = (
            torch.tensor([f32(f) for f in each], **kind).view(-1, 1, 1)
            for each in (factors, [1.0 - factor for factor in factors])
        )
        trace = torch.zeros(len(factors), trials, size, **kind)
        events, ends = recording.events[recording.events[:, 1].argsort(stable=True)], []
        block = max(1, BLOCK // (trials * size * hold)) * hold
        for start in range(0, num_steps, block):
            stop = min(start + block, num_steps)
            first, last = torch.searchsorted(
                events[:, 1].contiguous(), torch.tensor([start, stop], device=events.device)
            ).tolist()
            trial, step, node = events[first:last].t()
            spikes = trace.new_zeros(stop - start, trials, size)
            spikes[step - start, trial, node] = 1.0
            for t, fired in enumerate(spikes, start):
                trace = keep * trace + add * fired
                if (t + 1) % hold == 0:
                    ends.append(trace)
        shape = (len(ends), len(factors), trials, self.num_places, -1)  # [T, K, B, P, m]
        states = torch.stack(ends).view(shape)
        return states.permute(2, 0, 3, 1, 4).flatten(3)

    def extra_repr(self) -> str:
        """Places and time constants."""
        return f"num_places={self.num_places}, tau_trace={self.tau_trace}"


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
