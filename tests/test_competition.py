import math
from typing import Any

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph.glia import Hub, MatchedRandom, Winner
from pyngn_graph.graph import alive, in_degree, out_degree, validate

seeds = st.integers(0, 2**31)


def tagged(seed: int, num_nodes: int = 6, num_edges: int = 40, **attributes: Any) -> Data:
    """A random graph whose edges remember their number."""
    graph = random_graph(seed, num_nodes=num_nodes, num_edges=num_edges, **attributes)
    graph.edge_tag = torch.arange(num_edges)
    return graph


def kinds(data: Data) -> Tensor:
    """Live inputs of every target, ``[2, N]``: excitatory, then inhibitory."""
    live, count = alive(data), []
    for sign in (data.edge_weight >= 0, data.edge_weight < 0):
        target = data.edge_index[1][live & sign]
        count.append(torch.bincount(target, minlength=data.num_nodes))
    return torch.stack(count)


def to_the_end(cell: Microglia, data: Data, period: int = 1000) -> Data:
    """``data`` after so many ticks that nothing changes any more."""
    before = -1
    while int(alive(data).sum()) != before:
        before = int(alive(data).sum())
        data.clock = data.get("clock", 0) + period
        data = cell(data)
    return data


# By hand


def test_the_axon_with_the_most_boutons_loses() -> None:
    # At neuron 3 compete axons 0, 1, 2 with three, one and two boutons; elsewhere nobody does.
    edges = [(0, 3), (1, 3), (2, 3), (0, 4), (0, 5), (2, 6)]
    graph = graph_of(7, [(*edge, 0.5, 1) for edge in edges])
    graph.edge_tag = torch.arange(6)
    once = Microglia(Winner(noise=0.0, removals=1))(graph)
    assert once.edge_tag.tolist() == [1, 2, 3, 4, 5]
    assert out_degree(once).tolist() == [2, 1, 2, 0, 0, 0, 0]
    assert Microglia(Winner(noise=0.0))(graph).edge_tag.tolist() == [1, 3, 4, 5]


def test_boutons_are_counted_anew_after_every_removal() -> None:
    # Health 1.25/2 twice for axon 0 and 1.5/2 for axon 1; once one is gone, 1.25/1 and 1.5/2.
    graph = graph_of(4, [(0, 2, 1.0, 10), (0, 2, 1.0, 10), (1, 2, 1.0, 20), (1, 3, 1.0, 20)])
    graph.edge_tag = torch.arange(4)
    cell = Microglia(Winner(noise=0.0, long_delay=0.5))
    assert cell(graph).edge_tag.tolist() == [1, 3]


def test_long_delays_are_a_bonus() -> None:
    # Health (1 + b D / 40) / n: 1.025 and 2 / 2 for b = 1, 1.05 and 3 / 2 for b = 2.
    graph = graph_of(4, [(0, 2, 1.0, 1), (1, 2, 1.0, 40), (1, 3, 1.0, 1)])
    graph.edge_tag = torch.arange(3)
    for bonus, kept in ((0.0, [0, 2]), (1.0, [0, 2]), (2.0, [1, 2])):
        cell = Microglia(Winner(noise=0.0, long_delay=bonus))
        assert cell(graph).edge_tag.tolist() == kept


def contest(health: list[float]) -> Data:
    """Axons 0, 1, 2 with a bouton each at neuron 3, and axon 0 with one more at neuron 4."""
    edges = [(0, 3), (1, 3), (2, 3), (0, 4)]
    graph = graph_of(5, [(*edge, 0.5, 1) for edge in edges])
    graph.edge_tag, graph.edge_health = torch.arange(4), torch.tensor([*health, 0.5])
    return graph


