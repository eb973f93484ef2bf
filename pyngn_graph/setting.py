"""What a reservoir is, apart from its graph and its input: parameters that stay from run to run."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from torch_geometric.data import Batch, Data

from pyngn_graph.backends import check
from pyngn_graph.checks import as_number, is_count
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.glia.per_graph import PerGraph, cell_of
from pyngn_graph.graph import longest_delay
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.transforms import Transform, check_callable
from pyngn_graph.unions import graph_sizes, separated, united


def checked_glia(glia: Iterable[GlialCell | Transform]) -> tuple[GlialCell | Transform, ...]:
    """The glia as a tuple; an error if one of them can be none."""
    if isinstance(glia, str) or not isinstance(glia, Iterable):
        raise TypeError(f"'glia' must be a list of cells (got {glia!r}); write 'glia=[...]'")
    cells = tuple(glia)
    for cell in cells:
        check_callable(cell, "Glia")
    return cells


@dataclass(frozen=True, eq=False)
class Setting:
    """What stays the same from run to run; :class:`pyngn_graph.TriglialReservoir` explains it."""

    neuron: LIFParameters
    glia: tuple[GlialCell | Transform, ...]
    dt: float
    glia_period: int
    hold: int
    pool: str | int
    tau_trace: float
    in_flight: str
    max_delay: int
    stateful: bool
    start: str
    backend: str
    threads: int | None

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, LIFParameters):
            raise TypeError(f"'neuron' must be a LIFParameters (got {self.neuron!r})")
        for name in ("glia_period", "hold"):
            steps = getattr(self, name)
            if not is_count(steps):
                raise ValueError(f"'{name}' must be a whole number of steps >= 1 (got {steps!r})")
        if self.threads is not None and not is_count(self.threads):
            raise ValueError(
                f"'threads' must be a whole number >= 1, or None for as many as torch uses "
                f"(got {self.threads!r})"
            )
        if self.pool != "last" and not is_count(self.pool):
            raise ValueError(
                f"'pool' must be 'last' or a number of segments >= 1 (got {self.pool!r})"
            )
        if self.in_flight not in ("arrival", "emission"):
            raise ValueError(
                f"'in_flight' must be 'arrival' or 'emission' (got {self.in_flight!r})"
            )
        if self.start not in ("rest", "lived"):
            raise ValueError(f"'start' must be 'rest' or 'lived' (got {self.start!r})")
        for name in ("glia_period", "hold", "pool", "threads"):  # whole numbers of NumPy too
            count = getattr(self, name)
            if isinstance(count, Integral):
                object.__setattr__(self, name, int(count))
        object.__setattr__(self, "tau_trace", as_number("tau_trace", self.tau_trace))
        if not 0.0 <= self.tau_trace < math.inf:
            raise ValueError(f"'tau_trace' must not be negative, in ms (got {self.tau_trace})")
        check(self.backend)

    @property
    def cells(self) -> list[GlialCell]:
        """The glia that sense, without plain transforms."""
        return [cell for cell in self.glia if isinstance(cell, GlialCell)]

    @property
    def is_foreign(self) -> bool:
        """Whether a cell runs code that is not of this library, and may edit tensors in place."""
        return not all(map(_is_ours, self.cells))

    def glia_of(self, k: int) -> list[GlialCell | Transform]:
        """The glia at work on graph ``k``."""
        return [cell_of(cell, k) for cell in self.glia]

    def prepared(self, data: Data) -> Data:
        """The graph with everything that the cells need, each graph of a ``Batch`` by itself.

        Raises:
            ValueError: If a graph lacks what a cell needs, or the cells of a ``PerGraph`` are not
                as many as the graphs.
        """
        number_of_graphs = len(graph_sizes(data))
        for cell in self.cells:
            if isinstance(cell, PerGraph) and len(cell.cells) != number_of_graphs:
                raise ValueError(
                    f"'PerGraph' holds {len(cell.cells)} cells for {number_of_graphs} graphs; "
                    f"give it one for each graph of the batch"
                )
        graphs = [self.prepared_one(graph, k) for k, graph in enumerate(separated(data))]
        return united(graphs) if isinstance(data, Batch) else graphs[0]

    def prepared_one(self, data: Data, k: int) -> Data:
        """Graph ``k`` with everything that its cells need."""
        for cell in self.glia_of(k):
            if isinstance(cell, GlialCell):
                data = cell.prepare(data)
        return data

    def longest_delays(self, data: Data) -> list[tuple[GlialCell, int]]:
        """Every cell with the longest delay that it may give an edge."""
        return [
            (cell, cell.longest_delay(graph))
            for k, graph in enumerate(separated(data))
            for cell in self.glia_of(k)
            if isinstance(cell, GlialCell)
        ]

    def reach(self, data: Data) -> int:
        """The longest delay that the graph has or may get, for which spikes are remembered."""
        return max([longest_delay(data), *(steps for _, steps in self.longest_delays(data))])


def _is_ours(value: Any) -> bool:
    """Whether a cell, its rule or its criterion has no code but that of this library."""
    if value is None or isinstance(value, str | int | float):
        return True
    parts = [getattr(value, name, None) for name in ("rule", "criterion", "measure", "like")]
    parts += getattr(value, "cells", ())
    return type(value).__module__.startswith("pyngn_graph.") and all(map(_is_ours, parts))
