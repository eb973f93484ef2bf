"""One run of a reservoir: the loop with two clocks."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import BACKENDS, resolve
from pyngn_graph.glia.base import GlialCell, f32
from pyngn_graph.graph import alive, longest_delay, num_live, on_grid, validate, weight_grid
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.progress import progress_bar
from pyngn_graph.projection import Projection
from pyngn_graph.recording import Layout, Probe
from pyngn_graph.state import ReservoirState

Transform = Callable[[Data], Data]

SPAN = 1024
"""Most steps that a backend is given at a time."""

CURRENTS = 2**22
"""External currents held in memory at a time."""

SPIKES = 2**28
"""Spikes for which there is room at a time."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What stays the same from run to run; :class:`pyngn_graph.TriglialReservoir` explains it."""

    neuron: LIFParameters
    glia: tuple[GlialCell | Transform, ...]
    dt: float
    glia_period: int
    hold: int
    pool: str | int
    tau_trace: float
    in_flight: str
    max_delay: int
    stateful: bool
    backend: str
    threads: int | None

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, LIFParameters):
            raise TypeError(f"'neuron' must be a LIFParameters (got {self.neuron!r})")
        for name in ("glia_period", "hold"):
            steps = getattr(self, name)
            if not isinstance(steps, Integral) or steps < 1:
                raise ValueError(f"'{name}' must be a whole number of steps >= 1 (got {steps!r})")
        if self.threads is not None:
            if not isinstance(self.threads, Integral) or self.threads < 1:
                raise ValueError(
                    f"'threads' must be a whole number >= 1, or None for as many as torch uses "
                    f"(got {self.threads!r})"
                )
        if self.pool != "last" and (not isinstance(self.pool, Integral) or self.pool < 1):
            raise ValueError(
                f"'pool' must be 'last' or a number of segments >= 1 (got {self.pool!r})"
            )
        if self.in_flight not in ("arrival", "emission"):
            raise ValueError(
                f"'in_flight' must be 'arrival' or 'emission' (got {self.in_flight!r})"
            )
        if not 0.0 <= self.tau_trace < math.inf:
            raise ValueError(f"'tau_trace' must not be negative, in ms (got {self.tau_trace})")
        for cell in self.glia:
            if isinstance(cell, type) or not callable(cell):
                raise TypeError(
                    f"Glia must be callables from Data to Data (got {cell!r}); a cell is written "
                    f"with brackets: 'Astrocyte()'"
                )
        resolve(self.backend)

    @property
    def cells(self) -> list[GlialCell]:
        """The glia that sense, without plain transforms."""
        return [cell for cell in self.glia if isinstance(cell, GlialCell)]

    def prepared(self, data: Data) -> Data:
        """The graph with everything that the cells need."""
        for cell in self.cells:
            data = cell.prepare(data)
        return data

    def reach(self, data: Data) -> int:
        """The longest delay that the graph has or may get, for which spikes are remembered."""
        return max([longest_delay(data), *(cell.longest_delay(data) for cell in self.cells)])


