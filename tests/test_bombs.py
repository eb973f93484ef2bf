"""Small files that would be large: no loader unpacks more than its data set has."""

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyngn_graph import datasets
from pyngn_graph.datasets import files, mnist
from pyngn_graph.exchange import read_graph

MEGABYTE = 1 << 20
ZEROS = b"\0" * MEGABYTE
MOST = 140 * MEGABYTE
"""More than any loader holds of a file that it refuses."""


def archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def events(listed: str, contents: dict[str, bytes]) -> dict[str, bytes]:
    """An archive of N-MNIST."""
    members = {"train1K.txt": listed.encode(), **contents}
    return {"NMNISTsmall.zip": archive({f"NMNISTsmall/{k}": v for k, v in members.items()})}


def one_recording_again_and_again() -> dict[str, bytes]:
    return events("1 1\n" * 200_000, {"1.bs2": ZEROS})


def one_recording_twice() -> dict[str, bytes]:
    return events("1 1\n1 1\n", {"1.bs2": b""})


def one_huge_recording() -> dict[str, bytes]:
    return events("1 1\n", {"1.bs2": 160 * ZEROS})


def many_large_recordings() -> dict[str, bytes]:
    listed = "".join(f"{i} 1\n" for i in range(3000))
    return events(listed, {f"{i}.bs2": ZEROS[: 100 * 1024] for i in range(3000)})


def a_huge_list() -> dict[str, bytes]:
    return events("\n" * (160 * MEGABYTE), {})


def unpacked_and_huge() -> dict[str, bytes]:
    return {"NMNISTsmall/train1K.txt": b"\n" * (64 * MEGABYTE)}


def lines_without_end() -> dict[str, bytes]:
    return {"ae.train": b"\n" * (64 * MEGABYTE)}


BOMBS: dict[str, tuple[Callable[[], dict[str, bytes]], Callable[[Path], Any]]] = {
    made.__name__: (made, datasets.NMNISTSmall)
    for made in (
        one_recording_again_and_again,
        one_recording_twice,
        one_huge_recording,
        many_large_recordings,
        a_huge_list,
        unpacked_and_huge,
    )
} | {"lines_without_end": (lines_without_end, datasets.JapaneseVowels)}


def memory_of(call: Callable[[], Any]) -> int:
    """The most that ``call`` held at a time, in bytes, while it was refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="get it anew"):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(name: str, tmp_path: Path) -> None:
    make, load = BOMBS[name]
    for file, content in make().items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(content)
    assert memory_of(lambda: load(tmp_path)) < MOST


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("recordings.zip", datasets.FSDD),
        ("NMNISTsmall.zip", datasets.NMNISTSmall),
        ("train-images-idx3-ubyte.gz", datasets.MNIST),
        ("ae.train", datasets.JapaneseVowels),
        ("chickenpox.json", datasets.Chickenpox),
    ],
)
def test_a_file_larger_than_any_is_not_read(
    name: str, load: Callable[[Path], Any], tmp_path: Path
) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 36)  # holes: nothing of it lies on the disk
    assert memory_of(lambda: load(tmp_path)) < MOST


def test_images_of_zeros_without_end() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(b"\0\0\x08\x03" + (1 << 20).to_bytes(4, "big") + (28).to_bytes(4, "big") * 2)
        for _ in range(160):
            file.write(ZEROS)
    bomb = packed.getvalue()
    assert len(bomb) < MEGABYTE
    assert memory_of(lambda: mnist.parse_idx(bomb, "bomb")) < MOST


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_raw(tmp_path, "a", "nowhere", 5) == b"12345"
    with pytest.raises(ValueError, match=r"'a' has 5 bytes and is not the file .* get it anew"):
        files.read_raw(tmp_path, "a", "nowhere", 4)


def packed_table(lines: bytes) -> bytes:
    return gzip.compress(lines, compresslevel=6)


@pytest.mark.parametrize("name", ["edges.csv.gz", "edges.tsv.gz", "matrix.npz", "graph.graphml.gz"])
def test_a_bomb_of_a_user_is_refused(name: str, tmp_path: Path) -> None:
    zeros = b"0,1,1\n" * (100 * MEGABYTE // 6)
    content = archive({"a.npy": 100 * ZEROS}) if name == "matrix.npz" else packed_table(zeros)
    (tmp_path / name).write_bytes(content)
    assert len(content) < MEGABYTE
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"becomes more than [\d,]+, which no table or matrix"):
            read_graph(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


def test_a_packed_table_is_read(tmp_path: Path) -> None:
    rows = "source,target,weight\n" + "".join(f"{i},{i + 1},0.5\n" for i in range(5000))
    (tmp_path / "edges.csv.gz").write_bytes(packed_table(rows.encode()))
    assert read_graph(tmp_path / "edges.csv.gz").num_edges == 5000
