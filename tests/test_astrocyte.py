import math
from typing import Any

import pytest
import torch
from helpers import assert_same, frozen, generator, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from pyngn_graph import Astrocyte, LIFParameters, TriglialReservoir

seeds = st.integers(0, 2**31)
NO_ARRIVALS = torch.zeros(0, dtype=torch.bool)


def isolated(num_nodes: int, **attributes: Any) -> Data:
    return graph_of(num_nodes, [], **attributes)


def live(cell: Astrocyte, data: Data, spikes: Tensor) -> Data:
    """Lets ``cell`` watch ``spikes`` ``[T, N]``."""
    data = cell.prepare(data.clone())
    for now in spikes:
        cell.observe(data, NO_ARRIVALS, now.bool())
        data = cell.forward(data)
    return data


# Calcium


@pytest.mark.parametrize("dt", [0.5, 1.0])
def test_mean_calcium_is_rate_times_dt(dt: float) -> None:
    rate = 40.0
    interval = round(1000.0 / rate / dt)
    cell = Astrocyte(target_rate=rate, tau_ca=50.0)
    data = cell.prepare(isolated(1, dt=dt))
    seen = []
    for t in range(60 * interval):
        cell.observe(data, NO_ARRIVALS, torch.tensor([t % interval == 0]))
        seen.append(float(data.calcium))
    mean = sum(seen[-interval:]) / interval
    assert mean == pytest.approx(rate * dt / 1000.0, rel=1e-4)
    assert cell.target(dt) == pytest.approx(rate * dt / 1000.0)


def test_calcium_after_one_spike_decays_exponentially() -> None:
    cell = Astrocyte(tau_ca=25.0)
    spikes = torch.zeros(40, 2)
    spikes[3, 0] = 1.0
    data = live(cell, isolated(2, dt=0.5), spikes)
    kappa = math.exp(-0.5 / 25.0)
    assert float(data.calcium[0]) == pytest.approx((1 - kappa) * kappa**36, rel=1e-5)
    assert float(data.calcium[1]) == 0.0


@given(seed=seeds)
def test_calcium_is_a_share_of_time(seed: int) -> None:
    spikes = (torch.rand(60, 5, generator=generator(seed)) < 0.5).float()
    calcium = live(Astrocyte(tau_ca=8.0), isolated(5), spikes).calcium
    assert ((calcium >= 0) & (calcium <= 1)).all()


# Gain


def test_rules_by_hand() -> None:
    data = isolated(2, gain=torch.tensor([2.0, 0.5]), calcium=torch.tensor([0.3, 0.0]))
    additive = Astrocyte(rho=0.1, eta=0.5, rule="additive")(data)
    assert additive.gain.tolist() == pytest.approx([2.0 + 0.5 * (0.1 - 0.3), 0.5 + 0.5 * 0.1])
    other = Astrocyte(rho=0.1, eta=0.25, rule="multiplicative")(data)
    assert other.gain.tolist() == pytest.approx([2.0 * (1 + 0.25 * (1 - 3)), 0.5 * 1.25])


@pytest.mark.parametrize("rule", ["additive", "multiplicative"])
def test_gain_rests_where_calcium_is_at_its_target(rule: str) -> None:
    for calcium, moves in ((0.125, 0.0), (0.25, -1.0), (0.0625, 1.0)):
        data = isolated(1, calcium=torch.tensor([calcium]))
        gain = Astrocyte(rho=0.125, eta=0.1, rule=rule)(data).gain - 1.0
        assert float(gain.sign()) == moves


def test_default_learning_rates_belong_to_the_rules() -> None:
    data = isolated(1, calcium=torch.zeros(1))
    assert float(Astrocyte()(data).gain) == pytest.approx(1.001)
    assert float(Astrocyte(rule="additive")(data).gain) == pytest.approx(1 + 0.02 * 0.02)
    assert Astrocyte().rule == "multiplicative"


