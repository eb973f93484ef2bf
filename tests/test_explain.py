"""torch_geometric.explain on models that contain the layer."""

from typing import Any

import pytest
import torch
from helpers import generator, graph_of, random_graph
from torch import Tensor, nn
from torch_geometric.explain import DummyExplainer, Explainer, GNNExplainer
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from pyngn_graph import DelayedSpikeConv, TrainableReservoir
from pyngn_graph.interpolation import DelayKernel

EDGES = [(0, 2, 0.9, 3), (1, 3, 0.9, 2), (2, 4, 0.9, 2), (3, 5, 0.9, 1), (1, 4, 0.01, 2)]
"""Two chains, 0 -> 2 -> 4 and 1 -> 3 -> 5, and a weak edge between them, 1 -> 4."""


class Liquid(nn.Module):
    """Liquid state of node 4, summed over time; features ``[N, T]`` of nodes are their drive."""

    def __init__(self) -> None:
        super().__init__()
        self.reservoir = TrainableReservoir(graph_of(6, EDGES), surrogate="arctan")

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        states: Tensor = self.reservoir(x.t())
        return states.sum(dim=0)[4:5]


def explainer(model: nn.Module, algorithm: Any) -> Explainer:
    return Explainer(
        model,
        algorithm,
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "graph"},
    )


def features() -> Tensor:
    # Sources fire every 10 steps; targets are held near their threshold by a drive of their own.
    x = torch.full((6, 40), 0.5)
    x[:2, ::10] = 30.0
    return x


def test_the_mask_of_an_edge_that_matters_exceeds_others() -> None:
    model, index = Liquid(), graph_of(6, EDGES).edge_index
    assert model(features(), index) > 0
    with torch.random.fork_rng():
        algorithm = GNNExplainer(epochs=60, lr=0.1, edge_size=1.0)
        torch.manual_seed(0)  # it draws its first masks from the global generator
        explanation = explainer(model, algorithm)(features(), index)
    mask = explanation.edge_mask
    assert mask.shape == (5,)
    # Edges 0 and 2 make node 4 fire; 4 leads there but is weak; 1 and 3 do not lead there.
    assert mask[[0, 2]].min() > 0.8
    assert mask[4] < 0.2
    assert mask[[1, 3]].tolist() == [0.0, 0.0]
    # Without masks the model is what it was.
    assert torch.equal(model(features(), index), Liquid()(features(), index))


def test_captum_explains_too() -> None:
    pytest.importorskip("captum")
    from torch_geometric.explain import CaptumExplainer

    model, index = Liquid(), graph_of(6, EDGES).edge_index
    mask = explainer(model, CaptumExplainer("Saliency"))(features(), index).edge_mask
    assert mask.abs()[[0, 2]].min() > mask.abs()[4] > 0
    assert mask[[1, 3]].tolist() == [0.0, 0.0]


def test_a_dummy_explains_the_layer_itself() -> None:
    graph = random_graph(0)
    history = torch.rand(6, 8, 1, generator=generator(0))

    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = DelayedSpikeConv()

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            out: Tensor = self.conv(history, 3, edge_index, graph.edge_weight, graph.edge_delay)
            return out + 0.0 * x

    explanation = explainer(Sum(), DummyExplainer())(torch.zeros(8, 1), graph.edge_index)
    assert explanation.edge_mask.shape == (24,)


@pytest.mark.parametrize("parts", [False, True])
def test_a_mask_scales_the_message_of_its_edge(parts: bool) -> None:
    graph = random_graph(2, num_edges=30)  # self loops and parallel edges among them
    history = torch.rand(6, 8, 2, generator=generator(1))
    mask = torch.rand(30, generator=generator(2))
    delay, share = graph.edge_delay, None
    if parts:
        delay, share = DelayKernel(width=2.0)(graph.edge_delay.float(), 6)
    conv = DelayedSpikeConv()
    expected = conv(history, 4, graph.edge_index, mask * graph.edge_weight, delay, None, share)
    plain = conv(history, 4, graph.edge_index, graph.edge_weight, delay, None, share)
    set_masks(conv, mask, graph.edge_index, apply_sigmoid=False)
    found = conv(history, 4, graph.edge_index, graph.edge_weight, delay, None, share)
    torch.testing.assert_close(found, expected)
    assert not torch.equal(found, plain)
    clear_masks(conv)
    again = conv(history, 4, graph.edge_index, graph.edge_weight, delay, None, share)
    assert torch.equal(again, plain)
