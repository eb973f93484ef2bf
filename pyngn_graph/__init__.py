"""Living spiking reservoirs on graphs: delayed spikes and three kinds of glia over PyG."""

from pyngn_graph import (
    analysis,
    datasets,
    encoding,
    exchange,
    generators,
    history,
    plot,
    recipes,
    tasks,
)
from pyngn_graph.convert import from_networkx, to_networkx
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.graph import validate
from pyngn_graph.neuron import LIFLayer, LIFParameters
from pyngn_graph.readout import DeltaReadout, RidgeReadout
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.synapse import DelayBuffer, DelayedSpikeConv

__version__ = "0.1.0"

__all__ = [
    "Astrocyte",
    "DelayBuffer",
    "DelayedSpikeConv",
    "DeltaReadout",
    "GlialCell",
    "LIFLayer",
    "LIFParameters",
    "Microglia",
    "Oligodendrocyte",
    "RidgeReadout",
    "TriglialReservoir",
    "__version__",
    "analysis",
    "datasets",
    "encoding",
    "exchange",
    "from_networkx",
    "generators",
    "history",
    "plot",
    "recipes",
    "tasks",
    "to_networkx",
    "validate",
]
