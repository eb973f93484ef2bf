"""What the scripts of all simulators share: their command line, clocks and results.

A simulator is a function ``(network, options) -> Result``. Its script runs in a process of its own,
writes the spikes to ``--out`` and prints one line of JSON, the last of its output.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from network import Network, load


class Spikes(NamedTuple):
    """Steps and nodes of spikes, ``[S]`` each."""

    step: Any
    node: Any

    @classmethod
    def read(cls, path: Path) -> "Spikes":
        """The spikes that a run left."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(arrays["step"], arrays["node"])


class Result(NamedTuple):
    """The spikes, steps and nodes ``[S]`` in any order, and what they took.

    Times are in seconds of CPU or on the wall, ``memory`` is the peak in MiB, ``about`` says in
    words what ran: versions, precision. ``more`` is whatever else was found.
    """

    step: Any
    node: Any
    build: float
    cpu: float
    wall: float
    memory: float
    about: str
    more: dict[str, Any] | None = None


class Stopwatch:
    """CPU and wall time of a block: ``with Stopwatch() as watch: ...``."""

    def __enter__(self) -> "Stopwatch":
        self.cpu, self.wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu = time.process_time() - self.cpu
        self.wall = time.perf_counter() - self.wall


def peak_memory() -> float:
    """MiB; that of ``benchmarks.report`` cannot be reached from the environments of peers."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(
    simulate: Callable[[Network, argparse.Namespace], Result], *choices: str, **numbers: int
) -> None:
    """Runs a simulator from the command line.

    ``choices`` are the values of ``--variant``, ``numbers`` further options with their defaults.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("network", type=Path, help="a network written by network.py")
    parser.add_argument("--steps", type=int, default=1000, help="steps of 1 ms")
    parser.add_argument("--out", type=Path, required=True, help="where the spikes go (.npz)")
    parser.add_argument(
        "--cache",
        type=Path,
        help="folder for code compiled for this network and number of steps, and where the bare "
        "network left its spikes, 'event.npz'",
    )
    if choices:
        parser.add_argument("--variant", choices=choices, default=choices[0])
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    network = load(options.network)
    result = simulate(network, options)
    order = np.lexsort((result.node, result.step))
    step, node = np.asarray(result.step)[order], np.asarray(result.node)[order]
    np.savez(options.out, step=step.astype(np.int32), node=node.astype(np.int32))
    found = {"num_nodes": len(network.drive), "steps": options.steps, "spikes": len(order)}
    found["synaptic_events"] = network.target.shape[1] * len(order)
    costs = ("build", "cpu", "wall", "memory", "about")
    found |= {name: getattr(result, name) for name in costs}
    print(json.dumps(found | (result.more or {})))
