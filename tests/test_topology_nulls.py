"""Null models, small worlds and the tables of analysis.topology."""

import math
import sys
from collections import Counter
from typing import Any

import pandas
import pytest
import torch
from helpers import DATA, generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from topology_graphs import any_graph, simple, toy
from torch_geometric.data import Data

from pyngn_graph.analysis import topology as tp
from pyngn_graph.analysis.topology import random_edges, rewired, table
from pyngn_graph.datasets import CElegans
from pyngn_graph.generators import Tissue

KINDS = ("degree", "degree_distance", "distance", "lattice", "random")


@given(seed=st.integers(0, 2**31), num_edges=st.integers(1, 40))
def test_swaps_keep_degrees_and_make_no_loop_and_no_double(seed: int, num_edges: int) -> None:
    edges = random_edges(num_edges, 9, generator(seed))
    before = edges.clone()
    found = rewired(edges, 9, 30, generator(seed))
    assert torch.equal(edges, before)
    assert torch.equal(found, rewired(edges, 9, 30, generator(seed)))
    assert torch.equal(found[0], edges[0])  # every edge keeps its source
    assert torch.equal(found[1].sort().values, edges[1].sort().values)
    assert torch.unique(found, dim=1).size(1) == num_edges
    assert not bool((found[0] == found[1]).any())


def test_swaps_by_hand() -> None:
    def swapped(*edges: tuple[int, int]) -> list[list[int]]:
        return rewired(torch.tensor(edges).t(), 4, 1, generator(0)).t().tolist()

    assert swapped((0, 1), (2, 3)) == [[0, 3], [2, 1]]
    assert swapped((0, 1), (1, 0)) == [[0, 1], [1, 0]]  # would be two loops
    assert swapped((0, 1), (0, 2)) == [[0, 1], [0, 2]]  # would be the same
    assert swapped((0, 0), (1, 2)) == [[0, 2], [1, 0]]  # a loop may go


def test_swaps_leave_little_as_it_was() -> None:
    edges = random_edges(400, 100, generator(1))
    found = rewired(edges, 100, 40, generator(2))
    kept = torch.isin(found[0] * 100 + found[1], edges[0] * 100 + edges[1])
    assert float(kept.double().mean()) < 0.12  # by chance: 4 %, more at hubs


@given(seed=st.integers(0, 2**31))
def test_random_edges_are_different_pairs(seed: int) -> None:
    every = random_edges(20, 5, generator(seed))
    pairs = sorted(map(tuple, every.t().tolist()))
    assert pairs == [(i, j) for i in range(5) for j in range(5) if i != j]
    assert torch.equal(random_edges(7, 5, generator(seed)), every[:, :7])


def lengths(data: Data) -> torch.Tensor:
    return (data.pos[data.edge_index[0]] - data.pos[data.edge_index[1]]).double().norm(dim=1)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), kind=st.sampled_from(KINDS))
def test_null_models_keep_what_they_promise(seed: int, kind: str) -> None:
    data = simple(seed, num_nodes=14)
    data.edge_type = torch.arange(data.num_edges) % 2
    before = data.clone()
    null = tp.null_model(data, kind, seed, rounds=10)
    assert torch.equal(null.edge_index, tp.null_model(data, kind, seed, rounds=10).edge_index)
    for key, value in before.to_dict().items():
        assert torch.equal(torch.as_tensor(data[key]), torch.as_tensor(value))
        if key != "edge_index":
            assert torch.equal(torch.as_tensor(null[key]), torch.as_tensor(value))
    assert torch.unique(null.edge_index, dim=1).size(1) == data.num_edges
    assert not bool((null.edge_index[0] == null.edge_index[1]).any())
    ours, theirs = tp.degrees(null), tp.degrees(data)
    if kind != "random":
        assert torch.equal(null.edge_index[0], data.edge_index[0])
        assert torch.equal(ours.out_strength, theirs.out_strength)
    if kind in ("degree", "degree_distance", "lattice"):
        assert torch.equal(ours.inputs, theirs.inputs)
    if "distance" in kind:
        old = lengths(data)
        assert bool(((lengths(null) - old).abs() <= 0.1 * old + 1e-4).all())


def test_null_models_are_not_the_graph() -> None:
    data = Tissue(num_nodes=60, seed=0)()
    for kind in KINDS:
        null = tp.null_model(data, kind)
        kept = (null.edge_index == data.edge_index).all(dim=0).double().mean()
        assert float(kept) < 0.8, kind
        assert not torch.equal(null.edge_index, tp.null_model(data, kind, seed=1).edge_index)


