"""Whatever is wrong is said before anything changes: value, rule and remedy."""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.transforms as T
from helpers import assert_same, assert_twins, frozen, random_drive, random_graph
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
)

nan, inf = float("nan"), float("inf")


def broken(key: str, value: Any) -> Data:
    graph = random_graph()
    graph[key] = value
    return graph


# Building


@pytest.mark.parametrize(
    ("graph", "error", "match"),
    [
        ("graph", TypeError, "Expected a torch_geometric 'Data'"),
        (broken("edge_weight", torch.full((24,), nan)), ValueError, "'edge_weight' must be finite"),
        (broken("pos", torch.full((8, 3), inf)), ValueError, "'pos' must be finite: 8 of 8"),
        (broken("edge_delay", torch.zeros(24).long()), ValueError, "at least 1 step: 24 of 24"),
        (broken("edge_delay", -torch.ones(24).long()), ValueError, "'edge_delay' must be at least"),
        (broken("edge_delay", torch.full((24,), 10**9)), ValueError, "takes 8,000,000,000 bytes"),
        (broken("edge_index", torch.rand(2, 24)), TypeError, "must be an int64 tensor"),
        (broken("edge_index", torch.full((2, 24), 8)), ValueError, r"must lie in \[0, 7\]"),
        (broken("edge_index", torch.full((2, 24), -1)), ValueError, r"must lie in \[0, 7\]"),
        (broken("edge_color", torch.ones(23)), ValueError, "'edge_color' has 23 rows for 24 edges"),
        (broken("edge_index", torch.ones(2, 24).long().to("meta")), ValueError, "hold no values"),
        (broken("edge_health", torch.full((24,), 3e38)), ValueError, "at most 1e.30 in size: 24"),
        (broken("calcium", torch.full((8,), -3e38)), ValueError, "at most 1000 in size: 8 of 8"),
        (broken("gain", torch.full((8,), 3e38)), ValueError, "'gain' must be at most 1e.30"),
        (broken("clock", nan), ValueError, r"'clock' must be a number of steps \(got nan\)"),
        (broken("clock", -1), ValueError, "'clock' must be a number of steps"),
        (T.AddSelfLoops()(random_graph()), ValueError, "a transform that adds or merges edges"),
        (T.ToUndirected()(broken("edge_mask", torch.ones(24))), TypeError, "'edge_mask' must be"),
        (
            Batch.from_data_list([random_graph(dt=1.0), random_graph(dt=0.5)]),
            ValueError,
            r"graphs of a batch must agree on 'dt' \(got \[1.0, 0.5\]\)",
        ),
    ],
)
def test_graphs_that_no_reservoir_takes(graph: Any, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        TriglialReservoir(graph)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ({"backend": "gpu"}, ValueError, r"Unknown backend 'gpu'; available here: \['auto', "),
        ({"dt": 0.5}, ValueError, r"count steps of 1.0 ms but dt = 0.5; pass dt=1.0 or build"),
        ({"dt": 0.0}, ValueError, "dt"),
        ({"glia_period": 0}, ValueError, r"'glia_period' must be a whole number of steps >= 1"),
        ({"glia_period": 2.5}, ValueError, r"whole number of steps >= 1 \(got 2.5\)"),
        ({"threads": 0}, ValueError, r"'threads' must be a whole number >= 1, or None"),
        ({"threads": 1.5}, ValueError, r"'threads' must be .* \(got 1.5\)"),
        ({"hold": 0}, ValueError, r"'hold' must be a whole number"),
        ({"pool": 0}, ValueError, r"'pool' must be 'last' or a number of segments >= 1 \(got 0\)"),
        ({"pool": "mean"}, ValueError, r"'pool' must be 'last' .*\(got 'mean'\)"),
        ({"in_flight": "both"}, ValueError, r"must be 'arrival' or 'emission' \(got 'both'\)"),
        ({"tau_trace": -1.0}, ValueError, r"'tau_trace' must not be negative, in ms"),
        ({"tau_trace": None}, TypeError, r"'tau_trace' must be a number \(got None\)"),
        ({"tau_trace": True}, TypeError, r"'tau_trace' must be a number \(got True\)"),
        ({"input_scale": None}, TypeError, r"'input_scale' must be a number \(got None\)"),
        ({"input_density": "a"}, TypeError, r"'input_density' must be a number \(got 'a'\)"),
        ({"dt": "1"}, TypeError, r"'dt' must be a number \(got '1'\)"),
        ({"tau_trace": nan}, ValueError, r"'tau_trace'"),
        ({"max_delay": 3}, ValueError, r"'edge_delay' must be at most max_delay = 3"),
        ({"glia": [3]}, TypeError, r"Glia must be callables from Data to Data \(got 3\)"),
        ({"glia": [Astrocyte]}, TypeError, r"a cell is written with brackets: 'Astrocyte\(\)'"),
        ({"glia": Astrocyte()}, TypeError, r"'glia' must be a list of cells .*'glia=\[...\]'"),
        ({"neuron": {"tau_m": 20.0}}, TypeError, r"'neuron' must be a LIFParameters"),
        ({"glia": [Oligodendrocyte(max_delay=4)]}, ValueError, r"beyond max_delay = 4"),
        (
            {"glia": [Oligodendrocyte()], "max_delay": 50},
            ValueError,
            r"may set delays of 100 steps",
        ),
        ({"glia": [Microglia(regrow=True)]}, ValueError, r"Regrowth needs 'length_scale'"),
        (
            {"neuron": LIFParameters(tau_m=torch.ones(7))},
            ValueError,
            r"'tau_m' must be a number or have shape \[8\].*\(got \[7\]\)",
        ),
        ({"in_channels": 0}, ValueError, r"'in_channels' must be at least 1, or None"),
        ({"in_channels": 2, "input_scale": nan}, ValueError, r"'input_scale' must be finite"),
        ({"in_channels": 2, "input_scale": -1.0}, ValueError, r"'input_scale' must be finite"),
        ({"in_channels": 2, "input_density": 0.0}, ValueError, r"'input_density' must lie in \(0,"),
        ({"in_channels": 2, "input_weight": torch.ones(2, 8)}, ValueError, r"\[8, in_channels = 2"),
        ({"input_weight": torch.ones(8, 2)}, ValueError, r"'input_weight' must have shape \[8, in"),
        ({"in_channels": 1, "input_weight": torch.full((8, 1), inf)}, ValueError, r"finite"),
        ({"bias": torch.ones(7)}, ValueError, r"'bias' must have shape \[8\] \(got \[7\]\)"),
        ({"bias": nan}, ValueError, r"'bias' must be finite"),
        ({"bias": (0.0, inf)}, ValueError, r"'bias' must be finite"),
        ({"bias": (1.0, 0.5)}, ValueError, r"'bias' as a pair means \(lowest, highest\)"),
        ({"bias": -3e38}, ValueError, r"Potentials may reach .*currents go to 3e.38, R to 1,"),
        ({"neuron": LIFParameters(v_rest=-3e38)}, ValueError, "Potentials may reach"),
        ({"neuron": LIFParameters(r_m=1e30), "bias": 1e9}, ValueError, "Potentials may reach"),
        ({"neuron": LIFParameters(v_th=1e300)}, ValueError, r"'v_th' of a step of 1.0 ms is not"),
        ({"seed": 2.5}, ValueError, r"'seed' must be a whole number of at most 64 bits"),
        ({"seed": 2**70}, ValueError, r"'seed' must be a whole number of at most 64 bits"),
        ({"max_delay": nan}, ValueError, r"'max_delay' must be a whole number >= 1 \(got nan"),
        ({"max_delay": 2**40}, ValueError, r"'max_delay' must be at most 2\*\*31 - 1"),
        ({"glia": [Microglia(tau_h=1e9)]}, ValueError, r"'tau_h' must be at most 625000 steps"),
        ({"bias": (1.0, 2.0, 3.0)}, ValueError, r"'bias' as a pair means \(lowest, highest\)"),
    ],
)
def test_parameters_that_no_reservoir_takes(wrong: dict[str, Any], error: type, match: str) -> None:
    graph = random_graph(dt=1.0)
    before = frozen(graph)
    with pytest.raises(error, match=match):
        TriglialReservoir(graph, **wrong)
    assert_same(graph, before)


