"""Every tensor that compiled loops index with is looked at before they run, whoever wrote it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from helpers import CPU_BACKENDS, random_graph
from safetensors import safe_open
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph import (
    Astrocyte,
    GlialCell,
    Microglia,
    Oligodendrocyte,
    SafeTransform,
    TriglialReservoir,
    storage,
    validate,
)
from pyngn_graph.distributed import DistributedReservoir, load, save
from pyngn_graph.reserved import GIVEN, NUM_TARGETS, OF_EDGES, OF_NEURONS

LIVES: dict[str, Callable[[], list[Any]]] = {
    "graded": lambda: [Astrocyte(territory=100.0), Oligodendrocyte(), Microglia("random_winner")],
    "coherence": lambda: [Oligodendrocyte("coherence"), Microglia("relative", min_in=0)],
    "fixed": lambda: [Oligodendrocyte("fixed:two"), Microglia("threshold", cost=0.5)],
}


def lived(name: str = "graded", **options: Any) -> TriglialReservoir:
    reservoir = TriglialReservoir(
        random_graph(), glia=LIVES[name](), bias=1.3, glia_period=15, stateful=True, **options
    )
    reservoir.adapt(num_steps=25)
    return reservoir


GRAPHS = {name: lived(name).graph for name in LIVES}

WRITTEN = sorted(
    (name, key)
    for name, graph in GRAPHS.items()
    for key, value in graph.to_dict().items()
    if isinstance(value, Tensor) and key != "inhibitory"
)


def test_every_tensor_that_glia_write_is_in_the_table() -> None:
    rules = {*OF_EDGES, *OF_NEURONS, "edge_index", "pos", "territory_index"}
    assert {key for _, key in WRITTEN} <= rules
    assert rules - {key for _, key in WRITTEN} == {"inhibitory"}


def entry(value: Tensor, number: Any) -> Tensor:
    value = value.clone()
    value.view(-1)[value.numel() // 2] = number
    return value


def spoils(value: Tensor) -> dict[str, Tensor]:
    """Ways to break a tensor, all of which some rule forbids."""
    found = {
        "longer": torch.cat([value, value[..., :1] if value.size(0) == 2 else value[:1]], dim=-1)
        if value.dim() == 2 and value.size(0) == 2
        else torch.cat([value, value[:1]]),
        "empty": value[:0],
        "deeper": value.unsqueeze(-1).expand(*value.shape, 2),
        "another type": value.to(torch.int32 if value.dtype != torch.int32 else torch.int64),
        "complex": value.to(torch.complex64),
    }
    if value.is_floating_point():
        found |= {"nan": entry(value, torch.nan), "infinite": entry(value, torch.inf)}
    elif value.dtype == torch.int64:
        found |= {"low": entry(value, -(2**62)), "high": entry(value, 2**62)}
    return found


SPOILS = sorted(
    (name, key, how)
    for name, key in WRITTEN
    for how in spoils(GRAPHS[name][key].contiguous())
    if how != "another type" or key not in (*GIVEN, "edge_index")  # which a door may convert
)


@pytest.mark.parametrize(("name", "key", "how"), SPOILS)
def test_what_breaks_a_rule_is_refused_at_every_door(name: str, key: str, how: str) -> None:
    graph = copy.copy(GRAPHS[name])
    value = spoils(graph[key].contiguous())[how]
    if (key, how) == ("territory_index", "longer"):
        value = value[:0]
    graph[key] = value
    with pytest.raises((ValueError, TypeError), match=r"'\w+'"):
        validate(graph)
    with pytest.raises((ValueError, TypeError), match=r"'\w+'"):
        TriglialReservoir(graph, glia=LIVES[name](), bias=1.3)
    for backend in CPU_BACKENDS:
        reservoir = lived(name, backend=backend)
        before = reservoir.graph
        with pytest.raises((ValueError, TypeError), match=r"'\w+'"):
            reservoir.graph = graph
        assert reservoir.graph is before
        reservoir.graph[key] = value
        for run in (reservoir.adapt, reservoir.run):
            with pytest.raises((ValueError, TypeError), match=r"'\w+'"):
                run(num_steps=20)


@pytest.mark.parametrize(
    ("name", "key"), [(n, k) for n, k in WRITTEN if GRAPHS[n][k].dtype in (torch.int64,)]
)
def test_an_index_that_torch_did_not_see_change_is_refused(name: str, key: str) -> None:
    for backend in CPU_BACKENDS:
        reservoir = lived(name, backend=backend)
        reservoir.graph[key].numpy().reshape(-1)[0] = 2**62
        with pytest.raises(ValueError, match=f"'{key}'"):
            reservoir.adapt(num_steps=20)


def forged(path: Path, edit: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> None:
    """Rewrites a file with a right checksum."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}
    edit(tensors, metadata)
    metadata["sha256"] = storage.digest(tensors, metadata["header"])
    path.write_bytes(safetensors.torch.save(tensors, metadata))


