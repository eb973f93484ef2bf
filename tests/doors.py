"""The public doors: how each is called with what hypothesis draws for it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from helpers import CPU_BACKENDS, assert_same_run, random_drive, random_graph
from hostile import answers, graphs, is_finite, spoiled
from torch import Tensor
from torch_geometric.data import Batch, Data

import pyngn_graph as ng
from pyngn_graph.analysis import dynamics, topology
from pyngn_graph.exchange import read_csv, read_graphml, write_csv, write_graphml
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
        reservoir = ng.TriglialReservoir(graph, backend=backend, **options).train(learn)
        run = reservoir.run(random_drive(0, STEPS, int(graph.num_nodes), high=3.0), record=("v",))
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


def in_union(graph: Data) -> Any:
    batch = Batch.from_data_list([graph, graph])
    return run_everywhere(batch)


def on_layers(graph: Data) -> Tensor:
    """The layers by themselves, as the README uses them."""
    layer = ng.LIFLayer(graph.num_nodes)
    buffer = ng.DelayBuffer(graph.num_nodes, 4)
    for _ in range(STEPS):
        arrived = buffer.get_delayed_spikes(graph.edge_delay, graph.edge_index)
        arrived = torch.zeros(graph.num_nodes).index_add(0, graph.edge_index[1], arrived)
        buffer.push(layer(arrived, 30.0))
    return layer.v


GRAPH_DOORS: dict[str, tuple[Callable[[Data], Any], bool]] = {
    "validate": (ng.validate, True),
    "run": (run_everywhere, True),
    "run in flight": (lambda g: run_everywhere(g, in_flight="emission", hold=2), True),
    "live": (living, True),
    "set": (replaced, True),
    "Trainable": (trained, True),
    "Signal": (on_nodes, True),
    "networkx": (through_networkx, True),
    "hetero": (ng.to_hetero_data, True),
    "file": (through(ng.save_graph, ng.load_graph, "safetensors"), True),
    "csv": (through(write_csv, read_csv, "csv"), True),
    "graphml": (through(write_graphml, read_graphml, "graphml"), True),
    "replicate": (lambda g: ng.generators.replicate(g, torch.tensor([[0, 1], [1, 0]]), 2, g), True),
    "measure": (lambda g: topology.measure(g), False),
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
