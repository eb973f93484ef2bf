"""What becomes of a pruned liquid that loses edges, or neurons."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.contests import LIQUID, Contest
from benchmarks.science.protocol import HOLD, TEST, Liquid, activity, stream
from pyngn_graph import tasks
from pyngn_graph.analysis.dynamics import memory_capacity
from pyngn_graph.glia import MatchedRandom, Winner
from pyngn_graph.graph import alive, num_live

PRUNED: dict[str, dict[str, Any]] = {
    "unpruned": {},
    "random, 15 %": {"criterion": "random", "keep": 0.15},
    "random, equal counts": {"criterion": MatchedRandom(Winner())},
    "winner": {"criterion": Winner()},
    "winner, long": {"criterion": Winner(long_delay=0.5)},
}

HEAL = 20
"""Seconds for which astrocytes are at work after the lesion."""

LAGS, TRAIN = 200, 3000


class Kept:
    """A trained readout that learns nothing more."""

    def __init__(self, readout: ng.RidgeReadout) -> None:
        self.readout = readout

    def fit(self, states: Tensor, y: Tensor) -> ng.RidgeReadout:
        """The readout as it is."""
        return self.readout


def lesion(seed: int, pruned: str, what: str, share: float) -> dict[str, Any]:
    """Adapts and prunes a liquid, then takes a share of what is left.

    Args:
        seed: Seed of liquid and lesion.
        pruned: One of ``PRUNED``.
        what: ``"edges"``, or ``"neurons"``: all edges into them and out of them. They still get
            the input, and are read.
        share: Share of the live edges, or of the neurons.

    Returns:
        Memory over lags 1 to 200 ``before`` the lesion; just after it, with the readout of before
        (``kept``) and a new one (``refit``); after 20 s with astrocytes at work, likewise
        (``healed_kept``, ``healed``). Edges, rate in Hz and events per ms ``_before``, ``_refit``
        and ``_healed``. All glia are at rest while memory is measured. ``kept`` counts as memory
        what is correlated with the past: wrong scale and offset cost nothing.
    """
    whole = Contest(**PRUNED[pruned], **LIQUID).adapted(seed)
    readout = ng.RidgeReadout()
    found = memory(whole, seed, {"before": readout}, "before")
    graph = lesioned(whole.graph, what, share, stream(seed, "lesion"))
    survivors = {name: LIQUID[name] for name in ("degree", "weight", "astrocyte")}
    hurt = Liquid(**survivors).reservoir(seed, graph=graph, hold=HOLD)
    found |= memory(hurt, seed, {"kept": Kept(readout), "refit": ng.RidgeReadout()}, "refit")
    u = tasks.uniform_input(HEAL * 1000 // HOLD, generator=stream(seed, "healing"))
    hurt.adapt(u, progress=False)
    readouts = {"healed_kept": Kept(readout), "healed": ng.RidgeReadout()}
    found |= memory(hurt, seed, readouts, "healed")
    return found | {"edges_before": num_live(whole.graph), "edges": num_live(hurt.graph)}


def memory(
    reservoir: ng.TriglialReservoir, seed: int, readouts: dict[str, Any], when: str
) -> dict[str, float]:
    """Memory by each of ``readouts``; rate and events, named for ``when`` they are measured."""
    u = tasks.uniform_input(LAGS + TRAIN + TEST, generator=stream(seed, "memory"))
    recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
    states, part = recording.traces["state"][0], (TRAIN + 0.5) / (TRAIN + TEST)
    found = {f"{name}_{when}": value for name, value in activity(recording).items()}
    for name, readout in readouts.items():
        capacity = memory_capacity(states, u, LAGS, train_fraction=part, readout=readout)
        found[name] = capacity.total
    return found


def lesioned(data: Data, what: str, share: float, generator: torch.Generator) -> Data:
    """The graph without a random ``share`` of its live edges, or of its neurons' edges.

    Raises:
        ValueError: If ``what`` is neither ``"edges"`` nor ``"neurons"``.
    """
    data, live = copy.copy(data), alive(data)
    if what == "edges":
        edge = live.nonzero().flatten()
        lost = edge[torch.randperm(edge.numel(), generator=generator)]
        data.edge_mask = live.index_fill(0, lost[: round(share * edge.numel())], False)
    elif what == "neurons":
        order = torch.randperm(data.num_nodes, generator=generator)
        dead = torch.zeros(data.num_nodes, dtype=torch.bool)
        dead[order[: round(share * data.num_nodes)]] = True
        data.edge_mask = live & ~dead[data.edge_index].any(dim=0)
    else:
        raise ValueError(f"'what' must be 'edges' or 'neurons' (got {what!r})")
    return data
