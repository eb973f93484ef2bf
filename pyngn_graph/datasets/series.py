"""Data sets of labeled series: items for a PyG loader, and all of them as one dense tensor."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

SPLITS = ("train", "test", None)


class SeriesDataset(Dataset):
    """Labeled series of different lengths.

    ``ds[i]`` is a ``Data`` with ``x`` ``[T, C]`` and ``y`` ``[1]`` (and other labels); slices,
    masks, ``shuffle`` and PyG's ``DataLoader`` work as for any PyG data set. The dense view of the
    same items goes straight into a reservoir: ``reservoir(ds.x, lengths=ds.lengths)``.

    Args:
        x: Series ``[B, T, C]``, zero behind their ends.
        lengths: Number of samples of each, ``[B]``.
        y: Labels ``[B]``.
        transform: Applied to each ``Data`` when it is taken out (not to the dense view).
        labels: Further labels, each ``[B]``.
    """

    def __init__(
        self,
        x: Tensor,
        lengths: Tensor,
        y: Tensor,
        transform: Callable[[Data], Data] | None = None,
        **labels: Tensor,
    ) -> None:
        self._x, self._lengths, self._labels = x, lengths, {"y": y, **labels}
        super().__init__(transform=transform)

    def len(self) -> int:
        """Number of series of the whole data set, whatever selection of it this is."""
        return self._x.size(0)

    def get(self, idx: int) -> Data:
        """Series ``idx`` of the whole data set."""
        labels: dict[str, Any] = {name: value[idx].view(1) for name, value in self._labels.items()}
        return Data(x=self._x[idx, : int(self._lengths[idx])], **labels)

    @property
    def x(self) -> Tensor:
        """All series ``[B, T, C]``, as long as the longest, zero behind their ends.

        The whole data set and slices of it are views of what is stored: do not write into them.
        """
        return self._selected(self._x)[:, : int(self.lengths.max())]

    @property
    def lengths(self) -> Tensor:
        """Samples of each series, ``[B]`` int64."""
        return self._selected(self._lengths)

    @property
    def y(self) -> Tensor:
        """Labels ``[B]`` int64."""
        return self._selected(self._labels["y"])

    def _selected(self, value: Tensor) -> Tensor:
        return selected(self, value)


def selected(dataset: Dataset, value: Tensor) -> Tensor:
    """The rows of ``value`` ``[B, ...]`` that belong to this selection of a data set.

    A view where the selection is a slice, so that large data are not copied.
    """
    indices = dataset.indices()
    if isinstance(indices, range) and indices.step > 0:
        return value[indices.start : indices.stop : indices.step]
    return value[torch.as_tensor(list(indices), dtype=torch.long)]


def check_split(split: str | None) -> None:
    """Refuses the name of a split that does not exist."""
    if split not in SPLITS:
        raise ValueError(f"Unknown split {split!r}; available: {list(SPLITS)} (None: all items)")


def channel_statistics(
    x: Tensor, lengths: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation ``[C]`` of each channel over all samples of all series.

    ``x`` is ``[B, T, C]``; what stands behind ``lengths`` ``[B]`` does not count. Take them from
    training series and give them to :func:`standardize` for these and all others. What rounding
    leaves of a constant channel is no spread. With ``weight`` ``[B]`` a series of weight 2 counts
    as two.
    """
    inside = torch.arange(x.size(1), device=x.device) < lengths.unsqueeze(1)
    samples = x[inside].double()
    if weight is None:
        mean, std = samples.mean(dim=0), samples.std(dim=0, correction=0)
    else:
        share = weight.double().repeat_interleave(lengths) / (weight.double() * lengths).sum()
        mean = share @ samples
        std = (share @ (samples - mean).square()).sqrt()
    std = torch.where(std > 1e-12 * samples.abs().amax(dim=0), std, 0.0)
    return mean.float(), std.float()


def standardize(x: Tensor, lengths: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """``(x - mean) / std`` for ``x`` ``[B, T, C]``, zero behind ``lengths`` ``[B]``.

    A channel without spread is centered only.

    Raises:
        ValueError: If ``mean`` or ``std`` is not ``[C]``.
    """
    for name, value in (("mean", mean), ("std", std)):
        if value.shape != x.shape[2:]:
            raise ValueError(
                f"'{name}' must have shape [{x.size(2)}], one per channel (got "
                f"{list(value.shape)}); take it from series with the same channels"
            )
    inside = torch.arange(x.size(1), device=x.device) < lengths.unsqueeze(1)
    scaled = (x - mean) / torch.where(std > 0, std, 1.0)
    return torch.where(inside.unsqueeze(2), scaled, 0.0)
