"""Runs a circuit that ``microcircuit.py`` drew in NEST, ``iaf_psc_exp``, one thread."""

import argparse
import json
import time
from pathlib import Path

import nest
import numpy as np
from report import peak_memory

BLOCK = 10**6
"""Edges that are handed over at a time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("circuit", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.process_time()
    with np.load(options.circuit, allow_pickle=False) as file:
        c = {name: file[name] for name in file.files}
    dt, tau_syn = float(c["dt"]), float(c["tau_syn"])
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.resolution, nest.local_num_threads, nest.rng_seed = dt, 1, options.seed + 1
    neurons = nest.Create("iaf_psc_exp", len(c["bias"]))
    neurons.set(C_m=float(c["capacitance"]), tau_m=float(c["tau_m"]), t_ref=float(c["t_ref"]))
    neurons.set(E_L=0.0, V_reset=0.0, V_th=float(c["v_th"]))
    neurons.set(tau_syn_ex=tau_syn, tau_syn_in=tau_syn, I_e=c["bias"], V_m=c["v"])
    first = neurons[0].global_id
    for begin in range(0, len(c["src"]), BLOCK):
        part = slice(begin, begin + BLOCK)
        synapses = {"synapse_model": "static_synapse", "weight": c["weight"][part]}
        synapses["delay"] = np.round(c["delay"][part] * dt, 6)
        src, dst = c["src"][part] + first, c["dst"][part] + first
        nest.Connect(src, dst, "one_to_one", synapses)
    for rate in np.unique(c["events"][c["events"] > 0]):
        background = nest.Create("poisson_generator", params={"rate": float(rate)})
        driven = neurons[np.flatnonzero(c["events"] == rate).tolist()]
        synapses = {"weight": float(c["event_weight"]), "delay": 1.5}
        nest.Connect(background, driven, "all_to_all", synapses)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Prepare()
    build = time.process_time() - start
    before = time.process_time(), time.perf_counter()
    nest.Run(options.steps * dt)
    cpu, wall = time.process_time() - before[0], time.perf_counter() - before[1]
    nest.Cleanup()
    memory = 1024 * peak_memory()
    events = recorder.get("events")
    step = np.rint(events["times"] / dt).astype(np.int64) - 1
    np.savez(options.out, step=step, node=events["senders"] - first)
    about = f"NEST {nest.__version__}, iaf_psc_exp, float64"
    print(json.dumps({"build": build, "cpu": cpu, "wall": wall, "memory": memory, "about": about}))


if __name__ == "__main__":
    main()
