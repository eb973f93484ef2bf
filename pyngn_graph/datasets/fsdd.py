"""Spoken digits: sound files to log energies of a filter bank."""

import io
import re
import wave
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetch
from pyngn_graph.datasets.files import located, read_checked
from pyngn_graph.datasets.series import (
    SeriesDataset,
    channel_statistics,
    check_split,
    standardize,
)
from pyngn_graph.encoding import filter_bank

SHA256 = "8e1e44a06ea9d154aa314276028b6851cdf0bead7ad196db67b9aadb78191e05"
"""Of ``recordings.zip``."""

SOURCE = "https://github.com/Jakobovski/free-spoken-digit-dataset"
SAMPLE_RATE = 8000
NUM_TEST = 5  # takes 0 to 4 of every speaker and digit, as upstream says
NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")
GROUP = 100  # sounds of similar length that go through the filter bank together


class FSDD(SeriesDataset):
    """The Free Spoken Digit Dataset: 6 speakers say the digits 0 to 9, 50 times each, at 8 kHz.

    ``x`` is ``[B, T, C]`` float32, the log energies of :func:`pyngn_graph.encoding.filter_bank`,
    one sample per ``frame``; ``y`` ``[B]`` the digit; ``speaker`` ``[B]`` indexes the names in
    ``ds.speakers``; ``take`` ``[B]``. Takes 0 to 4 are for testing (300 items), 5 to 49 for
    training (2700), as upstream says: every speaker is in both. For a harder split by speaker
    choose with a mask, ``ds[ds.speaker != 0]``. Items are sorted by take, so that any stretch of
    60 of them holds all digits and speakers.

    Args:
        root: Folder that holds ``recordings.zip`` (its SHA-256 is checked) or the folder
            ``recordings/`` of the upstream repository.
        split: ``"train"``, ``"test"``, or ``None`` for all.
        scale: True standardizes each channel by its mean and standard deviation over the training
            items, whatever ``split`` is loaded. A pair ``(mean, std)`` of tensors ``[C]`` is used
            instead, False keeps log energies: see :func:`channel_statistics`, :func:`standardize`.
            What was used stands in ``ds.mean`` and ``ds.std``.
        transform: Applied to each ``Data`` when it is taken out.
        download: The address of a folder that holds ``recordings.zip``, e.g. one of your own;
            upstream has single recordings. By default nothing is fetched.
        num_channels: Number of channels C.
        frame: Length of a sample, ms.
        **options: Further options of :func:`pyngn_graph.encoding.filter_bank`.

    Raises:
        FileNotFoundError: If ``root`` holds neither; the message says where to get them.
        ValueError: If the archive is not the one that was expected, a sound cannot be read, or an
            argument breaks its rule.

    Source: Jackson (2016), Free Spoken Digit Dataset, CC BY-SA 4.0.
    """

    num_classes = 10

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        scale: bool | tuple[Tensor, Tensor] = True,
        transform: Callable[[Data], Data] | None = None,
        *,
        num_channels: int = 20,
        frame: float = 10.0,
        download: bool | str = False,
        **options: Any,
    ) -> None:
        check_split(split)
        if not located(root, "recordings").is_dir():
            fetch(root, {"recordings.zip": SHA256}, SOURCE, None, download)
        names, sounds = _read(root)
        self.speakers = tuple(sorted({speaker for _, speaker, _ in names}))
        labels = torch.tensor([(t, self.speakers.index(s), digit) for t, s, digit in names])
        for_test = labels[:, 0] < NUM_TEST
        chosen = {"train": ~for_test, "test": for_test, None: torch.ones_like(for_test)}[split]
        needed = chosen | ~for_test if scale is True else chosen
        if not bool(chosen.any()):
            raise ValueError(f"'{root}' holds no recordings of the split {split!r}; add some")
        if scale is True and bool(for_test.all()):
            raise ValueError(
                f"'{root}' holds no training recordings to scale by; add some, or pass scale=False"
            )
        kept = [sound for sound, keep in zip(sounds, needed.tolist(), strict=True) if keep]
        x, lengths = _features(kept, num_channels=num_channels, frame=frame, **options)
        if scale is True:
            training = ~for_test[needed]
            scale = channel_statistics(x[training], lengths[training])
        if scale is not False:
            x = standardize(x, lengths, *scale)
        self.mean: Tensor | None = scale[0] if scale else None
        self.std: Tensor | None = scale[1] if scale else None
        inside = chosen[needed]
        take, speaker, y = labels[chosen].t()
        super().__init__(x[inside], lengths[inside], y, transform, speaker=speaker, take=take)

    @property
    def speaker(self) -> Tensor:
        """Who speaks, ``[B]`` int64, an index into ``speakers``."""
        return self._selected(self._labels["speaker"])

    @property
    def take(self) -> Tensor:
        """Number of the take, ``[B]`` int64, 0 to 49."""
        return self._selected(self._labels["take"])

    @property
    def for_test(self) -> Tensor:
        """Which items upstream keeps for testing, ``[B]`` bool."""
        return self.take < NUM_TEST


