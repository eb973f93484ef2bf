"""Signals on graphs: at every node a series, and the next value of each is the target."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

from pyngn_graph.datasets.download import fetched
from pyngn_graph.datasets.series import check_split, selected

URL = "https://raw.githubusercontent.com/benedekrozemberczki/pytorch_geometric_temporal/master/dataset"
SOURCE = "https://github.com/benedekrozemberczki/pytorch_geometric_temporal (folder dataset)"


class GraphSignal(Dataset):
    """A series at every node of a graph: what comes next?

    ``ds[i]`` is one snapshot, a ``Data`` with ``x`` ``[N, lags]``, the last values of each node,
    oldest first, and ``y`` ``[N]``, the value to predict. Snapshot ``i`` of ``split=None`` ends
    with row ``i + lags - 1`` of the signal, and its target is row ``i + lags``. The split is in
    time: the first ``train_fraction`` of the snapshots, rounded down, train.

    Args:
        signal: All series ``[T, N]``.
        edge_index: The graph ``[2, E]``.
        split: ``"train"``, ``"test"``, or ``None`` for all.
        lags: Values in ``x``, 1 to T - 1.
        train_fraction: Share of the snapshots that train.
        transform: Applied to each ``Data`` when it is taken out.
        edge_attributes: What else is known of edges, ``[E]`` each.

    Raises:
        ValueError: If an argument breaks its rule.
    """

    def __init__(
        self,
        signal: Tensor,
        edge_index: Tensor,
        split: str | None,
        lags: int,
        train_fraction: float,
        transform: Callable[[Data], Data] | None,
        **edge_attributes: Tensor,
    ) -> None:
        check_split(split)
        if not 0.0 < train_fraction < 1.0:
            raise ValueError(f"'train_fraction' must lie between 0 and 1 (got {train_fraction})")
        if not isinstance(lags, int) or not 1 <= lags < len(signal):
            raise ValueError(f"'lags' must be an int from 1 to {len(signal) - 1} (got {lags!r})")
        self.signal, self.edge_index = signal, edge_index
        self._edge_attributes = edge_attributes
        num_train = int(train_fraction * (len(signal) - lags))
        chosen = {"train": slice(num_train), "test": slice(num_train, None), None: slice(None)}
        self._x = signal.unfold(0, lags, 1)[:-1][chosen[split]]
        self._y = signal[lags:][chosen[split]]
        super().__init__(transform=transform)

    def len(self) -> int:
        """Number of snapshots of the split, whatever selection of it this is."""
        return self._y.size(0)

    def get(self, idx: int) -> Data:
        """Snapshot ``idx`` of the split."""
        graph = {"edge_index": self.edge_index, **self._edge_attributes}
        return Data(x=self._x[idx], y=self._y[idx], **graph)

    @property
    def x(self) -> Tensor:
        """The values before each target, ``[B, N, lags]`` float32, oldest first."""
        return selected(self, self._x)

    @property
    def y(self) -> Tensor:
        """The values to predict, ``[B, N]`` float32."""
        return selected(self, self._y)


def read_signal(root: str | Path, name: str, sha256: str, download: bool | str) -> dict[str, Any]:
    """The content of a JSON file of PyTorch Geometric Temporal, fetched first if asked for.

    Raises:
        FileNotFoundError, OSError, ValueError: If it is missing, cannot be fetched, or is another.
    """
    content: dict[str, Any] = json.loads(fetched(root, name, sha256, SOURCE, URL, download))
    return content


def as_edges(pairs: list[list[int]]) -> Tensor:
    """``edge_index`` ``[2, E]`` of a list of pairs."""
    return torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()
