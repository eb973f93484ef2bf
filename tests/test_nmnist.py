import hashlib
import zipfile
from pathlib import Path

import pytest
import torch
from helpers import DATA
from torch_geometric.loader import DataLoader

from pyngn_graph.datasets import NMNISTSmall, nmnist
from pyngn_graph.readout import RidgeReadout

EVENTS = {
    1: [(3, 5, 1, 0), (3, 5, 1, 4999), (33, 0, 0, 5000), (0, 33, 1, 299_999), (9, 9, 0, 300_000)],
    7: [(1, 2, 0, 70_000)],
    60001: [(x, 30, x % 2, 1000 * x) for x in range(10)],
}
"""Column, row, polarity and microseconds."""


def pack(events: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for x, y, p, t in events)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two training recordings and one for testing that pass the checksum."""
    inside = tmp_path / "NMNISTsmall"
    inside.mkdir()
    for number, events in EVENTS.items():
        (inside / f"{number}.bs2").write_bytes(pack(events))
    for name, text in (
        ("train1K.txt", "#sample\t#class\n7\t3\n1\t8\n"),
        ("test100.txt", "60001\t0"),
    ):
        (inside / name).write_text(text)
        numbers = [line.split()[0] for line in text.splitlines() if line[0] != "#"]
        parts = [text.encode(), *((inside / f"{n}.bs2").read_bytes() for n in numbers)]
        monkeypatch.setitem(nmnist.SHA256, name, hashlib.sha256(b"".join(parts)).hexdigest())
    return tmp_path


def packed(folder: Path, root: Path) -> Path:
    root.mkdir()
    with zipfile.ZipFile(root / "NMNISTsmall.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((folder / "NMNISTsmall").iterdir()):
            file.write(path, f"NMNISTsmall/{path.name}")
    return root


def test_events_by_hand(folder: Path) -> None:
    train, whole = NMNISTSmall(folder), NMNISTSmall(folder, None)
    assert train.sample.tolist() == [7, 1]
    assert train.y.tolist() == [3, 8]
    assert whole.num_events.tolist() == [1, 5, 10]
    for data, number in zip(whole, (7, 1, 60001), strict=True):
        expected = torch.tensor(EVENTS[number], dtype=torch.float64)
        assert torch.equal(data.x.double(), expected[:, 2:3])
        assert torch.equal(data.pos[:, :2].double(), expected[:, :2])
        torch.testing.assert_close(
            data.pos[:, 2].double(), expected[:, 3] / 1000, check_dtype=False
        )
        assert data.num_nodes == len(expected)
    batch = next(iter(DataLoader(whole, batch_size=3)))
    assert batch.ptr.diff().tolist() == [1, 5, 10]


def test_frames_by_hand(folder: Path) -> None:
    whole = NMNISTSmall(folder, None)
    frames = whole.frames().unflatten(2, (2, 34, 34))
    assert frames.shape == (3, 60, 2, 34, 34)
    assert frames.dtype == torch.float32
    found = {tuple(place): float(frames[tuple(place)]) for place in frames.nonzero().tolist()}
    expected = {(0, 14, 0, 2, 1): 1.0}
    expected |= {(1, 0, 1, 5, 3): 2.0, (1, 1, 0, 0, 33): 1.0, (1, 59, 1, 33, 0): 1.0}
    expected |= {(2, x // 5, x % 2, 30, x): 1.0 for x in range(10)}
    assert found == expected  # the event at 300 ms is left out
    assert torch.equal(whole[[2, 0]].frames(), whole.frames()[[2, 0]])
    assert torch.equal(whole[1:].frames(), whole.frames()[1:])
    assert whole.frames(100.0).sum(dim=2).tolist() == [[1, 0, 0], [3, 0, 1], [10, 0, 0]]
    assert whole.frames(0.5, 301.0).sum(dim=(1, 2)).tolist() == [1, 5, 10]


def test_frames_errors(folder: Path) -> None:
    ds = NMNISTSmall(folder)
    with pytest.raises(ValueError, match=r"'frame' must be a positive time in ms \(got 0"):
        ds.frames(0.0)
    with pytest.raises(ValueError, match="'duration' must be a positive time"):
        ds.frames(5.0, float("nan"))
    with pytest.raises(ValueError, match=r"whole number of microseconds \(got 0.0015 ms"):
        ds.frames(0.0015)
    with pytest.raises(ValueError, match=r"'duration' must be a multiple of 'frame' = 7"):
        ds.frames(7.0)


def test_archive_is_the_folder(folder: Path, tmp_path: Path) -> None:
    root = packed(folder, tmp_path / "packed")
    for split in ("train", "test", None):
        assert torch.equal(NMNISTSmall(root, split).frames(), NMNISTSmall(folder, split).frames())
    assert [path.name for path in root.iterdir()] == ["NMNISTsmall.zip"]  # nothing unpacked


def test_missing_and_changed_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match=r"not hold 'NMNISTsmall/train1K.*slayerPytorch"):
        NMNISTSmall(tmp_path / "nothing")
    path = folder / "NMNISTsmall" / "1.bs2"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\0")
    for i, split in enumerate(("train", None)):
        for root in (folder, packed(folder, tmp_path / f"packed{i}")):
            with pytest.raises(
                ValueError, match=r"'train1K.txt with its recordings' is not the file"
            ):
                NMNISTSmall(root, split)
    assert len(NMNISTSmall(folder, "test")) == 1
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"does not hold 'NMNISTsmall/1.bs2'"):
        NMNISTSmall(folder)
    root = packed(folder, tmp_path / "lacking")
    with pytest.raises(FileNotFoundError, match=r"lacks a file .*1\.bs2.*get it anew"):
        NMNISTSmall(root)
    monkeypatch.setattr(nmnist, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match=r"no readable zip.*'train1K.txt' has 23 bytes"):
        NMNISTSmall(root)
    (root / "NMNISTsmall.zip").write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match=r"'NMNISTsmall.zip' is no readable zip file"):
        NMNISTSmall(root)
    (folder / "NMNISTsmall" / "train1K.txt").write_text("../secret\t3\n")
    with pytest.raises(ValueError, match=r"Line 1 of 'train1K.txt' must hold a number and a digit"):
        NMNISTSmall(folder)


def test_bad_recordings() -> None:
    with pytest.raises(ValueError, match=r"'a.bs2' is cut short: 12 bytes"):
        nmnist.parse_events(bytes(12), "a.bs2")
    events = pack([(1, 1, 0, 5), (33, 34, 1, 9), (40, 2, 0, 9)])
    with pytest.raises(
        ValueError, match=r"34 x 34 pixels: 2 of 3, the first is event 1 at \[33, 34"
    ):
        nmnist.parse_events(events, "a.bs2")
    channel, time = nmnist.parse_events(b"", "a.bs2")
    assert channel.numel() == time.numel() == 0
    assert nmnist.parse_events(pack([(33, 33, 1, 2**23 - 1)]), "a")[1].tolist() == [2**23 - 1]


@pytest.mark.skipif(not (DATA / "nmnist_small").is_dir(), reason="needs N-MNIST in PYNGN_DATA")
def test_nmnist_is_what_its_card_says() -> None:
    whole = NMNISTSmall(DATA / "nmnist_small", None)
    train, test = whole[:1000], whole[1000:]
    assert (len(train), len(test)) == (1000, 100)
    assert train.y.bincount().tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    assert test.y.bincount().tolist() == [8, 14, 8, 11, 14, 7, 10, 15, 2, 11]
    counts = whole.num_events
    assert (int(counts.min()), int(counts.max())) == (1069, 7152)
    assert abs(float(counts.double().quantile(0.5)) - 4164) < 1
    assert float(max(data.pos[:, 2].max() for data in whole[::100])) < 336.1
    readout = RidgeReadout().fit(train.frames(300.0).flatten(1), train.y)
    assert 0.76 < readout.score(test.frames(300.0).flatten(1), test.y) < 0.86
