"""A reservoir that learns by gradients: its equations, its gradients, its way back to a graph."""

import doctest
from typing import Any

import pytest
import torch
from helpers import generator, graph_of, random_graph
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import LIFParameters, TrainableReservoir, TriglialReservoir, trainable, validate
from pyngn_graph.interpolation import DelayKernel
from pyngn_graph.surrogate import FastSigmoid

NEURONS = [
    LIFParameters(),
    LIFParameters(tau_m=10.0, t_ref=2.0, v_min=-1.0),
    LIFParameters(tau_syn=5.0, v_reset=-0.1),
]


def exact_graph(seed: int = 0, **attributes: Any) -> Data:
    """Weights are multiples of 1/1024: their sums are exact in float32, in any order."""
    graph = random_graph(seed, num_nodes=12, num_edges=90, max_delay=7, weight=0.8, **attributes)
    graph.edge_weight = torch.round(graph.edge_weight * 1024.0) / 1024.0
    graph.edge_mask = torch.rand(90, generator=generator(seed)) < 0.8
    return graph


def drive(*shape: int, seed: int = 0) -> Tensor:
    return 1.2 + 4.0 * torch.randn(*shape, generator=generator(seed))


@pytest.mark.parametrize("neuron", NEURONS, ids=range(3))
@pytest.mark.parametrize("tau", [0.0, 20.0])
def test_the_same_bits_as_the_definition(neuron: LIFParameters, tau: float) -> None:
    graph = exact_graph(gain=0.5 + torch.arange(12) / 8.0)
    x = drive(80, 12, 3)
    learning = TrainableReservoir(graph, neuron, tau_trace=tau)
    living = TriglialReservoir(learning.to_data(), neuron=neuron, tau_trace=tau)
    recording = living.run(x.permute(2, 0, 1), record="state")
    assert recording.events.size(0) > 100
    expected = recording.traces["state"].permute(1, 2, 0)
    # Whole delays are met exactly by a triangle of width 1, and rounded ones anyway.
    for mode in (True, False):
        assert torch.equal(learning.train(mode)(x), expected)
    learning.kernel = DelayKernel(width=3.0)
    assert not torch.equal(learning.train()(x), expected)
    learning.edge_delay.requires_grad_(False)
    assert torch.equal(learning(x), expected)


def test_delays_are_rounded_where_they_do_not_learn() -> None:
    graph = exact_graph()
    graph.edge_delay = graph.edge_delay + 0.3
    learning = TrainableReservoir(graph, max_delay=8)
    living = TriglialReservoir(graph)
    expected = living.run(drive(60, 12), record="state").traces["state"][0]
    assert torch.equal(learning.eval()(drive(60, 12)), expected)
    assert not torch.equal(learning.train()(drive(60, 12)), expected)


def test_columns_do_not_meet() -> None:
    learning, x = TrainableReservoir(exact_graph()), drive(50, 12, 4)
    for column in range(4):
        assert torch.equal(learning(x)[..., column], learning(x[..., column]))


@pytest.mark.parametrize("neuron", NEURONS, ids=range(3))
@pytest.mark.parametrize("every", [None, 3])
def test_true_gradients_where_spikes_are_smooth(neuron: LIFParameters, every: int | None) -> None:
    # As in test_surrogate: a smooth function with the sign of the spikes takes their place.
    smooth = FastSigmoid(2.0).smooth
    graph = random_graph(1, num_nodes=4, num_edges=5, max_delay=4, weight=1.5)
    learning = TrainableReservoir(
        graph, neuron, surrogate=lambda v, v_th: smooth(v - v_th), checkpoint=every
    ).double()
    x = 6.0 * torch.randn(6, 4, generator=generator(2), dtype=torch.float64) + 4.0
    delay = 1.1 + 2.7 * torch.rand(5, generator=generator(3), dtype=torch.float64)

    def call(x: Tensor, weight: Tensor, delay: Tensor) -> Tensor:
        values = {"edge_weight": weight, "edge_delay": delay}
        out: Tensor = torch.func.functional_call(learning, values, x)
        return out

    inputs = (x, graph.edge_weight.double(), delay)
    assert call(*inputs).abs().sum() > 0
    assert torch.autograd.gradcheck(call, [each.requires_grad_() for each in inputs])


