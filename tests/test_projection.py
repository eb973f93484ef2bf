import pytest
import torch
from helpers import generator, random_drive, random_graph
from hypothesis import given
from strategies import seeds
from torch import Tensor

from pyngn_graph import TriglialReservoir
from pyngn_graph.projection import Projection, project


def projection(num_nodes: int = 400, in_channels: int | None = 10, **how: object) -> Projection:
    chosen = {"scale": 1.0, "density": 1.0, "weight": None, "bias": None, "seed": 0, **how}
    return Projection(num_nodes, in_channels, **chosen)


def assert_bits(ours: Tensor, theirs: Tensor) -> None:
    """Equal to the last bit, the signs of zeros included."""
    found, expected = (each.contiguous().view(torch.int32) for each in (ours, theirs))
    assert torch.equal(found, expected)


@given(seed=seeds)
def test_currents_are_bias_plus_projected_input(seed: int) -> None:
    layer = projection(7, 3, seed=seed)
    x = random_drive(seed, 2, 5, 3, low=-1.0)
    assert layer.weight is not None
    expected = layer.bias.double() + x.double() @ layer.weight.double().t()
    found = layer(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected.permute(1, 2, 0), atol=1e-6, rtol=1e-6)


@given(seed=seeds)
def test_a_current_does_not_depend_on_what_is_computed_beside_it(seed: int) -> None:
    layer = projection(5, 40, seed=seed)
    x = random_drive(seed, 3, 6, 40, low=-100.0, high=100.0)
    together = layer(x)
    for b in range(3):
        for t in range(6):
            assert torch.equal(layer(x[b : b + 1, t : t + 1])[0, :, 0], together[t, :, b])


@pytest.mark.parametrize("reached", [0.0, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("active", [0.2, 1.0])
@given(seed=seeds)
def test_zeros_are_left_out_to_the_same_bits(reached: float, active: float, seed: int) -> None:
    g = generator(seed)
    spread = 10.0 ** torch.randint(-20, 15, (9, 40), generator=g)  # subnormal products among them
    weight = torch.randn(9, 40, generator=g) * spread * (torch.rand(9, 40, generator=g) < reached)
    x = torch.randn(3, 2, 40, generator=g) * (torch.rand(3, 2, 40, generator=g) < active)
    bias = torch.randn(9, generator=g).sign() * torch.tensor([0.0, -0.0, 1e-30] * 3)
    layer = projection(9, 40, weight=weight, bias=bias)
    assert_bits(layer(x), project(x, weight, bias))
    assert_bits(layer(-x.abs()), project(-x.abs(), weight, bias))


def test_an_order_of_channels_that_float64_can_tell() -> None:
    # 1e16 + 1 - 1e16 is 0 from the left, and would be 1 in another order.
    layer = projection(1, 3, weight=torch.tensor([[1e16, 1.0, -1e16]]), bias=0.0)
    assert layer(torch.ones(1, 1, 3)).item() == 0.0
    assert layer(torch.tensor([[[1.0, 0.0, 1.0]]])).item() == 0.0
    swapped = projection(1, 3, weight=torch.tensor([[1e16, -1e16, 1.0]]), bias=0.0)
    assert swapped(torch.ones(1, 1, 3)).item() == 1.0


def test_a_weight_that_is_edited_counts_at_once() -> None:
    layer, x = projection(6, 4), torch.ones(1, 1, 4)
    before = layer(x)
    layer.load_state_dict({**layer.state_dict(), "weight": torch.zeros(6, 4)})
    assert torch.equal(layer(x)[0, :, 0], layer.bias)
    layer.weight = torch.ones(6, 4)
    assert torch.equal(layer(x)[0, :, 0], (layer.bias.double() + 4.0).float())
    assert not torch.equal(layer(x), before)


@pytest.mark.parametrize("density", [1.0, 0.3])
def test_scale_is_the_deviation_of_the_current(density: float) -> None:
    layer = projection(4000, 10, scale=0.5, density=density, bias=0.0)
    current = layer(torch.randn(1, 50, 10, generator=generator(1)))
    assert float(current.std()) == pytest.approx(0.5, rel=0.05)
    assert float((layer.weight != 0).float().mean()) == pytest.approx(density, abs=0.02)


def test_biases() -> None:
    spread = projection().bias
    assert 0.7 <= float(spread.min()) < 0.72
    assert 1.08 < float(spread.max()) <= 1.1
    assert not projection(in_channels=None).bias.any()
    assert projection(bias=0.5).bias.tolist() == [0.5] * 400
    given = torch.rand(400, generator=generator(0))
    layer = projection(bias=given)
    given.zero_()
    assert layer.bias.all()
    pair = projection(bias=(-1.0, 0.0)).bias
    assert -1.0 <= float(pair.min()) < float(pair.max()) <= 0.0


def test_a_weight_of_your_own_is_copied_and_readable() -> None:
    weight = torch.rand(8, 2, dtype=torch.float64)
    reservoir = TriglialReservoir(random_graph(), 2, input_weight=weight)
    assert torch.equal(reservoir.input_weight, weight.float())
    weight.zero_()
    assert reservoir.input_weight.all()
    assert TriglialReservoir(random_graph()).input_weight is None


def test_inputs_of_any_real_type_and_one_trial() -> None:
    layer = projection(8, 2)
    for x in (torch.ones(3, 2), torch.ones(3, 2).long(), torch.ones(3, 2).bool()):
        signal, samples = layer.checked(x, None, None)
        assert signal.shape == (1, 3, 2)
        assert signal.dtype == torch.float32
        assert samples.tolist() == [3]
    silent, samples = layer.checked(None, 4, None)
    assert silent.shape == (1, 4, 0)
    assert torch.equal(layer(silent), layer.bias[:, None].expand(4, 8, 1))
