"""How a network scales over ranks on this machine, and a cost model checked against it.

    python benchmarks/distributed.py [--num-nodes 50000] [--degree 100] [--steps 500] [--json FILE]

Every neuron has ``degree`` inputs from all over the network, the worst case for an exchange: all
ranks listen to nearly all neurons. CPU seconds, those of the slowest rank, are the least of three
rounds after one to warm up, and what the model is checked on: other programs disturb them less
than time on the wall, which is that of the same round. A bare ``all_gather`` of as many bytes as a
window takes is timed apart.
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

ROUNDS, REPEATS = 3, 50


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
    reservoir = network.reservoir(ranks, glia=[Astrocyte()], stateful=True)
    reservoir.run(num_steps=options.steps)
    best: dict[str, Any] = {}
    for _ in range(ROUNDS):
        ranks.barrier()
        waited, sent = ranks.seconds, reservoir.exchange.bytes_sent
        windows = reservoir.exchange.rounds
        wall, cpu = time.perf_counter(), time.process_time()
        recording = reservoir.run(num_steps=options.steps)
        wall, cpu = time.perf_counter() - wall, slowest(ranks, time.process_time() - cpu)
        events = [int(e) for e in ranks.gather_like(recording.synaptic_events.sum().view(1))]
        if not best or cpu < best["CPU seconds"]:
            best = {
                "ranks": ranks.size,
                "seconds": wall,
                "CPU seconds": cpu,
                "share in collectives": (ranks.seconds - waited) / wall,
                "windows": reservoir.exchange.rounds - windows,
                "bytes per rank and step": (reservoir.exchange.bytes_sent - sent) / options.steps,
                "synaptic events": sum(events),
                "ghosts": reservoir.shard.ghosts.numel(),
            }
    sent = best["bytes per rank and step"] * options.steps
    best |= bare(ranks, int(sent / max(1, best["windows"])))
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


def slowest(ranks: Ranks, seconds: float) -> float:
    return max(float(each) for each in ranks.gather_like(torch.tensor([seconds])))


def bare(ranks: Ranks, size: int) -> dict[str, float]:
    """CPU seconds and seconds of an ``all_gather`` of ``size`` bytes, and of 1 MB, of each rank."""
    found = {}
    for name, number in (("of a window", max(1, size)), ("of 1 MB", 10**6)):
        room = torch.zeros(number, dtype=torch.uint8)
        ranks.barrier()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(REPEATS):
            ranks.gather_like(room)
        found[f"CPU {name}"] = slowest(ranks, time.process_time() - cpu) / REPEATS
        found[f"seconds {name}"] = (time.perf_counter() - wall) / REPEATS
    return found


def model(cells: list[dict[str, Any]]) -> list[float]:
    """CPU seconds that the model predicts: fitted to the first and the last cell only.

    The work of one rank is its share of neurons and events, the collectives as they were timed
    alone, and a part for each ghost.
    """
    first, last = cells[0], cells[-1]

    def known(cell: dict[str, Any]) -> float:
        shared: float = first["CPU seconds"] / cell["ranks"]
        return shared + cell["windows"] * cell["CPU of a window"]

    ghost = (last["CPU seconds"] - known(last)) / max(1, last["ghosts"])
    return [known(cell) + ghost * cell["ghosts"] for cell in cells]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-nodes", type=int, default=50_000)
    parser.add_argument("--degree", type=int, default=100)
    parser.add_argument("--min-delay", type=int, default=5)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cells = measure(options)
    predicted = model(cells)
    head = ["ranks", "s", "CPU s", "model", "all_gather ms", "CPU ms", "in collectives"]
    head += ["bytes / rank / step", "digest"]
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for cell, seconds in zip(cells, predicted, strict=True):
        cell["model"] = seconds
        print(
            f"| {cell['ranks']} | {cell['seconds']:.2f} | {cell['CPU seconds']:.2f} "
            f"| {seconds:.2f} | {1e3 * cell['seconds of a window']:.2f} "
            f"| {1e3 * cell['CPU of a window']:.2f} | {cell['share in collectives']:.0%} "
            f"| {cell['bytes per rank and step']:.0f} | `{cell['digest']}` |"
        )
    if len({cell["digest"] for cell in cells}) > 1:
        raise SystemExit("The digests differ: not the same bits")
    if options.json is not None:
        options.json.write_text(json.dumps(cells, indent=1))


if __name__ == "__main__":
    main()
