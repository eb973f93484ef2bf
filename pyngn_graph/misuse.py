"""Calls that torch would take and that mean something else to a reservoir."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.data.data import BaseData

from pyngn_graph.arrays import as_tensor
from pyngn_graph.notices import warn_once


def check_signal(
    graph: Data, channels: int | None, x: Any, lengths: Any = None, shape: str = "[B, T, C]"
) -> None:
    """Refuses a graph, or the edges of one, where a signal or its lengths belong.

    A tuple or list is looked through, for ``model((x, edge_index))`` is a habit of PyG.

    Raises:
        TypeError: With what to pass instead, a tensor of ``shape``.
    """
    if isinstance(x, tuple | list):
        for part in x:
            if not isinstance(part, tuple | list | float | int):
                check_signal(graph, channels, part, shape=shape)
    if _is_graph(x):
        raise TypeError(
            f"'x' must be a signal {shape}, and the graph is inside of the reservoir already (got "
            f"a {type(x).__name__}); pass a tensor. Features of nodes over time, "
            f"[T, num_nodes, F], are for 'SignalReservoir(graph)(x)'; a reservoir on another "
            f"graph is a new one"
        )
    for name, value, width in (("x", x, channels), ("lengths", lengths, None)):
        if _is_edges(value, graph, width):
            size = f"{value.dtype} {list(value.shape)}" if hasattr(value, "shape") else ""
            raise TypeError(
                f"'{name}' looks like the edges of a graph (got {size or type(value).__name__}), "
                f"and those are in 'reservoir.graph' already; call "
                f"'reservoir(x)' with a signal {shape} alone"
            )


def warn_of_signal(reservoir: Any, x: Any) -> None:
    """Warns, once for each reservoir, of an input that is probably meant otherwise."""
    warn_of_gradients(reservoir, x)
    graph, channels = reservoir.graph, reservoir.in_channels
    shape = list(getattr(x, "shape", ()))
    if channels is not None and shape == [graph.num_nodes, channels]:
        one = "x.unsqueeze(0)" if isinstance(x, Tensor) else "x[None]"
        warn_once(
            reservoir,
            "nodes",
            f"'x' of shape {shape} is read as one trial of {shape[0]} samples of {channels} "
            f"channels, and the graph has {shape[0]} nodes. If it holds features of nodes, use "
            f"'SignalReservoir(graph, in_channels={channels})({one})'; if it is a trial, '{one}' "
            f"says so",
        )


def warn_of_gradients(reservoir: nn.Module, x: Any) -> None:
    """Warns, once for each reservoir, where gradients are expected to flow and do not."""
    if isinstance(x, Tensor) and x.requires_grad and torch.is_grad_enabled():
        warn_once(
            reservoir,
            "gradients",
            "'x' requires gradients, and none flow back through this reservoir: its states are "
            "cut from them. Use 'TrainableReservoir(graph)' to train through it, or pass "
            "'x.detach()' if that is meant",
        )


def warn_of_dtype(module: nn.Module, dtype: torch.dtype) -> None:
    """Warns, once for each module, that it stays in float32 whatever the model is told."""
    if dtype != torch.float32:
        warn_once(
            module,
            "dtype",
            f"A {type(module).__name__} computes in float32, for its bits are the same everywhere, "
            f"and does not become {dtype}: its states are float32. Convert them for the layers "
            f"behind it, with 'states.to({dtype})'",
        )


def _is_graph(value: Any) -> bool:
    """Whether ``value`` is a graph, of PyG or of NetworkX."""
    return isinstance(value, BaseData) or type(value).__module__.split(".")[0] == "networkx"


def _is_edges(value: Any, graph: Data, width: int | None) -> bool:
    """Whether ``value`` is an ``edge_index``, an adjacency, or pairs of another ``width``."""
    if type(value).__module__.split(".")[0] in ("torch_sparse", "scipy"):
        return True
    if isinstance(value, np.ndarray) and value.ndim == 2 and 2 in value.shape:
        value = as_tensor("x", value)
    if not isinstance(value, Tensor):
        return False
    if value.layout != torch.strided or isinstance(value, EdgeIndex):
        return True
    ends = graph.edge_index
    for each in (value, value.t()) if value.dim() == 2 else ():
        if each.shape == ends.shape and bool(each.numel()) and bool((each == ends).all()):
            return True
    if value.dim() != 2 or value.size(0) != 2 or value.dtype not in (torch.int32, torch.int64):
        return False
    return value.size(1) != (graph.num_nodes if width is None else width)
