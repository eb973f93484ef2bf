"""What a user may give for each graph of a ``Batch``, laid out neuron by neuron."""

from collections.abc import Sequence
from dataclasses import fields
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from pyngn_graph.checks import whole_seed
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.projection import Projection


def joint_neurons(
    neuron: LIFParameters | Sequence[LIFParameters] | None, sizes: Sequence[int]
) -> LIFParameters:
    """The parameters of all neurons, from one set of them or one for each graph.

    Raises:
        ValueError: If there are not as many as graphs, or only some give an optional one.
    """
    if neuron is None:
        return LIFParameters()
    if not isinstance(neuron, list | tuple):
        return neuron  # type: ignore[return-value]
    if len(neuron) != len(sizes):
        raise ValueError(
            f"'neuron' holds {len(neuron)} LIFParameters for {len(sizes)} graphs; give one, or "
            f"one for each graph of the batch"
        )
    values = {}
    for field in fields(LIFParameters):
        own = [getattr(each, field.name) for each in neuron]
        if all(value is None for value in own):
            continue
        if any(value is None for value in own):
            raise ValueError(
                f"'{field.name}' must be set for all graphs of a batch or for none (got {own})"
            )
        rows = zip(own, sizes, strict=True)
        parts = [torch.as_tensor(value, dtype=torch.float64).expand(size) for value, size in rows]
        values[field.name] = torch.cat(parts)
    return LIFParameters(**values)


def joint_projection(
    sizes: Sequence[int],
    in_channels: int | None,
    scale: float,
    density: float,
    weight: Tensor | None,
    bias: float | Tensor | tuple[float, float] | None,
    seed: int | Sequence[int],
) -> Projection:
    """The projection onto all graphs: each has the one that it would have alone.

    Raises:
        ValueError: If there are not as many seeds as graphs, or a parameter breaks its rule.
    """
    given: Any = seed
    several = isinstance(given, list | tuple | range) or getattr(given, "ndim", 0) == 1
    seeds = [whole_seed(each) for each in (given if several else [given] * len(sizes))]
    if len(seeds) != len(sizes):
        raise ValueError(
            f"'seed' holds {len(seeds)} seeds for {len(sizes)} graphs; give one, or one for each "
            f"graph of the batch"
        )
    if len(sizes) > 1:
        drawn = bias is None or isinstance(bias, tuple | Real)
        parts = [
            Projection(size, in_channels, scale, density, None, bias if drawn else None, own)
            for size, own in zip(sizes, seeds, strict=True)
        ]
        if drawn:
            bias = torch.cat([part.bias for part in parts])
        if weight is None and in_channels is not None:
            weight = torch.cat([part.weight for part in parts if part.weight is not None])
    joint = Projection(sum(sizes), in_channels, scale, density, weight, bias, seeds[0])
    joint.seed = seeds if several else seeds[0]
    return joint
