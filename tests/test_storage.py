"""Files: a saved reservoir goes on to the same bits, and bad files leave everything as it was."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import pyngn_graph as ng
from pyngn_graph import storage
from pyngn_graph.generators import Tissue
from pyngn_graph.glia import Coherence, FixedDelays, Hub, MatchedRandom, Winner


def living(**kwargs: Any) -> ng.TriglialReservoir:
    glia = [
        ng.Astrocyte(rule="multiplicative"),
        ng.Oligodendrocyte(max_delay=30),
        ng.Microglia(fraction=0.1),
    ]
    options: dict[str, Any] = {"glia": glia, "glia_period": 30, "hold": 3, "pool": 2, **kwargs}
    graph = Tissue(num_nodes=40, seed=1)()
    return ng.TriglialReservoir(graph, in_channels=2, bias=(0.8, 1.5), seed=3, **options)


def signal(seed: int, trials: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(trials, 35, 2, generator=generator)


def assert_same_graph(a: ng.TriglialReservoir, b: ng.TriglialReservoir) -> None:
    first, second = a.graph.to_dict(), b.graph.to_dict()
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, Tensor):
            assert value.dtype == second[key].dtype, key
            assert torch.equal(value, second[key]), key
        else:
            assert value == second[key], key


@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
@pytest.mark.parametrize("stateful", [True, False])
def test_a_loaded_reservoir_goes_on_to_the_same_bits(
    tmp_path: Path, in_flight: str, stateful: bool
) -> None:
    neuron = ng.LIFParameters(tau_m=torch.linspace(10.0, 30.0, 40), t_ref=2.0, tau_syn=4.0)
    reservoir = living(in_flight=in_flight, stateful=stateful, neuron=neuron)
    reservoir.adapt(signal(0))
    reservoir.save(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors")
    assert_same_graph(reservoir, loaded)
    first, second = reservoir.adapt(signal(1)), loaded.adapt(signal(1))
    assert torch.equal(first.events, second.events)
    assert first.events.numel() > 0
    assert torch.equal(first.states, second.states)
    assert_same_graph(reservoir, loaded)
    assert repr(reservoir) == repr(loaded)


def test_potentials_are_kept(tmp_path: Path) -> None:
    reservoir = living()
    reservoir.reset(v=0.5)
    reservoir.save(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors", backend="reference")
    assert loaded.backend == "reference"
    assert torch.equal(reservoir(signal(2, 3)), loaded(signal(2, 3)))


def test_state_dict_carries_the_living_graph() -> None:
    reservoir, other = living(), living()
    reservoir.adapt(signal(0))
    other.load_state_dict(reservoir.state_dict())
    assert_same_graph(reservoir, other)
    assert torch.equal(reservoir(signal(1, 2)), other(signal(1, 2)))


def test_changing_the_float_type_leaves_the_weights_on_their_grid() -> None:
    reservoir = living()
    before = reservoir(signal(1))
    assert torch.equal(reservoir.half()(signal(1)), before)


@pytest.mark.parametrize(
    "glia",
    [
        [ng.Oligodendrocyte(Coherence(shape=2.0)), ng.Microglia(Winner(long_delay=0.5))],
        [ng.Oligodendrocyte(FixedDelays("two", seed=3)), ng.Microglia(MatchedRandom(Hub(2.0)))],
    ],
    ids=["rules", "controls"],
)
def test_rules_with_parameters_are_kept(tmp_path: Path, glia: list[ng.GlialCell]) -> None:
    reservoir = living(glia=glia)
    reservoir.adapt(signal(0))
    reservoir.save(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors")
    assert repr(loaded) == repr(reservoir)
    assert torch.equal(reservoir.adapt(signal(1)).events, loaded.adapt(signal(1)).events)
    assert_same_graph(reservoir, loaded)


def test_a_saved_file_may_be_read_by_others(tmp_path: Path) -> None:
    living().save(tmp_path / "r.safetensors")
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "r.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


class Mine(ng.GlialCell):
    pass


def by_weight(data: Any, generator: torch.Generator) -> Tensor:
    return data.edge_weight


@pytest.mark.parametrize("make", [Mine, lambda: ng.Microglia(criterion=by_weight)])
def test_code_of_your_own_must_be_given_again(
    tmp_path: Path, make: Callable[[], ng.GlialCell]
) -> None:
    living(glia=[make()]).save(tmp_path / "r.safetensors")
    with pytest.raises(ValueError, match=r"does not hold the code of .*load\(path, glia"):
        ng.TriglialReservoir.load(tmp_path / "r.safetensors")
    loaded = ng.TriglialReservoir.load(tmp_path / "r.safetensors", glia=[make()])
    loaded.adapt(signal(0))


def test_an_attribute_that_cannot_be_saved_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    reservoir, path = living(), tmp_path / "r.safetensors"
    reservoir.save(path)
    before = path.read_bytes()
    reservoir.graph.note = {1, 2}
    with pytest.raises(ValueError, match="attribute 'note' of the graph"):
        reservoir.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        living().save(tmp_path / "none" / "r.safetensors")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        ng.TriglialReservoir.load(tmp_path / "r.safetensors")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    living().save(path)
    content = path.read_bytes()
    for size in (0, 7, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match="truncated or not a safetensors file"):
            ng.TriglialReservoir.load(path)


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    path.write_bytes(pickle.dumps({"graph": 1}))
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        storage.read(path, "reservoir")
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="was not written by pyngn_graph"):
        storage.read(path, "reservoir")
    metadata = {"format": "pyngn_graph", "version": "99", "header": "{}"}
    save_file({"x": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(ValueError, match="version 99 of the format"):
        storage.read(path, "reservoir")
