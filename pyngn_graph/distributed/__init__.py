"""Reservoirs bigger than a machine: split over the processes of ``torch.distributed``."""

from pyngn_graph.distributed.partition import partition
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.reservoir import DistributedReservoir

__all__ = ["DistributedReservoir", "Ranks", "partition"]
