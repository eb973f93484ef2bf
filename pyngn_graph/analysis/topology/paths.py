"""Shortest paths, by hops and by conduction delay."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csgraph
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.analysis.topology.network import Floats, Integers, Network, ratio
from pyngn_graph.checks import generator_of, whole_seed

LENGTHS = ("hops", "delay")

_ROWS = 2**22
"""Distances held at a time."""


@dataclass(frozen=True)
class Paths:
    """Shortest paths between ordered pairs of different neurons.

    Attributes:
        mean_length: Mean over the pairs that are connected, in hops or ms; NaN if none is.
        efficiency: Mean of 1 / length over all pairs, 0 where there is no path.
        reachable: Share of the pairs that are connected.
        longest: The longest of these paths, the diameter; NaN if there is none.
    """

    mean_length: float
    efficiency: float
    reachable: float
    longest: float


def distances(
    data: Data | Network, by: str = "hops", sources: Tensor | list[int] | None = None
) -> Tensor:
    """Lengths of the shortest paths from ``sources`` ``[S]`` to all neurons, ``[S, N]`` float64.

    Args:
        data: The graph.
        by: ``"hops"``: edges. ``"delay"``: the sum of the delays in use, in ms.
        sources: Neurons to start from; all by default.

    Returns:
        Infinite where no path leads, 0 from a neuron to itself.

    Raises:
        ValueError: If ``by`` is unknown, or a source is no neuron.

    Source: Dijkstra (1959), as in ``scipy.sparse.csgraph``.
    """
    net = Network.of(data)
    if by not in LENGTHS:
        raise ValueError(f"Unknown length {by!r}; available: {list(LENGTHS)}")
    start = np.arange(net.num_nodes) if sources is None else np.asarray(sources, dtype=np.int64)
    if start.size and not 0 <= start.min() <= start.max() < net.num_nodes:
        raise ValueError(f"'sources' must lie in 0 .. {net.num_nodes - 1} (got {start.tolist()})")
    return torch.from_numpy(_distances(net, by, start))


def paths(
    data: Data | Network, by: str = "hops", samples: int | None = None, seed: int = 0
) -> Paths:
    r"""Mean length, efficiency and reach of the shortest paths.

    .. math:: L = \langle d_{ij} \rangle_{d_{ij} < \infty}, \qquad
        E = \frac{1}{N (N - 1)} \sum_{i \ne j} \frac{1}{d_{ij}}

    Args:
        data: The graph.
        by: ``"hops"`` or ``"delay"`` (ms; then E is in 1 / ms).
        samples: Start from that many neurons, drawn at random; by default from all, which takes
            N E steps.
        seed: Seed of the sample.

    Raises:
        ValueError: If ``by`` is unknown or ``samples`` is less than 1.

    Sources: Watts & Strogatz (1998) for L; Latora & Marchiori (2001) for E.
    """
    net = Network.of(data)
    if by not in LENGTHS:
        raise ValueError(f"Unknown length {by!r}; available: {list(LENGTHS)}")
    if samples is not None and samples < 1:
        raise ValueError(f"'samples' must be at least 1 (got {samples})")
    start, seed = np.arange(net.num_nodes), whole_seed(seed)
    if samples is not None and samples < net.num_nodes:
        generator = generator_of(seed)
        start = torch.randperm(net.num_nodes, generator=generator)[:samples].numpy()
    length = inverse = longest = 0.0
    connected = 0
    for lengths in _found(net, by, start):
        length, inverse = length + float(lengths.sum()), inverse + float((1.0 / lengths).sum())
        connected, longest = connected + lengths.size, float(lengths.max(initial=longest))
    pairs = start.size * (net.num_nodes - 1)
    return Paths(
        mean_length=length / connected if connected else float("nan"),
        efficiency=ratio(inverse, pairs),
        reachable=ratio(connected, pairs),
        longest=longest if connected else float("nan"),
    )


def _found(net: Network, by: str, start: Integers) -> Iterator[Floats]:
    """Lengths of all paths that exist, some sources at a time."""
    for part in np.array_split(start, max(1, start.size * net.num_nodes // _ROWS)):
        rows = _distances(net, by, part)
        yield rows[np.isfinite(rows) & (rows > 0.0)]


def _distances(net: Network, by: str, start: Integers) -> Floats:
    if by == "hops":
        return csgraph.dijkstra(net.adjacency, unweighted=True, indices=start)
    return csgraph.dijkstra(net.delays, indices=start) * net.dt
