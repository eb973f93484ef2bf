"""Real data as PyG data sets. Nothing is downloaded: see ``datasets/README.md`` for the files."""

from pyngn_graph.datasets.digits import Digits
from pyngn_graph.datasets.fsdd import FSDD
from pyngn_graph.datasets.series import SeriesDataset, channel_statistics, standardize

__all__ = ["FSDD", "Digits", "SeriesDataset", "channel_statistics", "standardize"]