# Running


def running(backend: str, glia: Any = None, **how: Any) -> TriglialReservoir:
    """A reservoir that has lived for a while and keeps its fast state."""
    if glia is None:
        glia = [Astrocyte(), Oligodendrocyte(eta=0.3), Microglia(fraction=0.1)]
    chosen = {"glia_period": 10, "stateful": True, "in_flight": "emission", "bias": 0.9, **how}
    reservoir = TriglialReservoir(random_graph(weight=0.7), 3, glia=glia, backend=backend, **chosen)
    reservoir.adapt(random_drive(0, 14, 3))
    return reservoir


class Adapting:
    """A reservoir in whose place ``adapt`` answers for ``run`` and for a call."""

    def __init__(self, reservoir: TriglialReservoir) -> None:
        self.run, self.reset = reservoir.adapt, reservoir.reset

    def __call__(self, x: Any, lengths: Any = None) -> Any:
        return self.run(x, lengths=lengths).states


def assert_refused(
    reservoir: TriglialReservoir, call: Callable[[TriglialReservoir], Any], error: type, match: str
) -> None:
    """``call`` fails as told and leaves the reservoir as it was, to the bit."""
    twin, graph, said = copy.deepcopy(reservoir), reservoir.graph, reservoir.diagnose()
    before = frozen(graph)
    with pytest.raises(error, match=match):
        call(reservoir)
    assert reservoir.graph is graph
    assert_same(graph, before)
    assert reservoir.diagnose() == said
    assert_twins(reservoir, twin, random_drive(7, 1, 33, 3))


