"""Lists of edges as CSV, which Gephi, igraph and spreadsheets read and write."""

import csv
import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.datasets.edge_table import read_table
from pyngn_graph.disk import expanded
from pyngn_graph.exchange.columns import Columns, to_columns
from pyngn_graph.graph import ANY_DELAY, validate
from pyngn_graph.storage import write_bytes

ENDS = (("source", "target"), ("pre", "post"))
"""Names of the two columns that make an edge."""

_KNOWN = {"edge_weight": torch.float32, "edge_health": torch.float32, "pos": torch.float32}
_KNOWN |= {"gain": torch.float32, "calcium": torch.float32}


def write_csv(data: Data, edges: str | Path, nodes: str | Path | None = None) -> None:
    """Writes the edges of a graph, and if asked its nodes, as CSV.

    - ``edges``: ``source`` and ``target``, numbers of neurons, and a column ``x`` for each
      ``edge_x`` (``weight``, ``delay``, ...), in the order of the edges.
    - ``nodes``: ``id``, ``label`` (the names in ``node_label``, if there are any), and a column for
      each attribute of the nodes.

    Several numbers in a row are spread over ``name_0``, ``name_1``, ...; booleans are ``true`` and
    ``false``. :func:`read_csv` restores what the columns can say: numbers as float32, int64 or
    bool, and text. For attributes of the whole graph and for other dtypes see
    :func:`write_graphml`.

    Raises:
        TypeError, ValueError: If the graph breaks a rule of :func:`~pyngn_graph.graph.validate`,
            or an attribute is neither a tensor nor a JSON value.
        OSError: If a file cannot be written.
    """
    validate(data, max_delay=ANY_DELAY)
    of_nodes, of_edges, layout = to_columns(data)
    src, dst = data.edge_index.tolist()
    _write(edges, {"source": src, "target": dst} | of_edges)
    if nodes is not None:
        of_nodes = {"id": list(range(data.num_nodes))} | of_nodes
        if "label" not in of_nodes and "node_label" in layout["node"]:
            of_nodes["label"] = of_nodes.pop("node_label")
        _write(nodes, of_nodes)


def read_csv(edges: str | Path, nodes: str | Path | None = None) -> Data:
    """The graph in a list of edges, and if given a list of nodes.

    The first line of a file names its columns, whose order and case are free. For connectomes with
    numbers of synapses that are to become weights, see
    :func:`~pyngn_graph.datasets.from_edge_table`.

    - ``edges``: ``source`` and ``target`` (or ``pre`` and ``post``). Every other column ``x``
      becomes ``edge_x``; without ``weight`` edges weigh 1, without ``delay`` they take 1 step.
      Where Gephi's ``type`` says ``Undirected``, a row is two edges.
    - ``nodes``: ``id``, and any other columns. Columns ``name_0``, ``name_1``, ... become one
      tensor, and so do ``x``, ``y``, ``z``: ``pos``.

    Nodes are numbered as in ``nodes``; without it those that occur, by number if all are whole
    numbers (then 0 .. the largest), else in the order of the alphabet. What they are called is in
    ``node_label`` unless that is 0 .. N - 1; a column ``label`` of ``nodes`` takes precedence.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If a column is missing, an edge has an unknown end, or the graph
            breaks a rule of :func:`~pyngn_graph.graph.validate`.
    """
    name, table = _read(edges)
    ends = next((pair for pair in ENDS if all(end in table for end in pair)), None)
    if ends is None:
        raise ValueError(
            f"'{name}' must have the columns 'source' and 'target' (got {list(table)})"
        )
    src, dst = (table.pop(end) for end in ends)
    undirected = _undirected(table)
    ids, columns = _nodes(nodes, [*src, *dst])
    place = {node: i for i, node in enumerate(ids)}
    for row, pair in enumerate(zip(src, dst, strict=True), start=1):
        for node in pair:
            if node not in place:
                raise ValueError(
                    f"Row {row} of '{name}' has the end {node!r}, which is not among the "
                    f"{len(ids)} nodes; add it to them, or drop the row"
                )
    index = torch.tensor([[place[node] for node in end] for end in (src, dst)], dtype=torch.long)
    order = torch.arange(index.size(1))
    if undirected.any():
        twice = (undirected & (index[0] != index[1])).nonzero().squeeze(1)
        order = torch.cat([order, twice])
        index = torch.cat([index, index[:, twice].flip(0)], dim=1)
    data = Data(edge_index=index, num_nodes=len(ids))
    for key, value in _attributes({f"edge_{k}": column for k, column in table.items()}).items():
        picked = [value[i] for i in order.tolist()] if isinstance(value, list) else value[order]
        data[key] = picked
    for key, default in (("edge_weight", 1.0), ("edge_delay", 1)):
        if key not in data:
            data[key] = torch.full((index.size(1),), default)
    for key, value in _attributes(columns).items():
        data[key] = value
    if "node_label" not in data and ids != [str(i) for i in range(len(ids))]:
        data.node_label = _typed("node_label", ids)
    return validate(data, max_delay=ANY_DELAY)


