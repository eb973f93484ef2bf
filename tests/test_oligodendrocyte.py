import math
from typing import Any

import pytest
import torch
from helpers import assert_same, frozen, generator, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from pyngn_graph import Oligodendrocyte, TriglialReservoir
from pyngn_graph.glia.oligodendrocyte import graded_delays
from pyngn_graph.graph import round_delay

seeds = st.integers(0, 2**31)


def sensed(graph: Data, hits: list[int], lag: list[int] | None = None) -> Data:
    """``graph`` as an oligodendrocyte finds it at a tick."""
    data = Oligodendrocyte().prepare(graph.clone())
    data.edge_hits = torch.tensor(hits)
    data.edge_lag = torch.tensor(lag or [0] * len(hits))
    return data


def fan(delays: list[int], **attributes: Any) -> Data:
    """One target, number 0, with an input for each delay."""
    edges = [(j + 1, 0, 0.1, d) for j, d in enumerate(delays)]
    return graph_of(len(delays) + 1, edges, **attributes)


# Rules


def test_graded_goals_spread_the_inputs_evenly_in_their_order() -> None:
    goals = graded_delays(fan([9, 2, 5, 2]), 1, 41)
    assert goals.tolist() == [36.0, 6.0, 26.0, 16.0]  # ties by position


def test_graded_goals_count_live_inputs_of_the_same_target() -> None:
    graph = fan([9, 2, 5, 2], edge_mask=torch.tensor([True, False, True, True]))
    other = graph_of(5, [(4, 3, 1.0, 7)])
    graph.edge_index = torch.cat([graph.edge_index, other.edge_index], dim=1)
    graph.edge_weight = torch.cat([graph.edge_weight, other.edge_weight])
    graph.edge_delay = torch.cat([graph.edge_delay, other.edge_delay])
    graph.edge_mask = torch.cat([graph.edge_mask, torch.tensor([True])])
    assert graded_delays(graph, 1, 31).tolist() == [26.0, 2.0, 16.0, 6.0, 16.0]


@given(seed=seeds, eta=st.floats(0.01, 1.0))
def test_each_hit_goes_a_share_of_the_way_to_the_goal(seed: int, eta: float) -> None:
    graph = random_graph(seed, max_delay=20)
    hits = torch.randint(5, (24,), generator=generator(seed)).tolist()
    cell = Oligodendrocyte(eta=eta, max_delay=60)
    found = cell(sensed(graph, hits)).edge_delay
    goal = graded_delays(graph, 1, 60).double()
    expected = graph.edge_delay.double()
    for e, number in enumerate(hits):
        for _ in range(number):
            expected[e] += eta * (goal[e] - expected[e])
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=0)


def test_hits_without_end_reach_the_goal() -> None:
    graph = fan([3, 3, 3])
    data = Oligodendrocyte(max_delay=31)(sensed(graph, [10_000] * 3))
    assert data.edge_delay.tolist() == pytest.approx([6.0, 16.0, 26.0])


def test_alignment_by_hand() -> None:
    graph = fan([10, 10, 10, 10], dt=0.5)
    cell = Oligodendrocyte("align", eta=0.1, lead=1.25, max_delay=20)
    found = cell(sensed(graph, [1, 2, 0, 50], [4, 3, 0, 1000])).edge_delay
    # lead = 2.5 steps; the last one meets its bound.
    expected = [10 + 0.1 * (4 - 2.5), 10 + 0.1 * (3 - 2 * 2.5), 10, 20]
    assert found.tolist() == pytest.approx(expected)


def test_a_rule_of_your_own_keeps_bounds_and_masked_edges() -> None:
    def far(cell: Oligodendrocyte, data: Data) -> Tensor:
        return data.edge_delay + 1000.0 * (data.edge_hits - 1)

    graph = fan([5, 5, 5], edge_mask=torch.tensor([True, True, False]))
    cell = Oligodendrocyte(far, min_delay=2, max_delay=9)
    assert cell(sensed(graph, [2, 0, 2])).edge_delay.tolist() == [9.0, 2.0, 5.0]
    assert "far" in repr(cell)


def test_a_rule_that_breaks_delays_is_named() -> None:
    def broken(cell: Oligodendrocyte, data: Data) -> Tensor:
        return data.edge_delay * math.nan

    reservoir = TriglialReservoir(fan([2]), glia=[Oligodendrocyte(broken)], glia_period=5)
    with pytest.raises(ValueError, match=r"Oligodendrocyte.* 'edge_delay' must be finite"):
        reservoir.adapt(num_steps=5)


