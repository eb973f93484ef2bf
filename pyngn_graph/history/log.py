"""All graphs of a run: the first, and every change of it."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import number
from pyngn_graph.history.change import Change, Content, changed, difference

SENSED = frozenset(
    {
        *("calcium", "axon_trace", "edge_health", "edge_cost", "health_clock", "edge_arrival"),
        *("edge_hits", "edge_lag", "edge_loading", "edge_pull"),
        *("coherence_mean", "coherence_variance", "coherence_sum", "coherence_delay"),
    }
)
"""What glia sense; it changes at every step and nearly everywhere."""


class TopologyRecorder:
    """What a run keeps of its changing graph: ``run(x, record=(TopologyRecorder(), "v"))``.

    ``record="topology"`` stands for one with its defaults.

    Args:
        measures: Groups of :data:`pyngn_graph.analysis.topology.MEASURES`, taken at the beginning
            and after ticks; by default :data:`pyngn_graph.analysis.topology.CHEAP`. ``()``: none.
        sensed: Keep what glia sense, too, as health and calcium. A graph of the log then has every
            attribute of the graph of the run, at the cost of all of these at every tick.

    Raises:
        ValueError: If a group is unknown.
    """

    def __init__(self, measures: Iterable[str] | None = None, sensed: bool = False) -> None:
        from pyngn_graph.analysis.topology.summary import CHEAP, checked

        self.measures, self.sensed = checked(CHEAP if measures is None else measures), sensed

    def __repr__(self) -> str:
        return f"TopologyRecorder(measures={self.measures!r}, sensed={self.sensed!r})"


class TopologyLog:
    """The history of a graph, from which it can be rebuilt at any moment.

    Moment 0 is the beginning, moment k comes after the k-th tick of the slow clock; between two
    ticks the wiring is constant. Tensors are kept on the CPU.

    Attributes:
        changes: A :class:`Change` for each tick.
        summaries: Clock and measures of the moments at which they were taken: the beginning, and
            the first tick at least ``every`` steps after the last of them.

    Args:
        recorder: What is kept.
        every: Fewest steps between two sets of measures.
    """

    def __init__(self, recorder: TopologyRecorder, every: int = 1) -> None:
        self.recorder, self.every = recorder, every
        self.changes: list[Change] = []
        self.summaries: list[tuple[int, dict[str, float]]] = []
        self._start: Content = {}
        self._now: Content = {}

    def begin(self, data: Data) -> None:
        """Takes down the graph at the beginning."""
        self._start = self._now = self._content(data)
        self._summarize(data)

    def tick(self, data: Data, origin: Tensor | None) -> None:
        """Takes down the graph after a tick.

        Args:
            data: The graph as it now stands.
            origin: The place in the list of before of every edge, ``[E]``, -1 where it is new;
                None if the edges are the same.
        """
        before, self._now = self._now, self._content(data)
        origin = None if origin is None else origin.cpu()
        self.changes.append(difference(before, self._now, origin))
        if self.changes[-1].clock - self.summaries[-1][0] >= self.every:
            self._summarize(data)

    def __len__(self) -> int:
        return 1 + len(self.changes)

    def __repr__(self) -> str:
        dropped = sum(change.dropped.numel() for change in self.changes)
        grown = sum(change.grown.numel() for change in self.changes)
        return f"TopologyLog({len(self)} moments, {dropped} edges dropped, {grown} grown)"

    @property
    def clocks(self) -> list[int]:
        """Steps of life at every moment."""
        return [int(self._start["clock"]), *(change.clock for change in self.changes)]

    def graphs(self) -> Iterator[Data]:
        """The graph at every moment, one after the other."""
        content = self._start
        yield _graph(content)
        for change in self.changes:
            content = changed(content, change)
            yield _graph(content)

    def graph(self, moment: int = -1) -> Data:
        """The graph at a moment; negative numbers count from the end.

        Raises:
            IndexError: If there is no such moment.
        """
        if not -len(self) <= moment < len(self):
            raise IndexError(f"The log has the moments 0 to {len(self) - 1} (got {moment})")
        content = self._start
        for change in self.changes[: moment % len(self)]:
            content = changed(content, change)
        return _graph(content)

    def at(self, clock: int) -> Data:
        """The graph after ``clock`` steps of life, as the last tick until then left it.

        Raises:
            ValueError: If that lies before the log.
        """
        clocks = self.clocks
        if clock < clocks[0]:
            raise ValueError(f"The log begins at clock {clocks[0]} (got {clock})")
        return self.graph(max(k for k, time in enumerate(clocks) if time <= clock))

    def table(self) -> Any:
        """The measures over time, one in a row, with a column for each clock.

        Returns:
            See :func:`pyngn_graph.analysis.topology.summary`.
        """
        from pyngn_graph.analysis.topology.table import as_table

        return as_table({str(clock): facts for clock, facts in self.summaries})

    def _summarize(self, data: Data) -> None:
        from pyngn_graph.analysis.topology.summary import measure

        clock = int(number(data, "clock", 0))
        self.summaries.append((clock, measure(data, self.recorder.measures)))

    def _content(self, data: Data) -> Content:
        return {
            key: value.detach().cpu().clone() if isinstance(value, Tensor) else copy.copy(value)
            for key, value in data.to_dict().items()
            if self.recorder.sensed or key not in SENSED
        }


def _graph(content: Content) -> Data:
    data = Data()
    for key, value in content.items():
        data[key] = value.clone() if isinstance(value, Tensor) else copy.copy(value)
    return data
