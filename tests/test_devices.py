"""Everything runs where the reservoir is: on a GPU if there is one, and on a stand-in for one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from elsewhere import elsewhere
from helpers import random_drive, random_graph
from torch import Tensor

from pyngn_graph import (
    Astrocyte,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    RidgeReadout,
    TriglialReservoir,
)
from pyngn_graph.glia import Hub, MatchedRandom, Winner
from pyngn_graph.neuron import LIFLayer
from pyngn_graph.readout import DeltaReadout
from pyngn_graph.recording import Recording
from pyngn_graph.synapse import DelayBuffer, DelayedSpikeConv

GLIA: dict[str, list[Any]] = {
    "none": [],
    "all": [Astrocyte(), Oligodendrocyte(max_delay=9), Microglia(eta=0.1, cost=0.3)],
    "territory": [Astrocyte(rule="multiplicative", territory=90.0), Microglia(drop=False)],
    "align": [Oligodendrocyte("align", eta=0.3, max_delay=9), Microglia("threshold", 0.5)],
    "coherence": [Oligodendrocyte("coherence", max_delay=9), Microglia("weight")],
    "fixed": [Oligodendrocyte("fixed:two", max_delay=9), Microglia("random")],
    "regrowth": [Microglia("random", regrow=True, length_scale=80.0, velocity=40.0)],
    "winner": [Astrocyte(), Microglia(Winner(activity=1.0, measure="calcium"))],
    "hub": [Astrocyte(), Microglia(Hub(activity=0.5, long_delay=0.5))],
    "matched": [Microglia(MatchedRandom(Winner()))],
}


@pytest.fixture(params=["stand-in", "cuda"])
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")
        yield torch.device("cuda")
        return
    with elsewhere() as stand_in:
        yield stand_in


def assert_same(ours: Tensor, theirs: Tensor, device: torch.device, name: str = "") -> None:
    assert theirs.device.type == device.type, name
    assert ours.dtype == theirs.dtype, name
    assert torch.equal(ours.nan_to_num(-7.0), theirs.cpu().nan_to_num(-7.0)), name


def assert_same_run(ours: Recording, theirs: Recording, device: torch.device) -> None:
    for name in ("events", "states", "synaptic_events", "num_edges", "lengths"):
        assert_same(getattr(ours, name), getattr(theirs, name), device, name)
    for name, trace in ours.traces.items():
        assert_same(trace, theirs.traces[name], device, name)
    assert_same(ours.spikes(), theirs.spikes(), device)
    assert_same(ours.rates(), theirs.rates(), device)
    for key, value in ours.graph.to_dict().items():
        if isinstance(value, Tensor):
            assert_same(value, theirs.graph[key], device, key)
        else:
            assert value == theirs.graph[key], key


@pytest.mark.parametrize(
    ("glia", "in_flight"), [*((name, "arrival") for name in GLIA), ("all", "emission")]
)
def test_a_life_is_the_same_elsewhere(glia: str, in_flight: str, device: torch.device) -> None:
    each = torch.linspace(0.9, 1.1, 15)
    how: dict[str, Any] = {
        "neuron": LIFParameters(tau_m=20.0 * each, v_th=each, t_ref=2.0, tau_syn=5.0, v_min=-1.0),
        "glia": GLIA[glia],
        "glia_period": 6,
        "in_flight": in_flight,
        "bias": (2.0, 8.0),
        "pool": 2,
        "backend": "auto" if device.type == "cuda" else "reference",
    }
    graph = random_graph(3, num_nodes=15, num_edges=90, weight=0.6)
    here, there = TriglialReservoir(graph, 3, **how), TriglialReservoir(graph, 3, **how).to(device)
    x, lengths = random_drive(0, 2, 8, 3, low=-1.0, high=1.0), torch.tensor([5, 8])
    names = ["v", "i_syn", "state"] + (["gain"] if "gain" in here.graph else [])
    ours = here.run(x, lengths=lengths, record=names, every=2)
    theirs = there.run(x.to(device), lengths=lengths.to(device), record=names, every=2)
    assert_same_run(ours, theirs, device)
    assert str(here.diagnose(x)) == str(there.diagnose(x.to(device)))
    assert repr(theirs) == repr(ours)
    assert_same(here.eval()(x), there.eval()(x.to(device)), device)
    assert_same_run(here.train().run(x), there.cpu().train().run(x), torch.device("cpu"))


def test_a_stateful_reservoir_moves_with_its_state(device: torch.device, tmp_path: Path) -> None:
    graph = random_graph(3, num_nodes=15, num_edges=90, weight=0.6)
    how: dict[str, Any] = {"stateful": True, "bias": (2.0, 8.0), "backend": "reference"}
    here, there = TriglialReservoir(graph, **how), TriglialReservoir(graph, **how)
    for reservoir in (here, there):
        reservoir.reset(v=0.5)
        reservoir.run(num_steps=9)
    there = there.to(device)
    there.save(tmp_path / "r.safetensors")
    back = TriglialReservoir.load(tmp_path / "r.safetensors", backend="reference").to(device)
    ours = here.run(num_steps=9)
    assert_same_run(ours, there.run(num_steps=9), device)
    assert_same_run(ours, back.run(num_steps=9), device)
    with pytest.raises(ValueError, match="'x' is on cpu but the reservoir on"):
        there.run(torch.zeros(4, 15))


def test_readouts_learn_where_the_states_are(device: torch.device) -> None:
    states, y = random_drive(0, 40, 6), random_drive(1, 40, 2)
    label = (y[:, 0] > 1.0).long()
    for make in (RidgeReadout, DeltaReadout):
        here, there = make().fit(states, y), make().fit(states.to(device), y.to(device))
        torch.testing.assert_close(here.predict(states), there.predict(states.to(device)).cpu())
        here, there = make().fit(states, label), make().fit(states.to(device), label.to(device))
        assert here.score(states, label) == there.score(states.to(device), label.to(device))


def test_layers_run_where_they_are(device: torch.device) -> None:
    graph = random_graph(2, num_nodes=8, num_edges=30)
    layer = LIFLayer(8, tau_m=torch.linspace(10.0, 30.0, 8), t_ref=2.0, tau_syn=4.0)
    buffer, conv = DelayBuffer(8, 6), DelayedSpikeConv()
    layer(torch.full((8,), 3.0))
    edges = graph.edge_index, graph.edge_weight, graph.edge_delay
    found = []
    for goal in (torch.device("cpu"), device):
        layer, buffer = layer.to(goal), buffer.to(goal)
        here = [each.to(goal) for each in edges]
        layer.reset_state()
        buffer.reset_state()
        for t in range(9):
            now = conv(buffer.history, t, here[0], here[1], here[2])
            buffer.push(layer(now, i_ext=torch.full((8,), 9.0).to(goal)))
        found.append((layer.v, buffer.get_delayed_spikes(here[2], here[0])))
    for ours, theirs in zip(*found, strict=True):
        assert_same(ours, theirs, device)
