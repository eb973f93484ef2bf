"""What is recommended is what one gets without asking, by one name, at every door."""

import ast
import inspect
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from helpers import generator

from pyngn_graph import Astrocyte, LIFParameters, Oligodendrocyte, TriglialReservoir
from pyngn_graph.classification import organize
from pyngn_graph.generators import ErdosRenyi, ScaleFree, SmallWorld, Tissue
from pyngn_graph.glia import Coherence, Winner
from pyngn_graph.recipes import RECIPES, Recipe
from pyngn_graph.recipes.printed import code

BEFORE: dict[str, Any] = {
    "num_nodes": 1000,
    "degree": 8.0,
    "weight": 0.2,
    "tau_m": 30.0,
    "delay": "distance",
    "max_delay": 100,
    "glia": ("astrocyte", "oligodendrocyte", "microglia"),
    "rho": 0.02,
    "rule": "graded",
    "criterion": "relative",
    "keep": 0.35,
    "trials": 250,
    "hold": 10,
    "receptive": None,
    "frame": (),
    "input_scale": 1.0,
    "input_density": 1.0,
    "bias": (0.7, 1.1),
    "pool": "last",
    "read": None,
    "tau_trace": 20.0,
    "normalized": False,
}
"""Defaults when the tables were made."""

AT_END = {"num_nodes": 500, "degree": 4.0, "max_delay": 300, "rho": 0.03, "trials": 150}
TABLES: dict[str, dict[str, Any]] = {
    "self_organizing": {},
    "memory": {
        "degree": 16.0,
        "max_delay": 200,
        "rule": Coherence(shape=2.0),
        "criterion": Winner(long_delay=0.5),
        "keep": None,
    },
    "image_classifier": {
        "degree": 4.0,
        "weight": 0.1,
        "delay": "uniform",
        "max_delay": 20,
        "glia": ("astrocyte",),
        "rho": 0.04,
        "hold": 40,
        "receptive": "gabor_sizes",
        "frame": (28, 28),
        "input_scale": 5.0,
        "bias": (0.8, 1.2),
        "pool": 1,
        "tau_trace": 0.0,
        "normalized": True,
    },
    "image_columns": {
        "degree": 4.0,
        "glia": ("astrocyte", "oligodendrocyte"),
        "rho": 0.06,
        "trials": 500,
        "hold": 4,
        "receptive": "columns",
        "frame": (28,),
        "input_scale": 12.0,
        "pool": 4,
        "read": 1,
        "tau_trace": 0.0,
    },
    "event_classifier": {
        "degree": 4.0,
        "weight": 0.1,
        "delay": "uniform",
        "max_delay": 20,
        "glia": ("astrocyte",),
        "hold": 5,
        "receptive": "gabor_sizes",
        "frame": (34, 34, 2),
        "input_scale": 12.0,
        "bias": (0.5, 1.0),
        "pool": 3,
        "tau_trace": 0.0,
    },
    "series_classifier": {
        "degree": 5.0,
        "glia": ("astrocyte",),
        "hold": 20,
        "input_scale": 3.0,
        "input_density": 0.5,
        "pool": 3,
        "tau_trace": 0.0,
    },
    "digits_by_rows": {"max_delay": 80, "pool": 4},
    "spoken_digits": {
        "num_nodes": 500,
        "criterion": "winner",
        "keep": None,
        "trials": 100,
        "input_scale": 2.0,
        "input_density": 0.6,
        "pool": 5,
    },
    "spoken_digits_at_end": AT_END | {"input_scale": 2.0, "input_density": 0.6, "tau_trace": 60.0},
}
"""What each recipe said beside them."""

LIVES = {
    "image_columns": 500 * 112,
    "event_classifier": 250 * 300,
    "series_classifier": 250 * 29 * 20,
    "spoken_digits": 100 * 500,
    "spoken_digits_at_end": 150 * 500,
}
"""Longest lives on the data of the tables, ms, where trials are many or long."""


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_the_recipes_of_the_tables_are_what_they_were(name: str) -> None:
    recipe = RECIPES[name]()
    expected = BEFORE | TABLES[name]
    assert {key: getattr(recipe, key) for key in expected} == expected
    assert recipe.life is not None
    assert recipe.life >= LIVES.get(name, 20_000)


def default(call: Any, name: str) -> Any:
    return inspect.signature(call).parameters[name].default


def test_one_default_wherever_a_name_stands() -> None:
    recipe = Recipe()
    for family in (Tissue, ErdosRenyi, SmallWorld, ScaleFree):
        assert default(family, "degree") == recipe.degree
        assert family(num_nodes=9, delay="uniform").max_delay == recipe.max_delay
    assert default(LIFParameters, "tau_m") == recipe.tau_m == 20.0
    assert default(Oligodendrocyte, "max_delay") == recipe.max_delay
    assert Astrocyte().rho == recipe.rho
    assert Astrocyte().target(1.0) == recipe.rho


def test_the_estimators_are_the_recipe() -> None:
    estimators = pytest.importorskip("pyngn_graph.estimators")
    for kind in (estimators.ReservoirClassifier, estimators.ReservoirRegressor):
        for field in fields(Recipe):
            assert default(kind, field.name) == field.default, field.name
        assert kind().recipe == Recipe()


def test_one_name_for_the_target() -> None:
    assert "target_rate" not in {field.name for field in fields(Recipe)}
    assert Astrocyte(target_rate=20.0).target(1.0) == pytest.approx(Astrocyte().target(1.0))


