"""Small random graphs for the tests of analysis.topology, and how other tools see them."""

from typing import Any

import networkx as nx
import numpy as np
import torch
from hypothesis import strategies as st
from torch_geometric.data import Data

from pyngn_graph.analysis.topology import Network


def simple(seed: int, num_nodes: int = 12, density: float = 0.25) -> Data:
    """No self loop, no parallel edge; weights of both signs, multiples of 1/64."""
    rng = np.random.default_rng(seed)
    there = (rng.random((num_nodes, num_nodes)) < density) & ~np.eye(num_nodes, dtype=bool)
    index = torch.from_numpy(np.stack(there.nonzero()))
    size = index.size(1)
    return Data(
        num_nodes=num_nodes,
        edge_index=index[:, torch.from_numpy(rng.permutation(size))],
        edge_weight=torch.from_numpy(rng.choice([-1, 1], size) * rng.integers(1, 65, size)) / 64.0,
        edge_delay=torch.from_numpy(rng.integers(1, 9, size)),
        pos=torch.from_numpy(rng.uniform(0, 100, (num_nodes, 3))).float(),
    )


@st.composite
def any_graph(draw: st.DrawFn) -> Data:
    """Self loops, parallel edges, silent edges, gains, isolated neurons, and no edges at all."""
    num_nodes = draw(st.integers(1, 8))
    num_edges = draw(st.sampled_from([0, 1, 3, 10, 30]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return Data(
        num_nodes=num_nodes,
        edge_index=torch.from_numpy(rng.integers(num_nodes, size=(2, num_edges))),
        edge_weight=torch.from_numpy(rng.integers(-64, 65, num_edges)) / 64.0,
        edge_delay=torch.from_numpy(rng.integers(1, 9, num_edges)),
        edge_mask=torch.from_numpy(rng.random(num_edges) < 0.8),
        gain=torch.from_numpy(rng.integers(1, 9, num_nodes)) / 4.0,
        pos=torch.from_numpy(rng.uniform(0, 100, (num_nodes, 3))).float(),
        dt=0.5,
    )


def digraph(data: Data) -> Any:
    """The simple graph as NetworkX has it, with the size of each edge and its delay in ms."""
    net = Network.of(data)
    graph = nx.from_scipy_sparse_array(net.sizes, create_using=nx.DiGraph)
    for src, dst, delay in zip(*net.delays.nonzero(), net.delays.data, strict=True):
        graph.edges[int(src), int(dst)]["delay"] = delay * net.dt
    return graph


def toy(*edges: tuple[int, int], num_nodes: int | None = None, **attributes: Any) -> Data:
    """A graph by hand, weights and delays 1 unless given."""
    index = torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t()
    size = int(index.max()) + 1 if num_nodes is None else num_nodes
    data = Data(num_nodes=size, edge_index=index)
    data.update({name: torch.as_tensor(value) for name, value in attributes.items()})
    return data


def renamed(data: Data, order: torch.Tensor) -> Data:
    """The same graph with neuron ``order[i]`` called i, and its edges in another order."""
    place, columns = order.argsort(), torch.arange(data.num_edges).flip(0)
    other = data.clone()
    other.edge_index = place[data.edge_index][:, columns]
    for key in ("edge_weight", "edge_delay", "edge_mask"):
        if key in data:
            other[key] = data[key][columns]
    for key in ("gain", "pos"):
        if key in data:
            other[key] = data[key][order]
    return other
