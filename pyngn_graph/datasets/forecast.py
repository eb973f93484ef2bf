"""One long series as a data set: what comes next?"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

from pyngn_graph.datasets.series import check_split


class ForecastDataset(Dataset):
    """A series of which a first stretch trains and the next one tests.

    There is one item, a run: ``ds[0]`` is a ``Data`` with ``x`` ``[T, 1]`` and ``y`` ``[T]``, and
    ``y[t]`` is ``x[t + horizon]``. In dense form, for ``reservoir.run(ds.x)``, these are ``ds.x``
    ``[1, T, 1]`` and ``ds.y`` ``[1, T]``. Targets of the training run are the samples up to
    ``num_train``, targets of the test run the ``num_test`` samples behind them. A reservoir that is
    warm when testing begins has run on both: ``split=None``, whose rows ``ds.for_test`` ``[T]``
    tells apart.

    Args:
        signal: All samples ``[S]``.
        split: ``"train"``, ``"test"``, or ``None`` for both.
        num_train: Samples for training.
        num_test: Samples for testing behind them; None takes all that are left.
        horizon: How far ahead the target is, in samples.
        scale: True standardizes by mean and standard deviation of the training samples, which stand
            in ``ds.mean`` and ``ds.std``; False keeps the unit of the file.
        transform: Applied to the ``Data`` when it is taken out.

    Raises:
        ValueError: If an argument breaks its rule.
    """

    def __init__(
        self,
        signal: Tensor,
        split: str | None,
        num_train: int,
        num_test: int | None,
        horizon: int,
        scale: bool,
        transform: Callable[[Data], Data] | None,
    ) -> None:
        check_split(split)
        size = signal.numel()
        _check("num_train", num_train, 2, size - 1)
        num_test = size - num_train if num_test is None else num_test
        _check("num_test", num_test, 1, size - num_train)
        _check("horizon", horizon, 1, num_train - 1)
        first = signal[:num_train].double()
        self.mean, self.std = (float(first.mean()), float(first.std(correction=0)))
        self.signal = signal.float().unsqueeze(1)
        if scale:
            self.signal = ((signal.double() - self.mean) / (self.std or 1.0)).float().unsqueeze(1)
        border, end = num_train - horizon, num_train + num_test - horizon
        rows = {"train": slice(border), "test": slice(border, end), None: slice(end)}[split]
        self._x = self.signal[rows]
        self._y = self.signal[horizon:][rows].squeeze(1)
        self.for_test = (torch.arange(end) >= border)[rows]
        super().__init__(transform=transform)

    def len(self) -> int:
        """One: the run."""
        return 1

    def get(self, idx: int) -> Data:
        """The run."""
        return Data(x=self._x, y=self._y)

    @property
    def x(self) -> Tensor:
        """The input ``[1, T, 1]`` float32."""
        return self._x.unsqueeze(0)

    @property
    def y(self) -> Tensor:
        """The samples to predict, ``[1, T]`` float32."""
        return self._y.unsqueeze(0)


def _check(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"'{name}' must be an int from {low} to {high} (got {value!r})")