FAST = {
    "in_flight": [lambda v: v + 10**6, lambda v: v - 10**6, lambda v: v[:, :1] * 0 + 2**62],
    "refractory": [lambda v: v * 0 - 1, lambda v: v + 2**40],
    "v": [lambda v: v * torch.nan, lambda v: v + 3e38],
    "trace": [lambda v: v * torch.nan, lambda v: v[:1]],
    "spikes": [lambda v: 1 - v, lambda v: v + 0.5],
    "history": [
        lambda v: v[:0],
        lambda v: v[:, :1],
        lambda v: ~v,
        lambda v: torch.cat([v] + [torch.ones_like(v)] * 9),
    ],
}
"""Edits of the fast state that no run can have made."""


@pytest.mark.parametrize(
    ("key", "k"), [(key, k) for key, edits in FAST.items() for k in range(len(edits))]
)
def test_a_forged_fast_state_is_refused(key: str, k: int, tmp_path: Path) -> None:
    from pyngn_graph import LIFParameters

    reservoir = TriglialReservoir(
        random_graph(), neuron=LIFParameters(t_ref=2.0), bias=(1.2, 3.0), stateful=True,
        in_flight="emission",
    )  # fmt: skip
    reservoir.run(num_steps=31)
    path, state = tmp_path / "reservoir.safetensors", copy.deepcopy(reservoir.state_dict())
    reservoir.save(path)
    TriglialReservoir.load(path)
    assert state["_extra_state"]["fast"]["in_flight"].numel()

    def edit(tensors: dict[str, Tensor], _: Any) -> None:
        tensors[f"fast.{key}"] = FAST[key][k](tensors[f"fast.{key}"]).contiguous()

    forged(path, edit)
    with pytest.raises(ValueError, match=r"fast state|in_flight|history|another"):
        TriglialReservoir.load(path)
    fast = state["_extra_state"]["fast"]
    fast[key] = FAST[key][k](fast[key])
    with pytest.raises(ValueError, match=r"fast state|in_flight|history|another"):
        reservoir.load_state_dict(state)


