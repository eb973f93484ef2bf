"""The event backend computes the bits of the reference, whatever is asked of both."""

from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from helpers import assert_same, frozen, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import (
    Astrocyte,
    LIFParameters,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
    simulation,
)
from pyngn_graph.backends import event, sensing
from pyngn_graph.glia import Coherence, Hub, Winner
from pyngn_graph.glia.oligodendrocyte import RULES
from pyngn_graph.glia.pruning import CRITERIA
from pyngn_graph.recording import Recording

SIZES = st.sampled_from([(1, 0), (1, 3), (7, 7), (40, 160), (90, 700)])


@st.composite
def cells(draw: st.DrawFn) -> list[Any]:
    chosen: list[Any] = []
    if draw(st.booleans()):
        rule = draw(st.sampled_from(["additive", "multiplicative"]))
        territory = draw(st.sampled_from([None, 40.0]))
        chosen.append(Astrocyte(rule=rule, territory=territory, eta=0.01))
    if draw(st.booleans()):
        quick = Coherence(shape=2.0, eta=0.3, tau_mean=30.0)
        rule = draw(st.sampled_from([*sorted(RULES), quick, quick]))
        window = draw(st.sampled_from([0.0, 15.0, 60.0, 1e5]))
        chosen.append(Oligodendrocyte(rule=rule, eta=0.3, window=window, max_delay=40))
    if draw(st.booleans()):
        regrow = draw(st.booleans())
        senses = any(isinstance(cell, Astrocyte) for cell in chosen)
        active = [Winner(activity=2.0), Hub(activity=-1.0)]
        active += [Winner(activity=1.0, measure="calcium")] if senses else []
        chosen.append(
            Microglia(
                criterion=draw(st.sampled_from([*sorted(CRITERIA), *active])),
                trace=draw(st.sampled_from(["window", "coincidence"])),
                cost=draw(st.sampled_from([0.0, 0.25])),
                eta=draw(st.sampled_from([0.0, 0.02])),
                decay=draw(st.sampled_from([0.0, 2e-3, 20.0])),
                threshold=0.495,
                fraction=0.1,
                keep=0.2,
                regrow=regrow,
                drop=regrow or draw(st.booleans()),
                length_scale=30.0,
                velocity=10.0,
            )
        )
    return draw(st.permutations(chosen))


def assert_same_bits(a: Tensor, b: Tensor, name: str) -> None:
    assert a.dtype == b.dtype, name
    assert torch.equal(a.nan_to_num(-7.0), b.nan_to_num(-7.0)), name


def assert_same_recording(a: Recording, b: Recording) -> None:
    for name in ("events", "states", "synaptic_events", "num_edges"):
        assert_same_bits(getattr(a, name), getattr(b, name), name)
    for name, trace in a.traces.items():
        assert_same_bits(trace, b.traces[name], name)


def moved(reservoir: TriglialReservoir, backend: str) -> TriglialReservoir:
    """``reservoir`` from a file, on another backend."""
    with TemporaryDirectory() as folder:
        reservoir.save(f"{folder}/r.safetensors")
        return TriglialReservoir.load(f"{folder}/r.safetensors", backend=backend)


