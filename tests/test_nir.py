import json
import math
import sys
from collections import deque
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import (
    assert_same,
    assert_twins,
    frozen,
    generator,
    graph_of,
    random_drive,
    random_graph,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import Astrocyte, LIFParameters, TriglialReservoir
from pyngn_graph.exchange import from_nir, to_nir
from pyngn_graph.graph import keep_edges, round_delay
from pyngn_graph.recipes import Recipe

nir = pytest.importorskip("nir")

PLAIN = graph_of(3, [(0, 1, 0.5, 1), (1, 2, -0.25, 3), (2, 0, 0.75, 3)])


def reservoir(seed: int, **options: Any) -> TriglialReservoir:
    """A reservoir with parallel edges, self loops, gains and neurons that all differ."""
    g = generator(seed)
    graph = random_graph(
        seed,
        num_edges=30,
        max_delay=3,
        gain=0.1 + 2.0 * torch.rand(8, generator=g),
        calcium=torch.rand(8, generator=g),
        edge_health=torch.rand(30, generator=g),
        inhibitory=torch.rand(8, generator=g) < 0.5,
        name="tissue",
    )
    neuron = LIFParameters(
        tau_m=10.0 + 20.0 * torch.rand(8, generator=g),
        v_th=1.1,
        v_rest=0.1,
        v_reset=-0.3,
        r_m=0.5 + torch.rand(8, generator=g).double(),
    )
    return TriglialReservoir(graph, **{"in_channels": 2, "neuron": neuron, "seed": seed} | options)


class Reader:
    """A clock-driven simulator that knows NIR only: float64, node by node, a loop takes a step."""

    def __init__(self, graph: Any, solver: str, step: float) -> None:
        self.nodes, self.solver, self.step = graph.nodes, solver, step
        self.sources = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
        self.state: dict[str, Any] = {}
        for name, node in self.nodes.items():
            if isinstance(node, nir.LI | nir.LIF):
                self.state[name] = np.array(node.v_leak)
            if isinstance(node, nir.Delay):
                steps = round(node.delay[0] / step)
                self.state[name] = deque([np.zeros(len(node.delay))] * steps)
        self.spikes = np.zeros(len(self.nodes["neuron"].tau))

    def __call__(self, x: Any) -> Any:
        self.spikes = self.output("neuron", x)
        return self.spikes

    def output(self, name: str, x: Any) -> Any:
        node = self.nodes[name]
        if isinstance(node, nir.Input):
            return x
        each = [self.spikes if a == "neuron" else self.output(a, x) for a in self.sources[name]]
        value = np.sum(each, axis=0) if each else 0.0
        if isinstance(node, nir.Affine | nir.Linear):
            return node.weight.astype(float) @ value + getattr(node, "bias", 0.0)
        if isinstance(node, nir.Delay):
            self.state[name].append(value)
            return self.state[name].popleft()
        share = self.step / node.tau
        share = -np.expm1(-share) if self.solver == "exact" else share
        v = self.state[name]
        v = self.state[name] = v + share * (node.v_leak - v + node.r * value)
        if isinstance(node, nir.LI):
            return v
        fired = v > node.v_threshold
        self.state[name] = np.where(fired, node.v_reset, v)
        return fired.astype(float)


def test_numbers_worked_by_hand() -> None:
    graph = to_nir(PLAIN, LIFParameters(tau_m=20.0, r_m=2.0))
    keep = math.exp(-1.0 / 20.0)
    lif = graph.nodes["neuron"]
    np.testing.assert_allclose(lif.tau, 0.02)  # seconds
    assert lif.r.tolist() == [2.0] * 3
    np.testing.assert_allclose(graph.nodes["weight_0"].weight[1, 0], 0.5 / (2.0 * (1.0 - keep)))
    assert np.count_nonzero(graph.nodes["weight_0"].weight) == 1
    assert np.count_nonzero(graph.nodes["weight_1"].weight) == 2
    np.testing.assert_allclose(graph.nodes["delay_1"].delay, 0.002)  # D - 1: the loop takes one
    assert ("weight_0", "neuron") in graph.edges
    assert ("input", "neuron") in graph.edges
    whole = to_nir(PLAIN, loop_steps=0)
    np.testing.assert_allclose(whole.nodes["delay_0"].delay, 0.001)
    np.testing.assert_allclose(whole.nodes["delay_1"].delay, 0.003)
    euler = to_nir(PLAIN, solver="euler", step=1e-4)
    tau = 1e-4 / (1.0 - keep)
    np.testing.assert_allclose(euler.nodes["neuron"].tau, tau)
    np.testing.assert_allclose(euler.nodes["weight_0"].weight[1, 0] * 1e-4 / tau, 0.5)
    np.testing.assert_allclose(euler.nodes["delay_1"].delay, 2e-4)


@given(seed=st.integers(0, 2**31), euler=st.booleans(), synaptic=st.booleans())
def test_another_simulator_gives_the_same_spikes(seed: int, euler: bool, synaptic: bool) -> None:
    made = reservoir(seed)
    if synaptic:
        neuron = replace(
            made.setting.neuron, tau_syn=4.0 + torch.rand(8, generator=generator(seed))
        )
        made = reservoir(seed, neuron=neuron)
    solver = "euler" if euler else "exact"
    graph = to_nir(made, solver=solver, step=1e-4)
    reader = Reader(graph, solver, 1e-4)
    x = random_drive(seed, 40, 2, low=-1.0, high=4.0)
    theirs = np.stack([reader(row.double().numpy()) for row in x])
    ours = made.run(x).spikes()[0]
    assert ours.any()
    assert np.array_equal(ours.numpy(), theirs > 0)


@given(
    seed=st.integers(0, 2**31),
    solver=st.sampled_from(["exact", "euler"]),
    step=st.sampled_from([None, 1e-4]),
    loop_steps=st.integers(0, 1),
    tau_syn=st.sampled_from([None, 5.0, 20.0]),
    direct=st.booleans(),
)
def test_what_is_read_is_what_was_written(
    seed: int, solver: str, step: float | None, loop_steps: int, tau_syn: Any, direct: bool
) -> None:
    plain = reservoir(seed).setting.neuron
    channels = None if direct else 2
    options: dict[str, Any] = {"bias": (0.5, 1.0), "hold": 3, "pool": 2, "tau_trace": 7.0}
    made = reservoir(seed, in_channels=channels, neuron=replace(plain, tau_syn=tau_syn), **options)
    again = from_nir(to_nir(made, solver=solver, step=step, loop_steps=loop_steps))
    assert_same(again.graph, frozen(made.graph))
    assert torch.equal(again.bias, made.bias)
    assert again.in_channels == channels
    if made.input_weight is not None:
        assert again.input_weight is not None
        assert torch.equal(again.input_weight, made.input_weight)
    for name in ("v_th", "v_rest", "v_reset", "r_m", "tau_syn"):
        assert np.array_equal(getattr(again.setting.neuron, name), getattr(plain, name)) or (
            name == "tau_syn" and again.setting.neuron.tau_syn == tau_syn
        )
    torch.testing.assert_close(
        again.setting.neuron.tau_m, torch.as_tensor(plain.tau_m).double(), rtol=1e-12, atol=0.0
    )
    assert_twins(made, again, torch.randn(2, 9, made.in_channels or 8))


def test_through_a_file(tmp_path: Path) -> None:
    made = reservoir(4)
    nir.write(tmp_path / "liquid.nir", to_nir(made))
    again = from_nir(nir.read(tmp_path / "liquid.nir"))
    assert_twins(made, again, torch.randn(2, 30, 2))
    assert again.graph.name == "tissue"
    assert again.graph.pos.dtype == torch.float32


def test_defined_for_the_smallest_graphs(tmp_path: Path) -> None:
    for graph in (graph_of(1, []), graph_of(2, []), graph_of(1, [(0, 0, 0.0, 1)])):
        nir.write(tmp_path / "small.nir", to_nir(graph))
        again = from_nir(nir.read(tmp_path / "small.nir"))
        assert_same(again.graph, frozen(TriglialReservoir(graph).graph))


def test_silent_edges_are_left_out_and_gains_folded_in() -> None:
    graph = reservoir(2).graph
    graph.edge_mask = torch.rand(30, generator=generator(0)) < 0.6
    made = TriglialReservoir(graph)
    again = from_nir(to_nir(made))
    assert_same(again.graph, frozen(keep_edges(made.graph, graph.edge_mask)))
    bare = to_nir(made)
    for key in ("data.gain", "pyngn_graph"):
        del bare.metadata[key]
    folded = from_nir(bare).graph
    ours = made.graph.gain[again.graph.edge_index[1]].double() * again.graph.edge_weight.double()
    torch.testing.assert_close(folded.edge_weight.double(), ours, rtol=1e-6, atol=1e-8)


def test_the_source_stays_as_it_is() -> None:
    made = reservoir(3)
    before = frozen(made.graph)
    graph = to_nir(made)
    graph.nodes["weight_0"].weight[:] = 0.0
    graph.nodes["current"].weight[:] = 0.0
    graph.metadata["data.pos"][:] = 0.0
    assert_same(made.graph, before)
    assert made.input_weight is not None
    assert bool(made.input_weight.any())


def foreign(**changes: Any) -> Any:
    """A graph as others write it: two neurons, a delay before and one behind the matrix."""
    two = np.ones(2)
    nodes = {
        "in": nir.Input({"input": np.array([1])}),
        "fc": nir.Linear(np.array([[2.0], [3.0]])),
        "lif": nir.LIF(tau=0.01 * two, r=4.0 * two, v_leak=0 * two, v_threshold=two),
        "early": nir.Delay(np.array([0.0, 0.003])),
        "w": nir.Affine(np.array([[0.0, 0.5], [0.25, 0.0]]), 0 * two),
        "late": nir.Delay(np.array([0.001, 0.005])),
        "out": nir.Output({"output": np.array([2])}),
    }
    names = ["in", "fc", "lif", "early", "w", "late", "lif"]
    edges = [*pairwise(names), ("lif", "out")]
    return nir.NIRGraph(nodes | changes, edges, metadata={}, type_check=not changes)


def test_what_others_wrote() -> None:
    made = from_nir(foreign(), glia=[Astrocyte()], tau_trace=5.0)
    assert made.graph.edge_index.tolist() == [[0, 1], [1, 0]]
    assert made.graph.edge_delay.tolist() == [0 + 5 + 1, 3 + 1 + 1]
    jump = 4.0 * (1.0 - math.exp(-1.0 / 10.0))
    torch.testing.assert_close(made.graph.edge_weight, torch.tensor([0.25, 0.5]) * jump)
    assert made.input_weight is not None
    assert made.input_weight.tolist() == [[2.0], [3.0]]
    assert (made.setting.neuron.tau_m, made.setting.neuron.r_m) == (10.0, 4.0)
    assert (made.setting.tau_trace, len(made.glia)) == (5.0, 1)
    half = from_nir(foreign(), dt=0.5, loop_steps=0)
    assert half.graph.edge_delay.tolist() == [10, 8]
    assert half.setting.dt == 0.5
    jump = from_nir(foreign(), solver="euler").graph.edge_weight
    torch.testing.assert_close(jump, torch.tensor([0.25, 0.5]) * 4.0 / 10.0)


def cuba() -> Any:
    two = np.ones(2)
    return nir.CubaLIF(tau_syn=two, tau_mem=two, r=two, v_leak=two, v_threshold=two)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w": nir.Affine(np.ones((2, 2)), np.ones(2))}, "'w' has a bias"),
        ({"late": nir.Delay(np.array([0.0005, 0.0]))}, "multiples of the step of 0.001 s: 1 of 2"),
        ({"late": nir.Linear(np.eye(2))}, "'late' is not part of one"),
        ({"w": nir.Delay(np.zeros(2))}, "one has none"),
        ({"late": nir.Scale(np.ones(2))}, "'late' is a Scale"),
        ({"lif": cuba()}, "'lif' is a CubaLIF, which filters the external current"),
        ({"fc": nir.LI(*[np.zeros(1)] * 3)}, "input leads to 'fc'"),
        ({"more": nir.Input({"input": np.array([1])})}, "must be one Input"),
    ],
)
def test_what_a_reservoir_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_nir(foreign(**changes))


