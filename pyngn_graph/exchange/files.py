"""Any file that holds a graph."""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.graph_store import EdgeLayout
from torch_geometric.data.storage import GlobalStorage

from pyngn_graph.convert import read_networkx
from pyngn_graph.disk import expanded
from pyngn_graph.exchange.bare import read_data
from pyngn_graph.exchange.formats import (
    parsed,
    read_arrays,
    read_gexf,
    read_gml,
    source_of_arrays,
)
from pyngn_graph.exchange.frames import source_of_array, source_of_frame
from pyngn_graph.exchange.graphml import reading_of_graphml
from pyngn_graph.files import load_graph
from pyngn_graph.reading import words
from pyngn_graph.reading.assembly import assembled
from pyngn_graph.reading.outcome import Reading, complete
from pyngn_graph.reading.tables import LISTS, read_tables
from pyngn_graph.reading.weights import USUAL, Scale

PLAIN = [Data, DataEdgeAttr, DataTensorAttr, EdgeLayout, GlobalStorage]
"""The classes of which a pickled ``Data`` is made; none of them runs code of a file."""

Reader = Callable[[Path, Mapping[str, str] | None, str | None, Scale], Reading]


def read_graph(
    path: str | Path,
    nodes: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    weights: str | None = None,
) -> Data:
    """The graph in a file; what it is says the ending of its name.

    - ``.safetensors``: see :func:`pyngn_graph.load_graph`
    - ``.pt``, ``.pth``: a ``Data``, or a dict of its attributes, that ``torch.save`` wrote; nothing
      in it is executed (``weights_only=True``)
    - ``.graphml``, ``.gexf``, ``.gml``: read as :func:`pyngn_graph.from_networkx` reads a graph
    - ``.csv``, ``.tsv``, ``.txt``, ``.edgelist``, ``.edges``: a list of edges, or a matrix, see
      :func:`read_csv`; also with ``.gz`` behind
    - ``.npz``, ``.npy``, ``.mat``, ``.mtx``: a square matrix, dense or sparse, row i column j
      the weight of the edge from i to j, beside which may stand names and positions of the nodes;
      or columns of a list of edges, or what a ``Data`` holds, by their names

    Edges without a weight weigh 1, those without a delay take 1 step; :func:`pyngn_graph.from_data`
    takes the same files and draws what they lack. :func:`pyngn_graph.describe` shows what was read.

    Args:
        path: The file.
        nodes: With a list of edges, the list of its nodes.
        columns: What columns or attributes are for, ``{role: name}``; see :func:`read_csv`.
        weights: ``"counts"`` or ``"jumps"``, see :func:`pyngn_graph.from_networkx`.

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If the ending is unknown or the file does not hold a graph.
    """
    return reading_of_file(path, nodes, columns, weights, USUAL).plain()


