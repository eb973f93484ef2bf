"""The loop of one rank: as that of a single process, with spikes exchanged in time."""

import copy

from torch import Tensor

from pyngn_graph.distributed.exchange import FOREVER, Exchange, latest, receive, shortest_crossing
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.selection import Selection
from pyngn_graph.distributed.shard import Shard
from pyngn_graph.distributed.uniform import Uniform
from pyngn_graph.glia import Microglia
from pyngn_graph.glia.pruning import CRITERIA
from pyngn_graph.graph import longest_delay
from pyngn_graph.grid import on_its_grid
from pyngn_graph.probe import Probe
from pyngn_graph.projection import Projection
from pyngn_graph.setting import Setting
from pyngn_graph.simulation import SPAN, Simulation
from pyngn_graph.state import ReservoirState


class ShardSimulation(Simulation):
    """A run on the shard of one rank; ``projection`` and ``potential`` are of its neurons."""

    def __init__(
        self,
        setting: Setting,
        projection: Projection,
        shard: Shard,
        ranks: Ranks,
        exchange: Exchange,
        learns: bool,
        state: ReservoirState | None,
        potential: Tensor | None,
    ) -> None:
        super().__init__(setting, projection, shard.data, learns, state, potential)
        self.ranks, self.shard, self.exchange = ranks, shard, exchange
        self.select, self.criteria = Selection(shard, ranks), CRITERIA | {"random": Uniform(ranks)}
        self.num_nodes = shard.num_nodes
        self._look_at_delays()

    def go_on(self, shard: Shard, exchange: Exchange, state: ReservoirState | None) -> None:
        """Takes over a shard of the same neurons, the fast state on it, and its ghosts."""
        self.shard, self.exchange, self.data, self.state = shard, exchange, shard.data, state
        self._look_at_delays()

    def _look_at_delays(self) -> None:
        crossing = shortest_crossing(self.data, self.ranks)
        self.connected = crossing < FOREVER
        self.horizon = min(SPAN, crossing)

    def _depth(self, steps: int) -> int:
        return self.ranks.largest(steps)

    def _exchange(self, state: ReservoirState, start: int, end: int, probe: Probe) -> None:
        if self.connected:
            spikes = self.exchange.swap(latest(state, end - start))
            probe.heard(start, receive(state, self.data, spikes))

    def _tick(self, state: ReservoirState, probe: Probe) -> ReservoirState:
        slow = [cell for cell in self.setting.cells if not cell.every_step]
        if not slow:
            return state
        state = state.settled()
        data = copy.copy(self.data)
        for cell in slow:
            if isinstance(cell, Microglia):
                data = cell.prune(data, self.select, self.criteria)
            else:
                data = cell.forward(data)
        self.data = self.setting.prepared_one(on_its_grid(data), 0)
        self._look_at_delays()
        return state.lengthened(self._depth(longest_delay(self.data)))
