"""A ``Data`` of someone else: what it lacks is noted, what it has gets the types that run here."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.reading import words
from pyngn_graph.reading.assembly import Reading, Scale, assembled
from pyngn_graph.reading.counts import as_real
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.source import Columns, Source
from pyngn_graph.reading.values import flags, numbers

_SPARE = 1000
"""So many times more nodes than ends of edges are ids, no places."""


def read_data(
    data: Data,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    scale: Scale | None = None,
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
    ends = whole(data.get("edge_index"), "edge_index", "pairs of places [2, E]")
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
            f"the first is {ends[:, bad.any(0)][:, 0].tolist()}; set 'data.num_nodes'"
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
    source = Source("the Data", [*range(num_nodes)], ends.numpy(), edges=edges)
    reading = assembled(source, _of_edges(chosen), weights, scale or Scale())
    if "edge_weight" in data and "edge_delay" in data:
        reading = Reading(reading.data, reading.given, own=True)
    found = reading.data
    faults = Faults("the Data")
    for key, value in data.to_dict().items():
        if key in ("edge_index", "num_nodes", "edge_weight", "edge_delay") or key in keys.values():
            continue
        found[key] = _conformed(key, value, faults)
    faults.check()
    if found.get("pos") is not None and found.pos.dim() == 2 and found.pos.size(1) == 2:
        found.pos = torch.nn.functional.pad(found.pos, (0, 1))
    _note_left(reading)
    return reading


def _note_left(reading: Reading) -> None:
    if "edge_attr" in reading.data and not bool(reading.given["weight"].any()):
        reading.notes["left out"] = (
            "'edge_attr', which may be weights: columns={'weight': 'edge_attr'} takes it"
        )


def whole(value: Any, name: str, what: str) -> Tensor:
    """Whole numbers as int64, whatever holds them.

    Raises:
        TypeError, ValueError: If they are none, or a conversion would change one.
    """
    if value is None:
        raise ValueError(f"'{name}' is missing; set it to {what}")
    try:
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"'{name}' must hold {what} (got {type(value).__name__})") from error
    if array.size == 0:
        shape = array.shape if array.ndim == 2 else (2, 0)
        return torch.empty(shape, dtype=torch.int64)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"'{name}' must hold {what} (got {array.dtype}); convert it first")
    limit = 2**53 if array.dtype == np.float64 else 2**24
    if array.dtype.kind == "f" and not ((array == np.floor(array)) & (abs(array) < limit)).all():
        raise ValueError(
            f"'{name}' holds fractions, or whole numbers that a float rounds (of {array.dtype}); "
            f"make it of integers"
        )
    if array.dtype.kind == "u" and array.max() >= 2**63:
        raise ValueError(f"'{name}' must lie below 2**63 (got {array.max()}); pass ids as names")
    return torch.from_numpy(np.ascontiguousarray(array.astype(np.int64)))


def _num_nodes(data: Data, ends: Tensor) -> int:
    if "num_nodes" in data and data.num_nodes is not None:
        return int(data.num_nodes)
    for key in ("pos", "x"):
        if data.get(key) is not None:
            return len(data[key])
    largest = int(ends.max()) if ends.numel() else -1
    if largest >= _SPARE * (ends.numel() + 1):
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


def _conformed(key: str, value: Any, faults: Faults) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        value = as_real(value)
    if key in ("edge_mask", "inhibitory"):
        entries = value.tolist() if isinstance(value, Tensor) else value
        return torch.from_numpy(flags(entries, key, str, faults))
    if key in ("gain", "calcium", "edge_health") and not isinstance(value, Tensor | None):
        return torch.from_numpy(numbers(value, key, str, faults)).float()
    if key in ("gain", "calcium", "edge_health", "pos") and value is not None:
        return as_real(value).float()
    return value
