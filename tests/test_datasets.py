import hashlib
import struct
import sys
import wave
import zipfile
from pathlib import Path

import pytest
import torch
from helpers import DATA
from torch import Tensor
from torch_geometric.loader import DataLoader

from pyngn_graph.datasets import (
    FSDD,
    Digits,
    SeriesDataset,
    channel_statistics,
    fsdd,
    standardize,
)
from pyngn_graph.encoding import filter_bank
from pyngn_graph.readout import RidgeReadout


def series(num_series: int = 12, num_channels: int = 3) -> SeriesDataset:
    g = torch.Generator().manual_seed(0)
    lengths = torch.randint(2, 9, (num_series,), generator=g)
    x = torch.randn(num_series, 8, num_channels, generator=g)
    x[torch.arange(8) >= lengths.unsqueeze(1)] = 0.0
    return SeriesDataset(x, lengths, torch.arange(num_series) % 4)


# --- what all series have


def test_items_and_dense_view_agree() -> None:
    whole = series()
    mask = whole.y != 2
    for ds in (whole, whole[3:9], whole[mask], whole[[5, 1]], whole.shuffle()):
        assert ds.x.shape == (len(ds), int(ds.lengths.max()), 3)
        for i, data in enumerate(ds):
            length = int(ds.lengths[i])
            assert torch.equal(data.x, ds.x[i, :length])
            assert float(ds.x[i, length:].abs().sum()) == 0.0
            assert data.y.tolist() == [int(ds.y[i])]
            assert data.num_nodes == length
    assert torch.equal(whole[mask].y, whole.y[mask])


def test_slices_are_views_and_other_selections_copies() -> None:
    whole = series()
    start = whole.x.data_ptr()
    assert whole[:5].x.data_ptr() == whole[0:9:2].x.data_ptr() == start
    assert whole[3:].lengths.data_ptr() == whole.lengths[3:].data_ptr()
    assert whole[[0, 1]].x.data_ptr() != start
    assert torch.equal(whole[::2][1:3].y, whole.y[[2, 4]])
    assert torch.equal(whole[torch.arange(11, -1, -1)].y, whole.y.flip(0))


def test_a_pyg_loader_batches_the_items() -> None:
    ds = series()
    batches = list(DataLoader(ds, batch_size=5))
    assert [batch.num_graphs for batch in batches] == [5, 5, 2]
    assert torch.equal(torch.cat([batch.y for batch in batches]), ds.y)
    assert torch.equal(torch.cat([b.ptr.diff() for b in batches]), ds.lengths)
    assert torch.equal(batches[0].x, torch.cat([ds[i].x for i in range(5)]))


def test_a_transform_sees_every_item_taken_out() -> None:
    def double(data: object) -> object:
        data.x = 2.0 * data.x  # type: ignore[attr-defined]
        return data

    plain = series()
    ds = SeriesDataset(plain.x, plain.lengths, plain.y, transform=double)
    assert torch.equal(ds[2].x, 2.0 * plain[2].x)
    assert torch.equal(ds[2].x, 2.0 * plain[2].x)  # and leaves what is stored alone
    assert torch.equal(ds.x, plain.x)


def test_standardized_training_series_have_unit_channels() -> None:
    ds = series(200)
    mean, std = channel_statistics(ds.x, ds.lengths)
    flat = torch.cat([data.x for data in ds])
    torch.testing.assert_close(mean, flat.mean(dim=0))
    torch.testing.assert_close(std, flat.std(dim=0, correction=0))
    scaled = standardize(ds.x, ds.lengths, mean, std)
    again = channel_statistics(scaled, ds.lengths)
    torch.testing.assert_close(again, (torch.zeros(3), torch.ones(3)), atol=1e-5, rtol=0)
    behind = torch.arange(scaled.size(1)) >= ds.lengths.unsqueeze(1)
    assert float(scaled[behind].abs().sum()) == 0.0
    constant = standardize(torch.ones(1, 2, 3), torch.tensor([2]), torch.ones(3), torch.zeros(3))
    assert float(constant.abs().sum()) == 0.0
    tenths = torch.full((1, 7, 1), 0.1, dtype=torch.float64)  # their mean is not quite 0.1
    assert channel_statistics(tenths, torch.tensor([7]))[1].item() == 0.0
    with pytest.raises(ValueError, match=r"'std' must have shape \[3\].*got \[1\]"):
        standardize(ds.x, ds.lengths, mean, std[:1])


