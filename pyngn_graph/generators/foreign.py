"""Graphs from elsewhere: a measured or designed wiring in place of a random one."""

from dataclasses import dataclass
from typing import Any

import torch
from torch_geometric.data import Data

from pyngn_graph.convert import SCHEMA, edge_list, from_networkx
from pyngn_graph.generators.anatomy import Anatomy
from pyngn_graph.graph import validate
from pyngn_graph.misread import counts_among, of_counts, warn, warn_of_counts, warn_of_short_ways


@dataclass(eq=False, repr=False)
class FromNetworkX(Anatomy):
    """Any NetworkX graph as a runnable ``Data``: what it lacks is drawn, what it has is kept.

    Read by :func:`pyngn_graph.from_networkx` when the generator is made: ``weight`` and ``delay``
    of edges, ``pos`` and ``inhibitory`` of nodes, and every other attribute. Missing ones, also on
    single edges, are drawn as for :class:`SpatialGenerator`. Without a negative weight and without
    ``inhibitory``, given weights count as magnitudes: inhibitory neurons are drawn, and weights
    that leave them are multiplied by ``-inhibition`` (``inhibitory_fraction=0`` prevents it). In a
    graph with negative weights, a neuron is inhibitory if its given weights sum to less than 0.
    ``length_scale`` and ``velocity`` of the graph, the defaults of ``Microglia(regrow=True)``, are
    kept as well; to draw missing delays at the velocity of the graph, pass it as ``velocity=``.

    Warns of what was probably meant otherwise: weights that are whole numbers as counts are, counts
    of synapses without a ``weight``, and positions so close that all drawn delays are 1 step. What
    :func:`pyngn_graph.to_networkx` wrote is taken at its word.

    Args:
        graph: A NetworkX graph, directed or not (an undirected edge becomes two synapses).
        **kwargs: See :class:`SpatialGenerator`; ``pos=`` overrides the positions of the graph.

    Raises:
        TypeError: See :func:`pyngn_graph.from_networkx`.
        ValueError: If an argument breaks its rule, ``dt`` or ``pos`` does not fit the graph, or
            :func:`pyngn_graph.from_networkx` refuses it.
    """

    graph: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self._given = from_networkx(self.graph)
        edges = edge_list(self.graph)
        self._has = {
            name: torch.tensor([name in row for *_, row in edges], dtype=torch.bool)
            for name in ("weight", "delay")
        }
        given_dt = self._given.get("dt", self.dt)
        if given_dt != self.dt:
            raise ValueError(
                f"'dt' must be the step that the delays of the graph count, {given_dt} ms (got "
                f"{self.dt}); pass dt={given_dt}"
            )
        if self.pos is not None and self.pos.size(0) != self._given.num_nodes:
            raise ValueError(
                f"'pos' must have one row per node of the graph, {self._given.num_nodes} (got "
                f"{self.pos.size(0)})"
            )
        if SCHEMA not in self.graph.graph:
            self._warn_of_weights({name for *_, row in edges for name in row})

    def __call__(self) -> Data:
        """Returns the graph with everything it lacked."""
        data = self._given.clone()
        src, num_nodes = data.edge_index[0], data.num_nodes
        if self.pos is not None or "pos" not in data:
            data.pos = self._positions(num_nodes)
        has = self._has["weight"]
        given = torch.where(has, data.edge_weight, 0.0)
        signed = bool((given < 0).any())
        if "inhibitory" not in data:
            sums = torch.zeros(num_nodes, dtype=torch.float32).index_add(0, src, given)
            data.inhibitory = sums < 0 if signed else self._inhibitory(num_nodes)
        drawn = self._signed(self._magnitudes(src.numel()), src, data.inhibitory)
        kept = given if signed else self._signed(given, src, data.inhibitory)
        data.edge_weight = torch.where(has, kept, drawn)
        drawn_delay = self._delays(data.pos, data.edge_index).to(data.edge_delay.dtype)
        data.edge_delay = torch.where(self._has["delay"], data.edge_delay, drawn_delay)
        if self.delay == "distance" and (self.pos is not None or "pos" in self._given):
            new = ~self._has["delay"]
            ends = data.pos[data.edge_index[:, new]]
            length = (ends[0] - ends[1]).norm(dim=1)
            warn_of_short_ways(drawn_delay[new], length, self.velocity, self.max_delay)
        data.dt = float(self.dt)
        for name, value in self._growth().items():
            if name not in data:
                data[name] = value
        return validate(data)

    def _warn_of_weights(self, names: set[str]) -> None:
        warn_of_counts(self._given.edge_weight[self._has["weight"]])
        counts = [] if "weight" in names else sorted(counts_among(names))
        if counts:
            warn(
                f"The edges have no 'weight', and weights are drawn whatever {counts[0]!r} says. "
                f"{of_counts(f'edge_{counts[0]}')}, or delete it if it is no count"
            )
