"""What a source says of a graph, and the graph where that is all there is to it."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import ANY_DELAY, validate
from pyngn_graph.misread import warn_of_units
from pyngn_graph.provenance import noted


@dataclass(frozen=True)
class Reading:
    """A graph as far as its source says what it is like.

    Attributes:
        data: The graph; ``edge_weight`` and ``edge_delay`` are 1 where nothing is given.
        given: Which edges have a ``"weight"`` and a ``"delay"`` of their own, ``[E]`` bool.
        notes: What was read, drawn or left out, by heading.
        own: Whether :func:`pyngn_graph.to_networkx` wrote it: it is taken at its word.
    """

    data: Data
    given: dict[str, Tensor]
    notes: dict[str, str] = field(default_factory=dict)
    own: bool = False

    def plain(self) -> Data:
        """The graph with a weight of 1 and a delay of 1 step where the source has none."""
        data, notes = self.data, dict(self.notes)
        if not self.own:
            warn_of_units(int((~self.given["weight"]).sum()), data.num_edges)
        for name, unit in (("weight", "the threshold"), ("delay", "step")):
            lacking = int((~self.given[name]).sum())
            if lacking and not self.own:
                of = "" if lacking == data.num_edges else f" on {lacking:,} edges"
                notes[f"{name}s from"] = "; ".join(
                    filter(None, [notes.get(f"{name}s from"), f"1 ({unit}){of}, for want of any"])
                )
        return validate(noted(data, notes), max_delay=ANY_DELAY)


def complete(data: Data) -> Reading:
    """The reading of a graph that has all it needs, and is taken at its word."""
    every = torch.ones(data.edge_index.size(1), dtype=torch.bool)
    return Reading(data, {"weight": every, "delay": every}, own=True)
