"""Any file that holds a graph."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.graph_store import EdgeLayout
from torch_geometric.data.storage import GlobalStorage

from pyngn_graph.disk import expanded
from pyngn_graph.exchange.edge_csv import read_csv
from pyngn_graph.exchange.graphml import read_graphml
from pyngn_graph.files import load_graph

PLAIN = [Data, DataEdgeAttr, DataTensorAttr, EdgeLayout, GlobalStorage]
"""The classes of which a pickled ``Data`` is made; none of them runs code of a file."""


def read_graph(path: str | Path) -> Data:
    """The graph in a file; what it is says the ending of its name.

    - ``.safetensors``: see :func:`pyngn_graph.load_graph`
    - ``.pt``, ``.pth``: a ``Data``, or a dict of its attributes, that ``torch.save`` wrote; nothing
      in it is executed (``weights_only=True``)
    - ``.graphml``: see :func:`read_graphml`
    - ``.csv``: a list of edges, see :func:`read_csv`

    Raises:
        FileNotFoundError: If there is no such file.
        TypeError, ValueError: If the ending is unknown or the file does not hold a graph.
    """
    path = expanded(path)
    ending = path.suffix.lower()
    if ending not in READERS:
        raise ValueError(
            f"'{path}' has an unknown ending {ending!r}; graphs are read from {', '.join(READERS)}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    return READERS[ending](path)


def _read_torch(path: str | Path) -> Data:
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
    return found


READERS: dict[str, Callable[[str | Path], Data]] = {
    ".safetensors": load_graph,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".graphml": read_graphml,
    ".csv": read_csv,
}
"""What reads files of each ending."""
