"""A sweep as one union: k reservoirs in one batch of graphs against k runs, on one thread.

Tissues of different seeds under all three glia; on the event backend the astrocytes of each aim at
a rate of their own (on the reference backend cells that differ in what they sense run one by one).
Both ways are checked to give the same liquid states, bit for bit. Only CPU time of the run counts:
building reservoirs is left out, and compiled code has been compiled before. Every round runs both
ways, the next round in the opposite order; ratios are formed within a round.

python benchmarks/union.py
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from report import spread, table, write
from torch import Tensor
from torch_geometric.data import Batch, Data

import pyngn_graph as ng
from pyngn_graph.glia import PerGraph

RESULTS = Path(__file__).parent / "results" / "union.md"

HOW: dict[str, Any] = {"in_channels": 4, "glia_period": 250}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=16)
    parser.add_argument("--num-nodes", type=int, default=300, help="neurons of each graph")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    graphs = [
        ng.generators.Tissue(num_nodes=options.num_nodes, seed=seed)()
        for seed in range(options.graphs)
    ]
    x = torch.randn(1, options.steps, 4, generator=torch.Generator().manual_seed(0))
    results, rows = [], []
    for backend in ("event", "reference"):
        for learns in (True, False):
            measure(graphs, x[:, :300], backend, learns, reverse=False)  # compiles
            rounds = [
                measure(graphs, x, backend, learns, reverse=bool(k % 2))
                for k in range(options.rounds)
            ]
            results.append({"backend": backend, "learns": learns, "rounds": rounds})
            union, separate = ([each[k] for each in rounds] for k in (0, 1))
            ratio = spread(b / a for a, b in rounds)
            mode = "at work" if learns else "at rest"
            rows.append([backend, mode, spread(union), spread(separate), ratio])
    head = ["backend", "glia", "union, CPU s", "separate runs, CPU s", "separate / union"]
    title = f"{options.graphs} reservoirs of {options.num_nodes} neurons, {options.steps} steps"
    versions = [f"pyngn_graph {ng.__version__}", f"torch {torch.__version__}"]
    notes = "Medians (ranges). " + " ".join(__doc__.split("\n\n")[1].split())
    write(options.out, title, versions, results, [table(head, rows)], notes)


def measure(
    graphs: list[Data], x: Tensor, backend: str, learns: bool, reverse: bool
) -> tuple[float, float]:
    """CPU seconds of the union and of separate runs.

    Raises:
        RuntimeError: If their liquid states differ.
    """
    cells = [ng.Astrocyte(rho=0.01 * (k + 1)) for k in range(len(graphs))]
    others = [ng.Oligodendrocyte(), ng.Microglia()]
    glia = [PerGraph(cells) if backend == "event" else cells[0], *others]
    how = HOW | {"backend": backend}
    whole = ng.TriglialReservoir(Batch.from_data_list(graphs), glia=glia, **how)
    alone = [
        ng.TriglialReservoir(graph, glia=[cell if backend == "event" else cells[0], *others], **how)
        for graph, cell in zip(graphs, cells, strict=True)
    ]
    ways: list[Callable[[], list[Tensor]]] = [
        lambda: whole.split(_states(whole, x, learns)),
        lambda: [_states(reservoir, x, learns) for reservoir in alone],
    ]
    seconds, states = {}, {}
    for way in (1, 0) if reverse else (0, 1):
        start = time.process_time()
        states[way] = ways[way]()
        seconds[way] = time.process_time() - start
    if not all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True)):
        raise RuntimeError("The union and the separate runs differ")
    return seconds[0], seconds[1]


def _states(reservoir: ng.TriglialReservoir, x: Tensor, learns: bool) -> Tensor:
    return reservoir.adapt(x, progress=False).states if learns else reservoir(x)


if __name__ == "__main__":
    main()
