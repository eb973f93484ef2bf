"""Hostile files: nothing in a file is executed, and nothing is written where it does not belong."""

import ast
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import InMemoryDataset

import pyngn_graph as ng
from pyngn_graph import datasets, storage
from pyngn_graph.datasets import fsdd, nmnist
from pyngn_graph.datasets.one_graph import ConnectomeDataset
from tests.helpers import DATA, assert_same, assert_same_run, frozen, random_drive, random_graph

X = random_drive(1, 3, 40, 2, low=-1.0, high=1.0)


def living(**options: Any) -> ng.TriglialReservoir:
    glia = [ng.Astrocyte(), ng.Oligodendrocyte(max_delay=20), ng.Microglia(fraction=0.1)]
    return ng.TriglialReservoir(
        random_graph(2, num_nodes=20, num_edges=100),
        in_channels=2,
        glia=glia,
        glia_period=30,
        **options,
    )


class Planted:
    """A pickle that writes a file when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return shutil.copyfile, (__file__, str(self.marker))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


READERS: dict[str, Callable[[Path], Any]] = {
    "reservoir": ng.TriglialReservoir.load,
    "graph": ng.load_graph,
    "ridge": ng.RidgeReadout.load,
    "delta": ng.DeltaReadout.load,
    "run": lambda path: living().adapt(X, checkpoint=path),
    "cache": lambda path: ConnectomeDataset(path.parent, {}, random_graph, {}).load(str(path)),
}


def plant_plain(path: Path, planted: Planted) -> None:
    path.write_bytes(pickle.dumps(planted))


def plant_torch(path: Path, planted: Planted) -> None:
    torch.save({"graph": planted, "x": torch.zeros(3)}, path)


def plant_numpy(path: Path, planted: Planted) -> None:
    with path.open("wb") as file:
        np.savez(file, graph=np.array([planted], dtype=object))


PLANTS = {".pkl": plant_plain, ".pt": plant_torch, ".npz": plant_numpy}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("reader", READERS)
def test_planted_pickles_are_refused(tmp_path: Path, marker: Path, plant: str, reader: str) -> None:
    path = tmp_path / f"file{plant}"
    PLANTS[plant](path, Planted(marker))
    content = path.read_bytes()
    with pytest.raises(
        ValueError, match=r"truncated or not a safetensors file|are pickles"
    ) as caught:
        READERS[reader](path)
    assert str(path) in str(caught.value)
    assert not marker.exists()
    assert path.read_bytes() == content


def test_the_planted_pickles_do_go_off(tmp_path: Path, marker: Path) -> None:
    plant_plain(tmp_path / "file", Planted(marker))
    pickle.loads((tmp_path / "file").read_bytes())
    assert marker.exists()


def test_the_loader_of_pyg_would_have_executed_it(tmp_path: Path, marker: Path) -> None:
    plant_torch(tmp_path / "data.pt", Planted(marker))
    with pytest.warns(UserWarning, match="weights_only"), pytest.raises(AssertionError):
        InMemoryDataset().load(str(tmp_path / "data.pt"))
    assert marker.exists()


def raw(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"no {name} in {DATA}")
    return DATA / name


CACHES = ("data.pt", "pre_filter.pt", "pre_transform.pt", "train.pt", "training.pt")

SETS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "CElegans": ("celegans", datasets.CElegans),
    "DrosophilaLarva": ("drosophila_larva", datasets.DrosophilaLarva),
    "NMNISTSmall": ("nmnist_small", datasets.NMNISTSmall),
    "JapaneseVowels": ("japanese_vowels", datasets.JapaneseVowels),
    "Chickenpox": ("pyg_temporal", datasets.Chickenpox),
    "PedalMe": ("pyg_temporal", datasets.PedalMe),
    "SantaFeLaser": ("santafe_laser", datasets.SantaFeLaser),
    "Sunspots": ("sunspots", datasets.Sunspots),
    "HumanConnectome998": ("tvb_brains", datasets.HumanConnectome998),
    "Mouse98": ("tvb_brains", datasets.Mouse98),
}


@pytest.mark.parametrize("name", SETS)
def test_caches_planted_beside_raw_files_are_not_read(
    tmp_path: Path, marker: Path, name: str
) -> None:
    folder, make = SETS[name]
    root = tmp_path / "root"
    root.mkdir()
    for file in raw(folder).iterdir():
        (root / file.name).symlink_to(file)
    for place in (root, root / "processed", root / "raw"):
        place.mkdir(exist_ok=True)
        for cache in CACHES:
            plant_torch(place / cache, Planted(marker))
    before = sorted(root.rglob("*"))
    assert len(make(root)) > 0
    assert not marker.exists()
    assert sorted(root.rglob("*")) == before


# --- archives

SLIPS = ("../evil", "recordings/../../evil", "/evil-absolute", "NMNISTsmall/../../evil")


@pytest.fixture
def slipping(tmp_path: Path) -> Path:
    """A folder with archives whose members lead out of it."""
    root = tmp_path / "in" / "root"
    root.mkdir(parents=True)
    for name in ("recordings.zip", "NMNISTsmall.zip"):
        with zipfile.ZipFile(root / name, "w") as archive:
            for member in SLIPS:
                archive.writestr(member, "evil")
            archive.writestr("NMNISTsmall/train1K.txt", "../../evil 3")
    return root


def test_names_do_not_lead_out_of_an_archive(
    tmp_path: Path, slipping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="SHA-256"):
        datasets.FSDD(slipping)
    monkeypatch.setattr(fsdd, "read_checked", lambda *args: (slipping / args[1]).read_bytes())
    with pytest.raises(ValueError, match="outside 'recordings/'"):
        datasets.FSDD(slipping)
    monkeypatch.setattr(nmnist, "check_sha256", lambda *args: None)
    with pytest.raises(ValueError, match="must hold a number and a digit"):
        datasets.NMNISTSmall(slipping)
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/evil-absolute").exists()


# --- the source: no door is left open

BANNED_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}
BANNED_CALLS = {"eval", "exec", "compile", "__import__", "np.load", "numpy.load", "joblib.load"}
BANNED_METHODS = {"extract", "extractall", "unpack_archive", "torch_load"}
SOURCES = sorted(Path(ng.__file__).parent.rglob("*.py"))


def _is_safe(keyword: ast.keyword) -> bool:
    return keyword.arg == "weights_only" and ast.unparse(keyword.value) == "True"


def offences(source: str) -> list[str]:
    """Imports and calls by which a file could be made to run code or to write elsewhere."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.split(".")[0] in BANNED_MODULES]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called == "torch.load" and not any(map(_is_safe, node.keywords)):
                found.append(called)
            if called in BANNED_CALLS or called.split(".")[-1] in BANNED_METHODS:
                found.append(called)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=[p.stem for p in SOURCES])
