"""Runs a circuit that ``microcircuit.py`` drew in this library, backend ``event``.

Background spikes become the current that they charge; the external current is constant over a step
and a synaptic one decays, so that it is scaled to what it does to the potential over the step.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from report import peak_memory
from torch_geometric.data import Data

import pyngn_graph as ng

CHUNK = 1000
"""Steps for which currents are held in memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("circuit", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    ng.TriglialReservoir(ng.generators.ErdosRenyi(num_nodes=10, seed=0)()).run(num_steps=1)
    start = time.process_time()
    with np.load(options.circuit, allow_pickle=False) as file:
        c = {name: file[name] for name in file.files}
    dt, tau_m, tau_syn = float(c["dt"]), float(c["tau_m"]), float(c["tau_syn"])
    graph = Data(
        num_nodes=len(c["bias"]),
        edge_index=torch.from_numpy(np.stack([c.pop("src"), c.pop("dst")])),
        edge_weight=torch.from_numpy(c.pop("weight")).float(),
        edge_delay=torch.from_numpy(c.pop("delay")),
        dt=dt,
    )
    neuron = ng.LIFParameters(
        tau_m=tau_m,
        v_th=float(c["v_th"]),
        r_m=tau_m / float(c["capacitance"]),
        t_ref=float(c["t_ref"]),
        tau_syn=tau_syn,
    )
    bias = torch.from_numpy(c["bias"]).float()
    reservoir = ng.TriglialReservoir(
        graph, neuron=neuron, dt=dt, bias=bias, backend="event", stateful=True
    )
    del graph
    reservoir.reset(v=torch.from_numpy(c["v"]).float())
    build = time.process_time() - start

    decay, alpha = math.exp(-dt / tau_syn), math.exp(-dt / tau_m)
    as_constant = tau_syn / (tau_syn - tau_m) * (decay - alpha) / (1.0 - alpha)
    rng, current = np.random.default_rng(options.seed), np.zeros(len(c["bias"]))
    cpu = wall = 0.0
    events = []
    for first in range(0, options.steps, CHUNK):
        steps = min(CHUNK, options.steps - first)
        signal = {"num_steps": steps}
        if c["events"].any():
            arrived = rng.poisson(1e-3 * dt * c["events"], (steps, len(current)))
            x = np.empty(arrived.shape, dtype=np.float32)
            for t in range(steps):
                x[t] = as_constant * current
                current = decay * current + c["event_weight"] * arrived[t]
            signal = {"x": torch.from_numpy(x)}
        before = time.process_time(), time.perf_counter()
        found = reservoir.run(**signal, progress=False).events[:, 1:]
        cpu += time.process_time() - before[0]
        wall += time.perf_counter() - before[1]
        events.append(found.numpy() + np.array([first, 0]))
    step, node = np.concatenate(events).T
    np.savez(options.out, step=step, node=node)
    memory = 1024 * peak_memory()
    about = f"pyngn_graph {ng.__version__}, backend {reservoir.backend}, float32"
    print(json.dumps({"build": build, "cpu": cpu, "wall": wall, "memory": memory, "about": about}))


if __name__ == "__main__":
    main()
