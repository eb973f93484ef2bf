import math

import pytest
import torch
from torch import Tensor

from pyngn_graph.analysis.dynamics import (
    information_processing_capacity,
    kernel_quality,
    memory_capacity,
    processing,
    state_rank,
)
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.tasks import uniform_input
from tests.helpers import delay_line, generator

# --- memory capacity


@pytest.mark.parametrize("length", [1, 7, 20])
def test_a_delay_line_remembers_its_length(length: int) -> None:
    u = uniform_input(2000, generator=generator(0))
    found = memory_capacity(delay_line(u, length), u, max_lag=25)
    assert abs(found.total - length) < 0.05
    torch.testing.assert_close(found.r2[:length], torch.ones(length).double(), rtol=0, atol=1e-3)
    assert float(found.r2[length:].max()) < 0.03
    mixed = delay_line(u, length) @ torch.randn(length, length, generator=generator(1))
    assert abs(memory_capacity(mixed, u, max_lag=25).total - length) < 0.05


def test_noise_remembers_nothing_and_the_present_does_not_count() -> None:
    u = uniform_input(4000, generator=generator(0))
    noise = torch.randn(4000, 10, generator=generator(1))
    assert memory_capacity(noise, u).total < 0.2
    assert memory_capacity(noise, u, floor=0.0).total > memory_capacity(noise, u).total
    assert memory_capacity(torch.cat([u, noise], dim=1), u).total < 0.2


def test_noise_on_a_delay_line_costs_what_theory_says() -> None:
    # r^2 = 1 / (1 + noise / signal variance) at every lag it holds.
    u = uniform_input(8000, generator=generator(0))
    states = delay_line(u, 4) + (1.0 / 3.0) ** 0.5 * torch.randn(8000, 4, generator=generator(1))
    found = memory_capacity(states, u, max_lag=10)
    torch.testing.assert_close(found.r2[:4], torch.full((4,), 0.5).double(), rtol=0, atol=0.06)


def test_memory_capacity_options_and_errors() -> None:
    u = uniform_input(300, generator=generator(0))
    states = delay_line(u, 3)
    assert memory_capacity(states, u[:, 0], 5).total == memory_capacity(states, u, 5).total
    heavy = memory_capacity(states, u, 5, readout=RidgeReadout(1e-8), washout=50)
    assert abs(heavy.total - 3.0) < 0.1
    constant = memory_capacity(torch.ones(300, 2), u, 5)
    assert constant.total == 0.0
    with pytest.raises(ValueError, match=r"got \[299, 3\] and \[300\]"):
        memory_capacity(states[1:], u)
    with pytest.raises(ValueError, match="300 samples leave 1 rows"):
        memory_capacity(states, u, 299)
    with pytest.raises(ValueError, match="'max_lag'"):
        memory_capacity(states, u, 0)
    with pytest.raises(ValueError, match="'train_fraction'"):
        memory_capacity(states, u, 5, train_fraction=1.0)
    with pytest.raises(ValueError, match=r"'washout' must be a whole number >= 0 \(got -3\)"):
        memory_capacity(states, u, 5, washout=-3)
    with pytest.raises(ValueError, match="'u' must be finite"):
        memory_capacity(states, u / 0.0, 5)


# --- information processing capacity


def lagged(u: Tensor, lag: int) -> Tensor:
    return torch.roll(u.flatten(), lag)


def test_a_delay_line_computes_its_taps_and_nothing_else() -> None:
    u = uniform_input(3000, generator=generator(0))
    found = information_processing_capacity(delay_line(u, 5), u, 3, 8)
    assert found.rank == 5
    expected = torch.zeros(3, 9).double()
    expected[0, 1:6] = 1.0
    torch.testing.assert_close(found.by_lag[0], expected[0])
    assert float(found.by_lag[1:].sum()) < 0.1
    assert math.isclose(found.total, float(found.by_degree.sum()))
    mixed = delay_line(u, 5) @ torch.randn(5, 5, generator=generator(1)) + 3.0
    again = information_processing_capacity(mixed, u, 3, 8)
    torch.testing.assert_close(again.by_lag, found.by_lag, rtol=0, atol=1e-5)


