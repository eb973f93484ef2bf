import hashlib
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import DATA, assert_same, frozen, random_graph
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose

import pyngn_graph as ng
from pyngn_graph.datasets import ConnectomeDataset, HumanConnectome998, Mouse98, connectome
from pyngn_graph.datasets import human as human_module
from pyngn_graph.datasets import mouse as mouse_module

WEIGHTS = "0 0.5 0\n0.25 0 0\n1 0 0.125\n"
TRACTS = "0 6 9\n6 0 0\n9 0 0\n"
CENTERS = "rA 0 0 0\nrA 3 4 0\nlB 0 0 8\n"


def archive(root: Path, module: Any, folder: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, text in (("weights", WEIGHTS), ("tract_lengths", TRACTS), ("centres", CENTERS)):
            packed.writestr(f"{folder}{name}.txt", text)
        packed.writestr("__MACOSX/._x", "no table")
        packed.writestr("../../evil", "outside")
    (root / module.FILE).write_bytes(file.getvalue())
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(file.getvalue()).hexdigest())
    return root


@pytest.fixture
def human(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "in" / "root"
    root.mkdir(parents=True)
    return archive(root, human_module, "", monkeypatch)


def test_human_by_hand(human: Path, tmp_path: Path) -> None:
    ds = HumanConnectome998(human, inhibitory_fraction=0.0, velocity=1000.0)
    data = ds[0]
    assert data.node_label == ["rA1", "rA2", "lB"]
    assert data.region == ["rA", "rA", "lB"]
    assert data.pos.tolist() == [[0, 0, 0], [3000, 4000, 0], [0, 0, 8000]]
    # Rows project to columns; a tract of 6 mm at 1 mm per ms, and one of 9.
    assert data.edge_index.tolist() == [[0, 1, 2, 2], [1, 0, 0, 2]]
    assert data.edge_count.tolist() == [0.5, 0.25, 1.0, 0.125]
    assert data.edge_delay.tolist() == [7, 7, 10, 1]
    straight = HumanConnectome998(human, "straight", velocity=1000.0)[0]
    assert straight.edge_delay.tolist() == [6, 6, 9, 1]
    bounded = HumanConnectome998(human, velocity=1000.0, max_delay=8, autapses=False)[0]
    assert bounded.edge_delay.tolist() == [7, 7, 8]
    assert data.velocity == 1000.0
    roots = [math.sqrt(count) for count in (0.5, 0.25, 1.0, 0.125)]
    expected = [0.2 * root / (sum(roots) / 4) for root in roots]
    torch.testing.assert_close(data.edge_weight, torch.tensor(expected))
    assert not list(tmp_path.rglob("evil"))
    assert [p.name for p in human.iterdir()] == [human_module.FILE]


def test_mouse_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = archive(tmp_path, mouse_module, mouse_module.FOLDER, monkeypatch)
    data = Mouse98(root, velocity=100.0)[0]
    assert data.pos.tolist() == [[0, 0, 0], [300, 400, 0], [0, 0, 800]]
    assert data.edge_delay.tolist() == [6, 6, 9, 1]
    (root / mouse_module.FILE).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"ConnectivityAllen2mm.zip'; get it from https.*tvb"
    ):
        Mouse98(root)


def test_errors(human: Path) -> None:
    with pytest.raises(
        ValueError, match=r"Unknown lengths 'arc'; available: \['tract', 'straight'"
    ):
        HumanConnectome998(human, "arc")
    (human / human_module.FILE).write_bytes(b"other")
    with pytest.raises(
        ValueError, match=r"'connectivity_998.zip' is not the file that was expected"
    ):
        HumanConnectome998(human)
    edge_index, count, pos = torch.tensor([[0], [1]]), torch.ones(1), torch.zeros(2, 3)
    for value in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"'length' must be finite and not negative: 1 of 1"):
            connectome(edge_index, count, 2, pos=pos, length=torch.tensor([value]))
    with pytest.raises(ValueError, match=r"'length' must have 1 rows \(got 2\)"):
        connectome(edge_index, count, 2, pos=pos, length=torch.zeros(2))


# --- graphs that are kept


class Weaker(BaseTransform):
    """Multiplies weights, and counts how often it is asked to."""

    calls = 0

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def forward(self, data: Data) -> Data:
        Weaker.calls += 1
        data.edge_weight = data.edge_weight * self.factor
        return data


