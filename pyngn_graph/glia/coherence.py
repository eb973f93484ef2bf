"""A rule for oligodendrocytes: what carries the same signal shall arrive together."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import dt_of
from pyngn_graph.graph import alive, sum_at

if TYPE_CHECKING:
    from pyngn_graph.glia.oligodendrocyte import Oligodendrocyte

FLOOR = 1e-6
"""Standard deviation, in spikes, that counts as none."""


@dataclass(frozen=True)
class Coherence:
    r"""Afferents of one target with the same signal get one delay, the opposite ones another.

    Every axon has a trace of its spikes (undelayed, as they leave the soma), of which only the
    deviation :math:`x_j` from its slow mean counts. The cell of target i learns a loading
    :math:`\mu` for each afferent. With :math:`\kappa = e^{-dt / \tau_{mean}}`, at every step

    .. math::
        r_j &\leftarrow e^{-dt / \tau} r_j, \qquad
        \bar r_j \leftarrow \kappa \bar r_j + (1 - \kappa) r_j, \qquad x_j = r_j - \bar r_j \\
        S_i &= \sum_j \mu_{ji} x_j, \qquad V_i \leftarrow \kappa V_i + (1 - \kappa) S_i^2

    and at a spike of j, which is added to its trace (:math:`r_j \leftarrow r_j + 1`) only after
    all afferents have been read,

    .. math::
        z &= (S_i - \mu_{ji} x_j) / \sqrt{V_i}, \qquad
        \mu_{ji} \leftarrow \mu_{ji} + \eta_\mu (z - \mu_{ji}) \\
        D_{ji} &\leftarrow D_{ji} + \eta (D^+_i - D_{ji})
            \text{ if } w_{ji} \mu_{ji} > 0, \text{ else } D_{ji} + \eta (D^-_i - D_{ji})

    z is what the other axons just did, so that :math:`\mu` becomes the leading component of the
    afferents. It is clipped at :math:`\pm 1 / \sqrt{1 - \kappa}`, the most that a step which V has
    seen can give: the first spikes of a life meet a V of almost nothing. So loadings are bounded.
    Each target draws its two delays once, stratified over the neurons,
    :math:`D^\pm = D_{min} + (D_{max} - D_{min}) u^{1 / shape}`; :math:`\eta` and the bounds are
    those of the oligodendrocyte. Delays of the graph change at ticks only: ``edge_pull`` gathers
    how far the spikes in between have moved them. Loadings settle within some 30 s of activity.

    Writes ``edge_loading`` and ``edge_pull`` ``[E]``, ``axon_trace``, ``axon_mean`` (r and its
    mean) and ``coherence_variance`` (V) ``[N]`` float64, ``coherence_delay`` ``[N, 2]``. Masked and
    dropped edges are in no sum. Sums are free of order, spikes of one step act at once, and all is
    float64, so that results depend neither on threads nor on the order of the edges. Parallel edges
    are afferents of their own. The work is O(E) per step, on the reference backend.

    Args:
        shape: Shape of the distribution of delays: 1 is uniform, 2 favors long ones.
        tau: Time constant of the traces, ms.
        tau_mean: Time constant of the slow means and of V, ms.
        eta: Learning rate of the loadings.
        seed: Seed of delays and first loadings.

    Raises:
        ValueError: If a parameter breaks its range.

    Sources: Oja (1982) for the leading component by a local rule; Pajevic, Basser & Fields (2014)
    for synchrony of arrivals as the aim of myelination.
    """

    shape: float = 1.0
    tau: float = 10.0
    tau_mean: float = 2000.0
    eta: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("shape", "tau", "tau_mean"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"'{name}' must be positive (got {getattr(self, name)})")
        if not 0.0 < self.eta <= 1.0:
            raise ValueError(f"'eta' must lie in (0, 1] (got {self.eta})")

    def prepare(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Adds what the rule writes where ``data`` lacks it; loadings begin as N(0, 0.1)."""
        generator = torch.Generator().manual_seed(self.seed)
        num_nodes, device = data.num_nodes, data.edge_index.device
        if "coherence_delay" not in data:
            rank = [torch.randperm(num_nodes, generator=generator) for _ in range(2)]
            u = torch.rand(num_nodes, 2, generator=generator, dtype=torch.float64)
            share = ((torch.stack(rank, dim=1) + u) / num_nodes) ** (1.0 / self.shape)
            delay = cell.min_delay + (cell.max_delay - cell.min_delay) * share
            data.coherence_delay = delay.to(device)
        if "edge_loading" not in data:
            loading = torch.randn(data.num_edges, generator=generator, dtype=torch.float64)
            data.edge_loading = 0.1 * loading.to(device)
        if "edge_pull" not in data:
            data.edge_pull = torch.zeros_like(data.edge_loading)
        for key in ("axon_trace", "axon_mean", "coherence_variance"):
            if key not in data:
                data[key] = torch.zeros(num_nodes, dtype=torch.float64, device=device)

    def observe(
        self, cell: "Oligodendrocyte", data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Follows the traces of the axons, and learns from those that fire."""
        dt, live, (src, dst) = dt_of(data), alive(data), data.edge_index
        keep, rest = math.exp(-dt / self.tau_mean), -math.expm1(-dt / self.tau_mean)
        trace = math.exp(-dt / self.tau) * data.axon_trace
        data.axon_mean = keep * data.axon_mean + rest * trace
        own = torch.where(live, data.edge_loading * (trace - data.axon_mean)[src], 0.0)
        total = sum_at(own, dst, data.num_nodes)
        variance = keep * data.coherence_variance + rest * total.square()
        data.coherence_variance, data.axon_trace = variance, trace + spikes
        event = (spikes[src] & live).nonzero().squeeze(1)
        if event.numel() == 0:
            return
        target = dst[event]
        most = 1.0 / math.sqrt(rest)
        z = (total[target] - own[event]) / (variance[target].sqrt() + FLOOR)
        loading = data.edge_loading[event]
        loading = loading + self.eta * (z.clamp(-most, most) - loading)
        data.edge_loading = data.edge_loading.index_copy(0, event, loading)
        opposite = (data.edge_weight[event] * loading <= 0).long()
        pull = data.edge_pull[event]
        goal = data.coherence_delay[target, opposite] - data.edge_delay[event]
        data.edge_pull = data.edge_pull.index_copy(0, event, pull + cell.eta * (goal - pull))

    def forget(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Forgets single spikes; their means, and what was learned, stay."""
        data.axon_trace = torch.zeros_like(data.axon_trace)

    def __call__(self, cell: "Oligodendrocyte", data: Data) -> Tensor:
        """The delays ``[E]`` as the spikes since the last tick have moved them."""
        delay = (data.edge_delay + data.edge_pull).float()
        data.edge_pull = torch.zeros_like(data.edge_pull)
        return delay