def test_each_function_is_found_at_its_degree_and_its_longest_lag() -> None:
    u = uniform_input(4000, generator=generator(0))
    states = torch.stack(
        [
            lagged(u, 2).square(),
            lagged(u, 0) * lagged(u, 4),
            lagged(u, 1) * lagged(u, 3) * lagged(u, 5),
            (3.0 * lagged(u, 0).square() - 1.0) * lagged(u, 1),
        ],
        dim=1,
    )
    found = information_processing_capacity(states, u, 3, 6)
    for degree, lag in ((2, 2), (2, 4), (3, 5), (3, 1)):
        assert math.isclose(float(found.by_lag[degree - 1, lag]), 1.0, abs_tol=1e-6)
    assert math.isclose(found.total, 4.0, abs_tol=0.05)


def test_a_cube_is_84_percent_linear() -> None:
    # u^3 = 3/5 P_1 + 2/5 P_3, of variances 9/25/3 and 4/25/7 in 1/7.
    u = uniform_input(20_000, generator=generator(0))
    found = information_processing_capacity(u**3, u, 4, 2)
    torch.testing.assert_close(
        found.by_degree, torch.tensor([0.84, 0.0, 0.16, 0.0]).double(), rtol=0, atol=0.01
    )


def test_noise_computes_nothing_and_costs_what_theory_says() -> None:
    u = uniform_input(4000, generator=generator(0))
    noise = torch.randn(4000, 40, generator=generator(1))
    assert information_processing_capacity(noise, u, 3, 8).total == 0.0
    # A tap with noise of its own variance: half of it is left, unbiased beside 40 useless states.
    tap = lagged(u, 1) + (1.0 / 3.0) ** 0.5 * torch.randn(4000, generator=generator(2))
    found = information_processing_capacity(torch.cat([noise, tap.unsqueeze(1)], 1), u, 2, 4)
    assert abs(found.total - 0.5) < 0.03
    assert found.rank == 41
    assert 40 / 4000 < found.threshold < 0.03
    assert information_processing_capacity(noise, u, 3, 8, p_value=0.5).total > 0.0


def test_a_reservoir_without_noise_reaches_its_bound() -> None:
    # tanh units that forget: all of their variance is a function of the past input.
    u = uniform_input(6000, generator=generator(0))
    recurrent = 0.5 * torch.linalg.qr(torch.randn(6, 6, generator=generator(1)))[0]
    x, states = torch.zeros(6), []
    for value in u[:, 0]:
        x = torch.tanh(recurrent @ x + torch.linspace(0.2, 1.0, 6) * value + 0.3)
        states.append(x)
    found = information_processing_capacity(torch.stack(states), u, 4, (12, 10, 6, 4), washout=50)
    assert found.rank == 6
    assert 5.7 < found.total < 6.05
    assert float(found.by_degree[1]) > 0.3


def test_linear_part_agrees_with_memory_capacity_on_held_out_rows() -> None:
    u = uniform_input(6000, generator=generator(0))
    mixing = torch.randn(12, 20, generator=generator(1))
    states = delay_line(u, 12) @ mixing + torch.randn(6000, 20, generator=generator(2))
    linear = information_processing_capacity(states, u, 1, 15)
    assert abs(linear.total - memory_capacity(states, u, 15).total) < 0.15
    assert 4.0 < linear.total < 11.5


def test_number_of_functions_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    u = uniform_input(500, generator=generator(0))
    states = delay_line(u, 3).square()
    found = information_processing_capacity(states, u, 4, 5)
    # d units of degree over K + 1 lags.
    assert found.num_functions.tolist() == [math.comb(5 + d, d) for d in (1, 2, 3, 4)]
    by_degree = information_processing_capacity(states, u[:, 0], 3, (5, 3, 0))
    assert by_degree.num_functions.tolist() == [6, math.comb(5, 2), 1]
    monkeypatch.setattr(processing, "ENTRIES", 3500)
    small = information_processing_capacity(states, u, 4, 5)
    torch.testing.assert_close(small.by_lag, found.by_lag)
    nothing = information_processing_capacity(torch.ones(500, 2), u, 2, 3)
    assert (nothing.total, nothing.rank) == (0.0, 0)