def test_activity_is_weighed_against_the_resources_of_the_axon() -> None:
    # Health at neuron 3: (1 + a) / 2, 1 + a / 2 and 1.
    for activity, winner in ((0.5, 1), (9.0, 1), (-0.5, 2), (-1.0, 2)):
        cell = Microglia(Winner(noise=0.0, activity=activity))
        assert cell(contest([0.9, 0.4, 0.1])).edge_tag.tolist() == [winner, 3]
    # The two that are equal share a rank: (1 + a) / 2 and twice 1 + a / 4.
    for activity, winner in ((0.0, 2), (1.9, 2), (2.1, 0)):
        cell = Microglia(Winner(noise=0.0, activity=activity))
        assert cell(contest([0.9, 0.1, 0.1])).edge_tag.tolist() == [winner, 3]
    # Only the order counts, and of equals it is the one with fewer boutons that stays.
    rule = Winner(noise=0.0, activity=2.0)
    assert Microglia(rule)(contest([0.4, 0.4, 0.4])).edge_tag.tolist() == [2, 3]
    assert Microglia(rule)(contest([1e-9, 0.0, -1e9])).edge_tag.tolist() == [1, 3]


def test_health_of_now_includes_what_arrivals_cost() -> None:
    graph = contest([0.5, 0.5, 0.5])
    graph.edge_cost = torch.tensor([0.0, 0.0, 0.3, 0.0])
    assert Microglia(Winner(noise=0.0, activity=1.0))(graph).edge_tag.tolist() == [1, 3]


def test_what_is_measured_may_be_calcium_or_your_own() -> None:
    graph = contest([0.5, 0.5, 0.5])
    graph.calcium = torch.tensor([0.1, 0.3, 0.2, 0.9, 0.9])
    for measure in ("calcium", lambda data, generator: data.edge_tag.eq(1)):
        cell = Microglia(Winner(noise=0.0, activity=1.0, measure=measure))
        assert cell(graph).edge_tag.tolist() == [1, 3]


def slow_standing(data: Data, value: Tensor) -> Tensor:
    """Share of the others of a kind that are lower, equal ones half: the definition."""
    live, sign, rank = alive(data), data.edge_weight < 0, torch.zeros(data.num_edges).double()
    for e in live.nonzero().flatten().tolist():
        peers = live & (data.edge_index[1] == data.edge_index[1, e]) & (sign == sign[e])
        others = int(peers.sum()) - 1
        lower, equal = (value[peers] < value[e]).sum(), (value[peers] == value[e]).sum() - 1
        rank[e] = (lower + 0.5 * equal) / others if others else 0.5
    return rank


