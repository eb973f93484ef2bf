import pytest
import torch
from helpers import going, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from pyngn_graph import Microglia, TriglialReservoir
from pyngn_graph.graph import out_degree
from pyngn_graph.probe import Layout, Probe
from pyngn_graph.recording import Recording


def recorded(backend: str, learn: bool = False, **how: object) -> Recording:
    graph = random_graph(2, num_nodes=10, num_edges=50, weight=0.5)
    glia = [Microglia(fraction=0.2)] if learn else []
    reservoir = TriglialReservoir(graph, glia=glia, glia_period=15, backend=backend)
    return going(reservoir, learn)(random_drive(1, 4, 40, 10), **how)


# Spikes


@pytest.mark.parametrize("learn", [True, False])
def test_events_are_sorted_and_say_the_same_as_the_dense_spikes(backend: str, learn: bool) -> None:
    run = recorded(backend, learn)
    assert run.events.dtype == torch.int64
    assert run.events.tolist() == sorted(run.events.tolist())
    assert run.spikes().shape == (4, 40, 10)
    assert run.spikes().dtype == torch.bool
    assert torch.equal(run.spikes().nonzero(), run.events)


def test_spikes_are_crossings_of_the_potential(backend: str) -> None:
    run = recorded(backend, record="v")
    assert torch.equal(run.spikes(), run.traces["v"] >= 1.0)


def test_rates_are_in_hertz(backend: str) -> None:
    run = recorded(backend)
    mean = run.spikes().double().mean(dim=(0, 1)) * 1000.0
    torch.testing.assert_close(run.rates().double(), mean, rtol=1e-6, atol=0)
    graph = random_graph(0, num_nodes=2, num_edges=0, dt=0.5)
    reservoir = TriglialReservoir(graph, dt=0.5, backend=backend)
    run = reservoir.run(torch.full((2, 30, 2), 100.0), lengths=torch.tensor([30, 10]))
    assert run.rates().tolist() == [2000.0, 2000.0]
    assert run.lengths.tolist() == [30, 10]


@pytest.mark.parametrize("learn", [True, False])
def test_transmissions_are_spikes_times_live_outputs(backend: str, learn: bool) -> None:
    run = recorded(backend, learn)
    spikes = run.spikes()
    assert run.synaptic_events.dtype == run.num_edges.dtype == torch.int64
    if learn:
        # One stream of 160 steps, ticks after every 15th; the wiring holds from the next step on.
        life = run.num_edges.flatten()
        assert life[0] == 50
        changes = (life.diff() != 0).nonzero().squeeze(1) + 1
        assert len(changes) > 3
        assert (changes % 15 == 0).all()
        before, degree = slice(0, 15), out_degree(random_graph(2, 10, 50))
        after = slice(int(changes[-1]), None)
        last = spikes.flatten(0, 1)[after].long() @ out_degree(run.graph)
        assert torch.equal(run.synaptic_events.flatten()[after], last)
    else:
        assert (run.num_edges == 50).all()
        before, degree = slice(None), out_degree(run.graph)
    expected = spikes.flatten(0, 1)[before].long() @ degree
    assert torch.equal(run.synaptic_events.flatten()[before], expected)


def test_masked_edges_do_not_count(backend: str) -> None:
    graph = random_graph(2, num_nodes=10, num_edges=50, edge_mask=torch.arange(50) < 20)
    run = TriglialReservoir(graph, backend=backend).run(random_drive(1, 40, 10))
    assert (run.num_edges == 20).all()
    expected = run.spikes()[0].long() @ torch.bincount(graph.edge_index[0, :20], minlength=10)
    assert torch.equal(run.synaptic_events[0], expected)


# Traces


@pytest.mark.parametrize("every", [1, 3, 40, 41])
def test_every_nth_step_of_each_trial_is_kept(backend: str, every: int) -> None:
    names = ("v", "state", "inhibitory")
    graph = random_graph(2, num_nodes=10, inhibitory=torch.arange(10) < 3)
    reservoir = TriglialReservoir(graph, backend=backend)
    x, lengths = random_drive(1, 3, 40, 10), torch.tensor([40, 5, 39])
    full = reservoir.run(x, record=names, lengths=lengths)
    some = reservoir.run(x, record=names, lengths=lengths, every=every)
    assert torch.equal(some.events, full.events)
    assert torch.equal(some.states, full.states)
    for name in names:
        expected = full.traces[name][:, every - 1 :: every]
        assert torch.equal(some.traces[name].nan_to_num(-9), expected.nan_to_num(-9))
    assert full.traces["inhibitory"][0, 0].tolist() == [1.0] * 3 + [0.0] * 7
    assert full.traces["v"][1, 5:].isnan().all()
    assert (full.num_edges[1, 5:] == 0).all()
    assert not full.spikes()[1, 5:].any()


def test_repr_says_what_is_inside(backend: str) -> None:
    text = repr(recorded(backend, record=["v"]))
    for part in ("4 trials x 40 steps", "spikes", "Hz", "states=[4, 10]", "v=[4, 40, 10]"):
        assert part in text


# Liquid states


@given(seed=seeds, segments=st.integers(1, 7), lengths=st.lists(st.integers(7, 12), min_size=1))
def test_segments_are_means_over_equal_parts(
    backend: str, seed: int, segments: int, lengths: list[int]
) -> None:
    graph = random_graph(seed, num_nodes=4)
    x, number = random_drive(seed, len(lengths), 12, 4), torch.tensor(lengths)
    for learn in (True, False):
        reservoir = TriglialReservoir(
            graph, glia=[lambda data: data], pool=segments, backend=backend
        )
        run = going(reservoir, learn)(x, lengths=number, record="state")
        for b, length in enumerate(lengths):
            trace = run.traces["state"][b, :length].double()
            parts = []
            for k in range(segments):
                part = trace[k * length // segments : (k + 1) * length // segments]
                parts.append(part.mean(dim=0) if len(part) else torch.zeros(4).double())
            torch.testing.assert_close(run.states[b].double(), torch.cat(parts), atol=1e-6, rtol=0)


def test_the_last_state_is_that_of_the_last_step(backend: str) -> None:
    x, lengths = random_drive(1, 3, 12, 8), torch.tensor([12, 1, 5])
    run = TriglialReservoir(random_graph(), backend=backend).run(x, lengths=lengths, record="state")
    assert torch.equal(run.states, run.traces["state"][torch.arange(3), lengths - 1])


# Layouts


def test_layouts_by_hand() -> None:
    lengths = torch.tensor([2, 1])
    beside = Layout.side_by_side(lengths, torch.tensor([0, 1]))
    assert beside.trial.tolist() == [[0, 1], [0, -1]]
    assert beside.step.tolist() == [[0, 0], [1, -1]]
    stream = Layout.stream(lengths)
    assert stream.trial.tolist() == [[0], [0], [1]]
    assert stream.step.tolist() == [[0], [1], [0]]
    assert (beside.num_steps, stream.num_steps) == (2, 3)


def test_a_probe_without_events_counts_spikes_only() -> None:
    lengths = torch.tensor([2])
    probe = Probe(lengths, 3, "last", events=False)
    probe.begin(Layout.stream(lengths))
    probe.spikes(0, 0, torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([0, 0]))
    assert probe.counts.tolist() == [0, 0, 1]
    assert probe.events == []