CHANGED = [
    Recipe(),
    Recipe(bias=(0.0, 2.0), pool="last", hold=1, tau_m=7.5),
    Recipe(rule=Coherence(shape=3.0, seed=5), criterion=Winner(noise=0.1), keep=0.2),
    Recipe(criterion="winner", keep=0.35, glia=("microglia",), num_nodes=30),
    Recipe(delay="sqrt", rho=0.5, glia=(), life=None),
]


@pytest.mark.parametrize("recipe", [*CHANGED, *(made() for made in RECIPES.values())], ids=code)
def test_what_a_recipe_prints_runs_and_says_only_what_differs(recipe: Recipe) -> None:
    names: dict[str, Any] = {"Recipe": Recipe, "Coherence": Coherence, "Winner": Winner}
    assert eval(repr(recipe), names) == recipe
    call = ast.parse(repr(recipe), mode="eval").body
    assert isinstance(call, ast.Call)
    said = {keyword.arg for keyword in call.keywords}
    assert said == {f.name for f in fields(recipe) if getattr(recipe, f.name) != f.default}
    small = replace(recipe, num_nodes=27)
    exec(str(small), names)
    made, expected = names["reservoir"], small.reservoir(names["in_channels"])
    assert isinstance(made, TriglialReservoir)
    assert repr(made) == repr(expected)
    assert torch.equal(made.graph.edge_weight, expected.graph.edge_weight)
    assert torch.equal(made.bias, expected.bias)
    for common in ("tau_ca=", "window=", "velocity=", "backend=", "in_flight="):
        assert common not in str(small)


def test_a_function_of_ones_own_is_printed_by_its_name() -> None:
    def mine(*_: Any) -> Any:
        raise NotImplementedError

    assert "rule=mine" in repr(Recipe(rule=mine))
    assert "Oligodendrocyte(rule=mine)" in str(Recipe(rule=mine))


# A life has a length


def lengths(*samples: int) -> torch.Tensor:
    return torch.tensor(samples)


def test_as_many_trials_as_fit_into_a_life() -> None:
    recipe = Recipe(hold=10, life=1000.0, trials=50)
    many, samples = recipe.lived(lengths(*[7] * 90), generator(3))
    assert many.numel() == 14  # 14 x 70 ms
    assert samples.tolist() == [7] * 14
    free, _ = replace(recipe, life=None).lived(lengths(*[7] * 90), generator(3))
    assert free.numel() == 50
    assert torch.equal(free[:14], many)
    few, _ = replace(recipe, trials=4).lived(lengths(*[7] * 90), generator(3))
    assert torch.equal(free[:4], few)


@pytest.mark.parametrize("length", [99, 100, 101, 10**6])
def test_a_trial_longer_than_a_life_is_lived_in_part(length: int) -> None:
    chosen, samples = Recipe(hold=10, life=1000.0).lived(lengths(length), generator(0))
    assert chosen.tolist() == [0]
    assert samples.tolist() == [min(length, 100)]


def test_a_life_has_at_least_a_sample() -> None:
    chosen, samples = Recipe(hold=50, life=1.0).lived(lengths(9, 9), generator(0))
    assert (chosen.numel(), samples.tolist()) == (1, [1])


def test_glia_live_no_longer_than_the_recipe_says() -> None:
    recipe = Recipe(num_nodes=20, hold=2, life=300.0)
    x = torch.rand(6, 40, 1, generator=generator(1))
    life = organize(recipe, recipe.reservoir(1), x, progress=False)
    assert life.lengths.tolist() == [80] * 3
    life = organize(recipe, recipe.reservoir(1), x.repeat(1, 10, 1), progress=False)
    assert life.lengths.tolist() == [300]


def test_a_life_that_nobody_looks_at_leaves_nothing_behind() -> None:
    recipe = Recipe(num_nodes=40, hold=2, life=2000.0)
    x = 2.0 * torch.rand(30, 40, 1, generator=generator(1))
    seen, unseen = recipe.reservoir(1), recipe.reservoir(1)
    life = organize(recipe, seen, x, progress=False)
    quiet = organize(recipe, unseen, x, record=None, progress=False)
    assert len(life.events) > 100
    assert len(quiet.events) == 0
    assert torch.equal(life.states, quiet.states)
    assert torch.equal(life.lengths, quiet.lengths)
    for key, value in seen.graph.to_dict().items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, unseen.graph[key]), key


@pytest.mark.parametrize("life", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_life(life: float) -> None:
    with pytest.raises(ValueError, match="'life' must be a positive number of ms, or None"):
        Recipe(life=life)
    with pytest.raises(ValueError, match="'trials' must be a whole number >= 1"):
        Recipe(trials=0)


# What is the same for all neurons costs what a number does

PARAMETERS = {"tau_m": 17.3, "v_th": 1.1, "v_rest": 0.1, "v_reset": -0.2, "r_m": 0.9, "t_ref": 2.0}


@pytest.mark.parametrize("name", sorted(PARAMETERS))
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_equal_values_are_one_number(name: str, kind: torch.dtype) -> None:
    value = torch.full((6,), PARAMETERS[name], dtype=kind)
    number = float(value[0])
    wide, plain = (
        LIFParameters(tau_syn=5.0, **{name: each}).at(0.7, torch.zeros(6, 1))
        for each in (value, number)
    )
    for key, ours in wide._asdict().items():
        theirs = getattr(plain, key)
        assert (ours is None) == (theirs is None), key
        if ours is not None:
            assert ours.shape == theirs.shape, key
            assert torch.equal(ours, theirs), key
    value = value.clone()
    value[3] *= 1.5
    uneven = LIFParameters(**{name: value}).at(0.7, torch.zeros(6, 1))
    assert any(v is not None and v.shape == (6, 1) for v in uneven)
