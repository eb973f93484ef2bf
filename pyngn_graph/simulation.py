"""One run of a reservoir: the loop with two clocks."""

import copy
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.backends import BACKENDS, resolve
from pyngn_graph.glia.base import GlialCell, f32
from pyngn_graph.glia.per_graph import as_one
from pyngn_graph.graph import SHARED, alive, longest_delay, num_live, num_targets, number
from pyngn_graph.grid import on_its_grid
from pyngn_graph.memo import checksum_of
from pyngn_graph.probe import Layout, Probe
from pyngn_graph.progress import progress_bar
from pyngn_graph.projection import Projection
from pyngn_graph.setting import Setting
from pyngn_graph.state import ReservoirState
from pyngn_graph.transforms import Transform, check_ends, rewritten
from pyngn_graph.unions import each_graph, separated, united

if TYPE_CHECKING:
    from pyngn_graph.checkpoint import Checkpoint

SPAN = 4096
"""Most steps that a backend is given at a time."""

CURRENTS = 2**22
"""External currents held in memory at a time."""

SPIKES = 2**28
"""Spikes for which there is room at a time."""


class Edges(NamedTuple):
    """A tensor of edges as it is now; the checksum finds edits that torch does not see."""

    value: Tensor
    version: int
    total: int

    @classmethod
    def of(cls, value: Tensor, closely: bool) -> "Edges":
        """What is to be seen of ``value``; ``closely`` looks at all of it."""
        version = 0 if value.is_inference() else value._version
        return cls(value, version, checksum_of(value) if closely else 0)

    def is_same(self, later: "Edges") -> bool:
        """Whether they are the same edges later."""
        if self.value is later.value:
            return self[1:] == later[1:]
        return self.total == later.total and torch.equal(self.value, later.value)


