"""GraphML, which Gephi, igraph, yEd and NetworkX read and write."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from pyngn_graph.convert import read_networkx
from pyngn_graph.exchange.columns import Columns, from_columns, to_columns
from pyngn_graph.exchange.formats import parsed
from pyngn_graph.graph import ANY_DELAY, accepted, validate
from pyngn_graph.reading.outcome import Reading, complete
from pyngn_graph.reading.weights import USUAL, Scale
from pyngn_graph.storage import write_bytes

LAYOUT = "pyngn_graph"
"""The graph attribute that holds, as JSON, what GraphML cannot say."""


def write_graphml(data: Data, path: str | Path) -> None:
    """Writes a graph as GraphML, from which :func:`read_graphml` restores every bit of it.

    Nodes are 0 .. N - 1, their names in ``label``. The attribute ``edge_x`` of the graph is ``x``
    in the file: ``weight``, ``delay``, ...; ``column`` is the place of an edge. Several numbers in
    a row are spread over ``name_0``, ``name_1``, ..., so positions are ``pos_0`` to ``pos_2``.
    Dtypes, and attributes of the whole graph, stand as JSON in its attribute ``pyngn_graph``.

    Raises:
        TypeError, ValueError: If the graph breaks a rule of :func:`~pyngn_graph.graph.validate`,
            or an attribute is neither a tensor nor a JSON value.
        OSError: If the file cannot be written.
    """
    import networkx as nx

    data = accepted(data)
    nodes, edges, layout = to_columns(data)
    graph = nx.MultiDiGraph(**{LAYOUT: json.dumps(layout)})
    names = data.get("node_label")
    if names is not None and "label" not in nodes and len(names) == data.num_nodes:
        names = names.tolist() if isinstance(names, torch.Tensor) else names
        nodes = {"label": [str(name) for name in names], **nodes}
    graph.add_nodes_from(zip(range(data.num_nodes), _rows(nodes, data.num_nodes), strict=True))
    src, dst = data.edge_index.tolist()
    edges = {"column": list(range(len(src))), **{_free(name): edges[name] for name in edges}}
    graph.add_edges_from(zip(src, dst, _rows(edges, len(src)), strict=True))
    content = io.BytesIO()
    nx.write_graphml_xml(graph, content)
    write_bytes(path, content.getvalue())


def read_graphml(
    path: str | Path, *, columns: Mapping[str, str] | None = None, weights: str | None = None
) -> Data:
    """The graph in a GraphML file of ours or of another program.

    Nodes and edges of ours may have been removed or changed meanwhile. Graphs of others are read
    as :func:`~pyngn_graph.from_networkx` reads any NetworkX graph: names of nodes are in
    ``node_label``, an undirected edge becomes two.

    Args:
        path: The file.
        columns: What attributes are for, see :func:`~pyngn_graph.from_networkx`.
        weights: ``"counts"`` or ``"jumps"``, see there.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If it is no GraphML, or its graph breaks a rule of
            :func:`~pyngn_graph.from_networkx`.
    """
    return reading_of_graphml(path, columns, weights, USUAL).plain()


def reading_of_graphml(
    path: str | Path, columns: Mapping[str, str] | None, weights: str | None, scale: Scale
) -> Reading:
    """What a GraphML file says; see :func:`read_graphml`.

    Raises:
        FileNotFoundError, ValueError: See there.
    """
    import networkx as nx

    graph = parsed(path, "GraphML", lambda file: nx.read_graphml(file, force_multigraph=True))
    if LAYOUT not in graph.graph:
        return read_networkx(graph, columns, weights, scale, Path(path).name)
    try:
        data = validate(_restored(graph, json.loads(graph.graph[LAYOUT])), max_delay=ANY_DELAY)
    except (json.JSONDecodeError, KeyError) as error:
        raise ValueError(
            f"The attribute '{LAYOUT}' of '{path}' does not fit its graph ({error!r}); delete it "
            f"to read the file as one of another program"
        ) from error
    return complete(data)


def _restored(graph: Any, layout: dict[str, Any]) -> Data:
    nodes = sorted(graph.nodes(data=True), key=lambda node: int(node[0]))
    edges = sorted(graph.edges(data=True), key=lambda edge: edge[2]["column"])
    place = {name: i for i, (name, _) in enumerate(nodes)}
    ends = torch.tensor([[place[edge[k]] for edge in edges] for k in (0, 1)], dtype=torch.long)
    columns: list[Columns] = []
    for level, rows in (("node", [row for _, row in nodes]), ("edge", [row for *_, row in edges])):
        names = [name for form in layout[level].values() for name in form["names"]]
        written = {name: _free(name) if level == "edge" else name for name in names}
        columns.append({name: [row[written[name]] for row in rows] for name in names})
    return from_columns(columns[0], columns[1], ends, len(nodes), layout)


def _free(name: str) -> str:
    """``column`` and ``id`` of edges have a meaning of their own in the file."""
    return f"edge_{name}" if name.removeprefix("edge_") in ("column", "id") else name


def _rows(columns: dict[str, list[Any]], length: int) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in range(length)]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
