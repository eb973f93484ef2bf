"""Measures of analysis.topology beside those of other tools, and by hand."""

import math
from importlib import import_module

import bct
import igraph
import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from topology_graphs import any_graph, digraph, renamed, simple, toy

from pyngn_graph.analysis import topology as tp
from pyngn_graph.analysis.topology import Network

SEEDS = range(4)


def matrices(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The simple graph of a seed for bctpy: 0 and 1, and sizes between 0 and 1."""
    net = Network.of(simple(seed))
    sizes = net.sizes.toarray()
    return (sizes > 0).astype(float), sizes / sizes.max()


# --- beside other tools


@pytest.mark.parametrize("seed", SEEDS)
def test_degrees_and_reciprocity(seed: int) -> None:
    data, graph = simple(seed), digraph(simple(seed))
    found = tp.degrees(data)
    assert dict(enumerate(found.inputs.tolist())) == dict(graph.in_degree)
    assert dict(enumerate(found.outputs.tolist())) == dict(graph.out_degree)
    assert dict(enumerate(found.in_strength.tolist())) == dict(graph.in_degree(weight="weight"))
    assert dict(enumerate(found.out_strength.tolist())) == dict(graph.out_degree(weight="weight"))
    assert tp.degree_distribution(data, "total").tolist() == nx.degree_histogram(graph)
    assert tp.density(data) == nx.density(graph)
    assert tp.reciprocity(data) == pytest.approx(nx.overall_reciprocity(graph))


@pytest.mark.parametrize("seed", SEEDS)
def test_clustering(seed: int) -> None:
    data, graph = simple(seed), digraph(simple(seed))
    ones, sizes = matrices(seed)
    for weighted, ours in ((None, tp.clustering(data)), ("weight", tp.clustering(data, True))):
        theirs = nx.clustering(graph, weight=weighted)
        assert ours.tolist() == pytest.approx([theirs[i] for i in range(12)])
    assert tp.clustering(data).tolist() == pytest.approx(bct.clustering_coef_bd(ones).tolist())
    assert tp.clustering(data, True).tolist() == pytest.approx(
        bct.clustering_coef_wd(sizes).tolist()
    )
    assert tp.transitivity(data) == pytest.approx(bct.transitivity_bd(ones))
    degree = (ones.sum(axis=0) + ones.sum(axis=1)).astype(int)
    possible = degree * (degree - 1) - 2 * np.diag(ones @ ones)
    share = float(bct.clustering_coef_wd(sizes) @ possible / possible.sum())
    assert tp.transitivity(data, True) == pytest.approx(share)


@pytest.mark.parametrize("seed", SEEDS)
def test_paths(seed: int) -> None:
    data, graph = simple(seed, density=0.12), digraph(simple(seed, density=0.12))
    for by, weight in (("hops", None), ("delay", "delay")):
        theirs = {
            (i, j): length
            for i, lengths in nx.all_pairs_dijkstra_path_length(
                graph, weight=weight or (lambda *_: 1)
            )
            for j, length in lengths.items()
        }
        ours = tp.distances(data, by)
        assert ours.tolist() == [
            [theirs.get((i, j), math.inf) for j in range(12)] for i in range(12)
        ]
        assert torch.equal(tp.distances(data, by, [3, 1]), ours[[3, 1]])
        some = [length for (i, j), length in theirs.items() if i != j]
        found = tp.paths(data, by)
        assert found.mean_length == pytest.approx(np.mean(some))
        assert found.efficiency == pytest.approx(sum(1 / length for length in some) / (12 * 11))
        assert (found.reachable, found.longest) == (len(some) / (12 * 11), max(some))
        assert tp.paths(data, by, samples=12, seed=5) == found


def test_paths_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tp.paths(simple(0))
    module = import_module("pyngn_graph.analysis.topology.paths")
    monkeypatch.setattr(module, "_ROWS", 30)
    parts = tp.paths(simple(0))
    assert parts.mean_length == pytest.approx(whole.mean_length)
    assert parts.longest == whole.longest
    sample = tp.paths(simple(0), samples=3, seed=1)
    assert (
        sample == tp.paths(simple(0), samples=3, seed=1) != tp.paths(simple(0), samples=3, seed=2)
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_components_and_flow(seed: int) -> None:
    data, graph = simple(seed, density=0.1), digraph(simple(seed, density=0.1))
    for strong, theirs in (
        (True, nx.strongly_connected_components(graph)),
        (False, nx.weakly_connected_components(graph)),
    ):
        labels = tp.components(data, strong)
        ours = [frozenset((labels == k).nonzero().flatten().tolist()) for k in labels.unique()]
        assert set(ours) == set(map(frozenset, theirs))
        assert [len(group) for group in ours] == sorted(map(len, ours), reverse=True)
    assert tp.flow_hierarchy(data) == pytest.approx(nx.flow_hierarchy(graph))
    assert tp.flow_hierarchy(simple(seed)) == pytest.approx(
        nx.flow_hierarchy(digraph(simple(seed)))
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_triads_and_cycles(seed: int) -> None:
    for density in (0.1, 0.3, 0.7):
        data = simple(seed, num_nodes=9, density=density)
        graph = digraph(data)
        assert tp.triad_census(data) == nx.triadic_census(graph)
        theirs = igraph.Graph(9, list(graph.edges), directed=True).triad_census()
        assert {f"t{name}": count for name, count in tp.triad_census(data).items()} == {
            name: int(getattr(theirs, name)) for name in (f"t{name}" for name in tp.TRIADS)
        }
        cycles = [len(cycle) for cycle in nx.simple_cycles(graph, length_bound=4)]
        assert tp.cycle_counts(data) == {n: cycles.count(n) for n in (2, 3, 4)}


@pytest.mark.parametrize("seed", SEEDS)
def test_modularity(seed: int) -> None:
    data, graph = simple(seed), digraph(simple(seed))
    labels = torch.randint(3, (12,), generator=torch.Generator().manual_seed(seed))
    groups = [set((labels == k).nonzero().flatten().tolist()) for k in labels.unique()]
    assert tp.modularity(data, labels) == pytest.approx(nx.community.modularity(graph, groups))
    found = tp.communities(data, seed=1)
    assert torch.equal(found, tp.communities(data, seed=1))
    assert tp.modularity(data, found) >= tp.modularity(data, labels)
    apart = toy(*((i, j) for i in range(6) for j in range(6) if i != j and i // 3 == j // 3))
    assert tp.communities(apart).tolist() == [0, 0, 0, 1, 1, 1]
    assert tp.modularity(apart, tp.communities(apart)) == 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_rich_club(seed: int) -> None:
    data = simple(seed)
    theirs, _, _ = bct.rich_club_bd(matrices(seed)[0])
    ours = tp.rich_club(data)
    assert ours[0] == pytest.approx(tp.density(data))
    both = zip(ours[1:].tolist(), theirs.tolist(), strict=False)
    assert all(a == pytest.approx(b, nan_ok=True) for a, b in both)


@pytest.mark.parametrize("seed", SEEDS)
def test_spectrum(seed: int) -> None:
    data = simple(seed)
    data.gain = torch.rand(12, generator=torch.Generator().manual_seed(seed))
    dense = np.zeros((12, 12))
    for e, (j, i) in enumerate(data.edge_index.t().tolist()):
        dense[i, j] += float(data.gain[i]) * float(data.edge_weight[e])
    np.testing.assert_allclose(tp.effective_matrix(data).toarray(), dense, rtol=1e-12)
    values = np.linalg.eigvals(dense)
    assert tp.spectral_radius(data) == pytest.approx(np.abs(values).max())
    assert tp.eigenvalues(data).abs().max() == pytest.approx(np.abs(values).max())
    gap = np.linalg.norm(dense @ dense.T - dense.T @ dense) / np.linalg.norm(dense) ** 2
    assert tp.non_normality(data) == pytest.approx(gap)
    left = np.linalg.norm(dense) ** 2 - (np.abs(values) ** 2).sum()
    assert tp.henrici(data) == pytest.approx(math.sqrt(left) / np.linalg.norm(dense))


def test_large_spectrum_is_the_dense_one() -> None:
    data = simple(5, num_nodes=320, density=0.02)
    dense = np.abs(np.linalg.eigvals(tp.effective_matrix(data).toarray())).max()
    assert tp.spectral_radius(data) == pytest.approx(dense)


def test_a_summary_of_a_large_graph_samples_its_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    data = simple(0)
    whole = tp.measure(data, ("hops", "conduction"))
    assert whole["path_length_hops"] == tp.paths(data).mean_length
    monkeypatch.setattr(import_module("pyngn_graph.analysis.topology.summary"), "WORK", 150)
    found = tp.measure(data, ("hops", "conduction"))
    sources = 150 // (12 + data.num_edges)
    assert found["path_length_hops"] == tp.paths(data, samples=sources).mean_length
    assert found["path_length_ms"] == tp.paths(data, "delay", samples=sources).mean_length
    assert found != whole


# --- by hand


def test_a_feed_forward_chain() -> None:
    chain = toy((0, 1), (1, 2), edge_delay=[3, 4], edge_weight=[2.0, -2.0])
    assert tp.trophic_levels(chain).tolist() == pytest.approx([0, 1, 2])
    assert tp.directedness(chain) == pytest.approx(1.0)
    assert tp.flow_hierarchy(chain) == 1.0
    assert tp.spectral_radius(chain) == 0.0
    assert tp.henrici(chain) == 1.0
    assert tp.non_normality(toy((0, 1))) == pytest.approx(math.sqrt(2))
    hops, ms = tp.paths(chain), tp.paths(chain, by="delay")
    assert (hops.mean_length, hops.efficiency, hops.reachable) == (4 / 3, 2.5 / 6, 0.5)
    assert ms.mean_length == 14 / 3
    assert ms.longest == 7.0


def test_a_ring_has_no_direction() -> None:
    ring = toy((0, 1), (1, 2), (2, 0))
    assert tp.directedness(ring) == pytest.approx(0.0, abs=1e-12)
    assert tp.cycle_counts(ring) == {2: 0, 3: 1, 4: 0}
    assert tp.clustering(ring).tolist() == [0.5] * 3  # one of the two that could be
    assert tp.clustering(ring, pattern="cycle").tolist() == [1.0] * 3
    assert tp.spectral_radius(ring) == pytest.approx(1.0)
    assert tp.non_normality(ring) == pytest.approx(0.0)
    assert tp.henrici(ring) == pytest.approx(0.0, abs=1e-6)


def test_patterns_of_triangles() -> None:
    triangle = toy((0, 1), (0, 2), (1, 2))  # 0 sends to both, 1 stands in the middle, 2 receives
    assert tp.clustering(triangle, pattern="out").tolist() == [0.5, 0.0, 0.0]
    assert tp.clustering(triangle, pattern="middleman").tolist() == [0.0, 1.0, 0.0]
    assert tp.clustering(triangle, pattern="in").tolist() == [0.0, 0.0, 0.5]
    assert tp.clustering(triangle, pattern="cycle").tolist() == [0.0, 0.0, 0.0]


def test_parallel_edges_loops_and_silent_edges() -> None:
    index = ((0, 1), (0, 1), (1, 1), (1, 0), (1, 2))
    data = toy(
        *index,
        edge_weight=[1.0, -0.25, 0.5, 1.0, 4.0],
        edge_delay=[6, 2, 1, 3, 1],
        edge_mask=[True, True, True, True, False],
    )
    found = tp.degrees(data)
    assert found.inputs.tolist() == [1, 3, 0]
    assert found.outputs.tolist() == [2, 2, 0]
    assert found.total.tolist() == [3, 5, 0]
    assert found.in_strength.tolist() == [1.0, 1.75, 0.0]
    assert tp.reciprocity(data) == 1.0  # of the simple graph 0 <-> 1
    assert tp.reciprocity(data, weighted=True) == 2.0 / 2.25
    assert tp.density(data) == 2 / 6
    assert tp.distances(data, "delay")[0, 1] == 2.0  # the shortest of the two
    assert tp.effective_matrix(data).toarray().tolist() == [[0, 1, 0], [0.75, 0.5, 0], [0, 0, 0]]
    excitation, inhibition = tp.balance(data)
    assert excitation.tolist() == [1.0, 1.5, 0.0]
    assert inhibition.tolist() == [0.0, 0.25, 0.0]
    assert tp.balance(data).ratio.tolist() == pytest.approx(
        [1.0, 1.25 / 1.75, math.nan], nan_ok=True
    )
    assert tp.mean_balance(data) == pytest.approx((1 + 1.25 / 1.75) / 2)


def test_an_edge_of_weight_zero_is_one() -> None:
    data = toy((0, 1), (1, 0), edge_weight=[0.0, 2.0])
    assert tp.density(data) == 1.0
    assert tp.paths(data).reachable == 1.0
    assert tp.effective_matrix(data).sum() == 2.0


def test_wires() -> None:
    pos = torch.tensor([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [3.0, 4.0, 12.0]])
    data = toy((0, 1), (0, 1), (1, 2), (2, 2), pos=pos)
    assert tp.wire_lengths(data).tolist() == [5.0, 5.0, 12.0, 0.0]
    assert tp.wiring_cost(data) == 22.0
    assert tp.mean_wire_length(data) == 5.5
    assert math.isnan(tp.wiring_cost(toy((0, 1))))
    with pytest.raises(ValueError, match="The graph has no 'pos'; set"):
        tp.wire_lengths(toy((0, 1)))


def test_hub_density() -> None:
    # Hubs 0, 1, 2 all connected, ten others that send to them.
    hubs = [(i, j) for i in range(3) for j in range(3) if i != j]
    data = toy(*hubs, *((k, h) for k in range(3, 13) for h in range(3)))
    assert tp.rich_club(data)[3:].tolist() == pytest.approx([1.0] * 11)
    assert tp.hub_density(data, share=0.25) == 1.0
    assert tp.hub_density(data, share=1.0) == pytest.approx(6 / 6)  # above the lowest degree
    assert math.isnan(tp.hub_density(data, share=0.0))
    with pytest.raises(ValueError, match="'share' must lie in \\[0, 1\\] \\(got 2\\)"):
        tp.hub_density(data, share=2)


# --- for every graph


@settings(deadline=None, max_examples=40)
@given(data=any_graph(), seed=st.integers(0, 2**31))
def test_names_of_neurons_and_order_of_edges_do_not_matter(data, seed: int) -> None:
    other = renamed(
        data, torch.randperm(data.num_nodes, generator=torch.Generator().manual_seed(seed))
    )
    ours, theirs = (
        tp.measure(graph, [name for name in tp.MEASURES if name != "modularity"])
        for graph in (data, other)
    )
    assert ours == pytest.approx(theirs, nan_ok=True, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(data=any_graph())
def test_every_graph_has_every_measure(data) -> None:
    before = data.clone()
    facts = tp.measure(data)
    live = int(data.edge_mask.sum())
    assert facts["num_edges"] == live
    assert sum(value for name, value in facts.items() if name.startswith("triad_")) == math.comb(
        data.num_nodes, 3
    )
    for name in ("density", "clustering", "reciprocity", "reachable", "flow_hierarchy"):
        assert 0.0 <= facts[name] <= 1.0 + 1e-12
    for value in facts.values():
        assert type(value) in (int, float)
        assert not math.isinf(value)
    graph = digraph(data)
    assert tp.triad_census(data) == nx.triadic_census(graph)
    assert facts["clustering"] == pytest.approx(nx.average_clustering(graph))
    for key, value in before.to_dict().items():
        assert torch.equal(torch.as_tensor(data[key]), torch.as_tensor(value))


@pytest.mark.parametrize("num_nodes", [1, 2, 5])
def test_without_edges(num_nodes: int) -> None:
    facts = tp.measure(toy(num_nodes=num_nodes))
    zero = ("density", "reciprocity", "clustering", "transitivity", "efficiency_hops", "reachable")
    zero += ("modularity", "flow_hierarchy", "directedness", "spectral_radius", "non_normality")
    assert {facts[name] for name in zero} == {0.0}
    nothing = ("path_length_hops", "path_length_ms", "mean_balance", "hub_density", "mean_delay_ms")
    assert all(math.isnan(facts[name]) for name in nothing)
    assert facts["communities"] == facts["strong_components"] == num_nodes
    assert facts["triad_003"] == math.comb(num_nodes, 3)
    assert tp.henrici(toy(num_nodes=num_nodes)) == 0.0
    assert tp.rich_club(toy(num_nodes=num_nodes)).shape == (0,)
    assert tp.degree_distribution(toy(num_nodes=num_nodes)).tolist() == [num_nodes]


def test_unknown_words_are_refused() -> None:
    data = simple(0)
    with pytest.raises(ValueError, match="Unknown pattern 'star'; available: \\['all', 'cycle'"):
        tp.clustering(data, pattern="star")
    with pytest.raises(
        ValueError, match="Unknown length 'miles'; available: \\['hops', 'delay'\\]"
    ):
        tp.paths(data, by="miles")
    with pytest.raises(ValueError, match="Unknown length 'miles'"):
        tp.distances(data, by="miles")
    with pytest.raises(ValueError, match="'sources' must lie in 0 \\.\\. 11 \\(got \\[12\\]\\)"):
        tp.distances(data, sources=[12])
    with pytest.raises(ValueError, match="'samples' must be at least 1 \\(got 0\\)"):
        tp.paths(data, samples=0)
    with pytest.raises(ValueError, match="Unknown direction 'up'; available: \\['in', 'out'"):
        tp.degree_distribution(data, "up")
    with pytest.raises(ValueError, match="'labels' must have shape \\[12\\] \\(got \\[3\\]\\)"):
        tp.modularity(data, torch.zeros(3))
    with pytest.raises(TypeError, match="Expected a torch_geometric 'Data' \\(got DiGraph\\)"):
        tp.degrees(digraph(data))
