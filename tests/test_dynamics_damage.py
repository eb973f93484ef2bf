import math

import pytest
import torch
from torch import Tensor

import pyngn_graph as ng
from pyngn_graph.analysis.dynamics import (
    damage_spreading,
    derrida_map,
    extra_spikes,
    hamming_distance,
    lyapunov_exponent,
    perturb,
)
from tests.helpers import assert_same, assert_same_run, frozen, generator, graph_of, random_graph


def ring(num_nodes: int, step: int = 1, weight: float = 2.0) -> ng.TriglialReservoir:
    """Every neuron excites the next above threshold, one step later."""
    edges = [(i, (i + step) % num_nodes, weight, 1) for i in range(num_nodes)]
    return ng.TriglialReservoir(graph_of(num_nodes, edges))


def silence(num_trials: int, num_steps: int, num_nodes: int) -> Tensor:
    return torch.zeros(num_trials, num_steps, num_nodes)


# --- the perturbation itself


@pytest.mark.parametrize("in_channels", [None, 2])
def test_a_perturbed_pair_starts_as_the_reservoir_itself(in_channels: int | None) -> None:
    reservoir = ng.TriglialReservoir(
        random_graph(gain=torch.linspace(0.5, 2.0, 8)),
        in_channels=in_channels,
        glia=[ng.Astrocyte()],
        neuron=ng.LIFParameters(tau_m=torch.linspace(5.0, 30.0, 8), t_ref=2.0, v_min=-1.0),
        bias=(0.5, 1.5),
        hold=3,
        in_flight="emission",
        seed=3,
    )
    reservoir.adapt(torch.rand(1, 20, in_channels or 8))  # gains of its own
    before = frozen(reservoir.graph)
    x = torch.randn(4, 30, in_channels or 8, generator=generator(0))
    shift = torch.zeros(4, 8)
    shift[1] = 0.01
    shift[2, 5] = torch.inf
    one, two = perturb(reservoir, x, shift, at=50, record=("v",))
    assert_same_run(one, reservoir.run(x, record=("v",)))
    assert_same(reservoir.graph, before)
    assert one.events.size(0) > 20
    assert torch.equal(one.traces["v"][:, :50], two.traces["v"][:, :50])
    assert torch.equal(one.traces["v"][0], two.traces["v"][0])
    moved = (two.traces["v"] - one.traces["v"])[1, 50]
    free = one.traces["v"][1, 50] != 0.0  # neurons that are refractory stay at v_reset
    torch.testing.assert_close(moved[free], torch.full_like(moved[free], 0.01), rtol=1e-3, atol=0)
    assert int(free.sum()) >= 4
    assert two.spikes()[2, 50, 5]


def test_extra_spikes_are_drawn_for_each_trial() -> None:
    shift = extra_spikes(50, 10, 3, generator=generator(0))
    assert torch.equal(shift.isinf().sum(dim=1), torch.full((50,), 3))
    assert torch.equal(shift, extra_spikes(50, 10, 3, generator=generator(0)))
    assert bool(shift.isinf().any(dim=0).all())
    with pytest.raises(ValueError, match=r"10 neurons \(got 11\)"):
        extra_spikes(2, 10, 11, generator=generator(0))


def test_an_extra_spike_overcomes_any_inhibition() -> None:
    graph = graph_of(2, [(0, 1, -50.0, 1)])
    reservoir = ng.TriglialReservoir(graph)
    x = silence(1, 20, 2)
    x[0, 9, 0] = 1e4
    shift = torch.tensor([[0.0, torch.inf]])
    one, two = perturb(reservoir, x, shift, at=11)
    assert one.events.tolist() == [[0, 9, 0]]
    assert two.events.tolist() == [[0, 9, 0], [0, 11, 1]]


def test_hamming_distance_by_hand() -> None:
    a = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]]).bool()
    b = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0]]).bool()
    assert hamming_distance(a, b).tolist() == [0.5, 0.0]
    with pytest.raises(ValueError, match="same shape"):
        hamming_distance(a, b[0])


# --- damage spreading


def test_a_silent_network_forgets_an_extra_spike() -> None:
    reservoir = ng.TriglialReservoir(graph_of(10, []))
    found = damage_spreading(
        reservoir, silence(6, 100, 10), at=20, window=50, generator=generator(0)
    )
    assert found.share == 0.0
    assert bool(found.hit.all())
    assert found.distance.shape == (6, 80)
    torch.testing.assert_close(found.distance[:, 0], torch.full((6,), 0.1).double())
    assert float(found.distance[:, 1:].max()) == 0.0


