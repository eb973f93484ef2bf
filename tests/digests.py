"""Runs whose bits are written down, in ``digests.json``: what a change of the code must keep.

python tests/digests.py          # compares, on every backend of the CPU
python tests/digests.py --write  # after a change of bits that is meant, and told in the changelog
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import torch
from helpers import CPU_BACKENDS, random_drive, random_graph
from torch import Tensor
from torch_geometric.data import Batch, Data

import pyngn_graph as ng
from pyngn_graph.glia import Coherence, FixedDelays, Hub, MatchedRandom, PerGraph, Winner

FILE = Path(__file__).with_suffix(".json")

KEYS = (
    "edge_index",
    "edge_weight",
    "edge_delay",
    "edge_mask",
    "edge_health",
    "gain",
    "calcium",
)
"""What of a graph goes into a digest; hidden memories show in the life that follows."""

NODES, EDGES = 30, 240


def astrocyte(**how: Any) -> ng.Astrocyte:
    return ng.Astrocyte(
        **{"rule": "multiplicative", "eta": 0.05, "tau_ca": 30.0, "target_rate": 60.0, **how}
    )


def oligodendrocyte(rule: Any = "graded", **how: Any) -> ng.Oligodendrocyte:
    return ng.Oligodendrocyte(rule, **{"max_delay": 12, **how})


def microglia(criterion: Any = "relative", **how: Any) -> ng.Microglia:
    return ng.Microglia(criterion, **{"fraction": 0.1, "keep": 0.3, **how})


def many(**values: Any) -> ng.LIFParameters:
    """Neurons that differ."""
    return ng.LIFParameters(tau_m=torch.linspace(8.0, 40.0, NODES, dtype=torch.float64), **values)


class Counts(ng.GlialCell):
    """A cell of a user, which senses with torch and cuts what hardly ever delivers."""

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        before = data.get("edge_seen", torch.zeros_like(data.edge_index[0]))
        data.edge_seen = before + arrivals

    def forward(self, data: Data) -> Data:
        least = data.edge_seen == data.edge_seen.min()
        data.edge_mask = data.edge_mask & ~least
        return data


def all_glia() -> list[Any]:
    return [astrocyte(), oligodendrocyte(), microglia()]


CASES: dict[str, dict[str, Any]] = {
    "bare": {},
    "bare, emission": {"in_flight": "emission"},
    "synaptic current": {"neuron": ng.LIFParameters(tau_syn=4.0, t_ref=2.0)},
    "refractory, floor": {"neuron": ng.LIFParameters(t_ref=3.0, v_min=-0.5, v_reset=-0.2)},
    "neurons that differ": {"neuron": many(t_ref=2.0, tau_syn=3.0)},
    "finer step": {"dt": 0.5},
    "held, segments": {"hold": 4, "pool": 3, "tau_trace": 0.0},
    "additive": {"glia": lambda: [astrocyte(rule="additive")]},
    "multiplicative": {"glia": lambda: [astrocyte(rule="multiplicative")]},
    "territories": {"glia": lambda: [astrocyte(territory=120.0)]},
    "gain before the current": {"neuron": many(tau_syn=3.0), "glia": lambda: [astrocyte()]},
    "graded": {"glia": lambda: [oligodendrocyte()]},
    "graded, emission": {"glia": lambda: [oligodendrocyte()], "in_flight": "emission"},
    "align": {"glia": lambda: [oligodendrocyte("align")]},
    "coherence": {"glia": lambda: [oligodendrocyte("coherence")]},
    "coherence, shape 2": {"glia": lambda: [oligodendrocyte(Coherence(shape=2.0))]},
    "fixed, uniform": {"glia": lambda: [oligodendrocyte("fixed:uniform")]},
    "fixed, two": {"glia": lambda: [oligodendrocyte(FixedDelays("two", seed=3))]},
    "threshold": {"glia": lambda: [microglia("threshold", threshold=0.5)]},
    "relative": {"glia": lambda: [microglia()]},
    "relative, masked": {"glia": lambda: [microglia(drop=False)]},
    "relative, emission": {"glia": lambda: [microglia()], "in_flight": "emission"},
    "coincidence": {"glia": lambda: [microglia("threshold", trace="coincidence", threshold=0.4)]},
    "weight": {"glia": lambda: [microglia("weight")]},
    "random": {"glia": lambda: [microglia("random", seed=5)]},
    "winner": {"glia": lambda: [microglia(Winner(long_delay=0.5), keep=None)]},
    "hub": {"glia": lambda: [microglia(Hub(), keep=None)]},
    "matched random": {"glia": lambda: [microglia(MatchedRandom(Winner()), keep=None)]},
    "regrowth": {"glia": lambda: [microglia(regrow=True, length_scale=100.0, velocity=50.0)]},
    "regrowth, emission": {
        "glia": lambda: [microglia(regrow=True, length_scale=100.0, velocity=50.0)],
        "in_flight": "emission",
    },
    "all": {"glia": all_glia},
    "all, emission": {"glia": all_glia, "in_flight": "emission"},
    "all, neurons that differ": {"glia": all_glia, "neuron": many(t_ref=1.0)},
    "all, stateful": {"glia": all_glia, "stateful": True},
    "all, where life ended": {"glia": all_glia, "start": "lived"},
    "coherence and winner": {"glia": lambda: [oligodendrocyte("coherence"), microglia("winner")]},
    "a cell of a user": {"glia": lambda: [astrocyte(), Counts()]},
    "union": {"graphs": 3, "glia": all_glia},
    "union, a cell each": {
        "graphs": 2,
        "glia": lambda: [PerGraph([astrocyte(), astrocyte(target_rate=20.0)]), microglia()],
    },
}


def digest(case: str, backend: str) -> str:
    """A digest of two lives, with a save in between, and of independent trials behind them."""
    how = dict(CASES[case])
    dt, glia, graphs = how.get("dt", 1.0), how.pop("glia", list), how.pop("graphs", 1)
    drawn = [random_graph(9 + k, NODES, EDGES, weight=0.25, dt=dt) for k in range(graphs)]
    weight = random_drive(3, NODES * graphs, 2, low=-1.0, high=1.0)
    reservoir = ng.TriglialReservoir(
        Batch.from_data_list(drawn) if graphs > 1 else drawn[0],
        in_channels=2,
        input_weight=weight,
        bias=random_drive(4, NODES * graphs, low=0.6, high=1.3),
        glia=glia(),
        glia_period=25,
        backend=backend,
        **how,
    )
    x, found = random_drive(5, 3, 40, 2, low=-1.0, high=1.0), hashlib.sha256()
    record = ("v", "state", "gain") if "gain" in reservoir.graph else ("v", "state")
    add(found, reservoir.adapt(x, lengths=torch.tensor([40, 17, 31]), record=record, every=3))
    state = reservoir.state_dict()
    reservoir = reservoir.replace(backend=backend)
    reservoir.load_state_dict(state)
    add(found, reservoir.adapt(x[:1], record=record))
    lengths = None if how.get("stateful") else torch.tensor([40, 17, 31])
    trials = x[:1] if how.get("stateful") else x
    add(found, reservoir.run(trials, lengths=lengths, record=record))
    return found.hexdigest()[:16]


def add(found: Any, run: Any) -> None:
    """Adds all that a recording holds."""
    tensors = [run.events, run.states, run.synaptic_events, run.num_edges, *run.traces.values()]
    tensors += [run.graph[key] for key in KEYS if key in run.graph]
    for value in tensors:
        found.update(f"{value.dtype}{list(value.shape)}".encode())
        found.update(value.contiguous().nan_to_num(-7.0).numpy().tobytes())


def main() -> None:
    if "--write" in sys.argv:
        FILE.write_text(json.dumps({case: digest(case, "reference") for case in CASES}, indent=1))
    known = json.loads(FILE.read_text())
    for case in CASES:
        seen = {backend: digest(case, backend) for backend in CPU_BACKENDS}
        print(f"{case:28}", "same" if set(seen.values()) == {known[case]} else f"DIFFERS: {seen}")


if __name__ == "__main__":
    main()
