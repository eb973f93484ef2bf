"""The part of a graph that one rank holds."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import select

from pyngn_graph.graph import keep_edges, num_targets, refuse_names, validate_part
from pyngn_graph.reserved import NUM_TARGETS
from pyngn_graph.setting import Setting

OF_THE_WHOLE = ("clock", "first_num_edges", "edge_fixed")
"""What is drawn or counted over all edges."""


@dataclass(frozen=True, eq=False)
class Shard:
    """Some neurons of a graph, all edges into them, and the neurons that send spikes over these.

    Here neurons are numbered anew: first the n ``owned`` ones, then the g ``ghosts``, which are
    simulated by other ranks. Attributes of neurons have n rows, those of edges as many as there are
    edges here, in their order in the whole graph.

    Attributes:
        data: The graph of n + g neurons; ``NUM_TARGETS`` is n, and ``edge_number`` ``[E]`` the
            place of each edge in the whole graph, by which ties are broken.
        owned: Numbers of the owned neurons in the whole graph, ``[n]``, rising.
        ghosts: Numbers of the ghosts, ``[g]``, rising.
        num_nodes: Neurons of the whole graph.
    """

    data: Data
    owned: Tensor
    ghosts: Tensor
    num_nodes: int

    @property
    def nodes(self) -> Tensor:
        """Numbers in the whole graph of all neurons here, ``[n + g]``."""
        return torch.cat([self.owned, self.ghosts])


def of_edges(data: Data, owned: Tensor, num_nodes: int) -> Shard:
    """The shard of the ``owned`` neurons from all edges into them, in their order.

    ``data.edge_index`` numbers neurons as the whole graph does; attributes of neurons must be those
    of the owned ones, and ``edge_number`` must be there. It is a shallow copy that is changed.
    """
    src = data.edge_index[0]
    place = torch.full((num_nodes,), -1)
    place[owned] = torch.arange(owned.numel())
    ghosts = torch.unique(src[place[src] < 0])
    place[ghosts] = torch.arange(ghosts.numel()) + owned.numel()
    data = copy.copy(data)
    data.edge_index = place[data.edge_index]
    data.num_nodes = owned.numel() + ghosts.numel()
    data[NUM_TARGETS] = owned.numel()
    return Shard(data, owned, ghosts, num_nodes)


def cut(data: Data, part: Tensor, rank: int) -> Shard:
    """The shard of a whole graph for ``rank``, by the ``part`` ``[N]`` of each neuron."""
    refuse_names(data, "edge_number", NUM_TARGETS)
    num_nodes, owned = data.num_nodes, (part == rank).nonzero().squeeze(1)
    chosen = part[data.edge_index[1]] == rank
    whole = copy.copy(data)
    whole.edge_number = torch.arange(data.num_edges)
    piece = keep_edges(whole, chosen)
    for key in node_keys(data):
        piece[key] = select(data[key], owned, dim=0)
    return of_edges(piece, owned, num_nodes)


def ready(data: Data, setting: Setting) -> Data:
    """What a rank holds, which may have been edited by hand, with all that its cells need.

    Raises:
        TypeError, ValueError: If it cannot run, or lacks what follows from the whole graph alone.
    """
    validate_part(data, setting.max_delay)
    made, own = copy.copy(data), num_targets(data)
    made.clock = data.get("clock", 0)
    made = setting.prepared_one(made, 0)
    anew = [key for key in OF_THE_WHOLE if key in made and key not in data]
    if anew:
        raise ValueError(
            f"A rank cannot make {anew} anew, which follow from the whole graph; keep them, or "
            f"split the whole graph again"
        )
    for key in ("gain", "calcium"):
        if key in made and key not in data:
            made[key] = made[key][:own].clone()
    return made


def node_keys(data: Data, num_rows: int | None = None) -> list[str]:
    """The attributes of neurons: tensors of N (or ``num_rows``) rows that are none of edges."""
    rows = data.num_nodes if num_rows is None else num_rows
    return [
        key
        for key, value in data.to_dict().items()
        if isinstance(value, Tensor)
        and value.dim()
        and value.size(0) == rows
        and not key.startswith("edge_")
    ]


def edge_keys(data: Data) -> list[str]:
    """The attributes of edges but for ``edge_index``."""
    return [
        key
        for key, value in data.to_dict().items()
        if isinstance(value, Tensor) and key.startswith("edge_") and key != "edge_index"
    ]
