"""How fast the demo's reservoir adapts: model time for each second, all three glia at work.

python benchmarks/speed/adaptation.py --num-nodes 1000 --rounds 5

The recipe, the handwritten digits and their order are those of ``pyngn-graph demo``: what is timed
is the run of the training items, as one stream, that lets the glia organize the tissue. Every round
does so once with a new reservoir, and with one that has no glia. A first run of each, which
compiles, is left out, and so is what comes before the run: drawing the tissue, loading the digits.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from report import millions_per_second, rate
from rounds import interleaved
from worker import Stopwatch

import pyngn_graph as ng
from benchmarks.report import spread, table, write
from pyngn_graph.datasets import Digits
from pyngn_graph.recipes import RECIPES, Recipe

NOTES = """\
x real time: seconds of the model for one second of CPU, or on the wall; median (range). Rate: over
the whole run. Edges: those left at the end. One thread.
"""


def adapt(recipe: Recipe, seed: int) -> dict[str, Any]:
    """One life of a new reservoir of this recipe."""
    digits = Digits("train")
    reservoir = recipe.reservoir(digits.x.size(2), seed)
    generator = torch.Generator().manual_seed(seed)
    items = torch.randperm(len(digits), generator=generator)[: recipe.trials]
    x, lengths = digits.x[items], digits.lengths[items]
    with Stopwatch() as watch:
        life = reservoir.adapt(x, lengths=lengths, progress=False)
    return {
        "cpu": watch.cpu,
        "wall": watch.wall,
        "num_nodes": recipe.num_nodes,
        "steps": int(life.lengths.sum()),
        "seconds": 1e-3 * life.dt * int(life.lengths.sum()),
        "spikes": len(life.events),
        "synaptic_events": int(life.synaptic_events.sum()),
        "edges": reservoir.graph.num_edges,
    }


def measure(num_nodes: int, options: argparse.Namespace) -> dict[str, Any]:
    """All rounds of one size."""
    recipe = replace(RECIPES["digits_by_rows"](), num_nodes=num_nodes)
    jobs = {"all glia": recipe, "no glia": recipe.bare()}
    runs = {name: partial(adapt, each, options.seed) for name, each in jobs.items()}
    for run in runs.values():  # compiles
        run()
    return {"num_nodes": num_nodes, "rounds": interleaved(f"N = {num_nodes}", runs, options.rounds)}


def rows(result: dict[str, Any]) -> list[list[str]]:
    found = []
    for name, runs in result["rounds"].items():
        speed = [spread(run["seconds"] / run[clock] for run in runs) for clock in ("cpu", "wall")]
        first = runs[0]
        row = [str(result["num_nodes"]), name, f"{first['seconds']:.3g}", *speed]
        row += [millions_per_second(runs), f"{rate(first):.1f}", str(first["edges"])]
        found.append(row)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-nodes", nargs="+", type=int, default=[1000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    out = Path(__file__).parents[1] / "results" / "adaptation.md"
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [measure(num_nodes, options) for num_nodes in options.num_nodes]
    head = ["N", "reservoir", "model s", "x real time: CPU", "wall", "M events / CPU s", "Hz"]
    parts = [f"{options.rounds} rounds"]
    parts.append(table([*head, "edges"], [row for result in results for row in rows(result)]))
    versions = [f"pyngn_graph {ng.__version__}, backend event, float32"]
    write(options.out, "How fast the glia adapt", versions, results, parts, NOTES)


if __name__ == "__main__":
    main()
