"""Delays between whole steps."""

import math

import pytest
import torch
from helpers import generator, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import DelayedSpikeConv
from pyngn_graph.interpolation import DelayKernel

KERNELS = [DelayKernel(), DelayKernel(width=3.5), DelayKernel("gaussian", 0.4)]


def shares(kernel: DelayKernel, delay: float, max_delay: int) -> dict[int, float]:
    steps, share = kernel(torch.tensor([delay], dtype=torch.float64), max_delay)
    pairs = zip(steps[0].tolist(), share[0].tolist(), strict=True)
    return {step: part for step, part in pairs if part > 0.0}


def test_width_1_is_linear_interpolation() -> None:
    assert shares(DelayKernel(), 3.25, 9) == {3: 0.75, 4: 0.25}
    assert shares(DelayKernel(), 3.75, 9) == {3: 0.25, 4: 0.75}
    for whole in (1.0, 5.0, 9.0):
        assert shares(DelayKernel(), whole, 9) == {int(whole): 1.0}


def test_wider_kernels_by_hand() -> None:
    assert shares(DelayKernel(width=2.0), 4.0, 9) == {3: 0.25, 4: 0.5, 5: 0.25}
    found = shares(DelayKernel("gaussian", 1.0), 4.0, 9)
    heights = [math.exp(-0.5 * (step - 4) ** 2) for step in range(1, 8)]
    assert list(found) == list(range(1, 8))
    assert list(found.values()) == pytest.approx([h / sum(heights) for h in heights])


@given(
    kernel=st.sampled_from(KERNELS),
    max_delay=st.integers(1, 12),
    place=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=5),
)
def test_shares_add_up_within_the_range(
    kernel: DelayKernel, max_delay: int, place: list[float]
) -> None:
    delay = 1.0 + (max_delay - 1) * torch.tensor(place, dtype=torch.float64)
    steps, share = kernel(delay, max_delay)
    assert steps.min() >= 1
    assert steps.max() <= max_delay
    assert (share >= 0).all()
    torch.testing.assert_close(share.sum(dim=1), torch.ones_like(delay))
    # The nearest whole step has the greatest share.
    best = steps.gather(1, share.argmax(dim=1, keepdim=True)).squeeze(1)
    assert ((best - delay).abs() <= 0.5 + 1e-9).all()


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_shares_have_true_slopes(kernel: DelayKernel) -> None:
    delay = torch.tensor([1.2, 4.7, 9.4, 6.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda delay: kernel(delay, 10)[1], delay)


@pytest.mark.parametrize(("delay", "slope"), [(1.0, 0.5), (4.0, 0.0), (9.0, -0.5), (4.25, 1.0)])
def test_slope_of_a_tent_at_whole_steps(delay: float, slope: float) -> None:
    # Signals that rise to step 4 and fall behind it; at the ends of the range one side is left.
    signal = torch.tensor([0, 0, 0, 0, 0, 1, 2, 3, 4, 4.0]) if delay == 4.25 else None
    steps, share = DelayKernel()(point := torch.tensor([delay], requires_grad=True), 9)
    values = -(steps - 4.0).abs() if signal is None else signal[steps]
    (grad,) = torch.autograd.grad((share * values).sum(), point)
    assert grad.item() == pytest.approx(slope)


def test_a_spike_in_parts_is_a_weighted_sum_of_spikes() -> None:
    graph = random_graph(3, num_nodes=5, num_edges=20, max_delay=7)
    history = torch.rand(7, 5, 2, generator=generator(3), dtype=torch.float64)
    delay = 1.0 + 6.0 * torch.rand(20, generator=generator(4), dtype=torch.float64)
    steps, share = DelayKernel(width=2.0)(delay, 7)
    mask = torch.rand(20, generator=generator(5)) < 0.7
    weight, conv = graph.edge_weight.double(), DelayedSpikeConv()
    found = conv(history, 11, graph.edge_index, weight, steps, mask, share)
    expected = sum(
        conv(history, 11, graph.edge_index, weight * share[:, k], steps[:, k], mask)
        for k in range(steps.size(1))
    )
    torch.testing.assert_close(found, expected)


def test_the_layer_has_true_slopes_in_everything() -> None:
    graph = random_graph(6, num_nodes=4, num_edges=9, max_delay=5)
    history = torch.rand(5, 4, generator=generator(6), dtype=torch.float64, requires_grad=True)
    weight = graph.edge_weight.double().requires_grad_()
    delay = 1.1 + 3.7 * torch.rand(9, generator=generator(7), dtype=torch.float64)
    conv, kernel = DelayedSpikeConv(), DelayKernel(width=1.5)

    def call(history: Tensor, weight: Tensor, delay: Tensor) -> Tensor:
        steps, share = kernel(delay, 5)
        out: Tensor = conv(history, 3, graph.edge_index, weight, steps, None, share)
        return out

    assert torch.autograd.gradcheck(call, (history, weight, delay.requires_grad_()))


def test_kernels_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"Unknown shape 'box'; available: \['gaussian', 'tri"):
        DelayKernel("box")
    with pytest.raises(ValueError, match=r"'width' of a triangle .* at least 1 step \(got 0.5\)"):
        DelayKernel(width=0.5)
    with pytest.raises(ValueError, match=r"'width' must be a positive number .* \(got 0.0\)"):
        DelayKernel("gaussian", 0.0)