def test_what_nir_cannot_say_is_refused() -> None:
    def refused(message: str, source: Any = PLAIN, *args: Any, **options: Any) -> None:
        before = frozen(source.graph if isinstance(source, TriglialReservoir) else source)
        with pytest.raises(ValueError, match=message):
            to_nir(source, *args, **options)
        assert_same(source.graph if isinstance(source, TriglialReservoir) else source, before)

    refused(r"NIR has no neurons with 't_ref' \(got 2.0\)", PLAIN, LIFParameters(t_ref=2.0))
    refused("NIR has no neurons with 'v_min'", PLAIN, LIFParameters(v_min=-1.0))
    refused("'edge_delay' is float32", PLAIN.clone().update({"edge_delay": torch.ones(3)}))
    refused("carries gain and resistance", PLAIN.clone().update({"gain": torch.zeros(3)}))
    refused("carries gain and resistance", PLAIN, LIFParameters(r_m=0.0))
    refused("Unknown solver 'rk4'; available", PLAIN, solver="rk4")
    refused("'step' must be positive, in seconds", PLAIN, step=0.0)
    refused("'loop_steps' must be 1, .* or 0", PLAIN, loop_steps=2)
    edges = [(0, 0, 1.0, delay) for delay in range(1, 70)]
    refused("69 delays as a full matrix: 2,208,000,000 bytes", graph_of(2000, edges))


