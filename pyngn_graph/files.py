"""Graphs as files; reservoirs and readouts have ``save`` and ``load`` of their own."""

import os

from torch_geometric.data import Data

from pyngn_graph import snapshot, storage
from pyngn_graph.graph import ANY_DELAY, accepted, validate


def save_graph(data: Data, path: str | os.PathLike[str]) -> None:
    """Writes a graph with all of its attributes to a safetensors file.

    Args:
        data: A graph that passes :func:`pyngn_graph.validate`.
        path: The file; it is replaced as a whole or not at all.

    Raises:
        TypeError, ValueError: If the graph breaks a rule, or an attribute is neither a dense, real
            tensor nor a JSON value.
        OSError: If the file cannot be written; the one before it stays whole.
    """
    tensors, values = snapshot.graph_to_parts(accepted(data))
    storage.write(path, "graph", tensors, {"graph": values})


def load_graph(path: str | os.PathLike[str]) -> Data:
    """The graph that :func:`save_graph` wrote, or the living one of a reservoir or a checkpoint.

    No code is read from the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, damaged, foreign, newer, or holds something else.
    """
    tensors, header = storage.read(path, "graph", "reservoir", "run")
    with storage.reading(path):
        if header["kind"] != "graph":
            tensors = storage.without_prefix("graph", tensors)
        data = snapshot.graph_from_parts(tensors, header["graph"])
        return validate(data, max_delay=ANY_DELAY)