class Simulation:
    """A run on a graph, which it takes over.

    Args:
        setting: What the reservoir is.
        projection: Turns input into currents.
        data: The graph; a shallow copy is made, tensors are not edited.
        learns: Whether the glia are at work: then all trials are one stream.
        state: Fast state to go on from, or None for a new one.
        potential: Potentials ``[N]`` that a new state starts from, or None for rest.
    """

    def __init__(
        self,
        setting: Setting,
        projection: Projection,
        data: Data,
        learns: bool,
        state: ReservoirState | None,
        potential: Tensor | None,
    ) -> None:
        self.setting, self.projection, self.learns = setting, projection, learns
        self.data, self.state, self.potential = copy.copy(data), state, potential
        self.data.edge_weight = on_grid(data.edge_weight, weight_grid(data))

    def run(
        self, x: Tensor, samples: Tensor, hold: int, probe: Probe, progress: bool | None
    ) -> None:
        """Runs the trials ``x`` ``[B, T, C]`` of ``samples`` ``[B]`` samples to their ends.

        Afterwards ``data`` is the graph and ``state`` the fast state as they then stand.
        """
        started = self.state
        columns = self._columns(x, samples, hold)
        total = sum(layout.num_steps for layout, _ in columns)
        with progress_bar(total, progress) as bar:
            for layout, signal in columns:
                probe.begin(layout)
                self.state = self._begin(started, signal.size(0))
                self._advance(self.state, signal, hold, probe, bar)
        if self.state is not None and (self.learns or self.setting.stateful):
            self.state = self.state.settled()

    def _columns(self, x: Tensor, samples: Tensor, hold: int) -> list[tuple[Layout, Tensor]]:
        """How the trials lie, and their input, for each set of columns that runs together."""
        if self.learns:
            inside = torch.arange(x.size(1), device=x.device) < samples.unsqueeze(1)
            return [(Layout.stream(samples * hold), x[inside].unsqueeze(0))]
        # Trials of similar length together, no more than fit well; all of them if stateful.
        order = torch.argsort(samples, stable=True)
        groups = torch.split(order, BACKENDS[resolve(self.setting.backend)].columns)
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
            if state.columns != columns:
                raise ValueError(
                    f"The fast state holds {state.columns} trials but this call has {columns}; "
                    f"call 'reset()' first"
                )
            return state.copy().lengthened(longest_delay(data))
        if self.learns:
            for cell in setting.cells:
                cell.forget(data)
        lasting = self.learns or setting.stateful
        state = ReservoirState.rest(
            setting.neuron,
            data.num_nodes,
            columns,
            setting.reach(data) if lasting else longest_delay(data),
            setting.in_flight == "emission",
            self.projection.bias.device,
        )
        if self.potential is not None:
            v = self.potential.unsqueeze(1).expand(-1, columns)
            state.neuron = state.neuron._replace(v=v)
        return state

    def _advance(
        self, state: ReservoirState, signal: Tensor, hold: int, probe: Probe, bar: Any
    ) -> None:
        """Runs one set of columns to its end, from tick to tick."""
        setting, period = self.setting, self.setting.glia_period
        cells = setting.cells if self.learns else []
        coefficients = setting.neuron.at(setting.dt, state.trace)
        keep = math.exp(-setting.dt / setting.tau_trace) if setting.tau_trace else 0.0
        decay = f32(keep), f32(1.0 - keep)
        start, stop, clock = 0, signal.size(1) * hold, self.data.clock
        size = state.trace.numel()
        span = min(SPAN, max(1, CURRENTS // size) * hold, max(1, SPIKES // size))
        while start < stop:
            end = min(start + span, stop)
            if self.learns:
                end = min(end, start + period - clock % period)
            first, last = start // hold, (end - 1) // hold
            sample = torch.arange(start, end, device=signal.device) // hold - first
            if signal.size(2) == 0:  # the bias alone, the same at all steps
                first, last, sample = 0, 0, torch.zeros_like(sample)
            edges = _edges(self.data)
            self.data = BACKENDS[resolve(setting.backend)].advance(
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
            probe.edges(start, end, num_live(self.data))
            if self.learns:
                _check_constant(edges, self.data)
                clock += end - start
                self.data.clock = clock
                if clock % period == 0:
                    state = self._tick(state, probe)
            bar.update(end - start)
            start = end
        self.state = state

    def _tick(self, state: ReservoirState, probe: Probe) -> ReservoirState:
        """Lets the slow clock tick: delays and wiring change, and with them the fast state."""
        glia = self.setting.glia
        slow = [c for c in glia if not (isinstance(c, GlialCell) and c.every_step)]
        if not slow:
            probe.rewired(self.data, None)
            return state
        state = state.settled()
        num_edges = self.data.num_edges
        self.data.edge_origin = torch.arange(num_edges, device=self.data.edge_index.device)
        for cell in slow:
            self.data = self._rewritten(cell, self.data, num_edges)
        data = self.data
        origin = data.edge_origin
        state = state.rewired(origin, num_edges)
        del data.edge_origin
        data.edge_weight = on_grid(data.edge_weight, weight_grid(data))
        self.data = self.setting.prepared(data)
        probe.rewired(self.data, origin)
        return state.lengthened(longest_delay(self.data))

    def _rewritten(self, cell: GlialCell | Transform, data: Data, num_edges: int) -> Data:
        """The graph as ``cell`` rewrites it, once it is known to be one that can run on."""
        # What a cell of ours is given has been checked, unlike what it returns.
        before, rewrite = data, cell.forward if isinstance(cell, GlialCell) else cell
        data = rewrite(copy.copy(data))
        try:
            validate(data, max_delay=self.setting.max_delay)
            if data.num_nodes != before.num_nodes:
                raise ValueError(
                    f"the graph has {data.num_nodes} instead of {before.num_nodes} neurons; glia "
                    f"may rewrite edges only"
                )
            if "edge_origin" not in data or not _are_distinct(data.edge_origin, num_edges):
                raise ValueError(
                    "edges were merged or doubled, or 'edge_origin' is lost; a transform must keep "
                    "every 'edge_*' of an old edge and give a new edge 'edge_origin' -1"
                )
        except (TypeError, ValueError) as error:
            raise type(error)(f"{cell!r} returned a graph that cannot run on: {error}") from error
        return data


def _are_distinct(origin: Tensor, size: int) -> bool:
    """Whether no place of ``size`` old ones is there twice; -1, a new edge, may be."""
    if bool((origin.diff() > 0).all()):  # in order, as they mostly are
        return origin.numel() == 0 or int(origin[-1]) < size
    count = torch.bincount(origin[origin >= 0], minlength=size)
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