def test_a_recipe_with_other_neurons() -> None:
    made = Recipe(num_nodes=27).reservoir(2)
    made.adapt(torch.randn(1, 120, 2))  # the oligodendrocytes make delays fractions
    made.graph.edge_delay = round_delay(made.graph.edge_delay)
    neuron = replace(made.setting.neuron, t_ref=0.0, v_min=None)
    again = from_nir(to_nir(made, neuron))
    assert again.neuron.tau_m == made.neuron.tau_m
    assert again.setting.hold == 10
    assert_same(again.graph, frozen(made.graph))


def test_edges_that_are_not_in_their_matrix() -> None:
    graph = to_nir(PLAIN)
    graph.nodes["weight_0"].weight[2, 2] = 1.0
    with pytest.raises(ValueError, match="metadata of 'weight_0' are not those of its matrix"):
        from_nir(graph)
    for node in graph.nodes.values():
        node.metadata.clear()
    assert from_nir(graph).graph.edge_index.tolist() == [[0, 1, 2, 2], [1, 2, 0, 2]]


def test_steps_too_long_for_euler() -> None:
    with pytest.raises(ValueError, match=r"cannot be advanced by Euler's rule in steps of 0.02 s"):
        from_nir(to_nir(PLAIN), solver="euler", dt=20.0, step=0.02)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = to_nir(PLAIN)
    monkeypatch.setitem(sys.modules, "nir", None)
    for call, argument in ((to_nir, PLAIN), (from_nir, graph)):
        with pytest.raises(ImportError, match=r"needs 'nir'.*pip install 'pyngn-graph\[nir\]'"):
            call(argument)


