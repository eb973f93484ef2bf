"""Run by test_cuda.py in a process of its own: the GPU backend has the bits of the reference.

Where there is a GPU the kernels run on it, else on the CPU, as interpreted by Triton. The name of
this file keeps it out of the main process, in which Triton must not be interpreted.
"""

import os
from typing import Any

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, random_drive, random_graph
from torch_geometric.data import Batch

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
)
from pyngn_graph.backends import cuda, cuda_loop, reference, sensing
from pyngn_graph.glia import Coherence

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Quiet(GlialCell):
    """A cell of the user's own."""


TERRITORIAL = Astrocyte(rule="multiplicative", eta=0.01, tau_ca=20.0, territory=150.0)
QUICK = Coherence(shape=2.0, eta=0.3, tau=5.0, tau_mean=2.0)
EACH = TERRITORIAL.config() | {"territory": None, "rule": "additive"}
VARIED = {
    "tau_m": torch.linspace(10.0, 30.0, 12),
    "v_th": torch.linspace(0.9, 1.1, 12),
    "v_rest": torch.linspace(-0.1, 0.1, 12),
    "v_reset": torch.linspace(-0.2, 0.0, 12),
    "t_ref": torch.linspace(0.0, 3.0, 12),
    "tau_syn": torch.linspace(3.0, 8.0, 12),
    "v_min": torch.linspace(-2.0, -0.5, 12),
}
LIVES: dict[str, dict[str, Any]] = {
    "bare": {"pool": 3, "hold": 2},
    "refractory": {"neuron": LIFParameters(t_ref=2.0), "glia": [TERRITORIAL]},
    "synaptic": {
        "neuron": LIFParameters(tau_syn=5.0, v_min=-0.5),
        "glia": [Astrocyte(**EACH), Oligodendrocyte("align", eta=0.3, window=9.0, max_delay=9)],
    },
    "varied": {
        "neuron": LIFParameters(**VARIED),
        "glia": [Astrocyte(**EACH), Microglia(trace="coincidence", eta=0.1)],
        "pool": 2,
    },
    "window": {"glia": [Oligodendrocyte(max_delay=9), Microglia(eta=0.1), TERRITORIAL]},
    "emission": {
        "glia": [Oligodendrocyte(eta=0.4, max_delay=9), Microglia(eta=0.1, drop=False)],
        "in_flight": "emission",
    },
    "fixed": {"glia": [Oligodendrocyte("fixed:two", max_delay=9), Astrocyte(**EACH)]},
    "coherence": {
        "glia": [Oligodendrocyte(QUICK, eta=0.3, max_delay=9), Microglia(), Astrocyte(**EACH)],
        "neuron": LIFParameters(t_ref=1.0),
    },
    "unknown": {"glia": [Astrocyte(**EACH), Quiet(), Microglia()]},
}


def twins(graph: Any, **how: Any) -> list[TriglialReservoir]:
    chosen = {"glia_period": 8, "bias": (3.0, 12.0), **how}
    return [
        TriglialReservoir(graph, 3, backend=name, **chosen).to(DEVICE)
        for name in ("reference", "cuda")
    ]


def assert_same_life(ours: TriglialReservoir, theirs: TriglialReservoir) -> None:
    assert_same(ours.graph, frozen(theirs.graph))


