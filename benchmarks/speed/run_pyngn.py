"""The network with the parts of the original toy package, ``pyngn`` 1.0.0, as its README does.

``DelayBuffer`` and ``LIFLayer`` hold matrices for all pairs of neurons, float32, so only small
networks fit. The equations of these two parts are those of ``network.py``: the drive enters times
``1 - alpha``, which the layer leaves to its caller, and weights of pairs without an edge are 0. Its
``TriglialReservoir`` is not used: it starts every run at rest, does not return spikes and always
updates its glia.
"""

import argparse
from importlib.metadata import version

import numpy as np
import torch
from network import TAU, Network
from pyngn.neuron import LIFLayer
from pyngn.synapse import DelayBuffer
from worker import Result, Stopwatch, main, peak_memory


@torch.no_grad()
def simulate(network: Network, options: argparse.Namespace) -> Result:
    torch.set_num_threads(1)
    num_nodes, degree = network.target.shape
    with Stopwatch() as build:
        place = np.repeat(np.arange(num_nodes), degree), network.target.ravel()
        weights, delays = torch.zeros(num_nodes, num_nodes), torch.ones(num_nodes, num_nodes).long()
        weights[place] = torch.from_numpy(network.weight.ravel())
        delays[place] = torch.from_numpy(network.delay.ravel()).long()
        buffer = DelayBuffer(num_nodes, max_delay=int(network.delay.max()))
        layer = LIFLayer(num_nodes, tau_m=TAU)
        layer.v = torch.from_numpy(network.potential)
        drive = (1.0 - layer.alpha) * torch.from_numpy(network.drive)
    fired = torch.zeros(options.steps, num_nodes, dtype=torch.bool)
    with Stopwatch() as run:
        for t in range(options.steps):
            delayed = buffer.get_delayed_spikes(delays)
            spikes = layer(i_syn=(weights * delayed).sum(dim=0), i_ext=drive)
            buffer.push(spikes)
            fired[t] = spikes > 0
    step, node = fired.numpy().nonzero()
    about = f"pyngn {version('pyngn')}, DelayBuffer and LIFLayer, float32"
    return Result(step, node, build.cpu, run.cpu, run.wall, peak_memory(), about)


if __name__ == "__main__":
    main(simulate)
