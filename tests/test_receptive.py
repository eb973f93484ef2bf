import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds
from torch import Tensor

from pyngn_graph import TriglialReservoir
from pyngn_graph.generators import Tissue
from pyngn_graph.receptive import FIELDS, MARGIN, column_fields, gabor_fields


def lattice(side: int = 4) -> Tensor:
    pos: Tensor = Tissue(num_nodes=side**3, degree=0.0)().pos
    return pos


def centers(field: Tensor) -> Tensor:
    """Where the energy of each field ``[N, H, W]`` lies, (x, y) in pixels."""
    energy = field.double().square()
    total = energy.sum(dim=(1, 2))
    x = (energy.sum(dim=1) * torch.arange(field.size(2))).sum(dim=1) / total
    y = (energy.sum(dim=2) * torch.arange(field.size(1))).sum(dim=1) / total
    return torch.stack([x, y], dim=1)


@given(seed=seeds, polarities=st.sampled_from([1, 2]), scale=st.sampled_from([1.0, 8.0]))
def test_fields_are_balanced_and_of_one_norm(seed: int, polarities: int, scale: float) -> None:
    field = gabor_fields(lattice(3), 12, 20, polarities, scale=scale, seed=seed)
    assert field.shape == (27, polarities * 12 * 20)
    assert field.dtype == torch.float32
    torch.testing.assert_close(field.norm(dim=1), torch.full((27,), scale))
    even = field.view(27, polarities, -1).double().sum(dim=2)
    torch.testing.assert_close(even, torch.zeros_like(even), atol=1e-5 * scale, rtol=0.0)


def test_fields_end_at_three_sigma_around_the_place_of_the_neuron() -> None:
    pos = lattice()
    field = gabor_fields(pos, 28, 28, sigma=(1.5, 1.5)).view(-1, 28, 28)
    place = MARGIN + 21.0 * pos[:, :2] / 300.0  # 3 + 21 (x, y) / 9 on a lattice of ten sites
    right = torch.arange(28) - place[:, 0].view(-1, 1, 1)
    down = torch.arange(28).view(-1, 1) - place[:, 1].view(-1, 1, 1)
    inside = right.square() + down.square() <= 4.5**2
    assert not field[~inside].any()
    assert float((field[inside] != 0).double().mean()) > 0.99
    assert float((centers(field) - place).abs().max()) < 1.2
    assert float((centers(field) - place).mean(dim=0).abs().max()) < 0.2


def test_a_field_is_a_gabor_function() -> None:
    # A field in the middle of a large image has a mean near 0: it is one wave under its envelope.
    sigma = 3.0
    field = gabor_fields(torch.zeros(40, 3), 61, 61, scale=1.0, sigma=(sigma, sigma))
    spectrum = torch.fft.rfft2(field.view(-1, 61, 61)).abs()
    peak = spectrum.flatten(1).argmax(dim=1)
    down, right = torch.fft.fftfreq(61)[peak // 31], torch.fft.rfftfreq(61)[peak % 31]
    found = 1.0 / torch.hypot(down, right)
    assert float((found - 2.5 * sigma).abs().max()) < 1.2


def test_each_polarity_sees_the_same_field_times_a_factor() -> None:
    field = gabor_fields(lattice(), 16, 16, 2).view(64, 2, 256).double()
    on, off = field.unbind(dim=1)
    cosine = (on * off).sum(dim=1) / (on.norm(dim=1) * off.norm(dim=1))
    torch.testing.assert_close(cosine.abs(), torch.ones_like(cosine), atol=1e-5, rtol=0.0)
    assert 0.3 < float((cosine > 0).double().mean()) < 0.7


def test_columns_are_seen_nine_rows_at_a_time() -> None:
    pos = lattice(10)
    field = column_fields(pos, 28, scale=4.0)
    torch.testing.assert_close(field.norm(dim=1), torch.full((1000,), 4.0))
    for x in (0, 4, 9):
        row = math.floor(3 + 21 * x / 9 + 0.5)
        seen = (field[pos[:, 0] == 100.0 * x] != 0).all(dim=0).nonzero().flatten().tolist()
        assert seen == list(range(max(0, row - 4), min(27, row + 4) + 1))
        assert not field[pos[:, 0] == 100.0 * x][:, row + 5 :].any()


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_only_the_seed_and_the_shape_of_the_tissue_count(name: str) -> None:
    frame = (28,) if name == "columns" else (28, 28)
    pos = lattice()
    field = FIELDS[name](pos, *frame, seed=3)
    assert torch.equal(field, FIELDS[name](pos, *frame, seed=3))
    torch.testing.assert_close(field, FIELDS[name](7.0 * pos - 11.0, *frame, seed=3))
    assert not torch.equal(field, FIELDS[name](pos, *frame, seed=4))


def test_a_flat_tissue_looks_from_the_middle() -> None:
    pos = lattice()
    pos[:, 1] = 5.0
    field = gabor_fields(pos, 28, 28, sigma=(1.5, 1.5)).view(-1, 28, 28)
    assert not field[:, :9].any()
    assert not field[:, 19:].any()


def test_fields_are_the_input_weight_of_a_reservoir() -> None:
    graph = Tissue(num_nodes=27, seed=0)()
    field = gabor_fields(graph.pos, 8, 8)
    reservoir = TriglialReservoir(graph, in_channels=64, input_weight=field, pool=1)
    assert torch.equal(reservoir.input_weight, field)
    assert reservoir(torch.rand(2, 3, 64)).shape == (2, 27)


@pytest.mark.parametrize(
    ("how", "complaint"),
    [
        ({"pos": torch.zeros(3)}, r"'pos' must be finite positions \[N, 3\] \(got \[3\]\)"),
        ({"pos": torch.full((2, 3), math.nan)}, "'pos' must be finite positions"),
        ({"height": 6}, "'height' and 'width' must be whole numbers >= 7"),
        ({"width": 28.0}, "'height' and 'width' must be whole numbers >= 7"),
        ({"polarities": 0}, "'polarities' must be whole numbers >= 1"),
        ({"scale": -1.0}, "'scale' must be finite and not negative"),
        ({"sigma": (2.0, 1.0)}, "'sigma' must rise from at least 0.5 pixels"),
        ({"sigma": (0.1, 1.0)}, "'sigma' must rise from at least 0.5 pixels"),
    ],
)
def test_what_cannot_be_a_field(how: dict[str, object], complaint: str) -> None:
    arguments = {"pos": torch.zeros(2, 3), "height": 28, "width": 28} | how
    with pytest.raises(ValueError, match=complaint):
        gabor_fields(**arguments)


def test_a_field_of_rows_has_a_middle() -> None:
    with pytest.raises(ValueError, match="'rows' must be odd"):
        column_fields(torch.zeros(2, 3), 28, rows=8)
    with pytest.raises(ValueError, match="'rows' must be whole numbers >= 1"):
        column_fields(torch.zeros(2, 3), 28, rows=0)