def _write(path: str | Path, columns: Columns) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(_entry, column) for column in columns.values()), strict=True))
    write_bytes(path, text.getvalue().encode())


def _entry(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _read(path: str | Path) -> tuple[str, dict[str, list[str]]]:
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    name = path.name
    try:
        text = path.read_text("utf-8-sig")  # as spreadsheets write it
    except UnicodeDecodeError as error:
        raise ValueError(f"'{name}' is no text in UTF-8 ({error}); save it as CSV") from error
    table = {column.lower(): values for column, values in read_table(text, name, []).items()}
    return name, table


def _undirected(table: dict[str, list[str]]) -> Tensor:
    """Which rows are undirected, from Gephi's column ``type``, which is taken out."""
    kinds = [kind.lower() for kind in table.get("type", [])]
    if not kinds or not set(kinds) <= {"directed", "undirected"}:
        return torch.zeros(1, dtype=torch.bool)
    del table["type"]
    return torch.tensor([kind == "undirected" for kind in kinds])


def _nodes(path: str | Path | None, mentioned: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """What the nodes are called in the list of edges, and the columns of the list of nodes."""
    if path is None:
        ids = sorted(set(mentioned))
        if ids and all(node.isascii() and node.isdecimal() for node in ids):
            return [str(i) for i in range(1 + max(map(int, ids)))], {}
        return ids, {}
    name, table = _read(path)
    if "id" not in table:
        raise ValueError(f"'{name}' must have the column 'id' (got {list(table)}); add it")
    ids = table.pop("id")
    if len(set(ids)) < len(ids):
        twice = next(node for i, node in enumerate(ids) if node in ids[:i])
        raise ValueError(f"'id' must be unique (got {twice!r} twice in '{name}'); rename one")
    if "label" in table:
        table["node_label"] = table.pop("label")
    if "pos" not in table and all(axis in table for axis in "xyz"):
        for k, axis in enumerate("xyz"):
            table[f"pos_{k}"] = table.pop(axis)
    return ids, table


def _attributes(columns: dict[str, list[str]]) -> dict[str, Any]:
    """Columns as tensors or lists, those of one name that are numbered as one."""
    found: dict[str, Any] = {}
    for name, column in columns.items():
        stem, _, number = name.rpartition("_")
        if stem and number.isdecimal() and f"{stem}_0" in columns:
            if number == "0":
                found[stem] = _together(stem, columns)
            continue
        found[name] = _typed(name, column)
    return found


def _together(stem: str, columns: dict[str, list[str]]) -> Any:
    parts: list[Any] = []
    while f"{stem}_{len(parts)}" in columns:
        parts.append(_typed(stem, columns[f"{stem}_{len(parts)}"]))
    if all(isinstance(part, Tensor) for part in parts):
        return torch.stack([part.float() if stem == "pos" else part for part in parts], dim=1)
    return [list(row) for row in zip(*parts, strict=True)]


def _typed(name: str, column: list[str]) -> Any:
    """A bool, int64 or float32 tensor, or the text itself where an entry is no number."""
    if column and {entry.lower() for entry in column} <= {"true", "false"}:
        return torch.tensor([entry.lower() == "true" for entry in column])
    try:
        return torch.tensor([int(entry) for entry in column], dtype=_KNOWN.get(name, torch.int64))
    except (ValueError, RuntimeError):  # RuntimeError: too large for int64
        pass
    try:
        return torch.tensor([float(entry) for entry in column], dtype=torch.float32)
    except ValueError:
        return column
