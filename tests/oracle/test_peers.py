"""The same networks in NEST and in Brian2, spike for spike; ``make oracle`` runs this."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cases import Array, Case, cases, living
from peers import HERE, output_of
from replay import replay
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, LIFParameters, TriglialReservoir

EVERY = 100
"""Steps from one record of gain and calcium to the next."""

CASES = cases()


def reservoir_of(case: Case) -> TriglialReservoir:
    graph = Data(
        num_nodes=case.num_nodes,
        edge_index=torch.from_numpy(np.stack([case.src, case.dst])),
        edge_weight=torch.from_numpy(case.weight).float(),
        edge_delay=torch.from_numpy(case.delay),
        dt=case.dt,
    )
    neuron = LIFParameters(
        tau_m=torch.from_numpy(case.tau_m),
        v_th=case.v_th,
        v_rest=case.v_rest,
        v_reset=case.v_reset,
        t_ref=case.t_ref,
        v_min=case.v_min if np.isfinite(case.v_min) else None,
        tau_syn=case.tau_syn or None,
    )
    glia = []
    if case.eta:
        names = ("rho", "tau_ca", "eta", "rule", "min_gain", "max_gain")
        glia.append(Astrocyte(**{name: getattr(case, name) for name in names}))
    bias = torch.from_numpy(case.bias).float()
    reservoir = TriglialReservoir(graph, None, neuron, glia, case.dt, bias=bias, backend="event")
    reservoir.reset(v=torch.from_numpy(case.v).float())
    return reservoir


def peer(name: str, case: Case, folder: Path) -> dict[str, Array]:
    """What a peer makes of the case; skips where it is not installed."""
    source, out = folder / "case.npz", folder / f"{name}.npz"
    case.save(source)
    output_of(name, HERE / f"in_{name}.py", source, out, folder=folder)
    with np.load(out, allow_pickle=False) as arrays:
        return dict(arrays)


def in_order(step: Array, node: Array) -> Array:
    """Spikes ``[S, 2]``, sorted by step, then by node."""
    return np.stack([step, node], axis=1)[np.lexsort((node, step))].astype(np.int64)


def assert_same_spikes(found: Array, expected: Array) -> None:
    """Both the same; otherwise the first that is in one of them only."""
    only = sorted(set(map(tuple, found.tolist())) ^ set(map(tuple, expected.tolist())))
    assert not only, f"{len(only)} of {len(expected)} spikes differ, first (step, node) {only[0]}"
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", ["nest", "brian2"])
@pytest.mark.parametrize("kind", CASES)
def test_every_spike_is_that_of_the_peer(name: str, kind: str, tmp_path: Path) -> None:
    case = CASES[kind]
    theirs = peer(name, case, tmp_path)
    run = reservoir_of(case).run(num_steps=case.steps, progress=False)
    ours = run.events[:, 1:].numpy()
    assert case.steps * case.dt >= 1000.0
    assert len(ours) > 10 * case.num_nodes
    assert_same_spikes(ours, in_order(theirs["step"], theirs["node"]))


@pytest.mark.parametrize("rule", ["additive", "multiplicative"])
def test_gains_are_those_of_the_same_equations_in_brian2(rule: str, tmp_path: Path) -> None:
    case = living(rule)
    theirs = peer("brian2", case, tmp_path)
    reservoir = reservoir_of(case)
    run = reservoir.run(num_steps=case.steps, record=("gain", "calcium"), every=1, progress=False)
    assert_same_spikes(run.events[:, 1:].numpy(), in_order(theirs["step"], theirs["node"]))
    # Brian2 takes its record before a step, this library after it.
    for trace in ("gain", "calcium"):
        found = run.traces[trace][0].double().numpy()[EVERY - 1 :: EVERY]
        expected = np.concatenate([theirs[trace][1:], theirs[f"last_{trace}"][None]])
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-9)
    gain = run.traces["gain"][0]
    assert float((gain[-1] - 1.0).abs().median()) > 0.1, "the gains have hardly moved"


@pytest.mark.parametrize("kind", [*CASES, "additive", "multiplicative"])
def test_rounding_decides_no_spike(kind: str) -> None:
    case: Any = CASES[kind] if kind in CASES else living(kind)
    expected = replay(case)
    run = reservoir_of(case).run(num_steps=case.steps, record="v", progress=False)
    rounding = np.abs(run.traces["v"][0].double().numpy() - expected.v)
    assert (rounding < np.abs(expected.v - case.v_th)).all()
    assert_same_spikes(run.events[:, 1:].numpy(), in_order(expected.step, expected.node))
