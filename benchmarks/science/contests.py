"""Which input of a target wins: by structure, by activity, by both, or by chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.protocol import HOLD, Liquid, activity, composition, scores
from pyngn_graph.glia import MatchedRandom, Winner
from pyngn_graph.glia.pruning import Criterion
from pyngn_graph.glia.scores import Score, calcium, health, uniform
from pyngn_graph.graph import alive, in_degree, out_degree

LIQUID: dict[str, Any] = {
    "degree": 16.0,
    "weight": 0.3,
    "astrocyte": "multiplicative",
    "oligodendrocyte": "uniform",
}
"""The liquid in which they compete: delays drawn once from U(1, 100) ms."""

SCORES: dict[str, Score] = {"health": health, "calcium": calcium, "chance": uniform}


@dataclass(frozen=True)
class Alone:
    """A criterion of our own: one score decides, and axons have nothing to share.

    Targets keep as many inputs as with ``Winner()``, the highest by ``sign`` times the score, and
    lose as many at a visit. Equal scores are told apart by chance.
    """

    score: Score
    sign: float = 1.0

    keep: ClassVar[float] = 0.0

    def select(self, cell: ng.Microglia, data: Data, generator: torch.Generator) -> Tensor:
        """The edges ``[E]`` bool that go."""
        like = Winner()
        value = self.sign * self.score(data, generator).double()
        chance = torch.rand(data.num_edges, generator=generator)
        group = 2 * data.edge_index[1] + (data.edge_weight < 0)
        group = torch.where(alive(data), group, 2 * data.num_nodes)  # masked ones stand last
        order = np.lexsort((chance.numpy(), value.numpy(), group.numpy()))
        size = torch.bincount(group, minlength=2 * data.num_nodes + 1)
        quota = like.quota(cell.seed, data.num_nodes).t().flatten()
        loses = torch.zeros_like(size)
        loses[:-1] = (size[:-1] - quota).clamp(min=0, max=like.removals)
        doomed = torch.empty_like(group, dtype=torch.bool)
        place = torch.arange(data.num_edges) - (size.cumsum(0) - size)[group[order]]
        doomed[order] = place < loses[group[order]]
        return doomed


@dataclass(frozen=True)
class Contest(Liquid):
    """A liquid with microglia of any criterion; ``trace`` is how they sense health."""

    criterion: Criterion | None = None
    trace: str = "window"

    def glia(self, seed: int) -> list[ng.GlialCell]:
        """The glia, in the order of their action."""
        cells = super().glia(seed)
        if self.criterion is not None:
            cell = ng.Microglia(self.criterion, keep=self.keep, trace=self.trace, seed=seed)
            cells.append(cell)
        return cells


def contest(
    seed: int,
    kind: str,
    measure: str = "health",
    part: float = 0.0,
    trace: str = "window",
    measures: Sequence[str] = ("memory", "narma10"),
) -> dict[str, Any]:
    """What a liquid remembers once its inputs have competed.

    Args:
        seed: Seed of the liquid.
        kind: ``"winner"`` (structure, and activity by its ``part``), ``"alone"`` (only the
            ``measure`` counts, upside down if ``part`` is negative), ``"random"`` (equal counts,
            any edge), or ``"none"``.
        measure: One of ``SCORES``.
        part: The part of activity in health.
        trace: How health is sensed: ``"window"`` or ``"coincidence"``.
        measures: See :func:`~benchmarks.science.protocol.scores`.

    Returns:
        What ``scores``, ``activity`` and ``composition`` return; mean ``delay`` of what is left,
        ms; ``boutons`` of the axon that has most; inputs of the target with fewest (``inputs``).
    """
    criteria: dict[str, Criterion | None] = {
        "winner": Winner(activity=part, measure=SCORES[measure]),
        "alone": Alone(SCORES[measure], -1.0 if part < 0 else 1.0),
        "random": MatchedRandom(),
        "none": None,
    }
    reservoir = Contest(criterion=criteria[kind], trace=trace, **LIQUID).adapted(seed)
    data, found = reservoir.graph, dict[str, Any]()

    def states(u: Tensor) -> Tensor:
        recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
        found.update(activity(recording) if not found else {})
        return recording.traces["state"][0]

    score = scores(states, seed, measures, 200, 3000)
    return (
        score
        | found
        | composition(data)
        | {
            "delay": float(data.edge_delay[alive(data)].mean()),
            "boutons": int(out_degree(data).max()),
            "inputs": int(in_degree(data).min()),
        }
    )
