"""Delays drawn once: the controls of the rules that move them."""

import copy
from typing import Any

import pytest
import torch
from helpers import assert_same, frozen, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph.backends.event import EventMemory
from pyngn_graph.glia import Coherence, FixedDelays
from pyngn_graph.state import ReservoirState

NAMES = ("fixed:uniform", "fixed:sqrt", "fixed:two")


@pytest.mark.parametrize(("name", "power"), [("uniform", 1), ("sqrt", 2)])
def test_delays_have_their_distribution(name: str, power: int) -> None:
    cell = Oligodendrocyte(FixedDelays(name, seed=1), min_delay=11, max_delay=61)
    data = cell.prepare(random_graph(1, num_edges=20_000))
    assert data.edge_delay.dtype == torch.float32
    share = ((data.edge_delay.double() - 11.0) / 50.0).sort().values
    assert float(share[0]) >= 0.0
    assert float(share[-1]) < 1.0
    # D <= x has the probability share^power: the statistic of Kolmogorov and Smirnov.
    steps = torch.arange(20_000) / 20_000
    assert float((share**power - steps).abs().max()) < 0.015


@given(seed=st.integers(0, 2**31))
def test_two_delays_are_those_of_the_rule_without_its_learning(seed: int) -> None:
    graph = random_graph(seed, num_nodes=5, num_edges=400)
    data = Oligodendrocyte(FixedDelays("two", seed)).prepare(graph.clone())
    program = Oligodendrocyte(Coherence(seed=seed)).prepare(graph.clone()).coherence_delay.float()
    own = program[graph.edge_index[1]]
    first = data.edge_delay == own[:, 0]
    assert bool((first | (data.edge_delay == own[:, 1])).all())
    assert 0.35 < float(first.float().mean()) < 0.65


@pytest.mark.parametrize("name", NAMES)
def test_they_hold_from_the_first_step_and_never_move(backend: str, name: str) -> None:
    glia = [Astrocyte(), Oligodendrocyte(name, max_delay=40), Microglia(fraction=0.2)]
    graph = random_graph(3, num_nodes=12, num_edges=80, weight=0.4)
    graph.edge_tag = torch.arange(80)
    reservoir = TriglialReservoir(graph, glia=glia, glia_period=40, backend=backend)
    first = reservoir.graph.edge_delay
    assert not torch.equal(first, graph.edge_delay.float())
    reservoir.adapt(random_drive(1, 330, 12))
    data = reservoir.graph
    assert data.num_edges < 80
    assert torch.equal(data.edge_delay, first[data.edge_tag])
    assert "edge_arrival" in data  # of the microglia
    assert "edge_hits" not in data


def test_a_tick_leaves_the_delays_and_so_the_wiring_as_they_are() -> None:
    cell = Oligodendrocyte("fixed:uniform")
    data = cell.prepare(random_graph(1))
    assert cell.forward(copy.copy(data)).edge_delay is data.edge_delay


def test_on_the_event_backend_they_cost_nothing() -> None:
    cell = Oligodendrocyte("fixed:sqrt")
    reservoir = TriglialReservoir(random_graph(1), glia=[cell])
    neuron = reservoir.setting.neuron
    state = ReservoirState.rest(neuron, 8, 1, 100, False, torch.device("cpu"))
    memory = EventMemory(state, reservoir.graph, [cell])
    assert memory.sensing is None
    assert not memory.loadings.learns


@pytest.mark.parametrize("name", NAMES)
def test_edges_that_grow_get_a_delay_of_their_own(backend: str, name: str) -> None:
    how: dict[str, Any] = {"regrow": True, "length_scale": 90.0, "velocity": 9.0}
    glia = [Microglia("random", fraction=0.3, **how), Oligodendrocyte(name, max_delay=40)]
    graph = random_graph(3, num_nodes=12, num_edges=80)
    reservoir = TriglialReservoir(graph, glia=glia, glia_period=40, backend=backend)
    before = reservoir.graph
    reservoir.adapt(random_drive(1, 40, 12))
    after = reservoir.graph
    grown = before.edge_index[1] != after.edge_index[1]
    assert int(grown.sum()) > 10
    assert torch.equal(before.edge_delay[~grown], after.edge_delay[~grown])
    assert bool(after.edge_fixed.all())
    same = int((before.edge_delay[grown] == after.edge_delay[grown]).sum())
    assert same == 0
    if name == "fixed:two":
        program = Oligodendrocyte("coherence", max_delay=40).prepare(graph.clone()).coherence_delay
        own = program.float()[after.edge_index[1]]
        assert bool((own == after.edge_delay.unsqueeze(1)).any(dim=1).all())


def test_chance_has_a_seed_and_the_input_is_left_alone() -> None:
    graph = random_graph(2)
    before = frozen(graph)
    one, same, other = (Oligodendrocyte(FixedDelays(seed=s))(graph) for s in (1, 1, 2))
    assert_same(graph, before)
    assert_same(one, frozen(same))
    assert not bool((one.edge_delay == other.edge_delay).any())
    assert_same(Oligodendrocyte(FixedDelays(seed=2))(one), frozen(one))  # drawn once
    assert Oligodendrocyte("fixed:two")(graph_of(1, [])).num_edges == 0


def test_parameters_show_and_unknown_distributions_are_refused() -> None:
    assert "FixedDelays(distribution='two', seed=0)" in repr(Oligodendrocyte(FixedDelays("two")))
    with pytest.raises(ValueError, match="Unknown distribution 'log'; available: "):
        FixedDelays("log")
    with pytest.raises(ValueError, match="Unknown rule 'fixed:log'"):
        Oligodendrocyte("fixed:log")
