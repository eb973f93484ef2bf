"""The public doors: how each is called with what hypothesis draws for it."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers import CPU_BACKENDS, assert_same_run, going, random_drive, random_graph
from hostile import answers, graphs, is_finite, spoiled
from matplotlib.figure import Figure
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.analysis import dynamics, topology
from pyngn_graph.estimators import ReservoirClassifier
from pyngn_graph.exchange import (
    from_nir,
    read_csv,
    read_graphml,
    to_nir,
    write_csv,
    write_graphml,
)
from pyngn_graph.glia import Coherence, Hub, Winner
from pyngn_graph.recipes import suggest_max_delay, suggest_rho

STEPS = 6


def check(call: Callable[..., Any], given: Any, finite: bool = True, spread: bool = False) -> None:
    """Calls a door with ``given``, alone or spread over its arguments."""
    result = answers((lambda: call(**given)) if spread else (lambda: call(given)), given)
    assert not finite or is_finite(result), f"not finite: {result}"


# What takes a graph


def run_everywhere(graph: Data, *, learn: bool = False, **options: Any) -> Any:
    """Bits of a run, the same on every backend."""
    runs = []
    for backend in CPU_BACKENDS:
        reservoir = ng.TriglialReservoir(graph, backend=backend, **options)
        run = going(reservoir, learn)(
            random_drive(0, STEPS, int(graph.num_nodes), high=3.0), record=("v",)
        )
        runs.append(run)
        assert is_finite(reservoir.graph)
        assert not run.traces["v"].isnan().any()
    assert_same_run(*runs)
    return runs[0].traces, runs[0].states


def living(graph: Data) -> Any:
    glia = [ng.Astrocyte(eta=0.1), ng.Oligodendrocyte(eta=0.5), ng.Microglia(fraction=0.3)]
    return run_everywhere(graph, learn=True, glia=glia, glia_period=3)


def replaced(graph: Data) -> Any:
    """A reservoir whose graph is set; refused, it must go on as it was."""
    reservoir = ng.TriglialReservoir(random_graph(0, 3, 9, max_delay=4), stateful=True, bias=2.0)
    before = reservoir.run(num_steps=3).states
    own = reservoir.graph
    try:
        reservoir.graph = graph
    except (TypeError, ValueError):
        assert reservoir.graph is own
        assert reservoir._state is not None
        raise
    return before, reservoir.run(num_steps=STEPS).states


def trained(graph: Data) -> Tensor:
    reservoir = ng.TrainableReservoir(graph)
    states: Tensor = reservoir(random_drive(0, STEPS, int(graph.num_nodes), high=30.0))
    states.sum().backward()
    return states


def on_nodes(graph: Data) -> Tensor:
    reservoir = ng.SignalReservoir(graph, in_channels=2, progress=False)
    states: Tensor = reservoir(random_drive(0, STEPS, reservoir.num_places, 2))
    return states


def through_networkx(graph: Data) -> Any:
    return ng.from_networkx(ng.to_networkx(graph))


def through_nir(graph: Data) -> Data:
    read: Data = from_nir(to_nir(graph)).graph
    return read


def through(write: Callable[[Data, Path], Any], read: Callable[[Path], Data], ending: str) -> Any:
    def door(graph: Data) -> Data:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"graph.{ending}"
            try:
                write(graph, path)
            except (TypeError, ValueError):
                assert not list(Path(folder).iterdir()), "a refused graph left a file"
                raise
            return read(path)

    return door


def drawn(draw: Callable[..., Any], *args: Any) -> tuple[float, float]:
    """The range of the picture."""
    limits: tuple[float, float] = draw(*args, ax=Figure().subplots()).get_xlim()
    return limits


GRAPH_DOORS: dict[str, tuple[Callable[[Data], Any], bool]] = {
    "validate": (ng.validate, True),
    "run": (run_everywhere, True),
    "run in flight": (lambda g: run_everywhere(g, in_flight="emission", hold=2), True),
    "live": (living, True),
    "set": (replaced, True),
    "Trainable": (trained, True),
    "Signal": (on_nodes, True),
    "networkx": (through_networkx, True),
    "from_data": (ng.from_data, True),
    "hetero": (ng.to_hetero_data, True),
    "file": (through(ng.save_graph, ng.load_graph, "safetensors"), True),
    "csv": (through(write_csv, read_csv, "csv"), True),
    "graphml": (through(write_graphml, read_graphml, "graphml"), True),
    "replicate": (lambda g: ng.generators.replicate(g, torch.tensor([[0, 1], [1, 0]]), 2, g), True),
    "describe": (lambda g: repr(ng.describe(g)), True),
    "adjacency": (lambda g: drawn(ng.plot.adjacency, g), True),
    "histogram": (lambda g: drawn(ng.plot.histogram, g, None, "edge_weight"), True),
    "scene": (lambda g: len(ng.plot.graph3d(g, "edge_delay").data), True),
    "measure": (lambda g: topology.measure(g), False),
    "nir": (through_nir, True),
    "null model": (lambda g: topology.null_model(g, seed=0), True),
    "spectrum": (topology.spectral_radius, True),
    "safe": (ng.SafeTransform(lambda g: g), True),
    "Astrocyte": (ng.Astrocyte(rule="multiplicative"), True),
    "territory": (ng.Astrocyte(territory=100.0), True),
    "graded": (ng.Oligodendrocyte(), True),
    "align": (ng.Oligodendrocyte("align"), True),
    "coherence": (ng.Oligodendrocyte(Coherence()), True),
    "fixed": (ng.Oligodendrocyte("fixed:two"), True),
    "Microglia": (ng.Microglia(), True),
    "weight": (ng.Microglia("weight", drop=False, min_in=0, keep=0.0), True),
    "winner": (ng.Microglia(Winner()), True),
    "hub": (ng.Microglia(Hub()), True),
    "regrow": (ng.Microglia("random", regrow=True, length_scale=9.0, velocity=9.0), True),
}

DOORS: dict[str, tuple[Any, Callable[..., Any], dict[str, Any]]] = {
    name: (graphs(), door, {"finite": finite}) for name, (door, finite) in GRAPH_DOORS.items()
}


# What takes numbers and tensors


def reservoir_of(**options: Any) -> Any:
    """A life of a reservoir with these options."""
    reservoir = ng.TriglialReservoir(
        random_graph(0, 3, 9, max_delay=4), glia=[ng.Astrocyte(), ng.Oligodendrocyte()],
        **options,
    )  # fmt: skip
    assert repr(reservoir)
    run = reservoir.adapt(num_steps=STEPS, record=("v",))
    return run.traces, run.states, reservoir.graph


def fed(**call: Any) -> Any:
    """A call of ``run``; refused, it must leave the reservoir as it was."""
    reservoir, twin = (
        ng.TriglialReservoir(random_graph(0, 3, 9, max_delay=4), 2, glia=[ng.Astrocyte()])
        for _ in range(2)
    )
    try:
        run = reservoir.adapt(**call, record=("v",), progress=False)
    except (TypeError, ValueError):
        x = random_drive(0, STEPS, 2)
        assert_same_run(*(r.adapt(x, record=("v",)) for r in (reservoir, twin)))
        raise
    return run.states, reservoir.graph, reservoir.diagnose().__dict__


def fed_forward(x: Tensor, lengths: Tensor) -> Tensor:
    states: Tensor = ng.TriglialReservoir(random_graph(0, 3, 9, max_delay=4), 2)(x, lengths)
    return states


def judged(x: Tensor, lengths: Tensor) -> Any:
    found = ng.TriglialReservoir(random_graph(0, 3, 9, max_delay=4), 2).diagnose(x, lengths)
    assert str(found)
    return found.__dict__


def put(v: Any) -> Any:
    reservoir = ng.TriglialReservoir(random_graph(0, 3, 9, max_delay=4), bias=1.2)
    reservoir.reset(v=v)
    return reservoir.run(num_steps=STEPS).states


def neurons_of(**parameters: Any) -> Any:
    graph = random_graph(0, 3, 9, max_delay=4)
    neuron = ng.LIFParameters(**parameters)
    return run_everywhere(graph, neuron=neuron, bias=1.5)


def layer_of(**parameters: Any) -> Any:
    layer = ng.LIFLayer(**parameters)
    assert repr(layer)
    for _ in range(STEPS):
        layer(torch.full((layer.n_neurons,), 0.7))
    return layer.v


def stepped(i_syn: Any, i_ext: Any) -> Any:
    """Steps of a layer; refused, it must stay where it was."""
    layer = ng.LIFLayer(3)
    layer(torch.full((3,), 0.3))
    before = layer.v.clone()
    try:
        for _ in range(STEPS):
            layer(i_syn, i_ext)
            before = layer.v.clone()
    except (TypeError, ValueError):
        assert torch.equal(layer.v, before)
        raise
    return layer.v


def buffered(n_neurons: Any, max_delay: Any) -> Any:
    return ng.DelayBuffer(n_neurons, max_delay).history


def pushed(spikes: Any, delays: Any, edge_index: Any) -> Any:
    buffer = ng.DelayBuffer(3, 4)
    buffer.push(spikes)
    return buffer.get_delayed_spikes(delays, edge_index)


def cell(kind: type[Any], **fixed: Any) -> Callable[..., Any]:
    """A cell with any parameters, at work in a life."""

    def door(**parameters: Any) -> Any:
        made = kind(**fixed, **parameters)
        assert repr(made)
        graph = random_graph(0, 4, 9, max_delay=4)
        return run_everywhere(graph, learn=True, glia=[made], glia_period=2, bias=2.0)

    return door


def learned(make: Callable[[], Any]) -> Callable[..., Any]:
    """A readout; refused, it must predict what it did before."""

    def door(x: Any, y: Any, again: Any) -> Any:
        readout = make().fit(ROWS, VALUES)
        before = readout.predict(ROWS)
        try:
            readout.partial_fit(x, y)
        except (TypeError, ValueError):
            assert torch.equal(readout.predict(ROWS), before)
            raise
        return readout.predict(again), readout.score(x, y), readout.weight, readout.bias

    return door


def weighed(x: Any, y: Any, sample_weight: Any) -> Any:
    readout = ng.RidgeReadout().fit(x, y, sample_weight)
    return readout.weight, readout.predict(ROWS)


def labelled(x: Any, y: Any) -> Any:
    readout = ng.RidgeReadout().fit(x, y)
    return readout.predict(x), readout.score(x, y)


def seeded(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **given: function(**given, generator=torch.Generator().manual_seed(0))


def recording() -> Any:
    return ng.TriglialReservoir(random_graph(0, 3, 9), bias=1.4).run(num_steps=60)


def pictured(name: str) -> Callable[..., Any]:
    """A picture of a recording that holds the trace of potentials."""

    def door(**options: Any) -> Any:
        reservoir = ng.TriglialReservoir(random_graph(0, 3, 9), bias=1.4)
        run = reservoir.run(num_steps=60, record="v")
        return drawn(partial(getattr(ng.plot, name), **options), run)

    return door


def estimated(x: Any, y: Any, again: Any) -> Any:
    """A classifier for scikit-learn; refused, it must predict what it did before."""
    made = ReservoirClassifier(num_nodes=5, glia=(), random_state=0)
    made.fit(ROWS.numpy(), np.arange(12) % 3)
    before = made.predict(ROWS.numpy())
    try:
        made.partial_fit(x, y)
    except (TypeError, ValueError):
        assert (made.predict(ROWS.numpy()) == before).all()
        raise
    return made.decision_function(again)


ROWS = random_drive(3, 12, 2)
VALUES = random_drive(4, 12)
STREAM = random_drive(5, 60, 1, low=-1.0, high=1.0)
STATES = random_drive(6, 60, 3)

VALUE_DOORS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "reservoir": (
        reservoir_of,
        {
            "dt": 1.0, "glia_period": 3, "hold": 1, "bias": torch.full((3,), 1.2), "pool": 2,
            "tau_trace": 20.0, "max_delay": 200, "threads": 1, "seed": 0, "input_scale": 1.0,
            "input_density": 1.0,
        },
    ),
    "projection": (
        lambda **o: ng.TriglialReservoir(random_graph(0, 3, 9), **o).run(torch.ones(3, 2)).states,
        {
            "in_channels": 2, "input_weight": torch.ones(3, 2), "bias": (0.5, 1.0),
            "input_scale": 1.0, "input_density": 0.5, "seed": 1,
        },
    ),
    "run(x)": (fed, {"x": random_drive(0, 2, 4, 2), "lengths": torch.tensor([3, 4]), "every": 1}),
    "run(steps)": (fed, {"num_steps": 3, "every": 2}),
    "forward": (fed_forward, {"x": random_drive(0, 2, 4, 2), "lengths": torch.tensor([3, 4])}),
    "diagnose": (judged, {"x": random_drive(0, 2, 4, 2), "lengths": torch.tensor([3, 4])}),
    "reset": (put, {"v": torch.zeros(3)}),
    "neurons": (
        neurons_of,
        {
            "tau_m": torch.full((3,), 20.0), "v_th": torch.ones(3), "v_rest": 0.0, "v_reset": -0.1,
            "r_m": 1.0, "t_ref": 2.0, "v_min": -3.0, "tau_syn": 5.0,
        },
    ),
    "LIFLayer": (layer_of, {"n_neurons": 3, "tau_m": 20.0, "v_th": 1.0, "r_m": 1.0, "dt": 1.0}),
    "layer": (stepped, {"i_syn": torch.ones(3), "i_ext": torch.ones(3)}),
    "DelayBuffer": (buffered, {"n_neurons": 3, "max_delay": 4}),
    "buffer": (
        pushed,
        {
            "spikes": torch.ones(3), "delays": torch.tensor([1, 4]),
            "edge_index": torch.tensor([[0, 1], [2, 2]]),
        },
    ),
    "Astrocyte()": (
        cell(ng.Astrocyte),
        {
            "rho": 0.02, "tau_ca": 20.0, "eta": 0.1, "min_gain": 0.1, "max_gain": 9.0,
            "territory": 50.0,
        },
    ),
    "Astrocyte(Hz)": (
        cell(ng.Astrocyte, rule="multiplicative"), {"target_rate": 20.0, "eta": 0.1},
    ),
    "Oligodendrocyte()": (
        cell(ng.Oligodendrocyte, rule="align"),
        {"eta": 0.1, "window": 9.0, "lead": 1.0, "min_delay": 1, "max_delay": 9},
    ),
    "Microglia()": (
        cell(ng.Microglia),
        {
            "fraction": 0.2, "keep": 0.2, "min_in": 1, "eta": 0.1, "decay": 0.01, "cost": 0.2,
            "tau_h": 9.0, "initial_health": 0.5, "threshold": 0.1, "seed": 0,
        },
    ),
    "Microglia(regrow)": (
        cell(ng.Microglia, criterion="random", regrow=True),
        {"fraction": 0.5, "length_scale": 100.0, "velocity": 50.0, "seed": 3},
    ),
    "Ridge": (learned(ng.RidgeReadout), {"x": ROWS, "y": VALUES, "again": ROWS}),
    "Delta": (learned(lambda: ng.DeltaReadout(epochs=1)), {"x": ROWS, "y": VALUES, "again": ROWS}),
    "labels": (labelled, {"x": ROWS, "y": torch.arange(12) % 3}),
    "weights": (weighed, {"x": ROWS, "y": VALUES, "sample_weight": torch.arange(12) / 6.0}),
    "padded": (ng.padded, {"series": random_drive(0, 2, 4, 2)}),
    "Ridge()": (lambda alpha: labelled_with(ng.RidgeReadout(alpha)), {"alpha": 1e-3}),
    "Delta()": (
        lambda **o: labelled_with(ng.DeltaReadout(**o)), {"lr": 0.1, "epochs": 1, "seed": 0},
    ),
    "poisson": (
        seeded(ng.encoding.poisson), {"rate": torch.full((2,), 20.0), "num_steps": 5, "dt": 1.0},
    ),
    "latency": (
        ng.encoding.latency,
        {"intensity": torch.tensor([0.1, 0.9]), "num_steps": 5, "threshold": 0.2},
    ),
    "level_crossing": (
        ng.encoding.level_crossing, {"signal": random_drive(0, 5, 2), "threshold": 0.3},
    ),
    "filter_bank": (
        ng.encoding.filter_bank,
        {
            "waveform": random_drive(0, 400), "sample_rate": 8000.0, "num_channels": 4,
            "frame": 10.0, "window": 25.0, "min_frequency": 0.0, "max_frequency": 4000.0,
            "floor": 1e-10,
        },
    ),
    "Tissue": (
        lambda **o: ng.generators.Tissue(**o)(),
        {
            "num_nodes": 5, "degree": 2.0, "length_scale": 200.0, "weight": 0.2, "spacing": 100.0,
            "inhibition": 4.0, "inhibitory_fraction": 0.2, "velocity": 50.0, "dt": 1.0,
            "max_delay": 50, "seed": 0, "pos": random_drive(0, 5, 3), "c_ee": 0.3,
        },
    ),
    "from_data()": (
        lambda edges, **o: ng.from_data(edges, **o),
        {
            "edges": torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]]), "weight": 0.2, "inhibition": 4.0,
            "inhibitory_fraction": 0.2, "velocity": 50.0, "dt": 1.0, "max_delay": 50, "seed": 0,
            "spacing": 100.0, "pos": random_drive(0, 3, 3),
        },
    ),
    "from_data(matrix)": (lambda a: ng.from_data(a, weights="jumps"), {"a": random_drive(0, 4, 4)}),
    "SmallWorld": (
        lambda **o: ng.generators.SmallWorld(**o)(),
        {"num_nodes": 6, "degree": 2.0, "rewiring": 0.1, "weight": 0.2, "seed": 0},
    ),
    "ScaleFree": (
        lambda **o: ng.generators.ScaleFree(**o)(),
        {"num_nodes": 6, "degree": 2.0, "exponent": 3.0, "weight": 0.2, "seed": 0},
    ),
    "ErdosRenyi": (
        lambda **o: ng.generators.ErdosRenyi(**o)(),
        {"num_nodes": 6, "degree": 2.0, "spacing": 9.0, "velocity": 5.0, "dt": 1.0, "seed": 0},
    ),
    "suggest_rho": (suggest_rho, {"rate": 20.0, "sigma": 0.5, "dt": 1.0}),
    "suggest_max_delay": (suggest_max_delay, {"memory": 20.0, "dt": 1.0}),
    "Trainable()": (
        lambda x, **o: ng.TrainableReservoir(random_graph(0, 3, 9, max_delay=4), **o)(x),
        {
            "x": random_drive(0, 4, 3, 2), "dt": 1.0, "tau_trace": 20.0, "max_delay": 9,
            "checkpoint": 2,
        },
    ),
    "Signal()": (
        lambda x, **o: ng.SignalReservoir(random_graph(0, 3, 9), progress=False, **o)(x),
        {
            "x": random_drive(0, 4, 3, 2), "in_channels": 2, "input_scale": 1.0, "bias": 0.9,
            "tau_trace": 20.0, "seed": 0, "hold": 1,
        },
    ),
    "replace": (
        lambda **o: ng.TriglialReservoir(random_graph(0, 3, 9), 2).replace(**o)(
            random_drive(0, 1, 4, 2)
        ),
        {"input_scale": 1.0, "bias": 0.9, "tau_trace": 20.0, "seed": 0, "hold": 1},
    ),
    "Trainable().replace": (
        lambda **o: ng.TrainableReservoir(random_graph(0, 3, 9)).replace(**o)(
            random_drive(0, 4, 3, 2)
        ),
        {"tau_trace": 20.0, "max_delay": 9, "checkpoint": 2},
    ),
    "Signal().replace": (
        lambda **o: ng.SignalReservoir(random_graph(0, 3, 9), progress=False).replace(**o)(
            random_drive(0, 4, 3, 1)
        ),
        {"input_scale": 1.0, "bias": 0.9, "tau_trace": 20.0, "seed": 0, "hold": 1},
    ),
    "synchrony": (dynamics.synchrony, {"signal": random_drive(0, 1, 9, 3)}),
    "fano_factor": (dynamics.fano_factor, {"counts": random_drive(0, 1, 9)}),
    "branching_ratio": (
        lambda **o: dynamics.branching_ratio(**o).r,  # there may be no ratio
        {"activity": random_drive(0, 60), "max_lag": 5, "dt": 1.0},
    ),
    "state_rank": (dynamics.state_rank, {"states": STATES, "noise": 0.1}),
    "kernel_quality": (dynamics.kernel_quality, {"distinct": ROWS, "similar": ROWS, "noise": 0.1}),
    "memory_capacity": (
        dynamics.memory_capacity,
        {
            "states": STATES, "u": STREAM, "max_lag": 3, "train_fraction": 0.7, "washout": 2,
            "floor": 0.1,
        },
    ),
    "processing": (
        dynamics.information_processing_capacity,
        {"states": STATES, "u": STREAM, "max_degree": 2, "max_lag": 2, "washout": 2},
    ),
    "lyapunov": (
        dynamics.lyapunov_exponent, {"a": random_drive(0, 9, 3), "b": random_drive(1, 9, 3)},
    ),
    "hamming_distance": (
        dynamics.hamming_distance, {"a": random_drive(0, 2, 9), "b": random_drive(1, 2, 9)},
    ),
    "activity": (lambda window: dynamics.spike_counts(recording(), window), {"window": 10}),
    "uniform_input": (
        seeded(ng.tasks.uniform_input), {"num_steps": 5, "low": -1.0, "high": 1.0},
    ),
    "narma10": (seeded(ng.tasks.narma10), {"num_steps": 30}),
    "mackey_glass": (
        ng.tasks.mackey_glass,
        {"num_steps": 9, "tau": 5.0, "step": 1.0, "substeps": 2, "start": 1.2, "washout": 9},
    ),
    "spike_templates": (
        seeded(ng.tasks.spike_templates),
        {
            "num_trials": 2, "num_channels": 2, "num_segments": 2, "num_templates": 2,
            "segment": 20.0, "rate": 20.0, "jitter": 4.0, "dt": 1.0,
        },
    ),
    "plot.rate": (pictured("rate"), {"bin": 10.0, "trial": 0, "target": 20.0}),
    "plot.raster": (pictured("raster"), {"trial": 0, "max_spikes": 99}),
    "plot.trace": (partial(pictured("trace"), name="v"), {"trial": 0}),
    "plot.edges_alive": (pictured("edges_alive"), {"trial": 0}),
    "nrmse": (ng.tasks.nrmse, {"prediction": random_drive(0, 9), "target": random_drive(1, 9)}),
}  # fmt: skip


def labelled_with(readout: Any) -> Any:
    readout.fit(ROWS, torch.arange(12) % 3)
    return readout.predict(ROWS), readout.weight


UNDEFINED = ("synchrony", "fano_factor", "lyapunov")
"""Measures that are NaN by definition where nothing varies."""

DOORS |= {
    name: (spoiled(good), door, {"spread": True, "finite": name not in UNDEFINED})
    for name, (door, good) in VALUE_DOORS.items()
}
