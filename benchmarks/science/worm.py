"""The worm and its null models as liquids: memory, spike templates and topology of each wiring."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from benchmarks.science import connectomes, templates
from benchmarks.science.connectomes import MAX_LAG, TEST, TRAIN, capacity, measured
from benchmarks.science.protocol import HOLD, Liquid, activity, composition, stream
from pyngn_graph import tasks
from pyngn_graph.analysis.topology import measure, null_model

LIQUIDS = (100, 101)
"""Seeds of the liquids, the same for every wiring: biases, input weights, inputs, microglia."""

TRAINED, TESTED = 300, 200
"""Trials of spike templates that the readout learns from, and those it is tested on."""

NULLS = {
    "degree": {"kind": "degree", "within": "edge_type"},
    "degree and distance": {"kind": "degree_distance", "within": "edge_type"},
    "random": {"kind": "random"},
    "degree, delays by distance": {"kind": "degree", "within": "edge_type"},
}
"""Null models; in the last one delays follow from where the new targets are."""

TOPOLOGY = (
    "num_edges",
    "sd_inputs",
    "sd_outputs",
    "reciprocity",
    "clustering",
    "path_length_hops",
    "path_length_ms",
    "largest_strong",
    "modularity",
    "hub_density",
    "directedness",
    "spectral_radius",
    "non_normality",
    "mean_delay_ms",
    "mean_wire_length_um",
)
"""Measures that are kept, by their names in ``analysis.topology.summary``."""

GROUPS = (
    "size",
    "degrees",
    "reciprocity",
    "clustering",
    "hops",
    "conduction",
    "components",
    "modularity",
    "rich_club",
    "flow",
    "spectrum",
    "delays",
    "wiring",
)


@dataclass(frozen=True)
class Worm(Liquid):
    """The worm, or a null model of it.

    Attributes:
        wiring: ``"worm"``, or one of ``NULLS``.
        number: Seed of the null model; the worm has none.
    """

    wiring: str = "worm"
    number: int = 0

    def graph(self, seed: int) -> Data:
        """The graph at birth; all liquids of a wiring have the same."""
        data = copy.copy(measured("worm"))
        if self.wiring in NULLS:
            data = null_model(data, seed=self.number, **NULLS[self.wiring])
        elif self.wiring != "worm":
            raise ValueError(f"Unknown wiring {self.wiring!r}; available: {['worm', *NULLS]}")
        if self.wiring.endswith("delays by distance"):
            length = (data.pos[data.edge_index[0]] - data.pos[data.edge_index[1]]).norm(dim=1)
            data.edge_delay = (1.5 + length / data.velocity).floor().clamp(max=100).long()
        if not self.connected:
            data.edge_mask = torch.zeros(data.num_edges, dtype=torch.bool)
        return data


def judged(seed: int, wiring: str = "worm", **liquid: Any) -> dict[str, Any]:
    """What a wiring remembers and tells apart, and its topology, once glia were at work on it.

    Args:
        seed: Seed of the null model.
        wiring: See :class:`Worm`.
        **liquid: Glia, see :class:`~benchmarks.science.protocol.Liquid`.

    Returns:
        Means over ``LIQUIDS``: ``memory`` (capacity over lags 1 to 200), ``templates`` (per cent),
        ``rate``, ``events``, ``edges``; ``memories`` and ``accuracies`` of each; ``moved``, the
        share of the synapses at birth that have other ends than in the worm; ``TOPOLOGY`` of the
        first liquid after its glia adapted to the input of the memory task.
    """
    worm = Worm(wiring=wiring, number=seed, **liquid)
    each = [_one(worm, liquid_seed) for liquid_seed in LIQUIDS]
    found = {name: float(np.mean([one[name] for one in each])) for name in each[0] if name in MEANS}
    moved = (worm.graph(0).edge_index != measured("worm").edge_index).any(dim=0)
    return found | {
        "memories": [one["memory"] for one in each],
        "accuracies": [one["templates"] for one in each],
        "moved": float(moved.double().mean()),
        **each[0]["topology"],
    }


MEANS = ("memory", "templates", "rate", "events", "edges")


def _one(worm: Worm, seed: int) -> dict[str, Any]:
    """One liquid of a wiring, for each of both tasks a life of its own."""
    told = templates.told_apart(worm, seed, TRAINED, TESTED)
    reservoir = worm.adapted(seed)
    u = tasks.uniform_input(MAX_LAG + TRAIN + TEST, generator=stream(seed, "memory"))
    recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
    found = capacity(recording.traces["state"][0], u) | activity(recording)
    topology = {}
    if seed == LIQUIDS[0] and worm.connected:
        facts = measure(reservoir.graph, GROUPS)
        topology = {name: float(facts[name]) for name in TOPOLOGY}
    found |= composition(reservoir.graph)
    return found | {"templates": told["templates"], "topology": topology}


def raw_input(seed: int) -> dict[str, Any]:
    """The controls that need no net: 10 samples of the input, and its filtered spikes."""
    memories = [connectomes.taps(each, 10)["memory"] for each in LIQUIDS]
    told = [templates.raw(each, TRAINED, TESTED)["templates"] for each in LIQUIDS]
    return {"memory": float(np.mean(memories)), "templates": float(np.mean(told))}


def esn(seed: int, size: int = 302) -> dict[str, Any]:
    """Echo state networks of ``size`` units, with the settings chosen for T7 and for T2."""
    setting = {"radius": 0.99, "leak": 1.0, "input_scale": 0.01}
    memories = [connectomes.esn(each, size, setting)["memory"] for each in LIQUIDS]
    setting = {"radius": 0.95, "leak": 0.3, "input_scale": 0.3}
    told = [templates.esn(each, setting, size, TRAINED, TESTED)["templates"] for each in LIQUIDS]
    return {"memory": float(np.mean(memories)), "templates": float(np.mean(told))}