def test_a_spike_runs_round_a_ring_for_ever() -> None:
    found = damage_spreading(
        ring(10), silence(6, 100, 10), at=20, count=2, window=10, generator=generator(0)
    )
    assert found.share == 1.0
    torch.testing.assert_close(found.distance, torch.full((6, 80), 0.2).double())


def test_a_trial_that_fires_anyway_is_not_hit() -> None:
    reservoir = ng.TriglialReservoir(graph_of(4, []), bias=1e3)
    found = damage_spreading(reservoir, silence(3, 50, 4), at=9, window=5, generator=generator(0))
    assert not bool(found.hit.any())
    assert math.isnan(found.share)


def test_damage_tells_order_from_chaos() -> None:
    # Driven by noise, with weights that do next to nothing and with strong ones.
    neuron = ng.LIFParameters(tau_m=10.0, t_ref=2.0, v_min=-2.0)
    x = 1.5 * torch.randn(16, 300, 60, generator=generator(2))
    share = []
    for weight in (0.02, 0.3):
        graph = random_graph(seed=1, num_nodes=60, num_edges=600, max_delay=5, weight=weight)
        reservoir = ng.TriglialReservoir(graph, neuron=neuron, bias=0.6)
        found = damage_spreading(reservoir, x, at=100, window=20, generator=generator(3))
        assert int(found.hit.sum()) > 12
        share.append(found.share)
    assert share[0] < 0.1
    assert share[1] > 0.9


# --- Derrida map


def test_a_permutation_keeps_damage_as_large_as_it_is() -> None:
    found = derrida_map(
        ring(20, step=7), silence(4, 30, 20), (1, 3, 20), at=10, horizon=1, generator=generator(0)
    )
    forced = torch.tensor([1.0, 3.0, 20.0]).double().unsqueeze(1).expand(3, 4)
    torch.testing.assert_close(20 * found.before, forced)
    assert torch.equal(found.after, found.before)


def test_the_slope_of_the_map_is_the_number_of_targets() -> None:
    edges = [(i, (i + k) % 30, 2.0, 4) for i in range(30) for k in (1, 2, 3)]
    reservoir = ng.TriglialReservoir(graph_of(30, edges))
    x = silence(5, 20, 30)
    found = derrida_map(reservoir, x, (1, 30), at=2, horizon=4, generator=generator(0))
    torch.testing.assert_close(30 * found.before[0], torch.ones(5).double())
    torch.testing.assert_close(found.after[0] / found.before[0], torch.full((5,), 3.0).double())
    assert torch.equal(found.after[1], torch.ones(5).double())  # the map saturates
    early = derrida_map(reservoir, x, (1, 30), at=2, horizon=3, generator=generator(0))
    assert float(early.after.max()) == 0.0  # nothing has arrived


def test_damage_of_a_regular_tree() -> None:
    # Layers of 1, 4, 16 neurons.
    edges = [(i, 4 * i + 1 + k, 2.0, 1) for i in range(5) for k in range(4)]
    reservoir = ng.TriglialReservoir(graph_of(21, edges))
    shift = torch.zeros(1, 21)
    shift[0, 0] = torch.inf
    one, two = perturb(reservoir, silence(1, 8, 21), shift, at=3)
    distance = 21 * hamming_distance(one.spikes(), two.spikes())[0]
    torch.testing.assert_close(distance, torch.tensor([0, 0, 0, 1, 4, 16, 0, 0]).double())


# --- Lyapunov exponent


@pytest.mark.parametrize(("tau_m", "dt"), [(20.0, 1.0), (7.0, 0.5)])
def test_uncoupled_membranes_contract_at_their_own_rate(tau_m: float, dt: float) -> None:
    neuron = ng.LIFParameters(tau_m=tau_m)
    reservoir = ng.TriglialReservoir(graph_of(5, []), neuron=neuron, dt=dt, bias=0.5)
    shift = 0.1 * torch.randn(3, 5, generator=generator(0))
    one, two = perturb(reservoir, silence(3, 160, 5), shift, at=100, record=("v",))
    found = lyapunov_exponent(one.traces["v"][:, 100:], two.traces["v"][:, 100:], one.dt)
    assert math.isclose(found.exponent, -1.0 / tau_m, rel_tol=1e-3)
    torch.testing.assert_close(found.distance[:, 0], shift.norm(dim=1).double(), rtol=1e-4, atol=0)


