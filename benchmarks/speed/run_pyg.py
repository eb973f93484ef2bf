"""The network as a PyG user would write it: a MessagePassing layer in a loop over time, float32."""

import argparse

import numpy as np
import torch
import torch_geometric
from network import TAU, Network
from torch import Tensor
from torch_geometric.nn import MessagePassing
from worker import Result, Stopwatch, main, peak_memory


class DelayedConv(MessagePassing):
    """Sums the weights of the edges on which a spike arrives; ``past`` ``[D, N]`` is a ring."""

    def __init__(self) -> None:
        super().__init__(aggr="add")

    def forward(self, past: Tensor, t: int, edge_index: Tensor, w: Tensor, delay: Tensor) -> Tensor:
        """Inputs ``[N]`` of step ``t``."""
        arrived = past[(t - delay) % past.size(0), edge_index[0]]
        size = past.size(1), past.size(1)
        return self.propagate(edge_index, arrived=arrived, w=w, size=size).squeeze(-1)

    def message(self, arrived: Tensor, w: Tensor) -> Tensor:
        """One value for each edge, ``[E, 1]``."""
        return (arrived * w).unsqueeze(-1)


@torch.no_grad()
def simulate(network: Network, options: argparse.Namespace) -> Result:
    torch.set_num_threads(1)
    num_nodes, degree = network.target.shape
    with Stopwatch() as build:
        source = torch.arange(num_nodes).repeat_interleave(degree)
        edge_index = torch.stack([source, torch.from_numpy(network.target).flatten().long()])
        delay = torch.from_numpy(network.delay).flatten().long()
        weight = torch.from_numpy(network.weight).flatten()
        drive, u = torch.from_numpy(network.drive), torch.from_numpy(network.potential)
        alpha = float(np.exp(-1.0 / TAU))
        past = torch.zeros(int(delay.max()) + 1, num_nodes)
        conv = DelayedConv()
        conv(past, 0, edge_index, weight, delay)
    spikes = torch.zeros(num_nodes)
    fired = torch.zeros(options.steps, num_nodes, dtype=torch.bool)
    with Stopwatch() as run:
        for t in range(options.steps):
            total = conv(past, t, edge_index, weight, delay)
            u = torch.where(spikes > 0, 0.0, u)
            u = alpha * u + (1.0 - alpha) * drive + total
            spikes = (u >= 1.0).float()
            past[t % past.size(0)] = spikes
            fired[t] = spikes > 0
    step, node = fired.numpy().nonzero()
    about = f"PyG {torch_geometric.__version__}, torch {torch.__version__}, float32"
    return Result(step, node, build.cpu, run.cpu, run.wall, peak_memory(), about)


if __name__ == "__main__":
    main(simulate)
