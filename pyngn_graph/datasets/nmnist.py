"""Handwritten digits seen by an event camera: a small part of N-MNIST."""

import io
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset

from pyngn_graph.datasets.files import check_sha256, located, read_raw
from pyngn_graph.datasets.series import check_split, selected

SHA256 = {
    "train1K.txt": "3922274a2fa7806c5120ef13dcc6c889f054befeedd9775c88bca33a8ecc75a4",
    "test100.txt": "bc1ff75c4c3f29b90d00ef2f7d8ad7d289231b1a83e7c9a5d14d4e3fd4fe409e",
}
"""Of each list, followed by the recordings it names, in its order."""

LISTS = {"train": ("train1K.txt",), "test": ("test100.txt",), None: ("train1K.txt", "test100.txt")}
FOLDER = "NMNISTsmall"
SOURCE = "https://github.com/bamsumit/slayerPytorch (folder test/test_files/NMNISTsmall)"
SIDE = 34  # pixels
NUM_CHANNELS = 2 * SIDE * SIDE
EVENT_SIZE = 5  # bytes
LARGEST_FILE = 1 << 17  # bytes; recordings have 36 000 at most
LARGEST_SET = 1 << 25  # bytes; all recordings together have 23 000 000


class NMNISTSmall(Dataset):
    """1000 + 100 recordings of N-MNIST: digits moved in three saccades before an event camera.

    An event is a pixel of 34 x 34 that became darker (polarity 0) or brighter (1), to the
    microsecond. ``ds[i]`` is a ``Data`` whose nodes are the S events of a recording, a point cloud
    in space and time: ``x`` ``[S, 1]`` float32 the polarity, ``pos`` ``[S, 3]`` float32 the
    column, the row (pixels) and the time (ms), ``y`` ``[1]`` the digit. Events are kept as they
    are, in 7 bytes each; :meth:`frames` makes a dense input of any selection::

        for part in range(0, len(ds), 100):
            states = reservoir(ds[part : part + 100].frames())

    The split is the published one, in the order of its lists.

    Args:
        root: Folder that holds ``NMNISTsmall.zip`` or the folder ``NMNISTsmall/``; the SHA-256 of
            the recordings is checked.
        split: ``"train"`` (1000), ``"test"`` (100), or ``None`` for all.
        transform: Applied to each ``Data`` when it is taken out.

    Raises:
        FileNotFoundError: If ``root`` holds neither, or a recording is missing; the message says
            where to get them.
        ValueError: If the recordings are not the ones that were expected, or the split is unknown.

    Source: Orchard, Jayawant, Cohen & Thakor (2015), "Converting static image datasets to spiking
    neuromorphic datasets using saccades"; this part: Shrestha & Orchard (2018), "SLAYER".
    """

    num_classes = 10

    def __init__(
        self,
        root: str | Path,
        split: str | None = "train",
        transform: Callable[[Data], Data] | None = None,
    ) -> None:
        check_split(split)
        read = _reader(root)
        labels: list[tuple[int, int]] = []
        recordings: list[bytes] = []
        for name in LISTS[split]:
            listed = read(name, LARGEST_SET)
            rows = _parse_list(listed, name)
            contents = list(_recordings(read, [f"{number}.bs2" for number, _ in rows]))
            check_sha256([listed, *contents], SHA256[name], f"{name} with its recordings", SOURCE)
            labels += rows
            recordings += contents
        parts = [
            parse_events(content, f"{number}.bs2")
            for content, (number, _) in zip(recordings, labels, strict=True)
        ]
        self._channel, self._time = (torch.cat(values) for values in zip(*parts, strict=True))
        self._sample, self._y = torch.tensor(labels).t()
        counts = torch.tensor([time.numel() for _, time in parts])
        self._ptr = torch.nn.functional.pad(counts.cumsum(0), (1, 0))
        super().__init__(transform=transform)

    def len(self) -> int:
        """Number of recordings of the whole data set, whatever selection of it this is."""
        return self._y.numel()

    def get(self, idx: int) -> Data:
        """Recording ``idx`` of the whole data set."""
        events = slice(int(self._ptr[idx]), int(self._ptr[idx + 1]))
        channel, time = self._channel[events].long(), self._time[events]
        polarity, row, column = channel // SIDE**2, channel // SIDE % SIDE, channel % SIDE
        pos = torch.stack([column, row, time / 1000.0], dim=1)
        return Data(x=polarity.float().unsqueeze(1), pos=pos, y=self._y[idx].view(1))

    @property
    def y(self) -> Tensor:
        """Digits ``[B]`` int64."""
        return selected(self, self._y)

    @property
    def sample(self) -> Tensor:
        """Upstream's number of each recording, ``[B]`` int64: 1 to 1000, 60001 to 60100."""
        return selected(self, self._sample)

    @property
    def num_events(self) -> Tensor:
        """Events of each recording, ``[B]`` int64."""
        return selected(self, self._ptr.diff())

    def frames(self, frame: float = 5.0, duration: float = 300.0) -> Tensor:
        """Events counted in frames: ``[B, T, 2312]`` float32, T = duration / frame.

        A channel is a pixel of one polarity; ``frames.unflatten(2, (2, 34, 34))`` gives polarity,
        row, column. Later events are left out. All 1000 training recordings take 555 MB: frame
        them in parts.

        Args:
            frame: Length of a frame in ms, a whole number of microseconds.
            duration: Length of the recording in ms, a multiple of ``frame``; the three saccades
                take 300.

        Raises:
            ValueError: If an argument breaks its rule.
        """
        for name, value in (("frame", frame), ("duration", duration)):
            if not 0.0 < value < math.inf:
                raise ValueError(f"'{name}' must be a positive time in ms (got {value})")
        width, num_frames = round(1000 * frame), round(duration / frame)
        if width < 1 or not math.isclose(1000 * frame, width):
            raise ValueError(f"'frame' must be a whole number of microseconds (got {frame} ms)")
        if num_frames < 1 or not math.isclose(num_frames * frame, duration):
            raise ValueError(
                f"'duration' must be a multiple of 'frame' = {frame} ms (got {duration} ms)"
            )
        counts = self.num_events
        trial = torch.repeat_interleave(torch.arange(len(self)), counts)
        shift = selected(self, self._ptr[:-1]) - (counts.cumsum(0) - counts)
        event = torch.arange(trial.numel()) + shift[trial]
        step = self._time[event] // width
        place = (trial * num_frames + step) * NUM_CHANNELS + self._channel[event]
        place = place[step < num_frames]
        result = torch.zeros(len(self) * num_frames * NUM_CHANNELS, dtype=torch.float32)
        result.index_add_(0, place, torch.ones(1, dtype=torch.float32).expand(place.numel()))
        return result.view(len(self), num_frames, NUM_CHANNELS)


