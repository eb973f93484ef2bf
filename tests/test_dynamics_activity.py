import math

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.analysis.dynamics import (
    branching_ratio,
    fano_factor,
    interval_cv,
    local_variation,
    measure_activity,
    population_count,
    spike_counts,
    synaptic_event_rate,
    synchrony,
)
from pyngn_graph.recording import Recording
from tests.helpers import generator, graph_of

NAN = math.nan


def recording(spikes: Tensor, lengths: list[int] | None = None, dt: float = 1.0) -> Recording:
    """A recording of ``spikes`` ``[B, T, N]``."""
    num_trials, num_steps, num_nodes = spikes.shape
    return Recording(
        events=spikes.nonzero(),
        traces={},
        states=torch.zeros(num_trials, num_nodes),
        synaptic_events=spikes.sum(dim=2),
        num_edges=torch.ones(num_trials, num_steps, dtype=torch.int64),
        lengths=torch.tensor([num_steps] * num_trials if lengths is None else lengths),
        graph=Data(num_nodes=num_nodes),
        every=1,
        dt=dt,
    )


def trains(*steps: list[tuple[int, int]], num_trials: int = 2, num_steps: int = 40) -> Recording:
    """A recording of neurons that fire at the given (trial, step)."""
    spikes = torch.zeros(num_trials, num_steps, len(steps), dtype=torch.bool)
    for node, events in enumerate(steps):
        for trial, step in events:
            spikes[trial, step, node] = True
    return recording(spikes)


def poisson(seed: int, p: float, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator(seed)) < p


# --- intervals


def test_intervals_by_hand() -> None:
    found = trains(
        [(0, 0), (0, 10), (0, 20), (1, 5), (1, 15)],  # a clock
        [(1, 0), (1, 2), (1, 10)],  # intervals 2 and 8
        [(0, 5), (0, 9), (1, 1), (1, 13)],  # 4 and 12, one in each trial
        [(0, 3), (0, 30), (1, 3)],  # one interval
        [],
    )
    cv = torch.tensor([0.0, 18.0**0.5 / 5.0, 32.0**0.5 / 8.0, NAN, NAN]).double()
    torch.testing.assert_close(interval_cv(found), cv, equal_nan=True)
    lv = torch.tensor([0.0, 3.0 * 0.6**2, NAN, NAN, NAN]).double()
    torch.testing.assert_close(local_variation(found), lv, equal_nan=True)


def test_poisson_neurons_are_irregular() -> None:
    p = 0.05
    found = recording(poisson(0, p, 4, 5000, 40))
    assert abs(float(interval_cv(found).mean()) - (1.0 - p) ** 0.5) < 0.01
    # A rate that changes slowly raises the CV but not the local variation.
    rate = torch.where(torch.arange(20_000) % 4000 < 2000, 0.002, 0.05)
    changing = recording(torch.rand(1, 20_000, 30, generator=generator(1)) < rate[:, None])
    assert float(interval_cv(changing).mean()) > 1.5
    assert abs(float(local_variation(changing).mean()) - 1.0) < 0.1


# --- counts


def test_counts_by_hand() -> None:
    found = trains([(0, 0), (0, 4), (0, 5), (1, 39)], [(0, 0), (1, 12)])
    counts = spike_counts(found, 5)
    assert counts.shape == (2, 8, 2)
    expected = torch.zeros(2, 8, 2, dtype=torch.int64)
    expected[0, 0] = torch.tensor([2, 1])
    expected[0, 1, 0] = expected[1, 7, 0] = expected[1, 2, 1] = 1
    assert torch.equal(counts, expected)
    for window in (1, 3, 5, 40):
        counts = spike_counts(found, window)
        assert torch.equal(population_count(found, window), counts.sum(dim=2))
    assert population_count(found, 3).shape == (2, 13)  # the last step is left out


def test_counts_end_with_the_shortest_trial() -> None:
    spikes = torch.zeros(2, 20, 1, dtype=torch.bool)
    spikes[0, :, 0] = True
    spikes[1, :9, 0] = True
    found = recording(spikes, lengths=[20, 9])
    assert population_count(found, 4).tolist() == [[4, 4], [4, 4]]
    with pytest.raises(ValueError, match=r"shortest trial, 9 steps \(got 10\)"):
        population_count(found, 10)
    with pytest.raises(ValueError, match="'window'"):
        spike_counts(found, 0)


# --- synchrony and fluctuations


def test_synchrony_of_clones_strangers_and_opposites() -> None:
    one = torch.randn(3, 2000, 1, generator=generator(0))
    assert math.isclose(synchrony(one.expand(-1, -1, 25)), 1.0, rel_tol=1e-6)
    strangers = torch.randn(3, 2000, 25, generator=generator(1))
    assert abs(synchrony(strangers) - 25**-0.5) < 0.02
    assert synchrony(torch.cat([one, -one], dim=2)) < 1e-6
    # Half of the variance is common: chi^2 = 1/2 + 1/2 / 25.
    mixed = synchrony(one + strangers)
    assert abs(mixed - (0.5 + 0.5 / 25) ** 0.5) < 0.02
    # Another level in each trial is no synchrony in time.
    assert synchrony(strangers + 9.0 * torch.arange(3.0)[:, None, None]) < 0.25
    assert math.isclose(synchrony(strangers[0] * 5.0), synchrony(strangers[0]), rel_tol=1e-6)
    assert math.isnan(synchrony(torch.ones(10, 3)))
    with pytest.raises(ValueError, match=r"got \[10\]"):
        synchrony(torch.ones(10))
    with pytest.raises(ValueError, match="'signal' must be finite"):
        synchrony(torch.full((10, 3), NAN))