def reading_of_file(
    path: str | Path,
    nodes: str | Path | None,
    columns: Mapping[str, str] | None,
    weights: str | None,
    scale: Scale,
) -> Reading:
    """What a file says of a graph; see :func:`read_graph`.

    Raises:
        FileNotFoundError, TypeError, ValueError: See there.
    """
    path = expanded(path)
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending not in READERS:
        raise ValueError(
            f"'{path}' has an unknown ending {ending!r}; graphs are read from {', '.join(READERS)}"
            f"; for others 'from_data' takes what NetworkX or pandas reads"
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    if nodes is not None and ending not in TABLES:
        raise ValueError(
            f"'nodes' goes with a list of edges, {', '.join(TABLES)} (got '{path}'); leave it out"
        )
    if nodes is not None:
        return assembled(read_tables(path, nodes, columns), columns, weights, scale)
    return READERS[ending](path, columns, weights, scale)


def _saved(path: Path, *asked: Any) -> Reading:
    return complete(load_graph(path))


def _torch(
    path: Path, columns: Mapping[str, str] | None, weights: str | None, scale: Scale
) -> Reading:
    try:
        with torch.serialization.safe_globals(PLAIN):
            found = torch.load(path, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # what a reader of pickles says about other bytes is any error
        raise ValueError(
            f"'{path}' is no file of 'torch.save' that can be read without running code from it; "
            f"save the plain 'Data' or 'data.to_dict()'"
        ) from error
    if isinstance(found, dict) and isinstance(found.get("edge_index"), Tensor):
        found = Data.from_dict(found)
    if not isinstance(found, Data):
        raise ValueError(
            f"'{path}' holds a {type(found).__name__}; save a 'Data' or 'data.to_dict()'"
        )
    return read_data(found, columns, weights, scale)


def _table(
    path: Path, columns: Mapping[str, str] | None, weights: str | None, scale: Scale
) -> Reading:
    import networkx as nx

    source = None
    if path.name.lower().removesuffix(".gz").endswith(LISTS):
        source = parsed(path, "edge list", _with_dicts)
    if isinstance(source, nx.Graph):
        return read_networkx(source, columns, weights, scale, path.name)
    return assembled(read_tables(path, None, columns), columns, weights, scale)


_WITH_DICT = re.compile(r"\s*\S+\s+\S+\s+\{.*\}\s*")


def _with_dicts(file: io.BytesIO) -> Any:
    """The graph of a list of NetworkX, in which attributes stand as a dict, or None."""
    import networkx as nx

    content = file.read()
    if b"{" not in content:
        return None
    lines = [line for line in content.decode().splitlines() if line.strip() and line[0] != "#"]
    if not all(map(_WITH_DICT.fullmatch, lines)):
        return None
    return nx.parse_edgelist(lines, create_using=nx.MultiDiGraph)


def _network(read: Callable[[Path], Any]) -> Reader:
    def reader(
        path: Path, columns: Mapping[str, str] | None, weights: str | None, scale: Scale
    ) -> Reading:
        return read_networkx(read(path), columns, weights, scale, path.name)

    return reader


def _matrix(ending: str) -> Reader:
    def reader(
        path: Path, columns: Mapping[str, str] | None, weights: str | None, scale: Scale
    ) -> Reading:
        arrays = read_arrays(path, ending)
        if "edge_index" in arrays:  # what a 'Data' holds
            return read_data(Data.from_dict(arrays), columns, weights, scale)
        title, chosen = f"'{path.name}'", words.roles(columns)
        lists = {key: value.ravel() for key, value in arrays.items() if _is_list(value)}
        of_edges = {role: name for role, name in chosen.items() if name in lists}
        if words.ends_among(list(lists), of_edges, title) is not None:
            return assembled(source_of_frame(lists, None, columns, title), columns, weights, scale)
        only = list(arrays.values())
        if not chosen and len(only) == 1 and _are_edges(only[0]):
            return assembled(source_of_array(only[0], title), None, weights, scale)
        source = source_of_arrays(arrays, chosen.get("weight"), title)
        return assembled(source, None, weights, scale)

    return reader


def _is_list(value: Any) -> bool:
    """Whether an array is a column: ``[E]``, or as MATLAB writes it ``[1, E]`` or ``[E, 1]``."""
    return isinstance(value, np.ndarray) and value.ndim > 0 and max(value.shape) == value.size


def _are_edges(value: Any) -> bool:
    """Whether an array holds edges ``[E, 2]``, ``[E, 3]``, or ``[2, E]``; see ``from_data``."""
    shape: Any = getattr(value, "shape", ())
    listed = len(shape) == 2 and (shape[1] in (2, 3) or shape[0] == 2) and shape[0] != shape[1]
    return listed and isinstance(value, np.ndarray) and value.dtype.kind in "iuf"


TABLES = (".csv", ".tsv", ".tab", ".txt", ".edgelist", ".edges", ".el", ".ncol")
"""Endings of lists of edges."""

READERS: dict[str, Reader] = {
    ".safetensors": _saved,
    ".pt": _torch,
    ".pth": _torch,
    ".graphml": reading_of_graphml,
    ".gexf": _network(read_gexf),
    ".gml": _network(read_gml),
    **dict.fromkeys(TABLES, _table),
    **{ending: _matrix(ending) for ending in (".npz", ".npy", ".mat", ".mtx")},
}
"""What reads files of each ending."""
