"""Excitation against inhibition."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network, sums


class Balance(NamedTuple):
    """Sizes of the live inputs of every neuron, ``[N]`` float64 each."""

    excitation: Tensor
    inhibition: Tensor

    @property
    def ratio(self) -> Tensor:
        """(E - I) / (E + I), ``[N]``: 1 all excitation, -1 all inhibition, NaN without input."""
        return (self.excitation - self.inhibition) / (self.excitation + self.inhibition)


def balance(data: Data | Network) -> Balance:
    """What excites and what inhibits each target: the sums of its positive and negative weights.

    Every edge counts, parallel ones and self loops too.

    Source: van Vreeswijk & Sompolinsky (1996).
    """
    net = Network.of(data)
    sides = (np.maximum(sign * net.weight, 0.0) for sign in (1.0, -1.0))
    return Balance(*(torch.from_numpy(sums(side, net.dst, net.num_nodes)) for side in sides))


def mean_balance(data: Data | Network) -> float:
    """Mean ratio of :func:`balance` over the neurons that have input; NaN if none has."""
    ratio = balance(data).ratio
    return float(ratio[~ratio.isnan()].mean())
