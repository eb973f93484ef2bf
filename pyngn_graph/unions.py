"""Many graphs as one: a PyG ``Batch``, taken apart and put together without loss.

``Batch.from_data_list`` turns the numbers of its graphs into a float32 tensor, and knows no
attribute that was assigned to it later. Here a number of each graph stays as it is, in a list, and
what a run has written is found again in the graphs.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

OWN = ("num_nodes", "_num_nodes", "batch", "ptr")
"""Attributes of a ``Batch`` that PyG keeps for itself."""


def graph_sizes(data: Data) -> list[int]:
    """Number of neurons of each graph of a ``Batch``, or of ``data`` itself."""
    sizes: list[int] = data.ptr.diff().tolist() if isinstance(data, Batch) else [data.num_nodes]
    return sizes


def spans(data: Data) -> Iterator[tuple[slice, slice]]:
    """Where the neurons and the edges of each graph lie."""
    if not isinstance(data, Batch):
        yield slice(0, data.num_nodes), slice(0, data.num_edges)
        return
    for nodes, edges in zip(
        pairwise(data.ptr.tolist()),
        pairwise(data._slice_dict["edge_index"].tolist()),
        strict=True,
    ):
        yield slice(*nodes), slice(*edges)


def separated(data: Data) -> list[Data]:
    """The graphs of a ``Batch``, with all that was written to it; otherwise ``data`` alone."""
    if not isinstance(data, Batch):
        return [data]
    graphs: list[Data] = registered(data).to_data_list()
    return graphs


def united(graphs: Sequence[Data]) -> Batch:
    """The ``Batch`` of ``graphs``; what is no tensor becomes a list with an entry for each.

    Raises:
        ValueError: If an attribute is missing in one of them.
    """
    keys = set(graphs[0].keys())
    for k, graph in enumerate(graphs):
        if set(graph.keys()) != keys:
            odd = sorted(keys ^ set(graph.keys()))
            raise ValueError(
                f"The graphs of a batch must have the same attributes: graphs 0 and {k} do not "
                f"share {odd}; add what is missing, or delete it everywhere"
            )
    single = [key for key in keys if key not in OWN and _is_single(graphs[0][key])]
    batch = Batch.from_data_list(list(graphs), exclude_keys=single)
    for key in single:
        _register(batch, key, [graph[key] for graph in graphs])
    return batch


def each_graph(data: Data, change: Callable[[Data], Data]) -> Data:
    """Applies ``change`` to each graph of a ``Batch``, or to ``data`` itself."""
    if not isinstance(data, Batch):
        return change(data)
    return united([change(graph) for graph in separated(data)])


def registered(data: Data) -> Data:
    """A ``Batch`` from which PyG can reconstruct every graph, with every attribute.

    What was assigned since it was made belongs to edges if it is named ``edge_*`` and has E rows,
    to neurons if it has N rows, and otherwise to each graph as it is.
    """
    if not isinstance(data, Batch):
        return data
    batch = copy.copy(data)
    batch._slice_dict, batch._inc_dict = dict(batch._slice_dict), dict(batch._inc_dict)
    edges, nodes = batch._slice_dict["edge_index"], batch.ptr.cpu()
    for key, value in data.to_dict().items():
        if key in OWN:
            continue
        if key not in batch._slice_dict:
            rows = value.size(0) if isinstance(value, Tensor) and value.dim() else -1
            if key.startswith("edge_") and rows == edges[-1]:
                _register(batch, key, value, edges)
                continue
            if rows == nodes[-1]:
                _register(batch, key, value, nodes)
                continue
        elif isinstance(value, Tensor | list | dict):
            continue
        _register(batch, key, [value] * batch.num_graphs)
    return batch


def check_union(data: Batch) -> None:
    """Refuses a ``Batch`` whose bookkeeping does not fit what it holds.

    Raises:
        ValueError: If it cannot be taken apart, or an edge links two of its graphs.
    """
    remedy = (
        "change graphs before they are batched: 'Batch.from_data_list([transform(graph) for graph "
        "in batch.to_data_list()])'"
    )
    slices = getattr(data, "_slice_dict", None)
    if slices is None or "edge_index" not in slices or data.get("ptr") is None:
        raise ValueError(f"The batch was not made by 'Batch.from_data_list'; {remedy}")
    edges = slices["edge_index"].tolist()
    nodes = data.ptr.tolist() if isinstance(data.ptr, Tensor) and data.ptr.dim() == 1 else []
    for name, places in (("ptr", nodes), ("_slice_dict['edge_index']", edges)):
        whole = all(isinstance(place, int) for place in places)
        if len(places) < 2 or len(places) != len(edges) or not whole or places != sorted(places):
            raise ValueError(f"'{name}' of the batch must count up from 0 (got {places}); {remedy}")
    if nodes[0] or edges[0] or data.ptr[-1] != data.num_nodes or edges[-1] != data.num_edges:
        raise ValueError(
            f"The batch was made of {int(data.ptr[-1])} neurons and {edges[-1]} edges but has "
            f"{data.num_nodes} and {data.num_edges}; {remedy}"
        )
    for key, value in data.to_dict().items():
        own = slices.get(key)
        if key.startswith("edge_") and isinstance(own, Tensor) and own.tolist() != edges:
            raise ValueError(f"'{key}' of the batch is not cut where its edges are; {remedy}")
        if isinstance(own, Tensor) and isinstance(value, Tensor) and value.dim():
            size = value.size(data.__cat_dim__(key, value) or 0)
            if size != own[-1]:
                raise ValueError(
                    f"'{key}' of the batch has {size} entries but was made of {int(own[-1])}; "
                    f"{remedy}"
                )
    number = torch.tensor([last - first for first, last in pairwise(edges)])
    graph = torch.arange(number.numel()).repeat_interleave(number).to(data.ptr.device)
    first, last = data.ptr[graph], data.ptr[graph + 1]
    outside = ((data.edge_index < first) | (data.edge_index >= last)).any(dim=0)
    if bool(outside.any()):
        edge = int(outside.nonzero()[0, 0])
        raise ValueError(
            f"{int(outside.sum())} edges of the batch leave their graph, the first is edge {edge}, "
            f"{data.edge_index[:, edge].tolist()}; {remedy}"
        )


def split_states(states: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Liquid states ``[B, K * N]`` graph by graph: ``[B, K * N_g]`` for each size ``N_g``."""
    segments = states.view(states.size(0), -1, sum(sizes))
    return [part.flatten(1) for part in torch.split(segments, list(sizes), dim=2)]


def _is_single(value: Any) -> bool:
    return not isinstance(value, Tensor) or value.dim() == 0


def _register(batch: Batch, key: str, value: Any, slices: Tensor | None = None) -> None:
    batch[key] = value
    batch._slice_dict[key] = torch.arange(len(value) + 1) if slices is None else slices
    batch._inc_dict[key] = None
