"""Which rank simulates which neuron."""

import math
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.extras import needed

METHODS = ("auto", "space", "metis", "blocks")


def partition(data: Data, num_parts: int, method: str = "auto") -> Tensor:
    """A rank, 0 to ``num_parts - 1``, for every neuron, ``[N]`` int64, all equally often (+-1).

    ``"space"`` cuts recursively at right angles to the longest side of what is left of ``pos``, so
    that few edges of a tissue cross (recursive coordinate bisection; Berger and Bokhari, 1987);
    ``"blocks"`` takes the neurons in their order; ``"metis"`` minimizes the cut edges themselves,
    at slightly different sizes (Karypis and Kumar, 1998), and needs ``pymetis``. ``"auto"`` is
    space where there is ``pos``, else metis where it is installed, else blocks.

    Which partition is used changes the time of a run, and no bit of it.

    Raises:
        ValueError: If there is no such method, or fewer neurons than parts, or no ``pos`` to cut.
        ImportError: If pymetis is asked for and missing.
    """
    num_nodes = data.num_nodes
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}; available: {list(METHODS)}")
    if not 1 <= num_parts <= num_nodes:
        raise ValueError(
            f"'num_parts' must lie in 1..{num_nodes}, the neurons of the graph (got {num_parts})"
        )
    has_pos = data.get("pos") is not None
    if method == "auto":
        method = "space" if has_pos else "metis" if find_spec("pymetis") else "blocks"
    if method == "space":
        if not has_pos:
            raise ValueError("method 'space' needs 'pos' [N, 3]; use 'blocks' or 'metis'")
        return cut_space(data.pos, num_parts)
    return _metis(data, num_parts) if method == "metis" else blocks(num_nodes, num_parts)


def blocks(num_nodes: int, num_parts: int) -> Tensor:
    """Consecutive neurons, as many for each part as can be, ``[N]`` int64."""
    return torch.arange(num_nodes) * num_parts // num_nodes


def cut_space(pos: Tensor, num_parts: int) -> Tensor:
    """The parts of ``pos`` ``[N, 3]`` by recursive bisection; see :func:`partition`."""
    part = torch.zeros(pos.size(0), dtype=torch.int64)
    pending = [(torch.arange(pos.size(0)), 0, num_parts)]
    while pending:
        nodes, first, number = pending.pop()
        if number == 1:
            part[nodes] = first
            continue
        place, left = pos[nodes], number // 2
        axis = int((place.amax(dim=0) - place.amin(dim=0)).argmax())
        nodes = nodes[torch.argsort(place[:, axis], stable=True)]
        size = math.floor(nodes.numel() * left / number + 0.5)
        pending.append((nodes[:size], first, left))
        pending.append((nodes[size:], first + left, number - left))
    return part


def _metis(data: Data, num_parts: int) -> Tensor:
    pymetis = needed("pymetis", "metis", "method 'metis'")
    ends = data.edge_index
    pairs = torch.cat([ends, ends.flip(0)], dim=1)
    pairs = torch.unique(pairs[:, ends.repeat(1, 2)[0] != ends.repeat(1, 2)[1]], dim=1)
    start = torch.searchsorted(pairs[0].contiguous(), torch.arange(data.num_nodes + 1))
    adjacency = pymetis.CSRAdjacency(start.tolist(), pairs[1].tolist())
    found: Any = pymetis.part_graph(num_parts, adjacency)
    return torch.tensor(found[1], dtype=torch.int64)
