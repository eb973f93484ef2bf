"""The definition of the model: one step after the other, in PyG message passing."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import alive, out_degree, round_delay
from pyngn_graph.neuron import LIFCoefficients, integrate
from pyngn_graph.probe import Probe
from pyngn_graph.segments import sum_by_target
from pyngn_graph.state import ReservoirState
from pyngn_graph.synapse import DelayedSpikeConv


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
    """Runs the graph over steps between two ticks of the slow clock.

    Edits ``state`` and returns the graph as the cells left it.

    Args:
        state: The fast state of ``C`` columns.
        data: The graph; wiring and delays are read once, gain at every step.
        glia: Cells that sense, and those of the fast clock act; only with one column.
        coefficients: Of the neurons, for ``[N, C]``.
        decay: Of the liquid state, ``exp(-dt / tau)`` and its complement to 1.
        drive: External currents ``[S, N, C]``.
        sample: Which of them holds at each step, ``[steps]``.
        start: Number of the first step within the run.
        probe: Takes down what was asked for.
        threads: Threads to use if the backend has its own; this one leaves them to torch.
    """
    src, dst = data.edge_index
    conv = DelayedSpikeConv(aggr=sum_by_target(dst, data.num_nodes))
    mask, steps = alive(data), round_delay(data.edge_delay)
    weight = data.edge_weight.double() * mask
    depth, num_nodes, columns = state.history.shape
    targets = state.trace.size(0)
    flat = state.history.view(depth * num_nodes, columns)
    fired = torch.empty(sample.numel(), targets, columns, dtype=torch.bool, device=flat.device)
    for k, now in enumerate(sample.tolist()):
        t, row = state.t, state.t % depth
        arrivals = None
        if state.in_flight is None:
            total = conv(state.history, t, data.edge_index, weight, steps)
            if glia:
                arrivals = flat[(t - steps) % depth * num_nodes + src, 0] & mask
        else:
            due, edge, column = state.in_flight
            edge, column = edge[due == t], column[due == t]
            number = torch.zeros(src.numel(), columns, dtype=torch.float64, device=flat.device)
            number.index_put_((edge, column), number.new_ones(()), accumulate=True)
            messages = weight.unsqueeze(1) * number
            total = conv.aggr_module(messages, dst, dim_size=num_nodes, dim=0)
            arrivals = (number[:, 0] > 0) & mask
        jump = total.float()[:targets]
        if "gain" in data:
            jump = data.gain.unsqueeze(1) * jump
        state.neuron = integrate(jump, drive[now], state.neuron, coefficients)
        spikes = state.neuron.spikes > 0
        state.trace = decay[0] * state.trace + decay[1] * state.neuron.spikes
        state.history[row, :targets] = fired[k] = spikes
        if state.in_flight is not None:
            edge, column = spikes[src].nonzero().unbind(1)
            sent = torch.stack([t + steps[edge], edge, column])
            state.in_flight = torch.cat([state.in_flight[:, state.in_flight[0] > t], sent], dim=1)
        if glia and arrivals is not None:
            data.clock += 1
            for cell in glia:
                cell.observe(data, arrivals, spikes[:, 0])
                if cell.every_step:
                    data = cell.forward(data)
        state.t += 1
        _take_down(probe, start + k, state, data)
    degree = out_degree(data)[:targets]
    for column, spikes in enumerate(fired.unbind(2)):
        sent = (spikes * degree).sum(dim=1)
        probe.spikes(start, column, spikes.sum(dim=1), spikes.nonzero()[:, 1], sent)
    return data


def _take_down(probe: Probe, t: int, state: ReservoirState, data: Data) -> None:
    probe.pool(t, state.trace)
    fast = {"v": state.neuron.v, "i_syn": state.neuron.i_syn, "state": state.trace}
    for name in probe.names:
        value = fast[name] if name in fast else data[name].unsqueeze(1)
        probe.trace(t, name, value)