def test_fano_factor() -> None:
    assert fano_factor(torch.tensor([0, 2, 0, 2])) == 1.0
    assert fano_factor(torch.tensor([[3, 3, 3], [5, 5, 5]])) == 0.0
    assert math.isnan(fano_factor(torch.zeros(4)))
    p = 0.1
    spikes = poisson(0, p, 1, 20_000, 30)
    assert abs(fano_factor(population_count(recording(spikes), 5)) - (1.0 - p)) < 0.05
    clones = spikes[:, :, :1].expand(-1, -1, 30)
    single = fano_factor(population_count(recording(spikes[:, :, :1]), 5))
    together = fano_factor(population_count(recording(clones), 5))
    assert math.isclose(together, 30.0 * single, rel_tol=1e-9)
    with pytest.raises(ValueError, match=r"got \[2, 3, 4\]"):
        fano_factor(torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match="'counts' must be finite"):
        fano_factor(torch.tensor([1.0, NAN]))


# --- a whole recording


def test_measures_of_a_reservoir() -> None:
    # Neuron 0 fires every 5th step of 0.5 ms into two of three edges; the others never.
    graph = graph_of(3, [(0, 1, 0.01, 1), (0, 2, 0.01, 3), (1, 2, 0.5, 1)])
    neuron = ng.LIFParameters(t_ref=2.0)
    reservoir = ng.TriglialReservoir(graph, neuron=neuron, dt=0.5)
    drive = torch.zeros(2, 400, 3)
    drive[:, ::5, 0] = 1000.0
    found = measure_activity(reservoir.run(drive), window=5)
    assert math.isclose(found.rate, 400.0 / 3.0, rel_tol=1e-6)
    assert math.isclose(found.silent, 2.0 / 3.0)
    assert found.cv == found.fano == 0.0
    assert math.isnan(found.synchrony)  # each window holds one spike: nothing varies
    assert math.isclose(found.synaptic_events, 2 * 400.0 / 1000.0)  # per ms


def test_silence_has_a_rate_and_a_cost_of_zero() -> None:
    silent = recording(torch.zeros(1, 50, 4, dtype=torch.bool), dt=0.1)
    found = measure_activity(silent)
    assert (found.rate, found.silent, found.synaptic_events) == (0.0, 1.0, 0.0)
    assert all(math.isnan(value) for value in (found.cv, found.synchrony, found.fano))
    assert synaptic_event_rate(recording(torch.ones(2, 50, 4) > 0, dt=0.1)) == 40.0


# --- branching


def branching_process(m: float, h: float, num_steps: int = 4000, seed: int = 0) -> Tensor:
    """Poisson offspring with mean m and immigration h in 30 trials, ``[B, T]``."""
    g, a = generator(seed), torch.full((30,), h / (1.0 - m))
    steps = []
    for _ in range(num_steps):
        a = torch.poisson(m * a + h, generator=g)
        steps.append(a)
    return torch.stack(steps[100:], dim=1)


@pytest.mark.parametrize("m", [0.6, 0.9, 0.97])
def test_branching_ratio_of_a_process_seen_as_a_whole(m: float) -> None:
    found = branching_ratio(branching_process(m, 3.0), max_lag=60)
    assert abs(found.m - m) < 0.01
    assert abs(found.naive - m) < 0.01
    assert abs(found.b - 1.0) < 0.02
    torch.testing.assert_close(found.fit, found.r, rtol=0, atol=0.05)


def test_subsampling_deceives_one_step_but_not_many() -> None:
    m, share = 0.95, 0.1
    whole = branching_process(m, 5.0)
    seen = torch.binomial(whole, torch.full_like(whole, share), generator=generator(1))
    found = branching_ratio(seen, max_lag=80, dt=4.0)
    # Var(A) = <A> / (1 - m^2), and counting adds share (1 - share) <A> to share^2 Var(A).
    b = share / (share + (1.0 - share) * (1.0 - m**2))
    assert abs(found.m - m) < 0.01
    assert abs(found.naive - b * m) < 0.03
    assert found.naive < 0.6
    assert abs(found.b - b) < 0.03
    assert math.isclose(found.tau, -4.0 / math.log(found.m))


def test_branching_ratio_by_hand() -> None:
    # Deviations 1, 1, -1, -1, repeated: r_1 = 0 and r_2 = -1 but for the ends; no decay fits.
    a = torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(100) + 5.0
    found = branching_ratio(a, max_lag=2)
    torch.testing.assert_close(found.r, torch.tensor([1 / 399, -1.0]).double())
    assert found.b < 0.01
    white = torch.randn(50_000, generator=generator(0))
    assert math.isnan(branching_ratio(white, max_lag=10).m)
    # Scale and offset do not matter.
    process = branching_process(0.8, 2.0, num_steps=500)
    one, two = branching_ratio(process), branching_ratio(7.0 * process - 3.0)
    assert math.isclose(one.m, two.m, rel_tol=1e-6)


def test_branching_ratio_errors() -> None:
    a = torch.rand(60, generator=generator(0))
    with pytest.raises(ValueError, match=r"T >= max_lag \+ 2 = 62 \(got \[60\]\)"):
        branching_ratio(a, max_lag=60)
    with pytest.raises(ValueError, match="'max_lag'"):
        branching_ratio(a, max_lag=0)
    with pytest.raises(ValueError, match="'activity' must vary"):
        branching_ratio(torch.zeros(60))
    with pytest.raises(ValueError, match="'activity' must be finite"):
        branching_ratio(a / 0.0)
    with pytest.raises(ValueError, match="'dt'"):
        branching_ratio(a, dt=0.0)
