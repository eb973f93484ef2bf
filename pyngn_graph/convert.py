"""Between PyG's ``Data`` and NetworkX, without loss in either direction."""

import math
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.garbage import no_collection
from pyngn_graph.graph import accepted
from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.assembly import assembled
from pyngn_graph.reading.outcome import Reading
from pyngn_graph.reading.source import ABSENT, Columns, Source
from pyngn_graph.reading.values import side
from pyngn_graph.reading.weights import USUAL, Scale
from pyngn_graph.tuples import as_lists, as_tuples

__all__ = ["edge_list", "from_networkx", "names_of", "read_networkx", "to_networkx"]

SCHEMA = "pyngn_graph"  # graph attribute: for each attribute its key, dtype and shape in Data
_COLUMN = "column"  # edge attribute: the place of the edge in edge_index
_DTYPES = {
    "pos": torch.float32,
    "gain": torch.float32,
    "calcium": torch.float32,
    "inhibitory": torch.bool,
    "edge_weight": torch.float32,
    "edge_delay": torch.int64,
    "edge_mask": torch.bool,
    "edge_health": torch.float32,
}
_DEFAULTS = {"edge_weight": 1.0, "edge_delay": 1, "edge_mask": True}


def to_networkx(data: Data) -> Any:
    """Returns the graph as an ``nx.MultiDiGraph`` from which :func:`from_networkx` restores it.

    It is always a multigraph, so parallel edges and self loops survive. Nodes are 0 .. N - 1, or
    the labels in ``node_label`` where these are unique. An attribute ``edge_x`` of the ``Data`` is
    the attribute ``x`` of the edges: ``weight``, ``delay``, ``health``, ...; node and graph
    attributes keep their names. Values are plain Python numbers, lists for rows, so NetworkX's
    own algorithms use them (``weight="delay"`` for path lengths in steps). ``column`` is the place
    of an edge in ``edge_index``.

    A million edges take about a kilobyte each, and seconds.

    Raises:
        TypeError: See :func:`~pyngn_graph.graph.validate`.
        ValueError: See :func:`~pyngn_graph.graph.validate`.
    """
    data = accepted(data)
    with no_collection():
        return _to_networkx(data)


def _to_networkx(data: Data) -> Any:
    import networkx as nx

    num_nodes, num_edges = data.num_nodes, data.edge_index.size(1)
    graph = nx.MultiDiGraph()
    labels = names_of(data)
    schema: dict[str, dict[str, Any]] = {"node": {}, "edge": {}}
    columns: dict[str, dict[str, list[Any]]] = {"node": {}, "edge": {_COLUMN: [*range(num_edges)]}}
    for key, value in data.to_dict().items():
        if key in ("edge_index", "num_nodes") or (key == "node_label" and labels is not None):
            continue
        level = level_of(key, value, num_nodes, num_edges)
        if level == "graph":
            graph.graph[key] = value.clone() if isinstance(value, Tensor) else value
            continue
        name = key.removeprefix("edge_") if level == "edge" else key
        while name in columns[level]:
            name = f"edge_{name}"
        is_tensor = isinstance(value, Tensor)
        dtype = str(value.dtype).removeprefix("torch.") if is_tensor else None
        columns[level][name] = value.tolist() if is_tensor else list(value)
        schema[level][name] = [key, dtype, list(value.shape[1:]) if is_tensor else []]
    lists = labels is not None and any(isinstance(label, list) for label in data.node_label)
    graph.graph[SCHEMA] = {**schema, "labels": labels is not None, "lists": lists}
    nodes = list(range(num_nodes)) if labels is None else labels
    graph.add_nodes_from(zip(nodes, _rows(columns["node"], num_nodes), strict=True))
    _add_edges(graph, nodes, data.edge_index.tolist(), _rows(columns["edge"], num_edges))
    return graph


