"""Signals on a graph."""

import doctest
from typing import Any

import pytest
import torch
from helpers import DATA, generator, random_graph
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv

import pyngn_graph as ng
from benchmarks.science import counties, raw
from pyngn_graph import signals

RING = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


def city(size: int = 6, seed: int = 0, weight: float = 0.4) -> Data:
    population, bridge = (
        ng.generators.ErdosRenyi(num_nodes=size, degree=2, weight=weight, max_delay=9, seed=s)()
        for s in (seed, seed + 1)
    )
    return ng.generators.replicate(population, RING, 4, bridge)


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


def test_currents_by_hand() -> None:
    weight = torch.tensor([[1.0, 0.5], [0.0, 2.0], [-1.0, 1.0]])
    population = random_graph(num_nodes=3, num_edges=4)
    graph = ng.generators.replicate(population, RING, 4)
    liquid = ng.SignalReservoir(graph, 2, input_weight=weight, bias=torch.tensor([0.1, 0.2, 0.3]))
    x = torch.zeros(5, 4, 2)
    x[2, 1] = torch.tensor([2.0, 4.0])
    found = liquid.currents(x)
    assert found.shape == (1, 5, 12)
    assert found[0, 2].tolist() == [0, 0, 0, 4.0, 8.0, 2.0, 0, 0, 0, 0, 0, 0]
    assert found.abs().sum() == 14.0
    assert liquid.reservoir.bias.tolist() == pytest.approx([0.1, 0.2, 0.3] * 4)


@pytest.mark.parametrize("tau", [0.0, 20.0])
def test_states_are_those_of_the_reservoir(tau: float, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, x = city(), 3.0 * features(2, 15, 4, 3)
    liquid = ng.SignalReservoir(graph, 3, hold=4, tau_trace=(tau, 100.0), progress=False)
    found = liquid(x)
    assert found.shape == (2, 15, 4, 12)
    for place, each in enumerate((tau, 100.0)):
        inner = ng.TriglialReservoir(graph, hold=4, bias=liquid.reservoir.bias, tau_trace=each)
        recording = inner.run(liquid.currents(x), record="state", every=4)
        assert recording.events.size(0) > 100
        expected = recording.traces["state"].unflatten(2, (4, 6))
        assert torch.equal(found[..., 6 * place : 6 * (place + 1)], expected)
    monkeypatch.setattr(ng.lowpass, "BLOCK", 1)  # a sample at a time
    assert torch.equal(liquid(x), found)
    assert torch.equal(liquid(x[1]), found[1])


def test_a_node_may_be_one_neuron() -> None:
    graph = random_graph(3, num_nodes=8)
    liquid = ng.SignalReservoir(graph, 2, hold=3, progress=False)
    assert liquid.num_places == 8
    assert liquid(features(10, 8, 2)).shape == (10, 8, 1)


def test_places_numbered_anew_have_the_same_states() -> None:
    x, order = 2.0 * features(20, 4, 1), torch.tensor([1, 2, 3, 0])  # the ring turned
    liquid = ng.SignalReservoir(city(), hold=5, progress=False)
    assert torch.equal(liquid(x[:, order]), liquid(x)[:, order])
    assert not torch.equal(liquid(x[:, order]), liquid(x))


def test_glia_adapt_in_train_mode_only() -> None:
    glia = [ng.Astrocyte(rule="multiplicative")]
    liquid = ng.SignalReservoir(city(), glia=glia, hold=5, progress=False)
    x = features(30, 4, 1)
    liquid.run(x)
    assert bool((liquid.graph.gain == 1.0).all())
    liquid.adapt(x)
    assert not bool((liquid.graph.gain == 1.0).all())


def test_states_go_into_any_head() -> None:
    x = features(12, 4, 2)
    states = ng.SignalReservoir(city(), 2, hold=5, progress=False)(x.requires_grad_())
    assert not states.requires_grad
    head = GCNConv(6, 1)
    head(states, RING).square().mean().backward()
    assert all(p.grad is not None for p in head.parameters())


def test_a_state_dict_holds_weights_and_graph() -> None:
    x = features(12, 4, 2)
    one, two = (
        ng.SignalReservoir(city(seed=seed), 2, hold=5, seed=seed, progress=False) for seed in (0, 5)
    )
    assert not torch.equal(one(x), two(x))
    two.load_state_dict(one.state_dict())
    assert torch.equal(one(x), two(x))


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        (torch.zeros(9, 3, 2), ValueError, r"\[T, 4, 2\] \(sample, place, feature\) .*\[9, 3, 2\]"),
        (torch.zeros(9, 4), ValueError, r"\(got \[9, 4\]\)"),
        (torch.full((9, 4, 2), torch.nan), ValueError, "'x' must be finite"),
        ([[1.0]], ValueError, r"'x' must have shape .* \(got \[1, 1\]\)"),
    ],
)
def test_features_that_do_not_fit(x: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        ng.SignalReservoir(city(), 2)(x)


def test_reservoirs_that_cannot_be() -> None:
    for wrong in ((), -1.0, (20.0, torch.inf)):
        with pytest.raises(ValueError, match="'tau_trace' must hold times in ms, none negative"):
            ng.SignalReservoir(city(), tau_trace=wrong)
    graph = city()
    graph.place = graph.place.flip(0)
    with pytest.raises(ValueError, match="'place' must count the places in order"):
        ng.SignalReservoir(graph)
    with pytest.raises(ValueError, match="'num_nodes' is not set"):
        ng.SignalReservoir(Data())
    with pytest.raises(ValueError, match=r"'input_weight' must have shape \[6, in_channels = 2\]"):
        ng.SignalReservoir(city(), 2, input_weight=torch.ones(24, 2))


@pytest.mark.skipif(not (DATA / "pyg_temporal").is_dir(), reason="needs it in PYNGN_DATA")
def test_chickenpox_is_told_better_than_by_zero_and_by_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(raw.VARIABLE, str(DATA))
    found = counties.liquid(100, weight=0.2, input_weight=1.0, astrocyte="multiplicative")
    zero, line = counties.zero(0)["mse"], counties.linear(0, lags=4)["mse"]
    assert zero == pytest.approx(1.117, abs=5e-4)
    assert line == pytest.approx(0.819, abs=5e-4)
    assert found["lags"] == pytest.approx(0.7825, abs=5e-4)  # as in results/science/t8_chickenpox
    assert found["lags"] < line < zero


def test_states_tell_of_the_place_before() -> None:
    # What place i - 1 was given lately reaches place i by spikes over the edge alone.
    x = torch.rand(600, 4, 1, generator=generator(3))
    y = (x + x.roll(1, 0)).roll(1, 1)[..., 0] / 2
    errors = {}
    for joined in (True, False):
        graph = city(30, weight=1.0)
        if not joined:
            inside = graph.place[graph.edge_index[0]] == graph.place[graph.edge_index[1]]
            graph.edge_mask = inside
        liquid = ng.SignalReservoir(
            graph, hold=10, input_scale=3.0, tau_trace=(10.0, 40.0), progress=False
        )
        states = liquid(x)
        readout = ng.RidgeReadout(0.1).fit(states[20:450].flatten(0, 1), y[20:450].reshape(-1, 1))
        found = readout.predict(states[450:].flatten(0, 1)).view(-1, 4)
        errors[joined] = float((found - y[450:]).square().mean() / y[450:].var())
    assert errors[True] < 0.85
    assert errors[False] > 0.95


def test_the_example_runs() -> None:
    tried = doctest.testmod(signals)
    assert tried.attempted > 0
    assert tried.failed == 0
