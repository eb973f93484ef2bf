"""The GPU backend: event-driven, in Triton kernels, with no wait of the host between steps.

As in the event backend the graph is constant between two ticks of the slow clock (an *epoch*):
spikes are pushed into a ring of future inputs as whole multiples of the weight grid, and what
glia sense of an edge is worked out when the epoch is over. All bits equal those of the reference,
which runs whatever is not known here, unions of graphs among it, on the same device.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.backends import reference
from pyngn_graph.backends.cuda_loop import Loop, Taps
from pyngn_graph.backends.cuda_sensing import look
from pyngn_graph.backends.cuda_wiring import wiring
from pyngn_graph.backends.event import knows, under_way
from pyngn_graph.backends.sensing import Sensing
from pyngn_graph.glia import Astrocyte, Coherence, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.glia.base import clock_of
from pyngn_graph.graph import alive
from pyngn_graph.neuron import LIFCoefficients
from pyngn_graph.probe import Probe
from pyngn_graph.state import ReservoirState

SPIKES = 2**26
"""Spikes of a chunk for which there is room; the host reads them when it is over."""


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
    """Does what :func:`pyngn_graph.backends.reference.advance` does, to the same bits.

    Raises:
        ValueError: If the reservoir lies on the CPU, where kernels run only as interpreted by
            Triton (``TRITON_INTERPRET=1``), to test them.
    """
    if drive.device.type == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(
            "backend='cuda' runs on a GPU but the reservoir is on the cpu; move it with "
            "'reservoir.to(\"cuda\")', or use backend='auto', which follows the reservoir"
        )
    if isinstance(data, Batch) or not knows(glia, probe.names):
        args = (coefficients, decay, drive, sample, start, probe, threads)
        return reference.advance(state, data, glia, *args)
    memory = state.memory
    if not isinstance(memory, CudaMemory):
        memory = state.memory = CudaMemory(state, data, glia, coefficients, decay, probe)
    return memory.advance(state, drive, sample, start, probe)


class CudaMemory:
    """A reservoir's state in the form that the kernels work on, for one epoch."""

    def __init__(
        self,
        state: ReservoirState,
        data: Data,
        glia: Sequence[GlialCell],
        coefficients: LIFCoefficients,
        decay: tuple[float, float],
        probe: Probe,
    ) -> None:
        self.data, self.first, self.clock = data, state.t, clock_of(data)
        self.learns, self.carried = bool(glia), state.in_flight
        self.num_nodes, self.columns = state.trace.shape
        self.depth = state.history.size(0)
        cells: dict[type, Any] = {type(cell): cell for cell in glia}
        self.wiring, self.live = wiring(data), alive(data)
        astro = cells.get(Astrocyte)
        oligo, micro = cells.get(Oligodendrocyte), cells.get(Microglia)
        coherence = oligo if oligo is not None and isinstance(oligo.sensing, Coherence) else None
        self.loop = Loop(state, data, self.wiring, astro, coherence, coefficients, decay, probe)
        self._fill_ring(state)
        self.sensing = None
        if oligo is not None and oligo.sensing is not None:
            oligo = None
        if oligo is not None or micro is not None:
            self.sensing = Sensing(
                data,
                self.wiring.start,
                self.wiring.edge,
                oligo,
                micro,
                self.loop.fired[0],
                state.t,
                state.in_flight,
                look=look(self.wiring, data),
            )

    def _fill_ring(self, state: ReservoirState) -> None:
        """Puts into the ring what spikes of the past still have to deliver."""
        if self.carried is None:
            age = torch.arange(1, min(self.depth, state.t) + 1, device=self.live.device)
            row = (state.t - age) % self.depth
            past, node, column = state.history[row].nonzero().unbind(1)
            self.loop.refill(column, row[past], age[past], node)
            return
        due, edge, column = self.carried[:, self.live[self.carried[1]]]
        units = (self.data.edge_weight[edge].double() / self.wiring.grid).long()
        row = column * self.depth + due % self.depth
        place = row * self.num_nodes + self.data.edge_index[1, edge]
        self.loop.ring.view(-1).index_add_(0, place, units)

    def advance(
        self, state: ReservoirState, drive: Tensor, sample: Tensor, start: int, probe: Probe
    ) -> Data:
        """Runs all columns over the steps of ``sample``; see the reference."""
        drive, sample = drive.permute(0, 2, 1), sample.int()
        room = max(1, SPIKES // (self.columns * self.num_nodes))
        for part in torch.split(sample, room):
            steps = part.numel()
            span = slice(start, start + steps)
            taps = Taps.of(probe.due[span], probe.window[span])
            self.loop.run(state.t, drive, part, taps)
            self._take_down(start, taps, probe)
            state.t += steps
            start += steps
            if self.learns:
                self.data.clock = self.clock + state.t - self.first
        if self.learns and self.loop.astrocyte is not None:
            self.data.gain, self.data.calcium = self.loop.gain.clone(), self.loop.calcium.clone()
        return self.data

    def _take_down(self, start: int, taps: Taps, probe: Probe) -> None:
        """Gives what the loop has found to the probe, and to the glia that sense edges."""
        degree = self.wiring.start.diff()
        for column in range(self.columns):
            node, counts = self.loop.spikes(column, taps.steps)
            if self.sensing is not None:
                self.sensing.note(node, counts)
            # Sums over the spikes of each step: differences of the running sum, at their ends.
            running = torch.cat([degree.new_zeros(1), degree[node].cumsum(0)])
            ends = counts.cumsum(0)
            probe.spikes(start, column, counts, node, running[ends] - running[ends - counts])
            step = taps.due[:, column].nonzero().squeeze(1)
            for name in probe.names if step.numel() else ():
                tapped = self.loop.taps.get(name)
                if tapped is None:  # constant within an epoch
                    value = self.data[name].float().expand(step.numel(), -1)
                else:
                    value = tapped[column, : step.numel()]
                probe.traced(name, start + step, column, value)

    def settle(self, state: ReservoirState) -> ReservoirState:
        """Writes everything back to the tensors of the state and the graph."""
        if self.sensing is not None:
            self.sensing.settle()
        if self.loop.loadings is not None:
            self.loop.loadings.write_back(self.data)
        loop, neuron = self.loop, state.neuron
        history = loop.fired.permute(1, 2, 0).contiguous().bool()
        neuron = neuron._replace(
            v=loop.v.t().contiguous(),
            spikes=history[(state.t - 1) % self.depth].float(),
            refractory=None if neuron.refractory is None else loop.refractory.t().long(),
            i_syn=None if neuron.i_syn is None else loop.i_syn.t().contiguous(),
        )
        in_flight = under_way(self.data, self.carried, history, self.first, state.t)
        return replace(
            state,
            neuron=neuron,
            history=history,
            trace=loop.trace.t().contiguous(),
            in_flight=in_flight,
            memory=None,
        )
