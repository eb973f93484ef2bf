import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyngn_graph.graph import MAX_DELAY
from pyngn_graph.recipes import suggest_max_delay, suggest_rho


@given(rate=st.floats(0.1, 100.0), sigma=st.floats(0.0, 0.85), dt=st.sampled_from([0.1, 0.5, 1.0]))
def test_the_target_leaves_the_share_sigma_to_the_recurrence(
    rate: float, sigma: float, dt: float
) -> None:
    rho = suggest_rho(rate, sigma, dt)
    assert 1.0 - (rate * dt / 1000.0) / rho == pytest.approx(sigma, abs=1e-9)


def test_targets_by_hand() -> None:
    assert suggest_rho(10.0) == pytest.approx(0.02)
    assert suggest_rho(28.0, 0.0) == pytest.approx(0.028)
    assert suggest_rho(10.0, 0.75, dt=0.5) == pytest.approx(0.02)


def test_delays_are_as_long_as_the_memory() -> None:
    assert suggest_max_delay(80.0) == 80
    assert suggest_max_delay(80.1) == 81
    assert suggest_max_delay(100.0, dt=0.5) == 200
    assert suggest_max_delay(MAX_DELAY) == MAX_DELAY


def test_what_cannot_be_suggested() -> None:
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="'rate' must be positive, in Hz"):
            suggest_rho(rate)
    for sigma in (-0.1, 1.0):
        with pytest.raises(ValueError, match=r"'sigma' must lie in \[0, 1\)"):
            suggest_rho(10.0, sigma)
    with pytest.raises(ValueError, match=r"ask for 2 spikes per step of 1.0 ms"):
        suggest_rho(200.0, 0.9)
    for memory in (0.0, MAX_DELAY + 1.0):
        with pytest.raises(ValueError, match=f"'memory' must be positive and at most {MAX_DELAY}"):
            suggest_max_delay(memory)
