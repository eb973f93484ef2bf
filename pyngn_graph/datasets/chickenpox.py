"""Weekly cases of chickenpox in the counties of Hungary: a signal on a graph."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

from pyngn_graph.datasets.files import read_checked
from pyngn_graph.datasets.series import check_split, selected

FILE = "chickenpox.json"
SHA256 = "724b48cfb274b2ecbb855bdb99b970b5ef9dd3671694fa477435dc1e08293735"
SOURCE = "https://github.com/benedekrozemberczki/pytorch_geometric_temporal (folder dataset)"


class Chickenpox(Dataset):
    """Chickenpox in the 20 counties of Hungary, 521 weeks from 2005 to 2015: how many next week?

    ``ds[i]`` is one snapshot, a ``Data`` on the graph of neighboring counties (``edge_index``
    ``[2, 102]``, every county its own neighbor) with ``x`` ``[20, lags]``, the last ``lags`` weeks
    of each county, oldest first, and ``y`` ``[20]``, the week to predict. All snapshots of the
    split in dense form are ``ds.x`` ``[B, 20, lags]`` and ``ds.y`` ``[B, 20]``; ``ds.signal``
    ``[521, 20]`` is the whole series, whatever the split, an input for ``reservoir(ds.signal)``.
    Snapshot ``i`` of ``split=None`` ends with week ``i + lags - 1``, and its target is week
    ``i + lags``.

    Values are as published, cases standardized per county over all 521 weeks (the test weeks too).
    The split is in time: the first ``train_fraction`` of the snapshots, rounded down, train. With
    4 lags there are 517; the last 10 % (52) test in the paper, the last 20 % (104) in examples of
    its library: say which. Always saying 0 has a mean squared error of 1.117 and 1.047.

    Args:
        root: Folder that holds ``chickenpox.json``; its SHA-256 is checked.
        split: ``"train"``, ``"test"``, or ``None`` for all.
        lags: Weeks in ``x``, 1 to 520.
        train_fraction: Share of the snapshots that train.
        transform: Applied to each ``Data`` when it is taken out.

    Raises:
        FileNotFoundError: If the file is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: Rozemberczki, Scherer, Kiss, Sarkar & Ferenci (2021), "Chickenpox cases in Hungary";
    protocol: Rozemberczki et al. (2021), "PyTorch Geometric Temporal".
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        lags: int = 4,
        train_fraction: float = 0.9,
        transform: Callable[[Data], Data] | None = None,
    ) -> None:
        check_split(split)
        if not 0.0 < train_fraction < 1.0:
            raise ValueError(f"'train_fraction' must lie between 0 and 1 (got {train_fraction})")
        raw = json.loads(read_checked(root, FILE, SHA256, SOURCE))
        self.signal = torch.tensor(raw["FX"])
        self.edge_index = torch.tensor(raw["edges"]).t().contiguous()
        self.counties = tuple(sorted(raw["node_ids"], key=raw["node_ids"].__getitem__))
        num_weeks = len(self.signal)
        if not isinstance(lags, int) or not 1 <= lags < num_weeks:
            raise ValueError(f"'lags' must be an int from 1 to {num_weeks - 1} (got {lags!r})")
        num_train = int(train_fraction * (num_weeks - lags))
        chosen = {"train": slice(num_train), "test": slice(num_train, None), None: slice(None)}
        self._x = self.signal.unfold(0, lags, 1)[:-1][chosen[split]]
        self._y = self.signal[lags:][chosen[split]]
        super().__init__(transform=transform)

    def len(self) -> int:
        """Number of snapshots of the split, whatever selection of it this is."""
        return self._y.size(0)

    def get(self, idx: int) -> Data:
        """Snapshot ``idx`` of the split."""
        return Data(x=self._x[idx], y=self._y[idx], edge_index=self.edge_index)

    @property
    def x(self) -> Tensor:
        """The weeks before each target, ``[B, 20, lags]`` float32, oldest first."""
        return selected(self, self._x)

    @property
    def y(self) -> Tensor:
        """The week to predict, ``[B, 20]`` float32."""
        return selected(self, self._y)
