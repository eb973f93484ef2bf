from dataclasses import FrozenInstanceError, replace
from math import prod
from typing import Any

import pytest
import torch
from helpers import assert_same, assert_twins, frozen

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte
from pyngn_graph.glia import Coherence, Winner
from pyngn_graph.receptive import FIELDS
from pyngn_graph.recipes import GLIA, RECIPES, Recipe, memory, self_organizing

SMALL = Recipe(num_nodes=40, degree=4.0)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_a_reservoir_that_runs(name: str) -> None:
    recipe = replace(RECIPES[name](), num_nodes=40)
    channels = prod(recipe.frame) if recipe.receptive else 3
    reservoir = recipe.reservoir(channels, seed=1)
    segments = 1 if isinstance(recipe.pool, str) else recipe.pool
    reservoir.adapt(torch.rand(1, 5, channels))
    states = reservoir(torch.rand(2, 5, channels))
    assert states.shape == (2, 40 * segments)
    assert recipe.features(states).shape == (2, 40 * (recipe.read or segments))
    assert reservoir.graph.num_edges == 40 * recipe.degree
    run = reservoir.run(torch.zeros(2, 5, channels))
    assert run.lengths.tolist() == [5 * recipe.hold] * 2
    assert type(reservoir).__name__ in repr(reservoir)


def test_what_a_recipe_says_is_what_is_built() -> None:
    recipe = replace(
        SMALL,
        weight=0.7,
        tau_m=17.0,
        rho=0.03,
        max_delay=55,
        keep=0.5,
        hold=3,
        pool=2,
        tau_trace=11.0,
    )
    reservoir = recipe.reservoir(in_channels=2, seed=9)
    astrocyte, oligodendrocyte, microglia = reservoir.glia
    assert isinstance(astrocyte, Astrocyte)
    assert (astrocyte.rho, astrocyte.rule) == (0.03, "multiplicative")
    assert isinstance(oligodendrocyte, Oligodendrocyte)
    assert oligodendrocyte.max_delay == 55
    assert isinstance(microglia, Microglia)
    assert (microglia.keep, microglia.seed) == (0.5, 9)
    setting = reservoir.setting
    assert (setting.hold, setting.pool, setting.tau_trace) == (3, 2, 11.0)
    assert setting.neuron.tau_m == 17.0
    excitatory = reservoir.graph.edge_weight[reservoir.graph.edge_weight > 0]
    assert float(excitatory.mean()) == pytest.approx(0.7, rel=0.3)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_prints_as_code_that_builds_the_same(name: str) -> None:
    recipe = replace(RECIPES[name](), num_nodes=27)
    assert (
        eval(repr(recipe), {"Recipe": Recipe, "Winner": Winner, "Coherence": Coherence}) == recipe
    )
    channels = prod(recipe.frame) if recipe.receptive else 1
    made: dict[str, Any] = {}
    exec(str(recipe), made)
    assert_twins(recipe.reservoir(channels), made["reservoir"], torch.rand(1, 3, channels))
    assert [repr(cell) for cell in made["glia"]] == [repr(cell) for cell in recipe.cells()]
    assert len(str(recipe).splitlines()) <= 28


