"""Warnings of numbers that were probably written in another unit than they are read in."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import alive
from pyngn_graph.notices import warn
from pyngn_graph.provenance import KEY
from pyngn_graph.unions import separated

MANY_EDGES = 50
"""Live edges from which a graph is more than an example."""


def look_like_counts(weight: NDArray[Any]) -> bool:
    """Whether weights ``[K]`` are whole numbers from 1 on, some of them 2 and more, or far above 1.

    In size, that is; mean counts are no whole numbers, but half of them are 10 and more.
    """
    size = np.abs(weight)
    if not size.size:
        return False
    whole = bool(((size >= 1) & (size == np.round(size))).all() and (size >= 2).any())
    return whole or float(np.median(size)) >= 10


def warn_of_counts(weight: NDArray[Any], name: str) -> None:
    """Says that given weights ``[K]`` look like counts of synapses, or mean counts."""
    whole = "whole numbers " if bool((weight == weight.round()).all()) else ""
    warn(
        f"The given weights ({name!r}) are {whole}from {weight.min():g} to {weight.max():g}, as "
        f"counts of synapses are, but a weight is a jump of the potential, "
        f"and the threshold is 1: such a net fires at nearly every step, some 800 Hz. "
        f"weights='counts' makes weights of counts; weights='jumps' says that they are meant so"
    )


def warn_of_raw_counts(data: Data, span: float) -> None:
    """Warns where the weights of a graph are large beside the threshold and look like counts.

    ``span`` is the distance from rest to threshold. Where a door has said what the weights are,
    it has warned already, or was told that they are meant so.
    """
    weight = data.edge_weight[alive(data)]
    if weight.numel() < MANY_EDGES or "weights from" in str(data.get(KEY)):
        return
    size = weight.abs()
    if look_like_counts(weight.cpu().numpy()) and float(size.median()) >= span:
        warn(
            f"The weights ('edge_weight') go from {float(weight.min()):g} to "
            f"{float(weight.max()):g}, as counts of synapses do, but a weight is a jump of the "
            f"potential, and the threshold is {span:g} above rest: such a net fires at nearly "
            f"every step, some 800 Hz. 'pyngn_graph.from_data(graph, weights='counts')' makes "
            f"weights of counts, weights='jumps' there says that they are meant so"
        )


def warn_of_units(lacking: int, num_edges: int) -> None:
    """Warns where edges that have no weight of their own got 1, the threshold."""
    if lacking >= MANY_EDGES:
        of = "The edges have" if lacking == num_edges else f"{lacking:,} of the edges have"
        warn(
            f"{of} no weight, and got 1, the threshold: each spike makes the next neuron fire. "
            f"'pyngn_graph.from_data(graph)' draws weights instead"
        )


def warn_of_named_counts(name: str) -> None:
    """Says that the edges have no weight, and that counts under another name became weights."""
    warn(
        f"{name!r} counts synapses or fibers, and weights were made of it, as its square root, for "
        f"a weight is a jump of the potential. weights='counts' says that this is meant, "
        f"weights='jumps' takes the numbers as they are"
    )


def warn_of_left_positions(said: str) -> None:
    """Says that positions are not used because some nodes have none."""
    warn(f"Positions: {said}; complete them, or delete them to draw all")


def warn_of_silenced(given: Any, kept: Tensor) -> None:
    """Warns where of ``given`` weights ``[E]`` some are 0 among those ``kept`` on their grid."""
    given = torch.as_tensor(given).to(kept.device)
    silenced = (given != 0) & (kept == 0)
    if bool(silenced.any()):
        largest = int(given.abs().argmax())
        warn(
            f"{int(silenced.sum()):,} of {given.numel():,} weights are silenced: beside the "
            f"largest, edge_weight[{largest}] = {float(given[largest]):g}, they are below the "
            f"grid on which all weights lie, a billionth of the largest input, and count as 0. "
            f"Mend the largest, or set the small ones to 0"
        )


def warn_unless_counts(weight: Tensor, table: str) -> None:
    """Warns where the weights ``[K]`` of a ``table`` of synapses are no whole numbers."""
    fractions = weight != weight.round()
    if bool(fractions.any()):
        warn(
            f"'weight' in '{table}' counts synapses, but {int(fractions.sum())} of "
            f"{weight.numel()} entries are fractions, the first {weight[fractions][0]:g}: they are "
            f"taken as mean counts. If they are jumps of the potential, open the table with "
            f"'from_data(path, weights='jumps')'; power=0 makes all alike"
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
                "some neurons inhibitory, a fifth of them is usual: 'pyngn_graph.from_data(graph, "
                "inhibitory_fraction=0.2)'; or let an Astrocyte "
                "('glia') hold the rate; or, if it is meant, call "
                "warnings.filterwarnings('ignore', 'No edge of the graph')"
            )
            return
