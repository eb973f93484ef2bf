"""Handwritten digits of 28 x 28 pixels, from the four original files."""

import gzip
import io
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetch
from pyngn_graph.datasets.files import LARGEST_FILE, read_checked
from pyngn_graph.datasets.series import SeriesDataset, check_split

SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
"""Of the four files."""

URL = "https://raw.githubusercontent.com/fgnt/mnist/master"
SOURCE = "http://yann.lecun.com/exdb/mnist or a mirror of it, e.g. https://github.com/fgnt/mnist"
PREFIXES = {"train": ("train",), "test": ("t10k",), None: ("train", "t10k")}


class MNIST(SeriesDataset):
    """The 70 000 handwritten digits of MNIST, as images and as series of 28 rows of 28 pixels.

    ``images`` is ``[B, 28, 28]`` float32 (row, column) in [0, 1], ``y`` ``[B]`` the digit. The same
    tensor is the dense view ``x`` of the series, with rows as time: ``images.transpose(1, 2)`` has
    columns as time. The split is the published one: 60 000 for training, 10 000 for testing, each
    in the order of its files. All pixels are held once, in 188 MB for the training images, and
    slices such as ``ds[:500].images`` are views of them.

    Args:
        root: Folder that holds the four files ``*-ubyte.gz``; their SHA-256 is checked.
        split: ``"train"``, ``"test"``, or ``None`` for all (training images first).
        transform: Applied to each ``Data`` when it is taken out.
        download: True fetches the files that are missing from a public mirror into ``root/raw``;
            an address names the folder of another mirror. Their SHA-256 decides. By default
            nothing is fetched.

    Raises:
        FileNotFoundError: If a file is missing; the message says where to get it.
        ValueError: If a file is not the one that was expected, or the split is unknown.

    Source: LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
    recognition".
    """

    num_classes = 10

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        transform: Callable[[Data], Data] | None = None,
        *,
        download: bool | str = False,
    ) -> None:
        check_split(split)
        fetch(root, SHA256, SOURCE, URL, download)
        images, labels = (
            np.concatenate([_read(root, f"{prefix}-{kind}-ubyte.gz") for prefix in PREFIXES[split]])
            for kind in ("images-idx3", "labels-idx1")
        )
        x = torch.from_numpy(images).float().div_(255.0)
        y = torch.from_numpy(labels).long()
        super().__init__(x, torch.full_like(y, x.size(1)), y, transform)

    @property
    def images(self) -> Tensor:
        """All images ``[B, 28, 28]`` float32 in [0, 1]: row, column."""
        return self.x


def _read(root: str | Path, name: str) -> NDArray[np.uint8]:
    return parse_idx(read_checked(root, name, SHA256[name], SOURCE), name)


def parse_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """The array of bytes in a gzipped file of the IDX format.

    Such a file starts with two zeros, the code 8 of unsigned bytes, the number of dimensions, and
    their sizes as big-endian 32-bit integers.

    Raises:
        ValueError: If ``content`` is anything else; the message calls it ``name``.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            raw = file.read(LARGEST_FILE + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"'{name}' is no readable gzip file ({error}); get it anew") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(
            f"'{name}' must start with the bytes 00 00 08 of an IDX file of bytes (got "
            f"{raw[:3].hex(' ') or 'nothing'}); get it anew"
        )
    if len(raw) > LARGEST_FILE:
        raise ValueError(f"'{name}' unpacks to more than {LARGEST_FILE} bytes; get it anew")
    start = 4 + 4 * raw[3]
    shape = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4)]
    if len(raw) != start + math.prod(shape):
        raise ValueError(
            f"'{name}' must have {start + math.prod(shape)} bytes for the shape {shape} (got "
            f"{len(raw)}); get it anew"
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)
