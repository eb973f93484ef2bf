"""Every door that takes a seed takes any integer, stores ``int``, and refuses all else in words."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from helpers import random_graph
from torch import Tensor
from torch_geometric.data import Batch

import pyngn_graph as ng
from pyngn_graph import receptive
from pyngn_graph.analysis import topology
from pyngn_graph.datasets import measured
from pyngn_graph.distributed import FixedInDegree
from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor
from pyngn_graph.generators import ErdosRenyi, FromNetworkX, ScaleFree, SmallWorld, Tissue
from pyngn_graph.glia import Coherence, FixedDelays
from pyngn_graph.projection import Projection
from pyngn_graph.recipes import Recipe
from pyngn_graph.union_parameters import joint_projection

GRAPH = random_graph(0, 12, 40, max_delay=6)
POS = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
RING: Any = nx.DiGraph([(0, 1), (1, 2), (2, 0)])
RECIPE = Recipe(num_nodes=15, receptive="columns", frame=(8,))
ROWS = np.random.default_rng(0).normal(size=(12, 6, 1))


def lived(cell: Any) -> Tensor:
    """Weights and delays after a life with ``cell``."""
    reservoir = ng.TriglialReservoir(GRAPH, glia=[cell], glia_period=20, bias=1.4)
    graph = reservoir.adapt(num_steps=60).graph
    return torch.cat([graph.edge_weight, graph.edge_delay.float()])


def drawn(graph: Any) -> list[Tensor]:
    return [graph.edge_index, graph.edge_weight, graph.edge_delay]


def learned(seed: Any) -> Tensor:
    x = torch.as_tensor(ROWS[:, :, 0])
    return ng.DeltaReadout(epochs=2, seed=seed).fit(x, torch.arange(12) % 2).weight


def fitted(kind: Any, y: Any) -> Callable[[Any], Any]:
    how: dict[str, Any] = {"num_nodes": 15, "hold": 2, "trials": 2, "pool": 2}
    return lambda seed: kind(**how, random_state=seed).fit(ROWS, y).predict(ROWS)


def table(result: Any) -> Any:
    return getattr(result, "to_dict", lambda: str(result))()


DOORS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "ErdosRenyi": (lambda s: ErdosRenyi(num_nodes=9, degree=3, seed=s), lambda g: drawn(g())),
    "SmallWorld": (lambda s: SmallWorld(num_nodes=9, degree=2, seed=s), lambda g: drawn(g())),
    "ScaleFree": (lambda s: ScaleFree(num_nodes=9, degree=2, seed=s), lambda g: drawn(g())),
    "Tissue": (lambda s: Tissue(num_nodes=9, degree=3, seed=s), lambda g: drawn(g())),
    "FromNetworkX": (lambda s: FromNetworkX(RING, seed=s), lambda g: drawn(g())),
    "connectome": (
        lambda s: measured.connectome(EDGES, torch.ones(4), 4, inhibitory_fraction=0.5, seed=s),
        drawn,
    ),
    "FixedInDegree": (
        lambda s: FixedInDegree(num_nodes=20, degree=3, seed=s),
        lambda n: n.reservoir().projection.bias,
    ),
    "Microglia": (lambda s: ng.Microglia("winner", seed=s), lived),
    "FixedDelays": (
        lambda s: FixedDelays("two", seed=s),
        lambda r: lived(ng.Oligodendrocyte(r, max_delay=9)),
    ),
    "Coherence": (
        lambda s: Coherence(seed=s),
        lambda r: lived(ng.Oligodendrocyte(r, max_delay=9)),
    ),
    "DeltaReadout": (lambda s: ng.DeltaReadout(seed=s), lambda r: learned(r.seed)),
    "Projection": (
        lambda s: Projection(5, 2, 1.0, 1.0, None, None, s),
        lambda p: [p.weight, p.bias],
    ),
    "joint_projection": (
        lambda s: joint_projection([5, 6], 2, 1.0, 1.0, None, None, s),
        lambda p: [p.weight, p.bias],
    ),
    "TriglialReservoir": (
        lambda s: ng.TriglialReservoir(GRAPH, in_channels=2, seed=s),
        lambda r: r.input_weight,
    ),
    "SignalReservoir": (
        lambda s: ng.SignalReservoir(Batch.from_data_list([GRAPH, GRAPH]), 2, seed=s),
        lambda r: r.projection.weight,
    ),
    "gabor_fields": (lambda s: receptive.gabor_fields(POS, 8, 8, seed=s), lambda w: w),
    "column_fields": (lambda s: receptive.column_fields(POS, 12, seed=s), lambda w: w),
    "Recipe.tissue": (lambda s: RECIPE.tissue(s), drawn),
    "Recipe.cells": (lambda s: RECIPE.cells(s), repr),
    "Recipe.reservoir": (lambda s: RECIPE.reservoir(8, s), lambda r: r.input_weight),
    "Recipe.input_weight": (lambda s: RECIPE.input_weight(GRAPH, s), lambda w: w),
    "ReservoirClassifier": (fitted(ReservoirClassifier, np.arange(12) % 2), lambda y: y),
    "ReservoirRegressor": (fitted(ReservoirRegressor, ROWS[:, 0, 0]), lambda y: y),
    "null_model": (lambda s: topology.null_model(GRAPH, seed=s), lambda g: g.edge_index),
    "communities": (lambda s: topology.communities(GRAPH, seed=s), lambda c: c),
    "paths": (lambda s: topology.paths(GRAPH, samples=4, seed=s), repr),
    "small_world": (lambda s: topology.small_world(GRAPH, nulls=2, seed=s), repr),
    "summary": (lambda s: topology.summary(GRAPH, ["clustering"], nulls=2, seed=s), table),
    "compare": (lambda s: topology.compare(GRAPH, GRAPH, ["balance"], seed=s), table),
}
"""Makes something from a seed, and what of it the seed decides."""

ELSEWHERE = {
    "Anatomy": "base of the generators",
    "Completion": "base of what completes a graph",
    "SpatialGenerator": "base of the generators",
    "ReservoirEstimator": "base of the estimators",
    "Competition.quota": "is given the seed of its cell",
    "Ledger.get": "a label of a result",
    "Ledger.put": "a label of a result",
    "Ledger.run_file": "a label of a result",
    "generator_of": "below",
    "whole_seed": "below",
    "bench": "makes an ErdosRenyi of it first",
    "classify": "makes a reservoir of a recipe of it first",
    "organize": "makes a generator of it first",
    "search": "test_tuning.py",
    "best": "test_tuning.py",
    "configured": "test_tuning.py",
    "importances": "test_tuning.py",
}


def public_doors() -> Iterator[str]:
    """Names of what takes a ``seed`` or a ``random_state``, over all modules."""
    for module in pkgutil.walk_packages(ng.__path__, "pyngn_graph."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.name:
                continue
            methods = vars(value).items() if inspect.isclass(value) else ()
            found = {name: value} | {
                f"{name}.{key}": method
                for key, method in methods
                if not key.startswith("_") and inspect.isfunction(method)
            }
            for door, call in found.items():
                if callable(call) and {"seed", "random_state"} & set(parameters(call)):
                    yield door


def parameters(call: Any) -> list[str]:
    try:
        return list(inspect.signature(call).parameters)
    except (TypeError, ValueError):
        return []


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return bool(np.all(a == b))


def test_every_door_is_here() -> None:
    doors = {*public_doors()}
    assert doors <= {*DOORS, *ELSEWHERE}
    assert {*DOORS} - doors == set()


INTEGERS = [np.int64(3), np.uint8(3), np.uint32(3), np.array(3), torch.tensor(3)]


@pytest.mark.parametrize("name", DOORS)
def test_any_integer_is_a_seed(name: str) -> None:
    make, shown = DOORS[name]
    expected = shown(make(3))
    for seed in INTEGERS:
        made = make(seed)
        assert type(getattr(made, "seed", 0)) is int
        assert same(shown(made), expected)


@pytest.mark.parametrize("seed", [True, np.True_, 3.0, np.float32(3.5), "3", [3.0], 2**64])
@pytest.mark.parametrize("name", DOORS)
def test_what_is_no_seed_is_refused_with_one_that_is(name: str, seed: Any) -> None:
    make, _ = DOORS[name]
    with pytest.raises(ValueError, match=r"must be a whole number .*; pass \w+=\d+$") as error:
        make(seed)
    remedy = str(error.value).rpartition("=")[2]
    assert make(int(remedy)) is not None


def test_seeds_of_a_batch_may_be_an_array() -> None:
    def weights(seed: Any) -> Tensor:
        reservoir = ng.TriglialReservoir(
            Batch.from_data_list([GRAPH, GRAPH]), in_channels=2, seed=seed
        )
        weight = reservoir.input_weight
        assert weight is not None
        return weight

    expected = weights([4, 5])
    for seeds in ((4, 5), range(4, 6), np.array([4, 5]), torch.tensor([4, 5]), [np.int8(4), 5]):
        assert torch.equal(weights(seeds), expected)


def test_a_life_with_a_seed_of_numpy_is_saved(tmp_path: Any) -> None:
    made = ng.TriglialReservoir(
        GRAPH, in_channels=1, glia=[ng.Microglia(seed=np.int64(2))], seed=np.uint16(9)
    )
    made.save(tmp_path / "r.safetensors")
    read = ng.TriglialReservoir.load(tmp_path / "r.safetensors")
    assert repr(read) == repr(made)