X = random_drive(1, 2, 20, 3)


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda r: r([["a"]]), TypeError, "'x' must be real numbers .*<U1.*an array"),
        (lambda r: r(X.numpy() * 1j), TypeError, "'x' must be real numbers .*complex64"),
        (lambda r: r(X * 1j), TypeError, "'x' must be a real tensor .*complex64"),
        (lambda r: r(X[..., :2]), ValueError, r"shape \[B, T, 3\] .* or \[T, 3\] \(got \[2, 20, 2"),
        (
            lambda r: r(X.mT),
            ValueError,
            r"got \[2, 3, 20\]\); time comes before channels: .*transp",
        ),
        (lambda r: r(X[0, 0]), ValueError, r"shape \[B, T, 3\]"),
        (lambda r: r(X[None]), ValueError, r"shape \[B, T, 3\]"),
        (lambda r: r(X[:, :0]), ValueError, r"shape \[B, T, 3\].*got \[2, 0, 3\]"),
        (lambda r: r(X[:0]), ValueError, r"shape \[B, T, 3\].*got \[0, 20, 3\]"),
        (lambda r: r(X.to("meta")), ValueError, "'x' is on meta but the reservoir on cpu; move"),
        (
            lambda r: r(torch.where(torch.arange(3) == 1, nan, X)),
            ValueError,
            r"'x' must be finite in float32: 40 of 120 entries .* first is x\[0, 0, 1\]; clean",
        ),
        (lambda r: r(X.double() * 1e300), ValueError, "'x' must be finite in float32"),
        (lambda r: r(X * 1e38), ValueError, r"'x' reaches .*e\+38, .*not finite in float32"),
        (lambda r: r.run(), ValueError, r"give .* 'num_steps', a whole number >= 1 \(got None\)"),
        (lambda r: r.run(num_steps=0), ValueError, r"whole number >= 1 \(got 0\)"),
        (lambda r: r.run(num_steps=2.5), ValueError, r"whole number >= 1 \(got 2.5\)"),
        (lambda r: r.run(X, num_steps=20), ValueError, "Give 'x' or 'num_steps', not both"),
        (lambda r: r(X, torch.tensor([5])), ValueError, r"'lengths' must be 2 whole numbers"),
        (lambda r: r(X, torch.tensor([5.0, 6.0])), ValueError, r"whole numbers .*float32"),
        (lambda r: r(X, torch.tensor([5, 21])), ValueError, r"must lie in 1..20.*got 5..21"),
        (lambda r: r(X, torch.tensor([0, 5])), ValueError, r"must lie in 1..20"),
        (lambda r: r.run(X, every=0), ValueError, r"'every' must be a whole number of steps >= 1"),
        (lambda r: r.run(X, every=1.5), ValueError, r"'every' must be a whole number"),
        (lambda r: r.run(X, record=["u"]), ValueError, r"Cannot record 'u'; available here: \['v'"),
        (lambda r: r.run(X, record="edge_delay"), ValueError, r"Cannot record 'edge_delay'"),
        (lambda r: r.run(X, record="i_syn"), ValueError, r"Cannot record 'i_syn'"),
        (lambda r: r.run(X, record=[5]), ValueError, r"Cannot record 5; available here"),
        (
            lambda r: r.reset(v=torch.zeros(7)),
            ValueError,
            r"'v' must be a number or have shape \[8",
        ),
        (lambda r: r.reset(v=nan), ValueError, "'v' must be finite"),
    ],
)
def test_calls_that_change_nothing(
    call: Callable[[TriglialReservoir], Any], error: type, match: str, learn: bool
) -> None:
    def adapting(reservoir: TriglialReservoir) -> Any:
        return call(Adapting(reservoir))

    assert_refused(running("reference"), adapting if learn else call, error, match)


