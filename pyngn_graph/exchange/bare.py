"""A ``Data`` of someone else: what it lacks is noted, what it has gets the types that run here."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.conform import conformed
from pyngn_graph.reading import words
from pyngn_graph.reading.assembly import assembled
from pyngn_graph.reading.matrices import SPARE
from pyngn_graph.reading.outcome import Reading
from pyngn_graph.reading.source import Columns, Source
from pyngn_graph.reading.weights import USUAL, Scale


def read_data(
    data: Data,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    scale: Scale = USUAL,
) -> Reading:
    """What a ``Data`` says of a graph; see :func:`pyngn_graph.from_data`.

    Its arrays and lists become tensors, its numbers the types of :func:`pyngn_graph.validate`.

    Raises:
        TypeError, ValueError: If it has no edges, or they are no whole numbers; if a known
            attribute holds what it may not.
    """
    if isinstance(data, Batch):
        raise TypeError(
            "'data' is a Batch of graphs; use 'Batch.from_data_list([from_data(g) for g in "
            "data.to_data_list()])'"
        )
    if any(isinstance(value, Tensor) and not value.is_cpu for value in data.to_dict().values()):
        data = copy.copy(data).cpu()
    data = conformed(data)
    ends = data.get("edge_index")
    if not isinstance(ends, Tensor) or ends.dtype != torch.int64:
        raise TypeError(
            f"'edge_index' must hold pairs of whole numbers [2, E] (got {_kind(ends)}); fractions, "
            f"and whole numbers that a float rounds, are none"
        )
    ends = ends.detach()
    if ends.dim() != 2 or ends.size(0) != 2:
        raise ValueError(
            f"'edge_index' must have shape [2, E] (got {list(ends.shape)}); for a list of pairs "
            f"[E, 2] use '.t()'"
        )
    num_nodes = _num_nodes(data, ends)
    bad = (ends < 0) | (ends >= num_nodes)
    if bool(bad.any()):
        raise ValueError(
            f"'edge_index' must lie in [0, {num_nodes - 1}]: {int(bad.any(0).sum())} edges do not, "
            f"the first is {ends[:, bad.any(0)][:, 0].tolist()}; places begin at 0, and "
            f"'data.num_nodes' says how many there are"
        )
    chosen = words.roles(columns)
    edges: Columns = {}
    keys = {}
    for key, value in data.to_dict().items():
        name = key.removeprefix("edge_")
        by_name = words.is_(name, (*words.WEIGHT, *words.COUNT, *words.DELAY))
        column = _column(value, ends.size(1))
        if column is not None and key != "edge_index" and (
            key in chosen.values() or (by_name and (key.startswith("edge_") or _is_edge(data, key)))
        ):  # fmt: skip
            word = key if key in chosen.values() else name
            edges[word], keys[word] = column, key
    for role, key in chosen.items():
        if key in data and key not in keys.values():
            raise ValueError(
                f"columns={{{role!r}: {key!r}}} must name an attribute with a number for each of "
                f"{ends.size(1)} edges (got {_shape(data[key])}); set one from it, e.g. "
                f"'data.edge_weight = data.{key}[:, 0]'"
            )
    for key in ("edge_weight", "edge_delay"):
        if key in data and key not in keys.values():
            raise ValueError(
                f"'{key}' must have a number for each of {ends.size(1)} edges (got "
                f"{_shape(data[key])}); set "
                f"it anew, or delete it to have it drawn"
            )
    source = Source("the Data", range(num_nodes), ends.numpy(), edges=edges)
    reading = assembled(source, _of_edges(chosen), weights, scale)
    if "edge_weight" in data and "edge_delay" in data:
        said = {} if weights is None else reading.notes
        reading = Reading(reading.data, reading.given, said, own=True)
    found = reading.data
    for key, value in data.to_dict().items():
        if key not in ("edge_index", "num_nodes", *keys.values()):
            found[key] = value
    if found.get("pos") is not None and found.pos.dim() == 2 and found.pos.size(1) == 2:
        found.pos = torch.nn.functional.pad(found.pos, (0, 1))
    _note_left(reading)
    return reading


def _note_left(reading: Reading) -> None:
    if "edge_attr" in reading.data and not bool(reading.given["weight"].any()):
        reading.notes["left out"] = (
            "'edge_attr', which may be weights: columns={'weight': 'edge_attr'} takes it"
        )


def _kind(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


def _shape(value: Any) -> Any:
    return list(value.shape) if isinstance(value, Tensor) else repr(value)


def _num_nodes(data: Data, ends: Tensor) -> int:
    if "num_nodes" in data and data.num_nodes is not None:
        return int(data.num_nodes)
    for key in ("pos", "x"):
        if data.get(key) is not None:
            return len(data[key])
    largest = int(ends.max()) if ends.numel() else -1
    if largest >= SPARE * (ends.numel() + 1):
        raise ValueError(
            f"'edge_index' reaches {largest}, as ids do and places do not; pass pairs of ids, "
            f"'from_data(edge_index.t().tolist())', or set 'data.num_nodes'"
        )
    return largest + 1


def _column(value: Any, num_edges: int) -> Any:
    """The entries of an attribute of edges, or None if it is of another shape."""
    try:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array.reshape(-1) if array.shape in ((num_edges,), (num_edges, 1)) else None


def _is_edge(data: Data, key: str) -> bool:
    return bool(data.is_edge_attr(key))


def _of_edges(chosen: Mapping[str, str]) -> dict[str, str]:
    unknown = chosen.keys() - {"weight", "delay"}
    if unknown:
        raise ValueError(
            f"'columns' of a Data names 'weight' and 'delay' (got {sorted(unknown)}); ends are in "
            f"'edge_index', positions in 'pos'"
        )
    return dict(chosen)