def _add_edges(
    graph: Any, nodes: list[Any], ends: list[list[int]], rows: Iterable[dict[str, Any]]
) -> None:
    """What ``graph.add_edges_from`` does with an empty multigraph of ``nodes``, twice as fast."""
    succ, pred = ([side[node] for node in nodes] for side in (graph._succ, graph._pred))
    for u, v, row in zip(*ends, rows, strict=True):
        parallel = succ[u].get(nodes[v])
        if parallel is None:
            succ[u][nodes[v]] = pred[v][nodes[u]] = {0: row}
        else:
            parallel[len(parallel)] = row


def from_networkx(
    graph: Any, *, columns: Mapping[str, str] | None = None, weights: str | None = None
) -> Data:
    """Returns any NetworkX graph as a ``Data`` that a reservoir runs.

    Exact inverse of :func:`to_networkx`, dtypes and order of edges included; edges and nodes may
    have been added, removed or changed meanwhile (new edges come last). In any other graph:

    - Nodes whose labels are whole numbers, of Python or NumPy or as text, are sorted by number,
      others stay in the order of the graph. Labels other than 0 .. N - 1 are kept in
      ``node_label``, and :func:`to_networkx` gives them back.
    - An undirected edge becomes two directed ones, as in ``graph.to_directed()``.
    - The edge attribute ``weight`` becomes ``edge_weight``, without one an attribute that counts
      synapses or fibers does, such as ``n_synapses`` or ``number_of_fibers``, by the formula of
      :func:`~pyngn_graph.datasets.connectome`, with a warning. Edges without either get 1.0, which
      is the threshold: :func:`pyngn_graph.from_data` draws weights instead. Edges without ``delay``
      take 1 step, without ``mask`` they are alive. Fractional delays are rounded on use.
    - ``pos``, or ``x``, ``y`` and ``z``, or what Gephi and braingraph.org call them, is ``pos``, in
      micrometres; a plane has z = 0.
    - Any other edge attribute ``x`` becomes ``edge_x``: numbers a float32, int64 or bool tensor,
      anything else a list, with None on those that lack it.

    Args:
        graph: A NetworkX graph.
        columns: What attributes are for, where their names do not say so: ``{role: attribute}``,
            e.g. ``{"weight": "strength"}``; roles are ``weight``, ``delay``, ``x``, ``y``, ``z``,
            ``sign`` and ``label``.
        weights: What the weights are: ``"counts"`` of synapses, from which weights are made, or
            ``"jumps"`` of the potential, taken as they are. None warns of jumps that look like
            counts.

    Raises:
        TypeError: If ``graph`` is not a NetworkX graph.
        ValueError: If weights, delays or positions are not numbers, an argument breaks its rule, or
            the graph breaks one of :func:`~pyngn_graph.graph.validate`.
    """
    return read_networkx(graph, columns, weights).plain()


def read_networkx(
    graph: Any,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    scale: Scale = USUAL,
    file: str | None = None,
) -> Reading:
    """What a NetworkX graph says; see :func:`from_networkx`.

    Raises:
        TypeError, ValueError: See there.
    """
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise TypeError(
            f"Expected a NetworkX graph (got {type(graph).__name__}); 'pyngn_graph.from_data' "
            f"takes graphs of every kind"
        )
    strange = words.roles(columns).keys() & {"pre", "post", "id", "type"}
    if strange:
        raise ValueError(
            f"'columns' names {sorted(strange)}, which are columns of tables; a NetworkX graph "
            f"knows its nodes and the ends of its edges: leave them out"
        )
    with no_collection():
        if SCHEMA in graph.graph:
            return _restored(graph)
        return assembled(_source(graph, file), columns, weights, scale)


