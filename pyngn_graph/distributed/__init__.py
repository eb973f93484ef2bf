"""Reservoirs bigger than a machine: split over the processes of ``torch.distributed``."""

from pyngn_graph.distributed.building import FixedInDegree
from pyngn_graph.distributed.checkpoint import load, save
from pyngn_graph.distributed.partition import partition
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.readout import fit_shared, share
from pyngn_graph.distributed.reservoir import DistributedReservoir

__all__ = [
    "DistributedReservoir",
    "FixedInDegree",
    "Ranks",
    "fit_shared",
    "load",
    "partition",
    "save",
    "share",
]
