"""Glia for a union: a cell of its own for each graph of a ``Batch``."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.glia.base import GlialCell
from pyngn_graph.glia.microglia import Microglia
from pyngn_graph.glia.oligodendrocyte import Oligodendrocyte
from pyngn_graph.graph import ANY_DELAY, validate
from pyngn_graph.unions import separated, spans, united

SENSES: dict[type[GlialCell], tuple[str, ...]] = {
    Oligodendrocyte: ("window", "sensing"),
    Microglia: ("trace", "eta", "decay", "cost", "tau_h"),
}
"""Parameters of what a cell senses at every step; all others matter at ticks alone."""


class PerGraph(GlialCell):
    """Cell k is at work on graph k of a ``Batch``: how parameters of glia are swept.

    Where a cell alone stands in ``glia=``, every graph has one like it. Cells of one kind that
    differ only in what they do at ticks run as fast as one cell, and so do astrocytes of one rule;
    others run on the reference backend. All graphs must get the same attributes: a ``territory``,
    say, or a cost of arrivals, in all cells or in none.

    Args:
        cells: A cell for each graph, all on the fast clock or all on the slow one.

    Raises:
        TypeError: If one of them is no glial cell.
        ValueError: If there are none, some are on the other clock, or their number is not that of
            the graphs.
    """

    def __init__(self, cells: Sequence[GlialCell]) -> None:
        self.cells = tuple(cells)
        for cell in self.cells:
            if not isinstance(cell, GlialCell) or isinstance(cell, PerGraph):
                raise TypeError(f"'PerGraph' needs glial cells (got {cell!r})")
        if len({cell.every_step for cell in self.cells}) != 1:
            raise ValueError(
                "'PerGraph' needs cells that are all on the fast clock, or all on the slow one "
                f"(got {list(self.cells)!r})"
            )

    @property
    def every_step(self) -> bool:  # type: ignore[override]
        """Whether the cells are on the fast clock."""
        return self.cells[0].every_step

    def __call__(self, data: Data) -> Data:
        """Lets each cell rewrite its graph of a ``Batch``."""
        graphs = separated(validate(data, max_delay=ANY_DELAY))
        if not isinstance(data, Batch) or len(graphs) != len(self.cells):
            raise ValueError(
                f"'PerGraph' holds {len(self.cells)} cells but meets "
                f"{len(graphs)} graphs; give it a cell for each graph of a 'Batch'"
            )
        return united([cell(graph) for cell, graph in zip(self.cells, graphs, strict=True)])

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        """Lets each cell sense its graph."""
        parts = iter(spans(data))

        def act(cell: GlialCell, graph: Data) -> Data:
            nodes, edges = next(parts)
            cell.observe(graph, arrivals[edges], spikes[nodes])
            return graph

        self._on_each(data, act)

    def forward(self, data: Data) -> Data:
        """Lets each cell rewrite what belongs to the neurons of its graph."""
        self._on_each(data, lambda cell, graph: cell.forward(graph))
        return data

    def forget(self, data: Data) -> None:
        """Lets each cell forget."""

        def act(cell: GlialCell, graph: Data) -> Data:
            cell.forget(graph)
            return graph

        self._on_each(data, act)

    def _on_each(self, data: Data, act: Callable[[GlialCell, Data], Data]) -> None:
        """Lets every cell act on its graph, and writes to ``data`` what has changed."""
        graphs = separated(data)
        before = [graph.to_dict() for graph in graphs]
        after = [act(cell, graph) for cell, graph in zip(self.cells, graphs, strict=True)]
        changed = {
            key
            for old, graph in zip(before, after, strict=True)
            for key, value in graph.to_dict().items()
            if value is not old.get(key)
        }
        whole = united(after)
        for key in changed:
            data[key] = whole[key]


def cell_of(cell: Any, k: int) -> Any:
    """What is at work on graph ``k`` where ``cell`` stands in the list of glia."""
    return cell.cells[k] if isinstance(cell, PerGraph) else cell


def as_one(cell: GlialCell) -> GlialCell:
    """A cell that senses as each cell of a ``PerGraph`` does, if there is one; else ``cell``."""
    if not isinstance(cell, PerGraph):
        return cell
    first, *others = cell.cells
    names = SENSES.get(type(first), ())
    if not names or any(type(other) is not type(first) for other in others):
        return cell
    for name in names:
        if any(getattr(other, name) != getattr(first, name) for other in others):
            return cell
    if getattr(first, "sensing", None) is not None and len({c.eta for c in cell.cells}) > 1:
        return cell
    return first