def test_what_is_read_of_the_states() -> None:
    states = torch.arange(1.0, 13.0).view(2, 6)
    recipe = Recipe(num_nodes=2, pool=3)
    assert torch.equal(recipe.features(states), states)
    assert recipe.features(states[:, :0]).shape == (2, 0)
    last = replace(recipe, read=1)
    assert last.features(states).tolist() == [[5.0, 6.0], [11.0, 12.0]]
    unit = replace(last, normalized=True).features(
        torch.tensor([[9.0] * 4 + [3.0, 4.0], [0.0] * 6])
    )
    torch.testing.assert_close(unit, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_delays_at_birth() -> None:
    near = SMALL.tissue(1).edge_delay
    even, late = (
        replace(SMALL, num_nodes=500, delay=delay, max_delay=40).tissue(1).edge_delay
        for delay in ("uniform", "sqrt")
    )
    assert int(near.max()) < 20
    assert (int(even.min()), int(even.max())) == (1, 40)
    assert float(even.double().mean()) == pytest.approx(20.5, abs=1.0)
    assert float(late.double().mean()) == pytest.approx(1 + 39 * 2 / 3, abs=1.0)


def test_the_fields_of_a_recipe_are_its_input() -> None:
    recipe = replace(SMALL, receptive="gabor", frame=(9, 8, 2), input_scale=3.0)
    reservoir = recipe.reservoir(144, seed=5)
    expected = FIELDS["gabor"](reservoir.graph.pos, 9, 8, 2, scale=3.0, seed=5)
    assert torch.equal(reservoir.input_weight, expected)
    with pytest.raises(
        ValueError, match=r"'input_weight' must have shape \[40, in_channels = 72\]"
    ):
        recipe.reservoir(72)


def test_rules_and_criteria_reach_the_cells() -> None:
    _, oligodendrocyte, microglia = memory().cells(seed=2)
    assert isinstance(oligodendrocyte, Oligodendrocyte)
    assert isinstance(microglia, Microglia)
    assert (oligodendrocyte.rule, oligodendrocyte.max_delay) == (Coherence(shape=2.0), 200)
    assert (microglia.criterion, microglia.keep) == (Winner(long_delay=0.5), 0.0)


@pytest.mark.parametrize("num_channels", [1, 20])
def test_input_density_is_the_share_of_neurons_that_a_channel_reaches(num_channels: int) -> None:
    recipe = replace(SMALL, num_nodes=1000, input_density=0.3)
    weight = recipe.reservoir(num_channels).input_weight
    assert weight is not None
    share = (weight != 0).double().mean(dim=0)
    torch.testing.assert_close(share, torch.full_like(share, 0.3), atol=0.06, rtol=0.0)


def test_the_control_is_the_same_tissue_with_the_same_input() -> None:
    bare = SMALL.bare()
    assert bare == replace(SMALL, glia=())
    assert bare.cells() == []
    assert_same(bare.tissue(3), frozen(SMALL.tissue(3)))
    ours, theirs = SMALL.reservoir(2, 3), bare.reservoir(2, 3)
    assert ours.input_weight is not None
    assert theirs.input_weight is not None
    assert torch.equal(ours.input_weight, theirs.input_weight)
    assert torch.equal(ours.bias, theirs.bias)
    x = torch.rand(3, 6, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ours(x), theirs(x))


def test_the_seed_is_all_that_varies() -> None:
    assert_same(SMALL.tissue(5), frozen(SMALL.tissue(5)))
    assert not torch.equal(SMALL.tissue(5).edge_index, SMALL.tissue(6).edge_index)
    assert not torch.equal(SMALL.reservoir(2, 5).bias, SMALL.reservoir(2, 6).bias)
    assert [repr(cell) for cell in SMALL.cells(5)] == [repr(cell) for cell in SMALL.cells(5)]


@pytest.mark.parametrize("chosen", [("microglia", "astrocyte"), ("oligodendrocyte",), GLIA[::-1]])
def test_glia_act_in_one_order_however_they_are_named(chosen: tuple[str, ...]) -> None:
    cells = replace(SMALL, glia=chosen).cells()
    names = [type(cell).__name__.lower() for cell in cells]
    assert names == [name for name in GLIA if name in chosen]


def test_recipes_do_not_change_under_anybody() -> None:
    with pytest.raises(FrozenInstanceError):
        SMALL.weight = 1.0  # type: ignore[misc]
    assert self_organizing() == self_organizing()


def test_what_cannot_be_a_recipe() -> None:
    with pytest.raises(ValueError, match=r"Unknown receptive fields 'blob'; available: \["):
        Recipe(receptive="blob")
    for pool, read in ((3, 4), (3, 0), ("last", 2)):
        with pytest.raises(ValueError, match=r"'read' must lie in 1\.\.[13], the segments of pool"):
            Recipe(pool=pool, read=read)
    with pytest.raises(ValueError, match=r"Unknown glia \['neuron'\]; available: \['astrocyte'"):
        Recipe(glia=("astrocyte", "neuron"))
    with pytest.raises(ValueError, match="'weight' must be at least 0"):
        replace(SMALL, weight=-0.1).tissue()