def test_processing_capacity_errors() -> None:
    u = uniform_input(300, generator=generator(0))
    states = delay_line(u, 3)
    with pytest.raises(ValueError, match="'max_degree'"):
        information_processing_capacity(states, u, 0)
    with pytest.raises(ValueError, match=r"'max_lag' must be a whole number .* or 3 of them"):
        information_processing_capacity(states, u, 3, (5, 3))
    with pytest.raises(ValueError, match="'max_lag'"):
        information_processing_capacity(states, u, 2, -1)
    with pytest.raises(ValueError, match="'washout'"):
        information_processing_capacity(states, u, washout=-1)
    with pytest.raises(ValueError, match="'p_value'"):
        information_processing_capacity(states, u, p_value=0.0)
    with pytest.raises(ValueError, match="300 samples leave 5 rows"):
        information_processing_capacity(states, u, 1, 295)
    with pytest.raises(ValueError, match="300 samples leave 0 rows"):
        information_processing_capacity(states, u, 1, 400)
    with pytest.raises(ValueError, match=r"'max_lag'.*got 2\.5"):
        information_processing_capacity(states, u, 2, 2.5)  # type: ignore[arg-type]
    for wrong in (u + 1.0, u / 2.0 + 0.5, u / 2.0, u.sign()):
        with pytest.raises(ValueError, match=r"independent and uniform in \[-1, 1\]"):
            information_processing_capacity(states, wrong)
    with pytest.raises(ValueError, match=r"got \[299, 3\] and \[300\]"):
        information_processing_capacity(states[1:], u)


# --- rank


def test_rank_of_a_product_and_what_noise_makes_of_it() -> None:
    g = generator(0)
    states = torch.randn(300, 7, generator=g) @ torch.randn(7, 100, generator=g)
    assert state_rank(states).rank == 7  # float32 has left noise in all the rest
    noisy = states + 0.01 * torch.randn(300, 100, generator=g)
    assert state_rank(noisy).rank == 100
    found = state_rank(noisy, noise=0.011)
    assert found.rank == 7
    assert math.isclose(found.floor, 0.011 * (300**0.5 + 100**0.5))
    assert found.singular_values.shape == (100,)
    assert state_rank(states[:50]).rank == 7
    assert state_rank(noisy[:50]).rank == 50  # saturated: fewer states than features


def test_effective_rank_by_hand() -> None:
    axes = torch.cat([torch.eye(5), -torch.eye(5)])
    assert math.isclose(state_rank(axes + 7.0).effective, 5.0, rel_tol=1e-9)
    axes[:, 1:] = 0.0
    assert math.isclose(state_rank(axes).effective, 1.0)
    two = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])  # variances 9 : 1
    assert math.isclose(state_rank(two).effective, 10.0**2 / (81.0 + 1.0), rel_tol=1e-9)
    same = state_rank(torch.full((6, 4), 0.1))
    assert (same.rank, same.effective) == (1, 0.0)
    silent = state_rank(torch.zeros(6, 4))
    assert (silent.rank, silent.effective) == (0, 0.0)


def test_kernel_quality_against_generalization() -> None:
    g = generator(0)
    distinct = torch.randn(60, 40, generator=g)
    similar = torch.randn(1, 40, generator=g) + 1e-3 * torch.randn(60, 40, generator=g)
    found = kernel_quality(distinct, similar, noise=2e-3)
    assert (found.kernel.rank, found.generalization.rank, found.difference) == (40, 1, 39)
    assert kernel_quality(distinct, similar).difference == 0  # without the noise they look alike
    with pytest.raises(ValueError, match="got 40 and 39 features"):
        kernel_quality(distinct, similar[:, 1:])
    with pytest.raises(ValueError, match="'noise'"):
        state_rank(distinct, noise=-1.0)
    with pytest.raises(ValueError, match=r"shape \[M, F\].*got \[40\]"):
        state_rank(distinct[0])
    with pytest.raises(ValueError, match="'states' must be finite"):
        state_rank(distinct / 0.0)
