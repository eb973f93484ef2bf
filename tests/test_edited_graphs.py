"""A graph may be edited by hand between two runs: all backends run the same graph afterwards."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import CPU_BACKENDS, random_graph
from hostile import is_ours, tensors
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    Microglia,
    Oligodendrocyte,
    TriglialReservoir,
    checksum,
)
from pyngn_graph.distributed import DistributedReservoir
from pyngn_graph.glia import PerGraph
from pyngn_graph.memo import checksum_of, tell_torch

GLIA: dict[str, Callable[[], list[Any]]] = {
    "graded": lambda: [Astrocyte(territory=100.0, eta=0.3), Oligodendrocyte(), Microglia()],
    "coherence": lambda: [Oligodendrocyte("coherence"), Microglia("random_winner")],
    "fixed": lambda: [Oligodendrocyte("fixed:two"), Astrocyte()],
}

Life = tuple[bytes, dict[str, Any]]


def graph_of(seed: int = 0, weight: float = 1.0) -> Data:
    return random_graph(seed, num_nodes=20, num_edges=100, weight=weight)


def life(
    backend: str, name: str, edit: Callable[[TriglialReservoir], None], graph: Data | None = None
) -> Life:
    """What comes of an edit after a first life: spikes, and the whole graph."""
    reservoir = TriglialReservoir(
        graph_of() if graph is None else graph, glia=GLIA[name](), bias=(1.1, 1.4),
        glia_period=20, in_channels=2, backend=backend,
    )  # fmt: skip
    x = torch.rand(1, 50, 2, generator=torch.Generator().manual_seed(0))
    reservoir.adapt(x)
    edit(reservoir)
    fixed = reservoir.run(x)
    events = torch.cat([fixed.events, reservoir.adapt(x).events, reservoir.run(x).events])
    return events.numpy().tobytes(), reservoir.graph.to_dict()


def assert_same(lives: list[Life]) -> None:
    for events, graph in lives[1:]:
        assert events == lives[0][0]
        assert graph.keys() == lives[0][1].keys()
        for key, value in graph.items():
            same = torch.equal(value, lives[0][1][key]) if isinstance(value, Tensor) else True
            assert same, key
    assert len(lives[0][0]) > 1000


WRITTEN = {
    name: sorted(
        set(TriglialReservoir(graph_of(), glia=glia()).graph.keys())
        - {"num_nodes", "edge_index", "edge_weight", "edge_delay", "pos"}
    )
    for name, glia in GLIA.items()
}
"""What may be deleted: the library writes it."""


@pytest.mark.parametrize(("name", "key"), [(n, k) for n, keys in WRITTEN.items() for k in keys])
def test_what_is_deleted_is_made_anew(name: str, key: str) -> None:
    def edit(reservoir: TriglialReservoir) -> None:
        if key in reservoir.graph:
            del reservoir.graph[key]

    lives = [life(backend, name, edit) for backend in CPU_BACKENDS]
    assert_same(lives)
    assert key in lives[0][1]


def test_all_of_it_may_be_deleted() -> None:
    for name, keys in WRITTEN.items():

        def edit(reservoir: TriglialReservoir, keys: list[str] = keys) -> None:
            for key in keys:
                if key in reservoir.graph:
                    del reservoir.graph[key]

        assert_same([life(backend, name, edit) for backend in CPU_BACKENDS])


EDITS: dict[str, Callable[[Data], Any]] = {
    "neurons moved": lambda d: setattr(d, "pos", d.pos * 0.1),
    "neurons moved in place": lambda d: d.pos.mul_(0.1),
    "weights doubled": lambda d: setattr(d, "edge_weight", d.edge_weight * 2.0),
    "weights doubled in place": lambda d: d.edge_weight.mul_(2.0),
    "delays longer": lambda d: setattr(d, "edge_delay", d.edge_delay + 3.0),
    "whole delays": lambda d: setattr(d, "edge_delay", d.edge_delay.long() + 1),
    "edges turned": lambda d: setattr(d, "edge_index", d.edge_index.flip(0)),
    "edges masked": lambda d: d.edge_mask[::3].fill_(False),
    "neurons silenced": lambda d: d.edge_weight[d.edge_index[0] < 5].zero_(),
    "through data": lambda d: d.edge_weight.data.mul_(2.0),
    "through numpy": lambda d: d.edge_weight.numpy().__imul__(-1.0),
    "delays through numpy": lambda d: d.edge_delay.numpy().fill(2.0),
    "mask through numpy": lambda d: d.edge_mask.numpy()[::3].fill(False),
    "edges through numpy": lambda d: d.edge_index.numpy()[1, :5].fill(3),
    "two exchanged": lambda d: d.edge_weight.numpy()[:2].put([0, 1], d.edge_weight[[1, 0]].numpy()),
    "positions through numpy": lambda d: d.pos.numpy().__imul__(0.1),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("name", GLIA)
def test_an_edit_means_the_same_to_all_backends_as_a_new_reservoir(
    name: str, edit: Callable[[Data], Any]
) -> None:
    lives = [life(backend, name, lambda r: edit(r.graph)) for backend in CPU_BACKENDS]

    def assigned(reservoir: TriglialReservoir) -> None:
        graph = reservoir.graph.clone()
        edit(graph)
        reservoir.graph = graph

    assert_same([*lives, life("event", name, assigned)])
    unedited = life("event", name, lambda r: None)
    assert lives[0][0] != unedited[0] or name != "graded" or "moved" not in str(edit)


@pytest.mark.parametrize("way", ["kept", "recording", "before the first run", "inference mode"])
def test_an_edit_is_found_whenever_it_is_made(way: str) -> None:
    x, counts = torch.rand(1, 60, 2), []
    for backend in CPU_BACKENDS:
        reservoir = TriglialReservoir(graph_of(), in_channels=2, bias=1.2, backend=backend)
        kept = reservoir.graph.edge_weight
        if way != "before the first run":
            recording = reservoir.run(x)
            reservoir.adapt(x)
            kept = recording.graph.edge_weight if way == "recording" else kept
        if way == "inference mode":
            with torch.inference_mode():
                kept.mul_(3.0)
        else:
            kept.numpy().__imul__(3.0)
        counts.append(reservoir.run(x).events)
    fresh = TriglialReservoir(graph_of(), in_channels=2, bias=1.2)
    fresh.graph = reservoir.graph
    counts.append(fresh.run(x).events)
    assert all(torch.equal(counts[0], each) for each in counts[1:])
    unedited = TriglialReservoir(graph_of(), in_channels=2, bias=1.2).run(x).events
    assert not torch.equal(counts[0], unedited)


def test_the_input_may_be_edited_too() -> None:
    x = torch.rand(1, 60, 2)
    for edit in (
        lambda r: r.projection.weight.numpy().__imul__(3.0),
        lambda r: r.input_weight.data.mul_(3.0),
        lambda r: r.state_dict()["projection.weight"].numpy().__imul__(3.0),
    ):
        states = []
        for backend in CPU_BACKENDS:
            reservoir = TriglialReservoir(graph_of(), in_channels=2, bias=1.2, backend=backend)
            before = reservoir(x)
            edit(reservoir)
            states.append(reservoir(x))
        assert torch.equal(*states)
        assert not torch.equal(before, states[0])


def test_a_union_is_made_ready_graph_by_graph() -> None:
    graphs = [graph_of(0), graph_of(1)]
    cells = [PerGraph([Astrocyte(territory=80.0), Astrocyte(territory=150.0)]), Microglia()]
    x = torch.rand(1, 60, 2)

    def edited(backend: str) -> tuple[Tensor, Data]:
        union = Batch.from_data_list([graph.clone() for graph in graphs])
        reservoir = TriglialReservoir(
            union, glia=cells, glia_period=20, in_channels=2, bias=1.3, backend=backend
        )
        reservoir.adapt(x)
        reservoir.graph.pos = reservoir.graph.pos * 0.3
        del reservoir.graph["calcium"], reservoir.graph["edge_cost"]
        return reservoir.adapt(x).events, reservoir.graph

    lives = [edited(backend) for backend in CPU_BACKENDS]
    assert torch.equal(lives[0][0], lives[1][0])
    assert torch.equal(lives[0][1].gain, lives[1][1].gain)


class Fades(GlialCell):
    """Edits the weights at every step, which no cell may."""

    def __init__(self, edit: Callable[[Tensor], Any], every_step: bool) -> None:
        self.edit, self.every_step = edit, every_step

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        self.edit(data.edge_weight)


class Halves(GlialCell):
    """Halves the weights at every tick, in place, and fails in the end."""

    def __init__(self, edit: Callable[[Tensor], Any]) -> None:
        self.edit = edit

    def forward(self, data: Data) -> Data:
        self.edit(data.edge_weight)
        if data.clock > 60:
            raise RuntimeError("enough")
        return data


IN_PLACE: dict[str, Callable[[Tensor], Any]] = {
    "in place": lambda w: w.mul_(0.5),
    "through data": lambda w: w.data.mul_(0.5),
    "through numpy": lambda w: w.numpy().__imul__(0.5),
}


@pytest.mark.parametrize("edit", IN_PLACE.values(), ids=IN_PLACE.keys())
@pytest.mark.parametrize("every_step", [False, True])
def test_edges_that_change_between_ticks_are_found_whoever_changes_them(
    edit: Callable[[Tensor], Any], every_step: bool, tmp_path: Path
) -> None:
    for checkpoint in (None, tmp_path / "run.safetensors"):
        reservoir = TriglialReservoir(graph_of(), glia=[Fades(edit, every_step)], bias=1.3)
        before = reservoir.graph.edge_weight.clone()
        with pytest.raises(ValueError, match="changed edges"):
            reservoir.adapt(num_steps=30, checkpoint=checkpoint, checkpoint_every=7)
        assert torch.equal(reservoir.graph.edge_weight, before)
        reservoir.run(num_steps=30)  # where no cell is at work


@pytest.mark.parametrize("edit", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_what_a_cell_edits_at_a_tick_is_its_own(edit: Callable[[Tensor], Any]) -> None:
    reservoir = TriglialReservoir(
        graph_of(), glia=[Halves(edit)], bias=1.3, glia_period=20, stateful=True
    )
    start = reservoir.run(num_steps=5)
    first = reservoir.adapt(num_steps=50, record="topology")
    weights = [each.graph.edge_weight.clone() for each in (start, first)]
    assert torch.equal(weights[1], weights[0] / 4.0)
    with pytest.raises(RuntimeError, match="enough"):
        reservoir.adapt(num_steps=50)
    for recording, weight in zip((start, first), weights, strict=True):
        assert torch.equal(recording.graph.edge_weight, weight)
    assert torch.equal(reservoir.graph.edge_weight, weights[1])


def test_nothing_is_looked_at_closely_that_nobody_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = list[int]()

    def counted(value: Tensor) -> int:
        looked.append(value.numel())
        return 0

    monkeypatch.setattr("pyngn_graph.readiness.checksum_of", counted)
    reservoir, x = TriglialReservoir(graph_of(), in_channels=2), torch.rand(1, 5, 2)
    for _ in range(3):
        reservoir(x)
    assert set(looked) == {40, 20}  # weights and bias of the input
    reservoir.graph  # noqa: B018
    reservoir(x)
    assert {200, 100} <= set(looked)


def test_a_deep_copy_is_a_reservoir_of_its_own() -> None:
    reservoir = TriglialReservoir(graph_of(), glia=GLIA["graded"](), glia_period=20, bias=1.3)
    reservoir.adapt(num_steps=30)
    other = copy.deepcopy(reservoir)
    other.graph.edge_weight.numpy()[:] = 0.0
    assert not torch.equal(other.run(num_steps=50).states, reservoir.run(num_steps=50).states)


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("device", ["cpu", "as on a GPU"])
def test_a_checksum_changes_with_every_edit(
    dtype: torch.dtype, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device != "cpu":
        monkeypatch.setattr(checksum, "on_cpu", checksum.elsewhere)
    for size in (1, 2, 3, 7, 64, 1003):
        value = torch.arange(size).remainder(5).to(dtype)
        before = checksum_of(value)
        assert checksum_of(value.clone()) == before
        assert checksum_of(torch.stack([value, value], dim=1)[:, 0]) == before  # not contiguous
        assert checksum_of(torch.cat([value[:1], value])[1:]) == before  # at an odd place
        for place in {0, size // 2, size - 1}:
            edited = value.clone()
            edited[place] = not edited[place] if dtype == torch.bool else edited[place] + 1
            assert checksum_of(edited) != before
        if size > 7:
            assert checksum_of(value.flip(0)) != before
            assert dtype == torch.bool or checksum_of(-value) != before
    assert checksum_of(torch.zeros(3, device="meta")) == 0


def test_what_a_rank_holds_may_be_edited_unseen() -> None:
    lives = []
    for backend in CPU_BACKENDS:
        whole = TriglialReservoir(graph_of(), glia=[Astrocyte()], bias=1.3, backend=backend)
        part = DistributedReservoir.of(whole)
        for _ in range(2):
            part.adapt(num_steps=40)
            part.graph.edge_weight.numpy().__imul__(-1.5)
        lives.append(part.run(num_steps=60).events)
    assert torch.equal(*lives)
    assert lives[0].size(0) > 10


@pytest.mark.parametrize("score", [torch.ones(7), torch.ones(24, 2), torch.full((100,), torch.nan)])
def test_a_criterion_of_ones_own_must_score_every_edge(score: Tensor) -> None:
    cell = Microglia(lambda data, generator: score)
    reservoir = TriglialReservoir(graph_of(), glia=[cell], glia_period=5)
    with pytest.raises(ValueError, match="a number for each of the 100 edges"):
        reservoir.adapt(num_steps=5)


def test_telling_torch_edits_nothing() -> None:
    for value in (torch.ones(3), torch.ones(2, 3).t(), torch.ones(3, requires_grad=True)):
        before, kept = value._version, value.detach().clone()
        with torch.inference_mode():
            tell_torch(value)
        assert value._version > before
        assert torch.equal(value, kept)


@given(
    name=st.sampled_from(sorted(GLIA)),
    key=st.integers(0, 99),
    unseen=st.booleans(),
    drawn=st.data(),
)
def test_a_spoiled_graph_is_refused_by_all_backends_or_means_the_same_to_them(
    name: str, key: int, unseen: bool, drawn: st.DataObject
) -> None:
    lived = {
        b: TriglialReservoir(
            graph_of(), glia=GLIA[name](), bias=(1.1, 1.4), glia_period=20, backend=b
        )
        for b in CPU_BACKENDS
    }
    values = {k: v for k, v in lived["event"].graph.to_dict().items() if isinstance(v, Tensor)}
    chosen = sorted(values)[key % len(values)]
    spoiled = drawn.draw(tensors(values[chosen]))
    answers: list[Any] = []
    for reservoir in lived.values():
        old = reservoir.graph[chosen]
        same = old.shape == spoiled.shape and old.dtype == spoiled.dtype and not spoiled.is_meta
        if unseen and same:
            old.numpy()[...] = spoiled.numpy()
        else:
            reservoir.graph[chosen] = spoiled
        try:
            events = [reservoir.adapt(num_steps=50).events, reservoir.run(num_steps=30).events]
            answers.append((torch.cat(events).numpy().tobytes(), reservoir.graph.edge_weight))
        except (ValueError, TypeError) as error:
            answers.append(str(error) if is_ours(error) else error)
    if not isinstance(answers[0], tuple):
        assert isinstance(answers[0], str)
        assert answers[0] == answers[1]
    else:
        assert answers[0][0] == answers[1][0]
        assert torch.equal(answers[0][1], answers[1][1])