def test_the_package_has_no_call_that_runs_what_a_file_holds(path: Path) -> None:
    assert not offences(path.read_text())


def test_such_calls_are_found() -> None:
    source = "from pickle import load\nnp.load(f)\nimport a, pickle\nz.extractall(d)\ntorch.load(f)"
    assert offences(source) == ["pickle", "pickle", "np.load", "z.extractall", "torch.load"]
    assert offences("torch.load(f, weights_only=False)") == ["torch.load"]
    assert not offences("torch.load(f, weights_only=True)")


# --- what is saved is read again, to the same bits


def test_a_graph_is_read_as_it_was(tmp_path: Path) -> None:
    graph = living().graph
    graph.node_label, graph.note = [f"n{i}" for i in range(20)], {"a": [1, 0.1, None, True]}
    before = frozen(graph)
    ng.save_graph(graph, tmp_path / "g.safetensors")
    assert_same(graph, before)
    assert_same(ng.load_graph(tmp_path / "g.safetensors"), before)
    assert list(tmp_path.iterdir()) == [tmp_path / "g.safetensors"]


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(()),
        torch.zeros(0, 3),
        torch.tensor([7]).expand(0, 1),
        torch.tensor([7]).as_strided((1,), (0,)),
        torch.arange(12).view(3, 4).t(),
        torch.arange(12)[::5],
        torch.arange(12)[3:4],
        torch.tensor(1.5).expand(4),
        torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        torch.tensor([True, False]),
    ],
    ids=lambda value: f"{value.dtype}{list(value.shape)}",
)
def test_tensors_of_every_shape_and_stride_are_kept(tmp_path: Path, value: Tensor) -> None:
    graph = random_graph()
    graph.note, graph.same = value, value
    before = frozen(graph)
    ng.save_graph(graph, tmp_path / "g")
    assert_same(ng.load_graph(tmp_path / "g"), before)


