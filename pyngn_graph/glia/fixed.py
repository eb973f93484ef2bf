"""Controls for oligodendrocytes: delays drawn once, which no spike moves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import generator_of, whole_seed
from pyngn_graph.glia.base import clock_of
from pyngn_graph.glia.coherence import two_delays

if TYPE_CHECKING:
    from pyngn_graph.glia.oligodendrocyte import Oligodendrocyte

DISTRIBUTIONS = ("uniform", "sqrt", "two")


@dataclass(frozen=True)
class FixedDelays:
    r"""Delays that are drawn when the cell meets an edge, and then stay: the static control.

    With u uniform in [0, 1), independent for each edge, and the bounds of the oligodendrocyte,

    - ``"uniform"``: :math:`D = D_{min} + (D_{max} - D_{min}) u`
    - ``"sqrt"``: :math:`D = D_{min} + (D_{max} - D_{min}) \sqrt u`, which favors long delays:
      the distribution of :class:`~pyngn_graph.glia.Coherence` with ``shape=2``
    - ``"two"``: each target has the two delays that ``Coherence`` of the same seed gives it, and
      every afferent takes one of them at random: that rule without its learning

    All edges get their delay before the first step, those that grow at the tick at which they do;
    ``edge_fixed`` ``[E]`` bool marks those that have one. Delete it to draw anew.

    Args:
        distribution: ``"uniform"``, ``"sqrt"`` or ``"two"``.
        seed: Seed of the delays.

    Raises:
        ValueError: If there is no such distribution.
    """

    distribution: str = "uniform"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole_seed(self.seed))
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"Unknown distribution {self.distribution!r}; available: {list(DISTRIBUTIONS)}"
            )

    def prepare(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Gives a delay to every edge that has none of its own yet."""
        if "edge_fixed" not in data:
            data.edge_fixed = torch.zeros_like(data.edge_index[0], dtype=torch.bool)
        edge = (~data.edge_fixed).nonzero().squeeze(1)
        if edge.numel() == 0:
            return
        seed = (self.seed * 1_000_003 + clock_of(data)) % 2**63
        u = torch.rand(
            edge.numel(), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        ).to(edge.device)
        if self.distribution == "two":
            generator = generator_of(self.seed)
            delays = two_delays(cell, data.num_nodes, 1.0, generator).to(edge.device)
            delay = delays[data.edge_index[1, edge], (u >= 0.5).long()]
        else:
            share = u.sqrt() if self.distribution == "sqrt" else u
            delay = cell.min_delay + (cell.max_delay - cell.min_delay) * share
        data.edge_delay = data.edge_delay.index_copy(0, edge, delay.float())
        data.edge_fixed = torch.ones_like(data.edge_fixed)

    def observe(
        self, cell: "Oligodendrocyte", data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Senses nothing."""

    def forget(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Has nothing to forget."""

    def __call__(self, cell: "Oligodendrocyte", data: Data) -> Tensor:
        """The delays ``[E]`` as they are."""
        return data.edge_delay
