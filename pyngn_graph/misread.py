"""Warnings of numbers that were probably written in another unit than they are read in."""

import sys
import warnings
from collections.abc import Iterable

from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import alive
from pyngn_graph.unions import separated

MANY_EDGES = 50
"""Live edges from which a graph is more than an example."""

COUNTS = ("synapses", "synapse_count", "num_synapses", "n_synapses", "syn_count", "count", "size")
"""What columns that hold counts of synapses are called; a prefix ``edge_`` is left out."""


def counts_among(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that say that they hold counts of synapses, whatever their case."""
    return [name for name in names if str(name).lower() in (*COUNTS, "weight")]


def warn_of_counts(weight: Tensor) -> None:
    """Warns where given weights ``[K]`` are whole numbers, some of them 2 and more in size."""
    size = weight.abs()
    if bool(((size >= 1) & (size == size.round())).all() and (size >= 2).any()):
        warn(
            f"The given weights are whole numbers from {weight.min():g} to {weight.max():g}, as "
            f"counts of synapses are, but a weight is a jump of the potential, and the threshold "
            f"is 1. {of_counts('edge_weight')}, or divide them; if they are meant so, call "
            f"warnings.filterwarnings('ignore', 'The given weights')"
        )


def warn_unless_counts(weight: Tensor, table: str) -> None:
    """Warns where the weights ``[K]`` of a ``table`` of synapses are no whole numbers."""
    fractions = weight != weight.round()
    if bool(fractions.any()):
        warn(
            f"'weight' in '{table}' counts synapses, but {int(fractions.sum())} of "
            f"{weight.numel()} entries are fractions, the first {weight[fractions][0]:g}: they are "
            f"taken as mean counts. If they are weights as a neuron feels them, make the graph a "
            f"NetworkX one and pass it to 'generators.FromNetworkX'; power=0 makes all alike"
        )


def of_counts(name: str) -> str:
    """How the counts in the attribute ``name`` of a NetworkX graph become weights, a clause."""
    return (
        f"Make weights of counts with 'datasets.connectome(d.edge_index, d.{name}, d.num_nodes)', "
        f"d = from_networkx(graph)"
    )


def warn_of_short_ways(
    delay: Tensor, length: Tensor, velocity: float, max_delay: int | None
) -> None:
    """Warns where edges of ``length`` ``[K]``, some above 0, have all got the shortest delay."""
    if max_delay != 1 and bool((delay == 1).all() and (length > 0).any()):
        warn(
            f"All delays by distance are 1 step: the longest edge spans {float(length.max()):.3g} "
            f"micrometres at {velocity:g} micrometres per ms. Positions in millimetres must be "
            f"multiplied by 1000; for those in any other unit pass 'velocity' in that unit per "
            f"ms. max_delay=1 says that it is meant"
        )


def warn_of_excitation(data: Data) -> None:
    """Warns of a graph, of more than a handful of live edges, none of which inhibits."""
    for graph in separated(data):
        weight = graph.edge_weight[alive(graph)]
        if weight.numel() >= MANY_EDGES and bool((weight >= 0).all() and weight.any()):
            warn(
                "No edge of the graph inhibits: all weights are positive, and nothing but small "
                "weights keeps activity from feeding itself until all neurons fire at once. Make "
                "some neurons inhibitory (a fifth of them is usual): negate 'edge_weight' on the "
                "edges that leave them, as 'generators.FromNetworkX' does; or let an Astrocyte "
                "('glia') hold the rate; or, if it is meant, call "
                "warnings.filterwarnings('ignore', 'No edge of the graph')"
            )
            return


def warn(message: str) -> None:
    """A ``UserWarning`` at the line outside this library, and of torch's calls, that led here."""
    level, frame = 1, sys._getframe()
    inside = ("pyngn_graph", "torch")
    while frame.f_back and str(frame.f_globals.get("__name__")).split(".")[0] in inside:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
