"""What gradients find: planted delays, and an order of pulses that a frozen liquid cannot tell."""

import pytest
import torch
from helpers import generator, graph_of
from torch import Tensor, nn
from torch_geometric.nn import GCNConv

from pyngn_graph import LIFParameters, TrainableReservoir
from pyngn_graph.interpolation import DelayKernel


def narrowing(width: float, share: float) -> DelayKernel:
    """A kernel that shrinks from ``width`` to 1 as ``share`` goes from 0 to 1."""
    return DelayKernel(width=max(1.0, width * (1.0 - share)))


# Planted delays


def distances(seed: int, width: float, max_delay: int = 15, pairs: int = 12) -> Tensor:
    """How far from planted delays those are that were learned from spikes, in steps.

    Every source fires once in each of 4 columns, and each of its spikes makes the target fire.
    """
    g, steps, epochs = generator(seed), 34, 60
    planted = torch.randint(1, max_delay + 1, (pairs,), generator=g).tolist()

    def reservoir(delays: list[int]) -> TrainableReservoir:
        edges = [(i, pairs + i, 1.5, delay) for i, delay in enumerate(delays)]
        graph = graph_of(2 * pairs, edges)
        return TrainableReservoir(graph, surrogate="arctan", max_delay=max_delay, tau_trace=0.0)

    x = torch.zeros(steps, 2 * pairs, 4)
    at = torch.randint(2, 14, (1, pairs, 4), generator=g)
    x[:, :pairs] = x[:, :pairs].scatter(0, at, 30.0)
    # Spikes are compared through a window wide enough to see a miss of many steps.
    time = torch.arange(steps)
    smooth = torch.exp(-0.5 * ((time.unsqueeze(1) - time) / 10.0).square())
    with torch.no_grad():
        goal = smooth @ reservoir(planted)(x)[:, pairs:].flatten(1)
    learning = reservoir([(max_delay + 1) // 2] * pairs)
    optimizer = torch.optim.Adam([learning.edge_delay], lr=0.5)
    for epoch in range(epochs):
        learning.kernel = narrowing(width, epoch / (0.6 * epochs))
        optimizer.param_groups[0]["lr"] = 0.5 * (1.0 - 0.9 * epoch / epochs)
        optimizer.zero_grad()
        found = smooth @ learning(x)[:, pairs:].flatten(1)
        (found - goal).square().mean().backward()
        optimizer.step()
    return (learning.to_data().edge_delay - torch.tensor(planted)).abs()


@pytest.mark.parametrize("seed", range(3))
def test_planted_delays_are_found_within_one_step(seed: int) -> None:
    assert distances(seed, width=3.0).max() <= 1


# A model that learns from end to end: graph convolution, reservoir, graph convolution

HIDDEN = 6
READ = 2 + HIDDEN


class Model(nn.Module):
    """Tells at node ``READ`` whether node 0 or 1 had its pulse first.

    Both drive the same neurons in between, alike at first, and these drive ``READ``. So the graph
    maps onto itself when nodes 0 and 1 change places: before the reservoir has learned, no weights
    of the graph convolutions can tell the order.
    """

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        middle = range(2, READ)
        edges = [(source, i, 0.7, 1) for i in middle for source in (0, 1)]
        graph = graph_of(READ + 1, edges + [(i, READ, 1.2, 1) for i in middle])
        self.edge_index = graph.edge_index
        self.encoder, self.decoder = GCNConv(1, channels), GCNConv(channels, 2)
        nn.init.uniform_(self.encoder.lin.weight, 0.5, 1.5)
        self.reservoir = TrainableReservoir(
            graph, LIFParameters(tau_m=5.0), surrogate="arctan", max_delay=12, tau_trace=0.0
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores ``[B, 2]`` of trials ``x`` ``[B, T, N, 1]``."""
        drive = self.encoder(x, self.edge_index).permute(1, 2, 0, 3)
        spikes = self.reservoir(drive.flatten(2)).unflatten(2, drive.shape[2:])
        scores: Tensor = self.decoder(spikes.sum(dim=0).transpose(0, 1), self.edge_index)
        return scores[:, READ]


def trials(number: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two pulses, 7 to 9 steps from each other, and which of nodes 0 and 1 had the first."""
    y = torch.randint(2, (number,), generator=g)
    start = torch.randint(2, 8, (number,), generator=g)
    lag = torch.randint(7, 10, (number,), generator=g)
    x, trial = torch.zeros(number, 30, READ + 1, 1), torch.arange(number)
    x[trial, start, y] = 10.0
    x[trial, start + lag, 1 - y] = 10.0
    return x, y


def accuracy(seed: int, frozen: bool, epochs: int = 60) -> float:
    g = generator(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # PyG draws its initial weights from the global generator
        model = Model()
    model.reservoir.requires_grad_(not frozen)
    delays = [model.reservoir.edge_delay]
    others = [p for p in model.parameters() if p.requires_grad and p is not delays[0]]
    optimizer = torch.optim.Adam([{"params": others}, {"params": delays, "lr": 0.5}], lr=0.08)
    for epoch in range(epochs):
        model.reservoir.kernel = narrowing(6.0, epoch / (0.7 * epochs))
        x, y = trials(32, g)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    x, y = trials(500, g)
    with torch.no_grad():
        return float((model.eval()(x).argmax(dim=1) == y).float().mean())


@pytest.mark.parametrize("seed", [0, 2])
def test_from_end_to_end_a_task_that_a_frozen_reservoir_cannot_learn(seed: int) -> None:
    assert accuracy(seed, frozen=False) > 0.95
    assert abs(accuracy(seed, frozen=True) - 0.5) < 0.07  # 3 standard deviations of guessing
