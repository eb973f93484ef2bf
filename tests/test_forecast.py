import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import DATA
from torch import Tensor
from torch_geometric.loader import DataLoader

from pyngn_graph.datasets import ForecastDataset, SantaFeLaser, Sunspots, santafe_laser, sunspots


def make(
    split: str | None, horizon: int = 1, scale: bool = False, **options: int
) -> ForecastDataset:
    arguments = {"num_train": 6, "num_test": 3, **options}
    signal = torch.arange(12, dtype=torch.float64)
    return ForecastDataset(signal, split, horizon=horizon, scale=scale, transform=None, **arguments)


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_runs_by_hand(horizon: int) -> None:
    train, test, both = (make(split, horizon) for split in ("train", "test", None))
    assert train.y.tolist() == [list(range(horizon, 6))]
    assert test.y.tolist() == [[6, 7, 8]]  # whatever the horizon
    for ds in (train, test, both):
        assert torch.equal(ds.x[..., 0] + horizon, ds.y)
        assert torch.equal(ds[0].x, ds.x[0])
        assert torch.equal(ds[0].y, ds.y[0])
    assert torch.equal(torch.cat([train.y, test.y], dim=1), both.y)
    assert torch.equal(both.y[:, both.for_test], test.y)
    assert next(iter(DataLoader(both))).x.shape == (9 - horizon, 1)
    assert make(None, num_test=6).y[0, -1] == 11


def test_training_samples_set_the_scale() -> None:
    for split in ("train", "test", None):
        ds = make(split, scale=True)
        assert ds.mean == 2.5
        assert ds.std == pytest.approx(np.std(range(6)))
        torch.testing.assert_close(ds.signal[:6].mean(), torch.tensor(0.0))
        torch.testing.assert_close(ds.signal[:6].std(correction=0), torch.tensor(1.0))
    flat = ForecastDataset(torch.ones(9), "train", 4, None, 1, True, None)
    assert flat.signal.tolist() == [[0.0]] * 9


def test_errors() -> None:
    for options, message in (
        ({"num_train": 12}, r"'num_train' must be an int from 2 to 11 \(got 12\)"),
        ({"num_test": 7}, r"'num_test' must be an int from 1 to 6 \(got 7\)"),
        ({"horizon": 6}, r"'horizon' must be an int from 1 to 5 \(got 6\)"),
        ({"horizon": 1.0}, r"'horizon' must be an int from 1 to 5 \(got 1.0\)"),
    ):
        with pytest.raises(ValueError, match=message):
            make("train", **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Unknown split 'val'"):
        make("val")


def test_the_laser_from_a_small_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / santafe_laser.FILE
    np.save(path, np.arange(20)[:, None])
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(santafe_laser, "SHA256", sha256)
    ds = SantaFeLaser(tmp_path, "test", 10, 5, scale=False)
    assert ds.y.tolist() == [[10, 11, 12, 13, 14]]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"'santafe_laser.npy' is not the file that was expected"):
        SantaFeLaser(tmp_path)
    # A pickle in the file is refused even with the right checksum.
    np.save(path, np.array([{"a": 1}], dtype=object))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(santafe_laser, "SHA256", sha256)
    with pytest.raises(ValueError, match="allow_pickle"):
        SantaFeLaser(tmp_path)


def test_sunspots_from_a_small_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{1749 + i};01;{1749 + i}.042;  {90.5 + i}; -1.0;   -1;1" for i in range(8)]
    content = "\r\n".join([*rows, ""]).encode()
    (tmp_path / sunspots.FILE).write_bytes(content)
    monkeypatch.setattr(sunspots, "SHA256", hashlib.sha256(content).hexdigest())
    ds = Sunspots(tmp_path, "test", 4, None, scale=False)
    assert ds.year[1] == 1750.042
    assert ds.y.tolist() == [[94.5, 95.5, 96.5, 97.5]]
    (tmp_path / sunspots.FILE).unlink()
    with pytest.raises(FileNotFoundError, match=r"'SN_m_tot_V2.0.csv'; get it from https"):
        Sunspots(tmp_path)


def errors(ds: ForecastDataset, lags: int = 10) -> list[float]:
    """Normalized mean squared errors in testing: a line through the lags, the last value again."""
    x = torch.nn.functional.pad(ds.x[0, :, 0].double().unfold(0, lags, 1), (0, 1), value=1.0)
    y, test = ds.y[0, lags - 1 :].double(), ds.for_test[lags - 1 :]
    weights = torch.linalg.lstsq(x[~test], y[~test].unsqueeze(1)).solution[:, 0]

    def error(guess: Tensor) -> float:
        return float((guess - y[test]).square().mean() / y[test].var(correction=0))

    return [error(x[test] @ weights), error(x[test, -2])]


@pytest.mark.skipif(not (DATA / "santafe_laser").is_dir(), reason="needs it in PYNGN_DATA")
def test_the_laser_is_what_its_card_says() -> None:
    ds = SantaFeLaser(DATA / "santafe_laser", None)
    assert ds.signal.shape == (10093, 1)
    assert errors(ds) == pytest.approx([0.202, 0.929], abs=0.001)
    raw = SantaFeLaser(DATA / "santafe_laser", scale=False).signal
    assert (int(raw.min()), int(raw.max())) == (0, 255)


@pytest.mark.skipif(not (DATA / "sunspots").is_dir(), reason="needs it in PYNGN_DATA")
def test_sunspots_are_what_their_card_says() -> None:
    ds = Sunspots(DATA / "sunspots", None)
    assert ds.signal.shape == (3242, 1)
    assert errors(ds) == pytest.approx([0.107, 0.125], abs=0.001)
    raw = Sunspots(DATA / "sunspots", scale=False)
    assert float(raw.signal.max()) == pytest.approx(398.2)
    assert (float(raw.year[0]), float(raw.year[-1])) == (1749.042, 2019.122)
