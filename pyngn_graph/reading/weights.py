"""Weights and delays of a source: counts, jumps of the potential, steps, or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.misread import look_like_counts, warn_of_counts, warn_of_named_counts
from pyngn_graph.notices import warn
from pyngn_graph.reading import words
from pyngn_graph.reading.attributes import at, free
from pyngn_graph.reading.counts import INHIBITION, WEIGHT, sizes_of_counts
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import ABSENT, Column, Columns, Source, are_text
from pyngn_graph.reading.values import numbers


@dataclass(frozen=True)
class Scale:
    """How strong the weights are that counts become: excitatory mean, and ratio of inhibition."""

    weight: float = WEIGHT
    inhibition: float = INHIBITION


USUAL = Scale()
"""That of :func:`~pyngn_graph.datasets.connectome` by default."""


def weights_of(
    data: Data, edges: Columns, chosen: Mapping[str, str], source: Source, meaning: str | None,
    scale: Scale, faults: Faults, notes: dict[str, str],
) -> Tensor:  # fmt: skip
    """Sets ``edge_weight``, and says which edges have one of their own, ``[E]`` bool."""
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
        others = [
            key
            for key, column in edges.items()
            if _are_numbers(column) and not words.is_(key, words.NO_WEIGHT)
        ]
        if others:
            said = f"{', '.join(map(repr, others))}; columns={{'weight': {others[0]!r}}} takes it"
            notes["not taken for weights"] = said
            warn(f"{source.title} has no 'weight', and none is taken from {said}")
        return torch.zeros(num_edges, dtype=torch.bool)
    column = edges.pop(name)
    given = _given(column)
    values = numbers(column, name, at(source, "edge"), faults, given)
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
        data[free("edge_count" if not by_name else f"edge_{name}", "edge_", data)] = count
        notes["weights from"] = f"counts in {name!r}, mean {scale.weight:g}, as their square root"
    else:
        notes["weights from"] = f"{name!r}, as it is"
    data.edge_weight = weight
    return where


def _of_counts(
    data: Data, values: NDArray[np.float64], given: Any, name: str, source: Source, scale: Scale,
    faults: Faults,
) -> Tensor:  # fmt: skip
    for i in np.flatnonzero(values == 0).tolist():
        place = source.place("edge", int(np.flatnonzero(given)[i]))
        faults.add(
            place,
            name,
            float(values[i]),
            "a count of 1 or more; weights='jumps' takes numbers as they are",
        )
    faults.check()
    if not values.size:
        return torch.empty(0, dtype=torch.float32)
    size = sizes_of_counts(torch.from_numpy(np.abs(values)), scale.weight)
    inhibits = torch.from_numpy(values < 0)  # some tables write the sign of a synapse so
    if "inhibitory" in data:
        inhibits |= data.inhibitory[data.edge_index[0]][torch.from_numpy(given)]
    return torch.where(inhibits, -scale.inhibition * size, size)


def delays_of(
    data: Data, edges: Columns, chosen: Mapping[str, str], source: Source, faults: Faults,
    notes: dict[str, str],
) -> Tensor:  # fmt: skip
    """Sets ``edge_delay``, and says which edges have one of their own, ``[E]`` bool."""
    name = words.one_of(edges, words.DELAY, "delay", source.title, chosen)
    data.edge_delay = torch.ones(source.num_edges, dtype=torch.int64)
    if name is None:
        return torch.zeros(source.num_edges, dtype=torch.bool)
    column = edges.pop(name)
    given = _given(column)
    values = numbers(column, name, at(source, "edge"), faults, given)
    values = np.where(given, values, 1.0)
    for i in np.flatnonzero(values < 0.5).tolist():  # fractions are rounded on use
        faults.add(source.place("edge", i), name, float(values[i]), "1 step or more")
    whole = bool(((values == np.floor(values)) & (np.abs(values) < 2**62)).all())
    data.edge_delay = torch.from_numpy(values.astype(np.int64 if whole else np.float32))
    notes["delays from"] = f"{name!r}, in steps"
    return torch.from_numpy(given)


def _given(column: Column) -> NDArray[np.bool_]:
    if isinstance(column, np.ndarray) or type(ABSENT) not in set(map(type, column)):
        return np.ones(len(column), dtype=bool)
    return np.fromiter((entry is not ABSENT for entry in column), bool, len(column))


def _are_numbers(column: Column) -> bool:
    array = column if isinstance(column, np.ndarray) else None
    if array is None and not are_text(column):
        return all(type(entry) in (int, float) for entry in column)
    return array is not None and array.dtype.kind in "iuf"
