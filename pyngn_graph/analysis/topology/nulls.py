"""Null models: graphs that keep some properties of another and are random in all others."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network
from pyngn_graph.analysis.topology.rewiring import random_edges, rewired
from pyngn_graph.checks import generator_of
from pyngn_graph.graph import alive
from pyngn_graph.notices import warn

ROUNDS = 40
"""Rounds of swaps of a random graph."""

LATTICE_ROUNDS = 200
"""Rounds of swaps of a lattice: the nearer it comes, the fewer swaps bring it nearer still."""

DISTANCE_ROUNDS = 200
"""Rounds of swaps that keep distances: few of them may be made."""

FEWEST_NEW = 0.5
"""Share of the edges that must connect other neurons than before."""


def null_model(
    data: Data,
    kind: str = "degree",
    seed: int = 0,
    *,
    rounds: int | None = None,
    tolerance: float = 0.1,
    within: str | None = None,
) -> Data:
    """The same neurons and synapses with other targets.

    Every live edge keeps its source and, with it, its weight, delay and all other ``edge_*``, so
    that out-strengths and Dale's law stay; the edges keep their order. Silent edges stay where
    they are. No self loop and no parallel edge is made; those that were there may go. Where there
    is little room, as in dense graphs, tiny ones and stars, much stays: a warning says how much.

    - ``"degree"``: all in-degrees and out-degrees stay (Maslov & Sneppen, 2002).
    - ``"degree_distance"``: as well, every edge keeps the distance it spans within ``tolerance``
      (after Betzel & Bassett, 2018, who keep their distribution).
    - ``"distance"``: every edge draws a target among all at its distance, within ``tolerance``;
      in-degrees are free. An edge for which there is no other stays.
    - ``"lattice"``: all degrees stay, and swaps are made only if they bring the ends of the edges
      nearer to each other on a ring of the neurons in random order (Sporns & Zwi, 2004).
    - ``"random"``: as many edges between any two neurons (Erdos & Renyi, 1959); here alone edges
      change their sources.

    Args:
        data: The graph; it is left as it was.
        kind: What is kept.
        seed: Seed of all choices.
        rounds: Rounds of swaps, in each of which every edge takes part once; by default 40, and
            200 for ``"lattice"`` and ``"degree_distance"``. The latter may make few swaps: of the
            edges of C. elegans 200 rounds move 73 %, 1000 move 79 %.
        tolerance: Share of its length by which that of an edge may change.
        within: An attribute of the edges, as ``"edge_type"``: only edges in which it is equal are
            swapped. For the kinds that swap.

    Raises:
        ValueError: If ``kind`` or ``within`` is unknown, positions are missing, or a number breaks
            its range.
    """
    kinds = ("degree", "degree_distance", "distance", "lattice", "random")
    if kind not in kinds:
        raise ValueError(f"Unknown null model {kind!r}; available: {list(kinds)}")
    if not tolerance >= 0.0:
        raise ValueError(f"'tolerance' must not be negative (got {tolerance})")
    if rounds is not None and rounds < 0:
        raise ValueError(f"'rounds' must not be negative (got {rounds})")
    if "distance" in kind and data.get("pos") is None:
        raise ValueError(f"The null model {kind!r} needs 'pos' [N, 3]; set it or keep degrees only")
    if within is not None and (within not in data or not within.startswith("edge_")):
        raise ValueError(f"The graph has no attribute {within!r} of its edges to swap within")
    Network.of(data)  # refuses what is no graph
    generator = generator_of(seed)
    live = alive(data).cpu().nonzero().squeeze(1)
    edges = data.edge_index.cpu()[:, live]
    size = int(data.num_nodes)
    if kind == "random":
        most = size * (size - 1)
        if live.numel() > most:
            raise ValueError(
                f"{live.numel()} edges do not fit between {size} neurons without parallel ones "
                f"(at most {most}); use another null model"
            )
        edges = random_edges(live.numel(), size, generator)
    elif kind == "distance":
        edges = _same_distance(edges, data.pos.detach().cpu().double(), tolerance, generator)
    else:
        if rounds is None:
            rounds = {"lattice": LATTICE_ROUNDS, "degree_distance": DISTANCE_ROUNDS}.get(
                kind, ROUNDS
            )
        group = torch.zeros_like(live) if within is None else data[within].cpu()[live]
        where = torch.randperm(size, generator=generator)
        for value in torch.unique(group):
            part = (group == value).nonzero().squeeze(1)
            rules: tuple[Any, ...] = ()
            if kind == "lattice":
                ring = _Ring(edges[:, part], where, rounds)
                rules = (ring.shorter, ring.order)
            elif kind == "degree_distance":
                pos = data.pos.detach().cpu().double()
                lengths = _Lengths(edges[:, part], pos, tolerance)
                rules = (lengths.same, lengths.order)
            edges[:, part] = rewired(edges[:, part], size, rounds, generator, *rules)
    if rounds != 0:
        _warn_of_same(data.edge_index.cpu()[:, live], edges, size, kind)
    null = copy.copy(data)
    null.edge_index = data.edge_index.clone()
    device = data.edge_index.device
    null.edge_index[:, live.to(device)] = edges.to(device)
    return null


def _warn_of_same(old: Tensor, new: Tensor, size: int, kind: str) -> None:
    """Says so where less than ``FEWEST_NEW`` of the connections were not there before."""
    before, after = (edges[0] * size + edges[1] for edges in (old, new))
    share = 1.0 - float(torch.isin(after, before).double().mean()) if after.numel() else 1.0
    if share < FEWEST_NEW:
        warn(
            f"Only {100 * share:.0f} % of the {after.numel()} edges of the null model {kind!r} "
            f"connect neurons that were not connected before: there is little room for others, so "
            f"that it says little of chance; keep less, as by kind='random' in a sparse graph"
        )


class _Lengths:
    """Swaps after which both edges are as long as they were in the beginning, or nearly so.

    In every other round edges are paired whose targets stand near each other, more or less so:
    random pairs would need twice to four times as many rounds. A swap and the one that takes it
    back are as likely, for the two edges stand at each other's places in between.
    """

    def __init__(self, edges: Tensor, pos: Tensor, tolerance: float) -> None:
        self.src, self.pos, self.tolerance = edges[0], pos, tolerance
        self.length = self._between(edges[0], edges[1])

    def same(self, pair: Tensor, target: Tensor) -> Tensor:
        """Which pairs keep their lengths with these targets."""
        change = (self._between(self.src[pair], target) - self.length[pair]).abs()
        return (change <= self.tolerance * self.length[pair]).all(dim=0)

    def order(self, number: int, target: Tensor, generator: torch.Generator) -> Tensor:
        """Some edges in random order, or all so that the targets of halves are near each other.

        Were it always all, and were all swaps made, a swap alone could never be.
        """
        count = target.numel()
        if number % 2 or count < 2:
            some = int(torch.randint(count + 1, (1,), generator=generator))
            return torch.randperm(count, generator=generator)[:some]
        direction = torch.randn(3, generator=generator, dtype=torch.float64)
        place = self.pos[target] @ direction
        blur = 10.0 ** -(3.0 * float(torch.rand(1, generator=generator, dtype=torch.float32))) * (
            place.max() - place.min()
        )
        noise = torch.randn(count, generator=generator, dtype=torch.float64)
        return _neighbors(place + blur * noise)

    def _between(self, src: Tensor, dst: Tensor) -> Tensor:
        return (self.pos[src] - self.pos[dst]).norm(dim=-1)


def _neighbors(place: Tensor) -> Tensor:
    """An order whose first half meets the second: those next to each other by their ``place``."""
    return place.argsort(stable=True)[: place.numel() // 2 * 2].view(-1, 2).t().flatten()


class _Ring:
    """Swaps that shorten edges on a ring where neuron i stands at ``where[i]``.

    Edges are paired whose sources stand near each other, nearer and nearer from round to round:
    random pairs would need ten times as many.
    """

    def __init__(self, edges: Tensor, where: Tensor, rounds: int) -> None:
        self.src, self.where, self.rounds = edges[0], where, rounds

    def shorter(self, pair: Tensor, target: Tensor) -> Tensor:
        """Which pairs are shorter together with the targets exchanged."""
        old = self._between(self.src[pair], target.flip(0)).sum(dim=0)
        return self._between(self.src[pair], target).sum(dim=0) < old

    def order(self, number: int, target: Tensor, generator: torch.Generator) -> Tensor:
        """The edges in an order whose halves meet along the ring."""
        size, count = self.where.numel(), self.src.numel()
        blur = max(10.0, size * (10.0 / size) ** (number / (0.75 * self.rounds)))
        shift = torch.rand(count + 1, generator=generator, dtype=torch.float32) * blur
        place = (self.where[self.src] + shift[:-1] + shift[-1] * size / blur) % size
        return _neighbors(place)

    def _between(self, src: Tensor, dst: Tensor) -> Tensor:
        gap = (self.where[src] - self.where[dst]).abs()
        return torch.minimum(gap, self.where.numel() - gap)


def _same_distance(
    edges: Tensor, pos: Tensor, tolerance: float, generator: torch.Generator
) -> Tensor:
    """The edges one after the other, in random order, each with a new target as far away."""
    src, dst = edges[0], edges[1].clone()
    order = torch.randperm(src.numel(), generator=generator)
    for node in torch.unique(src):
        away = (pos - pos[node]).norm(dim=1)
        taken = torch.bincount(dst[src == node], minlength=pos.size(0))
        taken[node] += 1
        for edge in order[src[order] == node].tolist():
            old = int(dst[edge])
            near = (taken == 0) & ((away - away[old]).abs() <= tolerance * away[old])
            choice = near.nonzero().squeeze(1)
            if choice.numel():
                new = int(choice[torch.randint(choice.numel(), (1,), generator=generator)])
                dst[edge] = new
                taken[old] -= 1
                taken[new] += 1
    return torch.stack([src, dst])
