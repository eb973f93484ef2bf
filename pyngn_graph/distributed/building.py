"""Networks that every rank draws for itself: the whole is never held anywhere."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import whole_seed
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.distributed.shard import Shard, of_edges
from pyngn_graph.glia import FixedDelays, GlialCell, Microglia
from pyngn_graph.glia.oligodendrocyte import RULES
from pyngn_graph.grid import finest_grid, input_sizes, largest_in_units, on_grid
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.projection import Projection
from pyngn_graph.setting import Setting, checked_glia

BLOCK = 1024
"""Neurons whose inputs come from one generator."""


@dataclass(frozen=True)
class FixedInDegree:
    """Every neuron has ``degree`` inputs, from neurons drawn with replacement from all.

    Self loops and parallel edges occur (the network of Brunel, 2000). The inputs of 1024 targets,
    and what drives them, follow from the seed and the number of their block alone, so that a rank
    draws its own in memory and time proportional to them.

    Args:
        num_nodes: Number of neurons N.
        degree: Inputs of each.
        weight: Weight of excitatory edges.
        inhibition: Size of inhibitory weights in units of it.
        inhibitory_fraction: Share of inhibitory neurons, spread evenly over the numbers.
        min_delay: Shortest delay, steps; ranks exchange spikes this often.
        max_delay: Longest delay, steps; they are uniform between.
        bias: Lowest and highest constant current, uniform between.
        in_channels: Channels of the input, or None for none.
        input_scale: Standard deviation of the current when all channels have unit variance.
        seed: Seed of everything.

    Raises:
        ValueError: If an argument breaks its range.
    """

    num_nodes: int
    degree: int = 100
    weight: float = 0.02
    inhibition: float = 5.0
    inhibitory_fraction: float = 0.2
    min_delay: int = 5
    max_delay: int = 20
    bias: tuple[float, float] = (0.8, 1.2)
    in_channels: int | None = None
    input_scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole_seed(self.seed))
        if self.num_nodes < 1 or self.degree < 1:
            raise ValueError(
                f"'num_nodes' and 'degree' must be at least 1 (got {self.num_nodes}, {self.degree})"
            )
        if not 1 <= self.min_delay <= self.max_delay:
            raise ValueError(
                f"Steps must satisfy 1 <= min_delay <= max_delay (got {self.min_delay}, "
                f"{self.max_delay})"
            )
        if not 0.0 <= self.inhibitory_fraction <= 1.0:
            raise ValueError(
                f"'inhibitory_fraction' must lie in [0, 1] (got {self.inhibitory_fraction})"
            )
        for name in ("weight", "inhibition", "input_scale"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"'{name}' must be finite and not negative (got {getattr(self, name)})"
                )

    def edges(self, first: int, last: int) -> Data:
        """All edges into the neurons ``first`` to ``last - 1``, target after target.

        Neurons are numbered as in the whole graph; ``edge_number`` is the place there.
        """
        parts = [self._block(block) for block in range(first // BLOCK, -(-last // BLOCK))]
        src, delay = (torch.cat(each) for each in zip(*parts, strict=True))
        start = first // BLOCK * BLOCK
        inside = slice((first - start) * self.degree, (last - start) * self.degree)
        src, delay = src[inside].clone(), delay[inside].clone()
        share = self.inhibitory_fraction
        inhibitory = torch.floor((src + 1) * share) > torch.floor(src * share)
        weight = torch.where(inhibitory, -self.inhibition * self.weight, self.weight)
        target = torch.arange(first, last).repeat_interleave(self.degree)
        return Data(
            num_nodes=self.num_nodes,
            edge_index=torch.stack([src, target]),
            edge_weight=weight.float(),
            edge_delay=delay,
            edge_number=torch.arange(first * self.degree, last * self.degree),
        )

    def graph(self) -> Data:
        """The whole graph, for a single process."""
        data = self.edges(0, self.num_nodes)
        del data.edge_number
        return data

    def drive(self, first: int, last: int) -> tuple[Tensor, Tensor | None]:
        """Bias ``[n]`` and input weights ``[n, C]`` of the neurons ``first`` to ``last - 1``."""
        blocks = range(first // BLOCK, -(-last // BLOCK))
        shares, weights = zip(*(self._drive(block) for block in blocks), strict=True)
        inside = slice(first - first // BLOCK * BLOCK, last - first // BLOCK * BLOCK)
        low, high = self.bias
        bias = low + (high - low) * torch.cat(shares)[inside]
        if self.in_channels is None:
            return bias, None
        scale = self.input_scale / math.sqrt(self.in_channels)
        return bias, torch.cat(weights)[inside] * scale

    def reservoir(
        self,
        ranks: Ranks | None = None,
        *,
        neuron: LIFParameters | None = None,
        glia: Iterable[GlialCell] = (),
        dt: float = 1.0,
        glia_period: int = 1000,
        stateful: bool = False,
        backend: str = "auto",
    ) -> DistributedReservoir:
        """The part of this rank of a reservoir on the network; ranks own consecutive neurons.

        It has the bits of ``TriglialReservoir(network.graph(), ...)`` with the same arguments and
        ``bias``, ``input_weight = network.drive(0, N)``. ``neuron`` must hold numbers only.

        Raises:
            ValueError: If a rank would have no neurons, or something could not be done to the same
                bits.
        """
        ranks = ranks or Ranks()
        setting = Setting(
            neuron=neuron or LIFParameters(),
            glia=checked_glia(glia),
            dt=float(dt),
            glia_period=glia_period,
            hold=1,
            pool="last",
            tau_trace=20.0,
            in_flight="arrival",
            max_delay=10_000,
            stateful=stateful,
            start="rest",
            backend=backend,
            threads=None,
        )
        for cell in setting.cells:
            rule = getattr(cell, "rule", None)
            if type(RULES.get(rule, rule) if isinstance(rule, str) else rule) is FixedDelays:
                raise ValueError(
                    f"{cell!r} draws the delays of all edges in their order; build the whole graph "
                    f"and split it with 'DistributedReservoir.of'"
                )
        if ranks.size > self.num_nodes:
            raise ValueError(f"{ranks.size} ranks are more than the {self.num_nodes} neurons")
        first, last = (-(-self.num_nodes * k // ranks.size) for k in (ranks.rank, ranks.rank + 1))
        shard = _prepared(self.edges(first, last), torch.arange(first, last), setting, ranks)
        bias, weight = self.drive(first, last)
        projection = Projection(
            last - first, self.in_channels, self.input_scale, 1.0, weight, bias, self.seed
        )
        return DistributedReservoir(shard, setting, projection, ranks)

    def _generator(self, block: int, kind: int) -> torch.Generator:
        seed = (self.seed * 1_000_003 + 2 * block + kind) % 2**63
        return torch.Generator().manual_seed(seed)

    def _size(self, block: int) -> int:
        return min(BLOCK, self.num_nodes - block * BLOCK)

    def _block(self, block: int) -> tuple[Tensor, Tensor]:
        generator, size = self._generator(block, 0), self._size(block) * self.degree
        src = torch.randint(self.num_nodes, (size,), generator=generator)
        return src, torch.randint(self.min_delay, self.max_delay + 1, (size,), generator=generator)

    def _drive(self, block: int) -> tuple[Tensor, Tensor]:
        generator, size = self._generator(block, 1), self._size(block)
        share = torch.rand(size, generator=generator, dtype=torch.float32)
        shape = (size, self.in_channels or 0)
        return share, torch.randn(shape, generator=generator, dtype=torch.float32)


def _prepared(data: Data, owned: Tensor, setting: Setting, ranks: Ranks) -> Shard:
    """The shard of what :meth:`FixedInDegree.edges` gives, as its glia need it."""
    num_nodes = data.num_nodes
    data.dt, data.clock = setting.dt, 0
    data.edge_mask = torch.ones_like(data.edge_weight, dtype=torch.bool)
    if any(isinstance(cell, Microglia) for cell in setting.cells):
        data.first_num_edges = int(ranks.total(torch.tensor([data.num_edges])))
    shard = of_edges(on_common_grid(data, ranks), owned, num_nodes)
    local = setting.prepared_one(shard.data, 0)
    for key in ("gain", "calcium"):
        if key in local:
            local[key] = local[key][: owned.numel()].clone()
    return Shard(local, shard.owned, shard.ghosts, num_nodes)


def on_common_grid(data: Data, ranks: Ranks) -> Data:
    """``data``, all edges into some neurons, with its weights on the grid of the whole graph."""
    num_edges = int(ranks.total(torch.tensor([data.num_edges])))
    largest = ranks.largest_float(float(input_sizes(data).max()))
    grid = finest_grid(largest, num_edges, lambda q: ranks.largest(largest_in_units(data, q)))
    data.edge_weight = on_grid(data.edge_weight, grid)
    return data
