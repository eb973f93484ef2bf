"""What users of torch, PyG and scikit-learn try first, at every reservoir."""

import copy
import dataclasses
import re
import warnings
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from helpers import assert_same, frozen, random_drive, random_graph
from scipy import sparse
from torch import nn
from torch_geometric.data import Data, HeteroData

import pyngn_graph as ng

X = random_drive(0, 2, 10, 3)


def graph() -> Data:
    return random_graph(0, 12, 60)


def made(kind: Any) -> Any:
    if kind is ng.TriglialReservoir:
        return kind(graph(), 3)
    return kind(graph(), 3, progress=False) if kind is ng.SignalReservoir else kind(graph())


def signal_of(kind: Any) -> torch.Tensor:
    shape = {ng.TriglialReservoir: (10, 3), ng.SignalReservoir: (10, 12, 3)}.get(kind, (10, 12))
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def said(call: Any) -> list[Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [each for each in caught if each.category is UserWarning]


KINDS = [ng.TriglialReservoir, ng.SignalReservoir, ng.TrainableReservoir]
CHANGES = {
    "neuron": ng.LIFParameters(tau_m=7.0),
    "glia": [ng.Astrocyte()],
    "glia_period": 17,
    "hold": 3,
    "in_channels": 2,
    "input_scale": 2.0,
    "input_density": 0.5,
    "bias": 0.9,
    "pool": 2,
    "tau_trace": 7.0,
    "in_flight": "emission",
    "max_delay": 50,
    "stateful": True,
    "start": "lived",
    "backend": "reference",
    "threads": 2,
    "seed": 5,
    "progress": True,
    "surrogate": "arctan",
    "checkpoint": 4,
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_remedy_is_run_as_it_is_printed(kind: Any) -> None:
    reservoir, names = made(kind), vars(ng) | {"dataclasses": dataclasses}
    for name in reservoir.readable():
        if name in ("graph", "dt", "input_weight", "kernel", *kind.WRITABLE):
            continue
        with pytest.raises(AttributeError, match="is fixed when it is made") as refused:
            setattr(reservoir, name, CHANGES[name])
        code = re.search(r"'(reservoir\.replace\(.*\))' makes another", str(refused.value))
        assert code is not None
        other = eval(code[1], names | {"reservoir": reservoir})
        assert type(other) is kind
        same = made(kind)
        for each in reservoir.readable():
            drawn = each == "input_weight" and (name == "seed" or name.startswith("in"))
            if each in (name, "graph") or (drawn and name != "in_flight"):
                continue
            assert repr(getattr(other, each)) == repr(getattr(same, each)), (name, each)
    with pytest.raises(TypeError, match=r"has no \['holds'\]; its arguments are"):
        reservoir.replace(holds=4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_of_the_neurons_is_told_from_a_slip(kind: Any) -> None:
    reservoir = made(kind)
    with pytest.raises(AttributeError, match=r"no attribute 'v_th' to set: it is one of") as bad:
        reservoir.v_th = 5.0
    code = re.search(r"'(reservoir\.replace\(.*\))' makes another", str(bad.value))
    assert code is not None
    other = eval(code[1], {"reservoir": reservoir, "dataclasses": dataclasses})
    assert repr(other.neuron) == repr(ng.LIFParameters(v_th=5.0))


@pytest.mark.parametrize("kind", KINDS)
def test_another_step_needs_a_graph_of_that_step(kind: Any) -> None:
    reservoir = made(kind)
    with pytest.raises(AttributeError, match=r"'dt' of a .* delays of its graph count") as refused:
        reservoir.dt = 0.5
    code = re.search(r"'(reservoir\.replace\(.*\))' makes another", str(refused.value))
    assert code is not None
    built = random_graph(1, 12, 60, dt=0.5)
    assert eval(code[1], {"reservoir": reservoir, "graph": built}).dt == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_reservoir_is_deleted_or_set_by_a_slip(kind: Any) -> None:
    reservoir, x = made(kind), signal_of(kind)
    before = reservoir(x)
    parts = {"setting", "projection", "reservoir", "conv", "neuron", "tau_trace"} & set(
        dir(reservoir)
    )
    for name in parts:
        with pytest.raises(AttributeError, match=f"'{name}' of a .* cannot be deleted"):
            delattr(reservoir, name)
    for name in parts - set(reservoir.readable()):
        with pytest.raises(AttributeError, match=f"'{name}' of a .* cannot be set; its arguments"):
            setattr(reservoir, name, getattr(reservoir, name))
    with pytest.raises(AttributeError):
        del reservoir.nothing
    reservoir.reset()
    assert torch.equal(reservoir(x), before)


def test_what_a_reservoir_learned_is_in_another() -> None:
    reservoir = ng.TrainableReservoir(graph()).double()
    with torch.no_grad():
        reservoir.edge_weight *= 1.01
        reservoir.edge_delay += 0.3
    other = reservoir.replace(tau_trace=5.0)
    assert other.tau_trace == 5.0
    assert torch.equal(other.edge_weight, reservoir.edge_weight)
    assert torch.equal(other.edge_delay, reservoir.edge_delay)
    x = signal_of(ng.TrainableReservoir)
    assert torch.equal(reservoir.replace()(x), reservoir(x))


def test_signals_of_another_drawing() -> None:
    liquid = ng.SignalReservoir(graph(), 3, progress=False)
    torch.testing.assert_close(
        liquid.replace(input_scale=3.0).input_weight, liquid.input_weight * 3
    )
    assert liquid.replace(in_channels=5).input_weight.shape == (1, 5)
    pairs = random_graph(1, 12, 60, place=torch.arange(6).repeat_interleave(2))
    assert liquid.replace(graph=pairs).bias.shape == (2,)
    x = signal_of(ng.SignalReservoir)
    assert torch.equal(liquid.replace()(x), liquid(x))
    for name, value in (("pool", 2), ("input_density", 0.5)):
        with pytest.raises(TypeError, match=f"A SignalReservoir has no '{name}': "):
            ng.SignalReservoir(graph(), 3, **{name: value})


@pytest.mark.parametrize("kind", KINDS[:2])  # the third follows the type
@pytest.mark.parametrize("cast", ["half", "double", "bfloat16"])
def test_a_cast_does_not_round_the_input(kind: Any, cast: str) -> None:
    reservoir, x = made(kind), signal_of(kind)
    before = reservoir(x)
    assert len(said(getattr(reservoir, cast))) == 1
    assert torch.equal(reservoir(x), before)


EDGES = graph().edge_index
GRAPHS = {
    "data": graph(),
    "hetero": HeteroData(),
    "networkx": nx.DiGraph([(0, 1), (1, 2)]),
    "pair": (X[0], EDGES),
    "pair of data": [graph(), graph()],
    "graph and edges": (graph(), EDGES),
    "scipy": sparse.eye(12).tocsr(),
    "sparse": torch.eye(12).to_sparse(),
    "edges": EDGES,
    "rows of edges": EDGES.t(),
    "float": EDGES.float(),
    "int32": EDGES.int(),
    "numpy": EDGES.numpy(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", GRAPHS)
def test_a_graph_in_any_dress_is_no_signal(kind: Any, what: str) -> None:
    with pytest.raises(TypeError, match=r"must be a signal|looks like the edges of a graph"):
        made(kind)(GRAPHS[what])


def test_rows_of_edges_are_told_where_their_width_fits() -> None:
    two = ng.TriglialReservoir(graph(), 2)
    with pytest.raises(TypeError, match="looks like the edges"):
        two(EDGES.t())
    assert two(EDGES.t().flip(0)[:7]).shape == (1, 12)  # whole numbers of two channels


def net(num_nodes: int = 100) -> Data:
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(num_nodes, (2, 10 * num_nodes), generator=generator)
    weight = torch.where(torch.rand(ends.size(1), generator=generator) < 0.5, 0.1, -0.1)
    delay = torch.randint(1, 20, (ends.size(1),), generator=generator)
    return Data(num_nodes=num_nodes, edge_index=ends, edge_weight=weight, edge_delay=delay)


@pytest.mark.parametrize("verb", ["step", "adapt_step"])
@pytest.mark.parametrize(("bias", "verdict"), [(0.3, "dead"), (20.0, "saturated"), (1.02, None)])
def test_steps_are_judged_together(verb: str, bias: float, verdict: str | None) -> None:
    reservoir = ng.TriglialReservoir(net(), 3, bias=bias, input_scale=0.05, stateful=True)
    x = random_drive(0, 400, 3)

    def stream() -> None:
        for sample in x:
            getattr(reservoir, verb)(sample)

    caught = said(stream)
    assert [verdict in str(each.message) for each in caught] == [True] * (verdict is not None)
    assert all(each.filename == __file__ for each in caught)


def test_short_calls_are_judged_together() -> None:
    def calls(reservoir: Any, *parts: torch.Tensor) -> Any:
        return lambda: [reservoir(part) for part in parts]

    x = random_drive(0, 400, 3)
    dead = ng.TriglialReservoir(net(), 3, bias=0.0, input_scale=0.05)
    assert said(calls(dead, x[:90])) == []
    assert len(said(calls(dead, x[:20]))) == 1
    assert said(calls(dead, x, x)) == []
    lively = ng.TriglialReservoir(net(), 3, bias=1.05)
    assert said(calls(lively, *x.split(20))) == []
    silent = ng.TriglialReservoir(net(), 3, bias=0.0)
    assert said(calls(silent, *torch.zeros(400, 3).split(20))) == []
    learning = ng.TrainableReservoir(net(), stateful=True)
    assert len(said(calls(learning, *torch.full((400, 100), 0.1).split(20)))) == 1


def signals(**how: Any) -> ng.SignalReservoir:
    place = torch.arange(6).repeat_interleave(2)
    how = {"hold": 4, "tau_trace": (5.0, 0.0, 50.0), "progress": False, "bias": (0.9, 1.3)} | how
    return ng.SignalReservoir(random_graph(0, 12, 60, place=place), 2, **how)


FEATURES = torch.randn(2, 30, 6, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("parts", [1, 7])
def test_signals_of_a_stream_go_on(parts: int) -> None:
    liquid, twin = signals(stateful=True), signals()
    found = torch.cat([liquid(part) for part in FEATURES.split(parts, dim=1)], dim=1)
    assert torch.equal(found, twin(FEATURES))
    liquid.reset()
    assert torch.equal(liquid(FEATURES), found)


def test_signals_of_a_life_are_one_stream() -> None:
    one, two = signals(), signals()
    whole = FEATURES.flatten(0, 1)
    states = one.states(one.adapt(FEATURES))
    assert torch.equal(states.flatten(0, 1), two.states(two.adapt(whole))[0])
    three = signals(stateful=True)
    parts = [three.states(three.adapt(part))[0] for part in whole.split(13)]
    assert torch.equal(torch.cat(parts), states.flatten(0, 1))


def test_signals_begin_where_life_ended() -> None:
    liquid, plain = signals(start="lived"), signals()
    with pytest.raises(RuntimeError, match="call 'adapt"):
        liquid(FEATURES)
    life = torch.cat([FEATURES[0], FEATURES[1]])
    liquid.adapt(FEATURES[0])
    after = plain.states(plain.adapt(life))[0, 30:]
    assert torch.equal(liquid(FEATURES[1]), after)
    assert torch.equal(liquid(FEATURES)[1], after)  # every trial does
    for twin in (copy.deepcopy(liquid), signals(start="lived")):
        twin.load_state_dict(liquid.state_dict())
        assert torch.equal(twin(FEATURES[1]), after)
    liquid.graph = liquid.graph
    with pytest.raises(RuntimeError, match="call 'adapt"):
        liquid(FEATURES)


def test_a_feature_extractor_in_a_training_loop_stays_as_it_is() -> None:
    glia = [ng.Astrocyte(), ng.Oligodendrocyte(), ng.Microglia()]
    reservoir = ng.TriglialReservoir(net(30), 3, glia=glia, glia_period=20, start="lived")
    x = random_drive(0, 4, 50, 3)
    reservoir.adapt(x)
    model = nn.Sequential(nn.BatchNorm1d(50), reservoir, nn.Dropout(), nn.Linear(30, 2))
    before, states = frozen(reservoir.graph), reservoir(x)
    for _ in range(2):
        model.train().requires_grad_()
        model(x).sum().backward()
        model.eval()
        with torch.inference_mode():
            model(x)
    assert_same(reservoir.graph, before)
    assert torch.equal(reservoir(x), states)


def test_numpy_rows_in_lists_are_a_signal() -> None:
    reservoir = ng.TriglialReservoir(graph(), 3)
    for given in (list(X), [row.numpy() for row in X], X.tolist(), np.asarray(X)):
        assert torch.equal(reservoir(given), reservoir(X))


@pytest.mark.parametrize("what", ["data", "edges", "pair", "networkx"])
def test_a_graph_is_not_diagnosed_as_a_signal(what: str) -> None:
    for kind in KINDS:
        with pytest.raises(TypeError, match=r"must be a signal|looks like the edges of a graph"):
            made(kind).diagnose(GRAPHS[what])


@pytest.mark.parametrize("bias", [0.95, None])
def test_an_input_that_holds_neurons_down_is_named(bias: float | None) -> None:
    """As pixels do, that are never negative; the advice is run as it is printed."""
    reservoir = ng.TriglialReservoir(net(), 3, bias=bias, input_scale=2.0, pool=5)
    x = torch.rand(6, 400, 3, generator=torch.Generator().manual_seed(0))
    found = reservoir.diagnose(x)
    (sentence,) = [each for each in found.advice if "neurons never fire" in each]
    assert "on average the input holds most of these down" in sentence
    code = re.search(r"'(x - .*\))'", sentence)
    assert code is not None
    better = reservoir.diagnose(eval(code[1], {"x": x}))
    assert better.silent_share < found.silent_share / 3.0
    assert not any("holds most of these down" in each for each in better.advice)
    assert not any("holds" in each for each in reservoir.diagnose(-0.01 * x).advice)


def test_advice_names_what_there_is_to_change() -> None:
    learning = ng.TrainableReservoir(net())
    dead, wild = torch.full((300, 100), 0.3), torch.full((300, 100), 30.0)
    for x, way in ((dead, "raise a constant that is added to 'x' to ("), (wild, "the size of 'x'")):
        (warned,) = said(lambda x=x: ng.TrainableReservoir(net())(x))
        text = f"{learning.diagnose(x)}"
        assert way in text
        for name in ("'bias'", "'input_scale'", "'hold'", "Astrocyte"):
            assert name not in text + str(warned.message)
    low, high = re.search(r"\((.*), (.*)\)", str(learning.diagnose(dead))).groups()  # type: ignore[union-attr]
    constant = torch.linspace(float(low), float(high), 100)
    assert learning.diagnose(constant.expand(300, 100)).mean_rate > 3.0


def test_weights_of_your_own_are_not_drawn_away() -> None:
    own = torch.full((12, 3), 0.5)
    for changes in ({"seed": 3}, {"input_scale": 2.0}, {"input_density": 0.5}, {"hold": 2}):
        reservoir = ng.TriglialReservoir(graph(), 3, input_weight=own)
        assert torch.equal(reservoir.replace(**changes).input_weight, own)
        assert torch.equal(reservoir.replace().replace(**changes).input_weight, own)
    drawn = ng.TriglialReservoir(graph(), 3).replace(hold=2).replace(seed=3)
    assert torch.equal(drawn.input_weight, ng.TriglialReservoir(graph(), 3, seed=3).input_weight)
    liquid = ng.SignalReservoir(graph(), 3, input_weight=own[:1])
    assert torch.equal(liquid.replace(seed=3, input_scale=2.0).input_weight, own[:1])
    other = ng.SignalReservoir(graph(), 3).replace(hold=2).replace(seed=3)
    assert torch.equal(other.input_weight, ng.SignalReservoir(graph(), 3, seed=3).input_weight)


@pytest.mark.parametrize("kind", KINDS)
def test_tools_of_torch_may_mark_a_reservoir(kind: Any) -> None:
    reservoir = made(kind)
    exec("module.qconfig = None", {"__name__": "torch.tool", "module": reservoir})
    assert reservoir.qconfig is None
    with pytest.raises(AttributeError, match="is fixed when it is made"):
        exec("module.dt = 2.0", {"__name__": "torch.tool", "module": reservoir})
    with pytest.raises(AttributeError, match="no attribute 'mark' to set"):
        reservoir.mark = 1
    with pytest.raises(TypeError, match="Expected a torch_geometric 'Data'"):
        reservoir.replace(graph=None)
