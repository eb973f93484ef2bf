"""Surrogate gradients: hard spikes forward, the slope of a smooth function backward."""

import math

import pytest
import torch
from helpers import generator
from torch import Tensor

from pyngn_graph import LIFLayer, LIFParameters
from pyngn_graph.neuron import LIFState, lif_step
from pyngn_graph.surrogate import SURROGATES, Arctan, FastSigmoid, surrogate_of

BOTH = [FastSigmoid(), FastSigmoid(3.0), Arctan(), Arctan(0.5)]


@pytest.mark.parametrize("surrogate", BOTH, ids=str)
def test_the_slope_is_that_of_the_smooth_function(surrogate: FastSigmoid | Arctan) -> None:
    x = torch.linspace(-3.0, 3.0, 40, dtype=torch.float64).requires_grad_()  # 0 left out
    assert torch.autograd.gradcheck(surrogate.smooth, x)
    (slope,) = torch.autograd.grad(surrogate.smooth(x).sum(), x)
    torch.testing.assert_close(slope, surrogate.derivative(x.detach()), atol=1e-12, rtol=0)


def test_slopes_by_hand() -> None:
    x = torch.tensor([0.0, 0.5, -2.0])
    assert FastSigmoid(2.0).derivative(x).tolist() == [1.0, 0.25, pytest.approx(0.04)]
    expected = [1.0, 1.0 / (1.0 + (math.pi / 2) ** 2), 1.0 / (1.0 + (2 * math.pi) ** 2)]
    assert Arctan(2.0).derivative(x).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("surrogate", BOTH, ids=str)
def test_spikes_are_hard_and_gradients_smooth(surrogate: FastSigmoid | Arctan) -> None:
    # Neighbors of the threshold in float32, and numbers too small for a normal float.
    for threshold in (1.0, 0.0, 1e-40, -50.0):
        v_th = torch.tensor(threshold)
        below, above = (torch.nextafter(v_th, torch.tensor(end)) for end in (-math.inf, math.inf))
        v = torch.stack([below, v_th, above]).requires_grad_()
        spikes = surrogate(v, v_th)
        assert spikes.tolist() == [0.0, 1.0, 1.0]
        (grad,) = torch.autograd.grad(spikes, v, torch.tensor([1.0, 2.0, 3.0]))
        expected = surrogate.derivative(v.detach() - v_th) * torch.tensor([1.0, 2.0, 3.0])
        assert torch.equal(grad, expected)


def test_a_threshold_may_learn_too() -> None:
    v = torch.tensor([[0.5, 1.5], [1.0, 2.0]])
    v_th = torch.tensor([[1.0], [2.0]], requires_grad=True)
    surrogate = FastSigmoid()
    surrogate(v, v_th).sum().backward()
    slope = surrogate.derivative(v - v_th.detach())
    assert torch.equal(v_th.grad, -slope.sum(dim=1, keepdim=True))


def steps(inputs: Tensor, params: LIFParameters, surrogate: object) -> tuple[Tensor, Tensor]:
    state = LIFState.rest(params, inputs[0])
    v, spikes = [], []
    for jump in inputs:
        state = lif_step(jump, state, params, 1.0, i_ext=0.5, surrogate=surrogate)
        v.append(state.v)
        spikes.append(state.spikes)
    return torch.stack(v), torch.stack(spikes)