def _read(root: str | Path) -> tuple[list[tuple[int, str, int]], list[Tensor]]:
    """Take, speaker and digit of all recordings, in this order of importance, and their sounds."""
    archive, folder = located(root, "recordings.zip"), located(root, "recordings")
    if archive.is_file():
        files = _in_archive(read_checked(root, archive.name, SHA256, SOURCE))
    elif folder.is_dir():
        files = ((path.name, path.read_bytes()) for path in folder.iterdir() if path.is_file())
    else:
        raise FileNotFoundError(
            f"'{root}' holds neither 'recordings.zip' nor 'recordings/'; get the folder "
            f"'recordings' from {SOURCE} and put it there (see datasets/README.md)"
        )
    found = {}
    for name, content in files:
        if name.endswith(".wav"):
            found[_parse(name)] = _decode(name, content)
    if not found:
        raise FileNotFoundError(
            f"There are no .wav files in 'recordings' of '{root}'; get them from {SOURCE}"
        )
    keys = sorted(found)
    return keys, [found[key] for key in keys]


def _in_archive(content: bytes) -> Iterator[tuple[str, bytes]]:
    # Members are read into memory, never extracted: no name can lead out of the archive.
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for member in file.namelist():
            folder, _, name = member.rpartition("/")
            if folder != "recordings":
                raise ValueError(
                    f"'recordings.zip' holds '{member}', outside 'recordings/'; get it anew "
                    f"from {SOURCE}"
                )
            yield name, file.read(member)


def _parse(name: str) -> tuple[int, str, int]:
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"'{name}' is not named {{digit}}_{{speaker}}_{{take}}.wav, e.g. 7_jackson_32.wav; "
            f"rename it, or take it out of the recordings"
        )
    return int(match[3]), match[2], int(match[1])


def _decode(name: str, content: bytes) -> Tensor:
    try:
        with wave.open(io.BytesIO(content)) as file:
            kind = file.getnchannels(), file.getsampwidth(), file.getframerate()
            size, data = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"'{name}' is no readable wav file ({error}); get it anew") from error
    if kind != (1, 2, SAMPLE_RATE):
        raise ValueError(
            f"'{name}' must be mono, 16 bit, {SAMPLE_RATE} Hz (got {kind[0]} channels, "
            f"{8 * kind[1]} bit, {kind[2]} Hz); convert it"
        )
    if size == 0 or len(data) != 2 * size:
        raise ValueError(
            f"'{name}' is cut short: {len(data)} of {2 * size} bytes of sound; get it anew"
        )
    return torch.from_numpy(np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768.0)


def _features(sounds: list[Tensor], frame: float, **options: Any) -> tuple[Tensor, Tensor]:
    """Log energies ``[B, T, C]``, zero behind the ends, and lengths ``[B]``."""
    order = sorted(range(len(sounds)), key=lambda i: sounds[i].numel())
    series = [Tensor()] * len(sounds)
    for start in range(0, len(order), GROUP):
        group = order[start : start + GROUP]
        padded = pad_sequence([sounds[i] for i in group], batch_first=True)
        energies = filter_bank(padded, SAMPLE_RATE, frame=frame, **options)
        for i, energy in zip(group, energies, strict=True):
            series[i] = energy[: max(1, sounds[i].numel() // round(frame * SAMPLE_RATE / 1000))]
    lengths = torch.tensor([len(s) for s in series])
    return pad_sequence(series, batch_first=True), lengths