def test_damage_in_a_binary_tree_doubles_with_each_step() -> None:
    depth, dt = 6, 0.5
    num_nodes = 2 ** (depth + 1) - 1
    edges = [(i, 2 * i + 1 + k, 2.0, 1) for i in range(2**depth - 1) for k in (0, 1)]
    graph = graph_of(num_nodes, edges)
    reservoir = ng.TriglialReservoir(graph, dt=dt, tau_trace=0.0)
    shift = torch.zeros(1, num_nodes)
    shift[0, 0] = torch.inf
    x = silence(1, depth + 4, num_nodes)
    one, two = perturb(reservoir, x, shift, at=2, record=("state",))
    found = lyapunov_exponent(one.traces["state"][:, 2:], two.traces["state"][:, 2:], dt)
    # 2^k spikes differ k steps later, a distance of 2^(k / 2); then all is silent and left out.
    assert math.isclose(found.exponent, 0.5 * math.log(2.0) / dt, rel_tol=1e-6)


def test_exponents_of_maps_of_known_answer() -> None:
    # The doubling map parts at ln 2 per step; a rotation keeps distances.
    x = torch.tensor([0.1234567, 0.1234567 + 2.0**-40], dtype=torch.float64)
    orbit = [x]
    for _ in range(30):
        x = (2.0 * x) % 1.0
        orbit.append(x)
    doubling = torch.stack(orbit)
    found = lyapunov_exponent(doubling[:, :1], doubling[:, 1:])
    assert math.isclose(found.exponent, math.log(2.0), rel_tol=1e-6)
    angle = torch.arange(50.0).double()
    a, b = (torch.stack([(angle + p).cos(), (angle + p).sin()], dim=1) for p in (0.0, 0.3))
    assert abs(lyapunov_exponent(a, b).exponent) < 1e-12


def test_trials_that_merge() -> None:
    t = torch.arange(10.0)
    a = torch.zeros(3, 10, 2)
    b = torch.zeros(3, 10, 2)
    b[0, :4, 0] = torch.exp(-0.5 * t[:4])  # merges at step 4
    b[1, 3, 1] = 1.0  # apart for a single step
    found = lyapunov_exponent(a, b, dt=2.0)
    expected = torch.tensor([-0.25, math.nan, math.nan]).double()
    torch.testing.assert_close(found.by_trial, expected, equal_nan=True, rtol=1e-6, atol=0)
    assert math.isclose(found.exponent, -0.25, rel_tol=1e-6)
    assert math.isnan(lyapunov_exponent(a, a).exponent)


# --- errors


def test_damage_errors() -> None:
    reservoir, x = ring(5), silence(2, 40, 5)
    g = generator(0)
    for at in (-1, 40, 2.5):
        with pytest.raises(ValueError, match=r"'at' must be one of the steps 0\.\.39"):
            perturb(reservoir, x, torch.zeros(2, 5), at=at)
    with pytest.raises(ValueError, match=r"'shift' must have shape \[2, 5\].*got \[5\]"):
        perturb(reservoir, x, torch.zeros(5), at=3)
    for bad in (math.nan, -math.inf):
        with pytest.raises(ValueError, match="'shift' must be finite"):
            perturb(reservoir, x, torch.full((2, 5), bad), at=3)
    deaf = ng.TriglialReservoir(graph_of(5, []), neuron=ng.LIFParameters(r_m=0.0))
    with pytest.raises(ValueError, match="r_m = 0"):
        perturb(deaf, x, torch.zeros(2, 5), at=3)
    with pytest.raises(ValueError, match=r"'window' must be shorter than the 30 steps"):
        damage_spreading(reservoir, x, at=10, window=30, generator=g)
    with pytest.raises(ValueError, match=r"below the 40 steps of the input \(got 30 \+ 10\)"):
        derrida_map(reservoir, x, at=30, horizon=10, generator=g)
    with pytest.raises(ValueError, match="'count'"):
        derrida_map(reservoir, x, (0,), at=3, horizon=10, generator=g)


def test_lyapunov_errors() -> None:
    a = torch.zeros(5, 2)
    with pytest.raises(ValueError, match=r"T >= 2 \(got \[5, 2\] and \[4, 2\]\)"):
        lyapunov_exponent(a, a[1:])
    with pytest.raises(ValueError, match="T >= 2"):
        lyapunov_exponent(a[:1], a[:1])
    with pytest.raises(ValueError, match="'b' must be finite"):
        lyapunov_exponent(a, a / 0.0)
    with pytest.raises(ValueError, match="'dt'"):
        lyapunov_exponent(a, a, dt=0.0)
