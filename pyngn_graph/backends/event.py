"""The event-driven backend: compiled, and as much work as there are spikes.

Between two ticks of the slow clock the graph is constant (an *epoch*), so spikes are pushed into
a ring of future inputs when they are fired, and what glia sense of an edge is worked out at its
end. All bits equal those of the reference, which runs whatever is not known here.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import kernels, reference
from pyngn_graph.backends.loadings import NODES, loadings, write_back
from pyngn_graph.backends.sensing import Sensing
from pyngn_graph.backends.wiring import by_source, wiring
from pyngn_graph.glia import (
    Astrocyte,
    Coherence,
    FixedDelays,
    GlialCell,
    Microglia,
    Oligodendrocyte,
    PerGraph,
)
from pyngn_graph.glia.base import as_array, clock_of, dt_of
from pyngn_graph.graph import alive, round_delay
from pyngn_graph.neuron import LIFCoefficients
from pyngn_graph.probe import Probe
from pyngn_graph.sorting import group_by
from pyngn_graph.state import ReservoirState
from pyngn_graph.unions import graph_sizes


def advance(
    state: ReservoirState,
    data: Data,
    glia: Sequence[GlialCell],
    coefficients: LIFCoefficients,
    decay: tuple[float, float],
    drive: Tensor,
    sample: Tensor,
    start: int,
    probe: Probe,
    threads: int,
) -> Data:
    """Does what :func:`pyngn_graph.backends.reference.advance` does, to the same bits."""
    args = (coefficients, decay, drive, sample, start, probe, threads)
    if drive.device.type != "cpu" or not knows(glia, probe.names):
        return reference.advance(state, data, glia, *args)
    memory = state.memory
    if not isinstance(memory, EventMemory):
        memory = state.memory = EventMemory(state, data, glia)
    return memory.advance(state, *args)


def knows(glia: Sequence[GlialCell], names: Sequence[str]) -> bool:
    """Whether every cell is of a kind that is compiled here, and of each kind at most one.

    Traces by these ``names`` must not be of what a rule writes at every step for itself.
    """
    kinds = [_kind(cell) for cell in glia]
    known = all(kind in (Astrocyte, Oligodendrocyte, Microglia) for kind in kinds)
    for cell in glia:
        if isinstance(cell, Oligodendrocyte) and cell.sensing is not None:
            known &= type(cell.sensing) in (Coherence, FixedDelays) and not NODES.keys() & names
    return known and len(set(kinds)) == len(kinds)


def _kind(cell: GlialCell) -> type[GlialCell]:
    """The kind of a cell; a ``PerGraph`` of astrocytes with one rule runs as one of them."""
    if isinstance(cell, PerGraph) and all(type(each) is Astrocyte for each in cell.cells):
        if len({(each.rule, each.territory is None) for each in cell.cells}) == 1:
            return Astrocyte
    return type(cell)


class EventMemory:
    """A reservoir's state in the form that the kernels work on, for one epoch."""

    def __init__(self, state: ReservoirState, data: Data, glia: Sequence[GlialCell]) -> None:
        self.data = data
        self.first = state.t
        self.clock = clock_of(data)
        self.carried = state.in_flight
        self.num_nodes, self.columns = state.trace.shape
        self.depth = state.history.size(0)
        cells: dict[type[GlialCell], Any] = {_kind(cell): cell for cell in glia}
        self.live = alive(data)
        self.wiring, self.grid = wiring(data)
        self.fast = [self._column(state, column) for column in range(self.columns)]
        self.astro = self._gain(cells.get(Astrocyte))
        oligo, micro, self.learns = cells.get(Oligodendrocyte), cells.get(Microglia), bool(glia)
        self.loadings = loadings(data, oligo, *by_source(data))
        self.sensing = None
        if oligo is not None and oligo.sensing is not None:
            oligo = None
        if oligo is not None or micro is not None:
            start, edge, fired = map(torch.from_numpy, (*by_source(data), self.fast[0].fired))
            self.sensing = Sensing(data, start, edge, oligo, micro, fired, state.t, state.in_flight)

    def _column(self, state: ReservoirState, column: int) -> kernels.Fast:
        neuron = state.neuron
        empty = np.zeros(self.num_nodes, dtype=np.float32)
        fast = kernels.Fast(
            v=as_array(neuron.v[:, column]).copy(),
            refractory=np.zeros(self.num_nodes, dtype=np.int32)
            if neuron.refractory is None
            else as_array(neuron.refractory[:, column]).astype(np.int32),
            i_syn=empty if neuron.i_syn is None else as_array(neuron.i_syn[:, column]).copy(),
            trace=as_array(state.trace[:, column]).copy(),
            fired=as_array(state.history[:, :, column]).copy().view(np.uint8),
            # Spikes that keep their delays may arrive together over one edge: int32 is too small.
            ring=np.zeros(
                (2 * self.depth, self.num_nodes),
                dtype=np.int32 if self.carried is None else np.int64,
            ),
        )
        if self.carried is None:
            kernels.refill(fast.fired, self.wiring, fast.ring, state.t)
        else:
            due, edge, at = self.carried
            here = (at == column) & self.live[edge]
            edge, due = edge[here], due[here]
            target = self.data.edge_index[1, edge]
            grid = np.broadcast_to(self.grid, self.num_nodes)[target]
            units = as_array(self.data.edge_weight[edge].double()) / grid
            slot = (due % self.depth).numpy(), target.numpy()
            np.add.at(fast.ring, slot, units.astype(np.int64))
        return fast

    def _gain(self, cell: Astrocyte | PerGraph | None) -> kernels.Gain:
        none = np.zeros(0, dtype=np.int64)
        data, one = self.data, np.ones(self.num_nodes, dtype=np.float32)
        gain = as_array(data.gain).copy() if "gain" in data else one
        calcium = as_array(data.calcium).copy() if "calcium" in data else np.zeros_like(one)
        zero = np.float32(0.0)
        if cell is None:
            off = (zero, zero, zero, zero, zero, zero)
            return kernels.Gain(gain, calcium, 0, *off, none, none, none)
        start = member = units = none
        cells: Any = cell.cells if isinstance(cell, PerGraph) else (cell,)
        if cells[0].territory is not None:
            member, center = as_array(data.territory_index)
            chosen = np.ones(center.size, dtype=np.bool_)
            start, order = group_by(center, chosen, self.num_nodes)
            member, units = member[order], np.zeros(gain.size, dtype=np.int64)
        rule = kernels.ADDITIVE if cells[0].rule == "additive" else kernels.MULTIPLICATIVE
        dt, sizes = dt_of(data), graph_sizes(data) if isinstance(cell, PerGraph) else [1]
        rows = [(*each.constants(dt), each.min_gain, each.max_gain) for each in cells]
        columns = np.array(rows, dtype=np.float32).T
        constants = columns[:, 0] if len(rows) == 1 else np.repeat(columns, sizes, axis=1)
        kappa, rest, eta, goal, low, high = constants
        return kernels.Gain(
            gain, calcium, rule, kappa, rest, eta, goal, low, high, start, member, units
        )

    def advance(
        self,
        state: ReservoirState,
        coefficients: LIFCoefficients,
        decay: tuple[float, float],
        drive: Tensor,
        sample: Tensor,
        start: int,
        probe: Probe,
        threads: int,
    ) -> Data:
        """Runs all columns over the steps of ``sample``; see the reference."""
        data, steps = self.data, sample.numel()
        c, synaptic = _neurons(coefficients, self.num_nodes)
        currents = drive.permute(2, 0, 1).contiguous().numpy()
        nodes = np.empty((self.columns, steps * self.num_nodes), dtype=np.int32)
        counts, sent = np.empty((2, self.columns, steps), dtype=np.int64)
        due = probe.due[start : start + steps].t().contiguous().numpy()
        window = probe.window[start : start + steps].t().contiguous().numpy()
        traces = [self._traces(probe, due[column]) for column in range(self.columns)]

        def run(column: int) -> None:
            kernels.run_column(
                self.fast[column],
                self.wiring,
                c,
                synaptic,
                self.astro,
                self.loadings,
                kernels.Taps(due[column], window[column], probe.sums.numpy(), *traces[column]),
                currents[column],
                sample.numpy(),
                self.grid,
                np.float32(decay[0]),
                np.float32(decay[1]),
                state.t,
                nodes[column],
                counts[column],
                sent[column],
            )

        if min(threads, self.columns) > 1:
            with ThreadPoolExecutor(min(threads, self.columns)) as pool:
                list(pool.map(run, range(self.columns)))
        else:
            for column in range(self.columns):
                run(column)
        state.t += steps
        if self.learns:
            data.clock = self.clock + state.t - self.first
        if self.sensing is not None:
            fired = nodes[0, : counts[0].sum()], counts[0]
            self.sensing.note(*map(torch.from_numpy, fired))
        if self.astro.rule:
            data.gain = torch.from_numpy(self.astro.gain.copy())
            data.calcium = torch.from_numpy(self.astro.calcium.copy())
        for column in range(self.columns):
            told = nodes[column, : counts[column].sum()], counts[column], sent[column]
            node, number, events = (torch.from_numpy(each) for each in told)
            probe.spikes(start, column, number, node, events)
            self._trace(probe, start, column, due[column], traces[column])
        return data

    def _traces(self, probe: Probe, due: Any) -> tuple[Any, ...]:
        wanted = np.array([name in probe.names for name in TRACES])
        rows = [int(due.sum()) if asked else 0 for asked in wanted]
        arrays = (np.empty((count, self.num_nodes), dtype=np.float32) for count in rows)
        return (wanted, *arrays)

    def _trace(self, probe: Probe, start: int, column: int, due: Any, traces: Any) -> None:
        at = torch.from_numpy(due).nonzero().squeeze(1) + start
        for name in probe.names:
            if name in TRACES:
                value = torch.from_numpy(traces[1 + TRACES.index(name)])
            else:
                value = self.data[name].float().expand(at.numel(), -1)
            probe.traced(name, at, column, value)

    def latest(self, state: ReservoirState, steps: int) -> Tensor:
        """The spikes ``[steps, N, C]`` uint8 of the last ``steps`` steps."""
        rows = np.arange(state.t - steps, state.t) % self.depth
        columns = (fast.fired[rows, : self.num_nodes] for fast in self.fast)
        return torch.from_numpy(np.stack(list(columns), axis=-1))

    def receive(self, state: ReservoirState, spikes: Tensor) -> Tensor:
        """Takes in the ``spikes`` ``[T, G, C]`` uint8 that neurons elsewhere fired in T steps.

        Returns the number of live edges here that they travel over, ``[T, C]``.
        """
        sent = np.empty((self.columns, spikes.size(0)), dtype=np.int64)
        for column, fast in enumerate(self.fast):
            own = spikes[:, :, column].contiguous().numpy()
            kernels.receive(own, fast, self.wiring, state.t, sent[column])
        if self.sensing is not None:
            step, node = spikes[:, :, 0].nonzero().unbind(1)
            self.sensing.hear(node.int() + self.num_nodes, step.int() - spikes.size(0))
        return torch.from_numpy(sent).t()

    def settle(self, state: ReservoirState) -> ReservoirState:
        """Writes everything back to the tensors of the state and the graph."""
        if self.sensing is not None:
            self.sensing.settle()
        if self.loadings.learns:
            write_back(self.loadings, self.data, by_source(self.data)[1])

        def together(name: str) -> Tensor:
            columns = [torch.from_numpy(getattr(fast, name)) for fast in self.fast]
            return torch.stack(columns, dim=-1)

        neuron, history = state.neuron, together("fired").bool()
        neuron = neuron._replace(
            v=together("v"),
            spikes=history[(state.t - 1) % self.depth, : self.num_nodes].float(),
            refractory=None if neuron.refractory is None else together("refractory").long(),
            i_syn=None if neuron.i_syn is None else together("i_syn"),
        )
        in_flight = under_way(self.data, self.carried, history, self.first, state.t)
        return replace(
            state,
            neuron=neuron,
            history=history,
            trace=together("trace"),
            in_flight=in_flight,
            memory=None,
        )


