"""Everything runs where the reservoir is: on a GPU if there is one, and on a stand-in for one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from elsewhere import elsewhere
from helpers import random_drive, random_graph
from torch import Tensor
from torch.utils._pytree import tree_map

from pyngn_graph import (
    Astrocyte,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    RidgeReadout,
    TriglialReservoir,
    encoding,
    from_networkx,
    plot,
    tasks,
    to_networkx,
)
from pyngn_graph.analysis import dynamics
from pyngn_graph.glia import Hub, MatchedRandom, Winner
from pyngn_graph.neuron import LIFLayer
from pyngn_graph.readout import DeltaReadout
from pyngn_graph.receptive import column_fields
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
    ours = here.adapt(x, lengths=lengths, record=names, every=2)
    theirs = there.adapt(x.to(device), lengths=lengths.to(device), record=names, every=2)
    assert_same_run(ours, theirs, device)
    assert str(here.diagnose(x)) == str(there.diagnose(x.to(device)))
    assert repr(theirs) == repr(ours)
    assert_same(here(x), there(x.to(device)), device)
    assert_same_run(here.adapt(x), there.cpu().adapt(x), torch.device("cpu"))


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


def test_a_graph_that_is_there_already(device: torch.device) -> None:
    graph, x = random_graph(3, num_nodes=15, num_edges=90, weight=0.6), random_drive(0, 1, 9, 3)
    weight = torch.linspace(-2.0, 6.0, 45).view(15, 3)
    how: dict[str, Any] = {"input_weight": weight, "glia": [Astrocyte()], "backend": "reference"}
    here = TriglialReservoir(graph, 3, **how)
    there = TriglialReservoir(graph.clone().to(device), 3, **how)
    ours = here.adapt(x)
    assert_same_run(ours, there.adapt(x.to(device)), device)
    there.load_state_dict(TriglialReservoir(graph, 3, **how).state_dict())
    assert there.graph.edge_index.device.type == device.type
    assert_same_run(ours, there.adapt(x.to(device)), device)
    there.graph = graph
    assert_same_run(ours, there.adapt(x.to(device)), device)


def test_analysis_of_what_is_there(device: torch.device) -> None:
    graph, x = random_graph(3, num_nodes=15, num_edges=90, weight=0.6), random_drive(0, 1, 150, 3)
    u = tasks.uniform_input(150, generator=torch.Generator().manual_seed(0))
    found = []
    for goal in (torch.device("cpu"), device):
        reservoir = TriglialReservoir(graph, 3, bias=(1.0, 4.0), backend="reference").to(goal)
        run = reservoir.run(x.to(goal), record="state")
        states = run.traces["state"][0]
        network = to_networkx(reservoir.graph)
        results = [
            dynamics.measure_activity(run),
            dynamics.interval_cv(run),
            dynamics.local_variation(run),
            dynamics.branching_ratio(dynamics.population_count(run, 1), max_lag=9),
            dynamics.memory_capacity(states, x[0, :, 0].to(goal), max_lag=3),
            dynamics.information_processing_capacity(states, u.to(goal), max_degree=2, max_lag=3),
            dynamics.state_rank(states),
            dynamics.kernel_quality(states, states + 0.1),
            dynamics.lyapunov_exponent(states, states + 0.01),
            dynamics.hamming_distance(run.spikes(), run.spikes()),
            encoding.latency(x[0].to(goal) / 3.0, 5),
            encoding.level_crossing(x.to(goal), 0.5),
            encoding.filter_bank(torch.sin(torch.arange(800.0)).to(goal), 8000.0),
            encoding.poisson(9 * x[0].to(goal), 5, generator=torch.Generator().manual_seed(0)),
            sorted(network.edges(data=True), key=str),
            from_networkx(network).edge_weight,
        ]
        found.append([tree_map(comparable, result) for result in results])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, equal_nan=True)


def comparable(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


def test_pictures_of_what_is_there(device: torch.device) -> None:
    pytest.importorskip("matplotlib").use("agg")
    pytest.importorskip("plotly")
    graph = random_graph(3, num_nodes=15, num_edges=90, weight=0.6)
    reservoir = TriglialReservoir(
        graph, glia=[Astrocyte()], bias=(1.0, 4.0), backend="reference"
    ).to(device)
    run = reservoir.adapt(num_steps=30, record="v")
    plot.raster(run)
    plot.rate(run)
    plot.trace(run, "v")
    plot.edges_alive(run)
    plot.delays(run.graph)
    plot.histogram(graph, run.graph, "edge_weight")
    plot.graph3d(run.graph, "gain")
    assert "neurons" in reservoir._repr_html_()
    assert "spikes" in run._repr_html_()


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
    fields = [column_fields(graph.pos.to(goal), 7) for goal in (torch.device("cpu"), device)]
    assert_same(*fields, device)
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
