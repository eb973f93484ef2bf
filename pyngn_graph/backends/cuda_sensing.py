"""How the edges of an epoch are looked through on a GPU."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends import cuda_kernels as kernels
from pyngn_graph.backends.cuda_wiring import Wiring
from pyngn_graph.backends.looking import Senses
from pyngn_graph.backends.sensing import Look

EDGES = 32
"""Edges that a program looks through at once: a lane of a warp for each."""


def look(wiring: Wiring, data: Data) -> Look:
    """What :class:`~pyngn_graph.backends.sensing.Sensing` calls, for the live edges of ``data``."""

    def look_through(
        s: Senses, spike_start: Tensor, spike_time: Tensor, depth: int, seen: int, until: int
    ) -> None:
        if not wiring.edge.numel():
            return
        for old, new in zip(s.known, s.now, strict=True):
            new.copy_(old)
        with torch.cuda.device_of(spike_time):  # type: ignore[no-untyped-call]
            kernels.look_through[(-(-wiring.edge.numel() // EDGES),)](
                wiring.edge,
                data.edge_index[0].contiguous(),
                wiring.jump,
                spike_start,
                spike_time,
                s.early_start,
                s.early,
                *s.now,
                s.gains,
                s.growth,
                wiring.edge.numel(),
                data.num_nodes,
                s.clock,
                seen,
                until,
                min(s.window, 2**62),
                s.gains.numel(),
                s.base,
                s.growth.numel() - 1,
                float(s.price),
                LISTENS=s.listens,
                HEALS=s.heals,
                CHARGES=bool(s.heals and s.price),
                EARLY=bool(s.early.numel()),
                BLOCK=EDGES,
                num_warps=1,
                enable_fp_fusion=False,
            )

    return look_through
