"""What PyG does to a graph of ours: its meaning is kept, or it is refused with the remedy."""

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_geometric.transforms as T
from helpers import assert_same, frozen, generator, graph_of, random_drive, random_graph
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.loader import DataLoader, NeighborLoader, RandomNodeLoader
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE
from torch_geometric.utils import k_hop_subgraph, to_networkx

import pyngn_graph
from pyngn_graph import (
    Astrocyte,
    Microglia,
    Oligodendrocyte,
    SafeTransform,
    TriglialReservoir,
    validate,
)

GLIA = [Astrocyte(territory=120.0), Oligodendrocyte(), Microglia(fraction=0.1)]


def marked(num_nodes: int = 9, num_edges: int = 30) -> Data:
    """A graph whose neurons and edges carry their numbers, with features and labels."""
    graph = random_graph(3, num_nodes, num_edges, length_scale=120.0, velocity=50.0)
    graph.x = torch.rand(num_nodes, 4, generator=generator(0))
    graph.y = torch.arange(num_nodes) % 3
    graph.mark, graph.edge_mark = torch.arange(num_nodes), torch.arange(num_edges)
    return graph


def ring() -> Data:
    """As many edges as neurons."""
    graph = marked(9, 9)
    graph.edge_weight = graph.edge_weight.abs()
    graph.edge_index = torch.stack([torch.arange(9), (torch.arange(9) + 1) % 9])
    return graph


def lived(**how: Any) -> Data:
    """The same graph after some life with glia."""
    reservoir = TriglialReservoir(marked(**how), glia=GLIA, bias=2.0, glia_period=10)
    reservoir.adapt(num_steps=35)
    return reservoir.graph


def assert_keeps_meaning(result: Data, graph: Data) -> None:
    """Every edge is one of ``graph``, between the same neurons, and a reservoir takes it."""
    size = result.edge_index.size(1)
    for key, value in result.to_dict().items():
        if key.startswith("edge_") and not key.startswith(("edge_index", "edge_label")):
            assert value.size(0) == size, key
    was = {int(mark): e for e, mark in enumerate(graph.edge_mark)}
    origin = torch.tensor([was[int(mark)] for mark in result.edge_mark], dtype=torch.long)
    assert origin.unique().numel() == size
    for key in ("edge_weight", "edge_delay", "edge_health", "edge_mask", "edge_hits"):
        assert (key in result) == (key in graph)
        if key in graph:
            assert torch.equal(result[key], graph[key][origin]), key
    ends = graph.mark[graph.edge_index[:, origin]]
    assert torch.equal(result.mark[result.edge_index], ends)
    for key in ("gain", "calcium"):
        if key in graph:
            place = [int((graph.mark == mark).nonzero()) for mark in result.mark]
            assert torch.equal(result[key], graph[key][place]), key
    reservoir = TriglialReservoir(result, glia=GLIA, bias=2.0, glia_period=10)
    reservoir.adapt(num_steps=12)
    size, neurons = reservoir.graph.num_edges, result.num_nodes
    assert int(reservoir.graph.territory_index.max()) < neurons
    assert all(
        reservoir.graph[key].size(0) == size
        for key in reservoir.graph.keys()
        if key.startswith("edge_") and key not in ("edge_index", "edge_label_index", "edge_label")
    )


MISSING = torch.zeros(9, 4, dtype=torch.bool)
KEEPS: dict[str, Callable[[], Any]] = {
    "AddLaplacianEigenvectorPE": lambda: T.AddLaplacianEigenvectorPE(2, is_undirected=True),
    "AddRandomWalkPE": lambda: T.AddRandomWalkPE(2),
    "Cartesian": T.Cartesian,
    "Center": T.Center,
    "Compose": lambda: T.Compose([T.Center(), T.Distance()]),
    "Constant": T.Constant,
    "Delaunay": T.Delaunay,
    "Distance": T.Distance,
    "FeaturePropagation": lambda: T.FeaturePropagation(MISSING),
    "IndexToMask": T.IndexToMask,
    "LaplacianLambdaMax": T.LaplacianLambdaMax,
    "LargestConnectedComponents": T.LargestConnectedComponents,
    "LinearTransformation": lambda: T.LinearTransformation(2.0 * torch.eye(3)),
    "LocalCartesian": T.LocalCartesian,
    "LocalDegreeProfile": T.LocalDegreeProfile,
    "NodePropertySplit": lambda: T.NodePropertySplit("popularity", [0.3, 0.1, 0.1, 0.3, 0.2]),
    "NormalizeFeatures": T.NormalizeFeatures,
    "NormalizeRotation": T.NormalizeRotation,
    "NormalizeScale": T.NormalizeScale,
    "OneHotDegree": lambda: T.OneHotDegree(40),
    "RandomFlip": lambda: T.RandomFlip(0, p=1.0),
    "RandomJitter": lambda: T.RandomJitter(5.0),
    "RandomLinkSplit": T.RandomLinkSplit,
    "RandomNodeSplit": T.RandomNodeSplit,
    "RandomRotate": lambda: T.RandomRotate(20.0),
    "RandomScale": lambda: T.RandomScale((0.5, 2.0)),
    "RandomShear": lambda: T.RandomShear(0.1),
    "RemoveIsolatedNodes": T.RemoveIsolatedNodes,
    "RootedEgoNets": lambda: T.RootedEgoNets(1),
    "SIGN": lambda: T.SIGN(2),
    "SVDFeatureReduction": lambda: T.SVDFeatureReduction(2),
    "Spherical": T.Spherical,
    "TargetIndegree": T.TargetIndegree,
    "ToDevice": lambda: T.ToDevice("cpu"),
}
"""Transforms after which a graph runs on."""

