"""Microglia as judges of a competition: which inputs a target keeps, and which axons pay for it."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import as_array
from pyngn_graph.glia.scores import Score, calcium, health
from pyngn_graph.graph import alive, out_degree, round_delay

if TYPE_CHECKING:
    from pyngn_graph.glia.microglia import Microglia

MEASURES: dict[str, Score] = {"health": health, "calcium": calcium}
"""Scores of activity that have a name."""


@dataclass(frozen=True)
class Competition:
    """What :class:`Winner` and :class:`Hub` share: quotas, health, and the visit to a target."""

    excitatory: float = 1.0
    inhibitory: float = 0.25
    long_delay: float = 0.0
    noise: float = 0.3
    activity: float = 0.0
    measure: str | Score = "health"

    keep: ClassVar[float]
    """What ``Microglia(keep=None)`` means with this criterion."""

    def __post_init__(self) -> None:
        for name in ("excitatory", "inhibitory", "long_delay", "noise"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"'{name}' must be finite and not negative (got {getattr(self, name)})"
                )
        if not -1.0 <= self.activity < math.inf:
            raise ValueError(
                f"'activity' must be finite and at least -1, so that no health is negative "
                f"(got {self.activity})"
            )
        if isinstance(self.measure, str) and self.measure not in MEASURES:
            raise ValueError(
                f"Unknown measure {self.measure!r}; available: {sorted(MEASURES)}, or a function"
            )
        if not isinstance(self.measure, str) and not callable(self.measure):
            raise TypeError(f"'measure' must be a name or a function (got {self.measure!r})")

    def quota(self, seed: int, num_nodes: int) -> Tensor:
        """Inputs ``[2, N]`` int64 that each target keeps: excitatory, then inhibitory."""
        rows = []
        for kind, mean in enumerate((self.excitatory, self.inhibitory)):
            chance = np.random.default_rng([seed % 2**64, kind])
            rows.append(np.floor(mean + chance.random(num_nodes)))
        return torch.tensor(np.stack(rows)).long()

    def standing(self, data: Data, generator: torch.Generator) -> Tensor:
        """Rank ``[E]`` float64 of the measure among the target's live inputs of a kind, 0 to 1.

        Raises:
            ValueError: If the measure is not a number for each edge.
        """
        from pyngn_graph.glia.relative import mid_rank

        measure = MEASURES[self.measure] if isinstance(self.measure, str) else self.measure
        score = measure(data, generator)
        if score.shape != data.edge_weight.shape or bool(score.isnan().any()):
            raise ValueError(
                f"'measure' must give a number for each of the {data.num_edges} edges (got "
                f"{list(score.shape)}, {int(score.isnan().sum())} of them NaN)"
            )
        parts = score.double(), data.edge_index[1], data.edge_weight < 0, alive(data)
        return torch.from_numpy(mid_rank(*map(as_array, parts), data.num_nodes))

    def select(self, cell: "Microglia", data: Data, generator: torch.Generator) -> Tensor:
        """The edges ``[E]`` bool that go in one round of visits."""
        from pyngn_graph.glia.visits import visit
        from pyngn_graph.sorting import group_by

        src, dst = as_array(data.edge_index[0]), as_array(data.edge_index[1])
        start, edge = group_by(dst, as_array(alive(data)), data.num_nodes)
        num_live = len(edge)
        xi = torch.rand(num_live, generator=generator, dtype=torch.float64)
        vigor = 1.0 + self.noise * xi
        if num_live:
            steps = round_delay(data.edge_delay).cpu()
            delay = steps.index_select(0, torch.from_numpy(edge)).double()
            vigor += self.long_delay * delay / delay.max()
        if self.activity:
            vigor += self.activity * self.standing(data, generator)[torch.from_numpy(edge)]
        order, removals, enough = self._visits(cell, data, num_live, generator)
        doomed = visit(
            as_array(order),
            start,
            edge,
            src,
            as_array(data.edge_weight < 0),
            as_array(vigor),
            as_array(self.quota(cell.seed, data.num_nodes)),
            as_array(out_degree(data).clone()),
            removals,
            cell.min_in,
            max(0, num_live - cell.num_kept(data)),
            enough,
        )
        return torch.from_numpy(doomed).to(data.edge_index.device)

    def _visits(
        self, cell: "Microglia", data: Data, num_live: int, generator: torch.Generator
    ) -> tuple[Tensor, int, int]:
        """Targets in the order of visits, removals of each kind at one, and those in a round."""
        raise NotImplementedError


@dataclass(frozen=True)
class Winner(Competition):
    r"""Winner-take-all elimination, as of climbing fibers, with a limited resource per axon.

    An axon j shares its resource among its :math:`n_j` live boutons, so that at a visit the health
    of a synapse is

    .. math::
        h_{ji} = (1 + \nu \xi_{ji} + b D_{ji} / D_{max} + \alpha a_{ji}) / n_j,
        \qquad \xi \sim U(0, 1)

    with :math:`D_{max}` the longest delay in the graph. Every tick visits all targets once, in
    random order: the least healthy excitatory input goes while more than the target's quota remain,
    likewise the least healthy inhibitory one, up to ``removals`` of each; boutons are counted anew
    after every removal. By default this health is one of structure: spikes play no part in it.
    With :math:`\alpha \neq 0` they do, through the standing a of an input among those that the
    target has of its kind at the tick: 0 for the least active, 1 for the most active, ties sharing
    their mean rank. ``fraction`` plays no part.

    A fractional quota is a mean: with 0.25, one target in four keeps one input. Which ones do
    follows from the seed of the cell and the number of the neuron, for the life of the graph.

    Args:
        excitatory: Mean number of excitatory inputs that a target keeps.
        inhibitory: Mean number of inhibitory inputs that a target keeps.
        long_delay: Bonus b of long delays: 0 is neutral, 0.5 favors what is long ago.
        noise: :math:`\nu`, the part of chance in health.
        activity: :math:`\alpha`, the part of activity in health; negative, it favors what is idle.
        measure: What a ranks: ``"health"`` (the ``edge_health`` of the cell), ``"calcium"`` (that
            of the source, which astrocytes keep), or your own function of the graph and a
            ``torch.Generator`` that scores every edge.
        removals: Inputs of each kind that a target may lose at a visit.

    Raises:
        ValueError: If a parameter is negative or not finite, ``activity`` less than -1, or
            ``removals`` less than 1; at a tick, if the graph lacks what is measured.

    Sources: Hashimoto & Kano (2013) for the elimination of climbing fibers; Rasmussen & Willshaw
    (1993) for axons that divide a resource among their terminals.
    """

    removals: int = 2

    keep: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.removals < 1:
            raise ValueError(f"'removals' must be at least 1 (got {self.removals})")

    def _visits(
        self, cell: "Microglia", data: Data, num_live: int, generator: torch.Generator
    ) -> tuple[Tensor, int, int]:
        return torch.randperm(data.num_nodes, generator=generator), self.removals, num_live


@dataclass(frozen=True)
class Hub(Competition):
    """The competition of :class:`Winner` up to a given share: some targets keep everything.

    Targets are visited by rising ``gain`` (in random order among equals, and where there is none)
    and each is stripped to its quota at once, until ``fraction`` of the live edges are gone in
    this tick, or exactly ``keep`` of the first ones remain. Targets of high gain, those with little
    input, are spared.

    Args:
        excitatory: Mean number of excitatory inputs that a stripped target keeps.
        inhibitory: Mean number of inhibitory inputs that a stripped target keeps.
        long_delay: See :class:`Winner`.
        noise: See :class:`Winner`.
        activity: See :class:`Winner`.
        measure: See :class:`Winner`.

    Raises:
        ValueError: If a parameter is negative or not finite, or ``activity`` less than -1.
    """

    keep: ClassVar[float] = 0.15

    def _visits(
        self, cell: "Microglia", data: Data, num_live: int, generator: torch.Generator
    ) -> tuple[Tensor, int, int]:
        order = torch.randperm(data.num_nodes, generator=generator)
        if "gain" in data:
            order = order[torch.argsort(data.gain.cpu()[order], stable=True)]
        return order, num_live, math.ceil(cell.fraction * num_live)


@dataclass(frozen=True)
class MatchedRandom:
    """The control of a competition: as many edges go as there, but which ones is chance.

    At every tick it removes as many excitatory and as many inhibitory edges as ``like`` would, at
    that tick of its own life on the graph that this one began as; so both lives have the same
    counts throughout. (Edges removed at random leave other in-degrees behind than a competition
    does: counts taken from the present graph would soon differ.) These counts follow from the
    numbers of inputs of the targets alone, which are kept in ``matched_inputs`` ``[N, 2]`` as
    the competition would leave them. With ``Microglia(regrow=True)``, where no count changes, it is
    the present graph that tells how many edges move.

    ``min_in`` and ``keep`` of the microglia are honored in that they limit ``like``; beyond that a
    target may well lose all of its inputs.

    Args:
        like: The :class:`Winner` or :class:`Hub` whose counts are matched.

    Raises:
        TypeError: If ``like`` is something else.
    """

    like: Competition = Winner()

    def __post_init__(self) -> None:
        if not isinstance(self.like, Competition):
            raise TypeError(f"'like' must be a Winner or a Hub (got {self.like!r})")

    @property
    def keep(self) -> float:
        """What ``Microglia(keep=None)`` means with this criterion."""
        return self.like.keep

    def select(self, cell: "Microglia", data: Data, generator: torch.Generator) -> Tensor:
        """The edges ``[E]`` bool that go; keeps count on ``data``."""
        inhibitory = data.edge_weight < 0
        of_kind = [alive(data) & kind for kind in (~inhibitory, inhibitory)]
        inputs = data.get("matched_inputs")
        if inputs is None or cell.regrow:
            target = [data.edge_index[1, kind] for kind in of_kind]
            count = [torch.bincount(each, minlength=data.num_nodes) for each in target]
            inputs = torch.stack(count, dim=1)
        left = self._round(cell, data, inputs, generator)
        doomed = torch.zeros_like(inhibitory)
        for kind, number in zip(of_kind, (inputs - left).sum(dim=0).tolist(), strict=True):
            edge = kind.nonzero().squeeze(1)
            chosen = torch.randperm(edge.numel(), generator=generator)[:number]
            doomed[edge[chosen.to(edge.device)]] = True
        if not cell.regrow:
            data.matched_inputs = left
        return doomed

    def _round(
        self, cell: "Microglia", data: Data, inputs: Tensor, generator: torch.Generator
    ) -> Tensor:
        """What a round of ``like`` leaves of ``inputs`` ``[N, 2]``, excitatory and inhibitory."""
        kind = torch.tensor([0, 1], device=inputs.device).repeat(data.num_nodes)
        kind = kind.repeat_interleave(inputs.flatten())
        target = torch.arange(data.num_nodes, device=inputs.device)
        target = target.repeat_interleave(inputs.sum(dim=1))
        stand_in = Data(
            num_nodes=data.num_nodes,
            edge_index=torch.stack([torch.zeros_like(target), target]),
            edge_weight=1.0 - 2.0 * kind.float(),
            edge_delay=torch.ones_like(target),
            first_num_edges=data.first_num_edges,
        )
        if "gain" in data:
            stand_in.gain = data.gain
        # Which inputs go, not how many, is a matter of activity, of which the stand-in has none.
        kept = ~replace(self.like, activity=0.0).select(cell, stand_in, generator)
        count = torch.bincount(2 * target[kept] + kind[kept], minlength=inputs.numel())
        return count.view_as(inputs)
