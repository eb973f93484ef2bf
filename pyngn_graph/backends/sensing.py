"""What oligodendrocytes and microglia sense in an epoch, worked out from its spikes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends.kernels import Wiring
from pyngn_graph.backends.looking import Senses, look_through
from pyngn_graph.backends.wiring import by_source
from pyngn_graph.glia import Microglia, Oligodendrocyte
from pyngn_graph.glia.base import as_array, clock_of, dt_of, power_table
from pyngn_graph.sorting import group_by

STEPS = 4096
"""Steps of spikes that are kept before all edges are looked through."""

KEPT = {
    "arrival": np.int64,
    "hits": np.int64,
    "lag": np.int64,
    "health": np.float32,
    "cost": np.float32,
}
"""Attributes ``edge_*`` of the graph that are brought up to date."""


class Sensing:
    """The edges of one epoch, and the spikes that they have not yet been told of.

    Edges do not depend on each other between two ticks: each is brought up to date at once, from
    the spikes of its source, one delay later, and those of its target. That takes the time of the
    spikes and of one look at each edge, at a tick or every ``STEPS`` steps.

    Args:
        data: The graph; :meth:`settle` writes to it.
        wiring: Its live edges.
        oligo: The oligodendrocyte at work, or None.
        micro: The microglia at work, or None.
        fired: Spikes ``[L, N]`` of the past, step ``t % L`` in its row.
        t: First step of the epoch.
        carried: Spikes that left before the epoch and keep their delay, ``[3, F]``, or None.
    """

    def __init__(
        self,
        data: Data,
        wiring: Wiring,
        oligo: Oligodendrocyte | None,
        micro: Microglia | None,
        fired: Any,
        t: int,
        carried: Tensor | None,
    ) -> None:
        self.data, self.micro, self.clock = data, micro, clock_of(data)
        self.time, self.seen, self.depth = 0, 0, fired.shape[0]
        _, edge = by_source(data)
        early_start, early = _early(data, edge, t, carried)
        gains = np.zeros(0, dtype=np.float32)
        if micro is not None:
            gains = micro.gain_table(dt_of(data)).numpy()
        self.senses = Senses(
            listens=oligo is not None,
            heals=micro is not None,
            start=wiring.start,
            edge=edge,
            target=as_array(data.edge_index[1]),
            delay=as_array(data.edge_delay),
            early_start=early_start,
            early=early,
            clock=self.clock,
            **_kept(data),
            window=-1 if oligo is None else oligo.window_steps(dt_of(data)),
            gains=gains,
            price=np.float32(0.0 if micro is None else micro.price),
            growth=np.ones(1, dtype=np.float32),
            base=0,
        )
        self.nodes = [np.zeros(0, dtype=np.int32)]
        self.times = [np.zeros(0, dtype=np.int32)]
        if carried is None:
            rows = np.arange(max(0, t - self.depth), t)
            past, node = fired[rows % self.depth].nonzero()
            self.nodes.append(node.astype(np.int32))
            self.times.append((rows[past] - t + 1).astype(np.int32))

    def note(self, nodes: Any, counts: Any) -> None:
        """Takes note of the spikes of the next steps: ``counts`` ``[T]`` of them, then the next."""
        step = np.arange(self.time + 1, self.time + 1 + counts.size, dtype=np.int32)
        self.nodes.append(nodes.copy())
        self.times.append(np.repeat(step, counts))
        self.time += counts.size
        while self.micro is not None and self._base + self.micro.horizon <= self.time:
            self._look_through(self._base + self.micro.horizon)
            self._write()
            self.data.clock = self.clock + self.seen
            self.micro.bring_up_to_date(self.data)
            self.senses = self.senses._replace(**_kept(self.data))
        if self.time - self.seen > STEPS:
            self._look_through(self.time)

    @property
    def _base(self) -> int:
        """The time since which health and cost grow."""
        return self.micro.clock_of_health(self.data) - self.clock if self.micro is not None else 0

    def _look_through(self, until: int) -> None:
        """Brings every edge up to date, and forgets spikes that have arrived everywhere."""
        node, time = np.concatenate(self.nodes), np.concatenate(self.times)
        past = time <= until
        start, order = group_by(node, past, self.data.num_nodes)
        senses = self.senses
        if self.micro is not None:
            growth = power_table(1.0 / self.micro.survival, until - self._base)
            senses = senses._replace(growth=growth.numpy(), base=self._base)
        look_through(senses, start, time[order], self.depth, self.seen, until)
        self.seen = until
        under_way = time > self.seen - self.depth
        self.nodes, self.times = [node[under_way]], [time[under_way]]

    def settle(self) -> None:
        """Brings every edge up to date and writes what is known of them to the graph."""
        self._look_through(self.time)
        self._write()

    def _write(self) -> None:
        for name in KEPT:
            if f"edge_{name}" in self.data:
                self.data[f"edge_{name}"] = torch.from_numpy(getattr(self.senses, name))


def _early(data: Data, edge: Any, t: int, carried: Tensor | None) -> tuple[Any, Any]:
    """Times at which carried spikes arrive over each ``edge``, as the senses count them."""
    if carried is None:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    number = np.full(data.num_edges, -1)
    number[edge] = np.arange(edge.size)
    first = torch.argsort(carried[0], stable=True)
    due, place = as_array(carried[0, first] - t + 1), number[as_array(carried[1, first])]
    start, order = group_by(place, place >= 0, edge.size)
    return start, due[order]


def _kept(data: Data) -> dict[str, Any]:
    """What is known of the edges as arrays that may be edited; empty where there is nothing."""
    return {
        name: as_array(data[f"edge_{name}"]).copy()
        if f"edge_{name}" in data
        else np.zeros(0, dtype=dtype)
        for name, dtype in KEPT.items()
    }
