"""The reservoir: a living graph, its neurons and glia, and the loop with two clocks."""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from pyngn_graph.backends import BACKENDS, resolve
from pyngn_graph.diagnosis import Diagnosis, diagnose
from pyngn_graph.glia.base import GlialCell, f32
from pyngn_graph.graph import (
    MAX_DELAY,
    alive,
    longest_delay,
    on_grid,
    prepare,
    validate,
    weight_grid,
)
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.progress import progress_bar
from pyngn_graph.projection import Projection
from pyngn_graph.recording import Layout, Probe, Recording
from pyngn_graph.state import ReservoirState

Transform = Callable[[Data], Data]

SPAN = 1024
"""Most steps that a backend is given at a time."""

CURRENTS = 2**22
"""External currents held in memory at a time."""


class TriglialReservoir(nn.Module):
    r"""A spiking reservoir on a graph that three kinds of glia reshape while it runs (3GSNN-LSM).

    At step t, over every edge :math:`j \to i` with weight w, delay D and mask M,

    .. math::
        a_i(t) &= \sum_j M_{ji} w_{ji} s_j(t - D_{ji}) \\
        u_i &\leftarrow u_{rest} + \alpha (u_i - u_{rest}) + (1 - \alpha) R I_{ext,i}(t)
            + \gamma_i(t) a_i(t)

    Neurons, calcium and gain step every ``dt``; delays and wiring change every ``glia_period``
    steps of a life. In ``train()`` mode the glia are at work and the trials of a call are one
    stream, in order; in ``eval()`` mode the graph is frozen and trials are independent. The fast
    state (potentials, spikes under way, traces) starts anew at each call unless ``stateful``; the
    slow state lives on :attr:`graph` and stays. Sums of spikes are exact, so that every backend
    gives the same bits.

    Args:
        graph: A graph that passes :func:`pyngn_graph.validate`; it is copied.
        in_channels: Channels of the input, which a fixed random projection spreads over the
            neurons. ``None``: the input is the current into every neuron.
        neuron: Parameters of the neurons.
        glia: Glial cells, and plain ``Data -> Data`` transforms, in the order of their action.
            Transforms are called every ``glia_period`` steps.
        dt: Step in ms; must agree with ``graph.dt`` where the graph has one.
        glia_period: Steps between two changes of delays and wiring.
        hold: Steps for which each sample of the input is held.
        input_scale: Standard deviation of the current into a neuron when all channels have unit
            variance.
        input_density: Share of the neurons that each channel reaches.
        input_weight: Your own projection ``[N, in_channels]`` instead of the random one.
        bias: Constant current, a number, a tensor ``[N]``, or a pair: bounds of a uniform
            distribution. By default (0.7, 1.1) with a projection, 0 without.
        pool: ``"last"``: the liquid state at the end of a trial; an integer K: its mean over each
            of K equal segments, one after the other.
        tau_trace: Time constant of the liquid state, the low-passed spikes, in ms; 0: the spikes.
        in_flight: ``"arrival"``: the delay of an edge is read when spikes arrive, as in the
            equation. ``"emission"``: each spike keeps the delay it left with.
        max_delay: Longest delay allowed, steps.
        stateful: Keep the fast state from call to call, until :meth:`reset`.
        backend: ``"auto"`` or the name of a backend.
        seed: Seed of projection and bias.

    Shapes:
        - **input** ``[B, T, C]`` (trial, sample, channel), or ``[T, C]`` for one trial
        - **output** ``[B, F]``, F = N for ``pool="last"``, else K N

    Raises:
        ValueError, TypeError: If the graph, a parameter or an input breaks its rule. The reservoir
            stays as it was.

    Sources: Maass, Natschlaeger & Markram (2002) for liquid state machines; the rules of the glia
    are documented with each cell.
    """

    def __init__(
        self,
        graph: Data,
        in_channels: int | None = None,
        neuron: LIFParameters | None = None,
        glia: Iterable[GlialCell | Transform] = (),
        dt: float = 1.0,
        glia_period: int = 1000,
        hold: int = 1,
        input_scale: float = 1.0,
        input_density: float = 1.0,
        input_weight: Tensor | None = None,
        bias: float | Tensor | tuple[float, float] | None = None,
        pool: str | int = "last",
        tau_trace: float = 20.0,
        in_flight: str = "arrival",
        max_delay: int = MAX_DELAY,
        stateful: bool = False,
        backend: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, number in (("glia_period", glia_period), ("hold", hold)):
            if not isinstance(number, int) or number < 1:
                raise ValueError(f"'{name}' must be a whole number of steps >= 1 (got {number!r})")
        if pool != "last" and (not isinstance(pool, int) or pool < 1):
            raise ValueError(f"'pool' must be 'last' or a number of segments >= 1 (got {pool!r})")
        if in_flight not in ("arrival", "emission"):
            raise ValueError(f"'in_flight' must be 'arrival' or 'emission' (got {in_flight!r})")
        if not 0.0 <= tau_trace < torch.inf:
            raise ValueError(f"'tau_trace' must not be negative, in ms (got {tau_trace})")
        self.glia = tuple(glia)
        for cell in self.glia:
            if not callable(cell):
                raise TypeError(f"Glia must be callables from Data to Data (got {cell!r})")
        data = prepare(graph, max_delay=max_delay)
        if "dt" in graph and graph.dt != dt:
            raise ValueError(
                f"The delays of the graph count steps of {graph.dt} ms but dt = {dt}; "
                f"pass dt={graph.dt} or build the graph with dt={dt}"
            )
        data.dt = dt
        self.neuron = LIFParameters() if neuron is None else neuron
        self.neuron.check_size(data.num_nodes)
        self.neuron.at(dt, torch.zeros(data.num_nodes, 1))
        self.dt, self.glia_period, self.hold = float(dt), glia_period, hold
        self.pool, self.tau_trace, self.in_flight = pool, tau_trace, in_flight
        self.max_delay, self.stateful, self.seed = max_delay, stateful, seed
        self.backend = resolve(backend)
        self.projection = Projection(
            data.num_nodes, in_channels, input_scale, input_density, input_weight, bias, seed
        )
        self._graph = self._prepared(data)
        for cell in self.glia:
            if isinstance(cell, GlialCell) and cell.longest_delay(data) > max_delay:
                raise ValueError(
                    f"{cell!r} may set delays of {cell.longest_delay(data)} steps, beyond "
                    f"max_delay = {max_delay} of the reservoir; raise it or restrict the cell"
                )
        self._state: ReservoirState | None = None
        self._potential: Tensor | None = None
        self._activity: tuple[Tensor, int] | None = None

    @property
    def graph(self) -> Data:
        """The living graph, with everything the glia have written to it."""
        return self._graph

    @property
    def in_channels(self) -> int | None:
        """Channels of the input, or None if it drives the neurons directly."""
        return self.projection.in_channels

    @property
    def input_weight(self) -> Tensor | None:
        """The input projection ``[N, C]``, or None."""
        return self.projection.weight

    @property
    def bias(self) -> Tensor:
        """The constant current into every neuron, ``[N]``."""
        return self.projection.bias

    def reset(self, v: Tensor | float | None = None) -> None:
        """Forgets the fast state; ``v`` (a number or ``[N]``) sets the potentials to start from.

        Raises:
            ValueError: If ``v`` has the wrong shape or is not finite.
        """
        if v is not None:
            v = torch.as_tensor(v, dtype=torch.float32, device=self.bias.device)
            if v.dim() and v.shape != self.bias.shape:
                raise ValueError(
                    f"'v' must be a number or have shape {list(self.bias.shape)} "
                    f"(got {list(v.shape)})"
                )
            if not bool(torch.isfinite(v).all()):
                raise ValueError("'v' must be finite")
            v = v.expand_as(self.bias).clone()
        self._state, self._potential = None, v

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Liquid states ``[B, F]`` of the trials ``x`` ``[B, T, C]``.

        ``lengths`` ``[B]`` gives the number of samples of each trial where they differ; what
        stands behind is ignored. In train mode the glia learn from the call.
        """
        return self._simulate(x, None, lengths, (), 1, False, False)[0].states()

    def run(
        self,
        x: Tensor | None = None,
        *,
        num_steps: int | None = None,
        lengths: Tensor | None = None,
        record: Sequence[str] = (),
        every: int = 1,
        progress: bool | None = None,
    ) -> Recording:
        """Runs the reservoir and takes down what happens.

        Args:
            x: Input ``[B, T, C]`` or ``[T, C]``; None runs on the bias alone.
            num_steps: Steps to run without input.
            lengths: Samples of each trial, ``[B]``.
            record: Traces to keep: ``"v"``, ``"i_syn"``, ``"state"`` (the liquid state), or any
                attribute of the graph's nodes, as ``"gain"`` and ``"calcium"``.
            every: Keep traces of every ``every``-th step.
            progress: Show a progress bar; by default on a terminal or in a notebook when the run
                takes longer than a second.
        """
        names = (record,) if isinstance(record, str) else tuple(record)
        probe, data = self._simulate(x, num_steps, lengths, names, every, True, progress)
        return probe.recording(copy.copy(data))

    def diagnose(self) -> Diagnosis:
        """Says in words whether the last run was dead, saturated or healthy, and what to change.

        Raises:
            RuntimeError: Before the first run.
        """
        if self._activity is None:
            raise RuntimeError("Nothing to diagnose yet; call 'run' or the reservoir itself first")
        return diagnose(self._graph, self.glia, self.neuron, self.bias, self.dt, *self._activity)

    def extra_repr(self) -> str:
        """The graph and every parameter; those of the input stand with the projection."""
        names = ["neuron", "glia", "dt", "glia_period", "hold", "pool", "tau_trace", "in_flight"]
        names += ["max_delay", "stateful", "backend", "seed"]
        lines = [f"graph={self._graph.num_nodes} neurons, {self._graph.num_edges} edges"]
        return ",\n".join(lines + [f"{name}={getattr(self, name)!r}" for name in names])

    def _simulate(
        self,
        x: Tensor | None,
        num_steps: int | None,
        lengths: Tensor | None,
        record: tuple[str, ...],
        every: int,
        events: bool,
        progress: bool | None,
    ) -> tuple[Probe, Data]:
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"'every' must be a whole number of steps >= 1 (got {every!r})")
        x, samples = self.projection.checked(x, num_steps, lengths)
        hold = self.hold if num_steps is None else 1
        learns = self.training and bool(self.glia)
        if self.stateful and not learns and bool((samples != x.size(1)).any()):
            raise ValueError(
                f"A stateful reservoir runs on from where its trials ended, so that 'lengths' must "
                f"all be {x.size(1)}, the samples of 'x' (got {samples.tolist()}); cut the input"
            )
        data = copy.copy(self._graph)
        self._check_record(record, data)
        probe = Probe(samples * hold, data.num_nodes, self.pool, record, every, events)
        if learns:
            inside = torch.arange(x.size(1), device=x.device) < samples.unsqueeze(1)
            columns = [(Layout.stream(samples * hold), x[inside].unsqueeze(0))]
        else:
            columns = self._side_by_side(x, samples, hold)
        state = None
        total = sum(layout.num_steps for layout, _ in columns)
        with progress_bar(total, progress) as bar:
            for layout, signal in columns:
                probe.begin(layout)
                state = self._begin(data, signal.size(0), learns)
                data, state = self._advance(data, state, signal, hold, learns, probe, bar)
        if state is not None and (learns or self.stateful):
            state = state.settled()
        self._activity = (probe.counts, int(samples.sum()) * hold)
        if self.stateful:
            self._state = state
        if learns:
            self._graph = data
        return probe, data

    def _side_by_side(self, x: Tensor, samples: Tensor, hold: int) -> list[tuple[Layout, Tensor]]:
        """Trials of similar length together, no more than fit well; all of them if stateful."""
        order = torch.argsort(samples, stable=True)
        if self.stateful:
            groups = [order.sort().values]
        else:
            groups = list(torch.split(order, BACKENDS[self.backend].columns))
        return [
            (
                Layout.side_by_side(samples[group] * hold, group),
                x[group, : int(samples[group].max())],
            )
            for group in groups
        ]

    def _begin(self, data: Data, columns: int, learns: bool) -> ReservoirState:
        if self._state is not None:
            if self._state.columns != columns:
                raise ValueError(
                    f"The fast state holds {self._state.columns} trials but this call has "
                    f"{columns}; call 'reset()' first"
                )
            return self._state.copy()
        if learns:
            for cell in self.glia:
                if isinstance(cell, GlialCell):
                    cell.forget(data)
        state = ReservoirState.rest(
            self.neuron,
            data.num_nodes,
            columns,
            self._reach(data) if learns or self.stateful else longest_delay(data),
            self.in_flight == "emission",
            self.bias.device,
        )
        if self._potential is not None:
            v = self._potential.unsqueeze(1).expand(-1, columns)
            state.neuron = state.neuron._replace(v=v)
        return state

    def _reach(self, data: Data) -> int:
        """The longest delay that the graph has or may get, for which spikes are remembered."""
        cells = [cell for cell in self.glia if isinstance(cell, GlialCell)]
        return max([longest_delay(data), *(cell.longest_delay(data) for cell in cells)])

    def _advance(
        self,
        data: Data,
        state: ReservoirState,
        signal: Tensor,
        hold: int,
        learns: bool,
        probe: Probe,
        bar: Any,
    ) -> tuple[Data, ReservoirState]:
        """Runs one set of columns to its end, from tick to tick."""
        cells = [cell for cell in self.glia if isinstance(cell, GlialCell)] if learns else []
        coefficients = self.neuron.at(self.dt, state.trace)
        keep = math.exp(-self.dt / self.tau_trace) if self.tau_trace else 0.0
        start, stop, clock = 0, signal.size(1) * hold, data.clock
        span = min(SPAN, max(1, CURRENTS // state.trace.numel()) * hold)
        while start < stop:
            end = min(start + span, stop)
            if learns:
                end = min(end, start + self.glia_period - clock % self.glia_period)
            step = torch.arange(start, end, device=signal.device)
            first = start // hold
            edges = _edges(data)
            drive = self.projection(signal[:, first : (end - 1) // hold + 1])
            data = BACKENDS[self.backend].advance(
                state,
                data,
                cells,
                coefficients,
                (f32(keep), f32(1.0 - keep)),
                drive,
                step // hold - first,
                start,
                probe,
            )
            probe.edges(start, end, int(alive(data).sum()))
            if learns:
                _check_constant(edges, data)
                clock += end - start
                data.clock = clock
                if clock % self.glia_period == 0:
                    data, state = self._tick(data, state)
            bar.update(end - start)
            start = end
        return data, state

    def _tick(self, data: Data, state: ReservoirState) -> tuple[Data, ReservoirState]:
        """Lets the slow clock tick: delays and wiring change, and with them the fast state."""
        state = state.settled()
        num_edges = data.num_edges
        data.edge_id = torch.arange(num_edges, device=data.edge_index.device)
        for cell in self.glia:
            if not (isinstance(cell, GlialCell) and cell.every_step):
                data = self._rewritten(cell, data, num_edges)
        state = state.rewired(data.edge_id, num_edges)
        del data.edge_id
        data.edge_weight = on_grid(data.edge_weight, weight_grid(data))
        data = self._prepared(data)
        return data, state.lengthened(longest_delay(data))

    def _rewritten(self, cell: GlialCell | Transform, data: Data, num_edges: int) -> Data:
        """The graph as ``cell`` rewrites it, once it is known to be one that can run on."""
        before, data = data, cell(data)
        try:
            validate(data, max_delay=self.max_delay)
            if data.num_nodes != before.num_nodes:
                raise ValueError(
                    f"the graph has {data.num_nodes} instead of {before.num_nodes} neurons; glia "
                    f"may rewrite edges only"
                )
            known = data.edge_id[data.edge_id >= 0] if "edge_id" in data else None
            if known is None or not _are_distinct(known, num_edges):
                raise ValueError(
                    "edges were merged or doubled, or 'edge_id' is lost; a transform must keep "
                    "every 'edge_*' of an old edge and give a new edge 'edge_id' -1"
                )
        except (TypeError, ValueError) as error:
            raise type(error)(f"{cell!r} returned a graph that cannot run on: {error}") from error
        return data

    def _prepared(self, data: Data) -> Data:
        for cell in self.glia:
            if isinstance(cell, GlialCell):
                data = cell.prepare(data)
        return data

    def _check_record(self, names: tuple[str, ...], data: Data) -> None:
        known = ["v", "state"] + (["i_syn"] if self.neuron.tau_syn is not None else [])
        known += [
            key
            for key, value in data.to_dict().items()
            if isinstance(value, Tensor) and value.shape == (data.num_nodes,) and "edge" not in key
        ]
        for name in names:
            if name not in known:
                raise ValueError(f"Cannot record {name!r}; available here: {known}")


def _are_distinct(places: Tensor, size: int) -> bool:
    count = torch.bincount(places, minlength=size)
    return count.numel() == size and not bool((count > 1).any())


def _edges(data: Data) -> tuple[Tensor, ...]:
    return data.edge_index, data.edge_weight, data.edge_delay, alive(data)


def _check_constant(before: tuple[Tensor, ...], data: Data) -> None:
    same = zip(before, _edges(data), strict=True)
    if not all(a is b or torch.equal(a, b) for a, b in same):
        raise ValueError(
            "A glial cell with 'every_step = True' changed edges; between two ticks of the slow "
            "clock the wiring, weights and delays are constant: set 'every_step = False'"
        )