def _source(graph: Any, file: str | None) -> Source:
    nodes = list(graph.nodes)
    # A file knows text only.
    names = [ids.plain(node) for node in nodes] if file is None else ids.as_names(nodes)[0]
    title = "the NetworkX graph" if file is None else f"'{file}'"
    if ids.are_numbered(names):
        order = sorted(range(len(names)), key=lambda i: ids.rank(names[i]))
        names, nodes = [names[i] for i in order], [nodes[i] for i in order]
    edges = edge_list(graph)
    ends = _ends(nodes, edges)

    def place(level: str, i: int) -> str:
        if level == "node":
            return f"node {names[i]!r}"
        src, dst, _ = edges[i]
        return f"edge {i} ({src!r} -> {dst!r})"

    kind = "directed" if graph.is_directed() else "undirected, every edge leads both ways"
    rows = [graph.nodes[node] for node in nodes]
    return Source(
        title,
        names,
        ends,
        _columns(rows),
        _columns([row for *_, row in edges]),
        {k: v for k, v in graph.graph.items() if k not in ("node_default", "edge_default")},
        place,
        {"source": f"{title}, {kind}"},
    )


def _columns(rows: list[dict[str, Any]]) -> Columns:
    """The attributes of all nodes or all edges as columns, with gaps."""
    found: Columns = {}
    for name in dict.fromkeys(chain.from_iterable(rows)):
        try:
            found[str(name)] = [row[name] for row in rows]
        except KeyError:
            found[str(name)] = [row.get(name, ABSENT) for row in rows]
    return found


def _ends(nodes: list[Any], edges: list[tuple[Any, Any, dict[str, Any]]]) -> NDArray[np.int64]:
    place = {node: i for i, node in enumerate(nodes)}
    ends = np.empty((2, len(edges)), dtype=np.int64)
    for row, end in zip(ends, (0, 1), strict=True):
        row[:] = np.fromiter((place[edge[end]] for edge in edges), np.int64, len(edges))
    return ends


def _restored(graph: Any) -> Reading:
    """The graph that :func:`to_networkx` wrote, with what was changed since."""
    schema = graph.graph[SCHEMA]
    labels = list(graph.nodes)
    integers = all(isinstance(label, int) and not isinstance(label, bool) for label in labels)
    if integers and not schema.get("labels"):
        labels.sort()
    edges = edge_list(graph)
    data = Data(edge_index=torch.from_numpy(_ends(labels, edges)), num_nodes=len(labels))
    if labels != list(range(len(labels))):
        lists = [as_lists(label) for label in labels] if schema.get("lists") else labels
        data.node_label = ids.label(labels) if integers else lists
    _read(data, "node", [graph.nodes[label] for label in labels], schema["node"])
    _read(data, "edge", [row for _, _, row in edges], schema["edge"])
    given = {}
    for name, key in (("weight", "edge_weight"), ("delay", "edge_delay")):
        has = (name in row for *_, row in edges)
        given[name] = torch.from_numpy(np.fromiter(has, bool, len(edges)))
        if key not in data:
            data[key] = torch.full((len(edges),), _DEFAULTS[key], dtype=_DTYPES[key])
    if "pos" in data and data.pos.dim() == 2 and data.pos.size(1) == 2:
        data.pos = torch.nn.functional.pad(data.pos, (0, 1))
    for name, value in graph.graph.items():
        if name not in (SCHEMA, "node_default", "edge_default"):  # the latter two: file formats
            data[_free(str(name), "graph_", data)] = value
    return Reading(data, given, own=True)


def edge_list(graph: Any) -> list[tuple[Any, Any, dict[str, Any]]]:
    """The directed edges ``(src, dst, attributes)`` in the order of :func:`from_networkx`."""
    directed = graph if graph.is_directed() else graph.to_directed(as_view=True)
    if graph.is_multigraph():
        edges = [
            (u, v, row)
            for u, targets in directed.adjacency()
            for v, parallel in targets.items()
            for row in parallel.values()
        ]
    else:
        edges = [(u, v, row) for u, rows in directed.adjacency() for v, row in rows.items()]
    if SCHEMA in graph.graph:
        places = [row.get(_COLUMN, math.inf) for *_, row in edges]
        edges = [edges[i] for i in np.argsort(places, kind="stable").tolist()]
    return edges


