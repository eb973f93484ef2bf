"""Graphs from elsewhere: a measured or designed wiring in place of a random one."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.convert import read_networkx
from pyngn_graph.generators.anatomy import Anatomy
from pyngn_graph.graph import validate
from pyngn_graph.misread import warn_of_short_ways
from pyngn_graph.provenance import noted
from pyngn_graph.reading.outcome import Reading
from pyngn_graph.reading.weights import Scale


@dataclass(kw_only=True, eq=False, repr=False)
class Completion(Anatomy):
    """What a graph lacks is drawn, what it has is kept; a subclass says how it is read."""

    columns: Mapping[str, str] | None = None
    weights: str | None = None
    inhibitory_fraction: float | None = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._reading = self._read(Scale(float(self.weight), float(self.inhibition)))
        given = self._reading.data
        given_dt = given.get("dt", self.dt)
        if given_dt != self.dt:
            raise ValueError(
                f"'dt' must be the step that the delays of the graph count, {given_dt} ms (got "
                f"{self.dt}); pass dt={given_dt}"
            )
        if self.pos is not None and self.pos.size(0) != given.num_nodes:
            raise ValueError(
                f"'pos' must have one row per node of the graph, {given.num_nodes} (got "
                f"{self.pos.size(0)})"
            )

    @abstractmethod
    def _read(self, scale: Scale) -> Reading:
        """What the source says of the graph; weights of counts get this ``scale``."""

    def __call__(self) -> Data:
        """Returns the graph with everything it lacked."""
        read, notes = self._reading, dict(self._reading.notes)
        data = read.data.clone()
        src = data.edge_index[0]
        places_given = self.pos is not None or "pos" in data
        if self.pos is not None or "pos" not in data:
            data.pos = self._positions(data.num_nodes)
            drawn = f"a {self.layout}, {self.spacing:g} micrometres apart, for want of any"
            said = "the argument 'pos'" if self.pos is not None else drawn
            notes["positions from"] = "; ".join(filter(None, [notes.get("positions from"), said]))
        has, has_delay = read.given["weight"], read.given["delay"]
        given = torch.where(has, data.edge_weight, 0.0)
        if "inhibitory" not in data:
            data.inhibitory, notes["signs from"] = self._signs(data, given, has)
        drawn_weight = self._signed(self._magnitudes(src.numel()), src, data.inhibitory)
        asked = not read.own or self.inhibitory_fraction is not None
        keeps = not asked or bool((given < 0).any())
        kept = given if keeps else self._signed(given, src, data.inhibitory)
        data.edge_weight = torch.where(has, kept, drawn_weight)
        drawn_delay = self._delays(data.pos, data.edge_index).to(data.edge_delay.dtype)
        data.edge_delay = torch.where(has_delay, data.edge_delay, drawn_delay)
        if self.delay == "distance" and places_given:
            ends = data.pos[data.edge_index[:, ~has_delay]]
            length = (ends[0] - ends[1]).norm(dim=1)
            warn_of_short_ways(drawn_delay[~has_delay], length, self.velocity, self.max_delay)
        data.dt = float(self.dt)
        for name, value in self._growth().items():
            if name not in data:
                data[name] = value
        how = {
            "weights": f"{self.weight_distribution}, mean {self.weight:g}, seed {self.seed}",
            "delays": f"distance, {self.velocity:g} micrometres per ms"
            if self.delay == "distance"
            else f"{self.delay}, at most {self.max_delay} steps, seed {self.seed}",
        }
        for name, where in (("weights", has), ("delays", has_delay)):
            number = int((~where).sum())
            if number:
                of = "" if number == where.numel() else f" on {number:,} edges"
                said = f"drawn{of} ({how[name]})"
                notes[f"{name} from"] = "; ".join(filter(None, [notes.get(f"{name} from"), said]))
        return validate(noted(data, notes))

    def _signs(self, data: Data, given: Tensor, has: Tensor) -> tuple[Tensor, str]:
        """Which neurons are inhibitory, ``[N]`` bool, and who says so."""
        if bool((given < 0).any()):
            sums = torch.zeros(data.num_nodes, dtype=torch.float32)
            return sums.index_add(0, data.edge_index[0], given) < 0, "the sums of given weights"
        if self.inhibitory_fraction is None and bool(has.any()):
            kept = "given weights, all of them positive; 'inhibitory_fraction' draws inhibition"
            return torch.zeros(data.num_nodes, dtype=torch.bool), kept
        share = self.inhibitory_fraction
        drawn = self._inhibitory(
            data.num_nodes, Anatomy.inhibitory_fraction if share is None else share
        )
        return drawn, f"drawn, {int(drawn.sum()):,} inhibitory, seed {self.seed}"


@dataclass(eq=False, repr=False)
class FromNetworkX(Completion):
    """Any NetworkX graph as a runnable ``Data``: what it lacks is drawn, what it has is kept.

    Read by :func:`pyngn_graph.from_networkx` when the generator is made, under the same rules and
    with the same warnings: ``weight`` and ``delay`` of edges, positions and ``inhibitory`` of
    nodes, and every other attribute. Missing ones, also on single edges, are drawn as for
    :class:`SpatialGenerator`.

    Given weights keep their signs. Where there are none, a fifth of the neurons are inhibitory. To
    make neurons inhibitory in a graph whose weights are all positive, pass ``inhibitory_fraction``,
    or give it the attribute ``inhibitory``: weights that leave them are multiplied by
    ``-inhibition``. In a graph with negative weights, a neuron is inhibitory if its given weights
    sum to less than 0. ``length_scale`` and ``velocity`` of the graph, the defaults of
    ``Microglia(regrow=True)``, are kept as well; to draw missing delays at the velocity of the
    graph, pass it as ``velocity=``.

    Warns of what was probably meant otherwise; :func:`pyngn_graph.describe` shows what was read,
    drawn and left out. What :func:`pyngn_graph.to_networkx` wrote is taken at its word.

    Args:
        graph: A NetworkX graph, directed or not (an undirected edge becomes two synapses).
        columns: What attributes are for, see :func:`pyngn_graph.from_networkx`.
        weights: ``"counts"`` or ``"jumps"``, see there; the mean of weights of counts is
            ``weight``.
        **kwargs: See :class:`SpatialGenerator`; ``pos=`` overrides the positions of the graph.

    Raises:
        TypeError: See :func:`pyngn_graph.from_networkx`.
        ValueError: If an argument breaks its rule, ``dt`` or ``pos`` does not fit the graph, or
            :func:`pyngn_graph.from_networkx` refuses it.
    """

    graph: Any

    def _read(self, scale: Scale) -> Reading:
        return read_networkx(self.graph, self.columns, self.weights, scale)
