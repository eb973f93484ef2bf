"""Attributes of a source that are neither weights nor places: known ones, names, and the rest."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import ABSENT, Column, Columns, Source, is_nan
from pyngn_graph.reading.values import flags, numbers, side
from pyngn_graph.reserved import AT_TICKS, NUM_TARGETS, OF_EDGES, OF_NEURONS

STRUCTURE = {
    "edge_index",
    "num_nodes",
    "num_edges",
    "batch",
    "ptr",
    "face",
    "provenance",
    "node_label",
}
"""Attributes of what a graph is, and where it is from."""

RESERVED = STRUCTURE | {
    *{"pos", "dt", "clock", "health_clock", "first_num_edges", "length_scale", "velocity"},
    *{"territory_index", "territory", "node_id", *AT_TICKS, NUM_TARGETS, *OF_EDGES, *OF_NEURONS},
}
"""Names with a meaning of their own on a graph, which attributes from elsewhere do not have."""

OF_GRAPH = RESERVED - {"dt", "clock", "length_scale", "velocity"}
"""Of these, what an attribute of the whole graph does not mean."""

_SIGNS = {"-1": -1, "-": -1, "inh": -1, "inhibitory": -1, "i": -1, "0": 0, "unknown": 0}
_SIGNS |= {"1": 1, "+1": 1, "+": 1, "exc": 1, "excitatory": 1, "e": 1}
"""What a sign may be called."""

_FLAGS = {"edge": ("mask",), "node": ("inhibitory",)}
_NUMBERS = {"edge": ("health",), "node": ("gain", "calcium")}


def take_label(data: Data, nodes: Columns, chosen: Mapping[str, str], source: Source) -> None:
    """Names that a list of nodes gives beside its ids; the ids are kept as well."""
    name = chosen.get("label", source.label)
    if name is None:
        return
    words.check_there(name, nodes, "label", source.title)
    pairs = zip(nodes.pop(name), source.names, strict=True)
    (labels,) = ids.as_names(
        [own if entry in (None, ABSENT, "") else entry for entry, own in pairs]
    )
    if "node_label" in data:
        data.node_id = data.node_label
    found = ids.label(labels)
    data.node_label = torch.tensor(labels) if found is None else found


def take_known(data: Data, level: str, columns: Columns, source: Source, faults: Faults) -> None:
    """Attributes whose name has a meaning here, in the type that they have here."""
    for name in list(columns):
        key = name.lower()
        target = f"edge_{key}" if level == "edge" else key
        if key not in (*_FLAGS[level], *_NUMBERS[level]):
            continue
        column, place = columns.pop(name), at(source, level)
        if key == "mask":
            column = [True if entry is ABSENT else entry for entry in column]
        if key in _FLAGS[level]:
            data[target] = torch.from_numpy(flags(column, name, place, faults))
        else:
            data[target] = torch.from_numpy(numbers(column, name, place, faults)).float()


def take_sign(data: Data, nodes: Columns, chosen: Mapping[str, str], source: Source) -> None:
    """Makes neurons of the sign -1 inhibitory, where a column ``sign`` says nothing else."""
    name = words.one_of(nodes, words.SIGN, "sign", source.title, chosen)
    if name is None or "inhibitory" in data:
        return
    signs = signs_in(nodes[name])
    if None not in signs:
        data.inhibitory = torch.tensor([sign == -1 for sign in signs], dtype=torch.bool)
        nodes.pop(name)


def signs_in(column: Column) -> list[int | None]:
    """Entries as signs: -1, 1, 0 where they are empty or unknown, None where they are others."""

    def word(entry: Any) -> str:
        missing = entry is None or entry is ABSENT or is_nan(entry)
        return "0" if missing else re.sub(r"\.0*$", "", str(entry).strip().lower()) or "0"

    return [_SIGNS.get(word(entry)) for entry in column]


def take_rest(data: Data, left: dict[str, Columns], notes: dict[str, str]) -> None:
    """Attributes without a meaning here, as ``edge_x`` or ``x``; those in parts as one tensor."""
    partial, renamed, empty, kept = [], [], [], []
    for level, columns in left.items():
        for name, column in joined(columns).items():
            key = str(name)
            if (level == "edge") != key.startswith("edge_"):
                key = f"{level}_{key}"
            if key in RESERVED:  # what it means elsewhere it does not mean here
                renamed.append(name)
            found = side(column) if not isinstance(column, Tensor) else column
            if isinstance(found, list) and found and all(entry is None for entry in found):
                empty.append(name)
                continue
            data[free(key, f"{level}_", data)] = found
            kept.append(name)
            if isinstance(found, list) and any(entry is None for entry in found):
                partial.append(name)
    if kept:
        notes["kept as it is"] = ", ".join(map(repr, kept))
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
    parts: set[str] = set()
    for name, column in columns.items():
        stem, _, number = str(name).rpartition("_")
        if stem and number == "0":
            names = _run(stem, columns)
            found[stem] = _together([columns[part] for part in names])
            parts |= set(names)
        else:
            found[name] = column
    return {name: column for name, column in found.items() if name not in parts}


def _run(stem: str, columns: Columns) -> list[str]:
    names = [f"{stem}_0"]
    while f"{stem}_{len(names)}" in columns:
        names.append(f"{stem}_{len(names)}")
    return names


def _together(columns: list[Column]) -> Any:
    parts = [side(column) for column in columns]
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if len(tensors) == len(parts) and len({part.shape for part in tensors}) == 1:
        alike = len({part.dtype for part in tensors}) == 1
        return torch.stack(tensors if alike else [part.float() for part in tensors], dim=1)
    lists = [part.tolist() if isinstance(part, Tensor) else part for part in parts]
    return [list(row) for row in zip(*lists, strict=True)]


def free(key: str, prefix: str, data: Data, reserved: set[str] = RESERVED) -> str:
    """The name, or with ``prefix`` before it where it is taken or ``reserved``."""
    while key in data or key in reserved:
        key = prefix + key
    return key


def at(source: Source, level: str) -> Callable[[int], str]:
    """Names the node or the edge i of a source."""
    return lambda i: source.place(level, i)
