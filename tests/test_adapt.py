"""The one verb that lets the glia work, and where a trial begins."""

import copy
from typing import Any

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, going, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st

import pyngn_graph as ng
from pyngn_graph.checkpoint import Checkpoint

X = random_drive(0, 3, 40, 2)


def living(backend: str = "auto", glia: Any = None, **how: Any) -> ng.TriglialReservoir:
    if glia is None:
        glia = [ng.Astrocyte(eta=0.1), ng.Oligodendrocyte(eta=0.5), ng.Microglia(fraction=0.2)]
    graph = random_graph(1, num_nodes=20, num_edges=120, weight=0.4)
    how = {"bias": (0.8, 1.3), "glia_period": 20, **how}
    return ng.TriglialReservoir(graph, in_channels=2, glia=glia, backend=backend, **how)


# The graph


@pytest.mark.parametrize(
    "mode",
    [
        lambda r: r,
        lambda r: r.train(),
        lambda r: r.eval(),
        lambda r: torch.nn.Sequential(r).train()[0],
        lambda r: r.requires_grad_(True),
        lambda r: torch.nn.Sequential(torch.nn.Linear(2, 2), r).requires_grad_(False).train()[1],
        lambda r: r.to("cpu"),
        copy.deepcopy,
    ],
)
def test_no_mode_of_torch_wakes_the_glia(backend: str, mode: Any) -> None:
    reservoir = mode(living(backend))
    before = frozen(reservoir.graph)
    assert torch.equal(reservoir(X), reservoir.run(X, lengths=torch.tensor([40, 40, 40])).states)
    reservoir.run(num_steps=90)
    assert_same(reservoir.graph, before)
    reservoir.adapt(X)
    assert reservoir.graph.num_edges < before["edge_index"].size(1)


def test_adapting_in_any_mode_is_the_same_life(backend: str) -> None:
    lives = [living(backend).train(mode).adapt(X, record=("v", "gain")) for mode in (True, False)]
    assert_same_run(*lives)
    assert_same(lives[0].graph, frozen(lives[1].graph))


def test_a_life_records_the_states_of_its_trials(backend: str) -> None:
    """They are those of one stream: a reservoir may adapt while it predicts."""
    life = living(backend).adapt(X, record="state")
    assert life.states.shape == (3, 20)
    assert torch.equal(life.states, life.traces["state"][:, -1])


def test_without_glia_a_life_is_one_stream_and_changes_no_edge(backend: str) -> None:
    reservoir = living(backend, glia=())
    before = frozen(reservoir.graph)
    life = reservoir.adapt(X, record="v")
    stream = living(backend, glia=()).run(X.flatten(0, 1), record="v")
    assert torch.equal(life.traces["v"].flatten(0, 1), stream.traces["v"][0])
    assert reservoir.graph.clock == 120
    assert_same(reservoir.graph, {**before, "clock": 120})


def test_signals_adapt_with_the_same_verb() -> None:
    graph = ng.generators.replicate(random_graph(0, 5, 12), torch.tensor([[0, 1], [1, 0]]), 2)
    liquid = ng.SignalReservoir(graph, 2, glia=[ng.Astrocyte()], hold=5, progress=False).train()
    x = random_drive(0, 30, 2, 2)
    before = frozen(liquid.graph)
    liquid(x)
    liquid.run(x)
    assert_same(liquid.graph, before)
    life = liquid.adapt(x)
    assert not torch.equal(liquid.graph.gain, before["gain"])
    assert liquid.states(life).shape == (1, 30, 2, 5)


# Where a trial begins


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("tau_syn", [None, 3.0])
def test_a_trial_begins_where_life_ended(
    backend: str, in_flight: str, tau_syn: float | None
) -> None:
    how: dict[str, Any] = {"in_flight": in_flight, "neuron": ng.LIFParameters(5.0, tau_syn=tau_syn)}
    lived = living(backend, start="lived", **how)
    going_on = living(backend, stateful=True, **how)
    for reservoir in (lived, going_on):
        reservoir.adapt(X)
    run = lived.run(X, record="v")
    for trial in range(3):
        twin = copy.deepcopy(going_on)
        alone = twin.run(X[trial], record="v")
        assert torch.equal(run.traces["v"][trial], alone.traces["v"][0])
        assert torch.equal(run.states[trial], alone.states[0])
    assert_same_run(lived.run(X, record="v"), run)
    assert not torch.equal(run.states, living(backend, **how).run(X).states)


