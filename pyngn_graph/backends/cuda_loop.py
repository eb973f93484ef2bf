"""The loop over steps of the GPU backend: its buffers, and the kernels that it launches."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import cuda_kernels as kernels
from pyngn_graph.backends.cuda_loadings import Loadings
from pyngn_graph.backends.cuda_wiring import Wiring
from pyngn_graph.glia import Astrocyte, Oligodendrocyte
from pyngn_graph.glia.base import dt_of
from pyngn_graph.graph import num_live
from pyngn_graph.neuron import LIFCoefficients
from pyngn_graph.probe import Probe
from pyngn_graph.sorting import grouped
from pyngn_graph.state import ReservoirState

UNROLL = 16
"""Steps that are captured as one CUDA graph and replayed."""

BLOCK = 256
"""Neurons or edges that a program works on at once."""

PIECES = 8
"""Programs at most that share the edges of one neuron."""

TAPS = ("v", "i_syn", "state", "gain", "calcium")
"""Traces that the kernels write; other attributes of nodes do not change within an epoch."""


class Taps(NamedTuple):
    """What to take down in a chunk of steps, for each column.

    ``due`` ``[T, C]`` marks the steps whose traces are kept, ``row`` ``[C, T]`` counts them (-1
    for the others), ``window`` ``[C, T]`` names the row of pooled states, -1 for none.
    """

    due: Tensor
    row: Tensor
    window: Tensor

    @classmethod
    def of(cls, due: Tensor, window: Tensor) -> "Taps":
        """From ``due`` and ``window`` ``[T, C]`` of a probe."""
        row = torch.where(due, due.cumsum(0) - 1, -1)
        return cls(due, row.t().int(), window.t().int())

    @property
    def steps(self) -> int:
        """Steps of the chunk."""
        return self.due.size(0)


class Loop:
    """The fast state of all columns on their device, and what moves it from step to step.

    Every launch of a step is the same, down to the addresses, so that on a GPU a few steps are
    captured once as a CUDA graph and replayed; the host waits only for the end of a chunk.

    Args:
        state: The fast state to start from.
        data: The graph.
        wiring: Its live edges.
        astrocyte: The cell at work on the gain, or None.
        coherence: The oligodendrocyte at work, if coherence is its rule, or None.
        coefficients: Of the neurons.
        decay: Of the liquid state, and its complement to 1.
        probe: Whose sums of pooled states are added to; names the traces to tap.

    Shapes:
        - **v**, **refractory**, **i_syn**, **trace** ``[C, N]``; **gain**, **calcium** ``[N]``
        - **fired** ``[C, L, N]`` uint8: the spikes of step ``t`` in row ``t % L``
        - **ring** ``[C, L, N]``: input due at step ``t``, in units of the grid; int32, or int64
          where spikes that keep their delays may pile up on an edge
    """

    def __init__(
        self,
        state: ReservoirState,
        data: Data,
        wiring: Wiring,
        astrocyte: Astrocyte | None,
        coherence: Oligodendrocyte | None,
        coefficients: LIFCoefficients,
        decay: tuple[float, float],
        probe: Probe,
    ) -> None:
        neuron, history = state.neuron, state.history
        self.depth, self.num_nodes, self.columns = history.shape
        self.wiring, self.astrocyte = wiring, astrocyte
        self.device, self.sums = history.device, probe.sums
        self.v, self.trace = _rows(neuron.v), _rows(state.trace)
        self.refractory = _rows(neuron.refractory, self.v).int()
        self.i_syn = _rows(neuron.i_syn, self.v)
        self.fired = history.permute(2, 0, 1).to(torch.uint8, copy=True).contiguous()
        kind = torch.int32 if state.in_flight is None else torch.int64
        self.ring = torch.zeros_like(self.fired, dtype=kind)
        one = self.v.new_ones(self.num_nodes)
        self.gain = data.gain.clone() if "gain" in data else one
        self.calcium = data.calcium.clone() if "calcium" in data else torch.zeros_like(one)
        self.table, self.pause = _table(coefficients)
        self.refractory_ = neuron.refractory is not None
        self.synaptic = neuron.i_syn is not None
        self.decay = decay
        self._wanted = [name for name in TAPS if name in probe.names]
        self._prepare_gain(data)
        self._share_out(num_live(data))
        self.loadings = None
        if coherence is not None:
            self.loadings = Loadings(data, wiring, coherence, self.programs)
        self._reserve(1, 1)

    def _prepare_gain(self, data: Data) -> None:
        cell, self.rule, self.territory = self.astrocyte, 0, None
        self.constants = (0.0,) * 6
        if cell is None:
            return
        self.rule = 1 if cell.rule == "additive" else 2
        self.constants = (*cell.constants(dt_of(data)), cell.min_gain, cell.max_gain)
        if cell.territory is not None:
            member, center = data.territory_index
            every = torch.ones_like(center, dtype=torch.bool)
            start, order = grouped(center, every, self.num_nodes)
            self.territory = start, member[order].contiguous()

    def _share_out(self, num_edges: int) -> None:
        """Chooses how many programs deliver spikes, and how many share the edges of one neuron."""
        self.programs = 1
        if self.device.type == "cuda":
            processors = torch.cuda.get_device_properties(self.device).multi_processor_count
            self.programs = max(1, 8 * processors // self.columns)
        self.pieces = max(1, min(PIECES, num_edges // (self.num_nodes * BLOCK)))

    def _reserve(self, chunk: int, samples: int) -> None:
        """Makes buffers for so many steps and samples of the input."""
        self.chunk, self.samples = chunk, samples
        self._graph: torch.cuda.CUDAGraph | None = None
        columns, num_nodes = self.columns, self.num_nodes

        def empty(*shape: int, dtype: torch.dtype = torch.int32) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=self.device)

        self.clock, self.total, self.sample = empty(3), empty(columns), empty(chunk)
        self.mark = empty(columns, chunk + 1)
        self.row, self.window = empty(columns, chunk), empty(columns, chunk)
        self.nodes = empty(columns, chunk * num_nodes)
        self.drive = empty(samples, columns, num_nodes, dtype=torch.float32)
        self.taps = {
            name: empty(columns, chunk, num_nodes, dtype=torch.float32) for name in self._wanted
        }

    def refill(self, column: Tensor, row: Tensor, age: Tensor, node: Tensor) -> None:
        """Puts into the ring what spikes that are ``age`` ``[S]`` steps old have yet to deliver."""
        if node.numel():
            kernels.refill[(node.numel(),)](
                *(each.contiguous() for each in (column, row, age, node)),
                *self._edges(),
                self.ring,
                self.depth * self.num_nodes,
                self.num_nodes,
                BLOCK=BLOCK,
            )

    def run(self, t: int, drive: Tensor, sample: Tensor, taps: Taps) -> None:
        """Runs the steps of ``sample`` ``[T]``, from step ``t`` on, with ``drive`` ``[S, C, N]``.

        ``taps`` says what is taken down.
        """
        steps, samples = sample.numel(), drive.size(0)
        if steps > self.chunk or samples > self.samples:
            self._reserve(max(steps, self.chunk), max(samples, self.samples))
        self.drive[:samples].copy_(drive)
        self.sample[:steps].copy_(sample)
        self.row[:, :steps].copy_(taps.row)
        self.window[:, :steps].copy_(taps.window)
        self.clock.copy_(torch.tensor([0, 0, t % self.depth], dtype=torch.int32))
        self.total.zero_()
        self.mark.zero_()
        if self.device.type != "cuda":
            for _ in range(steps):
                self._step()
            return
        with torch.cuda.device(self.device):
            self._replay(steps)

    def spikes(self, column: int, steps: int) -> tuple[Tensor, Tensor]:
        """Neurons that fired in the last chunk, in order, and their number at each step."""
        counts = self.mark[column, : steps + 1].long().diff()
        node = self.nodes[column, : int(counts.sum())]
        step = torch.arange(steps, device=self.device).repeat_interleave(counts)
        return node[torch.argsort(step * self.num_nodes + node)], counts

    def _replay(self, steps: int) -> None:
        done = 0
        if self._graph is None and steps > UNROLL:
            self._step()  # compiles the kernels, which a capture must not do
            done, self._graph = 1, torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                for _ in range(UNROLL):
                    self._step()
        while self._graph is not None and steps - done >= UNROLL:
            self._graph.replay()
            done += UNROLL
        for _ in range(steps - done):
            self._step()

    def _edges(self) -> tuple[Tensor, ...]:
        return self.wiring.start, self.wiring.jump, self.wiring.units

    def _step(self) -> None:
        """Launches the kernels of one step."""
        tapped = (self.taps.get(name, self.v) for name in TAPS)
        wanted: Any = {name.upper(): name in self.taps for name in TAPS}
        kernels.step[(-(-self.num_nodes // BLOCK), self.columns)](
            self.clock,
            self.sample,
            self.drive,
            self.table,
            self.pause,
            self.v,
            self.refractory,
            self.i_syn,
            self.trace,
            self.fired,
            self.ring,
            self.gain,
            self.calcium,
            self.nodes,
            self.total,
            self.window,
            self.sums,
            self.row,
            *tapped,
            self.num_nodes,
            self.table.size(1),
            self.depth,
            self.chunk,
            self.nodes.size(1),
            self.wiring.grid,
            *self.decay,
            *self.constants,
            WIDE=int(self.table.size(1) > 1),
            REFRACTORY=self.refractory_,
            SYNAPTIC=self.synaptic,
            RULE=self.rule,
            TERRITORY=self.territory is not None,
            BLOCK=BLOCK,
            enable_fp_fusion=False,
            **wanted,
        )
        kernels.deliver[(self.programs, self.columns)](
            self.clock,
            *self._edges(),
            self.nodes,
            self.total,
            self.mark,
            self.ring,
            self.depth * self.num_nodes,
            self.num_nodes,
            self.depth,
            self.chunk,
            self.nodes.size(1),
            self.pieces,
            BLOCK=BLOCK,
        )
        if self.loadings is not None:
            self.loadings.step(self.clock, self.nodes, self.mark, self.fired)
        if self.territory is not None:
            kernels.territories[(self.num_nodes,)](
                self.clock,
                *self.territory,
                self.gain,
                self.calcium,
                self.row,
                self.taps.get("gain", self.v),
                self.num_nodes,
                *self.constants[2:],
                RULE=self.rule,
                GAIN=wanted["GAIN"],
                BLOCK=32,
                num_warps=1,
                enable_fp_fusion=False,
            )


def _rows(value: Tensor | None, like: Tensor | None = None) -> Tensor:
    """``value`` ``[N, C]`` as ``[C, N]`` of its own, or something in its place."""
    if value is None:
        assert like is not None
        return like.new_zeros(1)
    return value.t().contiguous().clone()


def _table(c: LIFCoefficients) -> tuple[Tensor, Tensor]:
    """Coefficients as the kernel reads them, ``[8, N]``, or ``[8, 1]`` where none differs.

    Beside them the refractory steps, ``[N]`` or ``[1]`` int32.
    """
    zero = torch.zeros_like(c.alpha)
    floor = torch.full_like(zero, -torch.inf) if c.v_min is None else c.v_min
    syn = (zero, zero) if c.syn_alpha is None or c.syn_drive is None else (c.syn_alpha, c.syn_drive)
    steps = zero if c.refractory_steps is None else c.refractory_steps
    values = (c.alpha, c.v_rest, c.v_reset, c.v_th, floor, c.drive, *syn)
    width = max(value.numel() for value in (*values, steps))
    rows = [value.flatten().expand(width) for value in values]
    return torch.stack(rows), steps.flatten().expand(width).int().contiguous()
