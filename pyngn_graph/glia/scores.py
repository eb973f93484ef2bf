"""Scores of synapses: what is weighed when some of them have to go."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import as_array
from pyngn_graph.graph import alive, num_live

Score = Callable[[Data, torch.Generator], Tensor]
"""A score ``[E]`` of every edge; the lowest go first."""


def health(data: Data, generator: torch.Generator) -> Tensor:
    """The health H itself."""
    return data.edge_health


def relative_health(data: Data, generator: torch.Generator) -> Tensor:
    """H minus the mean over the target's other live afferents (0 where there is no other)."""
    from pyngn_graph.glia.relative import above_the_others

    parts = data.edge_health, data.edge_index[1], alive(data)
    above = above_the_others(*map(as_array, parts), data.num_nodes)
    return torch.from_numpy(above).to(data.edge_health.device)


def absolute_weight(data: Data, generator: torch.Generator) -> Tensor:
    """The size of the weight."""
    return data.edge_weight.abs()


def uniform(data: Data, generator: torch.Generator) -> Tensor:
    """A random number: the control that every other criterion has to beat.

    It is drawn for live edges alone: whether others were dropped or masked changes no choice.
    """
    live = alive(data)
    score = torch.zeros_like(data.edge_weight)
    score[live] = torch.rand(num_live(data), generator=generator, dtype=torch.float32).to(score)
    return score


def calcium(data: Data, generator: torch.Generator) -> Tensor:
    """The calcium of the source: how active the axon is.

    Raises:
        ValueError: If there is no calcium.
    """
    if "calcium" not in data:
        raise ValueError(
            "The graph has no 'calcium'; add an Astrocyte, or set 'data.calcium' [N] yourself"
        )
    return data.calcium[data.edge_index[0]]