class EveryArrival:
    """Each arrival makes a delay one step longer, as sensed by the rule itself."""

    def prepare(self, cell: Oligodendrocyte, data: Data) -> None:
        if "edge_count" not in data:
            data.edge_count = torch.zeros_like(data.edge_index[0])

    def observe(self, cell: Oligodendrocyte, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        data.edge_count = data.edge_count + arrivals.long()

    def forget(self, cell: Oligodendrocyte, data: Data) -> None:
        data.edge_forgotten = torch.ones_like(data.edge_count)

    def __call__(self, cell: Oligodendrocyte, data: Data) -> Tensor:
        count, data.edge_count = data.edge_count, torch.zeros_like(data.edge_count)
        return data.edge_delay + count


def test_a_rule_may_sense_for_itself(backend: str) -> None:
    cell = Oligodendrocyte(EveryArrival(), max_delay=9)
    reservoir = TriglialReservoir(
        graph_of(2, [(0, 1, 0.1, 1), (1, 0, 0.1, 1)]), glia=[cell], glia_period=20, backend=backend
    )
    drive = torch.zeros(20, 2)
    drive[[2, 5, 19], 0] = 30.0  # the last one is still under way at the tick
    reservoir.adapt(drive)
    assert reservoir.graph.edge_delay.tolist() == [3.0, 1.0]
    assert reservoir.graph.edge_count.tolist() == [0, 0]
    assert reservoir.graph.edge_forgotten.tolist() == [1, 1]
    assert "edge_hits" not in reservoir.graph


# What counts as a hit


def watch(
    cell: Oligodendrocyte, graph: Data, arrivals: dict[int, list[int]], spikes: dict[int, list[int]]
) -> Data:
    """Lets ``cell`` see which edges carry an arrival, and which neurons fire, at each clock."""
    data = cell.prepare(graph.clone())
    for clock in range(1, 1 + max([*arrivals, *spikes])):
        data.clock = clock
        arrived = torch.zeros(data.num_edges, dtype=torch.bool)
        fired = torch.zeros(data.num_nodes, dtype=torch.bool)
        arrived[arrivals.get(clock, [])] = True
        fired[spikes.get(clock, [])] = True
        cell.observe(data, arrived, fired)
    return data


def test_hits_and_lags_by_hand() -> None:
    cell = Oligodendrocyte(window=4.0)
    graph = fan([1, 1, 1], edge_mask=torch.tensor([True, True, False]))
    arrivals = {2: [0], 3: [0], 5: [1], 6: [2]}
    data = watch(cell, graph, arrivals, {5: [0], 7: [0], 8: [0, 1], 9: [1]})
    # Edge 0, last arrival 3: lags 2 and 4 count, 5 is too long. Edge 1: lags 0, 2, 3.
    assert data.edge_hits.tolist() == [2, 3, 0]
    assert data.edge_lag.tolist() == [6, 5, 0]


@pytest.mark.parametrize(
    ("window", "dt", "longest"), [(4.0, 1.0, 4), (3.9, 1.0, 3), (3.0, 0.1, 30), (0.0, 1.0, 0)]
)
def test_the_window_includes_its_end(window: float, dt: float, longest: int) -> None:
    for lag, hit in ((longest, 1), (longest + 1, 0)):
        data = watch(Oligodendrocyte(window=window), fan([1], dt=dt), {1: [0]}, {1 + lag: [0]})
        assert data.edge_hits.tolist() == [hit]


def test_nothing_arrived_is_no_hit() -> None:
    data = watch(Oligodendrocyte(window=1e6), fan([1]), {}, {3: [0], 9: [0]})
    assert data.edge_hits.tolist() == [0]


def test_a_tick_starts_the_count_anew_and_forgetting_keeps_it() -> None:
    cell = Oligodendrocyte()
    data = watch(cell, fan([1, 4]), {1: [0, 1]}, {2: [0]})
    assert data.edge_hits.tolist() == [1, 1]
    forgotten = data.clone()
    cell.forget(forgotten)
    assert forgotten.edge_hits.tolist() == [1, 1]
    assert (forgotten.edge_arrival < 0).all()
    ticked = cell.prepare(cell(data))
    assert ticked.edge_hits.tolist() == ticked.edge_lag.tolist() == [0, 0]
    assert torch.equal(ticked.edge_arrival, data.edge_arrival)


# In the loop


def test_delays_wait_for_the_tick(backend: str) -> None:
    graph = random_graph(3, num_nodes=10, num_edges=50, weight=0.4)
    reservoir = TriglialReservoir(
        graph, glia=[Oligodendrocyte(eta=0.3)], glia_period=40, stateful=True, backend=backend
    )
    first = reservoir.graph.edge_delay
    reservoir.adapt(random_drive(1, 39, 10))
    assert torch.equal(reservoir.graph.edge_delay, first)
    assert reservoir.graph.edge_hits.sum() > 0
    reservoir.adapt(random_drive(2, 1, 10))
    assert not torch.equal(reservoir.graph.edge_delay, first)
    assert reservoir.graph.edge_hits.sum() == 0


def test_delays_stay_in_their_range(backend: str) -> None:
    for rule in ("graded", "align"):
        cell = Oligodendrocyte(rule, eta=1.0, lead=30.0, min_delay=3, max_delay=17)
        graph = random_graph(3, num_nodes=10, num_edges=50, weight=0.4)
        reservoir = TriglialReservoir(graph, glia=[cell], glia_period=20, backend=backend)
        reservoir.adapt(random_drive(1, 300, 10))
        delay = reservoir.graph.edge_delay
        assert delay.dtype == torch.float32
        assert float(delay.min()) >= 3.0
        assert float(delay.max()) <= 17.0
        assert round_delay(delay).unique().numel() > 3


def test_graded_delays_become_diverse() -> None:
    graph = random_graph(3, num_nodes=30, num_edges=240, max_delay=2, weight=0.4)
    reservoir = TriglialReservoir(graph, glia=[Oligodendrocyte(max_delay=50)], glia_period=200)
    reservoir.adapt(random_drive(1, 4000, 30))
    delay, goal = reservoir.graph.edge_delay, graded_delays(reservoir.graph, 1, 50)
    assert float(((delay - goal).abs() < 1.0).float().mean()) > 0.8
    assert round_delay(delay).unique().numel() > 30


def test_a_longer_delay_reads_what_was_sent_before_it_grew(backend: str) -> None:
    """By the equation the spike of step 2 arrives at 2 + 1 and, once the delay is 9, at 2 + 9."""

    def grow(cell: Oligodendrocyte, data: Data) -> Tensor:
        return torch.full_like(data.edge_delay, 9.0)

    graph = graph_of(2, [(0, 1, 0.5, 1)])
    drive = torch.zeros(15, 2)
    drive[2, 0] = 30.0
    for in_flight, expected in (("arrival", [3, 11]), ("emission", [3])):
        reservoir = TriglialReservoir(
            graph,
            glia=[Oligodendrocyte(grow, max_delay=10)],
            glia_period=6,
            in_flight=in_flight,
            backend=backend,
        )
        v = reservoir.adapt(drive, record="v").traces["v"][0, :, 1]
        assert (v.diff() > 0.4).nonzero().squeeze(1).add(1).tolist() == expected


# A transform like any other


def test_oligodendrocytes_leave_their_input_alone() -> None:
    for rule in ("graded", "align"):
        cell = Oligodendrocyte(rule)
        graph = random_graph(2)
        before = frozen(graph)
        assert Compose([cell])(graph).edge_delay.dtype == torch.float32
        assert_same(graph, before)
        data = sensed(graph, [3] * 24, [9] * 24)
        before = frozen(data)
        assert not torch.equal(cell(data).edge_delay, data.edge_delay)
        assert_same(data, before)


def test_repr_and_config_show_every_parameter() -> None:
    cell = Oligodendrocyte("align", eta=0.1, lead=2.0)
    assert repr(cell) == (
        "Oligodendrocyte(rule='align', eta=0.1, window=60.0, lead=2.0, min_delay=1, max_delay=100)"
    )
    assert repr(Oligodendrocyte(**cell.config())) == repr(cell)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (
            {"rule": "fast"},
            r"Unknown rule 'fast'; available: \['align', .*'graded'\], or a function",
        ),
        ({"eta": 0.0}, r"'eta' must lie in \(0, 1\]"),
        ({"eta": 1.5}, r"'eta' must lie in \(0, 1\]"),
        ({"eta": math.nan}, "'eta'"),
        ({"window": -1.0}, "'window' must not be negative, in ms"),
        ({"lead": math.inf}, "'lead' must not be negative"),
        ({"min_delay": 0}, r"1 <= min_delay <= max_delay \(got 0, 100\)"),
        ({"min_delay": 5, "max_delay": 4}, "1 <= min_delay <= max_delay"),
    ],
)
def test_parameters_out_of_range(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Oligodendrocyte(**wrong)


def test_a_graph_beyond_the_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reaches 30 steps, beyond max_delay = 20 .* raise"):
        Oligodendrocyte(max_delay=20)(fan([3, 30]))
    with pytest.raises(ValueError, match="may set delays of 100 steps, beyond max_delay = 50"):
        TriglialReservoir(fan([3]), glia=[Oligodendrocyte()], max_delay=50)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"rule": 3}, TypeError, r"'rule' must be a name or a function \(got 3\)"),
        ({"max_delay": 10.5}, ValueError, r"Whole steps must satisfy .*\(got 1, 10.5\)"),
    ],
)
def test_rules_and_steps_of_the_wrong_kind(
    wrong: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        Oligodendrocyte(**wrong)
