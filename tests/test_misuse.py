"""Calls that torch takes and that mean something else to a reservoir."""

import re
import warnings
from typing import Any

import pytest
import torch
from helpers import random_drive, random_graph
from torch_geometric.data import Batch, Data, HeteroData

import pyngn_graph as ng

X = random_drive(0, 2, 10, 3)


def liquid(**how: Any) -> ng.TriglialReservoir:
    return ng.TriglialReservoir(random_graph(0, 12, 60), **{"in_channels": 3, **how})


def said(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught]


def test_a_warning_where_gradients_would_be_cut() -> None:
    reservoir, x = liquid(), X.clone().requires_grad_()
    with pytest.warns(UserWarning, match=r"none flow back .*TrainableReservoir.*x.detach\(\)"):
        reservoir(x)
    assert said(lambda: reservoir(x)) == []  # once
    for quiet in (lambda: liquid()(X), lambda: liquid()(x.detach())):
        assert said(quiet) == []
    with torch.no_grad():
        assert said(lambda: liquid()(x)) == []
    encoder = torch.nn.Linear(3, 3)
    for call in (liquid().run, liquid().adapt, liquid()):
        assert any("none flow back" in each for each in said(lambda call=call: call(encoder(X))))
    signal = ng.SignalReservoir(random_graph(0, 12, 60), 2, progress=False)
    assert len(said(lambda: signal(torch.ones(4, 12, 2, requires_grad=True)))) == 1


def test_a_warning_points_at_the_line_of_the_user() -> None:
    with pytest.warns(UserWarning, match="gradients") as caught:
        liquid()(X.clone().requires_grad_())
    assert caught[0].filename == __file__


def test_features_of_nodes_are_not_a_trial() -> None:
    reservoir = liquid()
    with pytest.warns(UserWarning, match=r"\[12, 3\] is read as one trial of 12 samples") as caught:
        reservoir(torch.zeros(12, 3))
    assert said(lambda: reservoir(torch.zeros(12, 3))) == []
    ways = re.findall(r"'((?:SignalReservoir|x)\b[^']*\))'", str(caught[0].message))
    names = {"SignalReservoir": ng.SignalReservoir, "graph": random_graph(0, 12, 60)}
    signal, trial = (eval(way, names | {"x": torch.zeros(12, 3)}) for way in ways)
    assert signal.shape == (1, 12, 1)
    assert said(lambda: liquid()(trial)) == []
    assert said(lambda: liquid()(torch.zeros(11, 3))) == []


@pytest.mark.parametrize("kind", ["data", "batch", "hetero"])
@pytest.mark.parametrize("door", ["call", "run", "adapt", "signal", "trainable"])
def test_a_graph_is_no_signal(kind: str, door: str) -> None:
    data = random_graph(0, 12, 60)
    x = {"data": data, "batch": Batch.from_data_list([data, data]), "hetero": HeteroData()}[kind]
    reservoir = liquid()
    doors = {"call": reservoir, "run": reservoir.run, "adapt": reservoir.adapt}
    doors |= {"signal": ng.SignalReservoir(data, 3), "trainable": ng.TrainableReservoir(data)}
    with pytest.raises(TypeError, match=r"'x' must be a signal .*got a .*SignalRes"):
        doors[door](x)


def test_edges_are_no_signal_and_no_lengths() -> None:
    reservoir = liquid()
    edges = reservoir.graph.edge_index
    for call in (
        lambda: reservoir(edges),
        lambda: reservoir(X, edges),
        lambda: reservoir(torch.eye(12).to_sparse()),
        lambda: liquid(in_channels=60)(edges),
        lambda: reservoir.run(edges.int()),
    ):
        with pytest.raises(TypeError, match=r"looks like the edges of a graph .*reservoir\(x\)"):
            call()
    assert reservoir(torch.ones(2, 3, dtype=torch.int64)).shape == (1, 12)
    wide = liquid(in_channels=100)
    assert wide(torch.ones(2, 100, dtype=torch.int64)).shape == (1, 12)


@pytest.mark.parametrize("cast", ["half", "double", "bfloat16"])
def test_a_warning_where_a_dtype_is_not_followed(cast: str) -> None:
    reservoir = liquid()
    with pytest.warns(UserWarning, match=r"computes in float32.*'states.to\(torch"):
        getattr(torch.nn.Sequential(reservoir), cast)()
    assert said(lambda: getattr(reservoir, cast)()) == []
    assert reservoir(X).dtype == reservoir.bias.dtype == torch.float32
    assert said(lambda: liquid().float().to("cpu").train().requires_grad_()) == []
    assert said(lambda: liquid().to(torch.float64))
    assert isinstance(reservoir.graph, Data)


def test_a_warning_where_a_dtype_does_not_hold_delays() -> None:
    data = random_graph(0, 12, 60)
    assert said(lambda: ng.TrainableReservoir(data).half()) == []
    data.edge_delay = data.edge_delay + 3001
    for cast in ("half", "bfloat16"):
        made = ng.TrainableReservoir(data)
        with pytest.warns(UserWarning, match="does not hold all delays: some moved by up to"):
            getattr(torch.nn.Sequential(made), cast)()
    assert said(lambda: ng.TrainableReservoir(data).double()) == []
