"""The rule "coherence" in compiled form: as much work as there are neurons and synaptic events."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import Data

from pyngn_graph.compiling import compiled
from pyngn_graph.glia import Coherence, Oligodendrocyte
from pyngn_graph.glia.base import as_array, dt_of
from pyngn_graph.glia.coherence import FLOOR, TINY

Array = NDArray[Any]

NODES = {
    "axon_trace": "trace",
    "axon_mean": "mean",
    "coherence_sum": "total",
    "coherence_mean": "total_mean",
    "coherence_variance": "variance",
}
"""Attributes ``[N]`` of the graph that change at every step."""


class Loadings(NamedTuple):
    """What :class:`~pyngn_graph.glia.Coherence` keeps, all float64; its equations say what for.

    ``target`` to ``pull`` are those of the live edges by source, those of j at
    ``start[j] .. start[j + 1]``; ``trace`` to ``program`` belong to the neurons. ``axon``,
    ``deviation`` and ``spread`` are x, the deviation of Y and its standard deviation at the step at
    hand; ``units`` ``[2, N]`` is 0 between two steps.
    """

    learns: bool
    start: Array
    target: Array
    weight: Array
    delay: Array
    loading: Array
    pull: Array
    trace: Array
    mean: Array
    total: Array
    total_mean: Array
    variance: Array
    program: Array
    axon: Array
    deviation: Array
    spread: Array
    units: Array
    fade: float
    keep: float
    rest: float
    most: float
    eta: float
    rate: float


_PLACES, _VALUES, _PAIRS = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 2))

NONE = Loadings(
    learns=False,
    start=_PLACES,
    target=_PLACES,
    weight=_VALUES,
    delay=_VALUES,
    loading=_VALUES,
    pull=_VALUES,
    trace=_VALUES,
    mean=_VALUES,
    total=_VALUES,
    total_mean=_VALUES,
    variance=_VALUES,
    program=_PAIRS,
    axon=_VALUES,
    deviation=_VALUES,
    spread=_VALUES,
    units=_PAIRS.astype(np.int64),
    fade=0.0,
    keep=0.0,
    rest=0.0,
    most=0.0,
    eta=0.0,
    rate=0.0,
)
"""Nothing that learns, in the same types."""


def loadings(data: Data, cell: Oligodendrocyte | None, start: Array, edge: Array) -> Loadings:
    """The loadings of a graph with this ``cell``; empty ones if it has another rule.

    The live edges of source j are ``start[j] .. start[j + 1]`` of ``edge``.
    """
    rule = None if cell is None else cell.sensing
    if cell is None or not isinstance(rule, Coherence):
        return NONE

    def of_edges(key: str) -> Array:
        return as_array(data[key])[edge].astype(np.float64)

    nodes: Any = {name: as_array(data[key]).copy() for key, name in NODES.items()}
    axon, deviation, spread = np.zeros((3, data.num_nodes))
    fade, keep, rest, most = rule.constants(dt_of(data))
    return Loadings(
        learns=True,
        start=start,
        target=as_array(data.edge_index[1])[edge],
        weight=of_edges("edge_weight"),
        delay=of_edges("edge_delay"),
        loading=of_edges("edge_loading"),
        pull=of_edges("edge_pull"),
        **nodes,
        program=as_array(data.coherence_delay),
        axon=axon,
        deviation=deviation,
        spread=spread,
        units=np.zeros((2, data.num_nodes), dtype=np.int64),
        fade=fade,
        keep=keep,
        rest=rest,
        most=most,
        eta=rule.eta,
        rate=cell.eta,
    )


def write_back(c: Loadings, data: Data, edge: Array) -> None:
    """Writes everything that has changed to the graph; ``edge`` is that of :func:`loadings`."""
    for key, value in (("edge_loading", c.loading), ("edge_pull", c.pull)):
        data[key] = data[key].index_copy(0, torch.from_numpy(edge), torch.from_numpy(value))
    for key, name in NODES.items():
        data[key] = torch.from_numpy(getattr(c, name))


@compiled
def follow(c):
    """Brings the traces of all axons, and the sums over them, to the next step."""
    for j in range(c.trace.size):
        trace = c.fade * c.trace[j]
        trace = trace if trace > TINY else 0.0
        mean = c.keep * c.mean[j] + c.rest * trace
        c.trace[j], c.mean[j], c.axon[j] = trace, mean, trace - mean
    for i in range(c.total.size):
        total = c.fade * c.total[i]
        total = total if abs(total) > TINY else 0.0
        mean = c.keep * c.total_mean[i] + c.rest * total
        deviation = total - mean
        variance = c.keep * c.variance[i] + c.rest * (deviation * deviation)
        c.total[i], c.total_mean[i], c.variance[i] = total, mean, variance
        c.deviation[i], c.spread[i] = deviation, math.sqrt(variance) + FLOOR


@compiled
def learn(c, nodes):
    """Lets all edges out of ``nodes``, which fire at this step, learn from what others just did."""
    start, target, units = c.start, c.target, c.units
    for j in nodes:
        axon, trace, mean = c.axon[j], c.trace[j], c.mean[j]
        for k in range(start[j], start[j + 1]):
            i, before, pull = target[k], c.loading[k], c.pull[k]
            z = (c.deviation[i] - before * axon) / c.spread[i]
            change = c.eta * (min(max(z, -c.most), c.most) - before)
            loading = before + change
            opposite = 0 if c.weight[k] * loading > 0.0 else 1
            goal = c.program[i, opposite] - c.delay[k]
            c.loading[k], c.pull[k] = loading, pull + c.rate * (goal - pull)
            units[0, i] += np.int64(np.rint((change * trace + loading) * 2.0**40))
            units[1, i] += np.int64(np.rint(change * mean * 2.0**40))
    for j in nodes:
        for k in range(start[j], start[j + 1]):
            i = target[k]
            c.total[i] += np.float64(units[0, i]) * 2.0**-40
            c.total_mean[i] += np.float64(units[1, i]) * 2.0**-40
            units[0, i] = units[1, i] = 0
        c.trace[j] += 1.0
