import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_same, frozen, generator, graph_of, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.blockwise import sum_at
from pyngn_graph.graph import (
    in_degree,
    keep_edges,
    longest_delay,
    out_degree,
    prepare,
    round_delay,
    validate,
)
from pyngn_graph.grid import on_grid, weight_grid
from pyngn_graph.synapse import DelayedSpikeConv

seeds = st.integers(0, 2**31)
sizes = st.floats(1e-30, 1e30)


def weighted(seed: int, scale: float, spread: float) -> Data:
    """Random weights over ``spread`` decades around ``scale``."""
    graph = random_graph(seed, num_nodes=5, num_edges=30)
    factor = 10.0 ** (spread * (torch.rand(30, generator=generator(seed + 1)) - 0.5))
    graph.edge_weight = graph.edge_weight * factor * scale
    return graph


def largest_input(graph: Data, weight: Tensor) -> float:
    totals = [weight[graph.edge_index[1] == i].double().abs().sum() for i in range(5)]
    return float(max(totals))


# Weights on a grid


@given(seed=seeds, scale=sizes, spread=st.floats(0.0, 12.0))
def test_weights_on_the_grid_are_multiples_close_to_what_was_given(
    seed: int, scale: float, spread: float
) -> None:
    graph = weighted(seed, scale, spread)
    grid = weight_grid(graph)
    rounded = on_grid(graph.edge_weight, grid)
    units = rounded.double() / grid
    assert math.frexp(grid)[0] == 0.5  # a power of two
    assert torch.equal(units, units.round())
    most = largest_input(graph, graph.edge_weight)
    assert float((rounded.double() - graph.edge_weight.double()).abs().max()) <= most * 2.0**-30
    assert largest_input(graph, units) < 2**30


@given(seed=seeds, scale=sizes, spread=st.floats(0.0, 12.0))
def test_the_grid_is_the_finest_that_fits(seed: int, scale: float, spread: float) -> None:
    graph = weighted(seed, scale, spread)
    finer = weight_grid(graph) / 2
    units = torch.round(graph.edge_weight.double() / finer)
    assert largest_input(graph, units) >= 2**30


@given(seed=seeds, scale=sizes, spread=st.floats(0.0, 12.0))
def test_weights_on_the_grid_stay_there(seed: int, scale: float, spread: float) -> None:
    graph = prepare(weighted(seed, scale, spread))
    again = prepare(graph)
    assert torch.equal(again.edge_weight, graph.edge_weight)
    assert weight_grid(again) <= weight_grid(graph)


def test_the_grid_is_idempotent_where_rounding_crosses_its_bound() -> None:
    # Two inputs whose sum lies just below a power of two and reaches it when each is rounded up.
    half = float(np.nextafter(np.float32(2**29), np.float32(0)))
    graph = graph_of(2, [(0, 1, half, 1), (1, 1, 31.5, 1), (0, 1, 0.5, 1)])
    once = prepare(graph)
    assert torch.equal(prepare(once).edge_weight, once.edge_weight)


@given(seed=seeds, spread=st.floats(0.0, 12.0))
def test_sums_of_spikes_do_not_depend_on_the_order_of_edges(seed: int, spread: float) -> None:
    graph = prepare(weighted(seed, 1.0, spread))
    history = torch.rand(6, 5, 2, generator=generator(seed)) < 0.5
    conv = DelayedSpikeConv()

    def sums(edge: Tensor) -> Tensor:
        index, delay = graph.edge_index[:, edge], graph.edge_delay[edge]
        return conv(history, 3, index, graph.edge_weight[edge].double(), delay)

    expected = sums(torch.arange(30))
    for other in range(3):
        order = torch.randperm(30, generator=generator(seed + other))
        assert torch.equal(sums(order), expected)
    # An exact sum of integers gives the same.
    units = (graph.edge_weight.double() / weight_grid(graph)).long().tolist()
    exact = [[0] * 2 for _ in range(5)]
    columns = zip(*graph.edge_index.tolist(), graph.edge_delay.tolist(), units, strict=True)
    for src, dst, delay, unit in columns:
        for trial in range(2):
            exact[dst][trial] += unit * int(history[(3 - delay) % 6, src, trial])
    assert torch.equal(expected, torch.tensor(exact, dtype=torch.float64) * weight_grid(graph))


