"""Weekly bicycle deliveries in London: a signal on a graph."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.graph_signal import GraphSignal, as_edges, read_signal

FILE = "pedalme_london.json"
SHA256 = "8c42b893441901fb805c4f0f937543d5bb9297884ac3dec7622a3e9f7c35a79b"


class PedalMe(GraphSignal):
    """Deliveries by bicycle in 15 districts of London, 35 weeks of 2020 and 2021: how many next?

    ``ds[i]`` is one snapshot, a ``Data`` with ``x`` ``[15, lags]``, ``y`` ``[15]``, and the
    complete graph, ``edge_index`` ``[2, 225]``, ``edge_weight`` ``[225]``, the proximity of two
    districts, 1 for a district and itself. ``ds.x`` ``[B, 15, lags]``, ``ds.y`` ``[B, 15]`` and
    ``ds.signal`` ``[35, 15]`` are dense forms; see :class:`Chickenpox` for snapshots and splits.

    Values are as published, standardized. With 4 lags there are 31 snapshots; the last 10 % are
    4 and the last 20 % are 7: no figure on them means much. Always saying 0 has a mean squared
    error of 1.489 and 1.236.

    Args:
        root: Folder that holds ``pedalme_london.json``; its SHA-256 is checked.
        split: ``"train"``, ``"test"``, or ``None`` for all.
        lags: Weeks in ``x``, 1 to 34.
        train_fraction: Share of the snapshots that train.
        transform: Applied to each ``Data`` when it is taken out.
        download: True fetches the file if it is missing; see :class:`MNIST`.

    Raises:
        FileNotFoundError: If the file is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: Rozemberczki et al. (2021), "PyTorch Geometric Temporal".
    """

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        lags: int = 4,
        train_fraction: float = 0.9,
        transform: Callable[[Data], Data] | None = None,
        *,
        download: bool | str = False,
    ) -> None:
        raw = read_signal(root, FILE, SHA256, download)
        signal, edge_index = torch.tensor(raw["X"], dtype=torch.float32), as_edges(raw["edges"])
        weight = torch.tensor(raw["weights"], dtype=torch.float32)
        super().__init__(
            signal, edge_index, split, lags, train_fraction, transform, edge_weight=weight
        )
