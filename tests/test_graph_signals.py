import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import DATA
from test_chickenpox import flat, mean_squares

from pyngn_graph.datasets import MontevideoBus, PedalMe, montevideo_bus, pedalme

real = pytest.mark.skipif(not (DATA / "pyg_temporal").is_dir(), reason="needs it in PYNGN_DATA")


def write(root: Path, module: Any, raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    content = json.dumps(raw).encode()
    (root / module.FILE).write_bytes(content)
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(content).hexdigest())
    return root


def test_deliveries_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {
        "edges": [[0, 0], [0, 1], [1, 0]],
        "weights": [1.0, 0.5, 0.25],
        "X": [[t, 10.0 * t] for t in range(9)],
    }
    root = write(tmp_path, pedalme, raw, monkeypatch)
    ds = PedalMe(root, None, lags=3)
    assert len(ds) == 6
    data = ds[2]
    assert data.x.tolist() == [[2, 3, 4], [20, 30, 40]]
    assert data.y.tolist() == [5, 50]
    assert data.edge_index.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert data.edge_weight.tolist() == [1.0, 0.5, 0.25]
    train, test = (PedalMe(root, split, 3, 0.5) for split in ("train", "test"))
    assert torch.equal(torch.cat([train.y, test.y]), ds.y)
    assert len(train) == 3
    with pytest.raises(ValueError, match=r"'lags' must be an int from 1 to 8 \(got 9\)"):
        PedalMe(root, lags=9)
    (root / pedalme.FILE).unlink()
    with pytest.raises(FileNotFoundError, match=r"'pedalme_london.json'; get it from https"):
        PedalMe(root)


def test_buses_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = {
        "nodes": [
            {"bus_stop": 70, "lon": 5, "lat": 6, "y": [0, 2, 0, 2, 0, 2]},
            {"bus_stop": 30, "lon": 7, "lat": 8, "y": [3, 3, 3, 3, 3, 3]},
        ],
        "links": [{"source": 30, "target": 70, "weight": 12.5}],
    }
    root = write(tmp_path, montevideo_bus, raw, monkeypatch)
    ds = MontevideoBus(root, None, lags=2)
    assert ds.stops == (70, 30)
    assert ds.pos.tolist() == [[5, 6], [7, 8]]
    assert ds.counts[:, 0].tolist() == [0, 2, 0, 2, 0, 2]
    # One stop is standardized, the one that never changes is centered.
    assert ds.signal.tolist() == [[-1, 0], [1, 0]] * 3
    assert ds[0].x.tolist() == [[-1, 1], [0, 0]]
    assert ds[0].y.tolist() == [-1, 0]
    assert ds[0].edge_index.tolist() == [[1], [0]]
    assert ds[0].edge_length.tolist() == [12.5]
    path = root / montevideo_bus.FILE
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"'montevideo_bus.json' is not the file that was"):
        MontevideoBus(root)


@real
@pytest.mark.parametrize(
    ("make", "fraction", "size", "expected"),
    [
        (PedalMe, 0.9, 4, [1.489, 1.984, 1.392]),
        (PedalMe, 0.8, 7, [1.236, 2.031, 1.158]),
        (MontevideoBus, 0.9, 74, [0.985, 1.635, 0.943]),
        (MontevideoBus, 0.8, 148, [1.005, 1.668, 0.961]),
    ],
)
def test_baselines_are_those_of_the_card(
    make: Any, fraction: float, size: int, expected: list[float]
) -> None:
    train, test = (
        make(DATA / "pyg_temporal", split, train_fraction=fraction) for split in ("train", "test")
    )
    assert len(test) == size
    weights = torch.linalg.lstsq(*(v.view(len(v), -1) for v in flat(train))).solution[:, 0]
    assert mean_squares(test, weights) == pytest.approx(expected, abs=0.002)


@real
def test_shapes_are_those_of_the_card() -> None:
    deliveries, buses = PedalMe(DATA / "pyg_temporal", None), MontevideoBus(DATA / "pyg_temporal")
    assert deliveries.signal.shape == (35, 15)
    assert deliveries[0].edge_weight.shape == (225,)
    assert buses.signal.shape == (744, 675)
    assert buses[0].edge_index.shape == (2, 690)