@pytest.mark.parametrize(
    "value",
    [{1}, torch.zeros(2, 2).to_sparse(), torch.zeros(20, dtype=torch.complex64), float("nan")],
)
def test_what_a_file_cannot_hold_is_named(tmp_path: Path, value: Any) -> None:
    graph = random_graph()
    graph.note = value
    with pytest.raises(ValueError, match=r"'note' of the graph .* dense, real tensor or a JSON"):
        ng.save_graph(graph, tmp_path / "g")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_breaks_a_rule_is_refused(tmp_path: Path) -> None:
    graph = random_graph()
    graph.edge_delay[0] = 0
    with pytest.raises(ValueError, match="'edge_delay'"):
        ng.save_graph(graph, tmp_path / "g")
    tensors = {key: value for key, value in graph.to_dict().items() if isinstance(value, Tensor)}
    storage.write(tmp_path / "g", "graph", tensors, {"graph": {"num_nodes": graph.num_nodes}})
    with pytest.raises(ValueError, match=r"g': 'edge_delay'"):
        ng.load_graph(tmp_path / "g")


@pytest.mark.parametrize("readout", [ng.RidgeReadout([0.1, 1e-3]), ng.DeltaReadout(0.1, 2, 3)])
@pytest.mark.parametrize("rows", [0, 5, 3000])
def test_a_readout_goes_on_learning_to_the_same_bits(
    tmp_path: Path, readout: ng.RidgeReadout | ng.DeltaReadout, rows: int
) -> None:
    path = tmp_path / "readout"
    x, y = random_drive(3, rows + 9, 4), torch.arange(rows + 9) % 3
    readout = type(readout)(**readout.config())
    if rows:
        readout.partial_fit(x[:rows], y[:rows])
    readout.save(path)
    loaded = type(readout).load(path)
    assert repr(loaded) == repr(readout)
    for each in (readout, loaded):
        each.partial_fit(x[rows:], y[rows:])
    assert torch.equal(loaded.weight, readout.weight)
    assert torch.equal(loaded.predict(x), readout.predict(x))
    other = ng.DeltaReadout if isinstance(readout, ng.RidgeReadout) else ng.RidgeReadout
    with pytest.raises(ValueError, match=f"readout': this is a {type(readout).__name__}; call"):
        other.load(path)


