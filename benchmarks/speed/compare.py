"""Runs the same network on each simulator, in interleaved rounds, and writes a table.

python benchmarks/speed/compare.py --sizes 1000x100 10000x100 --rounds 5

Every run is a process of its own on one thread. Only the loop over time is compared; building,
compiling and a first step are left out. Work that grows with all edges at each step (``pyg``, and
``reference``, which shows that the work is the same) is cut short at large sizes; times are given
for a second of the model.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import network
import numpy as np
from report import Spikes, agreement, write

HERE = Path(__file__).parent

SIMULATORS = {
    "event": (None, "run_ours.py", "event"),
    "nest": ("nest", "run_nest.py", None),
    "brian2": ("brian2", "run_brian2.py", "float64"),
    "brian2-float32": ("brian2", "run_brian2.py", "float32"),
    "pyg": (None, "run_pyg.py", None),
    "reference": (None, "run_ours.py", "reference"),
}
"""Environment (None: this one), script and variant of each simulator."""

EDGE_STEPS = 10**9
"""Edges times steps that ``pyg`` and ``reference`` are given."""


def interpreter(name: str, environments: Path) -> Path:
    """The Python of a simulator's environment; it need not exist."""
    environment = SIMULATORS[name][0]
    if environment is None:
        return Path(sys.executable)
    return environments.absolute() / environment / "bin" / "python"


def run(name: str, path: Path, steps: int, options: argparse.Namespace) -> tuple[Any, Spikes]:
    """One run: what it measured, and its spikes."""
    _, script, variant = SIMULATORS[name]
    out = path.with_name("spikes.npz")
    command = [interpreter(name, options.environments), HERE / script, path, "--steps", str(steps)]
    command += ["--out", out, "--cache", path.parent]
    command += ["--variant", variant] if variant else []
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run(command, env=os.environ | threads, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{name} failed on {path.parent.name}:\n{done.stdout}{done.stderr}")
    with np.load(out, allow_pickle=False) as arrays:
        return json.loads(done.stdout.splitlines()[-1]), Spikes(arrays["step"], arrays["node"])


def measure(size: str, names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """All rounds of one size."""
    num_nodes, degree = (int(number) for number in size.split("x"))
    path = options.work.absolute() / size / "network.npz"
    shutil.rmtree(path.parent, ignore_errors=True)  # compiled programs hold the old network
    path.parent.mkdir(parents=True)
    net = network.make(num_nodes, degree, options.seed)
    network.save(path, net)
    steps = round(1000 * options.seconds)
    few = max(20, min(steps, EDGE_STEPS // (num_nodes * degree)))
    double = Spikes(*network.replay(net, steps))
    del net
    _, reference = run("reference", path, few, options)
    for name in names:  # compiles where that is kept on disk, and warms the disk's cache
        if name != "pyg":
            run(name, path, steps, options)
    rounds: dict[str, list[Any]] = {name: [] for name in names}
    spikes = {}
    for number in range(options.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            length = few if name == "pyg" else steps
            found, spikes[name] = run(name, path, length, options)
            events = degree * len(spikes[name].step)
            rounds[name].append(found | {"steps": length, "synaptic_events": events})
            print(f"{size} round {number + 1} {name}: {found['cpu']:.4f} s of CPU", flush=True)
    return {
        "size": size,
        "steps": steps,
        "steps_of_reference": few,
        "rate": 1000 * len(double.step) / (num_nodes * steps),
        "rounds": rounds,
        "reference": {n: agreement(s, reference, num_nodes, few) for n, s in spikes.items()},
        "double": {
            n: agreement(s, double, num_nodes, min(steps, rounds[n][0]["steps"]))
            for n, s in spikes.items()
        },
    }


def main() -> None:
    known = [name for name in SIMULATORS if name != "reference"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["1000x100", "10000x100"], metavar="NxK")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of model time (default 1)")
    parser.add_argument("--simulators", nargs="+", default=known, choices=known)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, default=Path("build/environments"))
    parser.add_argument("--work", type=Path, default=Path("build/speed"), help="scratch folder")
    parser.add_argument("--out", type=Path, default=HERE.parent / "results" / "speed.md")
    options = parser.parse_args()
    names = []
    for name in known:
        if name == "event" or name in options.simulators:
            if interpreter(name, options.environments).exists():
                names.append(name)
            else:
                print(f"{name} is skipped: run benchmarks/speed/environments.sh to install it")
    results = []
    for size in options.sizes:
        results.append(measure(size, names, options))
        write(options.out, results)
    print(options.out.read_text())


if __name__ == "__main__":
    main()
