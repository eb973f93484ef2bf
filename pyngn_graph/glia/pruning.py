"""Which synapses go: the criteria by name, and the selection of the lowest scores."""

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import as_array
from pyngn_graph.glia.competition import Hub, MatchedRandom, Winner
from pyngn_graph.glia.scores import Score, absolute_weight, health, relative_health, uniform
from pyngn_graph.graph import alive

if TYPE_CHECKING:
    from pyngn_graph.glia.microglia import Microglia


@runtime_checkable
class Selector(Protocol):
    """A criterion may also choose for itself which edges go.

    It then has to honor by itself the ``min_in``, ``fraction`` and ``num_kept(data)`` of the cell.
    """

    def select(self, cell: "Microglia", data: Data, generator: torch.Generator) -> Tensor:
        """The edges ``[E]`` bool to prune at this tick."""


Criterion = Score | Selector


CRITERIA: dict[str, Criterion] = {
    "winner": Winner(),
    "hub": Hub(),
    "threshold": health,
    "relative": relative_health,
    "weight": absolute_weight,
    "random": uniform,
    "random_winner": MatchedRandom(Winner()),
}


def select(
    data: Data, score: Tensor, *, below: float | None, fraction: float, min_in: int, keep: int
) -> Tensor:
    """The live edges to prune, ``[E]`` bool.

    Excitatory and inhibitory edges are ranked apart, so that each class loses its own lowest.

    Args:
        data: The graph.
        score: ``[E]``; the lowest go first, equal ones in the order of ``edge_index``.
        below: Prune all edges with a score below this number; if None, the lowest ``fraction`` of
            each class.
        fraction: Share of the live edges of a class, rounded down.
        min_in: Live inputs, those ranked best in their class, that each target keeps.
        keep: Number of live edges that remain in any case.

    Raises:
        ValueError: If ``score`` is not a number for each edge.
    """
    from pyngn_graph.glia.lowest import lowest

    if score.shape != data.edge_weight.shape or bool(score.isnan().any()):
        raise ValueError(
            f"A criterion must give a number for each of the {data.num_edges} edges (got "
            f"{list(score.shape)}, {int(score.isnan().sum())} of them NaN)"
        )
    parts = score.double(), data.edge_weight < 0, alive(data), data.edge_index[1]
    doomed = lowest(
        *map(as_array, parts),
        data.num_nodes,
        -math.inf if below is None else below,
        fraction if below is None else 0.0,
        min_in,
        keep,
    )
    return torch.from_numpy(doomed).to(score.device)
