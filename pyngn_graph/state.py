"""The fast state of a reservoir: what changes at every step and is forgotten by a reset."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pyngn_graph.neuron import LIFParameters, LIFState


@dataclass
class ReservoirState:
    """Potentials, past spikes and traces of ``C`` columns (trials side by side).

    Shapes:
        - **neuron**: every tensor ``[N, C]``
        - **history** ``[L, N, C]`` bool: the spikes of step ``t`` stand in row ``t % L``
        - **trace** ``[N, C]``: low-passed spikes, the liquid state
        - **in_flight** ``[L, E, C]`` uint8, only if spikes keep the delay they left with: how
          many arrive over each edge at step ``t``, in row ``t % L``
    """

    neuron: LIFState
    history: Tensor
    t: int
    trace: Tensor
    in_flight: Tensor | None = None

    @classmethod
    def rest(
        cls,
        params: LIFParameters,
        num_nodes: int,
        columns: int,
        max_delay: int,
        num_edges: int | None,
        device: torch.device,
    ) -> "ReservoirState":
        """A silent state; ``num_edges`` asks for ``in_flight``."""
        zero = torch.zeros(num_nodes, columns, device=device)
        in_flight = None
        if num_edges is not None:
            shape = (max_delay, num_edges, columns)
            in_flight = torch.zeros(shape, dtype=torch.uint8, device=device)
        return cls(
            neuron=LIFState.rest(params, zero),
            history=torch.zeros(max_delay, num_nodes, columns, dtype=torch.bool, device=device),
            t=0,
            trace=zero,
            in_flight=in_flight,
        )

    @property
    def columns(self) -> int:
        """Number of trials side by side."""
        return self.trace.size(1)

    def copy(self) -> "ReservoirState":
        """A copy whose buffers may be written to."""
        in_flight = None if self.in_flight is None else self.in_flight.clone()
        return replace(self, history=self.history.clone(), in_flight=in_flight)

    def lengthened(self, max_delay: int) -> "ReservoirState":
        """The same state with room for delays up to ``max_delay``."""
        depth = self.history.size(0)
        if max_delay <= depth:
            return self
        past = torch.arange(self.t - depth, self.t, device=self.history.device)
        history = self.history.new_zeros(max_delay, *self.history.shape[1:])
        history[past % max_delay] = self.history[past % depth]
        in_flight = None
        if self.in_flight is not None:
            future = past + depth
            in_flight = self.in_flight.new_zeros(max_delay, *self.in_flight.shape[1:])
            in_flight[future % max_delay] = self.in_flight[future % depth]
        return replace(self, history=history, in_flight=in_flight)

    def rewired(self, edge_id: Tensor) -> "ReservoirState":
        """The state after the edges changed: ``edge_id`` ``[E']`` names each edge's old column.

        Spikes under way over a dropped edge are lost; a grown edge (-1) begins empty.
        """
        if self.in_flight is None:
            return self
        in_flight = self.in_flight[:, edge_id.clamp(min=0)]
        in_flight[:, edge_id < 0] = 0
        return replace(self, in_flight=in_flight)
