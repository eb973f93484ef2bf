"""The history of a graph: rebuilt at every tick it is the graph of a run that stopped there."""

from typing import Any

import pytest
import torch
from helpers import generator, random_graph
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.analysis import topology as tp
from pyngn_graph.generators import Tissue
from pyngn_graph.history import TopologyLog, TopologyRecorder
from pyngn_graph.history.change import changed, difference

PERIOD, TICKS = 20, 4
GLIA = {
    "dropped": lambda: ng.Microglia(criterion="weight", fraction=0.2),
    "masked": lambda: ng.Microglia(criterion="random", fraction=0.2, drop=False),
    "regrown": lambda: ng.Microglia(fraction=0.2, regrow=True),
}


def reservoir(kind: str, backend: str) -> ng.TriglialReservoir:
    graph = Tissue(num_nodes=40, seed=1, max_delay=30)()
    graph.edge_type = torch.arange(graph.num_edges) % 3
    cells = [ng.Astrocyte(), ng.Oligodendrocyte(eta=0.4), GLIA[kind]()]
    return ng.TriglialReservoir(
        graph, in_channels=3, glia=cells, glia_period=PERIOD, backend=backend, input_scale=3.0
    )


def assert_bits(actual: Data, expected: dict[str, Any]) -> None:
    assert set(actual.keys()) == set(expected)
    for key, value in expected.items():
        if isinstance(value, Tensor):
            assert actual[key].dtype == value.dtype, key
            same = (
                actual[key].contiguous().numpy().tobytes() == value.contiguous().numpy().tobytes()
            )
            assert same, key
            assert actual[key].shape == value.shape, key
        else:
            assert actual[key] == value, key


@pytest.mark.parametrize("backend", ["reference", "event"])
@pytest.mark.parametrize("kind", GLIA)
def test_every_moment_is_the_graph_of_a_run_that_stops_there(kind: str, backend: str) -> None:
    x = torch.randn(PERIOD * TICKS + 7, 3, generator=generator(0))
    recording = reservoir(kind, backend).adapt(x, record=(TopologyRecorder(sensed=True), "v"))
    log = recording.topology
    assert log is not None
    assert list(recording.traces) == ["v"]
    assert log.clocks == [k * PERIOD for k in range(TICKS + 1)]
    graphs = list(log.graphs())
    for k in range(1, TICKS + 1):
        stopped = reservoir(kind, backend).adapt(x[: k * PERIOD]).graph
        assert_bits(graphs[k], stopped.to_dict())
        assert_bits(log.graph(k), stopped.to_dict())
    assert_bits(log.at(PERIOD * TICKS + 3), graphs[-1].to_dict())
    assert torch.equal(graphs[-1].edge_index, recording.graph.edge_index)
    moved = sum(change.moved for change in log.changes)
    dropped = sum(change.dropped.numel() for change in log.changes)
    grown = sum(change.grown.numel() for change in log.changes)
    switched = sum(change.switched for change in log.changes)
    assert moved > 0
    assert (dropped > 0, grown > 0, switched > 0) == {
        "dropped": (True, False, False),
        "masked": (False, False, True),
        "regrown": (True, True, False),
    }[kind]


def test_backends_write_the_same_log() -> None:
    x = torch.randn(PERIOD * 2, 3, generator=generator(1))
    logs = [
        reservoir("regrown", name).adapt(x, record="topology").topology
        for name in ("reference", "event")
    ]
    for ours, theirs in zip(logs[0].graphs(), logs[1].graphs(), strict=True):
        assert_bits(ours, theirs.to_dict())
    assert logs[0].summaries == logs[1].summaries


def test_without_the_senses_all_else_is_there() -> None:
    x = torch.randn(PERIOD * 2, 3, generator=generator(1))
    recording = reservoir("dropped", "event").adapt(x, record=("topology",))
    log, graph = recording.topology, recording.graph
    last = log.graph()
    assert {"gain", "edge_type", "pos", "edge_mask", "dt", "inhibitory"} <= set(last.keys())
    assert {"calcium", "edge_health", "edge_arrival"} <= set(graph.keys()) - set(last.keys())
    assert_bits(last, {key: graph[key] for key in last.keys()})
    assert tp.measure(last) == pytest.approx(tp.measure(graph), rel=0, abs=0, nan_ok=True)
    lost = recording.num_edges[0, 0] - graph.num_edges
    assert repr(log) == f"TopologyLog(3 moments, {lost} edges dropped, 0 grown)"