@pytest.mark.parametrize("every", [1, 7, 100])
def test_checkpoints_change_neither_states_nor_gradients(every: int) -> None:
    found = []
    for checkpoint in (None, every):
        learning = TrainableReservoir(exact_graph(), NEURONS[1], checkpoint=checkpoint)
        x = drive(40, 12, 2).requires_grad_()
        states = learning(x)
        states.square().sum().backward()
        found.append((states, x.grad, learning.edge_weight.grad, learning.edge_delay.grad))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one, two)
        assert one.abs().sum() > 0


def test_checkpoints_save_memory() -> None:
    sizes = []
    for checkpoint in (None, 20):
        kept = 0

        def keep(value: Tensor) -> Tensor:
            nonlocal kept
            kept += value.numel()
            return value

        learning = TrainableReservoir(exact_graph(), checkpoint=checkpoint)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            learning(drive(200, 12))
        sizes.append(kept)
    assert sizes[1] < sizes[0] / 10


def test_windows_of_a_stateful_reservoir_cut_gradients_only() -> None:
    x = drive(60, 12, 2)
    whole = TrainableReservoir(exact_graph())(x)
    learning = TrainableReservoir(exact_graph(), stateful=True)
    parts = []
    for window in x.split(20):
        window.requires_grad_()
        parts.append(learning(window))
        parts[-1].sum().backward()  # a graph that reached further back would be gone by now
    assert torch.equal(torch.cat(parts), whole)
    with pytest.raises(ValueError, match=r"holds 2 columns but 'x' has 1; call 'reset\(\)' first"):
        learning(x[..., 0])
    learning.reset()
    assert torch.equal(learning(x[:20]), whole[:20])


def test_a_gradient_by_hand() -> None:
    # One spike at step 0 reaches neuron 1 after 2 steps; smaller delays would show it earlier.
    graph = graph_of(2, [(0, 1, 0.5, 2)])
    learning = TrainableReservoir(graph, surrogate=FastSigmoid(1.0), max_delay=4, tau_trace=0.0)
    x = torch.zeros(4, 2)
    x[0, 0] = 100.0
    spikes = learning(x)
    assert spikes.tolist() == [[1, 0], [0, 0], [0, 0], [0, 0]]
    spikes[1, 1].backward()
    slope = 1.0 / (1.0 + 1.0) ** 2  # at u = 0, 1 below the threshold
    # Half the slope of the tent at a whole delay, times weight and slope of the spike.
    assert learning.edge_delay.grad.tolist() == pytest.approx([-0.5 * 0.5 * slope])
    learning.zero_grad()
    learning(x)[2, 1].backward()
    assert learning.edge_weight.grad.tolist() == pytest.approx([1.0 / 1.5**2])


def test_the_graph_that_was_learned() -> None:
    graph = exact_graph(gain=torch.full((12,), 1.5))
    before = graph.clone()
    learning = TrainableReservoir(graph, max_delay=9)
    with torch.no_grad():
        learning.edge_weight.add_(0.25)
        learning.edge_delay.copy_(torch.linspace(-2.0, 12.0, 90))
    data = validate(learning.to_data())
    assert torch.equal(data.edge_weight, before.edge_weight + 0.25)
    expected = torch.floor(torch.linspace(-2.0, 12.0, 90) + 0.5).clamp(1, 9).long()
    assert torch.equal(data.edge_delay, expected)
    for key in ("edge_index", "edge_mask", "gain", "pos"):
        assert torch.equal(data[key], before[key])
    for key in ("edge_index", "edge_weight", "edge_delay", "edge_mask", "gain", "pos"):
        assert torch.equal(graph[key], before[key])
    # What was learned lives on with glia.
    assert TriglialReservoir(data)(drive(1, 20, 12)).shape == (1, 12)
    graph.edge_delay = graph.edge_delay + 0.25
    floats = TrainableReservoir(graph).to_data().edge_delay
    assert torch.equal(floats, graph.edge_delay.clamp(max=7.0))