def parse_events(content: bytes, name: str) -> tuple[Tensor, Tensor]:
    """Channel ``[S]`` int16 and time ``[S]`` int32 (microseconds) of the events of a recording.

    An event takes 5 bytes: column, row, then one bit of polarity and 23 bits of time, big-endian.
    Its channel is (polarity * 34 + row) * 34 + column.

    Raises:
        ValueError: If ``content`` is cut short or lies outside 34 x 34 pixels; the message calls it
            ``name``.
    """
    if len(content) % EVENT_SIZE:
        raise ValueError(
            f"'{name}' is cut short: {len(content)} bytes are no multiple of the {EVENT_SIZE} of "
            f"an event; get it anew"
        )
    raw = np.frombuffer(content, dtype=np.uint8).reshape(-1, EVENT_SIZE).astype(np.int32)
    outside = (raw[:, :2] >= SIDE).any(axis=1)
    if outside.any():
        first = int(outside.argmax())
        raise ValueError(
            f"'{name}' has events outside {SIDE} x {SIDE} pixels: {int(outside.sum())} of "
            f"{len(raw)}, the first is event {first} at {raw[first, :2].tolist()}; get it anew"
        )
    column, row, high, middle, low = raw.T
    channel = ((high >> 7) * SIDE + row) * SIDE + column
    time = (high & 127) << 16 | middle << 8 | low
    return torch.from_numpy(channel.astype(np.int16)), torch.from_numpy(time)


def _parse_list(content: bytes, name: str) -> list[tuple[int, int]]:
    """Number and digit of each recording of a list."""
    rows = []
    for place, line in enumerate(content.decode("ascii", errors="replace").splitlines(), start=1):
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        if len(fields) != 2 or not all(field.isdecimal() for field in fields):
            raise ValueError(
                f"Line {place} of '{name}' must hold a number and a digit (got {line!r}); get it "
                f"anew from {SOURCE}"
            )
        rows.append((int(fields[0]), int(fields[1])))
    if len({number for number, _ in rows}) < len(rows):
        raise ValueError(f"'{name}' names a recording twice; get it anew from {SOURCE}")
    return rows


def _recordings(read: Callable[[str, int], bytes], names: Iterable[str]) -> Iterator[bytes]:
    """The recordings, none of them unpacked once all are larger than they may be."""
    left = LARGEST_SET
    for name in names:
        content = read(name, left)
        left -= len(content)
        yield content


def _reader(root: str | Path) -> Callable[[str, int], bytes]:
    """Reads a file of the folder, packed or not, into memory, if it is not too large.

    Nothing is extracted.
    """
    if not located(root, f"{FOLDER}.zip").is_file():
        return lambda name, most: read_raw(root, f"{FOLDER}/{name}", SOURCE, most)
    with _readable():
        archive = zipfile.ZipFile(io.BytesIO(read_raw(root, f"{FOLDER}.zip", SOURCE)))

    def read(name: str, most: int) -> bytes:
        with _readable():
            member = archive.getinfo(f"{FOLDER}/{name}")
            if member.file_size > min(LARGEST_FILE, most):
                raise zipfile.BadZipFile(f"'{name}' has {member.file_size} bytes")
            return archive.read(member)

    return read


@contextmanager
def _readable() -> Iterator[None]:
    """Says what is wrong with the archive, and where to get another."""
    try:
        yield
    except KeyError as error:
        raise FileNotFoundError(
            f"'{FOLDER}.zip' lacks a file ({error.args[0]}); get it anew from {SOURCE}"
        ) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"'{FOLDER}.zip' is no readable zip file ({error}); get it anew from {SOURCE}"
        ) from error