def test_a_stateful_reservoir_counts_its_trials(backend: str) -> None:
    reservoir = running(backend)
    match = r"holds 1 trials but this call has 2; call 'reset\(\)' first"
    assert_refused(reservoir, lambda r: r(X), ValueError, match)
    reservoir.reset()
    assert reservoir(X).shape == (2, 8)


def test_a_stateful_reservoir_needs_trials_of_one_length(backend: str) -> None:
    reservoir = running(backend)
    match = r"'lengths' must all be 20, the samples of 'x' \(got \[20, 3\]\); cut the input"
    assert_refused(reservoir, lambda r: r(X, torch.tensor([20, 3])), ValueError, match)
    reservoir.reset()
    reservoir.adapt(X, lengths=torch.tensor([20, 3]))  # one stream has no padding


# Failing in the middle of a life


class Fails(GlialCell):
    """Breaks down at a given clock, in its half that senses or in the one that acts."""

    def __init__(self, senses: bool, clock: int) -> None:
        self.senses, self.clock = senses, clock

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        if self.senses and data.clock >= self.clock:
            raise RuntimeError("out of glutamate")

    def forward(self, data: Data) -> Data:
        if data.clock >= self.clock:
            raise RuntimeError("out of glutamate")
        return data


@pytest.mark.parametrize("senses", [True, False])
def test_a_cell_that_fails_in_the_middle(senses: bool, backend: str) -> None:
    glia = [Astrocyte(), Oligodendrocyte(eta=0.3), Microglia(fraction=0.1), Fails(senses, 60)]
    reservoir = running(backend, glia)
    match = "out of glutamate"
    assert_refused(reservoir, lambda r: r.adapt(random_drive(5, 80, 3)), RuntimeError, match)


def returns(change: Callable[[Data], Any]) -> Callable[[Data], Any]:
    """A transform that begins to do harm at the fourth tick."""

    def transform(data: Data) -> Any:
        return data if data.clock < 60 else change(copy.copy(data))

    return transform


def setting(key: str, value: Any) -> Callable[[Data], Data]:
    def change(data: Data) -> Data:
        data[key] = value(data)
        return data

    return returns(change)


