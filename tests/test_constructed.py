"""What a module was made with can be read; what cannot be changed says so."""

import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, random_drive, random_graph

import pyngn_graph as ng
from pyngn_graph.estimators import ReservoirClassifier

VALUES: dict[str, Any] = {
    "in_channels": 3,
    "neuron": ng.LIFParameters(tau_m=7.0),
    "glia": (ng.Astrocyte(),),
    "dt": 0.5,
    "glia_period": 17,
    "hold": 3,
    "input_scale": 2.0,
    "input_density": 0.5,
    "input_weight": torch.full((12, 3), 0.5),
    "bias": torch.full((12,), 0.9),
    "pool": 2,
    "tau_trace": 7.0,
    "in_flight": "emission",
    "max_delay": 50,
    "stateful": True,
    "start": "lived",
    "backend": "reference",
    "threads": 2,
    "seed": 5,
}


def graph() -> Any:
    return random_graph(0, 12, 60, dt=0.5)


def makes() -> list[Any]:
    signal = {k: v for k, v in VALUES.items() if k not in ("input_density", "pool", "bias")}
    signal |= {"input_weight": torch.ones(1, 3), "bias": torch.tensor([0.9]), "progress": False}
    return [
        (ng.TriglialReservoir, VALUES),
        (ng.SignalReservoir, signal),
        (
            ng.TrainableReservoir,
            {
                "neuron": VALUES["neuron"],
                "dt": 0.5,
                "surrogate": "arctan",
                "kernel": ng.trainable.DelayKernel(),
                "max_delay": 30,
                "tau_trace": 9.0,
                "checkpoint": 4,
                "stateful": True,
            },
        ),
    ]


def parameters(kind: Any) -> set[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name for p in inspect.signature(kind).parameters.values() if p.kind in kinds}


@pytest.mark.parametrize(
    ("kind", "values"), makes(), ids=lambda each: getattr(each, "__name__", "")
)
def test_every_argument_can_be_read(kind: Any, values: dict[str, Any]) -> None:
    assert parameters(kind) - {"graph"} <= set(values)
    reservoir = kind(graph(), **values)
    assert reservoir.graph.num_nodes == 12
    for name, value in values.items():
        shown = getattr(reservoir, name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(shown, value), name
        elif name == "surrogate":
            assert callable(shown)
        elif name == "tau_trace":
            assert shown in (value, (value,))
        else:
            assert shown == value, name


@pytest.mark.parametrize(
    ("kind", "values"), makes(), ids=lambda each: getattr(each, "__name__", "")
)
def test_what_is_fixed_says_so(kind: Any, values: dict[str, Any]) -> None:
    reservoir = kind(graph(), **values)
    free = {"graph", *kind.WRITABLE}
    for name in sorted({*parameters(kind), *values} - free):
        before = getattr(reservoir, name)
        with pytest.raises(AttributeError, match=rf"'{name}' of a {kind.__name__} is fixed when"):
            setattr(reservoir, name, values[name])
        assert getattr(reservoir, name) is before or torch.equal(
            torch.as_tensor(getattr(reservoir, name)), torch.as_tensor(before)
        )
    for name, near in (("v_th", ""), ("max_delays", "did you mean 'max_delay'"), ("graf", "graph")):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}' to set: .*{near}"):
            setattr(reservoir, name, 1)
    with pytest.raises(AttributeError, match="no attribute 'head' to set"):
        reservoir.head = torch.nn.Linear(2, 2)
    reservoir.train()
    reservoir.training = False


def test_the_remedy_works() -> None:
    """Executed as it is printed."""
    reservoir = ng.TriglialReservoir(graph(), **VALUES | {"start": "rest"})
    reservoir.adapt(random_drive(0, 20, 3))
    made = {}
    for name, value in VALUES.items():
        with pytest.raises(AttributeError) as refused:
            setattr(reservoir, name, value)
        code = re.search(r"'(reservoir\.replace\(.*\))' makes", str(refused.value))
        assert code is not None
        assert code[1].startswith(f"reservoir.replace({name}=")
        made[name] = reservoir.replace(**{name: value})
    assert made["hold"].graph.num_edges == reservoir.graph.num_edges
    with pytest.raises(AttributeError, match=r"'reservoir.replace\(hold=4\)' makes another"):
        reservoir.hold = 4
    assert reservoir.replace(hold=4).hold == 4
    with pytest.raises(TypeError, match=r"has no \['holds'\]; its arguments are"):
        reservoir.replace(holds=4)


def test_replacing_nothing_is_a_twin_at_rest() -> None:
    for values in (VALUES | {"start": "rest"}, {"bias": (0.8, 1.2), "dt": 0.5, "in_channels": 3}):
        reservoir = ng.TriglialReservoir(graph(), **values)
        reservoir.adapt(random_drive(0, 30, 3))
        twin = reservoir.replace()
        assert_same(twin.graph, frozen(reservoir.graph))
        reservoir.reset()
        assert_same_run(*(r.run(random_drive(1, 30, 3)) for r in (reservoir, twin)))
        assert repr(twin) == repr(reservoir)


def test_what_is_drawn_is_drawn_anew_where_it_must() -> None:
    first = ng.TriglialReservoir(graph(), 3, dt=0.5)
    assert first.replace(in_channels=5).input_weight.shape == (12, 5)
    assert torch.equal(first.replace(bias=0.5).bias, torch.full((12,), 0.5))
    torch.testing.assert_close(first.replace(input_scale=3.0).input_weight, first.input_weight * 3)
    assert not torch.equal(first.replace(seed=1).input_weight, first.input_weight)
    assert torch.equal(first.replace(seed=1).bias, first.bias)
    other = random_graph(1, 30, 40, dt=0.5)
    assert first.replace(graph=other).input_weight.shape == (30, 3)


def test_graphs_are_set_and_cells_hold_their_own_parameters() -> None:
    reservoir = ng.TriglialReservoir(graph(), dt=0.5)
    reservoir.graph = random_graph(5, 12, 20, dt=0.5)
    assert reservoir.graph.num_edges == 20
    with pytest.raises(AttributeError, match="cannot assign to field 'v_th'"):
        reservoir.neuron.v_th = 2.0  # type: ignore[misc]


def test_a_subclass_may_have_attributes_of_its_own() -> None:
    class Mine(ng.TriglialReservoir):
        def __init__(self, data: Any) -> None:
            super().__init__(data, 3, dt=0.5)
            self.head = torch.nn.Linear(12, 2)

        def forward(self, x: torch.Tensor, lengths: Any = None) -> torch.Tensor:
            return self.head(super().forward(x, lengths))

    mine = Mine(graph())
    mine.note = "mine"
    assert mine(random_drive(0, 4, 10, 3)).shape == (4, 2)
    with pytest.raises(AttributeError, match="'hold' of a Mine is fixed"):
        mine.hold = 3


def test_the_reservoir_of_an_estimator_is_one_of_these() -> None:
    x = np.random.default_rng(0).normal(size=(12, 6, 1))
    model = ReservoirClassifier(num_nodes=20, trials=4, hold=2, random_state=0)
    liquid = model.fit(x, np.arange(12) % 2).reservoir_
    assert (liquid.hold, liquid.neuron.tau_m) == (2, model.tau_m)
    with pytest.raises(AttributeError, match="is fixed"):
        liquid.hold = 10
