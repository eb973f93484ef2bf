"""The compiled selection against its definition in torch, and the scores."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import many
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.oligodendrocyte import graded_delays
from pyngn_graph.glia.pruning import relative_health, select
from pyngn_graph.graph import alive


def rank_within(key: Tensor, group: Tensor, num_groups: int) -> tuple[Tensor, Tensor]:
    """Rank of each entry by ``key``, then position, in its ``group``; and the size of that."""
    order = torch.argsort(key, stable=True)
    order = order[torch.argsort(group[order], stable=True)]
    size = torch.bincount(group, minlength=num_groups)
    first = size.cumsum(0) - size
    rank = torch.empty_like(group)
    rank[order] = torch.arange(order.numel()) - first[group[order]]
    return rank, size[group]


def plain_select(
    data: Data, score: Tensor, below: float | None, fraction: float, min_in: int, keep: int
) -> Tensor:
    live = alive(data).nonzero().squeeze(1)
    score, target = score[live].double(), data.edge_index[1][live]
    kind = (data.edge_weight[live] < 0).long()
    rank, size = rank_within(score, kind, 2)
    share = (rank.double() + 0.5) / size
    protected = rank_within(-share, target, data.num_nodes)[0] < min_in
    if below is None:
        free = torch.where(protected, torch.inf, score)
        wanted = rank_within(free, kind, 2)[0] < torch.floor(fraction * size.double())
    else:
        wanted = score < below
    wanted &= ~protected
    first = rank_within(torch.where(wanted, share, torch.inf), torch.zeros_like(kind), 1)[0]
    doomed = torch.zeros(data.num_edges, dtype=torch.bool)
    doomed[live] = wanted & (first < live.numel() - keep)
    return doomed


@st.composite
def graphs(draw: st.DrawFn) -> Data:
    """Graphs of few and of many edges, of one kind and of both, with and without a mask."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    num_nodes, size = draw(st.integers(1, 8)), draw(st.sampled_from([0, 1, 2, 5, 20, 60, 200]))
    negative = draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    data = Data(
        num_nodes=num_nodes,
        edge_index=torch.randint(num_nodes, (2, size), generator=generator),
        edge_weight=torch.where(torch.rand(size, generator=generator) < negative, -1.0, 1.0),
        # All the same once rounded, or of few values.
        edge_health=draw(st.sampled_from([0.01, 1.0])) * torch.randn(size, generator=generator),
        edge_delay=1.0 + torch.randint(40, (size,), generator=generator) / 4.0,
    )
    if draw(st.booleans()):
        data.edge_health = data.edge_health.mul(2.0).round() / 2.0
    if draw(st.booleans()):
        data.edge_mask = torch.rand(size, generator=generator) < 0.7
    return data


@many
@given(
    data=graphs(),
    below=st.sampled_from([None, None, -0.5, 0.0, 0.25]),
    fraction=st.sampled_from([0.0, 0.16, 0.5, 1.0]),
    min_in=st.sampled_from([0, 1, 3, 1000]),
    kept=st.sampled_from([0.0, 0.5, 0.9, 1.5]),
    weak=st.booleans(),
)
def test_the_lowest_go_as_defined(
    data: Data, below: float | None, fraction: float, min_in: int, kept: float, weak: bool
) -> None:
    score, keep = data.edge_health, int(kept * data.num_edges)
    if weak:
        score = torch.where(score < -0.7, -torch.inf, score)
    found = select(data, score, below=below, fraction=fraction, min_in=min_in, keep=keep)
    assert torch.equal(found, plain_select(data, score, below, fraction, min_in, keep))


@given(data=graphs())
def test_relative_health_is_exact(data: Data) -> None:
    found = relative_health(data, torch.Generator())
    live, target = alive(data), data.edge_index[1]
    for e in range(data.num_edges):
        others = live & (target == target[e]) & (torch.arange(data.num_edges) != e)
        if live[e]:
            mean = data.edge_health[others].double().mean().nan_to_num()
            expected = float(data.edge_health[e] - mean) if others.any() else 0.0
            torch.testing.assert_close(float(found[e]), expected, atol=1e-10, rtol=0)


@given(data=graphs(), whole=st.booleans())
def test_graded_delays_spread_by_rank_as_defined(data: Data, whole: bool) -> None:
    if whole:
        data.edge_delay = data.edge_delay.long()
    live = alive(data)
    rank, size = rank_within(data.edge_delay[live], data.edge_index[1][live], data.num_nodes)
    goal = data.edge_delay.double()
    goal[live] = 3 + (61 - 3) * (rank.double() + 0.5) / size
    assert torch.equal(graded_delays(data, 3, 61), goal.float())
