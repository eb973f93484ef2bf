"""The rule "coherence" on a GPU: as much work as there are neurons and synaptic events."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import cuda_kernels as kernels
from pyngn_graph.backends.cuda_wiring import Wiring
from pyngn_graph.backends.loadings import NODES
from pyngn_graph.glia import Coherence, Oligodendrocyte
from pyngn_graph.glia.base import dt_of
from pyngn_graph.glia.coherence import FLOOR, TINY

BLOCK = 256
"""Neurons or edges that a program works on at once."""


class Loadings:
    """What :class:`~pyngn_graph.glia.Coherence` keeps, as its kernels work on it; float64.

    Args:
        data: The graph.
        wiring: Its live edges.
        cell: The oligodendrocyte at work, whose rule it is.
        programs: How many programs share the spikes of a step.
    """

    def __init__(self, data: Data, wiring: Wiring, cell: Oligodendrocyte, programs: int) -> None:
        assert isinstance(cell.sensing, Coherence)
        self.wiring, self.programs, self.num_nodes = wiring, programs, data.num_nodes
        self.edges = [
            data[key][wiring.edge].double()
            for key in ("edge_weight", "edge_delay", "edge_loading", "edge_pull")
        ]
        self.nodes = {name: data[key].clone() for key, name in NODES.items()}
        self.program = data.coherence_delay.contiguous()
        self.now = [torch.empty_like(self.nodes["trace"]) for _ in range(3)]
        self.units = torch.zeros(2, data.num_nodes, dtype=torch.int64, device=self.program.device)
        rule = (*cell.sensing.constants(dt_of(data)), cell.sensing.eta, cell.eta, TINY, FLOOR)
        self.constants = torch.tensor(rule, dtype=torch.float64, device=self.program.device)

    def step(self, clock: Tensor, nodes: Tensor, mark: Tensor, fired: Tensor) -> None:
        """Launches the kernels of one step; the arguments are those of the loop, of one column."""
        part, blocks = self.nodes, (-(-self.num_nodes // BLOCK),)
        how: Any = {"BLOCK": BLOCK, "enable_fp_fusion": False}
        kernels.follow[blocks](self.constants, *part.values(), *self.now, self.num_nodes, **how)
        kernels.learn[(self.programs,)](
            self.constants,
            clock,
            self.wiring.start,
            self.wiring.jump,
            *self.edges,
            part["trace"],
            part["mean"],
            *self.now,
            self.program,
            self.units,
            nodes,
            mark,
            self.num_nodes,
            **how,
        )
        kernels.gather[blocks](
            clock,
            part["trace"],
            part["total"],
            part["total_mean"],
            self.units,
            fired,
            self.num_nodes,
            fired.size(1),
            **how,
        )

    def write_back(self, data: Data) -> None:
        """Writes everything that has changed to the graph."""
        edge, (_, _, loading, pull) = self.wiring.edge, self.edges
        data.edge_loading = data.edge_loading.index_copy(0, edge, loading)
        data.edge_pull = data.edge_pull.index_copy(0, edge, pull)
        for key, name in NODES.items():
            data[key] = self.nodes[name]
