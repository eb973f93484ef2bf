"""Where pruned axons grow: a new target nearby, at constant density."""

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.glia.base import as_array, dt_of
from pyngn_graph.graph import number
from pyngn_graph.reserved import NEVER

_ROWS = 2**22
"""Probabilities held at a time."""


def regrow(
    data: Data,
    doomed: Tensor,
    *,
    health: float,
    length_scale: float | None,
    velocity: float | None,
    generator: torch.Generator,
) -> Data:
    r"""Gives every edge of ``doomed`` ``[E]`` a new target.

    The same axon, with the same weight, picks a neuron other than itself and its old target with
    :math:`p \sim e^{-(d / \ell)^2}`; its delay is :math:`1 + d / v`, its health ``health``, and
    nothing has arrived over it yet. Every other ``edge_*`` keeps its value; the order stays.

    Raises:
        ValueError: If the graph has no ``pos``, or neither argument nor graph gives
            ``length_scale`` (micrometres) and ``velocity`` (micrometres per ms).
    """
    length_scale, velocity = check_regrowth(data, length_scale, velocity)
    if data.num_nodes < 3:
        return data
    edge = doomed.nonzero().squeeze(1)
    pos = data.pos.double()
    target = _new_targets(data, data.edge_index[:, edge], length_scale, generator)
    distance = (pos[data.edge_index[0, edge]] - pos[target]).norm(dim=1)
    delay = _delay(data, distance, velocity)
    data.edge_index = data.edge_index.clone()
    data.edge_index[1, edge] = target
    data.edge_delay = data.edge_delay.index_copy(0, edge, delay.to(data.edge_delay.dtype))
    data.edge_health = data.edge_health.index_fill(0, edge, health)
    fresh = dict.fromkeys(("edge_hits", "edge_lag", "edge_loading", "edge_pull", "edge_fixed"), 0)
    for key, value in (fresh | {"edge_arrival": NEVER, "edge_origin": -1}).items():
        if key in data:
            data[key] = data[key].index_fill(0, edge, value)
    return data


def check_regrowth(
    data: Data, length_scale: float | None, velocity: float | None
) -> tuple[float, float]:
    """The scales that :func:`regrow` uses; raises its errors."""
    if data.get("pos") is None:
        raise ValueError("Regrowth needs 'pos' [N, 3]; set it or use 'regrow=False'")
    length_scale = _scale(data, "length_scale", length_scale)
    return length_scale, _scale(data, "velocity", velocity)


def longest_delay(data: Data, velocity: float | None) -> int:
    """No regrown edge of ``data`` takes more steps than this."""
    size = (data.pos.max(dim=0).values - data.pos.min(dim=0).values).double().norm()
    return int(_delay(data, size, _scale(data, "velocity", velocity)))


def _delay(data: Data, distance: Tensor, velocity: float) -> Tensor:
    return torch.floor(1.5 + distance / (velocity * dt_of(data)))


def _scale(data: Data, name: str, value: float | None) -> float:
    if value is None and name not in data:
        raise ValueError(f"Regrowth needs '{name}'; pass it to 'Microglia' or set 'data.{name}'")
    value = float(number(data, name, 0.0) if value is None else value)
    if not 1e-9 <= value <= 1e12:
        raise ValueError(f"'{name}' must lie in [1e-9, 1e12] (got {value}); give it in micrometres")
    return value


def _new_targets(
    data: Data, old: Tensor, length_scale: float, generator: torch.Generator
) -> Tensor:
    """A target for each edge ``old`` ``[2, K]`` that is lost.

    Most are found by drawing neurons until one is taken; an axon that stands apart weighs all of
    them, at the cost of N tries.
    """
    from pyngn_graph.glia.proposals import propose

    pos = data.pos.double()
    seed = int(torch.randint(2**62, (1,), generator=generator))
    target = torch.from_numpy(
        propose(
            as_array(old[0]),
            as_array(old[1]),
            as_array(pos / length_scale),
            data.num_nodes // 4,
            np.random.default_rng(seed),
        )
    ).to(old.device)
    apart = (target < 0).nonzero().squeeze(1)
    for edge in torch.split(apart, max(1, _ROWS // data.num_nodes)):
        chance = _chances(pos / length_scale, *old[:, edge])
        pick = torch.multinomial(chance.cpu(), 1, generator=generator).squeeze(1)
        target[edge] = pick.to(target.device)
    return target


def _chances(pos: Tensor, src: Tensor, dst: Tensor) -> Tensor:
    """How likely each neuron is a new target, ``[K, N]``, up to a factor for each edge."""
    row = torch.arange(src.numel(), device=src.device)
    square = torch.cdist(pos[src], pos, compute_mode="donot_use_mm_for_euclid_dist").square()
    square[row, src] = square[row, dst] = torch.inf
    # Measured from the nearest, so that a lonely axon still finds its nearest neighbor.
    return torch.exp(square.min(dim=1, keepdim=True).values - square)