@given(seed=seeds, scale=sizes, spread=st.floats(0.0, 12.0), block=st.integers(1, 40))
def test_work_in_blocks_gives_the_bits_of_plain_formulas(
    seed: int, scale: float, spread: float, block: int
) -> None:
    graph = weighted(seed, scale, spread)
    graph.edge_mask = torch.rand(30, generator=generator(seed)) < 0.7
    weight, (src, dst) = graph.edge_weight.double(), graph.edge_index
    graph.edge_delay = 1 + 9 * torch.rand(30, generator=generator(seed))
    total = torch.zeros(5, dtype=torch.float64).index_add_(0, dst, weight.abs())
    grid = 2.0 ** max(math.frexp(float(total.max()))[1] - 33, -149)
    while largest_input(graph, torch.round(weight / grid)) >= 2**30:
        grid *= 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyngn_graph.blockwise._BLOCK", block)
        assert weight_grid(graph) == grid
        rounded = (torch.round(weight / grid) * grid).float()
        assert torch.equal(on_grid(graph.edge_weight, grid), rounded)
        assert torch.equal(prepare(graph).edge_weight, rounded)
        steps = torch.floor(graph.edge_delay.double() + 0.5).long()
        assert torch.equal(round_delay(graph.edge_delay), steps)
        assert longest_delay(graph) == int(steps.max())
        live = graph.edge_mask
        assert torch.equal(in_degree(graph), torch.bincount(dst[live], minlength=5))
        assert torch.equal(out_degree(graph), torch.bincount(src[live], minlength=5))


def test_weights_on_the_grid_are_not_copied() -> None:
    weight = torch.tensor([0.5, -0.0, -1.25, 3.0])
    assert on_grid(weight, 0.25) is weight
    assert on_grid(weight, 0.5) is not weight
    assert weight.tolist() == [0.5, -0.0, -1.25, 3.0]


def test_the_grid_follows_edits_of_weights() -> None:
    graph = random_graph(2)
    before = weight_grid(graph)
    graph.edge_weight *= 4
    assert weight_grid(graph) == 4 * before
    graph.edge_weight = graph.edge_weight / 8
    assert weight_grid(graph) == before / 2


def test_grids_of_graphs_without_weights() -> None:
    assert weight_grid(graph_of(3, [])) == 1.0
    silent = prepare(graph_of(2, [(0, 1, 0.0, 1)]))
    assert silent.edge_weight.tolist() == [0.0]


# Helpers on edges


def test_delays_round_half_up() -> None:
    delay = torch.tensor([1.0, 1.49, 1.5, 2.5, 99.4999])
    assert round_delay(delay).tolist() == [1, 1, 2, 3, 99]
    whole = torch.tensor([3, 1])
    assert round_delay(whole) is whole


def test_longest_delay_counts_rounded_steps() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 3)])
    assert longest_delay(graph) == 3
    graph.edge_delay = torch.tensor([3.5])
    assert longest_delay(graph) == 4
    assert longest_delay(graph_of(2, [])) == 1


@given(seed=seeds)
def test_sums_at_targets_are_free_of_order(seed: int) -> None:
    value = torch.rand(40, generator=generator(seed)) * 3 - 1
    target = torch.randint(4, (40,), generator=generator(seed + 1))
    total = sum_at(value, target, 4)
    order = torch.randperm(40, generator=generator(seed + 2))
    assert torch.equal(sum_at(value[order], target[order], 4), total)
    exact = torch.zeros(4, dtype=torch.float64).index_add_(0, target, value.double())
    torch.testing.assert_close(total, exact, atol=40 * 2.0**-41, rtol=0)


def test_degrees_count_live_edges() -> None:
    graph = graph_of(3, [(0, 1, 1.0, 1), (0, 1, 1.0, 2), (1, 1, 1.0, 1), (2, 0, 1.0, 1)])
    assert in_degree(graph).tolist() == [1, 3, 0]
    assert out_degree(graph).tolist() == [2, 1, 1]
    graph.edge_mask = torch.tensor([True, False, True, True])
    assert in_degree(graph).tolist() == [1, 2, 0]
    assert out_degree(graph).tolist() == [1, 1, 1]


