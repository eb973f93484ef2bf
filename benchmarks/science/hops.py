"""Coherence over several hops: two rules of our own, and liquids that live by them.

`Coherence` looks at spikes as they leave the soma, so that what afferents have in common is mostly
the input that they share, one hop away. These also see what came over more hops. Rules of one's
own run on the reference backend.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.oracles import informed
from benchmarks.science.protocol import DELAY_RULES, HOLD, Liquid, activity, scores
from pyngn_graph.glia import Coherence
from pyngn_graph.glia.coherence import two_delays
from pyngn_graph.glia.oligodendrocyte import SensingRule

LIQUID: dict[str, Any] = {"astrocyte": "multiplicative"}


@dataclass(frozen=True)
class Oriented(Coherence):
    r"""`Coherence` whose sign comes from upstream: what excites with it, excites as the input does.

    The loadings of a target are known up to a common sign. Here i learns from its own spikes

    .. math:: \nu_i \leftarrow \nu_i + \eta_\mu ((Y_i - \bar Y_i) / \sqrt{V_i} - \nu_i)

    and at a tick :math:`\mu_{ji} \leftarrow \mathrm{sign}(\nu_i) \mu_{ji}`, so that the first delay
    of every neuron carries what agrees with its own input, and second hops add up with one sign.
    """

    def prepare(self, cell: ng.Oligodendrocyte, data: Data) -> None:
        """Adds what the rule writes."""
        super().prepare(cell, data)
        if "own_loading" not in data:
            data.own_loading = torch.zeros(data.num_nodes, dtype=torch.float64)

    def observe(
        self, cell: ng.Oligodendrocyte, data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Learns, at its own spikes, which sign the input of a target has."""
        z = data.coherence_sum - data.coherence_mean
        z = z / (data.coherence_variance.sqrt() + 1e-6)
        super().observe(cell, data, arrivals, spikes)
        learned = data.own_loading + self.eta * (z - data.own_loading)
        data.own_loading = torch.where(spikes, learned, data.own_loading)

    def __call__(self, cell: ng.Oligodendrocyte, data: Data) -> Tensor:
        """The delays; loadings take the sign of the input."""
        sign = torch.where(data.own_loading < 0, -1.0, 1.0).double()
        data.edge_loading = data.edge_loading * sign[data.edge_index[1]]
        data.own_loading = data.own_loading.abs()
        return super().__call__(cell, data)


