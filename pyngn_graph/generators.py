"""Random graphs in 3D: positions, wiring, signs, weights and delays, as a runnable ``Data``.

Every family differs in its wiring only. Positions, inhibitory neurons, weights and delays are
drawn by the same methods, each from a random stream of its own, so that two graphs with the same
seed that differ in ``delay=`` alone share their wiring and weights: the control experiment.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets.graph_generator import GraphGenerator

from pyngn_graph.convert import edge_list, from_networkx
from pyngn_graph.graph import validate

__all__ = ["ErdosRenyi", "FromNetworkX", "ScaleFree", "SmallWorld", "SpatialGenerator", "Tissue"]

_CHUNK = 1 << 21  # pairs handled at once: bounds the memory beyond that of the graph itself


def _whole(value: Any) -> bool:
    return isinstance(value, Integral)


_PROBABILITY = (lambda v: 0 <= v <= 1, "a probability between 0 and 1")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "num_nodes": (lambda v: _whole(v) and v >= 1, "an int of at least 1"),
    "degree": (lambda v: v >= 0, "a mean number of inputs per neuron of at least 0, e.g. 4.0"),
    "spacing": (lambda v: v > 0, "a positive length in micrometres, e.g. 100.0"),
    "length_scale": (lambda v: v > 0, "a positive length in micrometres, e.g. 200.0"),
    "velocity": (lambda v: v > 0, "a positive speed in micrometres per ms, e.g. 50.0"),
    "dt": (lambda v: v > 0, "a positive step in ms, e.g. 1.0"),
    "weight": (lambda v: v >= 0, "at least 0; 'inhibitory_fraction' and 'inhibition' set signs"),
    "inhibition": (lambda v: v >= 0, "a ratio of at least 0, e.g. 4.0; the sign is added"),
    "inhibitory_fraction": (lambda v: 0 <= v <= 1, "a share between 0 and 1, e.g. 0.2"),
    "max_delay": (lambda v: _whole(v) and v >= 1, "an int of at least 1 step"),
    "seed": (lambda v: _whole(v) and v >= 0, "an int of at least 0"),
    "rewiring": _PROBABILITY,
    "exponent": (
        lambda v: v > 2,
        "above 2, e.g. 3.0 (at 2 a hub would need more partners than there are)",
    ),
    **dict.fromkeys(("c_ee", "c_ei", "c_ie", "c_ii"), _PROBABILITY),
}
_CHOICES = {
    "layout": ("lattice", "uniform"),
    "weight_distribution": ("gamma", "constant"),
    "delay": ("distance", "uniform", "sqrt"),
}


@dataclass(kw_only=True, eq=False, repr=False)
class _Anatomy(GraphGenerator):
    """What all families share: the parameters of neurons and synapses, and how they are drawn."""

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
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _CHOICES and value not in _CHOICES[field.name]:
                available = list(_CHOICES[field.name])
                raise ValueError(f"Unknown {field.name} {value!r}; available: {available}")
            if field.name in _RULES and not (value is None and type(None) in get_args(field.type)):
                holds, rule = _RULES[field.name]
                number = isinstance(value, Real) and not isinstance(value, bool)
                if not (number and math.isfinite(value) and holds(value)):
                    raise ValueError(f"'{field.name}' must be {rule} (got {value!r})")
        if self.delay != "distance" and self.max_delay is None:
            raise ValueError(
                f"delay={self.delay!r} needs 'max_delay' (got None); set the longest delay in "
                f"steps, e.g. max_delay=100"
            )
        if self.pos is not None:
            shape = list(self.pos.shape) if isinstance(self.pos, Tensor) else []
            if len(shape) != 2 or shape[0] == 0 or shape[1] != 3:
                raise ValueError(
                    f"'pos' must be a tensor of shape [N, 3] with N >= 1 (got "
                    f"{shape or type(self.pos).__name__}); use 'torch.as_tensor', and z = 0 in a "
                    f"plane"
                )
            if not bool(torch.isfinite(self.pos).all()):
                raise ValueError("'pos' must be finite (got NaN or infinity); drop those neurons")

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
        mixed = np.random.SeedSequence(int(self.seed), spawn_key=tuple(name.encode()))
        return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))

    def _positions(self, num_nodes: int) -> Tensor:
        if self.pos is not None:
            return self.pos.detach().float().clone()
        if self.layout == "uniform":
            side = self.spacing * num_nodes ** (1 / 3)  # the density of the lattice
            return side * torch.rand(num_nodes, 3, generator=self._stream("position"))
        x_size = next(side for side in range(1, num_nodes + 1) if side**3 >= num_nodes)
        y_size = next(side for side in range(1, num_nodes + 1) if side**2 * x_size >= num_nodes)
        z_size = -(-num_nodes // (x_size * y_size))
        site = torch.arange(num_nodes)
        x, y, z = site // (y_size * z_size), site // z_size % y_size, site % z_size
        return torch.stack([x, y, z], dim=1) * float(self.spacing)

    def _inhibitory(self, num_nodes: int) -> Tensor:
        chosen = torch.randperm(num_nodes, generator=self._stream("sign"))
        inhibitory = torch.zeros(num_nodes, dtype=torch.bool)
        inhibitory[chosen[: _round(self.inhibitory_fraction * num_nodes)]] = True
        return inhibitory

    def _magnitudes(self, num_edges: int) -> Tensor:
        if self.weight_distribution == "constant":
            return torch.full((num_edges,), float(self.weight))
        # The mean of two unit exponentials is gamma distributed with shape 2 and scale 1/2.
        draws = torch.empty(2, num_edges).exponential_(generator=self._stream("weight"))
        return float(self.weight) * draws.mean(dim=0)

    def _signed(self, magnitude: Tensor, src: Tensor, inhibitory: Tensor) -> Tensor:
        return torch.where(inhibitory[src], -float(self.inhibition) * magnitude, magnitude)

    def _delays(self, pos: Tensor, edge_index: Tensor) -> Tensor:
        if self.delay == "distance":
            distance = _squared_distance(pos, *edge_index).sqrt()
            steps = torch.floor(1.5 + distance / (self.velocity * self.dt)).long()
            return steps if self.max_delay is None else steps.clamp(max=self.max_delay)
        u = torch.rand(edge_index.size(1), generator=self._stream("delay"), dtype=torch.float64)
        longest = int(self.max_delay or 1)
        if self.delay == "uniform":
            return torch.floor(1 + longest * u).long()
        return torch.floor(1.5 + (longest - 1) * u.sqrt()).long()


@dataclass(eq=False, repr=False)
class SpatialGenerator(_Anatomy):
    r"""Base of the random families: a subclass says who is connected, the rest is shared.

    A family of your own is a dataclass with one method, :meth:`wire`. Calling the generator gives
    ``pos`` [N, 3] float32, ``edge_index`` sorted by (src, dst), ``edge_weight`` float32,
    ``edge_delay`` int64, ``inhibitory`` [N] bool, ``num_nodes`` and ``dt``. Equal arguments give
    equal graphs, call after call.

    Neurons: exactly ``round(inhibitory_fraction * num_nodes)`` random ones are inhibitory, and all
    their outgoing weights are negative (Dale's law). Weights are the jump of the postsynaptic
    potential in units of the threshold: mean ``weight`` from excitatory and
    ``-inhibition * weight`` from inhibitory neurons.

    Args:
        num_nodes: Number of neurons, any number (default: 1000, or one per row of ``pos``).
        layout: ``"lattice"``, the sites of a nearly cubic lattice; ``"uniform"``, random points
            in a cube of the same density.
        pos: Positions [N, 3] in micrometres in place of a layout.
        spacing: Micrometres between neighbors of the lattice.
        inhibitory_fraction: Share of inhibitory neurons.
        weight: Mean excitatory weight.
        inhibition: How many times stronger inhibitory synapses are.
        weight_distribution: ``"gamma"``, shape 2, coefficient of variation 0.71;
            ``"constant"``, all the same.
        delay: ``"distance"``: :math:`D = \mathrm{round}(1 + d / (v\,dt))` steps, capped at
            ``max_delay`` if set. Two controls without geometry: ``"uniform"``, independent and
            uniform on 1 .. ``max_delay``; ``"sqrt"``, biased to long delays,
            :math:`D = \mathrm{round}(1 + (D_{max} - 1) \sqrt{U})`.
        velocity: Conduction velocity v in micrometres per ms. The default, half a lattice spacing
            per ms or 0.05 m/s, is slow even for axons without myelin.
        max_delay: Longest delay in steps.
        dt: Step in ms that delays count.
        seed: Seed of all random streams.
    """

    num_nodes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_nodes is None:
            self.num_nodes = 1000 if self.pos is None else self.pos.size(0)
        if self.pos is not None and self.pos.size(0) != self.num_nodes:
            raise ValueError(
                f"'pos' must have num_nodes = {self.num_nodes} rows (got {self.pos.size(0)}); "
                f"leave 'num_nodes' out to take it from 'pos'"
            )

    @abstractmethod
    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """Returns the synapses as ``edge_index`` [2, E], row 0 pre, row 1 post, in any order."""

    def __call__(self) -> Data:
        """Draws the graph."""
        num_nodes = int(self.num_nodes or 0)
        pos, inhibitory = self._positions(num_nodes), self._inhibitory(num_nodes)
        edge_index = self.wire(pos, inhibitory, self._stream("wiring"))
        edge_index = edge_index[:, (edge_index[0] * num_nodes + edge_index[1]).argsort(stable=True)]
        magnitude = self._magnitudes(edge_index.size(1))
        data = Data(
            pos=pos,
            edge_index=edge_index,
            edge_weight=self._signed(magnitude, edge_index[0], inhibitory),
            edge_delay=self._delays(pos, edge_index),
            inhibitory=inhibitory,
            dt=float(self.dt),
            num_nodes=num_nodes,
        )
        return validate(data)


@dataclass(eq=False, repr=False)
class Tissue(SpatialGenerator):
    r"""A piece of tissue: nearby neurons are connected more often than distant ones.

    .. math::
        P(j \to i) = \min(1,\; s\, C_{ab}\, e^{-(d / \lambda)^2})

    for a presynaptic neuron j of type a and a postsynaptic one i of type b at distance d (Maass,
    Natschläger and Markram, 2002). With ``degree=None`` the factor s is 1 and pairs are
    independent. Otherwise s is what gives exactly ``round(degree * num_nodes)`` synapses, the
    kinds in the ratio of the four C. Graphs too small for that get every possible synapse.

    The rule has no cut-off: the tail is sampled as well. Time and memory grow with the number of
    synapses, not with that of pairs.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree K, or ``None`` for the probabilities as they stand (K about 8 on a
            lattice of 1000). Sparse liquids remember more: 2 to 4 is a good range.
        length_scale: :math:`\lambda` in micrometres; the default is two lattice spacings.
        c_ee: C from excitatory to excitatory neurons.
        c_ei: C from excitatory to inhibitory neurons.
        c_ie: C from inhibitory to excitatory neurons.
        c_ii: C from inhibitory to inhibitory neurons.
        self_loops: Whether a neuron may connect to itself (d = 0).
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float | None = 4.0
    length_scale: float = 200.0
    c_ee: float = 0.3
    c_ei: float = 0.2
    c_ie: float = 0.4
    c_ii: float = 0.1
    self_loops: bool = False

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        chances = [[self.c_ee, self.c_ei], [self.c_ie, self.c_ii]]  # row pre, column post
        chance = torch.tensor(chances, dtype=torch.float64)
        kind, count = inhibitory.long(), torch.bincount(inhibitory.long(), minlength=2)
        place = pos.double() / self.length_scale
        pairs = torch.outer(count, count)
        if not self.self_loops:
            pairs -= torch.diag(count)
        possible = int(pairs[chance > 0].sum())
        if possible == 0:
            return torch.empty(2, 0, dtype=torch.long)
        log_chance = chance.log()

        def affinity(src: Tensor, dst: Tensor) -> Tensor:
            return log_chance[kind[src], kind[dst]] - _squared_distance(place, src, dst)

        def propose(log_scale: float) -> Iterator[_Proposal]:
            return _nearby(place, log_scale + float(log_chance.max()), generator)

        if self.degree is None:
            return _connect(propose, affinity, None, 0.0, generator, self.self_loops)
        num_nodes = pos.size(0)
        rows = torch.randperm(num_nodes, generator=generator)[: max(64, (1 << 18) // num_nodes)]
        squared = torch.cdist(place[rows], place).square()
        squared[torch.arange(rows.numel()), rows] = math.inf  # self loops count for little

        def expected(log_scale: float) -> float:
            shares = [
                (log_scale + float(log_c) - squared).clamp(max=0).exp().sum() * many
                for log_c, many in zip(log_chance.flatten(), pairs.flatten(), strict=True)
            ]
            return float(torch.stack(shares).sum()) / (rows.numel() * max(1, num_nodes - 1))

        # A first guess of s, raised where close pairs are certain; '_connect' sees to the rest.
        num_edges = min(_round(self.degree * num_nodes), possible)
        guess = _first_guess(num_edges, expected(0.0))
        for _ in range(50):
            if expected(guess) >= 1.05 * num_edges:
                break
            guess += 0.25
        return _connect(propose, affinity, num_edges, guess, generator, self.self_loops)


@dataclass(eq=False, repr=False)
class ErdosRenyi(SpatialGenerator):
    """Every pair of neurons is equally likely: exactly ``round(degree * num_nodes)`` synapses.

    The control without geometry (Erdős and Rényi, 1959), without self loops or parallel edges.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = 4.0

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        n = pos.size(0)

        def propose(log_scale: float) -> Iterator[_Proposal]:
            for hit in _successes(n * n, log_scale, generator):
                yield hit // n, hit % n, min(0.0, log_scale)

        num_edges = min(_round(self.degree * n), n * (n - 1))
        guess = _first_guess(num_edges, n * (n - 1))
        return _connect(propose, lambda src, dst: src * 0.0, num_edges, guess, generator)


@dataclass(eq=False, repr=False)
class SmallWorld(SpatialGenerator):
    """Local inputs in 3D and a few long-range ones (Watts and Strogatz, 1998, directed).

    Each neuron receives from its ``degree`` nearest neighbors in space (equal distances in random
    order; a fractional degree is a mixture of both whole numbers). Then, with probability
    ``rewiring``, a synapse gets a new presynaptic neuron, any that is not yet among the inputs:
    in-degrees stay as they are, out-degrees spread.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        rewiring: Probability that a synapse is rewired: 0 a lattice, 1 a random graph.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = 4.0
    rewiring: float = 0.1

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        from scipy.spatial import cKDTree

        n = pos.size(0)
        num_edges = min(_round(self.degree * n), n * (n - 1))
        if num_edges == 0:
            return torch.empty(2, 0, dtype=torch.long)
        quota = torch.full((n,), num_edges // n)
        quota[torch.randperm(n, generator=generator)[: num_edges % n]] += 1
        size = float((pos.amax(dim=0) - pos.amin(dim=0)).max()) or 1.0
        # A shift far below any spacing puts neighbors at equal distance in random order.
        shift = 1e-6 * size * torch.rand(n, 3, generator=generator, dtype=torch.float64)
        place = (pos.double() + shift).numpy()
        near = torch.from_numpy(cKDTree(place).query(place, k=int(quota.max()) + 1)[1])
        dst = torch.arange(n).repeat_interleave(quota)
        rank = torch.arange(num_edges) - (quota.cumsum(0) - quota)[dst] + 1  # rank 0 is itself
        src = near.reshape(n, -1)[dst, rank]
        return torch.stack([self._rewired(src, dst, n, generator), dst])

    def _rewired(self, src: Tensor, dst: Tensor, n: int, generator: torch.Generator) -> Tensor:
        taken = (dst * n + src).sort().values
        open_ = torch.rand(src.numel(), generator=generator, dtype=torch.float64) < self.rewiring
        src, pending = src.clone(), open_.nonzero().flatten()
        for _ in range(64):  # in a nearly complete graph there may be no free partner: it stays
            draw = torch.randint(n, (pending.numel(),), generator=generator)
            key = dst[pending] * n + draw
            spot = torch.searchsorted(taken, key).clamp(max=taken.numel() - 1)
            order = key.argsort(stable=True)
            fresh = torch.ones_like(key, dtype=torch.bool)
            fresh[order[1:]] = key[order[1:]] != key[order[:-1]]
            fresh &= (taken[spot] != key) & (draw != dst[pending])
            src[pending[fresh]] = draw[fresh]
            taken = torch.cat([taken, key[fresh]]).sort().values
            pending = pending[~fresh]
            if pending.numel() == 0:
                break
        return src


@dataclass(eq=False, repr=False)
class ScaleFree(SpatialGenerator):
    r"""A few hubs send and receive a large share of all synapses.

    Neurons are ranked at random, anywhere in space, and rank k has the propensity
    :math:`p_k = k^{-1 / (\text{exponent} - 1)}`:

    .. math::
        P(j \to i) = \min(1,\; s\, p_j\, p_i)

    with s such that there are exactly ``round(degree * num_nodes)`` synapses (the static model of
    Goh, Kahng and Kim, 2001, directed). In-degree and out-degree both follow a power law with this
    exponent, and the hubs are the same neurons. Unlike growth by attachment to older neurons
    (Price, 1965; Barabási and Albert, 1999), whose directed graph has no cycles, this one is
    recurrent. No self loops, no parallel edges.

    Args:
        num_nodes: Number of neurons (default: 1000, or one per row of ``pos``).
        degree: Mean in-degree; above ``num_nodes - 1`` the graph is complete.
        exponent: Exponent of the degree distribution, above 2; 3 is that of Barabási and Albert.
        **kwargs: See :class:`SpatialGenerator`.
    """

    degree: float = 4.0
    exponent: float = 3.0

    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """See :meth:`SpatialGenerator.wire`."""
        n = pos.size(0)
        log_propensity = torch.arange(1, n + 1).double().log() / (1.0 - self.exponent)
        edges = [2**k - 1 for k in range(n.bit_length())] + [n]  # ranks whose propensity is alike
        octaves = [(low, high - low) for low, high in pairwise(edges)]

        def affinity(src: Tensor, dst: Tensor) -> Tensor:
            return log_propensity[src] + log_propensity[dst]

        def propose(log_scale: float) -> Iterator[_Proposal]:
            for first, rows in octaves:
                for second, columns in octaves:
                    top = float(log_propensity[first] + log_propensity[second])
                    log_bound = min(0.0, log_scale + top)
                    for hit in _successes(rows * columns, log_bound, generator):
                        yield first + hit // columns, second + hit % columns, log_bound

        num_edges = min(_round(self.degree * n), n * (n - 1))
        total = log_propensity.exp()
        guess = _first_guess(num_edges, float(total.sum() ** 2 - total.square().sum()))
        ranks = _connect(propose, affinity, num_edges, guess, generator)
        return torch.randperm(n, generator=generator)[ranks]


@dataclass(eq=False, repr=False)
class FromNetworkX(_Anatomy):
    """Any NetworkX graph as a runnable ``Data``: what it lacks is drawn, what it has is kept.

    Read by :func:`pyngn_graph.from_networkx` when the generator is made: ``weight`` and ``delay``
    of edges, ``pos`` and ``inhibitory`` of nodes, and every other attribute. Missing ones, also on
    single edges, are drawn as for :class:`SpatialGenerator`. Without a negative weight and without
    ``inhibitory``, given weights count as magnitudes: inhibitory neurons are drawn, and weights
    that leave them are multiplied by ``-inhibition`` (``inhibitory_fraction=0`` prevents it). In a
    graph with negative weights, a neuron is inhibitory if its given weights sum to less than 0.

    Args:
        graph: A NetworkX graph, directed or not (an undirected edge becomes two synapses).
        **kwargs: See :class:`SpatialGenerator`; ``pos=`` overrides the positions of the graph.
    """

    graph: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self._given = from_networkx(self.graph)
        edges = edge_list(self.graph)
        self._has = {
            name: torch.tensor([name in row for *_, row in edges], dtype=torch.bool)
            for name in ("weight", "delay")
        }
        given_dt = self._given.get("dt", self.dt)
        if given_dt != self.dt:
            raise ValueError(
                f"'dt' must be the step that the delays of the graph count, {given_dt} ms (got "
                f"{self.dt}); pass dt={given_dt}"
            )
        if self.pos is not None and self.pos.size(0) != self._given.num_nodes:
            raise ValueError(
                f"'pos' must have one row per node of the graph, {self._given.num_nodes} (got "
                f"{self.pos.size(0)})"
            )

    def __call__(self) -> Data:
        """Returns the graph with everything it lacked."""
        data = self._given.clone()
        src, num_nodes = data.edge_index[0], data.num_nodes
        if self.pos is not None or "pos" not in data:
            data.pos = self._positions(num_nodes)
        has = self._has["weight"]
        given = torch.where(has, data.edge_weight, 0.0)
        signed = bool((given < 0).any())
        if "inhibitory" not in data:
            sums = torch.zeros(num_nodes).index_add(0, src, given)
            data.inhibitory = sums < 0 if signed else self._inhibitory(num_nodes)
        drawn = self._signed(self._magnitudes(src.numel()), src, data.inhibitory)
        kept = given if signed else self._signed(given, src, data.inhibitory)
        data.edge_weight = torch.where(has, kept, drawn)
        drawn_delay = self._delays(data.pos, data.edge_index).to(data.edge_delay.dtype)
        data.edge_delay = torch.where(self._has["delay"], data.edge_delay, drawn_delay)
        data.dt = float(self.dt)
        data.num_nodes = num_nodes
        return validate(data)


# Sampling without looking at all pairs. Pairs with similar probability are grouped; in a group,
# hits of independent trials at the largest probability of the group (the bound) are found by
# jumping over the misses (Batagelj and Brandes, 2005), and a hit stays with probability p / bound.

_Proposal = tuple[Tensor, Tensor, float]  # src, dst, and the log of the bound they were drawn with


def _connect(
    propose: Callable[[float], Iterator[_Proposal]],
    affinity: Callable[[Tensor, Tensor], Tensor],
    num_edges: int | None,
    log_scale: float,
    generator: torch.Generator,
    self_loops: bool = False,
) -> Tensor:
    """Draws each pair with probability ``min(1, scale * exp(affinity))``, as ``[2, E]``.

    A pair is in the graph where ``U / exp(affinity) < scale`` for its own uniform U. To get
    exactly ``num_edges``, the pairs with the smallest ratios are taken: the scale is where the
    next one would come in.
    """
    none = torch.empty(0, dtype=torch.long)
    step = 1.0
    while num_edges != 0:
        found = [(none, none, none.double())]
        for src, dst, log_bound in propose(log_scale):
            u = torch.rand(src.numel(), generator=generator, dtype=torch.float64)
            ratio = log_bound + u.log() - affinity(src, dst)
            keep = ratio < log_scale
            if not self_loops:
                keep &= src != dst
            found.append((src[keep], dst[keep], ratio[keep]))
        src, dst, ratio = (torch.cat(part) for part in zip(*found, strict=True))
        if num_edges is None:
            return torch.stack([src, dst])
        if ratio.numel() >= num_edges:
            return torch.stack([src, dst])[:, ratio.argsort(stable=True)[:num_edges]]
        log_scale, step = log_scale + step, 2 * step
    return torch.stack([none, none])


def _first_guess(num_edges: int, mass: float) -> float:
    """Log of a scale at which ``num_edges`` or a few more pairs appear, if none saturates.

    Rounded up to a coarse grid, as the last bits of ``mass`` may depend on the number of threads.
    """
    wanted = 1.02 * num_edges + 4 * math.sqrt(num_edges) + 4
    return math.ceil(16 * math.log(wanted / max(mass, 1e-300))) / 16


def _successes(total: int, log_p: float, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields, in chunks, which of ``total`` independent trials of probability p succeed."""
    if log_p >= 0:
        for first in range(0, total, _CHUNK):
            yield torch.arange(first, min(first + _CHUNK, total))
        return
    p, last = math.exp(log_p), -1
    while p > 0 and last < total - 1:
        size = min(_CHUNK, int(1.1 * p * (total - last)) + 32)
        u = torch.rand(size, generator=generator, dtype=torch.float64)
        gap = torch.floor(torch.log1p(-u) / math.log1p(-p)) + 1
        hit = last + gap.clamp(max=total).long().cumsum(0)
        last = int(hit[-1])
        yield hit[hit < total]


def _nearby(place: Tensor, log_peak: float, generator: torch.Generator) -> Iterator[_Proposal]:
    """Proposes pairs at distance r with a bound of at least ``min(1, exp(log_peak - r^2))``.

    Space is cut into cubes. Two cubes k steps apart along an axis are at least k - 1 sides apart,
    so all pairs of cubes with the same ``shell = sum(max(|k| - 1, 0)^2)`` share one bound. Pairs
    beyond the last shell, where the bound is below 1 / N, are sampled from all N x N pairs.
    """
    n = place.size(0)
    place = place - place.amin(dim=0)
    extent = place.amax(dim=0)
    reach = math.sqrt(max(0.0, log_peak + math.log(n)))
    roomy = float(8 * extent.prod() / n) ** (1 / 3)  # eight neurons to a cube
    # Between half a length scale and one, unless that made too many cubes.
    side = max(0.5, min(1.0, roomy), reach / 8, float(extent.max()) / 1e6)
    last_shell = math.ceil((reach / side) ** 2) if reach > 0 else -1

    def log_bound(shell: int) -> float:
        return min(0.0, log_peak - shell * side**2)

    cell = torch.floor(place / side).long()
    if last_shell >= 0:
        span = torch.minimum(cell.amax(dim=0), torch.tensor(math.isqrt(last_shell) + 1))
        size = cell.amax(dim=0) + 1 + 2 * span  # a margin that no neighbor can step over
        stride = torch.stack([size[1] * size[2], size[2], torch.tensor(1)])
        key, order = ((cell + span) * stride).sum(dim=1).sort(stable=True)
        cube, count = torch.unique_consecutive(key, return_counts=True)
        start = count.cumsum(0) - count
        steps = torch.cartesian_prod(*(torch.arange(-int(m), int(m) + 1) for m in span))
        shells, steps = _shell(steps), (steps * stride).sum(dim=1)
        for shell in range(last_shell + 1):
            for step in torch.split(steps[shells == shell], max(1, _CHUNK // cube.numel())):
                wanted = cube + step.unsqueeze(1)
                there = torch.searchsorted(cube, wanted).clamp(max=cube.numel() - 1)
                occupied = cube[there] == wanted
                a, b = occupied.nonzero()[:, 1], there[occupied]
                end = (count[a] * count[b]).cumsum(0)
                total = int(end[-1]) if end.numel() else 0
                for hit in _successes(total, log_bound(shell), generator):
                    block = torch.searchsorted(end, hit, right=True)
                    first, second = a[block], b[block]
                    local = hit - end[block] + count[first] * count[second]
                    src = order[start[first] + local // count[second]]
                    yield src, order[start[second] + local % count[second]], log_bound(shell)
    for hit in _successes(n * n, log_bound(last_shell + 1), generator):
        src, dst = hit // n, hit % n
        far = _shell(cell[src] - cell[dst]) > last_shell
        yield src[far], dst[far], log_bound(last_shell + 1)


def _shell(step: Tensor) -> Tensor:
    return (step.abs() - 1).clamp(min=0).square().sum(dim=1)


def _squared_distance(pos: Tensor, src: Tensor, dst: Tensor) -> Tensor:
    """Squared distances in float64, one axis at a time to save memory."""
    total = torch.zeros(src.numel(), dtype=torch.float64)
    for axis in pos.double().t().contiguous():
        total += (axis[src] - axis[dst]).square()
    return total


def _round(value: float) -> int:
    return math.floor(value + 0.5)