@given(seed=seeds, levels=st.sampled_from([1, 3, 1000]))
def test_standing_follows_its_definition(seed: int, levels: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    graph = tagged(seed, edge_mask=torch.rand(40, generator=generator) < 0.8)
    value = torch.randint(-levels, levels, (40,), generator=generator).float()
    rule = Winner(activity=1.0, measure=lambda data, generator: value)
    assert torch.allclose(rule.standing(graph, generator), slow_standing(graph, value), atol=1e-12)


def test_hubs_strip_targets_by_rising_gain_up_to_the_budget() -> None:
    # Ten axons with a bouton each at neurons 10, 11, 12; gains say: first 11, then 12, then 10.
    edges = [(j, i, 1.0, 1) for i in (10, 11, 12) for j in range(10)]
    gain = torch.ones(13)
    gain[[11, 12, 10]] = torch.tensor([0.1, 0.2, 0.3])
    graph = graph_of(13, edges, gain=gain)
    for keep, left in ((0.7, [10, 1, 10]), (0.6, [10, 1, 7]), (0.4, [10, 1, 1]), (0.0, [1, 1, 1])):
        cell = Microglia("hub", fraction=1.0, keep=keep)
        data = to_the_end(cell, graph)
        assert in_degree(data).tolist()[10:] == left
    # A target that is begun is stripped to its end, however small the fraction.
    once = Microglia("hub", fraction=0.05, keep=0.0)(graph)
    assert in_degree(once).tolist()[10:] == [10, 1, 10]


def slow_hub(graph: Data, cell: Microglia) -> set[int]:
    """What a hub criterion without noise prunes, in plain words: the definition."""
    (src, dst), weight = graph.edge_index.tolist(), graph.edge_weight.tolist()
    delay, rule = graph.edge_delay.tolist(), cell.criterion
    assert isinstance(rule, Hub)
    quota = rule.quota(cell.seed, graph.num_nodes).tolist()
    live = set(alive(graph).nonzero().squeeze(1).tolist())
    longest = max((delay[e] for e in live), default=1)
    first, doomed = len(live), set[int]()
    for i in sorted(range(graph.num_nodes), key=lambda i: float(graph.gain[i])):
        if len(doomed) >= math.ceil(cell.fraction * first):
            break
        for inhibitory in (False, True):
            while len(live) > math.ceil(cell.keep * graph.first_num_edges):
                own = sorted(e for e in live if dst[e] == i and (weight[e] < 0) == inhibitory)
                if len(own) <= quota[inhibitory][i]:
                    break
                if sum(dst[e] == i for e in live) <= cell.min_in:
                    break
                boutons = {e: sum(src[f] == src[e] for f in live) for e in own}
                share = {e: 1 + rule.long_delay * delay[e] / longest for e in own}
                worst = min(own, key=lambda e: share[e] / boutons[e])
                live.remove(worst)
                doomed.add(worst)
    return doomed


@given(
    seed=seeds,
    fraction=st.sampled_from([0.0, 0.2, 1.0]),
    keep=st.sampled_from([0.0, 0.15, 0.6]),
    min_in=st.integers(0, 4),
    quotas=st.sampled_from([(1.0, 0.25), (1.5, 0.5), (0.0, 1.0)]),
    bonus=st.sampled_from([0.0, 0.7]),
)
def test_hubs_follow_their_definition(
    seed: int,
    fraction: float,
    keep: float,
    min_in: int,
    quotas: tuple[float, float],
    bonus: float,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    graph = tagged(seed, edge_mask=torch.rand(40, generator=generator) < 0.8)
    graph.gain = torch.randperm(6, generator=generator).float()
    rule = Hub(*quotas, long_delay=bonus, noise=0.0)
    cell = Microglia(rule, fraction=fraction, keep=keep, min_in=min_in, seed=seed)
    graph.first_num_edges = int(alive(graph).sum())
    for _ in range(3):
        data = cell(graph)
        expected = {int(graph.edge_tag[e]) for e in slow_hub(graph, cell)}
        assert set(graph.edge_tag.tolist()) - set(data.edge_tag.tolist()) == expected
        graph = data


# Laws


@given(seed=seeds, removals=st.integers(1, 3))
def test_every_target_ends_with_its_quota(seed: int, removals: int) -> None:
    graph = tagged(seed)
    rule = Winner(removals=removals)
    cell = Microglia(rule, min_in=0, seed=seed)
    quota = rule.quota(seed, 6)
    before = kinds(graph)
    once = kinds(cell(graph))
    assert torch.equal(once, torch.maximum(torch.minimum(before, quota), before - removals))
    assert torch.equal(kinds(to_the_end(cell, graph)), torch.minimum(before, quota))


def test_by_default_one_excitatory_and_at_most_one_inhibitory_input_remain() -> None:
    graph = random_graph(3, num_nodes=300, num_edges=6000)
    data = to_the_end(Microglia("winner"), graph)
    excitatory, inhibitory = kinds(data)
    assert (excitatory == 1).all()
    assert set(inhibitory.tolist()) == {0, 1}
    assert 0.18 < float(inhibitory.double().mean()) < 0.32
    # Resources are shared out: axons end up with about as many boutons as there are to have.
    assert int(out_degree(data).max()) <= 4


def test_quotas_are_a_property_of_the_neuron() -> None:
    rule = Winner(excitatory=1.5, inhibitory=0.25)
    quota = rule.quota(7, 1000)
    assert torch.equal(quota[:, :400], rule.quota(7, 400))
    assert not torch.equal(quota, rule.quota(8, 1000))
    assert set(quota[0].tolist()) == {1, 2}
    assert set(quota[1].tolist()) == {0, 1}
    assert quota.double().mean(dim=1).tolist() == pytest.approx([1.5, 0.25], abs=0.05)
    assert torch.equal(rule.quota(-1, 9), rule.quota(-1, 9))


@given(seed=seeds, keep=st.sampled_from([0.15, 0.5]), min_in=st.integers(0, 5))
def test_both_stop_where_they_are_told(seed: int, keep: float, min_in: int) -> None:
    graph = tagged(seed, gain=torch.rand(6))
    for rule in ("winner", "hub"):
        data = to_the_end(Microglia(rule, keep=keep, min_in=min_in), graph)
        assert data.num_edges >= math.ceil(keep * 40)
        assert (in_degree(data) >= in_degree(graph).clamp(max=min_in)).all()
        assert min_in > 0 or keep < 0.5 or data.num_edges == 20


def test_what_remains_by_default() -> None:
    assert (Microglia("winner").keep, Microglia("hub").keep) == (0.0, 0.15)
    assert (Microglia(Hub()).keep, Microglia(Hub(), keep=0.5).keep) == (0.15, 0.5)
    graph = random_graph(3, num_nodes=100, num_edges=2000)
    assert to_the_end(Microglia("hub"), graph).num_edges == 300


def test_hubs_keep_everything_and_others_are_stripped() -> None:
    graph = random_graph(3, num_nodes=100, num_edges=2000, gain=torch.rand(100))
    data = to_the_end(Microglia(Hub(inhibitory=0.0), keep=0.3), graph)
    intact = in_degree(data) == in_degree(graph)
    stripped = in_degree(data) == 1
    assert int((~intact & ~stripped).sum()) <= 1  # where the budget ran out
    assert float(graph.gain[intact].min()) > float(graph.gain[stripped].max())


def test_chance_has_a_seed_and_spares_no_edge() -> None:
    graph = graph_of(9, [(j, 8, 1.0, 1) for j in range(8)])
    graph.edge_tag = torch.arange(8)
    cell = Microglia(Winner(removals=7))
    assert_same(cell(graph), frozen(cell(graph)))
    winners = {int(Microglia(Winner(removals=7), seed=s)(graph).edge_tag) for s in range(100)}
    assert winners == set(range(8))
    graph.clock = 1
    later = {int(Microglia(Winner(removals=7), seed=s)(graph).edge_tag) for s in range(10)}
    assert len(later) > 1


def test_dropping_and_masking_live_the_same_life(backend: str) -> None:
    graph = tagged(4, num_nodes=10, num_edges=80, weight=0.6)
    for rule in ("winner", "hub"):
        runs, graphs = [], []
        for drop in (True, False):
            glia = [Astrocyte(rule="multiplicative"), Oligodendrocyte(), Microglia(rule, drop=drop)]
            reservoir = TriglialReservoir(graph, glia=glia, glia_period=50, backend=backend)
            runs.append(reservoir.adapt(random_drive(1, 320, 10), record=("v", "gain")))
            graphs.append(reservoir.graph)
        assert graphs[1].num_edges == 80 > graphs[0].num_edges
        assert torch.equal(graphs[0].edge_tag, graphs[1].edge_tag[alive(graphs[1])])
        assert_same_run(*runs)


def test_pruned_axons_may_grow_elsewhere() -> None:
    graph = tagged(5, num_nodes=20, num_edges=200)
    cell = Microglia("winner", regrow=True, length_scale=100.0, velocity=50.0)
    data = graph
    for clock in range(5):
        data.clock = clock
        data = validate(cell(data))
        assert torch.equal(data.edge_index[0], graph.edge_index[0])
    assert int((data.edge_index[1] != graph.edge_index[1]).sum()) > 50


# The control


@given(
    seed=seeds,
    rule=st.sampled_from(
        [Winner(removals=1), Winner(1.5, 0.5, activity=2.0), Hub(), Hub(2.0, 1.0)]
    ),
    how=st.sampled_from([{}, {"keep": 0.4}, {"min_in": 3}, {"fraction": 0.5}]),
)
def test_matched_pruning_has_the_counts_of_the_competition_at_every_tick(
    seed: int, rule: Winner | Hub, how: dict[str, Any]
) -> None:
    chance = torch.rand(90, generator=torch.Generator().manual_seed(seed))
    graph = tagged(seed, num_nodes=9, num_edges=90, edge_mask=chance < 0.9)
    graph.gain = chance[:9].clone()
    cells = [Microglia(criterion, seed=seed, **how) for criterion in (rule, MatchedRandom(rule))]
    lives = [graph, graph]
    for clock in range(0, 60, 10):
        for k, cell in enumerate(cells):
            lives[k].clock = clock
            lives[k] = cell(lives[k])
        ours, theirs = (kinds(data) for data in lives)
        assert ours.sum(dim=1).tolist() == theirs.sum(dim=1).tolist()
        assert torch.equal(lives[1].matched_inputs.t(), ours)
    assert lives[0].num_edges < 81
    assert not torch.equal(ours, theirs)


def test_matched_pruning_takes_any_edge_of_its_kind() -> None:
    # The competition leaves neuron 8 one excitatory input of eight and costs neuron 9 nothing.
    edges = [*((j, 8, 1.0, 1) for j in range(8)), (0, 9, 1.0, 1), (1, 9, -1.0, 1)]
    graph = graph_of(10, edges)
    graph.edge_tag = torch.arange(10)
    rule = MatchedRandom(Winner(1.0, 1.0, removals=7))
    left = [Microglia(rule, seed=s)(graph).edge_tag.tolist() for s in range(200)]
    assert all(len(kept) == 3 and kept[-1] == 9 for kept in left)
    times = torch.bincount(torch.tensor(left).flatten(), minlength=10)[:9] / 200
    assert times.tolist() == pytest.approx([2 / 9] * 9, abs=0.1)
    assert_same(Microglia(rule)(graph), frozen(Microglia(rule)(graph)))


def test_with_regrowth_the_present_graph_tells_how_many_move() -> None:
    graph = tagged(5, num_nodes=20, num_edges=200)
    how: dict[str, Any] = {"regrow": True, "length_scale": 100.0, "velocity": 50.0}
    for _ in range(3):
        expected = [
            int((kinds(graph) - kinds(Microglia("winner")(graph)))[k].sum()) for k in (0, 1)
        ]
        data = validate(Microglia("random_winner", **how)(graph))
        moved = data.edge_index[1] != graph.edge_index[1]
        sign = graph.edge_weight < 0
        assert [int((moved & ~sign).sum()), int((moved & sign).sum())] == expected
        graph = data
    assert "matched_inputs" not in graph


def test_only_a_competition_can_be_matched() -> None:
    with pytest.raises(TypeError, match=r"'like' must be a Winner or a Hub \(got 'winner'\)"):
        MatchedRandom("winner")  # type: ignore[arg-type]
    assert Microglia(MatchedRandom(Hub())).keep == 0.15
    assert Microglia("random_winner").keep == 0.0


@pytest.mark.parametrize("rule", ["winner", "hub", "random_winner"])
def test_they_leave_their_input_alone_and_meet_small_graphs(rule: str) -> None:
    for graph in (tagged(2), graph_of(1, []), graph_of(2, [(0, 1, -1.0, 3)])):
        before, degree = frozen(graph), out_degree(graph).clone()
        data = validate(Microglia(rule)(graph))
        assert_same(graph, before)
        assert torch.equal(out_degree(graph), degree)
        assert data.num_edges <= graph.num_edges


def test_parameters_show_and_out_of_range_are_refused() -> None:
    assert repr(Winner()) == (
        "Winner(excitatory=1.0, inhibitory=0.25, long_delay=0.0, noise=0.3, activity=0.0, "
        "measure='health', removals=2)"
    )
    assert repr(Hub(long_delay=0.5)) in repr(Microglia(Hub(long_delay=0.5)))
    for name in ("excitatory", "inhibitory", "long_delay", "noise"):
        for wrong in (-1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match=f"'{name}' must be finite and not negative"):
                Hub(**{name: wrong})
    with pytest.raises(ValueError, match=r"'removals' must be at least 1 \(got 0\)"):
        Winner(removals=0)
    for wrong in (-1.1, math.nan, math.inf):
        with pytest.raises(ValueError, match="'activity' must be finite and at least -1"):
            Hub(activity=wrong)
    with pytest.raises(ValueError, match=r"Unknown measure 'spikes'; available: .*'health'"):
        Winner(measure="spikes")
    with pytest.raises(TypeError, match=r"'measure' must be a name or a function \(got 3\)"):
        Winner(measure=3)  # type: ignore[arg-type]


def test_what_is_measured_must_be_there_and_fit() -> None:
    graph = tagged(0)
    with pytest.raises(ValueError, match="The graph has no 'calcium'; add an Astrocyte"):
        Microglia(Winner(activity=1.0, measure="calcium"))(graph)
    for wrong, shown in ((torch.zeros(6), r"\[6\], 0 of"), (torch.full((40,), math.nan), "40 of")):
        rule = Winner(activity=1.0, measure=lambda data, generator, wrong=wrong: wrong)
        with pytest.raises(ValueError, match=rf"a number for each of the 40 edges .*{shown}"):
            Microglia(rule)(graph)