def test_pre_transform_is_applied_once(human: Path) -> None:
    plain = HumanConnectome998(human)[0]
    Weaker.calls = 0
    ds = HumanConnectome998(human, pre_transform=Weaker(0.5), transform=Weaker(0.5))
    assert Weaker.calls == 1
    for _ in range(2):
        torch.testing.assert_close(ds[0].edge_weight, plain.edge_weight / 4)
    assert [p.name for p in human.iterdir()] == [human_module.FILE]  # nothing is kept unasked


def test_a_kept_graph_needs_no_raw_files(human: Path) -> None:
    Weaker.calls = 0
    options: dict[str, Any] = {"pre_transform": Compose([Weaker(0.5)]), "cache": True}
    ds = HumanConnectome998(human, **options)
    kept = Path(ds.processed_paths[0])
    assert kept.parent == human / "processed"
    assert_same(ng.load_graph(kept), frozen(ds[0]))
    assert ds.raw_file_names == [human_module.FILE]
    (human / human_module.FILE).unlink()
    assert_same(HumanConnectome998(human, **options)[0], frozen(ds[0]))
    assert Weaker.calls == 1
    # Whatever differs is another graph, and needs them.
    for other in (
        {"lengths": "straight"},
        {"seed": 1},
        {"weight": 0.3},
        {"pre_transform": Compose([Weaker(0.25)])},
        {"pre_transform": None},
    ):
        with pytest.raises(FileNotFoundError, match=r"not hold 'connectivity_998.zip'"):
            HumanConnectome998(human, **{**options, **other})
    assert list(kept.parent.iterdir()) == [kept]


def test_what_cannot_be_told_apart_is_not_kept(human: Path) -> None:
    with pytest.raises(ValueError, match=r"'pre_transform' holds <function.*pass cache=False"):
        HumanConnectome998(human, pre_transform=lambda data: data, cache=True)
    assert [p.name for p in human.iterdir()] == [human_module.FILE]


def test_tensors_among_the_arguments_count(tmp_path: Path) -> None:
    names = set()
    for value in (1, 1.0, 1.5, True, "1", None, torch.ones(2), torch.zeros(2), [1], {"a": 1}):
        ds = ConnectomeDataset(tmp_path, {}, random_graph, {"a": value})
        names.update(ds.processed_file_names)
    assert len(names) == 10


def test_a_damaged_kept_graph_is_refused_unread(human: Path) -> None:
    ds = HumanConnectome998(human, cache=True)
    kept = Path(ds.processed_paths[0])
    for content in (kept.read_bytes()[:-1], b"\x80\x04pickled"):
        kept.write_bytes(content)
        with pytest.raises(ValueError, match=r"truncated or not a safetensors.*it is made anew"):
            HumanConnectome998(human, cache=True)
    kept.unlink()
    assert_same(HumanConnectome998(human, cache=True)[0], frozen(ds[0]))


# --- the real ones

real = pytest.mark.skipif(not (DATA / "tvb_brains").is_dir(), reason="needs it in PYNGN_DATA")


@real
def test_human_is_what_its_card_says() -> None:
    data = HumanConnectome998(DATA / "tvb_brains")[0]
    assert (data.num_nodes, data.num_edges) == (998, 35_730)
    assert len(set(data.node_label)) == 998
    assert len(set(data.region)) == 66
    assert (int(data.edge_delay.min()), int(data.edge_delay.max())) == (2, 64)
    backward = data.edge_index.flip(0)
    order = (backward[0] * 998 + backward[1]).argsort()
    assert torch.equal(backward[:, order], data.edge_index)  # every link has both directions


@real
def test_mouse_is_what_its_card_says() -> None:
    data = Mouse98(DATA / "tvb_brains")[0]
    assert (data.num_nodes, data.num_edges) == (98, 9590)
    assert data.has_self_loops()
    assert (int(data.edge_delay.min()), int(data.edge_delay.max())) == (1, 5)
    # Direction: cortex projects to the striatum, which does not project back.
    matrix = torch.zeros(98, 98).index_put_(tuple(data.edge_index), data.edge_count)
    striatum = data.region.index("Right_Caudoputamen")
    cortex = [i for i, name in enumerate(data.region) if name.startswith("Right_Primary_")]
    assert matrix[cortex, striatum].mean() > 5 * matrix[striatum, cortex].mean()
