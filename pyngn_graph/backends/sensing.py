"""What oligodendrocytes and microglia sense in an epoch, worked out from its spikes."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends.looking import Known, Senses, look_through
from pyngn_graph.glia import Microglia, Oligodendrocyte
from pyngn_graph.glia.base import as_array, clock_of, dt_of, power_table
from pyngn_graph.graph import num_live
from pyngn_graph.sorting import grouped

STEPS = 1024
"""Steps of spikes for which all edges are looked through at a time."""

Look = Callable[[Senses, Tensor, Tensor, int, int, int], None]
"""Does what :func:`pyngn_graph.backends.looking.look_through` does, with tensors for arrays."""


def look(
    senses: Senses, spike_start: Tensor, spike_time: Tensor, depth: int, seen: int, until: int
) -> None:
    """Looks through all edges on the CPU."""
    arrays = Senses._make(as_array(each) if isinstance(each, Tensor) else each for each in senses)
    known, now = (Known._make(map(as_array, each)) for each in (senses.known, senses.now))
    spikes = as_array(spike_start), as_array(spike_time)
    look_through(arrays._replace(known=known, now=now), *spikes, depth, seen, until)


class Sensing:
    """The edges of one epoch, and the spikes that they have not yet been told of.

    Edges do not depend on each other between two ticks: each is brought up to date at once, from
    the spikes of its source, one delay later, and those of its target. That takes the time of the
    spikes and of one look at each edge, at a tick or every ``STEPS`` steps.

    Args:
        data: The graph; :meth:`settle` writes to it.
        start: Where the live edges of each source start ...
        edge: ... among these, their positions in the graph.
        oligo: The oligodendrocyte at work, or None.
        micro: The microglia at work, or None.
        fired: Spikes ``[L, N]`` of the past, step ``t % L`` in its row; not 0 where there is one.
        t: First step of the epoch.
        carried: Spikes that left before the epoch and keep their delay, ``[3, F]``, or None.
        look: How the edges are looked through.
    """

    def __init__(
        self,
        data: Data,
        start: Tensor,
        edge: Tensor,
        oligo: Oligodendrocyte | None,
        micro: Microglia | None,
        fired: Tensor,
        t: int,
        carried: Tensor | None,
        look: Look = look,
    ) -> None:
        self.data, self.oligo, self.micro, self.look = data, oligo, micro, look
        self.clock = clock_of(data)
        self.time, self.seen, self.depth = 0, 0, fired.size(0)
        early_start, early = _early(data, edge, t, carried)
        gains = (
            torch.zeros(0, dtype=torch.float32) if micro is None else micro.gain_table(dt_of(data))
        )
        known = _known(data, oligo, micro)
        self.senses = Senses(
            listens=oligo is not None,
            heals=micro is not None,
            start=start,
            edge=edge,
            target=data.edge_index[1],
            delay=data.edge_delay,
            early_start=early_start,
            early=early,
            clock=self.clock,
            known=known,
            now=_room(known, data),
            window=-1 if oligo is None else oligo.window_steps(dt_of(data)),
            gains=gains.to(edge.device),
            price=np.float32(0.0 if micro is None else micro.price),
            growth=torch.ones(1, dtype=torch.float32, device=edge.device),
            base=0,
        )
        none = torch.zeros(0, dtype=torch.int32, device=edge.device)
        self.nodes, self.times = [none], [none]
        if carried is None:
            rows = torch.arange(max(0, t - self.depth), t, device=edge.device)
            past, node = fired[rows % self.depth].nonzero().unbind(1)
            self.nodes.append(node.int())
            self.times.append((rows[past] - t + 1).int())

    def note(self, nodes: Tensor, counts: Tensor) -> None:
        """Takes note of the spikes of the next steps: ``counts`` ``[T]`` of them, then the next."""
        first = self.time + 1
        step = torch.arange(first, first + counts.numel(), dtype=torch.int32, device=nodes.device)
        self.nodes.append(nodes.clone())
        self.times.append(step.repeat_interleave(counts))
        self.time += counts.numel()
        while self.micro is not None and self._base + self.micro.horizon <= self.time:
            self._look_through(self._base + self.micro.horizon)
            self._write()
            self.data.clock = self.clock + self.seen
            self.micro.bring_up_to_date(self.data)
            known = _known(self.data, self.oligo, self.micro)
            self.senses = self.senses._replace(known=known, now=_room(known, self.data))
        while self.time - self.seen > STEPS:
            self._look_through(self.seen + STEPS)

    def hear(self, nodes: Tensor, ago: Tensor) -> None:
        """Takes note of spikes fired elsewhere, ``ago`` (-1: the last step); none is due yet."""
        self.nodes.append(nodes)
        self.times.append(ago + (self.time + 1))

    @property
    def _base(self) -> int:
        """The time since which health and cost grow."""
        return self.micro.clock_of_health(self.data) - self.clock if self.micro is not None else 0

    def _look_through(self, until: int) -> None:
        """Brings every edge up to date, and forgets spikes that have arrived everywhere."""
        node, time = torch.cat(self.nodes), torch.cat(self.times)
        start, order = grouped(node, time <= until, self.data.num_nodes)
        senses = self.senses
        if self.micro is not None:
            growth = power_table(1.0 / self.micro.survival, until - self._base)
            senses = senses._replace(growth=growth.to(node.device), base=self._base)
        self.look(senses, start, time[order], self.depth, self.seen, until)
        self.senses, self.seen = self.senses._replace(known=senses.now), until
        under_way = time > self.seen - self.depth
        self.nodes, self.times = [node[under_way]], [time[under_way]]

    def settle(self) -> None:
        """Brings every edge up to date and writes what is known of them to the graph."""
        self._look_through(self.time)
        self._write()

    def _write(self) -> None:
        for name, value in self.senses.now._asdict().items():
            if value.numel():
                self.data[f"edge_{name}"] = value


def _early(data: Data, edge: Tensor, t: int, carried: Tensor | None) -> tuple[Tensor, Tensor]:
    """Times at which carried spikes arrive over each ``edge``, as the senses count them."""
    if carried is None:
        none = edge.new_zeros(0)
        return none, none
    number = edge.new_full((data.num_edges,), -1)
    number[edge] = torch.arange(edge.numel(), device=edge.device)
    first = torch.argsort(carried[0], stable=True)
    due, place = carried[0, first] - t + 1, number[carried[1, first]]
    start, order = grouped(place, place >= 0, edge.numel())
    return start, due[order]


def _known(data: Data, oligo: Oligodendrocyte | None, micro: Microglia | None) -> Known:
    """What is known of the edges to those who sense."""
    none = data.edge_index.new_zeros(0)
    return Known(
        arrival=data.edge_arrival,
        hits=none if oligo is None else data.edge_hits,
        lag=none if oligo is None else data.edge_lag,
        health=none.float() if micro is None else data.edge_health,
        cost=data.edge_cost if micro is not None and micro.charges else none.float(),
    )


def _room(known: Known, data: Data) -> Known:
    """Room for what is ``known``, filled only where a look through live edges leaves some out."""
    everywhere = num_live(data) == data.num_edges
    return Known._make(torch.empty_like(old) if everywhere else old.clone() for old in known)
