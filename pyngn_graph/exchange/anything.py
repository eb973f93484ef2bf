"""Any graph at all as one that runs: the door that draws what its source lacks."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import check_tensor
from pyngn_graph.convert import read_networkx
from pyngn_graph.exchange.bare import read_data
from pyngn_graph.exchange.files import reading_of_file
from pyngn_graph.exchange.frames import source_of_array, source_of_frame, source_of_list
from pyngn_graph.generators.foreign import Completion
from pyngn_graph.reading.assembly import assembled
from pyngn_graph.reading.matrices import source_of_matrix
from pyngn_graph.reading.outcome import Reading
from pyngn_graph.reading.weights import Scale


def from_data(
    data: Any,
    nodes: Any = None,
    *,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
    **kwargs: Any,
) -> Data:
    """Any graph as one that a reservoir runs: what it has is read, what it lacks is drawn.

    One reading, with the same rules and warnings, for all of

    - a ``Data``, of which ``edge_index`` is enough; its arrays, lists and other types of numbers
      are taken where they hold what :func:`pyngn_graph.validate` asks for
    - a NetworkX graph, or what has a method ``to_networkx``, as graphs of igraph
    - a file, see :func:`~pyngn_graph.exchange.read_graph`
    - a frame of pandas or polars, or a dict of columns, with a row for each edge
    - a list of pairs, of triples with a weight, or an array ``[E, 2]`` or ``[E, 3]`` of them; an
      array of whole numbers ``[2, E]`` is an ``edge_index``, whose entries are names here
    - a square matrix, dense or of ``scipy.sparse``: row i, column j is the edge from i to j; a
      frame with names on both sides is one as well, in which missing entries are no edges

    Weights, delays, positions and inhibitory neurons that are missing are drawn as
    :class:`~pyngn_graph.generators.FromNetworkX` draws them, with the same arguments and the same
    seed. :func:`pyngn_graph.describe` tells what was read, drawn and left out.

    Args:
        data: The graph.
        nodes: With a table of edges, the table of its nodes: a file, a frame or a dict of columns.
        columns: What columns or attributes are for, where their names do not say so:
            ``{role: name}``, e.g. ``{"pre": "source", "weight": "syn_count"}``.
        weights: ``"counts"`` of synapses or ``"jumps"`` of the potential, see
            :func:`pyngn_graph.from_networkx`.
        **kwargs: See :class:`~pyngn_graph.generators.FromNetworkX`: ``seed``, ``weight``,
            ``inhibitory_fraction``, ``delay``, ``velocity``, ``pos``, ...

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If it is no graph, entries break their rules (all are named), or an
            argument does.
    """
    known = [field.name for field in fields(Completion) if field.name not in ("columns", "weights")]
    for name in kwargs:
        if name not in known:
            raise TypeError(f"'from_data' has no argument {name!r}; it has {known}")
    return _Anything(data=data, nodes=nodes, columns=columns, weights=weights, **kwargs)()


@dataclass(kw_only=True, eq=False, repr=False)
class _Anything(Completion):
    data: Any
    nodes: Any = None

    def _read(self, scale: Scale) -> Reading:
        return reading_of(self.data, self.nodes, self.columns, self.weights, scale)


def reading_of(
    data: Any,
    nodes: Any,
    columns: Mapping[str, str] | None,
    weights: str | None,
    scale: Scale,
) -> Reading:
    """What anything says of a graph; see :func:`from_data`.

    Raises:
        FileNotFoundError, TypeError, ValueError: See there.
    """
    import networkx as nx
    from scipy import sparse

    if isinstance(data, str | PathLike):
        if nodes is not None and not isinstance(nodes, str | PathLike):
            raise TypeError(
                f"'nodes' must be a file, as the edges are (got {type(nodes).__name__}); read both "
                f"into frames, or neither"
            )
        about = None if nodes is None else Path(nodes)
        return reading_of_file(Path(data), about, columns, weights, scale)
    if isinstance(data, np.ndarray) and data.dtype.names:
        data = {name: data[name] for name in data.dtype.names}
    is_frame = hasattr(data, "columns") and hasattr(data, "__getitem__")
    if isinstance(data, Mapping) or is_frame:
        source = source_of_frame(data, nodes, columns)
        return assembled(source, columns, weights, scale)
    if nodes is not None:
        raise ValueError(
            f"'nodes' goes with a table of edges (got a {type(data).__name__}); leave it out"
        )
    if isinstance(data, Data):
        return read_data(data, columns, weights, scale)
    if not isinstance(data, nx.Graph) and hasattr(data, "to_networkx"):
        data, columns = _from_other(data, columns)
    if isinstance(data, nx.Graph):
        return read_networkx(data, columns, weights, scale)
    if isinstance(data, Tensor):
        data = _array(data)
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            "'data' is a masked array; '.filled(0)' makes one in which 0 stands for no edge"
        )
    if sparse.issparse(data):
        source = source_of_matrix(data, "the matrix")
    elif isinstance(data, np.ndarray):
        source = source_of_array(data)
    elif isinstance(data, list | tuple):
        source = source_of_list(data)
    else:
        raise TypeError(
            f"'data' must be a Data, a NetworkX graph, a file, a frame, a list of edges or a "
            f"matrix (got {type(data).__name__})"
        )
    return assembled(source, columns, weights, scale)


def _from_other(
    data: Any, columns: Mapping[str, str] | None
) -> tuple[Any, Mapping[str, str] | None]:
    """A graph of igraph or the like as one of NetworkX, and where the names of its nodes are."""
    graph = data.to_networkx()
    rows = [row for _, row in graph.nodes(data=True)] + [row for *_, row in graph.edges(data=True)]
    for row in rows:
        row.pop("_igraph_index", None)
    named = [row["name"] for _, row in graph.nodes(data=True) if "name" in row]
    if columns is None and len(set(named)) == graph.number_of_nodes():
        columns = {"label": "name"}
    return graph, columns


def _array(data: Tensor) -> Any:
    from scipy.sparse import coo_array

    check_tensor("data", data)
    data = data.detach().cpu()
    if data.dtype in (torch.bfloat16, torch.float16):
        data = data.float()
    if data.layout == torch.strided:
        return data.numpy()
    found = data.to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return coo_array((found.values().numpy(), tuple(found.indices().numpy())), tuple(found.shape))
