"""Runs simulators on one network, each in a process of its own, in interleaved rounds."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import network
from network import Network
from worker import Spikes

HERE = Path(__file__).parent


class Simulator(NamedTuple):
    """How a simulator is run.

    ``environment`` is that of a peer, None this one. ``bytes_per_edge`` is about what it needs at
    its peak, for each pair of neurons instead if it is ``dense``. ``at_once`` bounds edges (pairs)
    times steps where each step works through all of them; 0 is no bound.
    """

    script: str
    variant: str | None = None
    environment: str | None = None
    bytes_per_edge: int = 100
    dense: bool = False
    at_once: int = 0

    def size(self, num_nodes: int, degree: int) -> int:
        """Edges, or pairs."""
        return num_nodes * (num_nodes if self.dense else degree)

    def steps(self, wanted: int, num_nodes: int, degree: int) -> int:
        """As many of the wanted steps as can be waited for."""
        if not self.at_once:
            return wanted
        return max(20, min(wanted, self.at_once // self.size(num_nodes, degree)))

    def python(self, environments: Path) -> Path:
        """The interpreter; it need not exist."""
        if self.environment is None:
            return Path(sys.executable)
        return environments.absolute() / self.environment / "bin" / "python"


def arguments(doc: str, out: str, sizes: list[str], seconds: float) -> argparse.ArgumentParser:
    """The options that all scripts have; ``doc`` begins with what the script does."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=sizes, metavar="NxK")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=seconds, help="of model time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, default=Path("build/environments"))
    parser.add_argument("--work", type=Path, default=Path("build/speed"), help="scratch folder")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / out)
    return parser


def shape(size: str) -> tuple[int, int]:
    """Neurons and edges of each: ``1000x100``."""
    num_nodes, degree = size.split("x")
    return int(num_nodes), int(degree)


def lay_down(
    size: str, options: argparse.Namespace, drive: float = 1.0, name: str | None = None
) -> tuple[Path, Network]:
    """Makes a network and writes it to a fresh scratch folder of its own."""
    path = options.work.absolute() / (name or size) / "network.npz"
    shutil.rmtree(path.parent, ignore_errors=True)  # compiled programs hold the old network
    path.parent.mkdir(parents=True)
    net = network.make(*shape(size), options.seed, drive)
    network.save(path, net)
    return path, net


def run(
    name: str,
    simulator: Simulator,
    path: Path,
    steps: int,
    options: argparse.Namespace,
    **numbers: int,
) -> Any:
    """One run: what it measured. The spikes are left beside the network.

    ``numbers`` are further options of the script; ``threads`` among them are for libraries too.
    """
    command = [simulator.python(options.environments), HERE / simulator.script, path]
    command += ["--steps", steps, "--out", path.with_name(f"{name}.npz"), "--cache", path.parent]
    command += ["--variant", simulator.variant] if simulator.variant else []
    command += [text for key, value in numbers.items() for text in (f"--{key}", value)]
    threads = str(numbers.get("threads", 1))
    libraries = ("OMP", "OPENBLAS", "MKL", "NUMBA")
    environment = os.environ | {f"{library}_NUM_THREADS": threads for library in libraries}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed on {path.parent.name}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def jobs_of(
    simulators: Mapping[str, Simulator], path: Path, steps: int, options: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    """A run of each simulator, ready to be called."""
    return {
        name: partial(run, name, simulator, path, steps, options)
        for name, simulator in simulators.items()
    }


def spikes(name: str, path: Path) -> Spikes:
    """What the last run of that name left."""
    return Spikes.read(path.with_name(f"{name}.npz"))


def interleaved(
    what: str, jobs: Mapping[str, Callable[[], Any]], rounds: int
) -> dict[str, list[Any]]:
    """Does all jobs in turn, to and fro, and keeps what they measured in each round."""
    found: dict[str, list[Any]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in jobs if number % 2 == 0 else reversed(jobs):
            found[name].append(jobs[name]())
            cpu = found[name][-1]["cpu"]
            print(f"{what} round {number + 1} {name}: {cpu:.4f} s of CPU", flush=True)
    return found