@dataclass(frozen=True)
class Arriving:
    r"""Afferents take that of the target's two delays at which they agree with what arrives then.

    With :math:`r^m_e` the trace of the spikes of e as they arrive, or would, at the delay
    :math:`D^m_i` of the target, x its deviation from its slow mean, and the sum over the other
    afferents that have taken this delay, at each (possible) arrival

    .. math::
        q^m_e \leftarrow q^m_e + \eta \Bigl(\mathrm{sign}(w_e)
            \sum_{f \neq e} \mathrm{sign}(w_f) x^m_f / \sqrt{V^m_i} - q^m_e\Bigr)

    V is the slow mean of the square of the whole sum. At a tick e takes the m of larger q. What
    arrives has all hops in it.
    """

    tau: float = 10.0
    tau_mean: float = 2000.0
    eta: float = 0.01
    seed: int = 0

    def prepare(self, cell: ng.Oligodendrocyte, data: Data) -> None:
        """Adds what the rule writes; matches begin as N(0, 0.1)."""
        if "hop_match" in data:
            return
        generator = torch.Generator().manual_seed(self.seed)
        data.hop_delay = two_delays(cell, data.num_nodes, 1.0, generator).round().long()
        match = torch.randn(data.num_edges, 2, generator=generator, dtype=torch.float64)
        data.hop_match = 0.1 * match
        data.hop_trace, data.hop_mean = torch.zeros(2, data.num_edges, 2, dtype=torch.float64)
        data.hop_variance = torch.zeros(data.num_nodes, 2, dtype=torch.float64)
        self.forget(cell, data)
        data.edge_delay = self(cell, data)

    def observe(
        self, cell: ng.Oligodendrocyte, data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Follows what arrives at both delays, and learns from it."""
        src, dst = data.edge_index
        fade, keep = math.exp(-1.0 / self.tau), math.exp(-1.0 / self.tau_mean)
        trace = fade * data.hop_trace
        mean = keep * data.hop_mean + (1.0 - keep) * trace
        sign = torch.sign(data.edge_weight).double()[:, None]
        one_hot = torch.nn.functional.one_hot(data.hop_match.argmax(dim=1), 2)
        own = sign * one_hot * (trace - mean)
        total = torch.zeros_like(data.hop_variance).index_add(0, dst, own)
        data.hop_variance = keep * data.hop_variance + (1.0 - keep) * total.square()
        data.hop_past = torch.cat([spikes[None], data.hop_past[:-1]])
        comes = data.hop_past[data.hop_delay[dst], src[:, None]]
        z = sign * (total[dst] - own) / (data.hop_variance[dst].sqrt() + 1e-6)
        learned = data.hop_match + self.eta * (z - data.hop_match)
        data.hop_match = torch.where(comes, learned, data.hop_match)
        data.hop_trace, data.hop_mean = trace + comes, mean

    def forget(self, cell: ng.Oligodendrocyte, data: Data) -> None:
        """Forgets spikes under way and their traces."""
        data.hop_past = torch.zeros(cell.max_delay + 1, data.num_nodes, dtype=torch.bool)
        data.hop_trace = torch.zeros_like(data.hop_trace)

    def __call__(self, cell: ng.Oligodendrocyte, data: Data) -> Tensor:
        """The delay of the two at which each afferent matches better."""
        return data.hop_delay[data.edge_index[1], data.hop_match.argmax(dim=1)].float()


RULES: dict[str, Callable[[int], SensingRule]] = {
    "coherence": DELAY_RULES["coherence"],
    "two": DELAY_RULES["two"],
    "oriented": lambda seed: Oriented(seed=seed),
    "arriving": lambda seed: Arriving(seed=seed),
}


@dataclass(frozen=True)
class Ruled(Liquid):
    """A liquid with oligodendrocytes of any rule in ``RULES``."""

    rule: str = "two"

    def glia(self, seed: int) -> list[ng.GlialCell]:
        """The glia, in the order of their action."""
        rule = RULES[self.rule](seed)
        return [*super().glia(seed), ng.Oligodendrocyte(rule=rule, max_delay=self.max_delay)]


def hops(
    seed: int, rule: str = "two", oracle: tuple[str, str] | None = None, adapt: float = 40.0
) -> dict[str, Any]:
    """What a liquid remembers whose delays follow a rule, or what an oracle knows.

    Args:
        seed: Seed of the liquid.
        rule: One of ``RULES``.
        oracle: ``hops`` and ``choice`` of :func:`~benchmarks.science.oracles.informed` instead.
        adapt: Time for which the glia are at work, s.

    Returns:
        Memory, NARMA-10, rate, events, and ``sorted``, see :func:`purity`.
    """
    if oracle is not None:
        reservoir = informed(seed, *oracle, adapt=adapt, **LIQUID)
    else:
        reservoir = Ruled(rule=rule, adapt=adapt, **LIQUID).adapted(seed)
    found = {"sorted": purity(reservoir, seed)}

    def states(u: Tensor) -> Tensor:
        recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
        found.update(activity(recording))
        return recording.traces["state"][0]

    return scores(states, seed, ["memory", "narma10"], 200, 3000) | found


def purity(reservoir: ng.TriglialReservoir, seed: int) -> float:
    """How well delays tell signs apart, one hop away: mean over targets.

    The sign of an afferent is that of its weight times that of the input weight of its source. Of
    the two delays of a target, positive ones have one and negative ones the other: the share of
    afferents for which this is so, for the better of both ways to have it. Chance is above a half.
    """
    data = reservoir.graph
    src, dst = data.edge_index
    cell = next(c for c in reservoir.glia if isinstance(c, ng.Oligodendrocyte))
    delays = two_delays(cell, data.num_nodes, 1.0, torch.Generator().manual_seed(seed))
    off = (data.edge_delay[:, None] - delays[dst]).abs()
    positive = data.edge_weight * reservoir.input_weight[src, 0] > 0
    agrees = (positive == (off[:, 0] < off[:, 1])).double()
    count = torch.bincount(dst, minlength=data.num_nodes)
    share = (torch.bincount(dst, agrees, data.num_nodes) / count)[count > 0]
    return float(torch.maximum(share, 1.0 - share).mean())
