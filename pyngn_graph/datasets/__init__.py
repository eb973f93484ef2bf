"""Real data as PyG data sets.

Each has a card in the folder ``datasets`` of the repository. Nothing is downloaded unless
``download`` is set.
"""

from pyngn_graph.datasets.celegans import CElegans
from pyngn_graph.datasets.chickenpox import Chickenpox
from pyngn_graph.datasets.digits import Digits
from pyngn_graph.datasets.edge_table import from_edge_table
from pyngn_graph.datasets.forecast import ForecastDataset
from pyngn_graph.datasets.fsdd import FSDD
from pyngn_graph.datasets.graph_signal import GraphSignal
from pyngn_graph.datasets.human import HumanConnectome998
from pyngn_graph.datasets.japanese_vowels import JapaneseVowels
from pyngn_graph.datasets.larva import DrosophilaLarva
from pyngn_graph.datasets.layout import spectral_layout
from pyngn_graph.datasets.measured import connectome
from pyngn_graph.datasets.mnist import MNIST
from pyngn_graph.datasets.montevideo_bus import MontevideoBus
from pyngn_graph.datasets.mouse import Mouse98
from pyngn_graph.datasets.nmnist import NMNISTSmall
from pyngn_graph.datasets.one_graph import ConnectomeDataset
from pyngn_graph.datasets.pedalme import PedalMe
from pyngn_graph.datasets.santafe_laser import SantaFeLaser
from pyngn_graph.datasets.series import SeriesDataset, channel_statistics, standardize
from pyngn_graph.datasets.sunspots import Sunspots

__all__ = [
    "FSDD",
    "MNIST",
    "CElegans",
    "Chickenpox",
    "ConnectomeDataset",
    "Digits",
    "DrosophilaLarva",
    "ForecastDataset",
    "GraphSignal",
    "HumanConnectome998",
    "JapaneseVowels",
    "MontevideoBus",
    "Mouse98",
    "NMNISTSmall",
    "PedalMe",
    "SantaFeLaser",
    "SeriesDataset",
    "Sunspots",
    "channel_statistics",
    "connectome",
    "from_edge_table",
    "spectral_layout",
    "standardize",
]
