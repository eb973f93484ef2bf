import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import DATA

from pyngn_graph.datasets import MNIST, mnist
from pyngn_graph.readout import RidgeReadout

real = pytest.mark.skipif(
    not (DATA / "mnist").is_dir(), reason="needs MNIST in the folder PYNGN_DATA"
)


def idx(array: np.ndarray) -> bytes:
    """``array`` of bytes in the IDX format, written down from its definition."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five training and three test images, random, that pass the checksums."""
    rng = np.random.default_rng(0)
    for prefix, size in (("train", 5), ("t10k", 3)):
        images = rng.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        images[0, 2, 7] = 255
        labels = np.arange(size, dtype=np.uint8) + 4
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = tmp_path / f"{prefix}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(idx(array)))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            monkeypatch.setitem(mnist.SHA256, path.name, digest)
    return tmp_path


def test_images_and_rows_are_one_tensor(folder: Path) -> None:
    train, test, whole = (MNIST(folder, split) for split in ("train", "test", None))
    assert (len(train), len(test), len(whole)) == (5, 3, 8)
    assert torch.equal(whole.images, torch.cat([train.images, test.images]))
    assert whole.y.tolist() == [4, 5, 6, 7, 8, 4, 5, 6]
    raw = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    expected = torch.tensor(list(raw)).view(5, 28, 28) / 255.0
    torch.testing.assert_close(train.images, expected, rtol=0, atol=1e-7)
    assert float(train.images[0, 2, 7]) == 1.0  # row, column
    assert train.images.dtype == torch.float32
    # Nothing is copied, neither for the whole nor for a slice.
    start = train.images.data_ptr()
    assert train.x.data_ptr() == train[:2].images.data_ptr() == start
    assert train[1:].images.data_ptr() == start + 28 * 28 * 4
    item = train[3]
    assert torch.equal(item.x, train.images[3])
    assert item.y.tolist() == [7]
    assert train.lengths.tolist() == [28] * 5


def test_missing_and_changed_files(folder: Path) -> None:
    path = folder / "t10k-labels-idx1-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert len(MNIST(folder)) == 5  # the training files are enough for training
    with pytest.raises(ValueError, match=r"'t10k-labels-idx1-ubyte.gz' is not the file.*anew from"):
        MNIST(folder, "test")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"not hold 't10k-labels.*get it from http"):
        MNIST(folder, None)
    with pytest.raises(ValueError, match="Unknown split 'valid'"):
        MNIST(folder, "valid")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "'f' must start with the bytes 00 00 08.*got nothing"),
        (b"no gzip at all", "'f' is no readable gzip file"),
        (gzip.compress(bytes(500), mtime=0)[:-9], "'f' is no readable gzip file"),
        (gzip.compress(b"\0\0\x0d\x01\0\0\0\1" + bytes(4), mtime=0), "got 00 00 0d"),
        (
            gzip.compress(b"\0\0\x08\x02\0\0\0\2\0\0\0\3" + bytes(5), mtime=0),
            r"18 bytes.*\[2, 3\].*got 17",
        ),
        (gzip.compress(b"\0\0\x08\x03\0\0", mtime=0), r"bytes for the shape .*got 6"),
    ],
)
def test_bad_idx_files(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mnist.parse_idx(content, "f")


def test_idx_files_of_any_shape() -> None:
    array = np.arange(24, dtype=np.uint8)
    for shape in ((24,), (2, 12), (2, 3, 4), (0, 28, 28)):
        expected = array[: int(np.prod(shape))].reshape(shape)
        assert np.array_equal(mnist.parse_idx(gzip.compress(idx(expected)), "f"), expected)


@real
def test_mnist_is_what_its_card_says() -> None:
    train, test = MNIST(DATA / "mnist"), MNIST(DATA / "mnist", "test")
    assert train.images.shape == (60000, 28, 28)
    assert test.images.shape == (10000, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.y.bincount().tolist() == counts
    assert (float(train.images.min()), float(train.images.max())) == (0.0, 1.0)
    few = train[:500]
    readout = RidgeReadout().fit(few.images.flatten(1), few.y)
    assert 0.76 < readout.score(test.images.flatten(1), test.y) < 0.80
