"""The intensity of a chaotic laser."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetched
from pyngn_graph.datasets.forecast import ForecastDataset

FILE = "santafe_laser.npy"
SHA256 = "8c07281200935596f8e28bc94e1bb25e9964ab7d7f63c5e27ac87b810ac3b33a"
URL = "https://raw.githubusercontent.com/reservoirpy/reservoirpy/master/reservoirpy/datasets"
SOURCE = "https://github.com/reservoirpy/reservoirpy (folder reservoirpy/datasets)"


class SantaFeLaser(ForecastDataset):
    """A far-infrared laser in a chaotic state, series A of the Santa Fe competition.

    ``ds.x`` ``[1, T, 1]`` is the intensity and ``ds.y`` ``[1, T]`` what follows it; ``ds.signal``
    ``[10093, 1]`` holds all samples, whole numbers from 0 to 255 before they are scaled. See
    :class:`~pyngn_graph.datasets.forecast.ForecastDataset` for runs and splits. None is fixed: the
    competition trained on 1000 samples and let models run free for 100, later work predicts one
    step ahead from 2000 or 5000 samples. State yours. With the default, ten lags and a line have a
    normalized mean squared error (over the variance of the targets) of 0.202, the last value again
    of 0.929.

    Args:
        root: Folder that holds ``santafe_laser.npy``; its SHA-256 is checked.
        split: ``"train"``, ``"test"``, or ``None`` for both.
        num_train: Samples for training.
        num_test: Samples for testing behind them; None takes all that are left.
        horizon: How far ahead the target is, in samples.
        scale: True standardizes by the training samples.
        transform: Applied to the ``Data`` when it is taken out.
        download: True fetches the file if it is missing; see :class:`MNIST`.

    Raises:
        FileNotFoundError: If the file is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: Weigend & Gershenfeld (1993), "Time series prediction: forecasting the future and
    understanding the past"; Hübner, Abraham & Weiss (1989) for the measurement.
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        num_train: int = 5000,
        num_test: int | None = 2500,
        horizon: int = 1,
        scale: bool = True,
        transform: Callable[[Data], Data] | None = None,
        *,
        download: bool | str = False,
    ) -> None:
        content = io.BytesIO(fetched(root, FILE, SHA256, SOURCE, URL, download))
        raw = np.lib.format.read_array(content, allow_pickle=False)
        signal = torch.from_numpy(raw.ravel())
        super().__init__(signal, split, num_train, num_test, horizon, scale, transform)
