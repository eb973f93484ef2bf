"""A rule for oligodendrocytes: what carries the same signal shall arrive together."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.blockwise import sum_at
from pyngn_graph.checks import generator_of, whole_seed
from pyngn_graph.glia.base import as_array, dt_of
from pyngn_graph.graph import alive

if TYPE_CHECKING:
    from pyngn_graph.glia.oligodendrocyte import Oligodendrocyte

FLOOR = 1e-6
"""Standard deviation, in spikes, that counts as none."""

TINY = 1e-100
"""Traces that have decayed so far are 0: processors are slow with the least numbers there are."""

SUMS = {"coherence_sum": "axon_trace", "coherence_mean": "axon_mean"}
"""Sums over the afferents of a target, and what of the axons they are sums of."""


@dataclass(frozen=True)
class Coherence:
    r"""Afferents of one target with the same signal get one delay, the opposite ones another.

    Every axon has a trace of its spikes (undelayed, as they leave the soma), of which only the
    deviation :math:`x_j` from its slow mean counts. The cell of target i learns a loading
    :math:`\mu` for each afferent, and keeps the sums :math:`Y_i = \sum_j \mu_{ji} r_j` and
    :math:`\bar Y_i = \sum_j \mu_{ji} \bar r_j`. With :math:`\kappa = e^{-dt / \tau_{mean}}`, at
    every step

    .. math::
        r_j &\leftarrow e^{-dt / \tau} r_j, \qquad
        \bar r_j \leftarrow \kappa \bar r_j + (1 - \kappa) r_j, \qquad x_j = r_j - \bar r_j \\
        Y_i &\leftarrow e^{-dt / \tau} Y_i, \qquad
        \bar Y_i \leftarrow \kappa \bar Y_i + (1 - \kappa) Y_i, \qquad
        V_i \leftarrow \kappa V_i + (1 - \kappa) (Y_i - \bar Y_i)^2

    and at a spike of j, which is added to its trace only after all afferents have been read,

    .. math::
        z &= (Y_i - \bar Y_i - \mu_{ji} x_j) / \sqrt{V_i}, \qquad
        \Delta = \eta_\mu (z - \mu_{ji}), \qquad \mu_{ji} \leftarrow \mu_{ji} + \Delta \\
        D_{ji} &\leftarrow D_{ji} + \eta (D^+_i - D_{ji})
            \text{ if } w_{ji} \mu_{ji} > 0, \text{ else } D_{ji} + \eta (D^-_i - D_{ji}) \\
        Y_i &\leftarrow Y_i + \Delta r_j + \mu_{ji}, \qquad
        \bar Y_i \leftarrow \bar Y_i + \Delta \bar r_j, \qquad r_j \leftarrow r_j + 1

    z is what the other axons just did, so that :math:`\mu` becomes the leading component of the
    afferents. It is clipped at :math:`\pm 1 / \sqrt{1 - \kappa}`, the most that a step which V has
    seen can give: the first spikes of a life meet a V of almost nothing. So loadings are bounded.
    Each target draws its two delays once, stratified over the neurons,
    :math:`D^\pm = D_{min} + (D_{max} - D_{min}) u^{1 / shape}`; :math:`\eta` and the bounds are
    those of the oligodendrocyte. Delays of the graph change at ticks only: ``edge_pull`` gathers
    how far the spikes in between have moved them. Loadings settle within some 30 s of activity.

    Writes ``edge_loading`` and ``edge_pull`` ``[E]``, ``axon_trace``, ``axon_mean`` (r and its
    mean), ``coherence_sum``, ``coherence_mean`` and ``coherence_variance`` (Y, its mean, V) ``[N]``
    float64, ``coherence_delay`` ``[N, 2]``. Masked and dropped edges are in no sum: at every tick
    both sums are taken anew over the edges that are left. (Who changes edges between two ticks
    deletes ``coherence_sum`` and ``coherence_mean``.) What spikes add to them is summed in whole
    units, spikes of one step act at once, and all is float64, so that results depend neither on
    threads nor on the order of the edges. Parallel edges are afferents of their own. The work is
    that of one operation per neuron and step, and one per edge of a neuron that fires.

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
        object.__setattr__(self, "seed", whole_seed(self.seed))
        for name in ("shape", "tau", "tau_mean"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"'{name}' must be positive (got {getattr(self, name)})")
        if not 0.0 < self.eta <= 1.0:
            raise ValueError(f"'eta' must lie in (0, 1] (got {self.eta})")

    def prepare(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Adds what the rule writes where ``data`` lacks it; loadings begin as N(0, 0.1)."""
        generator = generator_of(self.seed)
        num_nodes, device = data.num_nodes, data.edge_index.device
        present = set(data.keys())  # to ask the graph for each of them takes longer
        if "coherence_delay" not in present:
            delay = two_delays(cell, num_nodes, self.shape, generator)
            data.coherence_delay = delay.to(device)
        if "edge_loading" not in present:
            loading = torch.randn(data.num_edges, generator=generator, dtype=torch.float64)
            data.edge_loading = 0.1 * loading.to(device)
        if "edge_pull" not in present:
            data.edge_pull = torch.zeros_like(data.edge_loading)
        for key in ("axon_trace", "axon_mean", "coherence_variance"):
            if key not in present:
                data[key] = torch.zeros(num_nodes, dtype=torch.float64, device=device)
        for key, part in SUMS.items():
            if key not in present:
                src, dst = data.edge_index
                own = torch.where(alive(data), data.edge_loading * data[part][src], 0.0)
                data[key] = sum_at(own, dst, num_nodes)

    def constants(self, dt: float) -> tuple[float, float, float, float]:
        """What a step leaves of a trace and of a mean, 1 less the latter, and the largest z."""
        rest = -math.expm1(-dt / self.tau_mean)
        keep = math.exp(-dt / self.tau_mean)
        return math.exp(-dt / self.tau), keep, rest, 1.0 / math.sqrt(rest)

    def observe(
        self, cell: "Oligodendrocyte", data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Follows the traces of the axons, and learns from those that fire."""
        fade, keep, rest, most = self.constants(dt_of(data))
        trace = _faded(data.axon_trace, fade)
        mean = keep * data.axon_mean + rest * trace
        total = _faded(data.coherence_sum, fade)
        total_mean = keep * data.coherence_mean + rest * total
        deviation = total - total_mean
        variance = keep * data.coherence_variance + rest * deviation.square()

        event = (spikes[data.edge_index[0]] & alive(data)).nonzero().squeeze(1)
        src, dst = data.edge_index[:, event]
        loading, pull = data.edge_loading[event], data.edge_pull[event]
        others = deviation[dst] - loading * (trace - mean)[src]
        z = (others / (_root(variance[dst]) + FLOOR)).clamp(-most, most)
        change = self.eta * (z - loading)
        loading = loading + change
        opposite = (data.edge_weight[event] * loading <= 0).long()
        goal = data.coherence_delay[dst, opposite] - data.edge_delay[event]
        data.edge_loading = data.edge_loading.index_copy(0, event, loading)
        data.edge_pull = data.edge_pull.index_copy(0, event, pull + cell.eta * (goal - pull))

        data.axon_trace, data.axon_mean, data.coherence_variance = trace + spikes, mean, variance
        data.coherence_sum = total + sum_at(change * trace[src] + loading, dst, data.num_nodes)
        data.coherence_mean = total_mean + sum_at(change * mean[src], dst, data.num_nodes)

    def forget(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Forgets single spikes; their means, and what was learned, stay."""
        zero = torch.zeros(data.num_nodes, dtype=torch.float64, device=data.edge_index.device)
        data.axon_trace, data.coherence_sum = zero, zero

    def __call__(self, cell: "Oligodendrocyte", data: Data) -> Tensor:
        """The delays ``[E]`` as the spikes since the last tick have moved them.

        The sums are left to :meth:`prepare`, which knows what the other glia made of the edges.
        """
        delay = (data.edge_delay + data.edge_pull).float()
        data.edge_pull = torch.zeros_like(data.edge_pull)
        for key in SUMS:
            del data[key]
        return delay


def two_delays(
    cell: "Oligodendrocyte", num_nodes: int, shape: float, generator: torch.Generator
) -> Tensor:
    """Two delays for each target, ``[N, 2]`` float64, stratified over the neurons.

    See :class:`Coherence` for their distribution.
    """
    rank = [torch.randperm(num_nodes, generator=generator) for _ in range(2)]
    u = torch.rand(num_nodes, 2, generator=generator, dtype=torch.float64)
    share = ((torch.stack(rank, dim=1) + u) / num_nodes) ** (1.0 / shape)
    return cell.min_delay + (cell.max_delay - cell.min_delay) * share


def _faded(trace: Tensor, fade: float) -> Tensor:
    trace = fade * trace
    return torch.where(trace.abs() > TINY, trace, 0.0)


def _root(value: Tensor) -> Tensor:
    """The square root to the last bit, which that of torch is not."""
    return torch.from_numpy(np.sqrt(as_array(value))).to(value.device)