@given(data=st.data(), size=SIZES, glia=cells(), seed=st.integers(0, 2**20))
def test_any_run_has_the_bits_of_the_reference(
    data: st.DataObject, size: tuple[int, int], glia: list[Any], seed: int
) -> None:
    num_nodes, num_edges = size
    pick = lambda *values: data.draw(st.sampled_from(values))  # noqa: E731
    graph = random_graph(seed, num_nodes=num_nodes, num_edges=num_edges, weight=0.5)
    generator = torch.Generator().manual_seed(seed)
    if pick(True, False):
        graph.edge_mask = torch.rand(num_edges, generator=generator) < 0.8
    tau_m: Any = pick(20.0, None)
    neuron = LIFParameters(
        tau_m=torch.rand(num_nodes, generator=generator) * 20.0 + 10.0 if tau_m is None else tau_m,
        t_ref=pick(0.0, 2.0),
        v_min=pick(None, -2.0),
        tau_syn=pick(None, 5.0),
    )
    stateful = pick(True, False)
    options: dict[str, Any] = {
        "neuron": neuron,
        "glia": glia,
        "glia_period": pick(7, 50, 200),
        "hold": pick(1, 3),
        "pool": pick("last", 3),
        "in_flight": pick("arrival", "emission"),
        "stateful": stateful,
        "bias": (0.9, 2.0),
        "in_channels": 2,
    }
    twins = [TriglialReservoir(graph, backend=name, **options) for name in ("reference", "event")]
    x = torch.randn(3, pick(20, 60), 2, generator=generator)
    lengths = torch.tensor([5, x.size(1), 13])
    names = ["v", "state"]
    names += ["i_syn"] if neuron.tau_syn is not None else []
    names += ["gain", "calcium"] if "gain" in twins[0].graph else []
    for every in (1, 4):
        runs = [
            r.adapt(x, record=names, every=every, lengths=lengths if glia else None) for r in twins
        ]
        assert_same_recording(*runs)
        if pick(True, False):  # each goes on where the other stopped
            twins = [moved(twins[1], "reference"), moved(twins[0], "event")]
    for twin in twins:
        if stateful:
            twin.reset()
    assert_same_recording(*(twin.run(x, record=names) for twin in twins))
    assert torch.equal(twins[0](x), twins[1](x))
    first, second = (twin.graph.to_dict() for twin in twins)
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, Tensor):
            assert_same_bits(value, second[key], key)
        else:
            assert value == second[key], key


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(3, num_nodes=50, num_edges=300, weight=0.5)
    x = torch.randn(9, 40, 2, generator=torch.Generator().manual_seed(0))
    used = set()

    class Pool(ThreadPoolExecutor):
        def __init__(self, threads: int) -> None:
            used.add(threads)
            super().__init__(threads)

    def run(threads: int | None) -> Recording:
        options: dict[str, Any] = {"in_channels": 2, "bias": (0.9, 2.0), "backend": "event"}
        return TriglialReservoir(graph, threads=threads, **options).run(x)

    monkeypatch.setattr(event, "ThreadPoolExecutor", Pool)
    alone = run(1)
    assert alone.events.numel() > 0
    assert not used
    for threads in (2, 4, 20):
        assert_same_recording(run(threads), alone)
    assert used == {2, 4, 9}
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert_same_recording(run(None), alone)
    assert used == {2, 3, 4, 9}


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("cost", [0.0, 0.25])
@pytest.mark.parametrize("decay", [2e-3, 20.0])  # brought up to date rarely, every 27 steps
def test_an_epoch_longer_than_the_memory_for_spikes(
    decay: float, cost: float, in_flight: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensing, "STEPS", 1000)
    graph = random_graph(4, num_nodes=30, num_edges=200, weight=0.5)
    bias = torch.linspace(0.99, 1.2, 30)  # some fire once in many seconds
    twins = [
        TriglialReservoir(
            graph,
            glia=[Oligodendrocyte(max_delay=40), Microglia(cost=cost, decay=decay)],
            glia_period=3500,
            bias=bias,
            in_flight=in_flight,
            backend=name,
        )
        for name in ("reference", "event")
    ]
    assert_same_recording(*(twin.adapt(num_steps=4000) for twin in twins))
    for key in ("edge_health", "edge_delay", "edge_hits", "edge_lag", "edge_arrival"):
        assert torch.equal(twins[0].graph[key], twins[1].graph[key]), key
    if cost:
        assert torch.equal(twins[0].graph.edge_cost, twins[1].graph.edge_cost)


@pytest.mark.parametrize("size", [1e-42, 1e-38, 1e-30, 1e30])
def test_weights_of_extreme_size(size: float) -> None:
    graph = random_graph(4, num_nodes=30, num_edges=200, weight=1.0)
    graph.edge_weight = graph.edge_weight * size
    how: dict[str, Any] = {"neuron": LIFParameters(v_th=size), "bias": torch.full((30,), 2 * size)}
    runs = [
        TriglialReservoir(graph, backend=name, **how).run(num_steps=100, record=["v"])
        for name in ("reference", "event")
    ]
    assert_same_recording(*runs)
    assert runs[0].events.numel() > 0


def test_spikes_carried_into_an_epoch_of_several_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "SPAN", 64)
    graph = random_graph(4, num_nodes=30, num_edges=200, max_delay=30, weight=0.3)
    twins = [
        TriglialReservoir(
            graph,
            glia=[Oligodendrocyte(max_delay=40), Microglia()],
            glia_period=200,
            in_flight="emission",
            bias=torch.linspace(1.0, 2.0, 30),
            backend=name,
        )
        for name in ("reference", "event")
    ]
    assert_same_recording(*(twin.adapt(num_steps=500) for twin in twins))
    for key in ("edge_health", "edge_delay", "edge_arrival", "edge_hits", "edge_lag"):
        assert torch.equal(twins[0].graph[key], twins[1].graph[key]), key


def test_what_a_cell_that_is_gone_has_counted_stays() -> None:
    oligo, micro = Oligodendrocyte(max_delay=9), Microglia()
    graph = random_graph(num_nodes=12, num_edges=90)
    lived = TriglialReservoir(graph, glia=[oligo, micro], backend="event")
    lived.adapt(random_drive(3, 40, 12))
    before = frozen(lived.graph)
    for glia, keys in (([micro], ("edge_hits", "edge_lag")), ([oligo], ("edge_cost",))):
        alone = TriglialReservoir(lived.graph, glia=glia, backend="event")
        alone.adapt(random_drive(4, 40, 12))
        assert all(bool(before[key].any()) for key in keys)
        assert all(torch.equal(alone.graph[key], before[key]) for key in keys)
    assert_same(lived.graph, before)
