"""What becomes of an adapted liquid that is changed: when its rate is back, what it remembers."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.protocol import HOLD, Liquid, scores, stream
from pyngn_graph import tasks
from pyngn_graph.graph import alive

CHANGES = ("none", "weights x 4", "weights / 4", "lesion 50 %", "bias + 0.3", "bias - 0.3")

BEFORE, AFTER = 10, 30
"""Seconds of life before the change and after it."""

WINDOW, BAND = 1000, 0.2
"""The rate is averaged over a second, and back within a fifth of what it was before."""


def repair(seed: int, change: str, live: bool, train: int = 3000, **liquid: Any) -> dict[str, Any]:
    """Changes a liquid; its glia go on with their work if ``live``.

    The fast state begins anew at the change. Rates are means over neurons and a second.

    Returns:
        ``back``: seconds after the change from which the rate, the second around it, stays within
        the band for good (``AFTER`` if it never does); ``back_late``: the same for the second
        before, which looks back only; ``returned`` (0 or 1); ``rates`` in Hz, by quarters of a
        second; ``orphans``, the share of neurons without a live excitatory input just after the
        change, in per cent; memory ``before`` the change, ``damaged`` just after it and ``after``
        the life that follows, with glia at rest, over lags 1 to 200.
    """
    kind = Liquid(**liquid)
    reservoir = kind.adapted(seed)
    u = tasks.uniform_input((BEFORE + AFTER) * 1000 // HOLD, generator=stream(seed, "life")).split(
        [BEFORE * 1000 // HOLD, AFTER * 1000 // HOLD]
    )
    found = {"before": memory(reservoir, seed, train)}
    counts = [spikes(reservoir, u[0], live)]
    graph, bias = changed(reservoir.graph, reservoir.bias, change, seed)
    reservoir = kind.reservoir(seed, graph=graph, bias=bias, hold=HOLD)
    found["orphans"] = orphans(graph)
    found["damaged"] = memory(reservoir, seed, train)
    counts.append(spikes(reservoir, u[1], live))
    found["after"] = memory(reservoir, seed, train)
    rate = torch.cat(counts).double() * 1000.0 / kind.num_nodes  # Hz
    target = float(rate[: BEFORE * 1000].mean())
    mean = rate.unfold(0, WINDOW, 1).mean(dim=1)  # row t: the second that begins at step t
    around, behind = (mean[BEFORE * 1000 - lag :] for lag in (WINDOW // 2, WINDOW - 1))
    late = _last_outside(behind, target)
    return found | {
        "back": _last_outside(around, target) / 1000.0 if late < AFTER * 1000 else float(AFTER),
        "back_late": late / 1000.0,
        "returned": float(late < AFTER * 1000),
        "target": target,
        "rates": [round(value, 2) for value in around[::250].tolist()],
    }


def _last_outside(rate: Tensor, target: float) -> int:
    """Steps until ``rate`` stays within the band around ``target``."""
    outside = ((rate - target).abs() > BAND * target).nonzero().flatten()
    return int(outside[-1]) + 1 if outside.numel() else 0


def changed(data: Data, bias: Tensor, change: str, seed: int) -> tuple[Data, Tensor]:
    """Graph and bias as ``change`` leaves them."""
    if change not in CHANGES:
        raise ValueError(f"Unknown change {change!r}; available: {list(CHANGES)}")
    data = copy.copy(data)
    if change == "weights x 4":
        data.edge_weight = 4.0 * data.edge_weight
    elif change == "weights / 4":
        data.edge_weight = data.edge_weight / 4.0
    elif change == "lesion 50 %":
        edge = alive(data).nonzero().flatten()
        order = torch.randperm(edge.numel(), generator=stream(seed, "lesion"))
        lost = edge[order[: edge.numel() // 2]]
        data.edge_mask = alive(data).index_fill(0, lost, False)
    shift = {"bias + 0.3": 0.3, "bias - 0.3": -0.3}.get(change, 0.0)
    return data, bias + shift


def orphans(data: Data) -> float:
    """Share of the neurons without a live excitatory input, in per cent."""
    source = alive(data) & (data.edge_weight > 0)
    inputs = torch.bincount(data.edge_index[1, source], minlength=data.num_nodes)
    return 100.0 * float((inputs == 0).double().mean())


def spikes(reservoir: ng.TriglialReservoir, u: Tensor, live: bool) -> Tensor:
    """The number of spikes at each step of a life."""
    run = reservoir.adapt if live else reservoir.run
    recording = run(u, progress=False)
    return torch.bincount(recording.events[:, 1], minlength=int(recording.lengths[0]))


def memory(reservoir: ng.TriglialReservoir, seed: int, train: int) -> float:
    """Memory capacity with all glia at rest."""

    def states(u: Tensor) -> Tensor:
        return reservoir.run(u, record=("state",), every=HOLD, progress=False).traces["state"][0]

    return float(scores(states, seed, ["memory"], 200, train)["memory"])