@given(seed=seeds, rule=st.sampled_from(["additive", "multiplicative"]))
def test_gain_keeps_its_bounds(seed: int, rule: str) -> None:
    spikes = torch.rand(80, 6, generator=generator(seed)) < torch.linspace(0, 1, 6)
    cell = Astrocyte(rho=0.3, eta=0.3, tau_ca=3.0, min_gain=0.7, max_gain=1.6, rule=rule)
    gain = live(cell, isolated(6), spikes).gain
    assert float(gain.min()) == pytest.approx(0.7)
    assert float(gain.max()) == pytest.approx(1.6)


def test_the_multiplicative_rule_does_not_know_the_scale_of_weights(backend: str) -> None:
    """Weights times 4 and first gains over 4: the same life, to the bit."""
    graph = random_graph(3, num_nodes=12, num_edges=60, weight=0.6)
    cell = Astrocyte(rho=0.05, eta=0.02, rule="multiplicative", min_gain=1e-6, max_gain=1e6)
    runs = []
    for scale in (1.0, 4.0):
        scaled = graph.clone()
        scaled.edge_weight = graph.edge_weight * scale
        scaled.gain = torch.full((12,), 1.0 / scale)
        reservoir = TriglialReservoir(scaled, glia=[cell], backend=backend)
        runs.append(reservoir.adapt(random_drive(1, 200, 12), record=["v", "gain"]))
    assert runs[0].events.size(0) > 100
    assert torch.equal(runs[0].events, runs[1].events)
    assert torch.equal(runs[0].traces["v"], runs[1].traces["v"])
    assert torch.equal(runs[0].traces["gain"], 4.0 * runs[1].traces["gain"])


@pytest.mark.parametrize(
    ("rule", "weight"), [("multiplicative", 0.03), ("multiplicative", 3.0), ("additive", 0.6)]
)
def test_rates_settle_at_the_target(rule: str, weight: float) -> None:
    graph = random_graph(1, num_nodes=60, num_edges=480, max_delay=10, weight=weight)
    eta = 5e-3 if rule == "multiplicative" else 0.05
    cell = Astrocyte(target_rate=30.0, tau_ca=100.0, eta=eta, rule=rule, max_gain=1e4)
    reservoir = TriglialReservoir(graph, 1, LIFParameters(t_ref=2.0), [cell], stateful=True)
    reservoir.adapt(random_drive(3, 8000, 1, low=-1.0, high=1.0))
    late = reservoir.adapt(random_drive(4, 2000, 1, low=-1.0, high=1.0))
    assert float(late.rates().mean()) == pytest.approx(30.0, rel=0.2)


def test_gain_acts_on_the_recurrent_input_alone(backend: str) -> None:
    graph = graph_of(2, [(0, 1, 0.25, 1)], gain=torch.tensor([7.0, 2.0]))
    reservoir = TriglialReservoir(graph, backend=backend)
    drive = torch.zeros(4, 2)
    drive[0, 0] = 30.0
    v = reservoir.run(drive, record="v").traces["v"][0]
    plain = TriglialReservoir(graph_of(2, []), backend=backend)
    assert torch.equal(v[:, 0], plain.run(drive, record="v").traces["v"][0, :, 0])
    assert float(v[1, 1]) == 0.5


# Territories


def test_a_territory_of_one_is_the_neuron_itself() -> None:
    spikes = (torch.rand(50, 8, generator=generator(0)) < 0.2).float()
    graph = random_graph(5, num_nodes=8)
    alone = live(Astrocyte(eta=0.1), graph, spikes)
    small = live(Astrocyte(eta=0.1, territory=1e-3), graph, spikes)
    torch.testing.assert_close(small.gain, alone.gain, atol=1e-6, rtol=0)