def test_delays_are_set_back_to_their_range_once() -> None:
    learning = TrainableReservoir(exact_graph())
    with torch.no_grad():
        learning.edge_delay[:2] = torch.tensor([-3.0, 50.0])
    x = drive(10, 12)
    learning.eval()(x)
    assert learning.edge_delay[:2].tolist() == [-3.0, 50.0]
    loss = learning.train()(x).sum()
    assert learning.edge_delay[:2].tolist() == [1.0, 7.0]
    (loss + learning(x).sum()).backward()  # the second call edited nothing


def test_parameters_and_repr() -> None:
    learning = TrainableReservoir(exact_graph(), checkpoint=10)
    assert [name for name, _ in learning.named_parameters()] == ["edge_weight", "edge_delay"]
    for text in ("12 neurons, 90 edges", "FastSigmoid(slope=10.0)", "width=1.0", "checkpoint=10"):
        assert text in repr(learning)
    other = TrainableReservoir(exact_graph())
    with torch.no_grad():
        other.edge_weight.mul_(2.0)
    learning.load_state_dict(other.state_dict())
    assert torch.equal(learning.edge_weight, other.edge_weight)


def test_gradients_end_at_a_reservoir_with_glia() -> None:
    x = drive(1, 20, 12).requires_grad_()
    assert not TriglialReservoir(exact_graph())(x).requires_grad
    assert "TrainableReservoir" in str(TriglialReservoir.forward.__doc__)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"surrogate": "box"}, "Unknown surrogate 'box'"),
        ({"checkpoint": 0}, r"'checkpoint' must be a whole number of steps >= 1, .* \(got 0\)"),
        ({"tau_trace": -1.0}, r"'tau_trace' must not be negative, in ms \(got -1.0\)"),
        ({"max_delay": 3}, "'edge_delay' must be at most max_delay = 3 steps"),
        ({"dt": 0.0}, "'dt' must be a positive number"),
        ({"neuron": LIFParameters(tau_m=torch.ones(5))}, r"'tau_m' must .* shape \[12\]"),
    ],
)
def test_reservoirs_that_cannot_be(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        TrainableReservoir(exact_graph(), **options)


def test_a_step_that_is_not_that_of_the_graph() -> None:
    with pytest.raises(ValueError, match=r"count steps of 0.5 ms but dt = 1.0; pass dt=0.5"):
        TrainableReservoir(exact_graph(dt=0.5))
    assert TrainableReservoir(exact_graph(dt=0.5), dt=0.5).to_data().dt == 0.5


@pytest.mark.parametrize(
    ("x", "match"),
    [
        (torch.zeros(5, 11), r"\[T, 12\] or \[T, 12, C\] .* \(got \[5, 11\]\)"),
        (torch.zeros(0, 12), r"\(got \[0, 12\]\)"),
        (torch.zeros(5, 12, 1, 1), "'x' must have shape"),
        (torch.full((5, 12), torch.inf), "'x' must be finite"),
    ],
)
def test_inputs_that_do_not_fit(x: Tensor, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        TrainableReservoir(exact_graph())(x)


def test_graphs_without_edges_and_single_neurons() -> None:
    for graph in (graph_of(3, []), graph_of(1, [(0, 0, 0.5, 1)])):
        learning, x = TrainableReservoir(graph), drive(20, graph.num_nodes)
        learning(x).sum().backward()
        assert learning.edge_weight.grad.shape == (graph.num_edges,)
        expected = TriglialReservoir(graph).run(x, record="state").traces["state"][0]
        assert torch.equal(learning.eval()(x), expected)


def test_the_example_runs() -> None:
    tried = doctest.testmod(trainable)
    assert tried.attempted > 0
    assert tried.failed == 0
