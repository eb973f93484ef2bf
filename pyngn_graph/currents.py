"""The compiled projection, zeros left out; imported, with numba, when it is first needed."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyngn_graph.compiling import compiled
from pyngn_graph.memo import remembered

if TYPE_CHECKING:
    from pyngn_graph.projection import Projection

Array = NDArray[Any]

WHOLE = 0.25
"""Share of neurons reached from which a channel is stored with its zeros: then it is a vector."""


class Channels(NamedTuple):
    """Weights by channel: those of c stand at ``start[c] .. start[c + 1]`` of ``weight``.

    ``neuron`` names their neurons; a channel with as many entries as there are neurons has them in
    order.
    """

    start: Array
    neuron: Array
    weight: Array


@remembered("weight")
def channels(layer: "Projection") -> Channels:
    """The weights of a projection by channel, in float64."""
    assert layer.weight is not None
    weight = layer.weight.t().contiguous().numpy()
    kept = weight != 0
    kept[kept.sum(axis=1) >= WHOLE * layer.num_nodes] = True
    channel, neuron = kept.nonzero()
    start = np.searchsorted(channel, np.arange(len(weight) + 1))
    return Channels(start, neuron.astype(np.uint32), weight[kept].astype(np.float64))


def currents(layer: "Projection", x: Tensor) -> Tensor:
    """What :func:`pyngn_graph.projection.project` gives for the input ``x`` ``[B, T, C]``."""
    samples = x.reshape(-1, x.size(2)).contiguous().numpy()
    flat = _currents(samples, layer.bias.numpy(), *channels(layer))
    return torch.from_numpy(flat).view(x.size(0), x.size(1), -1).permute(1, 2, 0)


@compiled
def _currents(x: Array, bias: Array, start: Array, neuron: Array, weight: Array) -> Array:
    out = np.empty((x.shape[0], bias.size), np.float32)
    total = np.empty(bias.size, np.float64)
    for sample in range(x.shape[0]):
        for i in range(bias.size):
            total[i] = bias[i] + 0.0
        for channel in range(x.shape[1]):
            value = np.float64(x[sample, channel])
            if value == 0.0:
                continue
            first, last = start[channel], start[channel + 1]
            if last - first == bias.size:
                whole = weight[first:last]
                for i in range(bias.size):
                    total[i] += whole[i] * value
            else:
                for k in range(first, last):
                    total[neuron[k]] += weight[k] * value
        for i in range(bias.size):
            out[sample, i] = total[i]
    return out
