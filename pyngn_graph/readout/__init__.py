"""Linear readouts: from liquid states to labels or values."""

from pyngn_graph.readout.delta import DeltaReadout
from pyngn_graph.readout.ridge import RidgeReadout

__all__ = ["DeltaReadout", "RidgeReadout"]
