"""The one set of rules by which every source becomes a graph."""

from collections.abc import Mapping

import torch
from torch_geometric.data import Data

from pyngn_graph.checks import check_count
from pyngn_graph.grid import on_grid, weight_grid
from pyngn_graph.misread import warn_of_left_positions, warn_of_silenced
from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.attributes import (
    OF_GRAPH,
    free,
    take_known,
    take_label,
    take_rest,
    take_sign,
)
from pyngn_graph.reading.counts import check_meaning
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.outcome import Reading
from pyngn_graph.reading.positions import positions
from pyngn_graph.reading.source import Columns, Source
from pyngn_graph.reading.weights import USUAL, Scale, delays_of, weights_of


def assembled(
    source: Source,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    scale: Scale = USUAL,
) -> Reading:
    """What a source says of a graph, under the names and types that this library uses.

    Args:
        source: Where it comes from.
        columns: What columns are for, where their names do not say so: ``{role: column}``.
        weights: ``"counts"`` makes weights of counts of synapses; ``"jumps"`` takes them as they
            are, without a warning; None decides by the name of the column, and warns.
        scale: How strong weights of counts are.

    Raises:
        TypeError, ValueError: If an argument breaks its rule, or entries do; all are named.
    """
    check_meaning(weights)
    chosen = words.roles(columns)
    faults, notes = Faults(source.title), {"source": source.title} | source.notes
    size, num_edges = len(source.names), source.num_edges
    if size == 0:
        raise ValueError(f"'num_nodes' must be a positive int (got 0): {source.title} has no nodes")
    check_count("num_nodes", size)
    data = Data(edge_index=torch.from_numpy(source.ends), num_nodes=size)
    label = ids.label(source.names)
    if label is not None:
        data.node_label = label
    left: dict[str, Columns] = {"node": dict(source.nodes), "edge": dict(source.edges)}

    place, used, said = positions(source, chosen, faults)
    if said is not None:
        notes["positions from"] = said
        if place is None:
            warn_of_left_positions(said)
    for name in used:
        del left["node"][name]
    if place is not None:
        data.pos = torch.from_numpy(place).float()
    take_label(data, left["node"], chosen, source)
    for level in ("node", "edge"):
        take_known(data, level, left[level], source, faults)
    take_sign(data, left["node"], chosen, source)
    edges = left["edge"]
    given = {"weight": weights_of(data, edges, chosen, source, weights, scale, faults, notes)}
    given["delay"] = delays_of(data, edges, chosen, source, faults, notes)
    faults.check()
    take_rest(data, left, notes)
    for name, value in source.graph.items():
        data[free(str(name), "graph_", data, OF_GRAPH)] = value
    if num_edges and bool(torch.isfinite(data.edge_weight).all()):
        warn_of_silenced(data.edge_weight, on_grid(data.edge_weight, weight_grid(data)))
    return Reading(data, given, notes)
