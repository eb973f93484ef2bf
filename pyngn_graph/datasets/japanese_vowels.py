"""Two Japanese vowels, said by nine speakers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetch
from pyngn_graph.datasets.files import check_sha256, read_raw
from pyngn_graph.datasets.series import SeriesDataset, check_split

SHA256 = {
    "ae.train": "ba6c099a492b5fe162edf15a38670f51679c22ef0f522e0a791a7b952bc837b2",
    "ae.test": "72af4d36589cecc6933e0c640dcc91c7a3acfc6aca6b2f9017b7ee0b24e79166",
}
"""Of the numbers: rows with one space between numbers, one line feed behind a row and one more
behind a series."""

COPY_SHA256 = {
    "ae.train": "5c2741199dc360fff0c1a068f57060d2125b16a5cab46800913a79d62c4b1d65",
    "ae.test": "4d863f4f982b660c326250606cec2d03f40953870a22759a05a6b23917332356",
}
"""Of the files at ``URL``, byte by byte; their series end with a row of twelve 1.0."""

URL = (
    "https://raw.githubusercontent.com/Robin1711/ML-group40-JapaneseSpeakerClassification/"
    "9ce6e215e210ea8197683d9632beee50601745cd/matlab"
)
COUNTS = {
    "ae.train": (30, 30, 30, 30, 30, 30, 30, 30, 30),
    "ae.test": (31, 35, 88, 44, 29, 24, 40, 50, 29),
}
"""Series of each speaker, in the order of the file."""

FILES = {"train": ("ae.train",), "test": ("ae.test",), None: ("ae.train", "ae.test")}
SOURCE = "https://archive.ics.uci.edu/dataset/128/japanese+vowels"
NUM_CHANNELS = 12
LARGEST_FILE = 1 << 20  # bytes; the larger one has about 700 000
END = [b"1.0"] * NUM_CHANNELS  # some copies end a series with this row, others with an empty one


class JapaneseVowels(SeriesDataset):
    """Nine men say the vowels /ae/: who is it?

    ``x`` is ``[B, T, 12]`` float32, 12 cepstrum coefficients of linear prediction per frame,
    about -2 to 2 (:func:`standardize` gives all of them the same scale), ``lengths`` ``[B]`` 7 to
    29 frames, ``y`` ``[B]`` the speaker, 0 to 8. The split is the published one: 270 series for
    training, 30 of each speaker, and 370 for testing, 24 to 88 of each. Items are sorted by
    speaker; ``shuffle()`` mixes them.

    Args:
        root: Folder that holds ``ae.train`` and ``ae.test``. The SHA-256 of their numbers is
            checked; a series may end with an empty line or with a row of twelve 1.0.
        split: ``"train"``, ``"test"``, or ``None`` for all (training series first).
        transform: Applied to each ``Data`` when it is taken out.
        download: True fetches a copy of the files that are missing; see :class:`MNIST`.

    Raises:
        FileNotFoundError: If a file is missing; the message says where to get it.
        ValueError: If a file is not the one that was expected, or the split is unknown.

    Source: Kudo, Toyama & Shimbo (1999), "Multidimensional curve classification using
    passing-through regions".
    """

    num_classes = 9

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        transform: Callable[[Data], Data] | None = None,
        *,
        download: bool | str = False,
    ) -> None:
        check_split(split)
        fetch(root, COPY_SHA256, SOURCE, URL, download)
        series: list[Tensor] = []
        counts: list[int] = []
        for name in FILES[split]:
            series += _read(root, name)
            counts += COUNTS[name]
        speakers = torch.arange(len(counts)) % self.num_classes
        y = torch.repeat_interleave(speakers, torch.tensor(counts))
        lengths = torch.tensor([len(item) for item in series])
        super().__init__(pad_sequence(series, batch_first=True), lengths, y, transform)


def _read(root: str | Path, name: str) -> list[Tensor]:
    """The series ``[T, 12]`` of one file."""
    rows: list[list[bytes]] = []
    series: list[list[list[bytes]]] = []
    for line in [*read_raw(root, name, SOURCE, LARGEST_FILE).splitlines(), b""]:
        row = line.split()
        if row and row != END:
            rows.append(row)
        elif rows:
            series.append(rows)
            rows = []
    lines = (b"".join(b" ".join(row) + b"\n" for row in item) + b"\n" for item in series)
    check_sha256(lines, SHA256[name], name, SOURCE)
    return [torch.from_numpy(np.array(item, dtype=np.float32)) for item in series]