@pytest.mark.parametrize("piece", [1, 2000])  # what stays is copied whole, or edge by edge
@pytest.mark.parametrize("num_edges", [6, 9])
def test_dropping_edges_shrinks_what_is_named_edge_and_nothing_else(
    num_edges: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyngn_graph.graph._PIECE", piece)
    graph = random_graph(1, num_nodes=6, num_edges=num_edges)
    graph.edge_mask = torch.ones(num_edges, dtype=torch.bool)
    graph.edge_attr = torch.rand(num_edges, 2)
    graph.edge_kind = [f"kind {e}" for e in range(num_edges)]
    graph.gain = torch.ones(6)
    graph.spectrum = torch.rand(num_edges)  # not of edges, for all its length
    before, keep = frozen(graph), torch.arange(num_edges) % 2 == 0
    kept = keep_edges(graph, keep)
    assert_same(graph, before)
    assert validate(kept).num_edges == int(keep.sum())
    for key in ("edge_weight", "edge_delay", "edge_mask", "edge_attr"):
        assert torch.equal(kept[key], graph[key][keep])
    assert torch.equal(kept.edge_index, graph.edge_index[:, keep])
    assert kept.edge_kind == graph.edge_kind[::2]
    for key in ("pos", "gain", "spectrum", "num_nodes"):
        assert kept[key] is graph[key]


def test_a_graph_that_loses_nothing_keeps_its_tensors() -> None:
    graph = random_graph(1)
    kept = keep_edges(graph, torch.ones(24, dtype=torch.bool))
    assert kept is not graph
    for key, value in graph.to_dict().items():
        assert kept[key] is value


# The door


@pytest.mark.parametrize(
    "graph",
    [
        graph_of(1, []),
        graph_of(1, [(0, 0, 1.0, 1)]),
        graph_of(4, [(0, 1, 1.0, 1), (0, 1, -1.0, 5), (2, 2, 0.0, 1)]),
        random_graph(num_nodes=7, num_edges=7),
        random_graph(dt=0.25, clock=7, edge_kind=["any"] * 24, note="text"),
    ],
    ids=["one neuron", "self loop", "parallel edges", "N == E", "attributes of any kind"],
)
def test_graphs_that_pass_come_back_as_they_are(graph: Data) -> None:
    before = frozen(graph)
    assert validate(graph) is graph
    assert_same(graph, before)


def test_a_node_count_may_follow_from_positions() -> None:
    graph = Data(
        pos=torch.zeros(3, 3),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        edge_weight=torch.empty(0),
        edge_delay=torch.empty(0, dtype=torch.long),
    )
    assert prepare(graph)["num_nodes"] == 3


def test_prepare_owns_its_tensors() -> None:
    graph = random_graph(3)
    before = frozen(graph)
    owned = prepare(graph)
    for value in owned.to_dict().values():
        if isinstance(value, Tensor):
            value.zero_()
    assert_same(graph, before)
    assert (owned.dt, owned.clock) == (1.0, 0)
    assert owned.edge_mask.dtype == torch.bool


def test_weights_may_be_parameters_of_a_module() -> None:
    graph = random_graph(3)
    graph.edge_weight = torch.nn.Parameter(graph.edge_weight)
    owned = prepare(graph)
    assert not owned.edge_weight.requires_grad
    assert graph.edge_weight.requires_grad


def test_limits_of_delays_are_the_callers() -> None:
    graph = graph_of(2, [(0, 1, 1.0, 20_000)])
    assert validate(graph, max_delay=20_000) is graph


def bad(**attributes: Any) -> Data:
    """A graph of 4 neurons and 5 edges with some attributes replaced, or left out if None."""
    graph = random_graph(num_nodes=4, num_edges=5)
    for key, value in attributes.items():
        if value is None:
            del graph[key]
        else:
            graph[key] = value
    return graph


nan, inf = float("nan"), float("inf")
long = torch.long


@pytest.mark.parametrize(
    ("graph", "error", "match"),
    [
        (None, TypeError, r"Expected a torch_geometric 'Data' \(got NoneType\)"),
        ({"edge_index": []}, TypeError, "got dict"),
        (bad(num_nodes=None, pos=None), ValueError, "'num_nodes' is not set; set 'data.num_nodes'"),
        (bad(num_nodes=0, pos=None), ValueError, r"'num_nodes' must be a positive int \(got 0\)"),
        (bad(num_nodes=2.0, pos=None), ValueError, "positive int"),
        (bad(edge_index=None), ValueError, "has no 'edge_index'; .*torch.empty"),
        (bad(edge_index=torch.rand(2, 5)), TypeError, r"int64 .*float32.*use '.long\(\)'"),
        (bad(edge_index=[[0.5], [1]]), TypeError, "'edge_index' must be an int64 tensor .*list"),
        (bad(edge_index=torch.zeros(5, 2, dtype=long)), ValueError, r"shape \[2, E\] .*\[5, 2\]"),
        (
            bad(edge_index=torch.tensor([[0, 1, 4, 0, 9], [0, 0, 0, 0, 0]])),
            ValueError,
            r"'edge_index' must lie in \[0, 3\]: 2 of 5 .*edge_index\[2\] = \[4, 0\]",
        ),
        (
            bad(edge_index=torch.tensor([[0, 1, 2, 0, 1], [0, 0, 0, -1, 0]])),
            ValueError,
            r"'edge_index' must lie in \[0, 3\]: 1 of 5",
        ),
        (bad(edge_weight=None), ValueError, "has no 'edge_weight'; draw what it lacks"),
        (bad(edge_delay=None), ValueError, "has no 'edge_delay'; draw what it lacks"),
        (bad(edge_weight=torch.ones(4)), ValueError, "'edge_weight' has 4 rows for 5 edges"),
        (bad(edge_weight=torch.ones(5, 1)), ValueError, r"shape \[5\] \(got \[5, 1\]\)"),
        (
            bad(edge_weight=torch.tensor([0.0, nan, 1, inf, 1])),
            ValueError,
            r"'edge_weight' must be finite: 2 of 5 .*edge_weight\[1\] = nan",
        ),
        (bad(edge_weight=torch.full((5,), -inf)), ValueError, "must be finite: 5 of 5"),
        (
            bad(edge_delay=torch.tensor([1, 0, 2, -3, 1])),
            ValueError,
            r"'edge_delay' must be at least 1 step: 2 of 5 .*edge_delay\[1\] = 0",
        ),
        (bad(edge_delay=torch.full((5,), 0.4)), ValueError, "at least 1 step"),
        (
            bad(edge_delay=torch.tensor([1, 1, 1, 1, 25_000])),
            ValueError,
            r"at most max_delay = 10000 .*25000 steps of 4 neurons takes 100,000 bytes.*raise",
        ),
        (bad(edge_delay=torch.full((5,), 1e30)), ValueError, "at most max_delay"),
        (bad(edge_delay=torch.full((5,), nan)), ValueError, "'edge_delay' must be finite"),
        (bad(edge_mask=torch.full((5,), 2)), TypeError, "'edge_mask' must be bool"),
        (bad(edge_health=torch.ones(6)), ValueError, "'edge_health' has 6 rows for 5 edges"),
        (bad(edge_anything=torch.ones(6)), ValueError, "'edge_anything' has 6 rows .*transform"),
        (bad(gain=torch.ones(5)), ValueError, r"'gain' must have shape \[4\]"),
        (bad(gain=torch.full((4,), nan)), ValueError, "'gain' must be finite"),
        (bad(pos=torch.zeros(4, 2)), ValueError, r"'pos' must have shape \[4, 3\]"),
        (bad(pos=torch.tensor([[0.0, 0, 0], [0, nan, 0]] * 2)), ValueError, "finite: 2 of 4"),
        (bad(dt=0.0), ValueError, "'dt' must be a positive number of ms"),
        (bad(dt=nan), ValueError, "'dt'"),
        (bad(dt="1"), ValueError, "'dt'"),
        (bad(edge_weight=torch.ones(5, device="meta")), ValueError, "is on meta .*data.to"),
        (bad(gain=torch.ones(4, device="meta")), ValueError, "'gain' is on meta"),
    ],
)
def test_the_door_names_what_breaks_a_rule(graph: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        validate(graph)
    with pytest.raises(error, match=match):
        prepare(graph)


@pytest.mark.parametrize(
    ("graph", "match"),
    [
        (bad(edge_index=torch.zeros(2, 5, dtype=torch.int32)), "int64 .*int32"),
        (bad(edge_index=[[0] * 5, [1] * 5]), "'edge_index' must be an int64 tensor .*list"),
        (bad(edge_weight=torch.ones(5).double()), "'edge_weight' must be float32"),
        (bad(edge_weight=[1.0] * 5), r"'edge_weight' .*\(got list\)"),
        (bad(edge_delay=torch.full((5,), 1.0).double()), "int64 or float32"),
        (bad(edge_delay=torch.ones(5, dtype=torch.int32)), "int64 or float32"),
        (bad(edge_mask=torch.ones(5)), "'edge_mask' must be bool"),
        (bad(calcium=torch.ones(4, dtype=long)), "'calcium' must be float32"),
        (bad(inhibitory=torch.ones(4)), "'inhibitory' must be bool"),
    ],
)
def test_what_only_has_another_type_is_refused_as_it_is_and_taken_by_what_copies(
    graph: Any, match: str
) -> None:
    with pytest.raises(TypeError, match=match):
        validate(graph)
    validate(prepare(graph))


def test_weights_that_overflow_are_refused() -> None:
    graph = graph_of(2, [(0, 1, 3e38, 1), (1, 0, 1.0, 1), (0, 1, -3e38, 1)])
    with pytest.raises(ValueError, match=r"add up to at most 1e\+37 .*6e\+38 at neuron 1"):
        prepare(graph)
