"""The network in this library, on one thread: backend ``event``, or ``reference``, the definition.

The first step, which compiles and lays the edges out, counts as building.
"""

import argparse

import torch
from network import TAU, Network
from torch_geometric.data import Data
from worker import Result, Stopwatch, main, peak_memory

import pyngn_graph as ng


def simulate(network: Network, options: argparse.Namespace) -> Result:
    torch.set_num_threads(1)
    num_nodes, degree = network.target.shape
    with Stopwatch() as build:
        source = torch.arange(num_nodes).repeat_interleave(degree)
        graph = Data(
            num_nodes=num_nodes,
            edge_index=torch.stack([source, torch.from_numpy(network.target).flatten().long()]),
            edge_weight=torch.from_numpy(network.weight).flatten(),
            edge_delay=torch.from_numpy(network.delay).flatten().long(),
        )
        reservoir = ng.TriglialReservoir(
            graph,
            neuron=ng.LIFParameters(tau_m=TAU),
            bias=torch.from_numpy(network.drive),
            backend=options.variant,
        )
        del graph, source
        reservoir.eval().reset(v=torch.from_numpy(network.potential))
        reservoir.run(num_steps=1, progress=False)
    with Stopwatch() as run:
        recording = reservoir.run(num_steps=options.steps, progress=False)
    _, step, node = recording.events.numpy().T
    about = f"pyngn_graph {ng.__version__}, backend {reservoir.backend}, float32"
    return Result(step, node, build.cpu, run.cpu, run.wall, peak_memory(), about)


if __name__ == "__main__":
    main(simulate, "event", "reference")