@pytest.mark.parametrize(
    ("transform", "error", "match"),
    [
        (returns(lambda data: None), TypeError, "returned a graph .*'Data' .got NoneType"),
        (returns(T.AddSelfLoops()), ValueError, "cannot run on: 'edge_.* rows for"),
        (returns(T.ToUndirected()), ValueError, "edges were merged or doubled"),
        (setting("edge_weight", lambda d: d.edge_weight * nan), ValueError, "must be finite"),
        (setting("edge_delay", lambda d: d.edge_delay * 0), ValueError, "at least 1 step"),
        (setting("edge_delay", lambda d: d.edge_delay + 1e5), ValueError, "max_delay = 10000"),
        (setting("edge_index", lambda d: d.edge_index + 7), ValueError, r"lie in \[0, 7\]"),
        (setting("edge_origin", lambda d: d.edge_origin * 0), ValueError, "merged or doubled"),
        (setting("edge_origin", lambda d: d.edge_origin + 1), ValueError, "merged or doubled"),
        (
            returns(lambda d: d.subgraph(torch.arange(7))),
            ValueError,
            "has 7 instead of 8 neurons; glia may rewrite edges only",
        ),
        (
            returns(
                lambda d: Data(
                    num_nodes=8,
                    edge_index=d.edge_index,
                    edge_weight=d.edge_weight,
                    edge_delay=d.edge_delay,
                )
            ),
            ValueError,
            "'edge_origin' is lost",
        ),
    ],
)
def test_transforms_that_break_the_graph(
    transform: Any, error: type, match: str, backend: str
) -> None:
    reservoir = running(backend, [Astrocyte(), Oligodendrocyte(eta=0.3), transform])
    assert_refused(reservoir, lambda r: r.adapt(random_drive(5, 80, 3)), error, match)


class Restless(GlialCell):
    """Rewrites edges at every step, which no cell may."""

    every_step = True

    def forward(self, data: Data) -> Data:
        if data.clock > 60:
            data.edge_weight = data.edge_weight * 0.5
        return data


def test_edges_are_constant_between_ticks(backend: str) -> None:
    reservoir = running(backend, [Restless()])
    match = "every_step = True.* changed edges; between two ticks"
    assert_refused(reservoir, lambda r: r.adapt(random_drive(5, 80, 3)), ValueError, match)


def test_an_interrupted_run_leaves_the_reservoir(backend: str) -> None:
    def stop(data: Data) -> Data:
        if data.clock == 60:
            raise KeyboardInterrupt
        return data

    reservoir = running(backend, [Astrocyte(), Microglia(), stop])
    assert_refused(reservoir, lambda r: r.adapt(random_drive(5, 80, 3)), KeyboardInterrupt, "^$")


@pytest.mark.parametrize("bias", [-4e37, 4e37])
def test_the_largest_potentials_stay_finite(bias: float, backend: str) -> None:
    """As far as currents may go, and one step beyond."""
    reservoir = TriglialReservoir(random_graph(), bias=bias, backend=backend)
    assert bool(torch.isfinite(reservoir.run(num_steps=500, record="v").traces["v"]).all())
    with pytest.raises(ValueError, match=r"Potentials may reach 1.4e.38, beyond 1e.38"):
        reservoir.run(torch.full((3, 8), bias * 2.5))


def test_weights_and_gains_that_overflow_together() -> None:
    graph = broken("edge_weight", torch.full((24,), -1e35))
    TriglialReservoir(graph)
    with pytest.raises(ValueError, match=r"gains to 100 in size; .* lower 'max_gain'"):
        TriglialReservoir(graph, glia=[Astrocyte()])


def test_infinite_values_are_refused_everywhere() -> None:
    for value in (nan, inf, -inf):
        for make in (
            lambda v=value: LIFParameters(tau_m=v),
            lambda v=value: Astrocyte(tau_ca=v),
            lambda v=value: Oligodendrocyte(window=v),
            lambda v=value: Microglia(tau_h=v),
        ):
            with pytest.raises(ValueError, match="must"):
                make()
    assert not math.isfinite(nan)
