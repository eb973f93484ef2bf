"""Real data as PyG data sets. Nothing is downloaded: see ``datasets/README.md`` for the files."""

from pyngn_graph.datasets.celegans import CElegans
from pyngn_graph.datasets.chickenpox import Chickenpox
from pyngn_graph.datasets.digits import Digits
from pyngn_graph.datasets.edge_table import from_edge_table
from pyngn_graph.datasets.fsdd import FSDD
from pyngn_graph.datasets.japanese_vowels import JapaneseVowels
from pyngn_graph.datasets.larva import DrosophilaLarva
from pyngn_graph.datasets.layout import spectral_layout
from pyngn_graph.datasets.measured import connectome
from pyngn_graph.datasets.mnist import MNIST
from pyngn_graph.datasets.nmnist import NMNISTSmall
from pyngn_graph.datasets.series import SeriesDataset, channel_statistics, standardize

__all__ = [
    "FSDD",
    "MNIST",
    "CElegans",
    "Chickenpox",
    "Digits",
    "DrosophilaLarva",
    "JapaneseVowels",
    "NMNISTSmall",
    "SeriesDataset",
    "channel_statistics",
    "connectome",
    "from_edge_table",
    "spectral_layout",
    "standardize",
]
