from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from helpers import assert_same, frozen

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte
from pyngn_graph.recipes import GLIA, RECIPES, Recipe, self_organizing

SMALL = Recipe(num_nodes=40, degree=4.0)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_a_reservoir_that_runs(name: str) -> None:
    recipe = replace(RECIPES[name](), num_nodes=40)
    reservoir = recipe.reservoir(in_channels=3, seed=1).eval()
    segments = 1 if isinstance(recipe.pool, str) else recipe.pool
    assert reservoir(torch.rand(2, 5, 3)).shape == (2, 40 * segments)
    assert reservoir.graph.num_edges == 40 * recipe.degree
    run = reservoir.run(torch.zeros(2, 5, 3))
    assert run.lengths.tolist() == [5 * recipe.hold] * 2
    assert type(reservoir).__name__ in repr(reservoir)


def test_what_a_recipe_says_is_what_is_built() -> None:
    recipe = replace(
        SMALL, weight=0.7, rho=0.03, max_delay=55, keep=0.5, hold=3, pool=2, tau_trace=11.0
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
    excitatory = reservoir.graph.edge_weight[reservoir.graph.edge_weight > 0]
    assert float(excitatory.mean()) == pytest.approx(0.7, rel=0.3)


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
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


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
    assert self_organizing() == Recipe()


def test_unknown_glia_are_named() -> None:
    with pytest.raises(ValueError, match=r"Unknown glia \['neuron'\]; available: \['astrocyte'"):
        Recipe(glia=("astrocyte", "neuron"))
    with pytest.raises(ValueError, match="'weight' must be at least 0"):
        replace(SMALL, weight=-0.1).tissue()
