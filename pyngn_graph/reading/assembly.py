"""The one set of rules by which every source becomes a graph."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import ANY_DELAY, validate
from pyngn_graph.grid import on_grid, weight_grid
from pyngn_graph.misread import (
    warn_of_counts,
    warn_of_left_positions,
    warn_of_named_counts,
    warn_of_silenced,
)
from pyngn_graph.provenance import noted
from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.counts import (
    INHIBITION,
    WEIGHT,
    check_meaning,
    look_like_counts,
    sizes_of_counts,
)
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.positions import positions
from pyngn_graph.reading.source import ABSENT, Column, Columns, Source
from pyngn_graph.reading.values import flags, numbers, side
from pyngn_graph.reserved import AT_TICKS, NUM_TARGETS, OF_EDGES, OF_NEURONS

_STRUCTURE = {
    "edge_index",
    "num_nodes",
    "num_edges",
    "batch",
    "ptr",
    "face",
    "provenance",
    "node_label",
}
_RESERVED = _STRUCTURE | {
    *{"dt", "clock", "health_clock", "first_num_edges", "length_scale", "velocity"},
    *{"territory_index", "territory", "node_id", *AT_TICKS, NUM_TARGETS, *OF_EDGES, *OF_NEURONS},
}
"""Names with a meaning of their own on a graph, which attributes from elsewhere do not have."""

_SIGNS = {"-1": -1, "-": -1, "inh": -1, "inhibitory": -1, "i": -1, "0": 0, "unknown": 0}
_SIGNS |= {"1": 1, "+1": 1, "+": 1, "exc": 1, "excitatory": 1, "e": 1}
"""What a sign may be called."""

_FLAGS = {"edge": ("mask",), "node": ("inhibitory",)}
_NUMBERS = {"edge": ("health",), "node": ("gain", "calcium")}


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


@dataclass(frozen=True)
class Scale:
    """How strong the weights are that counts become: excitatory mean, and ratio of inhibition."""

    weight: float = WEIGHT
    inhibition: float = INHIBITION


def assembled(
    source: Source,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    scale: Scale = Scale(),
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
    faults, notes = Faults(source.title), dict(source.notes)
    size, num_edges = len(source.names), source.num_edges
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
    _take_label(data, left["node"], chosen, source)
    for level in ("node", "edge"):
        _take_known(data, level, left[level], source, faults)
    _take_sign(data, left["node"], chosen, source)
    given = {"weight": _weights(data, left["edge"], chosen, source, weights, scale, faults, notes)}
    given["delay"] = _delays(data, left["edge"], chosen, source, faults, notes)
    faults.check()
    _take_rest(data, left, notes)
    for name, value in source.graph.items():
        data[_free(str(name), "graph_", data, _STRUCTURE)] = value
    if num_edges and bool(torch.isfinite(data.edge_weight).all()):
        warn_of_silenced(data.edge_weight, on_grid(data.edge_weight, weight_grid(data)))
    return Reading(data, given, notes)


def _at(source: Source, level: str) -> Callable[[int], str]:
    return lambda i: source.place(level, i)


def _given(column: Column) -> NDArray[np.bool_]:
    if isinstance(column, np.ndarray) or type(ABSENT) not in set(map(type, column)):
        return np.ones(len(column), dtype=bool)
    return np.fromiter((entry is not ABSENT for entry in column), bool, len(column))


def _weights(
    data: Data, edges: Columns, chosen: Mapping[str, str], source: Source, meaning: str | None,
    scale: Scale, faults: Faults, notes: dict[str, str],
) -> Tensor:  # fmt: skip
    num_edges = source.num_edges
    name = words.one_of(edges, words.WEIGHT, "weight", source.title, chosen)
    if name is None:
        name = words.one_of(edges, words.COUNT, "weight", source.title, chosen)
    data.edge_weight = torch.ones(num_edges, dtype=torch.float32)
    if name is None:
        if meaning == "counts":
            raise ValueError(
                f"{source.title} has no column of counts (got {list(edges)}); name it with "
                f"columns={{'weight': ...}}"
            )
        return torch.zeros(num_edges, dtype=torch.bool)
    column = edges.pop(name)
    given = _given(column)
    values = numbers(column, name, _at(source, "edge"), faults, given)
    faults.check()
    by_name = words.is_count(name)
    if meaning is None and by_name:
        meaning = "counts"
        warn_of_named_counts(name)
    elif meaning is None and look_like_counts(values[given]):
        warn_of_counts(values[given], name)
    where = torch.from_numpy(given)
    weight = torch.from_numpy(np.where(given, values, 1.0)).float()
    if meaning == "counts":
        weight[where] = _of_counts(data, values[given], given, name, source, scale, faults)
        count = torch.from_numpy(np.where(given, values, 0.0)).float()
        data[_free("edge_count" if not by_name else f"edge_{name}", "edge_", data)] = count
        notes["weights from"] = f"counts in {name!r}, mean {scale.weight:g}, as their square root"
    else:
        notes["weights from"] = f"{name!r}, as it is"
    data.edge_weight = weight
    return where


def _of_counts(
    data: Data, values: NDArray[np.float64], given: Any, name: str, source: Source, scale: Scale,
    faults: Faults,
) -> Tensor:  # fmt: skip
    for i in np.flatnonzero(values <= 0).tolist():
        place = source.place("edge", int(np.flatnonzero(given)[i]))
        faults.add(
            place,
            name,
            float(values[i]),
            "a positive count; weights='jumps' takes numbers as they are",
        )
    faults.check()
    if not values.size:
        return torch.empty(0, dtype=torch.float32)
    size = sizes_of_counts(torch.from_numpy(values), scale.weight)
    if "inhibitory" in data:
        inhibits = data.inhibitory[data.edge_index[0]][torch.from_numpy(given)]
        size = torch.where(inhibits, -scale.inhibition * size, size)
    return size


def _delays(
    data: Data, edges: Columns, chosen: Mapping[str, str], source: Source, faults: Faults,
    notes: dict[str, str],
) -> Tensor:  # fmt: skip
    name = words.one_of(edges, words.DELAY, "delay", source.title, chosen)
    data.edge_delay = torch.ones(source.num_edges, dtype=torch.int64)
    if name is None:
        return torch.zeros(source.num_edges, dtype=torch.bool)
    column = edges.pop(name)
    given = _given(column)
    values = numbers(column, name, _at(source, "edge"), faults, given)
    values = np.where(given, values, 1.0)
    whole = bool(((values == np.floor(values)) & (np.abs(values) < 2**62)).all())
    data.edge_delay = torch.from_numpy(values.astype(np.int64 if whole else np.float32))
    notes["delays from"] = f"{name!r}, in steps"
    return torch.from_numpy(given)


def _take_label(data: Data, nodes: Columns, chosen: Mapping[str, str], source: Source) -> None:
    """Names that a list of nodes gives beside its ids; the ids are kept as well."""
    name = chosen.get("label", source.label)
    if name is None:
        return
    words.check_there(name, nodes, "label", source.title)
    (labels,) = ids.as_names(nodes.pop(name))
    if "node_label" in data:
        data.node_id = data.node_label
    found = ids.label(labels)
    data.node_label = torch.tensor(labels) if found is None else found


def _take_known(data: Data, level: str, columns: Columns, source: Source, faults: Faults) -> None:
    """Attributes whose name has a meaning here, in the type that they have here."""
    for name in list(columns):
        key = name.lower()
        target = f"edge_{key}" if level == "edge" else key
        if key not in (*_FLAGS[level], *_NUMBERS[level]):
            continue
        column, at = columns.pop(name), _at(source, level)
        if key == "mask":
            column = [True if entry is ABSENT else entry for entry in column]
        if key in _FLAGS[level]:
            data[target] = torch.from_numpy(flags(column, name, at, faults))
        else:
            data[target] = torch.from_numpy(numbers(column, name, at, faults)).float()


def _take_sign(data: Data, nodes: Columns, chosen: Mapping[str, str], source: Source) -> None:
    """Makes neurons of the sign -1 inhibitory, where a column ``sign`` says nothing else."""
    name = words.one_of(nodes, words.SIGN, "sign", source.title, chosen)
    if name is None or "inhibitory" in data:
        return
    column = [0 if str(e).strip() == "" or e is ABSENT else e for e in nodes[name]]
    signs = [_SIGNS.get(re.sub(r"\.0*$", "", str(entry).strip().lower())) for entry in column]
    if None not in signs:
        values = np.array(signs)
        data.inhibitory = torch.from_numpy(values < 0)
        nodes.pop(name)


def _take_rest(data: Data, left: dict[str, Columns], notes: dict[str, str]) -> None:
    """Attributes without a meaning here, as ``edge_x`` or ``x``; those in parts as one tensor."""
    partial, renamed, empty = [], [], []
    for level, columns in left.items():
        for name, column in joined(columns).items():
            key = str(name)
            if (level == "edge") != key.startswith("edge_"):
                key = f"{level}_{key}"
            if key in _RESERVED:  # what it means elsewhere it does not mean here
                renamed.append(name)
            found = side(column) if not isinstance(column, Tensor) else column
            if isinstance(found, list) and found and all(entry is None for entry in found):
                empty.append(name)
                continue
            data[_free(key, f"{level}_", data)] = found
            if isinstance(found, list) and any(entry is None for entry in found):
                partial.append(name)
    if partial:
        notes["incomplete"] = f"{', '.join(map(repr, partial))}: None where there is no entry"
    if empty:
        notes["left out"] = f"{', '.join(map(repr, empty))}, of which all entries are empty"
    if renamed:
        notes["renamed"] = (
            f"{', '.join(map(repr, renamed))}, which mean something else here: "
            f"their names begin with 'edge_' or 'node_' once more"
        )


def joined(columns: Columns) -> dict[str, Any]:
    """Columns, of which ``name_0``, ``name_1``, ... make one tensor or a list of lists."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        stem, _, number = str(name).rpartition("_")
        if stem and number.isdecimal() and f"{stem}_0" in columns:
            if number == "0":
                found[stem] = _together(stem, columns)
            continue
        found[name] = column
    return found


def _together(stem: str, columns: Columns) -> Any:
    parts: list[Any] = []
    while f"{stem}_{len(parts)}" in columns:
        parts.append(side(columns[f"{stem}_{len(parts)}"]))
    if all(isinstance(part, Tensor) for part in parts):
        kinds = {part.dtype for part in parts}
        return torch.stack([part.float() if len(kinds) > 1 else part for part in parts], dim=1)
    lists = [part.tolist() if isinstance(part, Tensor) else part for part in parts]
    return [list(row) for row in zip(*lists, strict=True)]


def _free(key: str, prefix: str, data: Data, reserved: set[str] = _RESERVED) -> str:
    while key in data or key in reserved:
        key = prefix + key
    return key
