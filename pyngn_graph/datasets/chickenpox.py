"""Weekly cases of chickenpox in the counties of Hungary: a signal on a graph."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.graph_signal import GraphSignal, as_edges, read_signal

FILE = "chickenpox.json"
SHA256 = "724b48cfb274b2ecbb855bdb99b970b5ef9dd3671694fa477435dc1e08293735"


class Chickenpox(GraphSignal):
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
        download: True fetches the file if it is missing; see :class:`MNIST`.

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
        *,
        download: bool | str = False,
    ) -> None:
        raw = read_signal(root, FILE, SHA256, download)
        self.counties = tuple(sorted(raw["node_ids"], key=raw["node_ids"].__getitem__))
        signal, edge_index = torch.tensor(raw["FX"], dtype=torch.float32), as_edges(raw["edges"])
        super().__init__(signal, edge_index, split, lags, train_fraction, transform)
