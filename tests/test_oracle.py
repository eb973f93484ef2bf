from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from oracle import Oracle
from strategies import cells, graphs, many, neurons
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, LIFParameters, Microglia, TriglialReservoir

CLEAR = 1e-4
"""Decisions closer to their boundary than this are left to rounding."""


def in_float64(params: LIFParameters) -> SimpleNamespace:
    values = {field.name: getattr(params, field.name) for field in fields(params)}
    return SimpleNamespace(
        **{k: v.double().numpy() if isinstance(v, Tensor) else v for k, v in values.items()}
    )


def oracle_of(graph: Data, params: LIFParameters, glia: list[Any], bias: Tensor, **how: Any):
    return Oracle(
        graph.num_nodes,
        graph.edge_index.numpy(),
        graph.edge_weight.double().numpy(),
        graph.edge_delay.double().numpy(),
        in_float64(params),
        glia,
        mask=graph.edge_mask.numpy() if "edge_mask" in graph else None,
        pos=graph.pos.double().numpy(),
        bias=bias.double().numpy(),
        **how,
    )


@many
@given(data=st.data())
def test_living_reservoirs_equal_the_dense_simulator(backend: str, data: st.DataObject) -> None:
    graph = data.draw(graphs())
    params, glia = data.draw(neurons(graph.num_nodes)), data.draw(cells())
    how: dict[str, Any] = {"dt": data.draw(st.sampled_from([1.0, 0.5])), "in_flight": "arrival"}
    how["in_flight"] = data.draw(st.sampled_from(["arrival", "emission"]))
    period = data.draw(st.sampled_from([1, 7, 15, 20, 33]))
    num_steps = data.draw(st.sampled_from([1, 30, 66, 80, 105]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    bias = torch.from_numpy(rng.uniform(0.6, 2.2, size=graph.num_nodes)).float()
    drive = torch.from_numpy(rng.uniform(-0.5, 1.5, size=(num_steps, graph.num_nodes))).float()

    oracle = oracle_of(graph, params, glia, bias, period=period, **how)
    expected = oracle.run(drive.double().numpy())
    assume(oracle.margin > CLEAR)

    reservoir = TriglialReservoir(
        graph,
        None,
        params,
        glia,
        glia_period=period,
        bias=bias,
        stateful=True,
        backend=backend,
        **how,
    )
    names = ["v", "state"] + (["i_syn"] if params.tau_syn is not None else [])
    if any(isinstance(cell, Astrocyte) for cell in glia):
        names += ["gain", "calcium"]
    # The stream goes in pieces: calls of a stateful reservoir, and trials of one call.
    cut = data.draw(st.integers(0, num_steps - 1))
    pieces = [drive[:cut], drive[cut:]] if cut else [drive]
    runs = [reservoir.adapt(piece, record=names) for piece in pieces]

    found = {name: torch.cat([run.traces[name][0] for run in runs]) for name in names}
    spikes = torch.cat([run.spikes()[0] for run in runs])
    assert torch.equal(spikes, torch.from_numpy(expected.spikes > 0))
    for name in names:
        torch.testing.assert_close(
            found[name].double(), torch.from_numpy(getattr(expected, name)), atol=3e-5, rtol=1e-5
        )
    num_edges = torch.cat([run.num_edges[0] for run in runs])
    assert torch.equal(num_edges, torch.from_numpy(expected.num_edges))
    living = reservoir.graph
    assert living.num_edges == (oracle.place >= 0).sum()
    assert np.array_equal(living.edge_mask.numpy(), oracle.at_edges(oracle.mask))
    close = {"atol": 1e-4, "rtol": 1e-5, "check_dtype": False}
    torch.testing.assert_close(
        living.edge_delay, torch.from_numpy(oracle.at_edges(oracle.delay)), **close
    )
    if "edge_health" in living:
        cell = next(cell for cell in glia if isinstance(cell, Microglia))
        torch.testing.assert_close(
            cell.health(living), torch.from_numpy(oracle.at_edges(oracle.health)), **close
        )


@given(data=st.data())
def test_frozen_batches_equal_the_dense_simulator(backend: str, data: st.DataObject) -> None:
    graph = data.draw(graphs())
    params = data.draw(neurons(graph.num_nodes))
    in_flight = data.draw(st.sampled_from(["arrival", "emission"]))
    num_trials, num_steps = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 20, 60]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    size = (num_trials, num_steps, graph.num_nodes)
    drive = torch.from_numpy(rng.uniform(-0.5, 2.5, size=size)).float()
    gain = torch.from_numpy(rng.uniform(0.5, 2.0, size=graph.num_nodes)).float()
    graph.gain = gain
    bias = torch.zeros(graph.num_nodes)
    expected = []
    for trial in drive.double().numpy():
        oracle = oracle_of(graph, params, [], bias, in_flight=in_flight)
        oracle.gain = gain.double().numpy()
        expected.append(oracle.run(trial))
        assume(oracle.margin > CLEAR)
    reservoir = TriglialReservoir(graph, None, params, in_flight=in_flight, backend=backend)
    run = reservoir.run(drive, record=["v", "state"])
    assert torch.equal(run.spikes(), torch.from_numpy(np.stack([e.spikes for e in expected])) > 0)
    for name in ("v", "state"):
        wanted = torch.from_numpy(np.stack([getattr(e, name) for e in expected]))
        torch.testing.assert_close(run.traces[name].double(), wanted, atol=3e-5, rtol=1e-5)
    torch.testing.assert_close(run.states, run.traces["state"][:, -1], rtol=0, atol=0)