def names_of(data: Data) -> list[Any] | None:
    """What the nodes are called in ``node_label``, if each has a name of its own.

    Lists are tuples here: PyG makes lists of those when it copies a graph.
    """
    labels = data.get("node_label")
    if isinstance(labels, Tensor):
        labels = labels.tolist()
    if not isinstance(labels, list) or len(labels) != data.num_nodes:
        return None
    labels = [as_tuples(label) for label in labels]
    try:
        return labels if len(set(labels)) == len(labels) else None
    except TypeError:  # unhashable: not labels of a NetworkX graph
        return None


def level_of(key: str, value: Any, num_nodes: int, num_edges: int) -> str:
    """Where an attribute belongs; PyG's own rule, for lists as well as tensors."""
    if not isinstance(value, Tensor | list) or "index" in key:
        return "graph"
    length = -1 if isinstance(value, Tensor) and value.dim() == 0 else len(value)
    if _is_edge_key(key):
        return "edge" if length == num_edges else "graph"
    return {num_edges: "edge", num_nodes: "node"}.get(length, "graph")


def _rows(columns: dict[str, list[Any]], length: int) -> Iterable[dict[str, Any]]:
    if not columns:
        return ({} for _ in range(length))
    return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))


def _read(data: Data, level: str, rows: list[dict[str, Any]], schema: dict[str, Any]) -> None:
    """Adds the attributes of all nodes or all edges to ``data``."""
    names = dict.fromkeys(chain.from_iterable(rows)) if rows else schema
    for name in names:
        if level == "edge" and name == _COLUMN and schema:
            continue
        if name in schema:
            key, dtype_name, shape = schema[name]
            dtype = getattr(torch, dtype_name) if dtype_name else None
        else:
            key = f"edge_{name}" if level == "edge" and not _is_edge_key(name) else str(name)
            key = _free(key, f"{level}_", data)
            dtype, shape = _DTYPES.get(key), []
        if not rows:
            data[key] = torch.empty(0, *shape, dtype=dtype) if dtype else []
            continue
        if name not in schema and key not in _DTYPES:
            data[key] = side(_columns(rows)[str(name)])
            continue
        values = _filled(name, key, level, rows)
        was_list = name in schema and dtype is None
        data[key] = values if was_list else _column(name, values, level, dtype)


def _is_edge_key(name: Any) -> bool:
    return str(name).startswith("edge_")


def _free(key: str, prefix: str, data: Data) -> str:
    while key in data:
        key = prefix + key
    return key


def _filled(name: str, key: str, level: str, rows: list[dict[str, Any]]) -> list[Any]:
    if key in _DEFAULTS:
        return [row.get(name, _DEFAULTS[key]) for row in rows]
    try:
        return [row[name] for row in rows]
    except KeyError:
        missing = [i for i, row in enumerate(rows) if name not in row]
        raise ValueError(
            f"'{name}' must be set on every {level} or on none: {len(missing)} of {len(rows)} "
            f"lack it, the first is {level} {missing[0]}; set it with "
            f"'nx.set_{level}_attributes' or delete it"
        ) from None


def _column(name: str, values: list[Any], level: str, dtype: torch.dtype | None) -> Any:
    """Turns one value per node or edge into a tensor, or leaves the list where they are no numbers.

    ``dtype`` is kept, except that integers give way to float32 where a value is a fraction.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # rows of unequal length
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        if dtype is not None:
            raise TypeError(f"'{name}' must hold numbers of equal shape on every {level}")
        return values
    if dtype is None and array.dtype.kind == "f":
        dtype = torch.float32
    if dtype is not None and not dtype.is_floating_point and array.dtype.kind == "f":
        if dtype == torch.int64 and (array != np.floor(array)).any():
            dtype = torch.float32
    return torch.from_numpy(array).to(dtype) if dtype else torch.from_numpy(array)