def test_swaps_of_equal_lengths_mix_all_there_are() -> None:
    """Four sources in one place, four targets around them, two of these side by side."""
    angle = torch.tensor([0.0, 0.1, 2.0, 4.0])
    pos = torch.zeros(8, 3)
    pos[4:, 0], pos[4:, 1] = angle.cos(), angle.sin()
    data = toy((0, 4), (1, 5), (2, 6), (3, 7))
    data.pos = pos
    nulls = (tp.null_model(data, "degree_distance", seed, rounds=30) for seed in range(1200))
    found = Counter(tuple(null.edge_index[1].tolist()) for null in nulls)
    assert len(found) == 24
    assert chisquare(list(found.values())).pvalue > 1e-4


def test_most_edges_find_another_target_at_their_distance() -> None:
    pos = 300.0 * torch.rand(200, 3, generator=generator(0))
    data = Tissue(pos=pos, degree=20.0, seed=0)()
    null = tp.null_model(data, "degree_distance")
    assert float((null.edge_index[1] != data.edge_index[1]).double().mean()) > 0.7


def test_a_lattice_is_clustered_and_long() -> None:
    data = toy(*random_edges(300, 60, generator(0)).t().tolist(), num_nodes=60)
    lattice = tp.null_model(data, "lattice")
    assert float(tp.clustering(lattice).mean()) > 3 * float(tp.clustering(data).mean())
    assert tp.paths(lattice).mean_length > 1.2 * tp.paths(data).mean_length


@settings(deadline=None, max_examples=25)
@given(data=any_graph(), kind=st.sampled_from(KINDS), seed=st.integers(0, 99))
def test_silent_edges_stay_and_live_ones_keep_their_degrees(
    data: Data, kind: str, seed: int
) -> None:
    room = data.num_nodes * (data.num_nodes - 1)
    if kind == "random" and int(data.edge_mask.sum()) > room:
        with pytest.raises(ValueError, match="neurons without parallel ones"):
            tp.null_model(data, kind, seed)
        return
    null = tp.null_model(data, kind, seed, rounds=5)
    silent = ~data.edge_mask
    assert torch.equal(null.edge_index[:, silent], data.edge_index[:, silent])
    if kind in ("degree", "degree_distance", "lattice"):
        for ours, theirs in zip(tp.degrees(null)[:2], tp.degrees(data)[:2], strict=True):
            assert torch.equal(ours, theirs)


def test_swaps_within_a_kind_of_edge() -> None:
    data = simple(1, num_nodes=20)
    data.edge_type = torch.arange(data.num_edges) % 3
    null = tp.null_model(data, within="edge_type")
    for kind in range(3):
        part = data.edge_type == kind
        for ours, theirs in zip(null.edge_index[:, part], data.edge_index[:, part], strict=True):
            assert torch.equal(ours.sort().values, theirs.sort().values)


def test_null_models_refuse() -> None:
    data = simple(0)
    with pytest.raises(ValueError, match="Unknown null model 'wild'; available: \\['degree', "):
        tp.null_model(data, "wild")
    with pytest.raises(ValueError, match="'tolerance' must not be negative \\(got -1\\)"):
        tp.null_model(data, tolerance=-1)
    with pytest.raises(ValueError, match="'rounds' must not be negative \\(got -1\\)"):
        tp.null_model(data, rounds=-1)
    with pytest.raises(ValueError, match="has no attribute 'edge_kind' of its edges"):
        tp.null_model(data, within="edge_kind")
    with pytest.raises(ValueError, match="The null model 'distance' needs 'pos'"):
        tp.null_model(toy((0, 1)), "distance")


# --- small worlds


def test_small_world_by_hand() -> None:
    world = tp.SmallWorld(0.4, 3.0, 0.1, 2.0, 0.6, 6.0)
    assert world.sigma == pytest.approx((0.4 / 0.1) / (3 / 2))
    assert world.omega == pytest.approx(2 / 3 - 0.4 / 0.6)
    delta_c, delta_l = 0.2 / 0.5, 1 / 4
    assert world.propensity == pytest.approx(1 - math.sqrt((delta_c**2 + delta_l**2) / 2))
    assert tp.SmallWorld(0.7, 1.0, 0.1, 2.0, 0.6, 6.0).propensity == 1.0  # cut to [0, 1]
    nothing = tp.SmallWorld(0.0, math.nan, 0.0, math.nan, 0.0, math.nan)
    assert all(map(math.isnan, (nothing.sigma, nothing.omega, nothing.propensity)))


def ring(num_nodes: int, reach: int, chords: int) -> Data:
    """Neurons that send to the next ``reach`` ones, and some long edges."""
    near = [(i, (i + k) % num_nodes) for i in range(num_nodes) for k in range(1, reach + 1)]
    both = [pair for i, j in near for pair in ((i, j), (j, i))]
    far = random_edges(chords, num_nodes, generator(0)).t().tolist()
    edges = dict.fromkeys([*both, *map(tuple, far)])
    return toy(*edges, num_nodes=num_nodes)


