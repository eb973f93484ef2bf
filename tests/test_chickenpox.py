import hashlib
import json
from pathlib import Path

import pytest
import torch
from helpers import DATA
from torch import Tensor
from torch_geometric.loader import DataLoader

from pyngn_graph.datasets import Chickenpox, chickenpox


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three places, 12 weeks: week t of place i is 10 t + i."""
    raw = {
        "edges": [[0, 1], [1, 0], [2, 2]],
        "node_ids": {"C": 2, "A": 0, "B": 1},
        "FX": [[10 * t + i for i in range(3)] for t in range(12)],
    }
    content = json.dumps(raw).encode()
    (tmp_path / "chickenpox.json").write_bytes(content)
    monkeypatch.setattr(chickenpox, "SHA256", hashlib.sha256(content).hexdigest())
    return tmp_path


def test_snapshots_by_hand(folder: Path) -> None:
    whole = Chickenpox(folder, None, lags=4)
    assert len(whole) == 8
    assert whole.counties == ("A", "B", "C")
    assert whole.signal.shape == (12, 3)
    assert whole.x.shape == (8, 3, 4)
    data = whole[5]
    assert data.x.tolist() == [[50 + i, 60 + i, 70 + i, 80 + i] for i in range(3)]
    assert data.y.tolist() == [90, 91, 92]
    assert data.edge_index.tolist() == [[0, 1, 2], [1, 0, 2]]
    for i, data in enumerate(whole):
        assert torch.equal(data.x, whole.x[i])
        assert torch.equal(data.y, whole.y[i])
        assert torch.equal(data.y, whole.signal[i + 4])
    batch = next(iter(DataLoader(whole, batch_size=8)))
    assert torch.equal(batch.y.view(8, 3), whole.y)
    assert batch.edge_index.size(1) == 24
    assert torch.equal(whole[[3, 1]].y, whole.y[[3, 1]])


@pytest.mark.parametrize(("lags", "fraction", "num_train"), [(4, 0.5, 4), (1, 0.9, 9), (3, 0.7, 6)])
def test_the_split_is_in_time(folder: Path, lags: int, fraction: float, num_train: int) -> None:
    train, test, whole = (
        Chickenpox(folder, split, lags, fraction) for split in ("train", "test", None)
    )
    assert len(train) == num_train  # rounded down
    assert torch.equal(torch.cat([train.x, test.x]), whole.x)
    assert torch.equal(torch.cat([train.y, test.y]), whole.y)
    assert len(whole) == 12 - lags


def test_errors(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'lags' must be an int from 1 to 11 \(got 12\)"):
        Chickenpox(folder, lags=12)
    with pytest.raises(ValueError, match=r"'lags' must be an int from 1 to 11 \(got 2.0\)"):
        Chickenpox(folder, lags=2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"'train_fraction' must lie between 0 and 1 \(got 1.0\)"):
        Chickenpox(folder, train_fraction=1.0)
    with pytest.raises(ValueError, match="Unknown split 'val'"):
        Chickenpox(folder, "val")
    path = folder / "chickenpox.json"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"'chickenpox.json' is not the file that was expected"):
        Chickenpox(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"not hold 'chickenpox.json'; get it from https"):
        Chickenpox(folder)


def mean_squares(ds: Chickenpox, weights: Tensor) -> list[float]:
    """Errors of saying 0, of saying the last week again, and of a line through the lags."""
    x, y = flat(ds)
    guesses = (torch.zeros_like(y), x[:, -2], x @ weights)
    return [float((guess - y).square().mean()) for guess in guesses]


def flat(ds: Chickenpox) -> tuple[Tensor, Tensor]:
    x = torch.nn.functional.pad(ds.x.flatten(0, 1).double(), (0, 1), value=1.0)
    return x, ds.y.flatten().double()


@pytest.mark.skipif(not (DATA / "pyg_temporal").is_dir(), reason="needs it in PYNGN_DATA")
def test_chickenpox_is_what_its_card_says() -> None:
    # The card's figures for both published splits: they fix the protocol.
    for fraction, size, expected in (
        (0.9, 52, [1.117, 3.032, 0.819]),
        (0.8, 104, [1.047, 3.014, 0.724]),
    ):
        train, test = (
            Chickenpox(DATA / "pyg_temporal", split, train_fraction=fraction)
            for split in ("train", "test")
        )
        assert len(test) == size
        weights = torch.linalg.lstsq(*(v.view(len(v), -1) for v in flat(train))).solution[:, 0]
        assert mean_squares(test, weights) == pytest.approx(expected, abs=0.002)
    assert len(train) + len(test) == 517
    assert train.edge_index.shape == (2, 102)
    assert train.counties[:2] == ("BACS", "BARANYA")
    torch.testing.assert_close(train.signal.mean(dim=0), torch.zeros(20), atol=1e-5, rtol=0)