@pytest.mark.parametrize("life", LIVES)
def test_a_life_has_the_bits_of_the_reference(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], reference.advance
    graph = random_graph(7, num_nodes=12, num_edges=60, weight=0.7)
    pair = twins(graph, **LIVES[life])
    names = ["v", "state"] + (["i_syn"] if pair[0].setting.neuron.tau_syn is not None else [])
    names += ["gain", "calcium"] if "gain" in pair[0].graph else []
    x = random_drive(1, 2, 10, 3, low=-1.0, high=1.0).to(DEVICE)
    lengths = torch.tensor([9, 6], device=DEVICE)
    how: dict[str, Any] = {"lengths": lengths, "record": names, "every": 2}
    runs = [pair[0].adapt(x, **how)]
    monkeypatch.setattr(reference, "advance", lambda *a: calls.append(1) or real(*a))
    runs.append(pair[1].adapt(x, **how))
    assert runs[0].events.size(0) > 20
    assert_same_run(*runs)
    assert_same_life(*pair)
    assert runs[1].events.device.type == DEVICE
    assert bool(calls) == (life == "unknown")


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_trials_run_side_by_side(in_flight: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "SPIKES", 5 * 12 * 3)  # chunks of five steps
    graph = random_graph(7, num_nodes=12, num_edges=60, weight=0.7)
    graph.edge_mask = torch.arange(60) % 4 > 0
    pair = twins(graph, in_flight=in_flight, stateful=True)
    for x in random_drive(2, 2, 3, 8, 3, low=-1.0).to(DEVICE):
        runs = [reservoir.run(x, record=("v", "state")) for reservoir in pair]
        assert_same_run(*runs)
    assert runs[0].events.size(0) > 30


def test_an_epoch_longer_than_the_memory_for_spikes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensing, "STEPS", 15)
    graph = random_graph(4, num_nodes=10, num_edges=40, weight=0.5)
    glia = [Oligodendrocyte(max_delay=20), Microglia(decay=40.0, eta=0.02)]  # up to date in 11
    pair = twins(graph, glia=glia, glia_period=50)
    monkeypatch.setattr("pyngn_graph.simulation.SPAN", 10)
    x = random_drive(1, 1, 28, 3, low=-1.0, high=1.0).to(DEVICE)
    assert_same_run(*(reservoir.adapt(x) for reservoir in pair))
    assert_same_life(*pair)


def test_graphs_of_a_batch_and_degenerate_ones() -> None:
    graphs = [random_graph(s, num_nodes=5, num_edges=n, weight=0.9) for s, n in ((0, 5), (1, 0))]
    x = random_drive(1, 1, 9, 3, high=4.0).to(DEVICE)
    lonely = random_graph(2, num_nodes=1, num_edges=2, max_delay=1, weight=0.9)
    for graph in (Batch.from_data_list(graphs), *graphs, lonely):
        pair = twins(graph, glia=[Astrocyte(**EACH), Microglia(), Oligodendrocyte(max_delay=8)])
        assert_same_run(*(reservoir.adapt(x, record="gain") for reservoir in pair))
        assert_same_life(*pair)


def test_more_neurons_and_edges_than_a_program_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_loop, "BLOCK", 16)
    graph = random_graph(5, num_nodes=40, num_edges=1500, weight=0.1)
    pair = twins(graph, glia=[Microglia(), Astrocyte(**EACH)], bias=(0.9, 1.5))
    x = random_drive(1, 1, 6, 3, low=-1.0, high=6.0).to(DEVICE)
    runs = [reservoir.adapt(x, record="v") for reservoir in pair]
    assert_same_run(*runs)
    assert runs[0].events.size(0) > 5
    assert_same_life(*pair)


def test_auto_follows_the_device() -> None:
    reservoir = TriglialReservoir(random_graph()).to(DEVICE)
    assert reservoir.backend == ("cuda" if DEVICE == "cuda" else "event")
    assert f"backend='{reservoir.backend}'" in repr(reservoir)


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
def test_a_life_on_the_gpu_is_that_on_the_cpu() -> None:
    assert os.environ.get("TRITON_INTERPRET") != "1"
    graph = random_graph(7, num_nodes=300, num_edges=6000, weight=0.2)
    glia = [Astrocyte(**EACH), Oligodendrocyte(max_delay=20), Microglia(eta=0.1)]
    x = random_drive(1, 1, 600, 3, low=-1.0, high=1.0)
    how: dict[str, Any] = {"glia": glia, "glia_period": 200, "bias": (0.7, 1.2)}
    at_home = TriglialReservoir(graph, 3, **how)
    abroad = TriglialReservoir(graph, 3, **how).to("cuda")
    ours, theirs = at_home.adapt(x, record="v"), abroad.adapt(x.cuda(), record="v")
    assert torch.equal(ours.events, theirs.events.cpu())
    assert torch.equal(ours.traces["v"], theirs.traces["v"].cpu())
    assert_same_life(at_home, abroad.cpu())
