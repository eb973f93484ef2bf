"""The network in Brian2, ``cpp_standalone`` with its default compiler flags, one thread.

The program is generated and compiled once, into ``--cache``; rounds run it. It measures itself,
around its loop over time. Synapses act before thresholds, as in the model; since spikes then enter
the queue one step after they were fired, the delays are one step shorter.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from network import TAU, Network
from worker import Result, main

TYPES = {"float64": np.float64, "float32": np.float32}

CLOCKS = ("CLOCK_PROCESS_CPUTIME_ID", "CLOCK_MONOTONIC")

BEFORE = "".join(
    f"timespec before_{clock}; clock_gettime({clock}, &before_{clock});\n" for clock in CLOCKS
)
AFTER = 'std::ofstream measured("measured.txt");\nmeasured.precision(17);\n' + "".join(
    f"timespec after_{clock}; clock_gettime({clock}, &after_{clock});\n"
    f"measured << after_{clock}.tv_sec - before_{clock}.tv_sec\n"
    f"    + 1e-9 * (after_{clock}.tv_nsec - before_{clock}.tv_nsec) << std::endl;\n"
    for clock in CLOCKS
)


def generate(network: Network, folder: Path, steps: int, variant: str) -> None:
    """Compiles the program and notes where it is going to leave its spikes."""
    ms, device = brian2.ms, brian2.device
    brian2.prefs.core.default_float_dtype = TYPES[variant]
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.defaultclock.dt = 1 * ms
    num_nodes, degree = network.target.shape
    neurons = brian2.NeuronGroup(
        num_nodes,
        "dv/dt = (drive - v) / tau : 1\ndrive : 1 (constant)",
        threshold="v >= 1",
        reset="v = 0",
        method="exact",
        namespace={"tau": TAU * ms},
    )
    neurons.drive, neurons.v = network.drive, network.potential
    synapses = brian2.Synapses(neurons, neurons, "w : 1 (constant)", on_pre="v_post += w")
    synapses.connect(i=np.repeat(np.arange(num_nodes), degree), j=network.target.ravel())
    synapses.w = network.weight.ravel()
    synapses.delay = (network.delay.ravel() - 1) * ms
    monitor = brian2.SpikeMonitor(neurons)
    whole = brian2.Network(neurons, synapses, monitor)
    whole.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    device.insert_code("before_network_run", BEFORE)
    device.insert_code("after_network_run", AFTER)
    whole.run(steps * ms)
    device.build(directory=str(folder), compile=True, run=False)
    files = {}
    for name in ("t", "i"):
        array = monitor.variables[name]
        files[name] = [device.get_array_filename(array), np.dtype(array.dtype).str]
    (folder / "files.json").write_text(json.dumps(files))


def simulate(network: Network, options: argparse.Namespace) -> Result:
    folder = options.cache / f"brian2-{options.variant}"
    if not (folder / "files.json").exists():
        generate(network, folder, options.steps, options.variant)
    os.chdir(folder)
    Path("results").mkdir(exist_ok=True)
    child = os.posix_spawn("./main", ["./main"], os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"{folder}/main failed with status {status}")
    cpu, wall = (float(line) for line in Path("measured.txt").read_text().split())
    build = usage.ru_utime + usage.ru_stime - cpu
    files = json.loads(Path("files.json").read_text())

    def spikes(name: str) -> Any:
        file, dtype = files[name]
        return np.fromfile(Path("results") / file, dtype)

    step = np.rint(spikes("t") * 1000).astype(np.int64)
    about = f"Brian2 {brian2.__version__}, cpp_standalone, {options.variant}"
    return Result(step, spikes("i"), build, cpu, wall, usage.ru_maxrss / 1024, about)


if __name__ == "__main__":
    main(simulate, *TYPES)
