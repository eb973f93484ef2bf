"""How a network scales over ranks on this machine, and a cost model checked against it.

    python benchmarks/distributed.py [--num-nodes 20000] [--degree 100] [--steps 200] [--json FILE]

Every neuron has ``degree`` inputs from all over the network, the worst case for an exchange: all
ranks listen to nearly all neurons. Each cell is the best of three rounds after one to warm up. CPU
seconds are those of the slowest rank; they tell what other programs on the machine do not disturb.
"""

import argparse
import json
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from pyngn_graph import storage
from pyngn_graph.distributed import FixedInDegree, Ranks
from pyngn_graph.glia import Astrocyte

ROUNDS = 3


def work(rank: int, port: int, folder: str, options: argparse.Namespace) -> None:
    """Takes part in the run of each size; the first rank writes what was measured."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=max(options.ranks))
    cells = []
    for size in options.ranks:
        group = dist.new_group(list(range(size)))
        if rank < size:
            cells.append(cell_of(Ranks(group), options))
        dist.barrier()  # the others wait, and leave the cores alone
    if rank == 0:
        (Path(folder) / "cells.json").write_text(json.dumps(cells))
    dist.destroy_process_group()


def cell_of(ranks: Ranks, options: argparse.Namespace) -> dict[str, Any]:
    """Runs the network over ``ranks``, and says what it took."""
    network = FixedInDegree(options.num_nodes, options.degree, min_delay=options.min_delay)
    reservoir = network.reservoir(ranks, glia=[Astrocyte(rule="multiplicative")], stateful=True)
    reservoir.run(num_steps=options.steps)
    best: dict[str, Any] = {}
    for _ in range(ROUNDS):
        ranks.barrier()
        waited, sent = ranks.seconds, reservoir.exchange.bytes_sent
        wall, cpu = time.perf_counter(), time.process_time()
        recording = reservoir.run(num_steps=options.steps)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        cpu = max(float(each) for each in ranks.gather_like(torch.tensor([cpu])))
        events = [int(e) for e in ranks.gather_like(recording.synaptic_events.sum().view(1))]
        if not best or wall < best["seconds"]:
            best = {
                "ranks": ranks.size,
                "seconds": wall,
                "CPU seconds": cpu,
                "share in collectives": (ranks.seconds - waited) / wall,
                "bytes per rank and step": (reservoir.exchange.bytes_sent - sent) / options.steps,
                "synaptic events": sum(events),
                "ghosts": reservoir.shard.ghosts.numel(),
            }
    states = reservoir.gathered_states(recording.states)
    best["digest"] = storage.digest({"states": states})[:16]
    return best


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        mp.spawn(work, (port, folder, options), nprocs=max(options.ranks))
        cells: list[dict[str, Any]] = json.loads((Path(folder) / "cells.json").read_text())
        return cells


def model(cells: list[dict[str, Any]]) -> list[float]:
    """CPU seconds that the model predicts: fitted to the first and the last cell only.

    The work of one rank is its share of neurons and events, and a part for each ghost.
    """
    first, last = cells[0], cells[-1]
    work = first["CPU seconds"]
    ghost = (last["CPU seconds"] - work / last["ranks"]) / max(1, last["ghosts"])
    return [work / cell["ranks"] + ghost * cell["ghosts"] for cell in cells]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-nodes", type=int, default=20_000)
    parser.add_argument("--degree", type=int, default=100)
    parser.add_argument("--min-delay", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cells = measure(options)
    predicted = model(cells)
    print("| ranks | s | CPU s | model | in collectives | bytes / rank / step | digest |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cell, seconds in zip(cells, predicted, strict=True):
        cell["model"] = seconds
        print(
            f"| {cell['ranks']} | {cell['seconds']:.2f} | {cell['CPU seconds']:.2f} "
            f"| {seconds:.2f} | {cell['share in collectives']:.0%} "
            f"| {cell['bytes per rank and step']:.0f} | `{cell['digest']}` |"
        )
    if len({cell["digest"] for cell in cells}) > 1:
        raise SystemExit("The digests differ: not the same bits")
    if options.json is not None:
        options.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
