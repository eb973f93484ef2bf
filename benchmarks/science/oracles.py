"""What a choice of delays would reach that knows how every neuron responds to the input."""

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.science.protocol import HOLD, Liquid, stream
from pyngn_graph import tasks
from pyngn_graph.glia.coherence import two_delays

Array = NDArray[Any]

LAGS, ONE_HOP = 60, 4
"""Samples of the past in a response, and those in which the input itself acts (tau_m 30 ms)."""

ROUNDS = 4
"""Times that responses are measured and delays chosen; 20 s of adaptation follow each."""

TRIES, SWEEPS = 8, 6
"""Random beginnings of a choice, and how often each afferent is asked again."""


def informed(seed: int, hops: str, choice: str, **liquid: Any) -> ng.TriglialReservoir:
    """A liquid in which what the afferents of a target carry adds up as much as it can.

    Args:
        seed: Seed of the liquid, which begins with one of two delays of the target, by chance.
        hops: ``"one"`` (of a response only what the input of the afferent itself does) or
            ``"all"``.
        choice: ``"two"`` (the two delays of the target) or ``"ten"`` (10, 20, ... 100 ms).
        liquid: Parameters of the liquid.
    """
    reservoir = Liquid(**liquid, oligodendrocyte="two").adapted(seed)
    num_nodes = reservoir.graph.num_nodes
    options = np.tile(np.arange(10.0, 101.0, 10.0), (num_nodes, 1))
    if choice == "two":
        cell = next(c for c in reservoir.glia if isinstance(c, ng.Oligodendrocyte))
        generator = torch.Generator().manual_seed(seed)
        options = two_delays(cell, num_nodes, 1.0, generator).numpy()
    for number in range(ROUNDS):
        found = responses(reservoir, seed)
        if hops == "one":
            found[:, ONE_HOP:] = 0.0
        data = copy.copy(reservoir.graph)
        data.edge_delay = agreeing(found, data, options, np.random.default_rng([seed, number]))
        reservoir.graph = data
        u = tasks.uniform_input(20_000 // HOLD, generator=stream(seed, f"round {number}"))
        reservoir.adapt(u, progress=False)
    return reservoir


def responses(reservoir: ng.TriglialReservoir, seed: int) -> Array:
    """How the state of every neuron depends on the input ``LAGS`` samples back, ``[N, LAGS]``."""
    u = tasks.uniform_input(4000, generator=stream(seed, "responses"))
    recording = reservoir.run(u, record=("state",), every=HOLD, progress=False)
    states = recording.traces["state"][0, LAGS:].double()
    past = u.flatten().double().unfold(0, LAGS, 1)[1:].flip(1)
    solution: Array = torch.linalg.lstsq(past, states - states.mean(dim=0)).solution.t().numpy()
    return solution.copy()


def agreeing(response: Array, data: Data, options: Array, rng: np.random.Generator) -> torch.Tensor:
    """Delays ``[E]`` for which the sum over the afferents of each target has the largest square.

    Each afferent in turn takes that of the ``options`` ``[N, M]`` of its target (ms) at which its
    signed, delayed response makes that square largest, given the others.
    """
    src, dst = data.edge_index.numpy()
    sign, delay = np.sign(data.edge_weight.numpy()), data.edge_delay.clone()
    for i in range(data.num_nodes):
        own = np.flatnonzero(dst == i)
        signed = sign[own, None] * response[src[own]]
        shifts = np.rint(options[i] / HOLD).astype(int)
        carried = np.zeros((own.size, shifts.size, LAGS))
        for m, shift in enumerate(shifts):
            carried[:, m, shift:] = signed[:, : LAGS - shift]
        chosen = best(carried, rng)
        delay[own] = torch.from_numpy(options[i, chosen]).float()
    return delay


def best(carried: Array, rng: np.random.Generator) -> Array:
    """One of M rows for each of K afferents, ``[K]``, by what they carry: ``[K, M, LAGS]``."""
    afferent, most, found = np.arange(len(carried)), -1.0, None
    size = np.square(carried).sum(axis=2)
    for _ in range(TRIES):
        chosen = rng.integers(carried.shape[1], size=len(carried))
        for _ in range(SWEEPS):
            for k in afferent:
                others = carried[afferent, chosen].sum(axis=0) - carried[k, chosen[k]]
                chosen[k] = (2.0 * carried[k] @ others + size[k]).argmax()
        total = float(np.square(carried[afferent, chosen].sum(axis=0)).sum())
        if total > most:
            most, found = total, chosen
    assert found is not None
    return found