TRACES = ("v", "i_syn", "state", "gain", "calcium")
"""Traces that the kernels write; other attributes of nodes do not change within an epoch."""


def _neurons(c: LIFCoefficients, num_nodes: int) -> tuple[kernels.Neurons, bool]:
    """Coefficients for the kernels: all numbers, or all arrays where one differs by neuron."""
    zero, synaptic = torch.zeros((), dtype=torch.float32), c.syn_alpha is not None
    v_min = zero - torch.inf if c.v_min is None else c.v_min
    steps = zero.int() if c.refractory_steps is None else c.refractory_steps.int()
    syn = (zero, zero) if c.syn_alpha is None or c.syn_drive is None else (c.syn_alpha, c.syn_drive)
    shown = (c.alpha, c.drive, c.v_th, c.v_rest, c.v_reset, v_min, steps, *syn)
    values = [value.detach() for value in shown]
    if all(value.dim() == 0 for value in values):
        return kernels.Neurons(*(value.numpy()[()] for value in values)), synaptic
    arrays = (value.flatten().expand(num_nodes).contiguous().numpy() for value in values)
    return kernels.Neurons(*arrays), synaptic


def under_way(
    data: Data, carried: Tensor | None, history: Tensor, first: int, t: int
) -> Tensor | None:
    """Spikes under way at step ``t``: those ``carried`` into an epoch and those fired in it.

    It began with step ``first``; without spikes that keep their delay there are none.
    """
    if carried is None:
        return None
    found, depth = [carried[:, carried[0] >= t]], history.size(0)
    src, delay = data.edge_index[0], round_delay(data.edge_delay)
    for past in range(max(first, t - depth), t):
        edge, column = history[past % depth][src].nonzero().unbind(1)
        due = past + delay[edge]
        sent = torch.stack([due, edge, column])
        found.append(sent[:, due >= t])
    return torch.cat(found, dim=1)
