"""The heterogeneous view: what it holds, and that PyG takes it."""

import pytest
import torch
from helpers import assert_same, frozen, graph_of, random_graph
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv, to_hetero
from torch_geometric.utils import scatter

from pyngn_graph import (
    Astrocyte,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
    to_hetero_data,
)
from pyngn_graph.hetero import EDGE_TYPES, NODE_TYPES, SYNAPSE

DELAYS, PRUNES = ("oligodendrocyte", "delays", "neuron"), ("microglia", "prunes", "neuron")


def lived(seed: int = 0, **how: int) -> Data:
    glia = [Astrocyte(territory=120.0), Oligodendrocyte(), Microglia(fraction=0.1)]
    reservoir = TriglialReservoir(random_graph(seed, **how), glia=glia, bias=2.0, glia_period=10)
    reservoir.adapt(num_steps=30)
    return reservoir.graph


GRAPHS = {
    "lived": lived(),
    "new": random_graph(1),
    "N equal to E": random_graph(2, num_nodes=8, num_edges=8),
    "no edges": graph_of(3, []),
    "one neuron": graph_of(1, [(0, 0, 1.0, 2), (0, 0, 0.5, 3)]),
}


def test_a_view_worked_out_by_hand() -> None:
    graph = graph_of(
        3, [(0, 2, 0.5, 4), (1, 2, -0.5, 7), (1, 0, 0.25, 1), (2, 2, 0.1, 9)], color=[7], dt=0.5
    )
    graph.edge_mask = torch.tensor([True, True, True, False])
    graph.gain, graph.label = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4, 5, 6])
    graph.edge_health = torch.tensor([0.5, 0.25, 1.0, 8.0])
    view = to_hetero_data(graph)
    assert (view.dt, view.color) == (0.5, [7])
    assert view["neuron"].label.tolist() == [4, 5, 6]
    assert "gain" not in view["neuron"]
    assert view["astrocyte"].gain.tolist() == [1.0, 2.0, 3.0]
    assert view["astrocyte"].calcium.tolist() == [0.0, 0.0, 0.0]
    assert view["oligodendrocyte"].mean_delay.tolist() == [1.0, 0.0, 5.5]
    assert view["microglia"].mean_health.tolist() == [1.0, 0.0, 0.375]
    assert view[SYNAPSE].edge_index.tolist() == [[0, 1, 1, 2], [2, 2, 0, 2]]
    assert view[DELAYS].edge_index.tolist() == [[2, 2, 0, 2], [0, 1, 1, 2]]
    assert view[DELAYS].edge_delay.tolist() == [4, 7, 1, 9]
    assert view[PRUNES].edge_health.tolist() == [0.5, 0.25, 1.0, 8.0]
    assert view["neuron", "excites", "astrocyte"].edge_index.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert view["astrocyte", "scales", "neuron"].edge_gain.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_graph_has_the_same_types(graph: Data) -> None:
    before = frozen(graph)
    view = to_hetero_data(graph)
    assert view.validate(raise_on_error=True)
    assert view.metadata() == (list(NODE_TYPES), list(EDGE_TYPES))
    assert [view[kind].num_nodes for kind in NODE_TYPES] == [graph.num_nodes] * 4
    for kind in (SYNAPSE, *EDGE_TYPES[3:]):
        assert view[kind].num_edges == graph.num_edges
    for key in before:
        if key.startswith("edge_"):
            assert view[SYNAPSE][key] is graph[key]
    assert_same(graph, before)


def test_a_territory_is_what_excites_an_astrocyte() -> None:
    view = to_hetero_data(GRAPHS["lived"])
    excites = view["neuron", "excites", "astrocyte"].edge_index
    assert excites is GRAPHS["lived"].territory_index
    assert excites.size(1) > 8
    assert "territory" not in view.to_dict()["_global_store"]


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_synapses_of_a_view_give_the_input_of_every_neuron(graph: Data) -> None:
    view = to_hetero_data(graph)
    spikes = torch.ones(graph.num_nodes)
    synapse = view[SYNAPSE]
    src, dst = synapse.edge_index
    total = scatter(synapse.edge_weight * spikes[src], dst, 0, graph.num_nodes)
    expected = [float(graph.edge_weight[dst == i].sum()) for i in range(graph.num_nodes)]
    assert total.tolist() == pytest.approx(expected, abs=1e-6)


def features(view: HeteroData) -> dict[str, Tensor]:
    return {kind: torch.ones(view[kind].num_nodes, 2) for kind in NODE_TYPES}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = SAGEConv(2, 4), SAGEConv(4, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.two(self.one(x, edge_index).relu(), edge_index)


def test_one_model_fits_every_graph() -> None:
    model = to_hetero(Net(), to_hetero_data(GRAPHS["no edges"]).metadata())
    conv = HeteroConv({kind: SAGEConv((2, 2), 3) for kind in EDGE_TYPES})
    for graph in GRAPHS.values():
        view = to_hetero_data(graph)
        for out in (
            model(features(view), view.edge_index_dict),
            conv(features(view), view.edge_index_dict),
        ):
            assert {kind: list(x.shape) for kind, x in out.items()} == {
                kind: [graph.num_nodes, 3] for kind in NODE_TYPES
            }
            assert all(bool(x.isfinite().all()) for x in out.values())


def test_a_batch_becomes_a_batch() -> None:
    pair = [lived(0), lived(1, num_nodes=5, num_edges=12)]
    view = to_hetero_data(Batch.from_data_list(pair))
    assert view.validate(raise_on_error=True)
    assert view["microglia"].num_nodes == 13
    assert view["microglia"].batch.tolist() == [0] * 8 + [1] * 5
    for part, graph in zip(view.to_data_list(), pair, strict=True):
        alone = to_hetero_data(graph)
        for kind in EDGE_TYPES:
            assert torch.equal(part[kind].edge_index, alone[kind].edge_index)
        assert torch.equal(part[DELAYS].edge_delay, graph.edge_delay)


def test_a_graph_is_checked() -> None:
    with pytest.raises(ValueError, match="'data' has no 'edge_weight'"):
        to_hetero_data(Data(num_nodes=2, edge_index=torch.tensor([[0], [1]])))
