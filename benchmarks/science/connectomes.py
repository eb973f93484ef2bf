"""Measured wirings and their controls as liquids: worm and larva, and what chance makes of them.

All wirings of an animal have its neurons, where they are and whom they inhibit, and its synapses:
each edge keeps its size and its type. They differ in who is connected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science import protocol
from benchmarks.science.controls import echo_state_network
from benchmarks.science.protocol import HOLD, Liquid, activity, composition, stream
from benchmarks.science.raw import folder
from pyngn_graph import tasks
from pyngn_graph.analysis.topology import random_edges, rewired
from pyngn_graph.datasets import CElegans, DrosophilaLarva, connectome

ROUNDS = 40
"""Rounds of swaps; in each of them every edge is in one swap that is tried."""

MAX_LAG, TRAIN, TEST = 200, 3000, 1000
"""Samples that are to be remembered, and those that the readout learns from and is tested on."""

READ = 1000
"""Neurons that the readout sees, drawn at random; all of a smaller animal."""

SPARSE = 3
"""Edges per neuron of ``"sparse"``."""

WIRINGS = ("real", "rewired", "random", "sparse", "shuffled")
"""As measured; with the same degrees; with as many edges; with a few; with sizes shuffled."""


@dataclass(frozen=True)
class Animal(Liquid):
    """The nervous system of an animal, or a control of it.

    Attributes:
        animal: ``"worm"`` or ``"larva"``.
        wiring: One of ``WIRINGS``.
        delay: Delays at birth: ``"distance"``, ``"uniform"`` or ``"sqrt"``; by default as the data
            set has it. The longest are of 100 ms.
        min_in: Inputs that microglia leave to every neuron.
    """

    animal: str = "worm"
    wiring: str = "real"
    delay: str | None = None
    min_in: int = 1

    def graph(self, seed: int) -> Data:
        """The graph at birth."""
        data = measured(self.animal)
        synapses = wired(data, self.wiring, stream(seed, self.wiring))
        sign, choices = 1 - 2 * data.inhibitory.long(), {}
        if self.animal == "larva":  # no signs were measured: every seed draws others
            sign, choices = torch.zeros_like(sign), {"inhibitory_fraction": 0.2}
        graph = connectome(
            *synapses[:2],
            data.num_nodes,
            electrical=synapses[2],
            pos=data.get("pos"),
            sign=sign,
            weight=self.weight,
            delay=self.delay,
            seed=seed,
            **choices,
        )
        if not self.connected:
            graph.edge_mask = torch.zeros(graph.num_edges, dtype=torch.bool)
        return graph

    def glia(self, seed: int) -> list[ng.GlialCell]:
        """The glia, in the order of their action."""
        cells = super().glia(seed)
        for cell in cells:
            if isinstance(cell, ng.Microglia):
                cell.min_in = self.min_in
        return cells


@cache
def measured(animal: str) -> Data:
    """The graph of an animal as its data set has it."""
    if animal == "worm":
        return CElegans(folder("celegans"))[0]
    return DrosophilaLarva(folder("drosophila_larva"))[0]


def wired(data: Data, wiring: str, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Who is connected in a control of ``data``.

    Returns:
        ``edge_index`` ``[2, E]``, the sizes of the edges ``[E]``, and which are gap junctions.
    """
    index, count, nodes = data.edge_index, data.edge_count, data.num_nodes
    electrical = torch.zeros(data.num_edges, dtype=torch.bool)
    if "edge_type" in data:
        electrical = data.edge_type == data.synapse_types.index("electrical")
    if wiring == "rewired":
        index = index.clone()
        for kind in (electrical, ~electrical):
            index[:, kind] = rewired(index[:, kind], nodes, ROUNDS, generator)
    elif wiring == "random":
        index = random_edges(data.num_edges, nodes, generator)
    elif wiring == "sparse":
        index = random_edges(SPARSE * nodes, nodes, generator)
        drawn = torch.randperm(data.num_edges, generator=generator)[: SPARSE * nodes]
        count, electrical = count[drawn], electrical[drawn]
    elif wiring == "shuffled":
        count = count[torch.randperm(data.num_edges, generator=generator)]
    elif wiring != "real":
        raise ValueError(f"Unknown wiring {wiring!r}; available: {list(WIRINGS)}")
    return index, count, electrical


def memory(seed: int, **animal: Any) -> dict[str, Any]:
    """Linear memory of an adapted animal, and what it costs.

    The input is U(-1, 1), through weights N(0, 1) to all neurons, 10 ms a sample.

    Returns:
        What :func:`capacity` returns; rate in Hz, synaptic events per ms, live edges of both kinds,
        share of gains at a bound.
    """
    reservoir = Animal(**animal).adapted(seed)
    read = torch.randperm(reservoir.graph.num_nodes, generator=stream(seed, "readout"))[:READ]
    u = tasks.uniform_input(MAX_LAG + TRAIN + TEST, generator=stream(seed, "memory"))
    recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
    states = recording.traces["state"][0][:, read]
    return capacity(states, u) | activity(recording) | composition(reservoir.graph)


def esn(seed: int, num_nodes: int, setting: Mapping[str, float]) -> dict[str, Any]:
    """Linear memory of an echo state network of ``num_nodes`` units."""
    u = tasks.uniform_input(MAX_LAG + TRAIN + TEST, generator=stream(seed, "memory"))
    network = echo_state_network(seed, num_nodes, **setting)
    return capacity(torch.from_numpy(network.run(u.double().numpy())), u)


def taps(seed: int, number: int) -> dict[str, Any]:
    """Linear memory of the present sample and the ``number - 1`` before it."""
    u = tasks.uniform_input(MAX_LAG + TRAIN + TEST, generator=stream(seed, "memory"))
    padded = torch.cat([u.new_zeros(number - 1), u.flatten()])
    return capacity(padded.unfold(0, number, 1), u)


def capacity(states: Tensor, u: Tensor) -> dict[str, Any]:
    """``memory`` and ``r2`` of :func:`protocol.capacity`, over lags 1 to ``MAX_LAG``."""
    return protocol.capacity(states, u, MAX_LAG, TRAIN, TEST)
