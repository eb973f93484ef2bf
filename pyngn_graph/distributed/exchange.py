"""Spikes between ranks: packed to bits, to all, once in each window."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.backends.event import EventMemory
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.shard import Shard
from pyngn_graph.graph import alive, num_targets, out_degree, round_delay
from pyngn_graph.state import ReservoirState

FOREVER = 2**62


class Exchange:
    """Who sends what to whom.

    A rank sends the spikes of those of its neurons that some other rank has as a ghost, a bit for
    each neuron, step and trial.

    Attributes:
        sends: The owned neurons here that others listen to, ``[m]``.
        rounds: Windows exchanged so far.
        bytes_sent: Bytes of spikes that this rank has sent, padding included.
    """

    def __init__(self, shard: Shard, ranks: Ranks) -> None:
        self.ranks, self.rounds, self.bytes_sent = ranks, 0, 0
        wanted = torch.cat(ranks.gather(shard.ghosts))
        self.sends = torch.isin(shard.owned, wanted).nonzero().squeeze(1)
        parts = ranks.gather(shard.owned[self.sends])
        self.sizes = [part.numel() for part in parts]
        number, order = torch.cat(parts).sort()
        self.source = order[torch.searchsorted(number, shard.ghosts)]

    def swap(self, spikes: Tensor) -> Tensor:
        """Spikes ``[T, G, C]`` uint8 of the ghosts from those of the owned, ``[T, N, C]``."""
        steps, _, columns = spikes.shape
        own = spikes[:, self.sends].permute(1, 0, 2).contiguous().numpy()
        room = torch.zeros(-(-max(self.sizes) * steps * columns // 8), dtype=torch.uint8)
        bits = torch.from_numpy(np.packbits(own))
        room[: bits.numel()] = bits
        sent = [
            np.unpackbits(part.numpy(), count=size * steps * columns).reshape(size, steps, columns)
            for part, size in zip(self.ranks.gather_like(room), self.sizes, strict=True)
        ]
        self.rounds += 1
        self.bytes_sent += room.numel()
        all_sent = torch.from_numpy(np.concatenate(sent))
        return all_sent[self.source].permute(1, 0, 2).contiguous()


def shortest_crossing(data: Data, ranks: Ranks) -> int:
    """The least delay of a live edge from one rank to another, ``FOREVER`` if there is none."""
    crossing = (data.edge_index[0] >= num_targets(data)) & alive(data)
    delay = round_delay(data.edge_delay[crossing])
    return ranks.smallest(int(delay.min()) if delay.numel() else FOREVER)


def latest(state: ReservoirState, steps: int) -> Tensor:
    """The spikes ``[steps, N, C]`` uint8 that were fired here in the last ``steps`` steps."""
    if isinstance(state.memory, EventMemory):
        return state.memory.latest(state, steps)
    rows = torch.arange(state.t - steps, state.t) % state.history.size(0)
    return state.history[rows, : state.trace.size(0)].to(torch.uint8)


def receive(state: ReservoirState, data: Data, spikes: Tensor) -> Tensor:
    """Takes in what :meth:`Exchange.swap` brought, and returns its transmissions ``[T, C]``."""
    if isinstance(state.memory, EventMemory):
        return state.memory.receive(state, spikes)
    targets, steps = state.trace.size(0), spikes.size(0)
    rows = torch.arange(state.t - steps, state.t) % state.history.size(0)
    state.history[rows, targets:] = spikes.bool()
    return (spikes.long() * out_degree(data)[targets:].view(1, -1, 1)).sum(dim=1)
