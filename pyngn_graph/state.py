"""The fast state of a reservoir: what changes at every step and is forgotten by a reset."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from pyngn_graph.neuron import LIFParameters, LIFState


class Memory(Protocol):
    """What a backend remembers in a form of its own."""

    def settle(self, state: "ReservoirState") -> "ReservoirState":
        """The state with everything in its tensors and no memory."""


@dataclass
class ReservoirState:
    """Potentials, past spikes and traces of ``C`` columns (trials side by side).

    Shapes:
        - **neuron**: every tensor ``[N, C]``
        - **history** ``[L, N, C]`` bool: the spikes of step ``t`` stand in row ``t % L``; wider
          where neurons that are simulated elsewhere send spikes here
        - **trace** ``[N, C]``: low-passed spikes, the liquid state
        - **in_flight** ``[3, F]`` int64, only if spikes keep the delay they left with: the step at
          which each spike under way is due, its edge, and its column

    ``memory`` belongs to the backend that runs the state; :meth:`settled` puts into the tensors
    what it holds back.
    """

    neuron: LIFState
    history: Tensor
    t: int
    trace: Tensor
    in_flight: Tensor | None = None
    memory: Memory | None = None

    @classmethod
    def rest(
        cls,
        params: LIFParameters,
        num_nodes: int,
        columns: int,
        max_delay: int,
        keeps_delay: bool,
        device: torch.device,
        num_sources: int | None = None,
    ) -> "ReservoirState":
        """A silent state; ``keeps_delay`` asks for ``in_flight``.

        ``num_sources`` neurons send spikes here, where some of them are simulated elsewhere.
        """
        zero = torch.zeros(num_nodes, columns, dtype=torch.float32, device=device)
        return cls(
            neuron=LIFState.rest(params, zero),
            history=torch.zeros(
                max_delay, num_sources or num_nodes, columns, dtype=torch.bool, device=device
            ),
            t=0,
            trace=zero,
            in_flight=torch.zeros(3, 0, dtype=torch.int64, device=device) if keeps_delay else None,
        )

    @property
    def columns(self) -> int:
        """Number of trials side by side."""
        return self.trace.size(1)

    def settled(self) -> "ReservoirState":
        """The same state, all of it in its tensors."""
        return self if self.memory is None else self.memory.settle(self)

    def copy(self) -> "ReservoirState":
        """A settled copy whose buffers may be written to."""
        state = self.settled()
        return replace(state, history=state.history.clone())

    def spread(self, columns: int) -> "ReservoirState":
        """The settled state of a single column in each of ``columns`` of them."""
        state = self.settled()

        def wide(value: Tensor) -> Tensor:
            return value.expand(*value.shape[:-1], columns).contiguous()

        in_flight = state.in_flight
        if in_flight is not None:
            column = torch.arange(columns, device=in_flight.device).repeat(in_flight.size(1))
            in_flight = in_flight.repeat_interleave(columns, dim=1)
            in_flight = torch.stack([in_flight[0], in_flight[1], column])
        return replace(
            state,
            neuron=state.neuron.apply(wide),
            history=wide(state.history),
            trace=wide(state.trace),
            in_flight=in_flight,
        )

    def moved(self, move: Callable[[Tensor], Tensor]) -> "ReservoirState":
        """The settled state with ``move`` applied to every tensor."""
        state = self.settled()
        neuron = state.neuron._asdict().items()
        return replace(
            state,
            neuron=LIFState(**{name: move(value) for name, value in neuron if value is not None}),
            history=move(state.history),
            trace=move(state.trace),
            in_flight=None if state.in_flight is None else move(state.in_flight),
        )

    def lengthened(self, max_delay: int) -> "ReservoirState":
        """The same state with room for delays up to ``max_delay``."""
        depth = self.history.size(0)
        if max_delay <= depth:
            return self
        past = torch.arange(self.t - depth, self.t, device=self.history.device)
        history = self.history.new_zeros(max_delay, *self.history.shape[1:])
        history[past % max_delay] = self.history[past % depth]
        return replace(self, history=history)

    def rewired(self, edge_origin: Tensor, num_edges: int) -> "ReservoirState":
        """The state after the edges changed.

        ``edge_origin`` ``[E]`` names the old position, below ``num_edges``, of each edge. Spikes
        under way over a dropped edge are lost; an edge that grew (-1) begins empty.
        """
        if self.in_flight is None:
            return self
        place = edge_origin.new_full((num_edges,), -1)
        kept = (edge_origin >= 0).nonzero().squeeze(1)
        place[edge_origin[kept]] = kept
        due, edge, column = self.in_flight
        edge = place[edge]
        in_flight = torch.stack([due, edge, column])[:, edge >= 0]
        return replace(self, in_flight=in_flight)
