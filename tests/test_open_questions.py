"""What the tables of open questions measure: contests, rules over several hops, lesions."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from helpers import graph_of, random_graph
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.science import verdicts
from benchmarks.science.contests import Alone
from benchmarks.science.hops import Arriving, Oriented, hops
from benchmarks.science.lesions import Kept, lesioned
from benchmarks.science.oracles import agreeing, best
from benchmarks.science.results import Cell, Results
from pyngn_graph import Microglia, Oligodendrocyte, RidgeReadout
from pyngn_graph.glia import Coherence, Winner
from pyngn_graph.glia.scores import health, uniform
from pyngn_graph.graph import alive


def kinds(data: Data) -> Tensor:
    """Live inputs ``[2 N]`` of every target by kind."""
    group = 2 * data.edge_index[1] + (data.edge_weight < 0)
    return torch.bincount(group[alive(data)], minlength=2 * data.num_nodes)


# --- contests


@pytest.mark.parametrize("drop", [True, False])
def test_alone_one_score_decides_and_counts_are_those_of_winner(drop: bool) -> None:
    lives = [random_graph(3, num_nodes=9, num_edges=90) for _ in range(4)]
    for graph in lives:
        graph.edge_health = torch.linspace(0.0, 1.0, 90)[torch.arange(90) * 7 % 90]
    rules = [Winner(), Alone(health), Alone(health, -1.0), Alone(uniform)]
    cells = [Microglia(rule, min_in=0, seed=5, drop=drop, cost=0.0, decay=0.0) for rule in rules]
    for clock in range(20):
        for k, cell in enumerate(cells):
            lives[k].clock = clock
            lives[k] = cell(lives[k])
        assert all(torch.equal(kinds(life), kinds(lives[0])) for life in lives)
    whole = random_graph(3, num_nodes=9, num_edges=90)
    whole.edge_health = torch.linspace(0.0, 1.0, 90)[torch.arange(90) * 7 % 90]
    group = 2 * whole.edge_index[1] + (whole.edge_weight < 0)
    for life, highest in ((lives[1], True), (lives[2], False)):
        kept = set(life.edge_health[alive(life)].tolist())
        for i, number in enumerate(kinds(life).tolist()):
            ranked = sorted(whole.edge_health[group == i].tolist(), reverse=highest)
            assert kept.issuperset(ranked[:number])


# --- lesions


def test_a_lesion_takes_the_share_it_is_told() -> None:
    graph = random_graph(4, num_nodes=40, num_edges=300)
    graph.edge_mask = torch.arange(300) >= 100
    chance = torch.Generator().manual_seed(0)
    left = lesioned(graph, "edges", 0.25, chance).edge_mask
    assert int(left.sum()) == 150
    assert not bool((left & ~graph.edge_mask).any())
    left = lesioned(graph, "neurons", 0.25, chance).edge_mask
    spared = torch.zeros(40, dtype=torch.bool)
    spared[graph.edge_index[:, left].flatten()] = True
    assert int(spared.sum()) <= 30
    assert torch.equal(left, graph.edge_mask & spared[graph.edge_index].all(dim=0))
    assert int(graph.edge_mask.sum()) == 200
    with pytest.raises(ValueError, match=r"'what' must be 'edges' or 'neurons' \(got 'glia'\)"):
        lesioned(graph, "glia", 0.25, chance)


def test_a_readout_that_is_kept_learns_nothing() -> None:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    readout = RidgeReadout().fit(x, x[:, :1])
    before = readout(x)
    assert torch.equal(Kept(readout).fit(x, 5.0 * x[:, 1:2])(x), before)


# --- several hops


def learned(rule: Arriving | Oriented, weight: float, together: list[int]) -> Data:
    """Three axons at neuron 3 after 6 s; those ``together`` fire within 5 ms of common events."""
    graph = graph_of(4, [(0, 3, 0.5, 1), (1, 3, weight, 1), (2, 3, 0.5, 1)])
    cell, chance = Oligodendrocyte(rule=rule, max_delay=20), torch.Generator().manual_seed(1)
    graph.clock, data = 0, cell.prepare(graph)
    fires = torch.rand(6000, 4, generator=chance) < 0.02
    events = fires[:-5, together[0]].nonzero().flatten()
    for k in together:
        fires[:, k] = False
        fires[events + torch.randint(0, 6, events.shape, generator=chance), k] = True
    for spikes in fires:
        cell.observe(data, torch.zeros(3, dtype=torch.bool), spikes)
    return cell(data)


@pytest.mark.parametrize("seed", [0, 1])
def test_afferents_that_arrive_together_take_one_delay_and_opposites_take_two(seed: int) -> None:
    for weight, one in ((0.5, True), (-0.5, False)):
        delay = learned(Arriving(seed=seed, eta=0.05), weight, [0, 1]).edge_delay.tolist()
        assert (delay[0] == delay[1]) == one


@pytest.mark.parametrize("seed", [0, 1])
def test_loadings_take_the_sign_of_the_neurons_own_spikes(seed: int) -> None:
    loading = learned(Oriented(seed=seed, eta=0.05), 0.5, [0, 1, 3]).edge_loading
    assert bool((loading[:2] > 0.1).all())


def test_afferents_add_up_nearly_as_well_as_they_can() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        carried = rng.normal(size=(6, 2, 10))
        every = [carried[range(6), pick].sum(axis=0) for pick in product(range(2), repeat=6)]
        found = carried[range(6), best(carried, rng)].sum(axis=0)
        assert np.square(found).sum() >= 0.9 * np.square(every).sum(axis=1).max()


def test_responses_meet_where_delays_make_up_for_lags() -> None:
    # What neuron 1 carries is 3 samples older than what neuron 0 carries.
    response, options = np.zeros((3, 60)), np.tile([10.0, 40.0], (3, 1))
    response[0, 2] = response[1, 5] = 1.0
    for weight, expected in ((0.5, [[40.0, 10.0]]), (-0.5, [[10, 10], [10, 40], [40, 40]])):
        graph = graph_of(3, [(0, 2, 0.5, 1), (1, 2, weight, 1)])
        graph.edge_delay = graph.edge_delay.float()
        delay = agreeing(response, graph, options, np.random.default_rng(0))
        assert delay.tolist() in expected


def test_coherence_sorts_by_sign_and_chance_does_not() -> None:
    chance, rule = (hops(0, rule=name)["sorted"] for name in ("two", "coherence"))
    assert 0.5 < chance < 0.68 < rule < 1.0
    assert Coherence().eta == Arriving().eta == Oriented().eta


# --- verdicts


def test_a_difference_is_sure_when_its_confidence_interval_lies_above_zero() -> None:
    # Student's t of two degrees of freedom: 4.303. 2 > 4.303 x 0.577 does not hold, ...
    assert not verdicts.sure(np.array([1.0, 2.0, 3.0]))
    assert verdicts.sure(np.array([2.0, 2.5, 3.0]))  # 2.5 > 4.303 x 0.289 does.
    assert not verdicts.sure(np.array([-2.0, -2.5, -3.0]))
    assert not verdicts.sure(np.array([5.0]))
    assert verdicts.shown(np.array([1.0, 2.0, 3.0])) == "+2.00 ± 1.00"


def test_seeds_are_compared_with_themselves() -> None:
    cells = [Cell(row, "", seed, math.sqrt) for row in ("a", "b") for seed in (0, 1)]
    results = Results(cells, [{"memory": value} for value in (11.0, 21.0, 10.0, 20.0)])
    claim = verdicts.above(results, "a", "b", "")
    assert claim.text == "memory of a above that of b"
    assert claim.found == "16.00 / 15.00, paired +1.00 ± 0.00, higher in 2 of 2 seeds"
    assert claim.holds
    assert not verdicts.above(results, "b", "a", "").holds
