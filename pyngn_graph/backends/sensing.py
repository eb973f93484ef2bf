"""What oligodendrocytes and microglia sense in an epoch, worked out from its spikes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import kernels
from pyngn_graph.backends.wiring import by_target, to_numpy
from pyngn_graph.glia import Microglia, Oligodendrocyte
from pyngn_graph.glia.base import clock_of, dt_of, f32, power_table
from pyngn_graph.graph import round_delay

LONG_AGO = -(2**30)
"""Time of an arrival so long ago that it no longer matters, in steps before the epoch."""

STEPS = 4096
"""Steps of spikes that are kept before all edges are looked through."""


class Sensing:
    """The edges of one epoch, and the spikes that they have not yet been told of.

    Edges do not depend on each other between two ticks: each is brought up to date at once, by
    merging the spikes of its source, one delay later, with those of its target. That takes the time
    of the spikes and of one look at each edge, at a tick or every ``STEPS`` steps.

    Args:
        data: The graph; :meth:`settle` writes to it.
        oligo: The oligodendrocyte at work, or None.
        micro: The microglia at work, or None.
        fired: Spikes ``[L, N]`` of the past, step ``t % L`` in its row.
        t: First step of the epoch.
        carried: Spikes that left before the epoch and keep their delay, ``[3, F]``, or None.
    """

    def __init__(
        self,
        data: Data,
        oligo: Oligodendrocyte | None,
        micro: Microglia | None,
        fired: Any,
        t: int,
        carried: Tensor | None,
    ) -> None:
        self.data, self.clock = data, clock_of(data)
        self.time, self.seen, self.depth = 0, 0, fired.shape[0]
        start, place = by_target(data)
        self.place = torch.from_numpy(place)
        edges = self._edges(micro)
        self.oldest = int(edges["health_time"].min(initial=0))
        self.fading = 1.0 if micro is None else 1.0 - micro.eta * micro.decay
        gains, cost = np.ones(1, dtype=np.float32), 0.0
        if micro is not None and micro.trace == "coincidence":
            gains = np.array([micro.eta], dtype=np.float32)
        elif micro is not None:
            gains, cost = micro.window_table(dt_of(data)).numpy(), -micro.eta * micro.cost
        early_start, early = self._early(t, carried)
        self.senses = kernels.Senses(
            listens=oligo is not None,
            heals=micro is not None,
            start=start,
            edges=edges,
            window=0 if oligo is None else oligo.window_steps(dt_of(data)),
            powers=np.ones(1, dtype=np.float32),
            gains=gains,
            cost=np.float32(f32(cost)),
            early_start=early_start,
            early=early,
        )
        rows = np.arange(max(0, t - self.depth), t)
        past, node = fired[rows % self.depth].nonzero()
        if carried is not None:
            past, node = past[:0], node[:0]
        self.nodes, self.times = [node.astype(np.int32)], [(rows[past] - t + 1).astype(np.int32)]

    def _edges(self, micro: Microglia | None) -> Any:
        data, place = self.data, self.place

        def known(key: str, since: int = 0) -> Any:
            value = data[key][place] if key in data else torch.zeros_like(place)
            return (value - since).clamp(min=LONG_AGO).numpy()

        edges = np.zeros(place.numel(), dtype=kernels.EDGE)
        edges["src"] = data.edge_index[0][place].numpy()
        edges["delay"] = round_delay(data.edge_delay[place]).numpy()
        edges["arrival"] = known("edge_arrival", self.clock)
        edges["health_time"] = known("edge_health_clock", self.clock)
        edges["hits"], edges["lag"] = known("edge_hits"), known("edge_lag")
        if micro is not None:
            edges["health"] = data.edge_health[place].numpy()
        return edges

    def _early(self, t: int, carried: Tensor | None) -> tuple[Any, Any]:
        """Times at which carried spikes arrive, grouped by edge as the senses count them."""
        if carried is None:
            carried = torch.zeros(3, 0, dtype=torch.int64)
        number = torch.full((self.data.num_edges,), -1)
        number[self.place] = torch.arange(self.place.numel())
        due, edge = carried[0] - t + 1, number[carried[1]]
        order = torch.argsort(due, stable=True)
        due, edge = to_numpy(due[order]), to_numpy(edge[order])
        start, order = kernels.group_by(edge, edge >= 0, self.place.numel())
        return start, due[order]

    def note(self, nodes: Any, counts: Any) -> None:
        """Takes note of the spikes of the next steps: ``counts`` ``[T]`` of them, then the next."""
        step = np.arange(self.time + 1, self.time + 1 + counts.size, dtype=np.int32)
        self.nodes.append(nodes.copy())
        self.times.append(np.repeat(step, counts))
        self.time += counts.size
        if self.time - self.seen > STEPS:
            self.look_through()

    def look_through(self) -> None:
        """Brings every edge up to date, and forgets spikes that have arrived everywhere."""
        node, time = np.concatenate(self.nodes), np.concatenate(self.times)
        start, order = kernels.group_by(
            node, np.ones(node.size, dtype=np.bool_), self.data.num_nodes
        )
        powers = np.ones(1, dtype=np.float32)
        if self.senses.heals:
            powers = power_table(self.fading, self.time - self.oldest).numpy()
        senses = self.senses._replace(powers=powers)
        kernels.look_through(senses, start, time[order], self.seen, self.time)
        self.seen = self.time
        under_way = time > self.seen - self.depth
        self.nodes, self.times = [node[under_way]], [time[under_way]]

    def settle(self) -> None:
        """Brings every edge up to date and writes all of them to the graph."""
        self.look_through()
        data, place, edges = self.data, self.place, self.senses.edges

        def written(key: str, name: str, since: int = 0) -> Tensor:
            value = torch.from_numpy(edges[name].astype(np.int64)) + since
            return data[key].index_copy(0, place, value)

        arrived = torch.from_numpy(edges["arrival"] > 0)
        before = data.edge_arrival
        data.edge_arrival = written("edge_arrival", "arrival", self.clock)
        data.edge_arrival[place[~arrived]] = before[place[~arrived]]
        if self.senses.listens:
            data.edge_hits = written("edge_hits", "hits")
            data.edge_lag = written("edge_lag", "lag")
        if self.senses.heals:
            health = torch.from_numpy(edges["health"].copy())
            data.edge_health = data.edge_health.index_copy(0, place, health)
            data.edge_health_clock = written("edge_health_clock", "health_time", self.clock)
