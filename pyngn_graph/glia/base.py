"""What every glial cell is: a PyG transform that also senses the running graph."""

import inspect
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from pyngn_graph.graph import ANY_DELAY, number, validate
from pyngn_graph.memo import remembered
from pyngn_graph.reserved import NEVER
from pyngn_graph.unions import each_graph


class GlialCell(BaseTransform):
    """Base of astrocytes, oligodendrocytes, microglia and of cells you write yourself.

    A cell has two halves. :meth:`observe` is called at every step and writes what the cell
    senses to attributes of the graph; :meth:`forward` rewrites the graph from them, at every step
    if ``every_step`` is True, else every ``glia_period`` steps. The graph itself is the only
    memory of a cell: the same cell may serve many graphs, and saving the graph saves all.

    A graph with glia counts its steps of life in ``data.clock`` and knows its ``data.dt`` (ms).
    """

    every_step = False

    is_sound = False
    """Whether ``forward`` does no more than move delays within their range and drop edges.

    Then what it makes of a valid graph is valid, and its edges are old ones, in their order and
    with their weights. It holds for cells of this library with a rule of their own.
    """

    def __call__(self, data: Data) -> Data:
        """Checks a graph and rewrites a shallow copy of it; see :meth:`forward`.

        Each graph of a ``Batch`` is rewritten by itself.
        """
        # How long delays may be is for the reservoir to say.
        return each_graph(validate(data, max_delay=ANY_DELAY), super().__call__)

    def prepare(self, data: Data) -> Data:
        """Adds the attributes that the cell needs and ``data`` lacks."""
        return data

    def longest_delay(self, data: Data) -> int:
        """The longest delay in steps that the cell may give an edge.

        Spikes are remembered for so long, or for the longest delay that the graph has by itself.
        """
        return 1

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        """Senses one step.

        Args:
            data: The graph; attributes are assigned anew, never edited in place.
            arrivals: ``[E]`` bool, where a spike arrives over a live edge.
            spikes: ``[N]`` bool, which neurons fire.
        """

    def forget(self, data: Data) -> None:
        """Drops what was sensed of spikes under way, when the fast state is reset."""

    def forward(self, data: Data) -> Data:
        """Rewrites the graph from what was sensed."""
        return data

    def config(self) -> dict[str, Any]:
        """The parameters of the cell, by the names of its constructor."""
        names = inspect.signature(type(self).__init__).parameters
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def __repr__(self) -> str:
        config = ", ".join(f"{name}={value!r}" for name, value in self.config().items())
        return f"{type(self).__name__}({config})"


def dt_of(data: Data) -> float:
    """Step of the graph in ms, 1 where it does not say."""
    return number(data, "dt", 1.0)


def clock_of(data: Data) -> int:
    """Steps that the graph has lived with its glia."""
    return int(number(data, "clock", 0))


def as_array(value: Tensor) -> NDArray[Any]:
    """The memory of ``value``, or of a copy if it lies on another device or is not contiguous."""
    array: NDArray[Any] = value.detach().cpu().contiguous().numpy()
    return array


def check_clocks(data: Data, *keys: str) -> None:
    """Refuses a graph on which one of ``data[key]``, arrivals or a number, is later than its clock.

    Raises:
        ValueError: If so: its edges have lived on, its clock has not.
    """
    for key in keys:
        if key not in data:
            continue
        latest = _latest_arrival(data) if key == "edge_arrival" else int(number(data, key, 0))
        if latest > clock_of(data):
            raise ValueError(
                f"'{key}' reaches {latest}, later than 'clock' = {clock_of(data)} of "
                f"the graph; keep 'data.clock' with the edges, or delete '{key}'"
            )


@remembered("edge_arrival")
def _latest_arrival(data: Data) -> int:
    """Clock of the latest arrival over any edge."""
    return int(data.edge_arrival.max()) if data.num_edges else NEVER


def f32(value: float) -> float:
    """The float32 nearest to ``value``: a constant that means the same on every backend."""
    return float(np.float32(value))


def remember_arrivals(data: Data, arrivals: Tensor) -> None:
    """Writes the clock of the last arrival over each edge to ``data.edge_arrival``.

    Several cells may call this in one step: it changes nothing the second time.
    """
    data.edge_arrival = torch.where(arrivals, clock_of(data), data.edge_arrival)


def no_arrivals(data: Data) -> Tensor:
    """An ``edge_arrival`` that remembers nothing."""
    return torch.full_like(data.edge_index[0], NEVER)


def power(base: float, n: int) -> float:
    """``base ** n`` for a whole number ``n``, a float32 from :func:`power_table`."""
    table = power_table(base, n)
    return float(table[min(n, table.numel() - 1)])


def power_table(base: float, longest: int) -> Tensor:
    """``base ** n`` for n = 0 .. at least ``longest``: float64, rounded once to float32.

    It ends earlier where all further powers are the same: the last entry stands for them.
    """
    size = 1 << longest.bit_length()
    if base == 1.0:
        size = 1
    elif base < 1.0:  # no float32 is as small as e^-104
        size = min(size, 2 if base == 0.0 else math.ceil(-104.0 / math.log(base)) + 1)
    return _power_table(base, size)


@lru_cache(maxsize=64)
def _power_table(base: float, size: int) -> Tensor:
    return torch.tensor([base**n for n in range(size)], dtype=torch.float64).float()


@lru_cache(maxsize=64)
def decay_table(scale: float, tau: float, length: int) -> Tensor:
    """``scale * exp(-n / tau)`` for n = 0 .. ``length - 1``, likewise."""
    table = [scale * math.exp(-n / tau) for n in range(length)]
    return torch.tensor(table, dtype=torch.float64).float()
