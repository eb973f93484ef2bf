"""The network in NEST, ``iaf_psc_delta`` at a resolution of 1 ms, one thread, double precision.

With C_m = tau_m a current is the potential it leads to, and a weight is the jump in mV. NEST resets
a neuron at the end of the step in which it fires, which is the same as when the next one begins,
and stamps a spike with the end of its step. Edges enter a block of neurons at a time, to keep what
is not NEST's own memory small.
"""

import argparse

import nest
import numpy as np
from network import TAU, Network
from worker import Result, Stopwatch, main, peak_memory

BLOCK = 10**6
"""Edges that are handed over at a time."""


def simulate(network: Network, options: argparse.Namespace) -> Result:
    nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.resolution, nest.local_num_threads = 1.0, 1
    num_nodes, degree = network.target.shape
    with Stopwatch() as build:
        neurons = nest.Create("iaf_psc_delta", num_nodes)
        neurons.set(C_m=TAU, tau_m=TAU, E_L=0.0, V_reset=0.0, V_th=1.0, t_ref=0.0)
        neurons.set(I_e=network.drive.astype(float), V_m=network.potential.astype(float))
        first = neurons[0].global_id
        rows = max(1, BLOCK // degree)
        for start in range(0, num_nodes, rows):
            block = slice(start, min(start + rows, num_nodes))
            synapses = {
                "synapse_model": "static_synapse",
                "weight": network.weight[block].ravel().astype(float),
                "delay": network.delay[block].ravel().astype(float),
            }
            source = np.repeat(np.arange(block.start, block.stop) + first, degree)
            target = network.target[block].ravel().astype(np.int64) + first
            nest.Connect(source, target, "one_to_one", synapses)
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
        nest.Prepare()
    with Stopwatch() as run:
        nest.Run(float(options.steps))
    nest.Cleanup()
    memory = peak_memory()
    events = recorder.get("events")
    step = np.rint(events["times"]).astype(np.int64) - 1
    about = f"NEST {nest.__version__}, iaf_psc_delta, float64"
    return Result(step, events["senders"] - first, build.cpu, run.cpu, run.wall, memory, about)


if __name__ == "__main__":
    main(simulate)
