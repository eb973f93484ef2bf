"""Sunspots, month by month since 1749."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetched
from pyngn_graph.datasets.forecast import ForecastDataset

FILE = "SN_m_tot_V2.0.csv"
SHA256 = "9924714a2b2899d9474eb75b2a6e8fdf43946d43cf70c138cee9ee6151d4d933"
URL = (
    "https://raw.githubusercontent.com/colinahill/Sunspots/c8f6a8e5a6215ea29c249026494343eb8e95e5f8"
)
SOURCE = (
    "https://github.com/colinahill/Sunspots (as of 2019; https://www.sidc.be/SILSO has longer "
    "ones, which are other files)"
)


class Sunspots(ForecastDataset):
    """Mean number of sunspots of each month from January 1749 to February 2019, 3242 in all.

    ``ds.x`` ``[1, T, 1]`` is the number and ``ds.y`` ``[1, T]`` what follows it; ``ds.signal``
    ``[3242, 1]`` holds all months, ``ds.year`` ``[3242]`` float64 when they were. See
    :class:`~pyngn_graph.datasets.forecast.ForecastDataset` for runs and splits. None is fixed. With
    the default, ten lags and a line have a normalized mean squared error (over the variance of the
    targets) of 0.107, the last value again of 0.125: there is little to gain.

    The data may not be used commercially (CC BY-NC 4.0).

    Args:
        root: Folder that holds ``SN_m_tot_V2.0.csv``; its SHA-256 is checked.
        split: ``"train"``, ``"test"``, or ``None`` for both.
        num_train: Months for training.
        num_test: Months for testing behind them; None takes all that are left.
        horizon: How far ahead the target is, in months.
        scale: True standardizes by the training months.
        transform: Applied to the ``Data`` when it is taken out.
        download: True fetches the file if it is missing; see :class:`MNIST`.

    Raises:
        FileNotFoundError: If the file is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: SILSO, World Data Center for the sunspot index, Royal Observatory of Belgium, version 2;
    Clette & Lefèvre (2016), "The new sunspot number: assembling all corrections".
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        num_train: int = 2400,
        num_test: int | None = 800,
        horizon: int = 1,
        scale: bool = True,
        transform: Callable[[Data], Data] | None = None,
        *,
        download: bool | str = False,
    ) -> None:
        text = fetched(root, FILE, SHA256, SOURCE, URL, download).decode("ascii")
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row]
        self.year = torch.tensor([float(row[2]) for row in rows], dtype=torch.float64)
        signal = torch.tensor([float(row[3]) for row in rows], dtype=torch.float64)
        super().__init__(signal, split, num_train, num_test, horizon, scale, transform)
