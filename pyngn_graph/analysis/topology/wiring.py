"""What the wiring costs in space."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Network


def wire_lengths(data: Data | Network) -> Tensor:
    """Straight distances that the live edges span, ``[E_live]`` float64, micrometres.

    Every edge counts, parallel ones too; a self loop spans 0.

    Raises:
        ValueError: If the graph has no ``pos``.
    """
    net = Network.of(data)
    pos = net.data.get("pos")
    if pos is None:
        raise ValueError("The graph has no 'pos'; set 'data.pos' [N, 3] to measure its wires")
    place = pos.detach().cpu().double()
    return (place[torch.from_numpy(net.src)] - place[torch.from_numpy(net.dst)]).norm(dim=1)


def wiring_cost(data: Data | Network) -> float:
    """The sum of :func:`wire_lengths`, micrometres; NaN without positions.

    Source: Chklovskii, Schikorski & Stevens (2002).
    """
    net = Network.of(data)
    if net.data.get("pos") is None:
        return float("nan")
    return float(wire_lengths(net).sum())


def mean_wire_length(data: Data | Network) -> float:
    """The mean of :func:`wire_lengths`, micrometres; NaN without positions or edges."""
    net = Network.of(data)
    return wiring_cost(net) / net.src.size if net.src.size else float("nan")