def test_a_territory_senses_the_mean_of_its_members() -> None:
    pos = torch.tensor([[0.0, 0, 0], [10, 0, 0], [20, 0, 0], [500, 0, 0]])
    calcium = torch.tensor([0.4, 0.1, 0.0, 0.8])
    cell = Astrocyte(rho=0.1, eta=1.0, rule="additive", territory=10.0)
    data = cell(isolated(4, pos=pos, calcium=calcium))
    # The bound is part of the territory: neuron 1 has both neighbors.
    sensed = [0.5 / 2, 0.5 / 3, 0.1 / 2, 0.8]
    assert data.gain.tolist() == pytest.approx([1 + 0.1 - c for c in sensed])


def test_one_territory_for_all_moves_all_gains_alike() -> None:
    spikes = (torch.rand(50, 8, generator=generator(0)) < 0.2).float()
    data = live(Astrocyte(eta=0.1, territory=1e6), random_graph(5, num_nodes=8), spikes)
    assert data.gain.unique().numel() == 1


def test_another_radius_is_another_territory() -> None:
    """A graph that lived with one astrocyte can go on with another."""
    graph = random_graph(5, num_nodes=8, calcium=torch.rand(8, generator=generator(1)))
    wide, narrow = (Astrocyte(rule="additive", territory=radius) for radius in (1e6, 1e-3))
    moved = narrow(wide(graph)).gain - wide(graph).gain
    torch.testing.assert_close(moved, narrow(graph).gain - 1.0, atol=1e-6, rtol=0)


# A transform like any other


@pytest.mark.parametrize("territory", [None, 120.0])
def test_astrocytes_leave_their_input_alone(territory: float | None) -> None:
    graph = random_graph(2, gain=torch.ones(8), calcium=torch.full((8,), 0.5))
    before = frozen(graph)
    cell = Astrocyte(territory=territory)
    once = Compose([cell])(graph)
    assert_same(graph, before)
    after = frozen(once)
    Compose([cell, cell])(once)
    assert_same(once, after)
    assert not torch.equal(once.gain, graph.gain)


def test_repr_and_config_show_every_parameter() -> None:
    cell = Astrocyte(target_rate=15.0, rule="multiplicative", territory=80.0)
    assert repr(cell) == (
        "Astrocyte(rho=None, target_rate=15.0, tau_ca=200.0, eta=None, min_gain=0.01, "
        "max_gain=100.0, rule='multiplicative', territory=80.0)"
    )
    assert repr(Astrocyte(**cell.config())) == repr(cell)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"rho": 0.0}, r"'rho' must lie in \[1e-09, 1\)"),
        ({"rho": 20.0}, r"a probability per step \(got 20.0\)"),
        ({"rho": math.nan}, "'rho'"),
        ({"rho": 0.1, "target_rate": 5.0}, r"'rho' \(per step\) or 'target_rate' \(Hz\), not both"),
        ({"target_rate": 0.0}, "'target_rate' must be positive, in Hz"),
        ({"target_rate": math.inf}, "'target_rate' must be positive"),
        ({"tau_ca": 0.0}, r"'tau_ca' must be positive \(got 0.0\)"),
        ({"eta": -1.0}, "'eta' must be positive"),
        ({"territory": math.nan}, "'territory' must be positive"),
        ({"min_gain": 2.0, "max_gain": 1.0}, r"0 <= min_gain < max_gain \(got 2.0, 1.0\)"),
        ({"max_gain": math.inf}, "min_gain < max_gain"),
        ({"rule": "log"}, r"Unknown rule 'log'; available: \['additive', 'multiplicative'\]"),
    ],
)
def test_parameters_out_of_range(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Astrocyte(**wrong)


def test_what_a_graph_lacks() -> None:
    with pytest.raises(ValueError, match="needs 'pos'; set it or leave 'territory' out"):
        TriglialReservoir(isolated(2), glia=[Astrocyte(territory=10.0)])
    with pytest.raises(ValueError, match=r"less than 1e-09 spikes per step of 1\.0 ms"):
        Astrocyte(target_rate=1e-30).target(1.0)
    with pytest.raises(ValueError, match=r"more than one spike per step of 1\.0 ms"):
        Astrocyte(target_rate=2000.0)(isolated(2))
