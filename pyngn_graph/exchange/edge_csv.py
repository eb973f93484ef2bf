"""Lists of edges as CSV, which Gephi, igraph and spreadsheets read and write."""

import copy
import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from pyngn_graph.convert import names_of
from pyngn_graph.exchange.columns import Columns, Layout, to_columns
from pyngn_graph.graph import accepted
from pyngn_graph.reading.assembly import assembled
from pyngn_graph.reading.tables import read_tables
from pyngn_graph.reading.words import ROLES, is_
from pyngn_graph.storage import write_bytes

_ENDS = (*ROLES["pre"], *ROLES["post"])
"""Names that would be taken for those of an edge's ends."""


def write_csv(data: Data, edges: str | Path, nodes: str | Path | None = None) -> None:
    """Writes the edges of a graph, and if asked its nodes, as CSV.

    - ``edges``: ``source`` and ``target``, numbers of neurons, or without ``nodes`` their names if
      each has its own in ``node_label``; and a column ``x`` for each ``edge_x`` (``weight``,
      ``delay``, ...), in the order of the edges.
    - ``nodes``: ``id``, ``label`` (the names in ``node_label``, if there are any), and a column for
      each attribute of the nodes.

    Several numbers in a row are spread over ``name_0``, ``name_1``, ...; booleans are ``true`` and
    ``false``. :func:`read_csv` restores what the columns can say: numbers as float32, int64 or
    bool, and text. What glia note for themselves gets other names then. For this, attributes of the
    whole graph, and other dtypes see :func:`write_graphml`.

    Raises:
        TypeError, ValueError: If the graph breaks a rule of :func:`~pyngn_graph.graph.validate`,
            or an attribute is neither a tensor nor a JSON value.
        OSError: If a file cannot be written.
    """
    data = accepted(data)
    if any(isinstance(name, tuple) for name in data.get("node_label", ())):
        data = copy.copy(data)
        data.node_label = [str(name) for name in data.node_label]
    of_nodes, of_edges, layout = to_columns(data)
    src, dst = data.edge_index.tolist()
    given = data.get("node_label" if nodes is None else "node_id")
    names = names_of(Data(node_label=given, num_nodes=data.num_nodes))
    if names is not None:
        src, dst = ([names[i] for i in end] for end in (src, dst))
    for level, columns in (("node", of_nodes), ("edge", of_edges)):
        columns |= _with_gaps(data, level, layout)
    of_edges = {f"edge_{k}" if is_(k, _ENDS) else k: column for k, column in of_edges.items()}
    _write(edges, {"source": src, "target": dst} | of_edges)
    if nodes is not None:
        of_nodes = {f"node_{k}" if is_(k, ("id",)) else k: col for k, col in of_nodes.items()}
        if names is not None:
            of_nodes.pop("node_id")
        of_nodes = {"id": names or list(range(data.num_nodes))} | of_nodes
        if "label" not in of_nodes and "node_label" in layout["node"]:
            of_nodes["label"] = of_nodes.pop("node_label")
        _write(nodes, of_nodes)


def read_csv(
    edges: str | Path,
    nodes: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
) -> Data:
    """The graph in a list of edges, and if given a list of nodes, as any program writes them.

    Entries may stand between commas, semicolons, tabs, bars or spaces, numbers may have a decimal
    comma, and the text may be UTF-8, UTF-16 or cp1252, packed with gzip. The first line names the
    columns, whose order and case are free. Lists of two or three columns without such a line are
    pairs, and a weight; a square table of numbers is a matrix, row i column j the edge from i to j.
    With names above and beside it, these may be in any order, and empty cells are no edges.

    - ``edges``: ``source`` and ``target``, ``pre`` and ``post``, ``from`` and ``to``,
      ``pre_root_id`` and ``post_root_id``, ``bodyId_pre`` and ``bodyId_post``, or the like.
      ``weight``, and without it counts such as ``syn_count``; ``delay``, in steps. Every other
      column ``x`` becomes ``edge_x``. Where Gephi's ``type`` says ``Undirected``, a row is two
      edges.
    - ``nodes``: ``id``, ``name``, ``root_id`` or the like, and any other columns. ``name_0``,
      ``name_1``, ... become one tensor; ``x``, ``y``, ``z``, or ``pos_x``, ..., are ``pos``.

    Ids are names, exact to the last digit: ``007`` is not ``7``. Nodes are numbered as in
    ``nodes``; without it by number where ids are numbers, else by the alphabet, and there are as
    many as occur. What they are called is in ``node_label`` unless that is 0 .. N - 1; a column
    ``label`` of ``nodes`` takes precedence, and ids are in ``node_id`` then.

    Args:
        edges: The list of edges.
        nodes: The list of nodes.
        columns: What columns are for, where their names do not say so: ``{role: column}``, e.g.
            ``{"pre": "from_cell", "weight": "syn_count"}``.
        weights: ``"counts"`` or ``"jumps"``, see :func:`pyngn_graph.from_networkx`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a table has faults (all are listed, with row, column and entry), a column is
            missing or doubled, or the graph breaks a rule of :func:`~pyngn_graph.graph.validate`.
    """
    return assembled(read_tables(edges, nodes, columns), columns, weights).plain()


def _with_gaps(data: Data, level: str, layout: Layout) -> Columns:
    """Lists of plain values in which some are None, with nothing in their places."""
    found: Columns = {}
    for key, form in layout[level].items():
        kinds = set(map(type, data[key])) - {type(None)} if form.get("json") else set()
        if len(kinds) == 1 and kinds <= {bool, int, float, str}:
            (name,) = form["names"]
            found[name] = ["" if entry is None else entry for entry in data[key]]
    return found


def _write(path: str | Path, columns: Columns) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(_entry, column) for column in columns.values()), strict=True))
    write_bytes(path, text.getvalue().encode())


def _entry(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