DOOR = {
    "AddSelfLoops": (T.AddSelfLoops, "a transform that adds or merges edges left it behind"),
    "MaskToIndex": (T.MaskToIndex, "if MaskToIndex made it of 'edge_mask', name the masks"),
    "Pad": (lambda: T.Pad(12, 60), "pad edges with a delay of 1"),
    "RemoveSelfLoops": (T.RemoveSelfLoops, "a transform that adds or merges edges left it behind"),
    "ToDense": (T.ToDense, "'data' has no 'edge_index'; for a graph without edges set"),
    "ToSparseTensor": (T.ToSparseTensor, "'data' has no 'edge_index'; for a graph without"),
    "VirtualNode": (T.VirtualNode, "'edge_delay' must be at least 1 step"),
}
"""Transforms whose results are refused at the door."""

GUARDED = {
    "AddRemainingSelfLoops": (T.AddRemainingSelfLoops, "leaves their delays where they were"),
    "FaceToEdge": (T.FaceToEdge, "makes edges without weights and delays"),
    "FixedPoints": (lambda: T.FixedPoints(9), "draws neurons anew and leaves their edges behind"),
    "GCNNorm": (T.GCNNorm, "leaves their delays where they were"),
    "GDC": (T.GDC, "makes edges without weights and delays"),
    "KNNGraph": (T.KNNGraph, "makes edges without weights and delays"),
    "LineGraph": (T.LineGraph, "makes edges without weights and delays"),
    "RadiusGraph": (lambda: T.RadiusGraph(100.0), "makes edges without weights and delays"),
    "RemoveDuplicatedEdges": (T.RemoveDuplicatedEdges, "adds up what it merges"),
    "ToUndirected": (T.ToUndirected, "adds up the weights and the delays of edges that it merges"),
    "TwoHop": (T.TwoHop, "makes edges without weights and delays"),
}
"""Transforms that may break a graph without a trace: refused by name, as glia and under guard."""

OWN_ERROR: dict[str, Callable[[], Any]] = {
    "GenerateMeshNormals": T.GenerateMeshNormals,
    "HalfHop": T.HalfHop,
    "PointPairFeatures": T.PointPairFeatures,
    "Polar": T.Polar,
    "RemoveTrainingClasses": lambda: T.RemoveTrainingClasses([0]),
    "SamplePoints": lambda: T.SamplePoints(4),
}
"""Transforms that PyG itself does not let near such a graph: meshes, 2D, training masks."""

ELSEWHERE = {
    "AddGPSE": "needs a trained encoder",
    "AddMetaPaths": "for HeteroData",
    "AddRandomMetaPaths": "for HeteroData",
    "BaseTransform": "abstract",
    "ComposeFilters": "returns a bool",
    "GridSampling": "needs pyg-lib, and refuses edges",
    "RootedRWSubgraph": "needs pyg-lib",
    "ToSLIC": "for images",
}
"""Transforms with nothing to do with a ``Data`` of ours, and why."""


def test_the_table_holds_every_transform_of_pyg() -> None:
    tables = (KEEPS, DOOR, GUARDED, OWN_ERROR, ELSEWHERE)
    known = [name for table in tables for name in table]
    assert len(known) == len(set(known))
    unknown = sorted(set(T.__all__) - set(known))
    assert not unknown, f"PyG has transforms that no table of this file classifies: {unknown}"
    assert not set(known) - set(T.__all__)