@pytest.mark.parametrize("stateful", [True, False])
def test_a_state_dict_carries_the_fast_state_and_needs_no_pickle(
    tmp_path: Path, stateful: bool
) -> None:
    reservoir, other = living(stateful=stateful), living(stateful=stateful)
    reservoir.adapt(X)
    if not stateful:
        reservoir.reset(v=0.5)
    torch.save(reservoir.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    ours, theirs = (each.adapt(X, record=("v",)) for each in (reservoir, other))
    assert_same_run(ours, theirs)
    assert_same(other.graph, frozen(reservoir.graph))


def test_a_fast_state_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    reservoir = living(stateful=True)
    reservoir.adapt(X)
    state = reservoir.state_dict()
    other = living(stateful=True, neuron=ng.LIFParameters(tau_syn=5.0))
    graph = frozen(other.graph)
    with pytest.raises(ValueError, match="lacks 'i_syn'; it belongs to another reservoir"):
        other.load_state_dict(state)
    assert_same(other.graph, graph)
    other = ng.TriglialReservoir(random_graph(3), in_channels=2, stateful=True)
    with pytest.raises(ValueError, match="must keep the 8 neurons"):
        other.set_extra_state(reservoir.get_extra_state())


# --- damage


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    reservoir = living(stateful=True)
    reservoir.adapt(X)
    reservoir.save(tmp_path / "r.safetensors")
    return tmp_path / "r.safetensors"


def test_every_flipped_bit_is_noticed(saved: Path) -> None:
    content = saved.read_bytes()
    for place in range(0, len(content), len(content) // 60):
        changed = bytearray(content)
        changed[place] ^= 1  # the lowest: of a bool it is the only one that is read
        saved.write_bytes(bytes(changed))
        with pytest.raises(ValueError, match=str(saved)):
            ng.TriglialReservoir.load(saved)


def forge(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the header of a file, checksum included."""
    tensors, header = storage.read(path, "reservoir")
    change(header)
    storage.write(path, "reservoir", tensors, header)


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no setting": (lambda h: h.pop("setting"), r"is damaged: .*\(KeyError: 'setting'\)"),
    "setting of another type": (lambda h: h.update(setting=3), "is damaged: .*TypeError"),
    "an argument too many": (
        lambda h: h["setting"].update(colour=1),
        "is damaged: .*TypeError.*'colour'",
    ),
    "text for a number": (lambda h: h["setting"].update(dt="1"), "is damaged|'dt'|dt ="),
    "a period of 0": (lambda h: h["setting"].update(glia_period=0), "'glia_period' must be"),
    "no graph": (lambda h: h.pop("graph"), "is damaged: .*KeyError: 'graph'"),
    "a step in words": (lambda h: h.update(fast="one"), "is of step 'one', which is none"),
    "a foreign cell": (
        lambda h: h["setting"]["glia"][0].update({"class": "system"}),
        r"does not hold the code of 'system'; pass the cells to 'load\(path, glia",
    ),
    "a foreign rule": (
        lambda h: h["setting"]["glia"][1]["config"].update(rule={"rule": "os.system", "x": "ls"}),
        "is damaged: .*KeyError: 'os.system'",
    ),
    "a foreign argument": (
        lambda h: h["setting"]["glia"][0]["config"].update(command="ls"),
        "is damaged: .*TypeError.*'command'",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_does_not_fit_is_one_error(saved: Path, name: str) -> None:
    change, match = HEADERS[name]
    forge(saved, change)
    with pytest.raises(ValueError, match=match) as caught:
        ng.TriglialReservoir.load(saved)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "nothing", "[" * 100_000, '{"kind": "other"}', "{}"])
def test_a_header_that_is_none_is_one_error(saved: Path, text: str) -> None:
    from safetensors.torch import save_file

    tensors = {"x": torch.zeros(2)}
    metadata = {"format": "pyngn_graph", "version": "2", "header": text}
    save_file(tensors, saved, metadata=metadata | {"sha256": storage.digest(tensors, text)})
    with pytest.raises(ValueError, match=r"is damaged: its parts do not fit"):
        ng.TriglialReservoir.load(saved)


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({"version": "0"}, "damaged: its version is '0'"),
        ({"version": "two"}, "damaged: its version is 'two'"),
        ({"version": "3"}, "version 3 of the format, newer than 2; update pyngn-graph"),
        ({}, "is damaged: .*KeyError: 'version'"),
        ({"version": "2", "header": "{}"}, "is damaged: .*KeyError: 'sha256'"),
        ({"version": "1", "header": "{}", "sha256": "0"}, "its checksum does not fit"),
    ],
)
def test_versions_that_cannot_be(saved: Path, metadata: dict[str, str], match: str) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, saved, metadata={"format": "pyngn_graph"} | metadata)
    with pytest.raises(ValueError, match=match):
        ng.TriglialReservoir.load(saved)


def test_what_the_caller_gets_wrong_is_not_called_damage(saved: Path) -> None:
    with pytest.raises(TypeError, match="'glia' must be a list of cells"):
        ng.TriglialReservoir.load(saved, glia="astrocyte")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Glia must be callables"):
        ng.TriglialReservoir.load(saved, glia=[ng.Astrocyte])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="'none'"):
        ng.TriglialReservoir.load(saved, backend="none")


@pytest.mark.parametrize(
    "write",
    [
        lambda path: living().save(path),
        lambda path: ng.save_graph(random_graph(), path),
        lambda path: ng.RidgeReadout().save(path),
    ],
    ids=["reservoir", "graph", "readout"],
)
def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match=r"Cannot write '.*file' \(No space left on device\)"):
                write(path)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        write(path / "below")