# --- digits


def test_digits() -> None:
    pytest.importorskip("sklearn")
    train, test, whole = Digits("train"), Digits("test"), Digits(None)
    assert (len(train), len(test), len(whole)) == (1347, 450, 1797)
    assert train.x.shape == (1347, 8, 8)
    assert float(whole.x.min()) == 0.0
    assert float(whole.x.max()) == 1.0
    assert whole.num_classes == 10
    assert train[0].x.shape == (8, 8)
    # Nothing is in both, nothing is lost, and the classes are alike.
    rows = torch.cat([torch.cat([ds.x.flatten(1), ds.y[:, None]], 1) for ds in (train, test)])
    expected = torch.cat([whole.x.flatten(1), whole.y[:, None]], dim=1)
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, expected.tolist()))
    share = test.y.bincount() / whole.y.bincount()
    assert float((share - 0.25).abs().max()) < 0.01
    assert torch.equal(Digits("test").y, test.y)
    assert test.y[:8].tolist() == DIGITS_TEST  # the split is the same everywhere
    readout = RidgeReadout().fit(train.x.flatten(1), train.y)
    assert 0.93 < readout.score(test.x.flatten(1), test.y) < 0.95


DIGITS_TEST = [2, 0, 4, 9, 4, 1, 2, 4]


def test_digits_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="Unknown split 'validation'; available"):
        Digits("validation")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"pip install 'pyngn-graph\[demo\]'"):
        Digits()


# --- spoken digits, from small made-up recordings


def sound(seed: int, num_samples: int) -> Tensor:
    noise = torch.randn(num_samples, generator=torch.Generator().manual_seed(seed))
    return (3000.0 * noise).round().clamp(-32768, 32767)


def write_wav(path: Path, samples: Tensor, rate: int = 8000, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{samples.numel()}h", *samples.int().tolist()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two digits, two speakers, takes 3 to 6: two of four for testing."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "README.md").write_text("not a sound")
    for digit in (0, 7):
        for who in ("theo", "george"):
            for take in range(3, 7):
                name = f"{digit}_{who}_{take}.wav"
                write_wav(recordings / name, sound(take + 10 * digit, 800 + 111 * take))
    return tmp_path


