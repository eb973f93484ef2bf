"""What neurons and synapses are like, whoever is connected: place, sign, weight and delay.

Apart from the wiring, so that graphs of all families, and graphs from elsewhere, are comparable.
"""

import math
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.datasets.graph_generator import GraphGenerator

from pyngn_graph.conform import given
from pyngn_graph.defaults import LONGEST
from pyngn_graph.generators.arguments import check_fields, check_positions

_BLOCK = 1 << 20
"""Edges whose delays are drawn at once."""


@dataclass(kw_only=True, eq=False, repr=False)
class Anatomy(GraphGenerator):
    """The parameters that all generators share, and how they are used.

    They are described where users meet them, in
    :class:`~pyngn_graph.generators.SpatialGenerator`.
    """

    layout: str = "lattice"
    pos: Tensor | None = None
    spacing: float = 100.0
    inhibitory_fraction: float = 0.2
    weight: float = 0.2
    inhibition: float = 4.0
    weight_distribution: str = "gamma"
    delay: str = "distance"
    velocity: float = 50.0
    max_delay: int | None = None
    dt: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.delay != "distance" and self.max_delay is None:
            self.max_delay = LONGEST
        if self.pos is not None:
            self.pos = given(self.pos)
            check_positions(self.pos)

    def __repr__(self) -> str:
        def show(value: Any) -> str:
            if isinstance(value, Tensor):
                return str(list(value.shape))
            return repr(value) if isinstance(value, str | Real | None) else f"<{value}>"

        shown = sorted(fields(self), key=lambda field: bool(field.kw_only))  # wiring first
        values = (f"{field.name}={show(getattr(self, field.name))}" for field in shown)
        return f"{type(self).__name__}({', '.join(values)})"

    def _stream(self, name: str) -> torch.Generator:
        """The random stream of one property; streams and seeds are independent of each other."""
        mixed = np.random.SeedSequence(self.seed, spawn_key=tuple(name.encode()))
        return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))

    def _positions(self, num_nodes: int) -> Tensor:
        """``pos`` [N, 3] float32, in micrometres."""
        if self.pos is not None:
            return self.pos.detach().float().clone()
        if self.layout == "uniform":
            side = self.spacing * num_nodes ** (1 / 3)  # the density of the lattice
            generator = self._stream("position")
            return side * torch.rand(num_nodes, 3, generator=generator, dtype=torch.float32)
        x_size = next(side for side in range(1, num_nodes + 1) if side**3 >= num_nodes)
        y_size = next(side for side in range(1, num_nodes + 1) if side**2 * x_size >= num_nodes)
        z_size = -(-num_nodes // (x_size * y_size))
        site = torch.arange(num_nodes)
        x, y, z = site // (y_size * z_size), site // z_size % y_size, site % z_size
        return torch.stack([x, y, z], dim=1).float() * float(self.spacing)

    def _inhibitory(self, num_nodes: int, fraction: float | None = None) -> Tensor:
        """Which neurons are inhibitory, [N] bool: this ``fraction``, or that of the generator."""
        fraction = self.inhibitory_fraction if fraction is None else fraction
        order = torch.randperm(num_nodes, generator=self._stream("sign"))
        inhibitory = torch.zeros(num_nodes, dtype=torch.bool)
        inhibitory[order[: math.floor(fraction * num_nodes + 0.5)]] = True
        return inhibitory

    def _magnitudes(self, num_edges: int) -> Tensor:
        """The weights [E] float32 that synapses have if they are excitatory."""
        if self.weight_distribution == "constant":
            return torch.full((num_edges,), float(self.weight), dtype=torch.float32)
        # The mean of two unit exponentials is gamma distributed with shape 2 and scale 1/2.
        draws = torch.empty(2, num_edges, dtype=torch.float32)
        draws.exponential_(generator=self._stream("weight"))
        return draws.sum(dim=0).div_(2).mul_(float(self.weight))

    def _signed(self, magnitude: Tensor, src: Tensor, inhibitory: Tensor) -> Tensor:
        """The weights [E] once the presynaptic neurons ``src`` have their sign."""
        sign = torch.where(inhibitory, -float(self.inhibition), 1.0).float()
        return sign[src].mul_(magnitude)

    def _delays(self, pos: Tensor, edge_index: Tensor) -> Tensor:
        """``edge_delay`` [E] int64, in steps of ``dt``."""
        place, generator = pos.double(), self._stream("delay")
        delay = torch.empty(edge_index.size(1), dtype=torch.long)
        parts = torch.split(delay, _BLOCK), torch.split(edge_index, _BLOCK, dim=1)
        for part, edges in zip(*parts, strict=True):
            if self.delay == "distance":
                part.copy_(self._conduction(place, edges))
            else:
                part.copy_(self._control(edges.size(1), generator))
        return delay

    def _conduction(self, place: Tensor, edges: Tensor) -> Tensor:
        """The delays of ``edges`` [2, E] between neurons at ``place`` [N, 3]."""
        from pyngn_graph.generators.kernels import squared_distances

        squared = torch.from_numpy(squared_distances(place.numpy(), *edges.numpy()))
        steps = torch.floor(1.5 + squared.sqrt() / (self.velocity * self.dt))
        return steps if self.max_delay is None else steps.clamp(max=self.max_delay)

    def _control(self, num_edges: int, generator: torch.Generator) -> Tensor:
        """Delays [E] that have nothing to do with distance."""
        u = torch.rand(num_edges, generator=generator, dtype=torch.float64)
        longest = int(self.max_delay or LONGEST)
        if self.delay == "uniform":
            return torch.floor(1 + longest * u)
        return torch.floor(1.5 + (longest - 1) * u.sqrt())

    def _growth(self) -> dict[str, float]:
        """How far and how fast axons reach that regrow later, with ``Microglia(regrow=True)``."""
        reach = getattr(self, "length_scale", None) or 2 * self.spacing
        return {"length_scale": float(reach), "velocity": float(self.velocity)}
