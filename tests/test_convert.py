import gc
import json
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx as pyg_to_networkx

from pyngn_graph.convert import edge_list, from_networkx, to_networkx
from pyngn_graph.generators import Tissue
from pyngn_graph.graph import validate

SMALL = Tissue(num_nodes=20, seed=3)


def random_data(seed: int, num_nodes: int, num_edges: int, float_delay: bool = False) -> Data:
    """Parallel edges, self loops, unsorted edges, and attributes of all kinds and dtypes."""
    g = torch.Generator().manual_seed(seed)
    delay = torch.randint(1, 9, (num_edges,), generator=g)
    return Data(
        num_nodes=num_nodes,
        pos=torch.randn(num_nodes, 3, generator=g),
        edge_index=torch.randint(num_nodes, (2, num_edges), generator=g),
        edge_weight=torch.randn(num_edges, generator=g),
        edge_delay=delay + torch.rand(num_edges, generator=g) if float_delay else delay,
        edge_mask=torch.rand(num_edges, generator=g) < 0.5,
        edge_column=torch.arange(num_edges),  # the name that NetworkX edges use for their place
        edge_feature=torch.randn(num_edges, 2, generator=g).half(),
        edge_kind=[f"kind {e % 3}" for e in range(num_edges)],
        inhibitory=torch.rand(num_nodes, generator=g) < 0.2,
        x=torch.randn(num_nodes, 4, 2, generator=g, dtype=torch.float64),
        cell=list(range(num_nodes)),
        weight=torch.randint(256, (num_nodes,), generator=g).to(torch.uint8),
        dt=0.5,
        clock=7,
        title="a graph",
        target=torch.randn((), generator=g),
    )


def assert_same(actual: Data, expected: Data) -> None:
    assert set(actual.keys()) == set(expected.keys())
    for key, value in expected.to_dict().items():
        if isinstance(value, Tensor):
            assert actual[key].dtype == value.dtype, key
            assert torch.equal(actual[key], value), key
        else:
            assert type(actual[key]) is type(value), key
            assert actual[key] == value, key


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    num_nodes=st.integers(1, 9),
    num_edges=st.integers(0, 25),
    float_delay=st.booleans(),
)
def test_round_trip_is_exact(seed: int, num_nodes: int, num_edges: int, float_delay: bool) -> None:
    data = random_data(seed, num_nodes, num_edges, float_delay)
    assert_same(from_networkx(to_networkx(data)), data)
    assert_same(data, random_data(seed, num_nodes, num_edges, float_delay))  # left unchanged


@pytest.mark.parametrize(("num_nodes", "num_edges"), [(6, 6), (1, 0), (1, 1), (1, 5), (4, 0)])
def test_round_trip_at_the_limits(num_nodes: int, num_edges: int) -> None:
    data = random_data(0, num_nodes, num_edges)
    assert_same(from_networkx(to_networkx(data)), data)


