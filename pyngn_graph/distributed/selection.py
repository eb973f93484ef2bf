"""The lowest edges of a whole graph, found by ranks that each know their own."""

import math

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.shard import Shard
from pyngn_graph.glia.base import as_array
from pyngn_graph.graph import alive, num_targets


class Selection:
    """Does what :func:`pyngn_graph.glia.pruning.select` does, to the same edges.

    Ranks add up histograms of their scores, and thereby know which edges may be among the lowest;
    these alone, with their scores, are gathered and ranked by every rank.
    """

    def __init__(self, shard: Shard, ranks: Ranks) -> None:
        self.shard, self.ranks = shard, ranks

    def __call__(
        self,
        data: Data,
        score: Tensor,
        *,
        below: float | None,
        fraction: float,
        min_in: int,
        keep: int,
    ) -> Tensor:
        """The live edges here to prune, ``[E]`` bool; arguments as for ``select``."""
        from pyngn_graph.glia.lowest import candidates, census, limits, lowest_of

        ranks = self.ranks
        score, kind, target = score.double(), data.edge_weight < 0, data.edge_index[1]
        arrays = [as_array(each) for each in (score, kind, alive(data))]
        if below is None:
            below = -math.inf
        else:
            fraction = 0.0
        inputs, own = census(*arrays, as_array(target), num_targets(data))
        count = ranks.total(torch.from_numpy(own)).numpy()
        kept = torch.from_numpy(inputs)
        reserve = int(ranks.total(kept.clamp(max=min_in).sum().view(1)))
        edge = torch.from_numpy(candidates(*arrays, limits(count, reserve, below, fraction)))
        whole = torch.stack(
            [
                data.edge_number[edge],
                self.shard.owned[target[edge]],
                kept[target[edge]],
                kind[edge].long(),
            ],
            dim=1,
        )
        number, place, left, kinds = torch.cat(ranks.gather(whole)).unbind(1)
        scores = torch.cat(ranks.gather(score[edge]))
        number, order = number.sort()
        targets, place = torch.unique(place[order], return_inverse=True)
        left = torch.zeros_like(targets).index_copy(0, place, left[order])
        doomed = lowest_of(
            as_array(scores[order]),
            as_array(kinds[order].bool()),
            as_array(place),
            as_array(left),
            count.sum(axis=1),
            below,
            fraction,
            min_in,
            keep,
        )
        return torch.isin(data.edge_number, number[torch.from_numpy(doomed)])