@pytest.mark.parametrize("name", sorted(KEEPS))
@pytest.mark.parametrize("make", [lived, ring], ids=["lived", "N equal to E"])
def test_transforms_that_keep_the_meaning(name: str, make: Callable[[], Data]) -> None:
    graph = make()
    before = frozen(graph)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        results = KEEPS[name]()(graph)
    for result in results if isinstance(results, tuple) else (results,):
        assert_keeps_meaning(result, graph)
    assert_same(graph, before)
    if isinstance(results, Data):
        guarded = SafeTransform(KEEPS[name]())(graph)
        assert set(guarded.keys()) == set(results.keys())
        assert_keeps_meaning(guarded, graph)


@pytest.mark.parametrize("name", sorted(DOOR))
def test_transforms_that_the_door_refuses(name: str) -> None:
    transform, match = DOOR[name]
    graph = lived()
    before = frozen(graph)
    with pytest.raises((TypeError, ValueError), match=match):
        validate(transform()(graph))
    with pytest.raises((TypeError, ValueError), match=match):
        TriglialReservoir(transform()(graph), glia=GLIA)
    with pytest.raises((TypeError, ValueError), match=match):
        SafeTransform(transform())(graph)
    assert_same(graph, before)


@pytest.mark.parametrize("name", sorted(GUARDED))
def test_transforms_that_are_refused_by_name(name: str) -> None:
    transform, match = GUARDED[name]
    for wrapped in (transform(), T.Compose([T.Center(), T.Compose([transform()])])):
        with pytest.raises(ValueError, match=f"{match}.*; apply it before weights and delays"):
            SafeTransform(wrapped)
        with pytest.raises(ValueError, match=match):
            TriglialReservoir(random_graph(), glia=[wrapped])


@pytest.mark.parametrize("name", sorted(OWN_ERROR))
def test_transforms_that_pyg_refuses(name: str) -> None:
    with pytest.raises((AssertionError, AttributeError, ValueError)):
        OWN_ERROR[name]()(lived())


def test_what_a_merger_does_to_delays_cannot_be_seen_but_is_not_let_happen() -> None:
    graph = graph_of(2, [(0, 1, 0.5, 3), (1, 0, 0.25, 4)])
    summed = T.ToUndirected()(graph)
    assert summed.edge_delay.tolist() == [7, 7]
    validate(summed)  # as good as any other graph
    with pytest.raises(ValueError, match="adds up the weights and the delays"):
        SafeTransform(T.ToUndirected())
    hidden = SafeTransform(lambda data: T.ToUndirected()(data))
    with pytest.raises(ValueError, match="edges were merged or doubled"):
        hidden(graph)


@pytest.mark.parametrize(
    "transform",
    [
        lambda graph: graph.coalesce(),
        lambda graph: T.RemoveDuplicatedEdges()(graph),
        lambda graph: T.FixedPoints(graph.num_nodes, replace=False)(graph),
        lambda graph: graph.update({"edge_index": graph.edge_index.flip(0)}),
    ],
)
def test_what_belongs_to_an_edge_goes_with_it(transform: Callable[[Data], Data]) -> None:
    graph = graph_of(12, [(2, 0, 0.5, 3), (0, 1, 0.25, 4), (1, 1, 0.1, 2)])
    with torch.random.fork_rng():
        torch.manual_seed(1)
        validate(transform(graph.clone()))  # nothing to be seen
        with pytest.raises(ValueError, match="exchanged, and what belongs to them stayed behind"):
            SafeTransform(transform)(graph)
        if transform(graph.clone()).edge_index.tolist() != graph.edge_index.tolist():
            reservoir = TriglialReservoir(graph, glia=[transform], glia_period=5)
            with pytest.raises(ValueError, match="what belongs to them stayed behind"):
                reservoir.adapt(num_steps=5)


def test_a_guarded_transform_is_a_transform_as_others_are() -> None:
    guarded = SafeTransform(T.Center())
    assert repr(guarded) == "SafeTransform(Center())"
    with pytest.raises(TypeError, match=r"Transforms must be callables from Data to Data \(got 3"):
        SafeTransform(3)  # type: ignore[arg-type]
    graphs = [marked(), marked(7, 12)]
    whole = T.Compose([guarded])(Batch.from_data_list(graphs)).to_data_list()
    for result, graph in zip(whole, graphs, strict=True):
        assert torch.equal(result.pos, T.Center()(graph).pos)
        assert_keeps_meaning(result, graph)


