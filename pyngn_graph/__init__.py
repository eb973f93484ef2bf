"""Living spiking reservoirs on graphs: delayed spikes and three kinds of glia over PyG."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pyngn_graph import (
    analysis,
    datasets,
    encoding,
    exchange,
    forking,  # noqa: F401 (keeps forked processes from hanging)
    generators,
    history,
    plot,
    recipes,
    tasks,
)
from pyngn_graph.convert import from_networkx, to_networkx
from pyngn_graph.description import describe
from pyngn_graph.exchange import from_data
from pyngn_graph.files import load_graph, save_graph
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.graph import validate
from pyngn_graph.hetero import to_hetero_data
from pyngn_graph.neuron import LIFLayer, LIFParameters
from pyngn_graph.ragged import padded
from pyngn_graph.readout import DeltaReadout, RidgeReadout
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.signals import SignalReservoir
from pyngn_graph.synapse import DelayBuffer, DelayedSpikeConv
from pyngn_graph.trainable import TrainableReservoir
from pyngn_graph.transforms import SafeTransform

if TYPE_CHECKING:
    from pyngn_graph import distributed as distributed
    from pyngn_graph import estimators as estimators
    from pyngn_graph import tuning as tuning

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
    "SafeTransform",
    "SignalReservoir",
    "TrainableReservoir",
    "TriglialReservoir",
    "__version__",
    "analysis",
    "datasets",
    "describe",
    "encoding",
    "exchange",
    "from_data",
    "from_networkx",
    "generators",
    "history",
    "load_graph",
    "padded",
    "plot",
    "recipes",
    "save_graph",
    "tasks",
    "to_hetero_data",
    "to_networkx",
    "validate",
]

_LATER = ("distributed", "estimators", "tuning")
"""Parts that few programs need, some of them with an extra: imported when first named."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return import_module(f"{__name__}.{name}")
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=sys.modules[__name__])

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATER})