@given(seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_the_graph_is_the_one_that_networkx_builds(seed: int) -> None:
    data = random_data(seed, 5, 20)
    data.node_label = ["e", "d", "c", "b", "a"]
    graph, theirs = to_networkx(data), nx.MultiDiGraph()
    theirs.add_nodes_from(data.node_label)
    for e, (u, v) in enumerate(data.edge_index.t().tolist()):
        theirs.add_edge(data.node_label[u], data.node_label[v], column=e)
    assert list(graph.edges(keys=True, data="column")) == list(
        theirs.edges(keys=True, data="column")
    )
    assert list(graph.in_edges(keys=True, data="column")) == list(
        theirs.in_edges(keys=True, data="column")
    )
    graph.add_edge("a", "b", column=20)
    theirs.add_edge("a", "b", column=20)
    assert {*graph.edges(keys=True)} == {*theirs.edges(keys=True)}
    assert dict(graph.degree) == dict(theirs.degree)
    graph.edges["a", "b", 0]["weight"] = 7.5  # one row, seen from both ends
    assert graph.pred["b"]["a"][0]["weight"] == 7.5


def test_round_trip_survives_json() -> None:
    data = random_data(1, 6, 20)
    del data.target
    text = json.dumps(nx.node_link_data(to_networkx(data), edges="edges"))
    graph = nx.node_link_graph(json.loads(text), edges="edges")
    assert_same(from_networkx(graph), data)


def test_networkx_sees_plain_numbers() -> None:
    data = Data(
        num_nodes=3,
        edge_index=torch.tensor([[1, 0, 1, 2], [2, 1, 2, 2]]),
        edge_weight=torch.tensor([0.5, -2.0, 0.25, 1.0]),
        edge_delay=torch.tensor([4, 3, 2, 1]),
        edge_health=torch.tensor([0.5, 0.25, 1.0, 0.0]),
    )
    graph = to_networkx(data)
    assert isinstance(graph, nx.MultiDiGraph)
    assert list(graph.nodes) == [0, 1, 2]
    assert graph.edges[1, 2, 0] == {"column": 0, "weight": 0.5, "delay": 4, "health": 0.5}
    assert graph.number_of_edges(1, 2) == 2
    assert graph.number_of_edges(2, 2) == 1
    assert all(type(d) is int for *_, d in graph.edges(data="delay"))
    assert all(type(w) is float for *_, w in graph.edges(data="weight"))
    assert nx.shortest_path_length(graph, 0, 2, weight="delay") == 3 + 2
    assert graph.out_degree(1, weight="weight") == 0.75


def test_pyg_can_convert_the_same_graph() -> None:
    data = SMALL()
    theirs = pyg_to_networkx(data, edge_attrs=["edge_weight", "edge_delay"], to_multi=True)
    assert nx.is_isomorphic(nx.DiGraph(theirs), nx.DiGraph(to_networkx(data)))
    again = from_networkx(theirs)
    assert torch.equal(again.edge_index, data.edge_index)
    assert torch.equal(again.edge_weight, data.edge_weight)
    assert torch.equal(again.edge_delay, data.edge_delay)


@given(seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_removed_edges_and_nodes_leave_the_rest_as_it_was(seed: int) -> None:
    data = random_data(seed, 8, 24)
    g = torch.Generator().manual_seed(seed)
    keep_edge = torch.rand(24, generator=g) < 0.7
    keep_node = torch.rand(8, generator=g) < 0.7
    keep_node[0] = True
    graph = to_networkx(data)
    lost = [(u, v, k) for u, v, k, e in graph.edges(keys=True, data="column") if not keep_edge[e]]
    graph.remove_edges_from(lost)
    graph.remove_nodes_from([i for i in range(8) if not keep_node[i]])
    expected = data.edge_subgraph(keep_edge).subgraph(keep_node)
    expected.cell = [i for i in range(8) if keep_node[i]]
    if not keep_node.all():
        expected.node_label = keep_node.nonzero().flatten()
        if expected.node_label.tolist() == list(range(expected.num_nodes)):
            del expected.node_label
    assert_same(from_networkx(graph), expected)


def test_added_and_changed_edges() -> None:
    data = SMALL()
    graph = to_networkx(data)
    graph.add_edge(7, 2)
    graph.add_edge(0, 1, weight=-0.5, delay=6)
    next(iter(graph.edges(data=True)))[2]["weight"] = 0.125
    again = from_networkx(graph)
    assert again.edge_index[:, -2:].t().tolist() == [[0, 1], [7, 2]]  # NetworkX goes by source
    assert again.edge_weight[-2:].tolist() == [-0.5, 1.0]
    assert again.edge_delay[-2:].tolist() == [6, 1]
    assert again.edge_weight[0] == 0.125
    assert torch.equal(again.edge_index[:, :-2], data.edge_index)
    assert torch.equal(again.edge_weight[1:-2], data.edge_weight[1:])


def test_results_of_networkx_come_back() -> None:
    data = SMALL()
    graph = to_networkx(data)
    nx.set_node_attributes(graph, nx.pagerank(nx.DiGraph(graph)), "pagerank")
    nx.set_node_attributes(graph, {i: f"cell {i}" for i in graph}, "title")
    nx.set_edge_attributes(graph, {edge: 2.5 for edge in graph.edges(keys=True)}, "delay")
    again = from_networkx(graph)
    assert again.pagerank.dtype == torch.float32
    torch.testing.assert_close(again.pagerank.sum(), torch.tensor(1.0))
    assert again.title[4] == "cell 4"
    assert again.edge_delay.dtype == torch.float32  # fractions are kept, not cut off
    assert (again.edge_delay == 2.5).all()


def test_plain_digraph_of_ours_keeps_order_and_attributes() -> None:
    data = SMALL()
    flipped = data.clone()
    flipped.edge_index = data.edge_index.flip(1)
    flipped.edge_weight, flipped.edge_delay = data.edge_weight.flip(0), data.edge_delay.flip(0)
    assert_same(from_networkx(nx.DiGraph(to_networkx(flipped))), flipped)
    reverse = from_networkx(to_networkx(data).reverse())
    assert torch.equal(reverse.edge_index, data.edge_index.flip(0))
    assert torch.equal(reverse.edge_weight, data.edge_weight)


def test_foreign_digraph_with_names() -> None:
    graph = nx.DiGraph(name="toy")
    graph.add_node("AVA", pos=(1, 2), role="inter")
    graph.add_node("AVB", pos=np.array([3.5, 4.0]), role="motor")
    graph.add_edge("AVB", "AVA", weight=3, delay=2.0, index=1, sections=5)
    graph.add_edge("AVA", "AVA", weight=np.float64(-0.5), delay=7, index=2, sections=6)
    nx.set_node_attributes(graph, {"AVA": [1], "AVB": [1, 2]}, "ragged")
    data = from_networkx(graph)
    assert validate(data) is data
    assert data.ragged == [[1], [1, 2]]
    assert data.node_label == ["AVA", "AVB"]
    assert data.role == ["inter", "motor"]
    assert data.name == "toy"
    assert torch.equal(data.pos, torch.tensor([[1, 2, 0], [3.5, 4, 0]]))
    assert torch.equal(data.edge_index, torch.tensor([[0, 1], [0, 0]]))
    assert torch.equal(data.edge_weight, torch.tensor([-0.5, 3.0]))
    assert torch.equal(data.edge_delay, torch.tensor([7, 2]))
    assert torch.equal(data.edge_sections, torch.tensor([6, 5]))
    again = to_networkx(data)
    assert list(again.nodes) == ["AVA", "AVB"]
    assert again.edges["AVB", "AVA", 0]["sections"] == 5
    assert_same(from_networkx(again), data)


def test_defaults_and_undirected_graphs() -> None:
    graph = nx.Graph([(2, 0), (0, 1), (1, 1)])
    graph.edges[0, 1]["mask"] = False
    data = from_networkx(graph)
    pairs = sorted(map(tuple, data.edge_index.t().tolist()))
    assert pairs == [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]  # a self loop is one edge
    assert "node_label" not in data  # integer labels are sorted
    assert (data.edge_weight == 1).all()
    assert (data.edge_delay == 1).all()
    assert data.edge_delay.dtype == torch.int64
    muted = {
        pair
        for pair, on in zip(data.edge_index.t().tolist(), data.edge_mask, strict=True)
        if not on
        for pair in [tuple(pair)]
    }
    assert muted == {(0, 1), (1, 0)}
    assert [(u, v) for u, v, _ in edge_list(graph)] == [
        tuple(p) for p in data.edge_index.t().tolist()
    ]


@pytest.mark.parametrize(
    "graph",
    [
        nx.karate_club_graph(),
        nx.les_miserables_graph(),
        nx.grid_graph([3, 3]),
        nx.scale_free_graph(30, seed=1),
        nx.gn_graph(20, seed=1),
        nx.empty_graph(3),
        nx.florentine_families_graph(),
    ],
)
def test_well_known_graphs(graph: Any) -> None:
    data = from_networkx(graph)
    assert data.num_nodes == graph.number_of_nodes()
    assert data.num_edges == graph.to_directed().number_of_edges()
    again = to_networkx(data)
    assert set(again.nodes) == set(graph.nodes)
    assert_same(from_networkx(again), data)


def test_labels_that_repeat_are_an_attribute_only() -> None:
    data = SMALL()
    data.node_label = torch.arange(20) // 2
    graph = to_networkx(data)
    assert list(graph.nodes) == list(range(20))
    assert graph.nodes[7]["node_label"] == 3
    assert_same(from_networkx(graph), data)
    data.node_label = [[i] for i in range(20)]  # nor can lists be nodes
    assert_same(from_networkx(to_networkx(data)), data)


def test_errors_name_the_problem() -> None:
    with pytest.raises(TypeError, match="Expected a NetworkX graph \\(got Data\\)"):
        from_networkx(SMALL())
    with pytest.raises(ValueError, match="has no 'edge_weight'"):
        to_networkx(Data(num_nodes=2, edge_index=torch.zeros(2, 1, dtype=torch.long)))
    with pytest.raises(ValueError, match="'num_nodes' must be a positive int"):
        from_networkx(nx.DiGraph())
    graph = to_networkx(SMALL())
    graph.add_node(20)
    with pytest.raises(ValueError, match="'pos' must be set on every node or on none: 1 of 21"):
        from_networkx(graph)
    with pytest.raises(
        ValueError, match=r"edge 0 \(0 -> 1\), column 'weight': 'strong', must be a"
    ):
        from_networkx(nx.DiGraph([(0, 1, {"weight": "strong"})]))
    with pytest.raises(ValueError, match=r"'delay': 0.0, must be 1 step or more"):
        from_networkx(nx.DiGraph([(0, 1, {"delay": 0})]))
    with pytest.raises(ValueError, match="column 'weight': nan, must be a finite number"):
        from_networkx(nx.DiGraph([(0, 1, {"weight": float("nan")})]))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collection_of_garbage_is_left_as_it_was(enabled: bool) -> None:
    was = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        from_networkx(to_networkx(SMALL()))
        assert gc.isenabled() is enabled
        with pytest.raises(ValueError, match="'num_nodes' must be a positive int"):
            from_networkx(nx.DiGraph())
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was else gc.disable()


def test_long_delays_convert() -> None:
    graph = nx.DiGraph([(0, 1, {"delay": 10**6})])
    assert int(from_networkx(graph).edge_delay) == 10**6
    assert to_networkx(from_networkx(graph)).edges[0, 1, 0]["delay"] == 10**6