@pytest.mark.parametrize("backend", ["event", "reference"])
def test_in_place_edits_of_a_plain_transform_reach_no_earlier_recording(backend: str) -> None:
    def halve(data: Data) -> Data:
        data.edge_weight.mul_(0.5)
        data.pos.add_(1.0)
        return data

    reservoir = TriglialReservoir(random_graph(), glia=[halve], glia_period=5, backend=backend)
    first = reservoir.adapt(num_steps=5).graph
    before = frozen(first)
    second = reservoir.adapt(num_steps=5).graph
    assert_same(first, before)
    assert torch.equal(second.edge_weight, first.edge_weight * 0.5)

    graph = random_graph()
    before = frozen(graph)
    SafeTransform(halve)(graph)
    assert_same(graph, before)


@pytest.mark.parametrize("name", ["hold", "pool", "glia_period", "threads"])
def test_true_is_no_number_of_steps(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' must be .*got True"):
        TriglialReservoir(random_graph(), **{name: True})


def test_subgraphs() -> None:
    graph = lived()
    nodes = torch.tensor([0, 2, 3, 5, 8])
    assert_keeps_meaning(graph.subgraph(nodes), graph)
    keep = torch.arange(graph.num_edges) % 3 > 0
    assert_keeps_meaning(graph.edge_subgraph(keep), graph)
    subset, edge_index, _, mask = k_hop_subgraph(
        4, 1, graph.edge_index, relabel_nodes=True, num_nodes=graph.num_nodes
    )
    hop = graph.subgraph(subset)
    assert hop.num_edges >= int(mask.sum())
    assert edge_index.size(1) == int(mask.sum())
    assert_keeps_meaning(hop, graph)


def test_a_territory_with_as_many_pairs_as_edges_is_not_cut_with_them() -> None:
    graph = random_graph(num_nodes=6, num_edges=8)
    graph.pos = torch.arange(6.0).unsqueeze(1).expand(6, 3) ** 2 * 10.0
    cell = Astrocyte(territory=20.0)  # each neuron its own, and two of them one
    data = cell.prepare(graph)
    assert data.territory_index.size(1) == graph.num_edges
    cut = data.edge_subgraph(torch.tensor([1, 2, 3]))
    assert cut.territory_index.size(1) == 3
    assert torch.equal(cell.prepare(cut).territory_index, data.territory_index)


def test_a_territory_follows_neurons_that_were_moved() -> None:
    cell = Astrocyte(territory=120.0)
    data = cell.prepare(random_graph())
    far = T.LinearTransformation(1000.0 * torch.eye(3))(data)
    assert cell.prepare(far).territory_index.size(1) == data.num_nodes
    assert data.territory_index.size(1) > data.num_nodes


def test_a_loader_of_parts() -> None:
    graph = lived()
    for part in RandomNodeLoader(graph, num_parts=2):
        assert_keeps_meaning(part, graph)


@pytest.mark.skipif(
    not (WITH_PYG_LIB or WITH_TORCH_SPARSE), reason="NeighborLoader needs pyg-lib or torch-sparse"
)
def test_neighbor_loader() -> None:
    graph = lived()
    for part in NeighborLoader(graph, num_neighbors=[-1], batch_size=3):
        assert_keeps_meaning(part, graph)


def test_batch_and_loader_shift_only_what_counts_neurons() -> None:
    pair = [lived(), lived(num_nodes=7, num_edges=12)]
    loader = DataLoader(pair, batch_size=2)
    for batch in (Batch.from_data_list(pair), next(iter(loader))):
        for key in pair[0].keys():
            if key in ("num_nodes", "dt"):
                continue
            parts = [torch.as_tensor(graph[key]) for graph in pair]
            parts = [part.view(1) if part.dim() == 0 else part for part in parts]
            shift = pair[0].num_nodes if "index" in key else 0
            assert torch.equal(
                batch[key],
                torch.cat([parts[0], parts[1] + shift], dim=parts[0].dim() - 1)
                if "index" in key
                else torch.cat(parts),
            ), key
        for part, graph in zip(batch.to_data_list(), pair, strict=True):
            assert_keeps_meaning(part, graph)
        reservoir = TriglialReservoir(batch, glia=GLIA, bias=2.0, glia_period=10)
        reservoir.adapt(num_steps=12)


def test_an_edge_index_that_is_an_edge_index() -> None:
    plain, dressed = random_graph(), random_graph()
    dressed.edge_index = EdgeIndex(plain.edge_index, sparse_size=(8, 8))
    x = random_drive(0, 60, 8)
    for glia in ([], GLIA):
        runs = []
        for graph in (plain, dressed):
            reservoir = TriglialReservoir(graph, glia=glia, glia_period=10)
            runs.append(reservoir.adapt(x))
        assert torch.equal(runs[0].events, runs[1].events)
        assert type(reservoir.graph.edge_index) is Tensor


@pytest.mark.parametrize(
    "passed_on",
    [
        copy.copy,
        copy.deepcopy,
        lambda graph: graph.clone(),
        lambda graph: graph.to("cpu"),
        lambda graph: graph.contiguous(),
        lambda graph: pickle.loads(pickle.dumps(graph)),
    ],
)
def test_copies_are_the_same_graph(passed_on: Callable[[Data], Data]) -> None:
    graph = lived()
    assert_same(passed_on(graph), frozen(graph))
    batch = TriglialReservoir(Batch.from_data_list([graph, lived()]), glia=GLIA).graph
    for part, own in zip(passed_on(batch).to_data_list(), batch.to_data_list(), strict=True):
        assert_same(part, frozen(own))


def test_the_parts_of_a_graph_are_loaded_as_weights_only() -> None:
    graph, file = lived(), io.BytesIO()
    torch.save(graph.to_dict(), file)
    file.seek(0)
    assert_same(Data.from_dict(torch.load(file, weights_only=True)), frozen(graph))


@pytest.mark.parametrize("union", [False, True])
def test_state_dicts_and_files(union: bool) -> None:
    graph = Batch.from_data_list([lived(), lived(num_nodes=7)]) if union else lived()
    reservoir = TriglialReservoir(graph, glia=GLIA, bias=2.0, glia_period=10)
    reservoir.adapt(num_steps=25)
    file = io.BytesIO()
    torch.save(reservoir.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    twin = TriglialReservoir(graph, glia=GLIA, bias=2.0, glia_period=10)
    twin.load_state_dict(state)
    assert type(twin.graph) is type(reservoir.graph)
    parts = (r.graph.to_data_list() if union else [r.graph] for r in (reservoir, twin))
    for ours, theirs in zip(*parts, strict=True):
        assert_same(theirs, frozen(ours))
    copied = pickle.loads(pickle.dumps(reservoir))
    runs = [r.run(num_steps=25) for r in (reservoir, twin, copied, copy.deepcopy(twin))]
    assert torch.equal(runs[0].events, runs[1].events)
    assert torch.equal(runs[0].events, runs[2].events)


def test_networkx_of_pyg_loses_parallel_edges_and_ours_does_not() -> None:
    graph = graph_of(2, [(0, 1, 0.5, 1), (0, 1, 0.25, 4), (1, 1, -1.0, 2)])
    assert to_networkx(graph).number_of_edges() == 2
    whole = pyngn_graph.to_networkx(graph)
    assert whole.number_of_edges() == 3
    again = pyngn_graph.from_networkx(whole)
    edges = zip(*again.edge_index.tolist(), again.edge_weight.tolist(), again.edge_delay.tolist())  # noqa: B905
    assert sorted(edges) == [(0, 1, 0.25, 4), (0, 1, 0.5, 1), (1, 1, -1.0, 2)]


def test_graphs_without_edges_keep_their_neurons() -> None:
    empty = graph_of(4, [])
    for graph in (
        copy.copy(empty),
        pickle.loads(pickle.dumps(empty)),
        T.Compose([T.Constant()])(empty),
        empty.edge_subgraph(torch.zeros(0, dtype=torch.bool)),
        *Batch.from_data_list([empty, empty]).to_data_list(),
    ):
        assert graph.num_nodes == 4
        assert TriglialReservoir(graph, glia=[Astrocyte()]).adapt(num_steps=3).graph.num_nodes == 4
    # Without 'num_nodes' PyG would count the neurons that have edges.
    nameless = Data(edge_index=empty.edge_index, edge_weight=torch.ones(0))
    nameless.edge_delay = torch.ones(0, dtype=torch.long)
    with pytest.raises(ValueError, match="'num_nodes' is not set"):
        validate(nameless)


def test_data_sets_of_living_graphs(tmp_path: Path) -> None:
    graphs = [lived(), lived(num_nodes=7, num_edges=12)]

    class Lives(InMemoryDataset):
        def __init__(self) -> None:
            super().__init__()
            self.data, self.slices = self.collate(graphs)

    lives = Lives()
    for k, graph in enumerate(graphs):
        assert_keeps_meaning(lives[k], graph)
    InMemoryDataset.save(graphs, str(tmp_path / "lives.pt"))
    again = Lives()
    again.load(str(tmp_path / "lives.pt"))
    for k, graph in enumerate(graphs):
        assert_keeps_meaning(again[k], graph)
