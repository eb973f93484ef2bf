"""torch.set_default_dtype, which belongs to the user's script, changes no bit of anything here."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import CPU_BACKENDS, generator
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph import encoding, tasks
from pyngn_graph.analysis import dynamics, topology
from pyngn_graph.classification import classify
from pyngn_graph.datasets import SeriesDataset
from pyngn_graph.glia import Coherence, Winner
from pyngn_graph.receptive import FIELDS
from pyngn_graph.recipes import Recipe

F32: Any = {"dtype": torch.float32}
N, T = 24, 40
KINDS = ("relative", "threshold", "weight", "random", "winner", "hub", "random_winner")


def x(channels: int = N, trials: int = 2, high: float = 2.5) -> Tensor:
    return high * torch.rand(trials, T, channels, generator=generator(5), **F32)


def graph() -> Data:
    """A ring with shortcuts, apart from any generator."""
    g = generator(1)
    node = torch.arange(N)
    index = torch.stack([node.repeat(4), torch.randint(N, (4 * N,), generator=g)])
    size = torch.rand(4 * N, generator=g, **F32)
    return Data(
        num_nodes=N,
        pos=300.0 * torch.rand(N, 3, generator=g, **F32),
        edge_index=index,
        edge_weight=torch.where(index[0] % 4 == 0, -size, size),
        edge_delay=torch.randint(1, 9, (4 * N,), generator=g),
        inhibitory=node % 4 == 0,
        length_scale=200.0,
        velocity=50.0,
    )


def life(glia: Any, **how: Any) -> Any:
    reservoir = ng.TriglialReservoir(graph(), glia=glia, glia_period=10, **how)
    lived = reservoir.train().run(
        x(), record=("v", "gain") if "gain" in reservoir.graph else ("v",)
    )
    return lived, lived.rates(), reservoir(x()), reservoir.graph


def projected(**how: Any) -> Any:
    reservoir = ng.TriglialReservoir(graph(), in_channels=3, **how)
    return reservoir(x(3)), reservoir.input_weight, reservoir.bias


def readout(kind: type[Any]) -> Any:
    states, values = x(6)[0], x(2)[1]
    labels = torch.arange(T) % 3
    fitted = [kind().fit(states, y) for y in (values, labels)]
    return [(each.weight, each.bias, each(states), each.predict(states)) for each in fitted]


def recipe() -> Any:
    made = Recipe(num_nodes=27, hold=3, trials=4)
    lengths = torch.tensor([T, 20, T, T, 10, T])
    data = SeriesDataset(x(2, 6), lengths, torch.arange(6) % 2)
    result = classify(made, data, data, progress=False)
    return result.accuracy, result.reservoir.graph, result.life


def estimator() -> Any:
    from pyngn_graph.estimators import ReservoirClassifier, ReservoirRegressor

    series, y = x(2, 6).numpy(), np.arange(6) % 2
    how: dict[str, Any] = {"num_nodes": 27, "hold": 3, "random_state": 0}
    named = ReservoirClassifier(**how).fit(series, y)
    steps = ReservoirRegressor(**how).fit(series, series[:, :, :1])
    return named.states(series), named.predict_proba(series), steps.predict(series)


def trainable() -> Any:
    reservoir = ng.TrainableReservoir(graph())
    states = reservoir(x()[0].unsqueeze(-1))
    states.sum().backward()
    return states, [parameter.grad for parameter in reservoir.parameters()]


def layer() -> Any:
    neurons = ng.LIFLayer(N)
    return [neurons(now) for now in x()[0]]


def quiet() -> ng.TriglialReservoir:
    return ng.TriglialReservoir(graph(), in_channels=1, bias=(0.7, 1.3))


def recording() -> Any:
    return ng.TriglialReservoir(graph(), bias=(0.9, 1.6)).run(num_steps=600)


DEEDS: dict[str, Callable[[], Any]] = {
    "Tissue": lambda: ng.generators.Tissue(num_nodes=N, seed=0)(),
    "ErdosRenyi": lambda: ng.generators.ErdosRenyi(num_nodes=N, layout="uniform", seed=0)(),
    "SmallWorld": lambda: ng.generators.SmallWorld(num_nodes=N, delay="sqrt", seed=0)(),
    "ScaleFree": lambda: ng.generators.ScaleFree(num_nodes=N, weight_distribution="constant")(),
    "replicate": lambda: ng.generators.replicate(
        graph(), torch.tensor([[0, 1], [1, 0]]), 2, graph()
    ),
    "no glia": lambda: life([]),
    "astrocyte": lambda: life([ng.Astrocyte()]),
    "additive": lambda: life([ng.Astrocyte(rule="additive", territory=100.0)]),
    "regrowth": lambda: life([ng.Microglia(regrow=True, fraction=0.2)]),
    **{
        f"oligodendrocyte {rule}": lambda rule=rule: life([ng.Oligodendrocyte(rule)])  # type: ignore[misc]
        for rule in ("graded", "align", "coherence", "fixed:uniform", "fixed:sqrt", "fixed:two")
    },
    **{
        f"microglia {kind}": lambda kind=kind: life([ng.Microglia(kind, fraction=0.2)])  # type: ignore[misc]
        for kind in KINDS
    },
    "all": lambda: life(
        [ng.Astrocyte(), ng.Oligodendrocyte(Coherence()), ng.Microglia(Winner(activity=0.5))]
    ),
    **{
        f"backend {name}": lambda name=name: life(  # type: ignore[misc]
            [ng.Astrocyte(), ng.Oligodendrocyte(), ng.Microglia()], backend=name
        )
        for name in CPU_BACKENDS
    },
    "rich neurons": lambda: life(
        [],
        neuron=ng.LIFParameters(
            tau_m=torch.linspace(5, 30, N, **F32), tau_syn=4.0, t_ref=2.0, v_min=-1.0
        ),
    ),
    "projection": projected,
    "projection of a number": lambda: projected(bias=0.9, pool=3, tau_trace=0.0, hold=2),
    "ridge": lambda: readout(ng.RidgeReadout),
    "delta": lambda: readout(ng.DeltaReadout),
    "recipe": recipe,
    "estimators": estimator,
    "trainable": trainable,
    "layer": layer,
    **{
        f"fields {name}": lambda name=name: FIELDS[name](  # type: ignore[misc]
            graph().pos, *((9,) if name == "columns" else (9, 8))
        )
        for name in FIELDS
    },
    "poisson": lambda: encoding.poisson(40.0 * x(3)[0], 5, generator=generator(0)),
    "latency": lambda: encoding.latency(x(3, high=1.0)[0], 9),
    "level_crossing": lambda: encoding.level_crossing(x(3), 0.3),
    "filter_bank": lambda: encoding.filter_bank(x(1)[0, :, 0].repeat(40), 8000, num_channels=4),
    "uniform_input": lambda: tasks.uniform_input(20, generator=generator(0)),
    "narma10": lambda: tasks.narma10(50, generator=generator(0)),
    "mackey_glass": lambda: tasks.mackey_glass(50, generator=generator(0)),
    "spike_templates": lambda: tasks.spike_templates(5, generator=generator(0)),
    "activity": lambda: dynamics.measure_activity(recording()),
    "branching": lambda: dynamics.branching_ratio(dynamics.population_count(recording())),
    "damage": lambda: dynamics.damage_spreading(
        quiet(), x(1), at=5, count=2, window=20, generator=generator(0)
    ),
    "lyapunov": lambda: dynamics.lyapunov_exponent(x(3)[0], x(3)[0] + 0.01),
    "memory_capacity": lambda: dynamics.memory_capacity(
        x(6, 1).repeat(1, 4, 1)[0], x(1, 1).repeat(1, 4, 1)[0], 3
    ),
    "state_rank": lambda: dynamics.state_rank(x(6)[0]),
    "summary": lambda: topology.summary(graph()),
    "null_model": lambda: topology.null_model(graph()),
}


def leaves(value: Any) -> Iterator[Any]:
    """Everything that ``value`` is made of, types of tensors included."""
    if isinstance(value, Tensor):
        yield value.dtype, tuple(value.shape), value.detach().numpy().tobytes()
    elif isinstance(value, np.ndarray):
        yield value.dtype, value.shape, value.tobytes()
    elif isinstance(value, Data):
        yield from leaves(dict(sorted(value.to_dict().items())))
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from leaves(each)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from leaves({each.name: getattr(value, each.name) for each in fields(value)})
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield repr(value)


@pytest.fixture
def put_back() -> Iterator[None]:
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("other", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.usefixtures("put_back")
def test_the_default_dtype_changes_no_bit(name: str, other: torch.dtype) -> None:
    expected = list(leaves(DEEDS[name]()))
    assert expected
    torch.set_default_dtype(other)
    assert list(leaves(DEEDS[name]())) == expected
    assert torch.get_default_dtype() == other


MAKERS = {"zeros", "ones", "empty", "rand", "randn", "eye", "linspace", "normal", "hann_window"}


def test_what_makes_a_tensor_names_its_type() -> None:
    """The same rule for code that no deed above reaches."""
    silent = []
    for path in (Path(ng.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            call = node.func if isinstance(node, ast.Call) else None
            if not isinstance(call, ast.Attribute) or call.attr not in MAKERS:
                continue
            if not isinstance(call.value, ast.Name) or call.value.id != "torch":
                continue
            assert isinstance(node, ast.Call)
            named = {keyword.arg for keyword in node.keywords}
            if "dtype" not in named and None not in named:  # None: **kind
                silent.append(f"{path.name}:{node.lineno} torch.{call.attr}")
    assert not silent
