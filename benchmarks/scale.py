"""How large a graph one machine holds: time and memory to draw it, copy it and run it.

A graph in 3D, without glia, on constant drives that differ from neuron to neuron. Excitation and
inhibition cancel on average and synapses are weak, so that neurons fire at 10 to 20 Hz, out of
step. One thread. The graph is deleted as soon as the reservoir has its copy. Memory is the most
that the process ever held up to the end of each phase; the first includes Python and torch.

Results of one run after the other are collected in results/scale.json and results/scale.md.

python benchmarks/scale.py --graph tissue --num-nodes 100000 --degree 1000 --seconds 1
python benchmarks/scale.py --graph erdos-renyi --num-nodes 1000000 --degree 100 --seconds 1
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

import pyngn_graph as ng
from benchmarks.report import peak_memory

RESULTS = Path(__file__).parent / "results"

FAMILIES = {"tissue": ng.generators.Tissue, "erdos-renyi": ng.generators.ErdosRenyi}

COUPLING = 0.05
"""Mean weight of an excitatory synapse, times the square root of the degree."""

DRIVE = (0.9, 1.3)
"""Bounds of the constant drives; neurons below 1 fire only with the help of others."""

COLUMNS = {
    "graph": "graph",
    "num_nodes": "neurons",
    "num_edges": "synapses",
    "graph_s": "graph, s",
    "graph_s_per_1e7": "per 10^7 synapses, s",
    "graph_gib": "peak, GiB",
    "reservoir_s": "reservoir, s",
    "reservoir_gib": "peak, GiB",
    "model_s": "model time, s",
    "run_s": "run, s",
    "run_gib": "peak, GiB",
    "rate_hz": "rate, Hz",
    "busiest": "largest share firing in one step",
}

R = TypeVar("R")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graph", choices=FAMILIES, default="tissue")
    parser.add_argument("--num-nodes", type=int, default=100_000)
    parser.add_argument("--degree", type=float, default=1000.0, help="mean number of inputs")
    parser.add_argument("--seconds", type=float, default=1.0, help="model time, in steps of 1 ms")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    row = measure(options.graph, options.num_nodes, options.degree, options.seconds)
    print(json.dumps(row, indent=2))
    report(row, options.out)


def measure(graph: str, num_nodes: int, degree: float, seconds: float) -> dict[str, Any]:
    row: dict[str, Any] = {"graph": graph, "degree": degree, "model_s": seconds}

    def timed(phase: str, work: Callable[[], R]) -> R:
        start = time.perf_counter()
        result = work()
        row[f"{phase}_s"] = time.perf_counter() - start
        row[f"{phase}_gib"] = peak_memory()
        return result

    family, weight = FAMILIES[graph], COUPLING / degree**0.5
    family(num_nodes=10)()  # compiles what has not been compiled before
    data = timed("graph", family(num_nodes=num_nodes, degree=degree, weight=weight))
    row |= {"num_nodes": data.num_nodes, "num_edges": data.num_edges}
    row["graph_s_per_1e7"] = row["graph_s"] / data.num_edges * 1e7
    reservoir = timed("reservoir", partial(ng.TriglialReservoir, data, bias=DRIVE))
    del data
    reservoir.reset(v=torch.rand(num_nodes, generator=torch.Generator().manual_seed(0)))
    num_steps = round(1000 * seconds)
    recording = timed("run", partial(reservoir.run, num_steps=num_steps))
    together = torch.bincount(recording.events[:, 1], minlength=num_steps)
    row["rate_hz"] = float(recording.rates().mean())
    row["busiest"] = int(together.max()) / num_nodes
    return row


def report(row: dict[str, Any], folder: Path) -> None:
    """Adds ``row`` to the results, in place of an earlier one of the same graph."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scale.json"
    kept = json.loads(path.read_text()) if path.exists() else []
    rows = [old for old in kept if any(old[k] != row[k] for k in ("graph", "num_nodes", "degree"))]
    rows.append(row)
    path.write_text(json.dumps(rows, indent=2) + "\n")
    cells = [list(COLUMNS.values()), ["---"] * len(COLUMNS)]
    cells += [[shown(row[key]) for key in COLUMNS] for row in rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in cells)
    (folder / "scale.md").write_text(table + "\n")


def shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    main()
