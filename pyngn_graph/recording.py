"""What a run leaves behind: spikes as events, traces, liquid states, and the graph."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.card import card
from pyngn_graph.history import TopologyLog
from pyngn_graph.room import check_room


@dataclass(frozen=True)
class Recording:
    """The result of :meth:`TriglialReservoir.run` over B trials of up to T steps.

    Attributes:
        events: Spikes ``[S, 3]`` int64 (trial, step, node), sorted.
        traces: What was asked for by ``record``, each ``[B, R, N]`` float32, taken at every
            ``every``-th step of a trial; NaN behind the end of a shorter trial.
        states: Liquid states ``[B, F]``, as :meth:`TriglialReservoir.forward` returns them.
        synaptic_events: ``[B, T]`` int64: transmissions caused by the spikes of each step, that
            is the sum of the live out-degrees of the neurons that fire.
        num_edges: Live edges at each step, ``[B, T]`` int64 (0 behind the end of a trial).
        lengths: Steps of each trial, ``[B]``.
        graph: The graph as it stands after the run.
        every: Steps from one row of a trace to the next.
        dt: Length of a step, ms.
        topology: The history of the graph, where ``record`` asked for it.
    """

    events: Tensor
    traces: dict[str, Tensor]
    states: Tensor
    synaptic_events: Tensor
    num_edges: Tensor
    lengths: Tensor
    graph: Data = field(repr=False)
    every: int
    dt: float
    topology: TopologyLog | None = None

    def spikes(self) -> Tensor:
        """All spikes as a dense ``[B, T, N]`` bool tensor."""
        num_trials, num_steps = self.num_edges.shape
        size, device = num_trials * num_steps * int(self.graph.num_nodes), self.events.device
        check_room("Dense spikes", size, device, "take 'events', which holds the same")
        dense = torch.zeros(
            num_trials, num_steps, self.graph.num_nodes, dtype=torch.bool, device=self.events.device
        )
        dense[tuple(self.events.t())] = True
        return dense

    def rates(self) -> Tensor:
        """Mean firing rate of every neuron over all trials, ``[N]`` in Hz."""
        count = torch.bincount(self.events[:, 2], minlength=self.graph.num_nodes)
        return count.float() / (float(self.lengths.sum()) * self.dt / 1000.0)

    def _repr_html_(self) -> str:
        trials, steps = self.num_edges.shape
        facts = {
            "trials": trials,
            "steps": f"{steps} of {self.dt} ms",
            "spikes": f"{self.events.size(0):,}",
            "mean rate": f"{float(self.rates().mean()):.1f} Hz",
            "synaptic events per step": f"{float(self.synaptic_events.double().mean()):.1f}",
            "live edges": f"{int(self.num_edges.max())} at most, {int(self.num_edges[-1].max())}"
            f" in the last trial",
            "states": list(self.states.shape),
        }
        return card("Recording", facts | {n: list(v.shape) for n, v in self.traces.items()})

    def __repr__(self) -> str:
        trials, steps = self.num_edges.shape
        traces = "".join(f", {name}={list(value.shape)}" for name, value in self.traces.items())
        return (
            f"Recording({trials} trials x {steps} steps, {self.events.size(0)} spikes, "
            f"{float(self.rates().mean()):.1f} Hz, states={list(self.states.shape)}{traces})"
        )
