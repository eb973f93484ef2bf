"""What must not change a bit: a life beside the same life in another process or on other threads.

The rest of the law stands where its subject is: threads of a batch, edge order, batch against
single trials, chunks against the whole, equal seeds in ``test_reservoir.py`` (threads of the event
backend, spans and backends in ``test_event.py``); union against separate runs in ``test_union.py``;
pruning to the mask against dropping, of the default cell, in ``test_microglia.py``; a run that was
killed against one that was not in ``test_checkpoint.py``.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import CPU_BACKENDS, assert_same_run, going, random_drive, random_graph
from torch import Tensor

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph.glia import Hub

TRACES = ["v", "state", "gain", "calcium"]


def living(backend: str, microglia: Any = None, **how: Any) -> TriglialReservoir:
    graph = random_graph(2, num_nodes=12, num_edges=70, weight=0.6)
    microglia = Microglia(fraction=0.1, min_in=0) if microglia is None else microglia
    glia = [Astrocyte(rule="multiplicative", eta=0.01), Oligodendrocyte(eta=0.3), microglia]
    chosen = {"glia_period": 20, "bias": (0.7, 1.2), "seed": 3, **how}
    return TriglialReservoir(graph, 3, glia=glia, backend=backend, **chosen)


def fingerprint(backend: str) -> str:
    """SHA-256 of all that a life leaves, and of what the frozen reservoir then says."""
    reservoir = living(backend)
    run = reservoir.adapt(random_drive(1, 120, 3), record=TRACES)
    states = reservoir(random_drive(4, 9, 20, 3))
    parts = [run.events, run.states, *run.traces.values(), states]
    graph = reservoir.graph.to_dict()
    parts += [graph[key] for key in sorted(graph) if isinstance(graph[key], Tensor)]
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part.contiguous().numpy().tobytes())
    return sha.hexdigest()


def test_two_fresh_processes_live_the_same_life() -> None:
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import test_invariance as t\n"
        "print(*map(t.fingerprint, t.CPU_BACKENDS))"
    )
    folder = Path(__file__).parent
    found = []
    for threads, seed in (("1", "1"), ("2", "77")):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script, str(folder), str(folder.parent)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=300
        )
        found.append(done.stdout.split())
    assert found[0] == found[1] == [fingerprint(backend) for backend in CPU_BACKENDS]


@pytest.mark.parametrize("learn", [True, False])
def test_one_two_or_four_threads_give_the_same_life(backend: str, learn: bool) -> None:
    before, runs, graphs = torch.get_num_threads(), [], []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            reservoir = living(backend, threads=threads)
            runs.append(going(reservoir, learn)(random_drive(0, 5, 40, 3), record=TRACES))
            graphs.append(reservoir.graph.edge_delay)
    finally:
        torch.set_num_threads(before)
    for run, graph in zip(runs, graphs, strict=True):
        assert_same_run(runs[0], run)
        assert torch.equal(graphs[0], graph)


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("criterion", ["threshold", "weight", "random", Hub()], ids=str)
def test_pruned_to_the_mask_or_dropped(backend: str, criterion: Any, in_flight: str) -> None:
    """All other glia at work."""
    pruning = {"fraction": 0.2, "threshold": 0.5, "keep": 0.2}
    runs, kept = [], []
    for drop in (True, False):
        cell = Microglia(criterion, drop=drop, **pruning)
        reservoir = living(backend, cell, in_flight=in_flight)
        runs.append(reservoir.adapt(random_drive(1, 130, 3), record=TRACES))
        data = reservoir.graph
        kept.append((data.edge_index[:, data.edge_mask], data.edge_delay[data.edge_mask]))
    assert_same_run(*runs)
    assert kept[0][0].size(1) < 70
    for dropped, masked in zip(*kept, strict=True):
        assert torch.equal(dropped, masked)


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_a_life_in_chunks_across_ticks(backend: str, in_flight: str) -> None:
    """Chunks of 1, 7 and 23 samples, none of which divides the period of the slow clock."""
    x = random_drive(5, 92, 3)
    whole = living(backend, stateful=True, in_flight=in_flight)
    one = whole.adapt(x, record=TRACES)
    for size in (1, 7, 23):
        parts = living(backend, stateful=True, in_flight=in_flight)
        runs = [parts.adapt(part, record=TRACES) for part in x.split(size)]
        for name in TRACES:
            assert torch.equal(torch.cat([r.traces[name] for r in runs], dim=1), one.traces[name])
        assert torch.equal(parts.graph.edge_delay, whole.graph.edge_delay)
        assert torch.equal(parts.graph.edge_health, whole.graph.edge_health)