@pytest.mark.parametrize("part", ["probe.sums", "probe.counts", "probe.sent", "probe.trace v"])
def test_a_forged_checkpoint_is_refused(part: str, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"

    def run() -> Any:
        reservoir = TriglialReservoir(random_graph(), bias=1.3)
        return reservoir.run(num_steps=30, record="v", checkpoint=path, checkpoint_every=10)

    run()

    def edit(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        tensors[part] = tensors[part][:0].contiguous()
        metadata["header"] = metadata["header"].replace('"done": 30', '"done": 10')

    forged(path, edit)
    with pytest.raises(ValueError, match="take another copy"):
        run()


def test_territories_are_those_of_the_positions_whatever_a_file_says(tmp_path: Path) -> None:
    """Neurons beyond the last: what remains where a graph was cut, and no reason to refuse it."""

    def make(path: Path | None, steps: int) -> Any:
        reservoir = TriglialReservoir(
            random_graph(), glia=[Astrocyte(territory=100.0, eta=0.3)], bias=1.3, glia_period=15
        )
        return reservoir.adapt(num_steps=steps, checkpoint=path, checkpoint_every=20).graph.gain

    def edit(tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        tensors["graph.territory_index"] += 2**30

    run, saved = tmp_path / "run.safetensors", tmp_path / "reservoir.safetensors"
    right = make(run, 60)
    forged(run, edit)
    assert torch.equal(make(run, 60), right)
    whole = lived("graded")
    whole.save(saved)
    forged(saved, edit)
    again = TriglialReservoir.load(saved)
    assert torch.equal(again.graph.territory_index, whole.graph.territory_index)
    assert torch.equal(again.adapt(num_steps=60).events, whole.adapt(num_steps=60).events)


def test_a_run_goes_on_with_its_own_territories(tmp_path: Path) -> None:
    class Stops(GlialCell):
        on = True

        def forward(self, data: Data) -> Data:
            if self.on and data.clock == 30:
                raise KeyboardInterrupt
            return data

    def run() -> Tensor:
        glia = [Astrocyte(territory=100.0, eta=0.3), Stops()]
        reservoir = TriglialReservoir(random_graph(), glia=glia, bias=1.3, glia_period=15)
        return reservoir.adapt(num_steps=60, checkpoint=path, checkpoint_every=10).graph.gain

    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run()
    forged(path, lambda tensors, _: tensors["graph.territory_index"].add_(2**30))
    Stops.on = False
    gain = run()
    path.unlink()
    assert torch.equal(run(), gain)


def test_events_of_a_checkpoint_must_fit_together(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"

    def run() -> Any:
        return TriglialReservoir(random_graph(), bias=1.3).run(num_steps=30, checkpoint=path)

    for name, number in (("node", 8), ("node", -1), ("step", 30), ("trial", 1), ("count", 10**6)):
        path.unlink(missing_ok=True)
        run()
        forged(path, lambda tensors, _, n=name, x=number: tensors[f"probe.{n}"].fill_(x))
        with pytest.raises(ValueError, match="do not fit together"):
            run()


def test_a_union_is_looked_at_too() -> None:
    parts = [GRAPHS["coherence"], lived("coherence").graph]
    for key, value in (("coherence_variance", torch.zeros(1)), ("edge_arrival", -(2**62))):
        for k in range(2):
            graphs = [copy.copy(part) for part in parts]
            old = graphs[k][key]
            graphs[k][key] = torch.full_like(old, value) if isinstance(value, int) else value
            with pytest.raises((ValueError, TypeError), match=key):
                TriglialReservoir(Batch.from_data_list(graphs), glia=LIVES["coherence"]())
    batch = Batch.from_data_list([copy.copy(part) for part in parts])
    for ptr in ([0, 20, 16], [1, 8, 16], [0, 16], [0, 9, 16]):
        batch.ptr = torch.tensor(ptr)
        with pytest.raises(ValueError, match="batch"):
            TriglialReservoir(batch, glia=LIVES["coherence"]())


def test_shards_are_looked_at_too(tmp_path: Path) -> None:
    def whole() -> DistributedReservoir:
        glia = [Astrocyte(), Oligodendrocyte(), Microglia()]
        reservoir = TriglialReservoir(random_graph(), glia=glia, bias=1.3, stateful=True)
        return DistributedReservoir.of(reservoir)

    for key, number in (("edge_arrival", -(2**62)), ("edge_hits", -1), ("edge_index", 2**40)):
        folder, reservoir = tmp_path / key, whole()
        reservoir.adapt(num_steps=20)
        save(reservoir, folder)
        load(folder)
        forged(
            folder / "shard-1-0.safetensors",
            lambda tensors, _, k=key, x=number: tensors[f"edge.{k}"].view(-1)[:3].fill_(x),
        )
        with pytest.raises(ValueError, match=key):
            load(folder)
        reservoir.graph[key].view(-1)[:3].fill_(number)
        with pytest.raises(ValueError, match=key):
            reservoir.run(num_steps=20)
    for key in ("clock", "first_num_edges"):
        reservoir = whole()
        del reservoir.graph[key]
        with pytest.raises(ValueError, match=f"cannot make .*{key}"):
            reservoir.adapt(num_steps=20)
    reservoir, same = whole(), whole()
    for key in ("gain", "calcium", "edge_hits", "health_clock", "edge_arrival"):
        del reservoir.graph[key]
    events = [each.adapt(num_steps=40).events for each in (reservoir, same)]
    assert torch.equal(*events)


@pytest.mark.parametrize("number", [3, 10**6, -1, torch.tensor(3), "three"])
def test_names_of_the_user_are_left_alone(number: Any) -> None:
    plain = random_graph()
    named = random_graph(num_targets=number, territory=number, edge_count=number)
    events = [
        TriglialReservoir(graph, bias=1.3, glia=LIVES["graded"](), glia_period=10).adapt(
            num_steps=40
        )
        for graph in (plain, named)
    ]
    assert torch.equal(events[0].events, events[1].events)
    for key in ("num_targets", "territory", "edge_count"):
        assert events[1].graph[key] is not None


@pytest.mark.parametrize("name", ["edge_origin", "neuron_origin", NUM_TARGETS])
def test_names_that_are_needed_for_something_else_are_refused_by_name(name: str) -> None:
    size = 24 if name.startswith("edge") else 8
    graph = random_graph(**{name: torch.arange(size)})
    with pytest.raises(ValueError, match=f"'{name}' is a name"):
        TriglialReservoir(graph)
    with pytest.raises(ValueError, match=f"'{name}' is a name"):
        SafeTransform(lambda data: data)(graph)
    reservoir = TriglialReservoir(random_graph(), bias=1.3)
    reservoir.graph[name] = torch.arange(size)
    with pytest.raises(ValueError, match=f"'{name}' is a name"):
        reservoir.run(num_steps=5)
    numbered = random_graph(edge_number=torch.arange(24))
    TriglialReservoir(numbered, bias=1.3).run(num_steps=5)
    with pytest.raises(ValueError, match="'edge_number' is a name"):
        DistributedReservoir.of(TriglialReservoir(numbered))


@pytest.mark.parametrize("count", [-1, 0.5, torch.nan, 2.0**60, "many"])
@pytest.mark.parametrize("key", ["clock", "health_clock", "first_num_edges"])
def test_counts_are_whole(key: str, count: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=f"'{key}' must be a number"):
        TriglialReservoir(random_graph(**{key: count}), glia=[Microglia()])


def test_neurons_and_input_keep_their_number() -> None:
    for edit in (
        lambda r: setattr(r.graph, "num_nodes", 50),
        lambda r: setattr(r.graph, "dt", 0.5),
        lambda r: setattr(r.projection, "bias", torch.zeros(3)),
        lambda r: setattr(r.projection, "weight", torch.zeros(8, 1)),
        lambda r: r.projection.weight.numpy().fill(torch.nan),
    ):
        for backend in CPU_BACKENDS:
            reservoir = TriglialReservoir(random_graph(), in_channels=2, backend=backend)
            reservoir(torch.rand(1, 20, 2))
            edit(reservoir)
            with pytest.raises(ValueError, match="must"):
                reservoir(torch.rand(1, 20, 2))


def test_a_graph_in_a_sparse_form_is_refused() -> None:
    graph: Data = random_graph()
    graph.edge_weight = graph.edge_weight.to_sparse()
    with pytest.raises(TypeError, match="'edge_weight' must be dense"):
        validate(graph)
