"""A graph in a few lines, for a notebook or a terminal."""

from dataclasses import dataclass

from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.card import card
from pyngn_graph.graph import accepted, alive, number, round_delay
from pyngn_graph.provenance import provenance


@dataclass(frozen=True)
class Description:
    """What :func:`describe` says of a graph: a card in a notebook, lines elsewhere.

    Attributes:
        facts: A short text for each fact, by name.
    """

    facts: dict[str, str]

    def _repr_html_(self) -> str:
        return card("Graph", self.facts)

    def __repr__(self) -> str:
        width = max(map(len, self.facts))
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self.facts.items())


def describe(data: Data) -> Description:
    """Neurons, edges, delays and weights of a graph, what glia wrote to it, and where it is from.

    The latter is what a door noted in ``provenance``: what was read, drawn and left out.

    Raises:
        TypeError, ValueError: See :func:`pyngn_graph.validate`.
    """
    data = accepted(data)
    dt, live = float(number(data, "dt", 1.0)), alive(data)
    inhibitory = f", {int(data.inhibitory.sum()):,} inhibitory" if "inhibitory" in data else ""
    facts = {"neurons": f"{data.num_nodes:,}{inhibitory}"}
    silent = data.num_edges - int(live.sum())
    facts["edges"] = f"{data.num_edges:,}" + (f", {silent:,} of them silent" if silent else "")
    facts["inputs of a neuron"] = f"{(data.num_edges - silent) / data.num_nodes:.1f}"
    facts["delay"] = _spread(round_delay(data.edge_delay)[live] * dt, "ms")
    facts["weight"] = _spread(data.edge_weight[live])
    if "gain" in data:
        facts["gain"] = _spread(data.gain)
    if "calcium" in data:
        facts["rate that astrocytes sense"] = _spread(data.calcium * (1000.0 / dt), "Hz")
    if "edge_health" in data:
        facts["health, as last written"] = _spread(data.edge_health[live])
    if number(data, "clock", 0):
        facts["life with glia"] = f"{number(data, 'clock', 0) * dt / 1000.0:g} s"
    facts |= provenance(data)
    return Description(facts)


def _spread(values: Tensor, unit: str = "") -> str:
    if values.numel() == 0:
        return "-"
    values = values.double()
    low, middle, high = float(values.min()), float(values.median()), float(values.max())
    text = f"all {low:.3g}" if low == high else f"median {middle:.3g}, {low:.3g} to {high:.3g}"
    return f"{text} {unit}".rstrip()
