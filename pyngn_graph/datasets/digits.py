"""Handwritten digits of 8 x 8 pixels, read row by row."""

from collections.abc import Callable

import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.series import SeriesDataset, check_split
from pyngn_graph.extras import needed


class Digits(SeriesDataset):
    """The 1797 digits that scikit-learn brings along, as series of 8 rows of 8 pixels.

    ``x`` is ``[B, 8, 8]`` float32 (row, column) in [0, 1], ``y`` ``[B]`` the digit. The split is
    fixed: 450 items drawn with seed 0, stratified by digit, are for testing, 1347 for training.

    Args:
        split: ``"train"``, ``"test"``, or ``None`` for all.
        transform: Applied to each ``Data`` when it is taken out.

    Raises:
        ImportError: If scikit-learn is not installed.
        ValueError: If the split is unknown.

    Source: Alpaydin & Kaynak (1998), "Optical recognition of handwritten digits", UCI repository.
    """

    num_classes = 10

    def __init__(
        self,
        split: str | None = "train",
        transform: Callable[[Data], Data] | None = None,
    ) -> None:
        check_split(split)
        raw = needed("sklearn.datasets", "demo", "'Digits'").load_digits()
        x = torch.from_numpy(raw.images).float() / 16.0
        y = torch.from_numpy(raw.target).long()
        if split is not None:
            from sklearn.model_selection import train_test_split

            train, test = train_test_split(
                range(len(y)), test_size=450, random_state=0, stratify=raw.target
            )
            chosen = torch.tensor(train if split == "train" else test)
            x, y = x[chosen], y[chosen]
        super().__init__(x, torch.full_like(y, x.size(1)), y, transform)