def test_small_worlds_are_told_from_lattices_and_from_chance() -> None:
    lattice = tp.small_world(ring(80, 3, 0), nulls=2)
    small = tp.small_world(ring(80, 3, 40), nulls=2)
    chance = tp.small_world(ring(80, 0, 480), nulls=2)
    assert small.sigma > 2 > 1.5 > chance.sigma
    assert lattice.omega < small.omega < chance.omega
    assert small.propensity > max(lattice.propensity, chance.propensity)
    assert tp.small_world(ring(80, 3, 40), nulls=2) == small
    with pytest.raises(ValueError, match="'nulls' must be at least 1 \\(got 0\\)"):
        tp.small_world(ring(9, 1, 0), nulls=0)


def test_small_world_by_delay_and_weight() -> None:
    data = simple(0, num_nodes=30)
    world = tp.small_world(data, nulls=1, by="delay", weighted=True)
    assert world.length == tp.paths(data, by="delay").mean_length
    assert world.clustering == float(tp.clustering(data, weighted=True).mean())


# --- tables


@pytest.fixture(params=["pandas", "without"])
def installed(request: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "without":
        monkeypatch.setattr(table, "find_spec", lambda name: None)
    return request.param


def test_summary_is_the_same_truth_with_and_without_pandas(installed: str) -> None:
    data, measures = simple(0), ("size", "reciprocity", "clustering", "hops")
    found = tp.summary(data, measures, nulls=3, seed=4)
    assert isinstance(found, pandas.DataFrame if installed == "pandas" else tp.Table)
    facts = tp.measure(data, measures)
    assert {name: found["value"][name] for name in facts} == facts
    chance = [tp.measure(tp.null_model(data, seed=s), measures) for s in (4, 5, 6)]
    values = torch.tensor([null["reciprocity"] for null in chance], dtype=torch.float64)
    mean, spread = float(values.mean()), float(values.std(correction=0))
    assert found["null mean"]["reciprocity"] == pytest.approx(mean)
    assert found["null sd"]["reciprocity"] == pytest.approx(spread)
    assert found["z"]["reciprocity"] == pytest.approx((facts["reciprocity"] - mean) / spread)
    assert math.isnan(found["z"]["num_edges"])  # never another
    world = tp.small_world(data, nulls=3, seed=4)
    assert found["value"]["sigma"] == pytest.approx(world.sigma)
    assert found["value"]["omega"] == pytest.approx(world.omega)
    assert "reciprocity" in str(found)
    assert "<table" in found._repr_html_()


def test_compare_stands_side_by_side(installed: str) -> None:
    a, b = simple(0), simple(0, density=0.5)
    found = tp.compare(a, b, ("size", "reciprocity"), nulls=2)
    columns = [
        "a",
        "b",
        "change",
        *(f"{s} {k}" for s in "ab" for k in ("null mean", "null sd", "z")),
    ]
    assert list(found.columns) == columns
    assert found["change"]["num_edges"] == b.num_edges - a.num_edges
    assert found["b"]["reciprocity"] == tp.reciprocity(b)
    assert list(tp.compare(a, b).columns) == ["a", "b", "change"]


def test_a_table_prints_itself() -> None:
    shown = tp.Table({"a": {"edges": 12345, "share": 0.123456}, "b": {"edges": 7, "<x>": 1.0}})
    assert str(shown).splitlines() == [
        "             a  b",
        "edges   12,345  7",
        "share  0.12346",
        "<x>             1",
    ]
    assert shown.index == ["edges", "share", "<x>"]
    assert "<th>&lt;x&gt;</th>" in shown._repr_html_()


def test_tables_refuse() -> None:
    with pytest.raises(ValueError, match="Unknown measures \\['charm'\\]; available: \\['size', "):
        tp.summary(simple(0), ("size", "charm"))
    with pytest.raises(ValueError, match="'nulls' must not be negative \\(got -1\\)"):
        tp.summary(simple(0), nulls=-1)


def test_optional_packages_are_not_imported() -> None:
    # pandas itself may come with others; ours asks for it only when a table is made.
    assert "pandas" not in vars(table)
    assert not any(hasattr(sys.modules["pyngn_graph"], name) for name in ("pandas", "igraph"))


@pytest.mark.skipif(not (DATA / "celegans").exists(), reason="needs the tables of the worm")
def test_the_worm_is_a_small_world() -> None:
    worm = CElegans(DATA / "celegans")[0]
    world = tp.small_world(worm, nulls=1)
    assert 1.5 < world.sigma < 4.0
    assert tp.reciprocity(worm) > 0.5
    facts = tp.measure(worm, ("size", "components"))
    assert (facts["num_nodes"], facts["num_edges"], facts["weak_components"]) == (302, 5806, 3)