def test_metadata_is_text_that_others_can_read() -> None:
    meta = to_nir(reservoir(1), solver="euler").metadata
    assert (meta["dt"], meta["step"], meta["solver"], meta["loop_steps"]) == (1.0, 1e-3, "euler", 1)
    assert json.loads(meta["pyngn_graph"])["values"]["name"] == "tissue"


def test_snntorch_gives_the_same_spikes() -> None:
    pytest.importorskip("snntorch")
    importer = pytest.importorskip("snntorch.import_nir")
    edges = [(i, j, 0.9 - 0.2 * ((i + 2 * j) % 7), 1) for i in range(12) for j in range(12)]
    # snnTorch knows neurons with R = tau / step only: a unit of current is then a unit of jump.
    neuron = LIFParameters(r_m=1.0 / (1.0 - math.exp(-1.0 / 20.0)))
    made = TriglialReservoir(graph_of(12, edges), neuron=neuron)
    x = random_drive(0, 200, 12, high=0.2)
    graph = to_nir(made, solver="euler", step=1e-4)
    # It also feeds the input of a loop of two nodes through the weights of the loop; not of three.
    graph.nodes["relay"] = nir.Linear(np.eye(12))
    graph.edges.remove(("weight_0", "neuron"))
    graph.edges += [("weight_0", "relay"), ("relay", "neuron")]
    network, state, theirs = importer.import_from_nir(graph), None, []
    with torch.no_grad():
        for row in x:
            spikes, state = network(row.unsqueeze(0), state)
            theirs.append(spikes[0])
    ours: Tensor = made.run(x).spikes()[0]
    assert ours.sum() > 100
    assert torch.equal(ours, torch.stack(theirs) > 0)
