"""Connectomes from tables of neurons and synapses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.datasets.measured import connectome
from pyngn_graph.misread import warn_unless_counts
from pyngn_graph.notices import warn
from pyngn_graph.provenance import noted
from pyngn_graph.reading import words
from pyngn_graph.reading.attributes import signs_in
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.positions import positions
from pyngn_graph.reading.source import Source
from pyngn_graph.reading.tables import read_tables
from pyngn_graph.reading.values import numbers


def from_edge_table(
    nodes: str | Path | None,
    edges: str | Path,
    *,
    types: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    weights: str = "counts",
    **options: Any,
) -> Data:
    """The graph in two tables of counts, as a reservoir runs it.

    Tables are read as :func:`~pyngn_graph.exchange.read_csv` reads them: any separator, decimal
    comma and encoding, columns in any order and under their usual names. A table whose weights are
    jumps of the potential, no counts, is for :func:`pyngn_graph.from_data`.

    - ``nodes``: ``name``, or ``id``; ``x``, ``y``, ``z``, positions in micrometres (all three or
      none); ``sign``, -1 inhibitory, 1 excitatory, 0 or empty unknown (may be absent).
    - ``edges``: ``pre`` and ``post``, names of neurons; ``weight``, or ``synapses``, ``syn_count``
      and the like, the number of synapses, positive (default 1); ``type``, any word. Edges of the
      type ``electrical`` are gap junctions: excitatory, and one row per direction.

    Warns where a ``weight`` is no count.

    Args:
        nodes: Table of neurons; None takes the names in ``edges``, sorted.
        edges: Table of synapses; several rows for one pair of neurons are parallel edges.
        types: Which types of edges to take; None takes all.
        columns: What columns are for, where their names do not say so, see
            :func:`~pyngn_graph.exchange.read_csv`.
        weights: ``"counts"``, and nothing else.
        **options: Weights, signs and delays, see :func:`connectome`.

    Returns:
        See :func:`connectome`; names are in ``node_label``. If there are types, ``edge_type``
        ``[E]`` int64 is the place of an edge's type in ``synapse_types``, a list.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, entries cannot be read (all are named), or an option
            breaks its rule.
    """
    if weights != "counts":
        raise ValueError(
            f"'from_edge_table' reads counts (got weights={weights!r}); for jumps of the potential "
            f"take 'from_data(edges, nodes, weights='jumps')'"
        )
    source = read_tables(edges, nodes, columns)
    data = counted(source, types=types, columns=columns, **options)
    if options.get("power") != 0:
        warn_unless_counts(data.edge_count, Path(edges).name)
    return noted(data, source.notes)


def counted(
    source: Source,
    *,
    types: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    **options: Any,
) -> Data:
    """The graph of a source whose weights are counts; see :func:`from_edge_table`.

    Raises:
        ValueError: See there.
    """
    chosen = words.roles(columns)
    faults, title = Faults(source.title), source.title
    place, used, said = positions(source, chosen, faults)
    if said is not None:
        source.notes["positions from"] = said
        if place is None:
            warn(f"Positions: {said}; complete them, or delete them")
    axes = [name for name in source.nodes if name.lower() in ("x", "y", "z")]
    if axes and place is None and said is None:
        raise ValueError(
            f"{title}: its nodes must have the columns x, y and z or none (got {axes})"
        )
    if place is not None and "pos" not in options:
        options["pos"] = torch.from_numpy(place).float()
    sign = words.one_of(source.nodes, words.SIGN, "sign", title, chosen)
    if sign is not None and "sign" not in options:
        options["sign"] = _signs(source, sign, faults)
    name = words.one_of(source.edges, words.WEIGHT, "weight", title, chosen)
    if name is None:
        name = words.one_of(source.edges, words.COUNT, "weight", title, chosen)
    count = np.ones(source.num_edges)
    if name is not None:
        count = numbers(source.edges[name], name, lambda i: source.place("edge", i), faults)
        for i in np.flatnonzero(count <= 0).tolist():
            faults.add(source.place("edge", i), name, float(count[i]), "a positive count")
        source.notes["weights from"] = f"counts in {name!r}"
    faults.check()
    known = {*used, sign, name}
    rest = [n for n in (*source.nodes, *source.edges) if n not in known and n.lower() != "type"]
    if rest:
        source.notes["left out"] = f"{', '.join(map(repr, rest))}; 'from_data' keeps all columns"
    names = source.names
    index, size = torch.from_numpy(source.ends), torch.from_numpy(count).float()
    kinds = {key.lower(): key for key in source.edges}
    if "type" not in kinds:
        if types is not None:
            raise ValueError(f"{title} has no column 'type' to choose {list(types)} by")
        return connectome(index, size, len(names), names=names, **options)
    found = [str(kind) for kind in source.edges[kinds["type"]]]
    available = sorted(set(found))
    taken = check_types(available if types is None else types, available)
    code = {kind: i for i, kind in enumerate(taken)}
    kind = torch.tensor([code.get(each, -1) for each in found], dtype=torch.long)
    keep = kind >= 0
    kind = kind[keep]
    data = connectome(
        index[:, keep],
        size[keep],
        len(names),
        names=names,
        electrical=kind == code.get("electrical", -1),
        edge_type=kind,
        **options,
    )
    data.synapse_types = taken
    return data


def _signs(source: Source, name: str, faults: Faults) -> Tensor:
    """Signs ``[N]`` int64: -1, 1, or 0 where they are unknown."""
    signs = signs_in(source.nodes[name])
    for i, sign in enumerate(signs):
        if sign is None:
            rule = "-1, 1, or 0 or empty for unknown"
            faults.add(source.place("node", i), name, source.nodes[name][i], rule)
    return torch.tensor([sign or 0 for sign in signs], dtype=torch.long)


def check_types(types: Sequence[str], available: Sequence[str]) -> list[str]:
    """The types of synapses that were asked for, once they are known to exist.

    Raises:
        ValueError: If one does not, or if there are none.
    """
    types = [types] if isinstance(types, str) else list(types)
    unknown = sorted(set(types) - set(available))
    if unknown or not types:
        raise ValueError(f"Unknown types {unknown or types}; available: {list(available)}")
    return types