@given(seed=st.integers(0, 99), columns=st.integers(1, 4))
def test_lives_that_follow_one_another_are_one(backend: str, seed: int, columns: int) -> None:
    x = random_drive(seed, columns, 30, 2)
    parts, whole = living(backend, start="lived"), living(backend, start="lived")
    for trial in x:
        parts.adapt(trial)
        parts.run(trial)  # what lies between leaves no trace
    whole.adapt(x)
    assert_same(parts.graph, frozen(whole.graph))
    assert_same_run(parts.run(x), whole.run(x))


def test_a_trial_needs_a_life_to_begin_where_it_ended() -> None:
    reservoir = living(start="lived")
    for call in (lambda: reservoir(X), lambda: reservoir.run(X)):
        with pytest.raises(RuntimeError, match=r"call 'adapt\(x\)' first"):
            call()
    reservoir.adapt(X)
    first = reservoir(X)
    reservoir.reset()
    assert torch.equal(reservoir(X), first)
    reservoir.reset(v=0.25)
    assert torch.equal(reservoir(X), _resting(reservoir, v=0.25))
    reservoir.graph = reservoir.graph
    with pytest.raises(RuntimeError, match=r"call 'adapt\(x\)' first"):
        reservoir(X)


def _resting(reservoir: ng.TriglialReservoir, v: float) -> torch.Tensor:
    twin = reservoir.replace(start="rest")
    twin.reset(v=v)
    return twin(X)


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_the_end_of_a_life_is_saved(tmp_path: Any, backend: str, in_flight: str) -> None:
    reservoir = living(backend, start="lived", in_flight=in_flight)
    reservoir.adapt(X)
    reservoir.save(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors")
    twin = living(backend, start="lived", in_flight=in_flight)
    twin.load_state_dict(reservoir.state_dict())
    assert loaded.start == "lived"
    for other in (loaded, twin, copy.deepcopy(reservoir)):
        assert_same_run(other.run(X), reservoir.run(X))
        assert_same_run(other.adapt(X), copy.deepcopy(reservoir).adapt(X))


@pytest.mark.parametrize("learn", [True, False])
def test_checkpoints_know_where_a_trial_began(
    tmp_path: Any, learn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservoir = living(start="lived")
    reservoir.adapt(X)
    whole = going(copy.deepcopy(reservoir), learn)(X)
    write = Checkpoint.write

    def once(self: Checkpoint, *args: Any) -> None:
        write(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "write", once)
    how: dict[str, Any] = {"checkpoint": tmp_path / "run", "checkpoint_every": 17}
    with pytest.raises(KeyboardInterrupt):
        going(copy.deepcopy(reservoir), learn)(X, **how)
    monkeypatch.undo()
    assert_same_run(going(copy.deepcopy(reservoir), learn)(X, **how), whole)
    other = copy.deepcopy(reservoir)
    other.adapt(X)
    with pytest.raises(ValueError, match="another run, which differs in"):
        going(other, learn)(X, **how)


def test_unknown_starts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'start' must be 'rest' or 'lived' \(got 'life'\)"):
        living(start="life")


# One sample at a time


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_steps_are_a_stream(backend: str, in_flight: str) -> None:
    how: dict[str, Any] = {"stateful": True, "hold": 3, "in_flight": in_flight}
    whole, steps = living(backend, **how), living(backend, **how)
    states = whole.run(X, record="state", every=3).traces["state"]
    for t in range(40):
        assert torch.equal(steps.step(X[:, t]), states[:, t])
    whole, steps = living(backend, **how), living(backend, **how)
    states = whole.adapt(X[:1], record="state", every=3).traces["state"]
    for t in range(40):
        assert torch.equal(steps.adapt_step(X[0, t]), states[0, t])
    assert_same(steps.graph, frozen(whole.graph))
    assert_same_run(steps.run(X[:1]), whole.run(X[:1]))


def test_steps_that_are_none() -> None:
    reservoir = living(stateful=True)
    with pytest.raises(ValueError, match=r"'x_t' must be one sample \[C\].*got \[3, 40, 2\]"):
        reservoir.step(X)
    fresh = living()
    with pytest.raises(ValueError, match=r"'reservoir.replace\(stateful=True\)'"):
        fresh.step(X[0, 0])
    with pytest.raises(ValueError, match="stateful=True"):
        fresh.adapt_step(X[0, 0])
    assert fresh.replace(stateful=True).step(X[0, 0]).shape == (20,)