def test_measures_are_taken_at_ticks_and_no_more_often_than_asked() -> None:
    x = torch.randn(PERIOD * TICKS, 3, generator=generator(1))
    recorder = TopologyRecorder(measures=("size", "triads"))
    log = reservoir("dropped", "event").adapt(x, record=recorder, every=30).topology
    assert [clock for clock, _ in log.summaries] == [0, 40, 80]
    for clock, facts in log.summaries:
        assert facts == tp.measure(log.at(clock), ("size", "triads"))
    table = log.table()
    assert table["40"]["num_edges"] == log.at(40).num_edges
    assert log.summaries[0][1]["num_edges"] > log.summaries[-1][1]["num_edges"]


def test_a_log_goes_on_from_the_life_before() -> None:
    living = reservoir("dropped", "event")
    x = torch.randn(PERIOD + 5, 3, generator=generator(1))
    living.adapt(x)
    log = living.adapt(x, record="topology").topology
    assert log.clocks == [PERIOD + 5, 2 * PERIOD]
    with pytest.raises(ValueError, match="The log begins at clock 25 \\(got 24\\)"):
        log.at(24)
    with pytest.raises(IndexError, match="has the moments 0 to 1 \\(got 2\\)"):
        log.graph(2)


def test_a_frozen_graph_has_one_moment() -> None:
    resting = reservoir("dropped", "event")
    log = resting.run(torch.randn(2, PERIOD, 3, generator=generator(1)), record="topology").topology
    assert len(log) == 1
    assert_bits(log.graph(), {key: resting.graph[key] for key in log.graph().keys()})
    assert resting.run(torch.zeros(3, 3)).topology is None


def test_astrocytes_alone_change_gains_only() -> None:
    graph = Tissue(num_nodes=20, seed=1)()
    alone = ng.TriglialReservoir(graph, in_channels=3, glia=[ng.Astrocyte()], glia_period=PERIOD)
    recording = alone.adapt(torch.randn(2 * PERIOD, 3, generator=generator(1)), record="topology")
    assert [sorted(change.values) for change in recording.topology.changes] == [
        ["clock", "gain"]
    ] * 2
    assert not any(change.patches for change in recording.topology.changes)
    assert torch.equal(recording.topology.graph().gain, recording.graph.gain)


def test_the_graphs_of_a_log_are_copies() -> None:
    log = reservoir("dropped", "event").adapt(torch.zeros(PERIOD, 3), record="topology").topology
    log.graph(0).edge_weight.zero_()
    assert bool(log.graph(0).edge_weight.any())


def test_any_reordering_can_be_undone() -> None:
    data = random_graph(num_nodes=6, num_edges=9, edge_note=torch.full((9, 2), torch.nan))
    before = data.to_dict()
    origin = torch.tensor([4, -1, 0, 8, -1, 3])
    after = {
        "num_nodes": 6,
        "edge_index": torch.randint(6, (2, 6), generator=generator(1)),
        "edge_weight": torch.cat([torch.tensor([-0.0, torch.nan]), torch.ones(4)]),
        "edge_delay": torch.rand(6, generator=generator(2)),  # another dtype
        "edge_kind": [1, 2, 3, 4, 5, 6],
    }
    change = difference(before, after, origin)
    assert change.dropped.tolist() == [1, 2, 5, 6, 7]
    assert change.grown.tolist() == [1, 4]
    assert set(change.deleted) == {"pos", "edge_note"}
    assert_bits(Data.from_dict(changed(before, change)), after)
    same = difference(before, dict(before), None)
    assert (same.patches, same.values, same.deleted, same.origin) == ({}, {}, (), None)


def test_a_graph_without_edges() -> None:
    empty = Tissue(num_nodes=5, seed=1)()
    none = torch.zeros(empty.num_edges, dtype=torch.bool)
    resting = ng.TriglialReservoir(
        empty.edge_subgraph(none), glia=[ng.Microglia()], glia_period=5, dt=empty.dt
    )
    log = resting.adapt(torch.zeros(10, 5), record="topology").topology
    assert [graph.num_edges for graph in log.graphs()] == [0, 0, 0]
    assert log.summaries[-1][1]["density"] == 0.0


def test_what_is_refused() -> None:
    living = reservoir("dropped", "event")
    x = torch.zeros(5, 3)
    with pytest.raises(
        ValueError, match="Cannot record 'wires'; available here: \\['v', 'state', 'top"
    ):
        living.adapt(x, record=("wires",))
    with pytest.raises(
        ValueError, match="The topology can be recorded once \\(got \\['topology', Top"
    ):
        living.adapt(x, record=("topology", TopologyRecorder()))
    with pytest.raises(ValueError, match="Unknown measures \\['charm'\\]; available: \\['size',"):
        TopologyRecorder(measures=("size", "charm"))
    assert isinstance(living.adapt(x, record=TopologyRecorder()).topology, TopologyLog)
    assert repr(TopologyRecorder("size")) == "TopologyRecorder(measures=('size',), sensed=False)"
