import numpy as np
import pytest

from benchmarks.microcircuit import PUBLISHED, SIZES, TAU_SYN, draw, unit_psp


def test_weight_of_the_published_potential() -> None:
    # 0.15 mV from a current of 87.8 pA, as in the paper.
    assert 0.15 / unit_psp() == pytest.approx(87.8, abs=0.05)


@pytest.mark.parametrize("background", ["poisson", "constant"])
def test_scaling_keeps_the_mean_input_at_the_published_rates(background: str) -> None:
    """Mean current into each population, synapses, background and constant together."""
    mean = []
    for scale in (0.02, 0.05):
        circuit = draw(scale, background, seed=0)
        population = circuit["population"]
        sizes = np.bincount(population)
        rate = PUBLISHED[population[circuit["src"]]]
        current = np.bincount(population[circuit["dst"]], circuit["weight"] * rate) / sizes
        current += np.bincount(population, circuit["events"] * circuit["event_weight"]) / sizes
        mean.append(1e-3 * TAU_SYN * current + np.bincount(population, circuit["bias"]) / sizes)
    np.testing.assert_allclose(*mean, atol=0.02 * 375.0)  # the rheobase is 375 pA


def test_signs_delays_and_sizes() -> None:
    circuit = draw(0.02, "poisson", seed=1)
    inhibitory = circuit["population"][circuit["src"]] % 2 == 1
    assert (circuit["weight"][inhibitory] <= 0).all()
    assert (circuit["weight"][~inhibitory] >= 0).all()
    assert circuit["delay"].min() == 1
    assert circuit["delay"][~inhibitory].mean() == pytest.approx(15.4, abs=0.3)
    assert circuit["delay"][inhibitory].mean() == pytest.approx(7.7, abs=0.3)
    assert np.bincount(circuit["population"]).tolist() == np.round(SIZES * 0.02).tolist()
    twin = draw(0.02, "poisson", seed=1)
    assert all(np.array_equal(values, twin[name]) for name, values in circuit.items())
