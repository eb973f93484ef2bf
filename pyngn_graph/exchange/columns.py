"""A graph as columns of plain values, one for the nodes and one for the edges of each name."""

import json
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.convert import level_of
from pyngn_graph.tuples import packed, unpacked

Columns = dict[str, list[Any]]
Layout = dict[str, dict[str, Any]]
"""How attributes lie in columns, by level (``"node"``, ``"edge"``) and name; JSON-able."""


def to_columns(data: Data) -> tuple[Columns, Columns, Layout]:
    """The attributes of nodes and of edges as columns, and what :func:`from_columns` needs.

    ``edge_x`` is the column ``x``; a tensor with several numbers in a row fills ``x_0``, ``x_1``,
    ...; lists of mixed values become JSON.

    Raises:
        ValueError: If an attribute is neither a real tensor nor a JSON value.
    """
    columns: dict[str, Columns] = {"node": {}, "edge": {}}
    layout: Layout = {"node": {}, "edge": {}, "graph": {}}
    for key, value in data.to_dict().items():
        if key in ("edge_index", "num_nodes"):
            continue
        level = level_of(key, value, data.num_nodes, data.edge_index.size(1))
        form: dict[str, Any] = {"dtype": None}
        if isinstance(value, Tensor):
            if value.is_complex():
                raise ValueError(f"'{key}' is complex; write its real and imaginary parts apart")
            value = value.detach().cpu()
            form = {"dtype": str(value.dtype).removeprefix("torch.")}
            form["shape"] = list(value.shape if level == "graph" else value.shape[1:])
        if level == "graph":
            layout[level][key] = form | {"value": _jsonable(key, value)}
            continue
        name, parts = key.removeprefix("edge_") if level == "edge" else key, [value]
        if isinstance(value, Tensor):
            width = torch.Size(form["shape"]).numel()
            parts = [part.tolist() for part in value.reshape(value.size(0), width).unbind(1)]
        elif not _are_plain(value):
            form["json"], parts = True, [[_text(key, entry) for entry in value]]
        while any(column in columns[level] for column in _names(name, form)):
            name = f"edge_{name}"
        form["names"] = _names(name, form)
        columns[level] |= dict(zip(form["names"], parts, strict=True))
        layout[level][key] = form
    return columns["node"], columns["edge"], layout


def from_columns(nodes: Columns, edges: Columns, ends: Tensor, size: int, layout: Layout) -> Data:
    """The graph that :func:`to_columns` took apart.

    Args:
        nodes: Columns of the nodes.
        edges: Columns of the edges.
        ends: ``edge_index`` ``[2, E]``.
        size: Number of nodes.
        layout: How attributes lie in columns.

    Raises:
        KeyError: If a column is missing.
    """
    data = Data(edge_index=ends, num_nodes=size)
    for level, columns, length in (("node", nodes, size), ("edge", edges, ends.size(1))):
        for key, form in layout[level].items():
            parts = [columns[name] if length else [] for name in form["names"]]
            if form["dtype"] is None:
                data[key] = (
                    [unpacked(json.loads(text)) for text in parts[0]]
                    if "json" in form
                    else parts[0]
                )
                continue
            dtype = getattr(torch, form["dtype"])
            rows = [torch.tensor(part, dtype=dtype) for part in parts]
            stacked = torch.stack(rows, dim=1) if rows else torch.empty(length, 0, dtype=dtype)
            data[key] = stacked.reshape(length, *form["shape"])
    for key, form in layout["graph"].items():
        value = form["value"]
        if form["dtype"] is not None:
            value = torch.tensor(value, dtype=getattr(torch, form["dtype"])).reshape(form["shape"])
        data[key] = unpacked(value)
    return data


def _names(name: str, form: dict[str, Any]) -> list[str]:
    if not form.get("shape"):
        return [name]
    return [f"{name}_{k}" for k in range(torch.Size(form["shape"]).numel())]


def _are_plain(values: list[Any]) -> bool:
    kinds = {type(value) for value in values}
    return len(kinds) <= 1 and kinds <= {bool, int, float, str}


def _jsonable(key: str, value: Any) -> Any:
    return json.loads(_text(key, value.tolist() if isinstance(value, Tensor) else value))


def _text(key: str, value: Any) -> str:
    value = packed(value)
    try:
        text = json.dumps(value)
        if isinstance(value, float) or json.loads(text) == value:
            return text
    except (TypeError, ValueError):
        pass
    raise ValueError(
        f"'{key}' holds a {type(value).__name__} that cannot be written; make it a tensor or a "
        f"JSON value, or delete it"
    )