class Simulation:
    """A run on a graph, which it takes over.

    Args:
        setting: What the reservoir is.
        projection: Turns input into currents.
        data: The graph; a shallow copy is made, tensors are not edited.
        learns: Whether the glia reshape the graph: then all trials are one stream.
        state: Fast state to go on from, or None for a new one.
        potential: Potentials ``[N]`` that a new state starts from, or None for rest.
        spread: Whether every trial begins with the single column of ``state``.
    """

    def __init__(
        self,
        setting: Setting,
        projection: Projection,
        data: Data,
        learns: bool,
        state: ReservoirState | None,
        potential: Tensor | None,
        spread: bool = False,
    ) -> None:
        self.setting, self.projection, self.learns = setting, projection, learns
        self.spread = spread
        self.foreign: bool = learns and setting.is_foreign
        own = data.clone() if self.foreign else copy.copy(data)  # recordings hold the tensors
        self.data = in_step(each_graph(own, on_its_grid))
        self.state, self.potential = state, potential
        self.num_nodes: int = data.num_nodes
        self.horizon: int = SPAN
        self.backend = BACKENDS[resolve(setting.backend, projection.bias.device)]

    def run(
        self,
        x: Tensor,
        samples: Tensor,
        hold: int,
        probe: Probe,
        progress: bool | None,
        checkpoint: "Checkpoint | None" = None,
    ) -> None:
        """Runs the trials ``x`` ``[B, T, C]`` of ``samples`` ``[B]`` samples to their ends.

        Afterwards ``data`` is the graph and ``state`` the fast state as they then stand. With a
        ``checkpoint`` the run goes on from where its file stands, and is written to it.
        """
        started = self.state
        columns = self._columns(x, samples, hold)
        total = sum(layout.num_steps for layout, _ in columns)
        done = 0 if checkpoint is None else checkpoint.resume(self, probe)
        with progress_bar(total, progress) as bar:
            bar.update(done)
            for layout, signal in columns:
                start = min(done, layout.num_steps)
                done -= start
                if start == layout.num_steps:
                    continue
                probe.begin(layout)
                if start == 0:
                    self.state = self._begin(started, signal.size(0))
                self._advance(signal, hold, probe, bar, start, checkpoint)
        if checkpoint is not None:
            checkpoint.finish(self, probe)
        if self.state is not None and (self.learns or self.setting.stateful):
            self.state = self.state.settled()

    def _columns(self, x: Tensor, samples: Tensor, hold: int) -> list[tuple[Layout, Tensor]]:
        """How the trials lie, and their input, for each set of columns that runs together."""
        if self.learns:
            inside = torch.arange(x.size(1), device=x.device) < samples.unsqueeze(1)
            return [(Layout.stream(samples * hold), x[inside].unsqueeze(0))]
        # Trials of similar length together, no more than fit well; all of them if stateful.
        order = torch.argsort(samples, stable=True)
        groups = torch.split(order, self.backend.columns)
        if self.setting.stateful:
            groups = (order.sort().values,)
        return [
            (
                Layout.side_by_side(samples[group] * hold, group),
                x[group, : int(samples[group].max())],
            )
            for group in groups
        ]

    def _begin(self, state: ReservoirState | None, columns: int) -> ReservoirState:
        data, setting = self.data, self.setting
        if state is not None:
            if self.spread:
                state = state.spread(columns)
            if state.columns != columns:
                raise ValueError(
                    f"The fast state holds {state.columns} trials but this call has {columns}; "
                    f"call 'reset()' first"
                )
            flying = state.in_flight
            if flying is not None and flying.numel() and int(flying[1].max()) >= data.num_edges:
                raise ValueError(
                    "Edges were taken from the graph by hand while spikes were under way on them; "
                    "call 'reset()' first, or assign the new graph to 'reservoir.graph'"
                )
            return state.copy().lengthened(self._depth(longest_delay(data)))
        if self.learns:
            for cell in setting.cells:
                cell.forget(data)
        lasting = self.learns or setting.stateful
        state = ReservoirState.rest(
            setting.neuron,
            num_targets(data),
            columns,
            self._depth(setting.reach(data) if lasting else longest_delay(data)),
            setting.in_flight == "emission",
            self.projection.bias.device,
            data.num_nodes,
        )
        if self.potential is not None:
            v = self.potential.unsqueeze(1).expand(-1, columns)
            state.neuron = state.neuron._replace(v=v)
        return state

    def _advance(
        self,
        signal: Tensor,
        hold: int,
        probe: Probe,
        bar: Any,
        start: int,
        checkpoint: "Checkpoint | None",
    ) -> None:
        """Runs one set of columns from step ``start`` to its end, from tick to tick."""
        assert self.state is not None
        state = self.state
        setting, period = self.setting, self.setting.glia_period
        cells = [as_one(cell) for cell in setting.cells] if self.learns else []
        coefficients = setting.neuron.at(setting.dt, state.trace)
        keep = math.exp(-setting.dt / setting.tau_trace) if setting.tau_trace else 0.0
        decay = f32(keep), f32(1.0 - keep)
        stop, clock = signal.size(1) * hold, self.data.clock
        size = self.num_nodes * state.columns
        span = min(SPAN, max(1, CURRENTS // size) * hold, max(1, SPIKES // size))
        while start < stop:
            end = min(start + min(span, self.horizon), stop)
            if self.learns:
                end = min(end, start + period - clock % period)
            if checkpoint is not None:
                end = min(end, start + checkpoint.left)
            first, last = start // hold, (end - 1) // hold
            sample = torch.arange(start, end, device=signal.device) // hold - first
            if signal.size(2) == 0:  # the bias alone, the same at all steps
                first, last, sample = 0, 0, torch.zeros_like(sample)
            edges = self._edges()
            self.data = self.backend.advance(
                state,
                self.data,
                cells,
                coefficients,
                decay,
                self.projection(signal[:, first : last + 1]),
                sample,
                start,
                probe,
                setting.threads or torch.get_num_threads(),
            )
            self._exchange(state, start, end, probe)
            probe.edges(start, end, num_live(self.data))
            if self.learns:
                _check_constant(edges, self._edges())
                clock += end - start
                self.data.clock = clock
                if clock % period == 0:
                    state = self._tick(state, probe)
            bar.update(end - start)
            if checkpoint is not None and checkpoint.passed(end - start):
                self.state = state = state.settled()
                checkpoint.write(self, probe)
            start = end
        self.state = state

    def _edges(self) -> list[Edges]:
        data = self.data
        values = (data.edge_index, data.edge_weight, data.edge_delay, alive(data))
        return [Edges.of(value, self.foreign) for value in values]

    def _depth(self, steps: int) -> int:
        """Steps of spikes that are remembered, where delays here take so many."""
        return steps

    def _exchange(self, state: ReservoirState, start: int, end: int, probe: Probe) -> None:
        """Takes in the spikes of neurons that are simulated elsewhere, if there are any.

        At most ``horizon`` steps lie between two calls.
        """

    def _tick(self, state: ReservoirState, probe: Probe) -> ReservoirState:
        """Lets the slow clock tick: delays and wiring change, and with them the fast state."""
        if not any(map(_is_slow, self.setting.glia)):
            probe.rewired(self.data, None)
            return state
        state = state.settled()
        whole, graphs, origins, before = self.data, [], [], 0
        tracked = state.in_flight is not None or probe.log is not None
        for k, graph in enumerate(separated(whole)):
            cells, num_edges = list(filter(_is_slow, self.setting.glia_of(k))), graph.num_edges
            sound = all(isinstance(cell, GlialCell) and cell.is_sound for cell in cells)
            if tracked or not sound:
                graph.edge_origin = torch.arange(num_edges, device=graph.edge_index.device)
            ends = graph.edge_index
            for cell in cells:
                graph = self._rewritten(cell, graph, ends)
            if "edge_origin" in graph:
                origin = graph.edge_origin
                origins.append(torch.where(origin >= 0, origin + before, -1))
                del graph.edge_origin
            before += num_edges
            # Weights that stay lie on the grid, for with fewer of them it is no coarser.
            graph = graph if sound else on_its_grid(graph)
            graphs.append(self.setting.prepared_one(graph, k))
        self.data = in_step(united(graphs)) if isinstance(whole, Batch) else graphs[0]
        if tracked:
            origin = torch.cat(origins)
            state = state.rewired(origin, before)
            probe.rewired(self.data, origin)
        return state.lengthened(longest_delay(self.data))

    def _rewritten(self, cell: GlialCell | Transform, data: Data, ends: Tensor) -> Data:
        """The graph as ``cell`` rewrites it, once it is known to be one that can run on.

        ``ends`` is ``edge_index`` at the beginning of the tick.
        """
        # What a cell of ours is given has been checked, unlike what it returns. Others may edit
        # tensors in place, which the history of the graph, or a failed run, still needs.
        num_nodes, num_edges, longest = data.num_nodes, ends.size(1), self.setting.max_delay
        if isinstance(cell, GlialCell) and cell.is_sound:
            return cell.forward(copy.copy(data))
        if isinstance(cell, GlialCell):
            own = data.clone() if self.foreign else copy.copy(data)
            data = rewritten(cell, cell.forward, own, num_edges, max_delay=longest)
        else:
            data = rewritten(cell, cell, data.clone(), num_edges, max_delay=longest)
        if data.num_nodes != num_nodes:
            raise ValueError(
                f"{cell!r} returned a graph that cannot run on: the graph has {data.num_nodes} "
                f"instead of {num_nodes} neurons; glia may rewrite edges only"
            )
        if not isinstance(cell, GlialCell):
            check_ends(cell, data, ends)
        return data


def _is_slow(cell: GlialCell | Transform) -> bool:
    """Whether a cell is called when the slow clock ticks."""
    return not (isinstance(cell, GlialCell) and cell.every_step)


def in_step(data: Data) -> Data:
    """A ``Batch`` that holds each number on which its graphs agree once."""
    if isinstance(data, Batch):
        for key in SHARED:
            if key in data:
                data[key] = number(data, key, 0)
    return data


def _check_constant(before: list[Edges], after: list[Edges]) -> None:
    if not all(old.is_same(new) for old, new in zip(before, after, strict=True)):
        raise ValueError(
            "A glial cell with 'every_step = True', or what a cell does in 'observe', changed "
            "edges; between two ticks of the slow clock the wiring, weights and delays are "
            "constant: change them in 'forward' of a cell with 'every_step = False'"
        )
