"""Raw files: found where the user put them, and checked before they are used."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

LARGEST_FILE = 1 << 26
"""Bytes that are read, or unpacked, at most; all known files are below 50 MB."""


def located(root: str | Path, name: str) -> Path:
    """Where the file or folder ``name`` stands: in ``root``, else in ``raw``, PyG's folder in it.

    The latter also if it stands nowhere.
    """
    folder = Path(root).expanduser()
    return folder / name if (folder / name).exists() else folder / "raw" / name


def read_raw(root: str | Path, name: str, source: str, most: int = LARGEST_FILE) -> bytes:
    """The content of the file ``name`` in the folder ``root`` or its folder ``raw``.

    Raises:
        FileNotFoundError: If it is not there; the message names ``source``, where to get it.
        ValueError: If it has more than ``most`` bytes; it is not read then.
    """
    path = located(root, name)
    if not path.is_file():
        raise FileNotFoundError(
            f"'{root}' does not hold '{name}'; get it from {source} and put it there "
            f"(see datasets/README.md)"
        )
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(
            f"'{name}' has {path.stat().st_size} bytes and is not the file that was expected, "
            f"which has {most} at most; get it anew from {source} (see datasets/README.md)"
        )
    return content


def check_sha256(contents: Iterable[bytes], sha256: str, name: str, source: str) -> None:
    """Refuses ``contents``, read one after the other, unless their SHA-256 is ``sha256``.

    Raises:
        ValueError: If they are others; the message calls them ``name`` and says where, ``source``,
            to get the right ones.
    """
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    if digest.hexdigest() != sha256:
        raise ValueError(
            f"'{name}' is not the file that was expected: its SHA-256 is {digest.hexdigest()}, not "
            f"{sha256}; it may be cut short or another version. Get it anew from {source} "
            f"(see datasets/README.md)"
        )


def read_checked(root: str | Path, name: str, sha256: str, source: str) -> bytes:
    """The content of the file ``name`` in the folder ``root``, once its SHA-256 is ``sha256``.

    The bytes that were checked are the bytes returned: nothing can change in between.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If it is another file.
    """
    content = read_raw(root, name, source)
    check_sha256([content], sha256, name, source)
    return content