PARAMS = [
    LIFParameters(tau_m=10.0),
    LIFParameters(tau_m=10.0, t_ref=2.0, v_min=-0.3),
    LIFParameters(tau_m=10.0, tau_syn=4.0, v_reset=-0.2),
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("name", sorted(SURROGATES))
def test_a_surrogate_changes_no_bit(params: LIFParameters, name: str) -> None:
    inputs = torch.randn(50, 6, 2, generator=generator(0))
    plain, learning = steps(inputs, params, None), steps(inputs.requires_grad_(), params, name)
    assert plain[1].sum() > 20
    assert all(torch.equal(a, b) for a, b in zip(plain, learning, strict=True))
    assert not plain[1].requires_grad  # the default has no gradient
    learning[1].sum().backward()
    assert inputs.grad is not None
    assert (inputs.grad != 0).float().mean() > 0.3


@pytest.mark.parametrize("params", PARAMS, ids=str)
@pytest.mark.parametrize("kind", [FastSigmoid, Arctan])
def test_gradients_through_time(params: LIFParameters, kind: type) -> None:
    # A smooth function whose sign is that of the hard spikes takes their place: potentials then
    # have true derivatives wherever none is at its threshold.
    smooth = kind(2.0).smooth
    inputs = 4.0 * torch.randn(8, 3, generator=generator(1), dtype=torch.float64)

    def call(inputs: Tensor) -> tuple[Tensor, Tensor]:
        return steps(inputs, params, lambda v, v_th: smooth(v - v_th))

    v, spikes = call(inputs)
    assert (spikes > 0).any()
    assert ((v - 1.0).abs() > 1e-3).all()
    assert torch.autograd.gradcheck(call, inputs.requires_grad_())


def test_one_step_by_hand() -> None:
    # v = 0.9 u + jump; spikes of both steps; the reset cuts neuron 1 off from its first step.
    params = LIFParameters(tau_m=-1.0 / math.log(0.9))
    inputs = torch.tensor([[0.5, 1.5], [0.25, 0.25]], dtype=torch.float64).requires_grad_()
    state = LIFState.rest(params, inputs[0])
    for jump in inputs:
        state = lif_step(jump, state, params, 1.0, surrogate=FastSigmoid(1.0))
    state.spikes.sum().backward()
    slopes = [1.0 / (1.0 + 0.3) ** 2, 1.0 / (1.0 + 0.75) ** 2]  # at v = 0.7 and 0.25
    expected = torch.tensor([[0.9 * slopes[0], 0.0], slopes], dtype=torch.float64)
    torch.testing.assert_close(inputs.grad, expected)


def test_a_layer_learns_until_it_is_cut_off() -> None:
    layer, jump = LIFLayer(3, surrogate="arctan"), torch.full((3, 2), 0.4, requires_grad=True)
    layer(jump)
    before = layer.v.clone()
    layer.detach_state()
    assert torch.equal(layer.v, before)
    second = torch.full((3, 2), 0.4, requires_grad=True)
    layer(second).sum().backward()
    assert jump.grad is None
    slope = Arctan().derivative(layer.v.detach() - 1.0)
    torch.testing.assert_close(second.grad, slope)
    assert "surrogate=Arctan(slope=2.0)" in repr(layer)
    assert LIFLayer(3)(torch.ones(3, requires_grad=True)).requires_grad is False


def test_a_layer_moves_with_its_state() -> None:
    layer = LIFLayer(2, tau_m=torch.tensor([5.0, 50.0]), t_ref=2.0)
    layer(torch.tensor([0.3, 2.0]))
    layer.double()
    layer(torch.tensor([0.1, 0.1], dtype=torch.float64))
    assert layer.v.dtype == torch.float64
    expected = math.exp(-1.0 / 5.0) * 0.3 + 0.1
    assert layer.v.tolist() == pytest.approx([expected, 0.0], abs=1e-7)


def test_surrogates_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"Unknown surrogate 'box'; available: \['arctan', 'fast_"):
        LIFLayer(2, surrogate="box")
    with pytest.raises(TypeError, match=r"written with brackets: 'FastSigmoid\(\)'"):
        surrogate_of(FastSigmoid)
    with pytest.raises(TypeError, match=r"must be a name, a function .* \(got 3\)"):
        surrogate_of(3)  # type: ignore[arg-type]
    for kind in (FastSigmoid, Arctan):
        with pytest.raises(ValueError, match=r"'slope' must be a positive number .* \(got 0.0\)"):
            kind(0.0)
    assert surrogate_of(None) is None