def pack(folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch, **extra: bytes) -> Path:
    """Packs ``folder`` as an archive that passes the checksum."""
    root.mkdir()
    archive = root / "recordings.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("recordings/", b"")
        for path in sorted((folder / "recordings").iterdir()):
            file.write(path, f"recordings/{path.name}")
        for name, content in extra.items():
            file.writestr(name, content)
    monkeypatch.setattr(fsdd, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    return root


def test_fsdd_items_by_hand(folder: Path) -> None:
    ds = FSDD(folder, None, scale=False, num_channels=12)
    assert ds.speakers == ("george", "theo")
    assert ds.take.tolist() == [3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6]
    assert torch.equal(ds.for_test, ds.take < 5)
    assert ds.speaker.tolist() == [0, 0, 1, 1] * 4
    assert ds.y.tolist() == [0, 7, 0, 7] * 4
    assert ds.lengths.tolist() == [(800 + 111 * take) // 80 for take in ds.take.tolist()]
    for data in ds:
        take, digit = int(data.take), int(data.y)
        wave_form = sound(take + 10 * digit, 800 + 111 * take) / 32768.0
        torch.testing.assert_close(data.x, filter_bank(wave_form, 8000.0, 12))
    assert ds.mean is None
    finer = FSDD(folder, None, frame=5.0, window=32.0)
    assert finer.lengths.tolist() == [(800 + 111 * take) // 40 for take in finer.take.tolist()]


def test_fsdd_split_and_scale(folder: Path) -> None:
    whole, train, test = (FSDD(folder, split) for split in (None, "train", "test"))
    assert train.take.unique().tolist() == [5, 6]
    assert test.take.unique().tolist() == [3, 4]
    # An item looks the same whichever split it was loaded with: training items set the scale.
    assert torch.equal(whole[whole.take < 5].x, test.x)
    assert torch.equal(whole[whole.take >= 5].x, train.x)
    mean, std = channel_statistics(train.x, train.lengths)
    torch.testing.assert_close(mean, torch.zeros(20), atol=1e-4, rtol=0)
    torch.testing.assert_close(std, torch.ones(20), atol=1e-4, rtol=0)
    # By hand, with statistics from elsewhere.
    raw = FSDD(folder, "test", scale=False)
    assert train.mean is not None
    assert train.std is not None
    by_hand = standardize(raw.x, raw.lengths, train.mean, train.std)
    torch.testing.assert_close(by_hand, test.x)
    given = FSDD(folder, "test", scale=(train.mean, train.std))
    torch.testing.assert_close(given.x, test.x)


def test_fsdd_archive_is_the_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pack(folder, tmp_path / "packed", monkeypatch)
    assert torch.equal(FSDD(root, None).x, FSDD(folder, None).x)
    assert sorted(path.name for path in root.iterdir()) == ["recordings.zip"]  # nothing unpacked


def test_fsdd_refuses_another_archive(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = pack(folder, tmp_path / "packed", monkeypatch)
    archive = root / "recordings.zip"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"SHA-256 is [0-9a-f]{64}, not .*anew from https://"):
        FSDD(root)


def test_fsdd_refuses_members_outside_their_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, name in enumerate(("../0_theo_9.wav", "/0_theo_9.wav", "recordings/../x/0_theo_9.wav")):
        root = pack(folder, tmp_path / f"packed{i}", monkeypatch, **{name: b"evil"})
        with pytest.raises(ValueError, match="outside 'recordings/'"):
            FSDD(root)
        assert not list(tmp_path.rglob("*_theo_9.wav"))


def test_fsdd_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"get the folder.*github.com/Jakobovski"):
        FSDD(tmp_path)
    (tmp_path / "recordings").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no \.wav files"):
        FSDD(tmp_path)
    write_wav(tmp_path / "recordings" / "0_theo_0.wav", sound(0, 900))
    with pytest.raises(ValueError, match="no recordings of the split 'train'"):
        FSDD(tmp_path)
    with pytest.raises(ValueError, match=r"no training recordings to scale by.*scale=False"):
        FSDD(tmp_path, "test")
    assert len(FSDD(tmp_path, "test", scale=False)) == 1
    with pytest.raises(ValueError, match="Unknown split 'Test'"):
        FSDD(tmp_path, "Test")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(b"no sound at all"), "'1_theo_6.wav' is no readable wav"),
        (lambda p: p.write_bytes(b""), "is no readable wav"),
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), "cut short: 1991 of 2000 bytes"),
        (lambda p: p.write_bytes(p.read_bytes()[:30]), "is no readable wav"),
        (lambda p: write_wav(p, torch.zeros(0)), "cut short"),
        (lambda p: write_wav(p, torch.zeros(10), rate=16000), "8000 Hz .got 1 channels.*16000 Hz"),
        (lambda p: write_wav(p, torch.zeros(10), channels=2), "must be mono.*got 2 channels"),
        (lambda p: p.rename(p.with_name("one_theo_6.wav")), "'one_theo_6.wav' is not named"),
    ],
)
def test_fsdd_damaged_recordings(folder: Path, damage: object, message: str) -> None:
    path = folder / "recordings" / "1_theo_6.wav"
    write_wav(path, sound(0, 1000))
    assert len(FSDD(folder)) == 9
    damage(path)  # type: ignore[operator]
    with pytest.raises(ValueError, match=message):
        FSDD(folder)


# --- spoken digits, the real ones


def segment_means(ds: SeriesDataset, num_segments: int = 5) -> Tensor:
    parts = [data.x.tensor_split(num_segments) for data in ds]
    return torch.stack([torch.cat([part.mean(dim=0) for part in item]) for item in parts])


@pytest.mark.skipif(not (DATA / "fsdd").is_dir(), reason="needs FSDD in the folder PYNGN_DATA")
def test_fsdd_is_what_its_card_says() -> None:
    ds = FSDD(DATA / "fsdd", None)
    assert len(ds) == 3000
    assert ds.speakers == ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    assert ds.y.bincount().tolist() == [300] * 10
    assert ds.speaker.bincount().tolist() == [500] * 6
    assert ds.take.bincount().tolist() == [60] * 50
    assert (int(ds.lengths.min()), int(ds.lengths.max())) == (1148 // 80, 18262 // 80)
    test = ds.take < 5
    assert (int(test.sum()), int((~test).sum())) == (300, 2700)
    features = segment_means(ds)
    readout = RidgeReadout().fit(features[~test], ds.y[~test])
    assert 0.92 < readout.score(features[test], ds.y[test]) < 0.96
