"""Packed files of users, which may be bombs: what they become is bounded before it is there."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

MOST_TIMES = 100
"""How many times as large a file may become; text packs tenfold."""

ALWAYS = 1 << 26
"""Bytes that any file may become."""


def unpacked(content: bytes) -> bytes:
    """What a gzip file holds.

    Raises:
        OSError, EOFError, zlib.error: If it is none.
        ValueError: If it becomes larger than it may.
    """
    most = _most(len(content))
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise _too_large(len(content), most)
    return found


def members(file: io.BytesIO) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the members of a zip file, in memory.

    Raises:
        zipfile.BadZipFile, zlib.error: If it is none.
        ValueError: If they become larger than they may; none is unpacked then.
    """
    packed = file.getbuffer().nbytes
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > _most(packed):
            raise _too_large(packed, _most(packed))
        for member in archive.infolist():
            yield member.filename, archive.read(member)


def unpacked_matlab(content: bytes) -> bytes:
    """A file of MATLAB 5 to 7 with its packed variables unpacked; others as they are.

    Raises:
        zlib.error: If a variable is damaged.
        ValueError: If they become larger than they may.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        return content
    most, place = _most(len(content)), 128
    parts, size = [content[:place]], place
    while place + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, place)
        part = content[place : place + 8 + length]
        if kind == _PACKED:
            part = zlib.decompressobj().decompress(part[8:], most - size + 1)
        parts.append(part)
        size, place = size + len(part), place + 8 + length
        if size > most:
            raise _too_large(len(content), most)
    return b"".join(parts)


_PACKED = 15
"""What MATLAB calls a variable that is packed."""


def _most(packed: int) -> int:
    return max(ALWAYS, MOST_TIMES * packed)


def _too_large(packed: int, most: int) -> ValueError:
    return ValueError(
        f"it has {packed:,} bytes and becomes more than {most:,}, which no table or matrix does; "
        f"if it is to be trusted, unpack it first"
    )
