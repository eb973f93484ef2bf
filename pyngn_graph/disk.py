"""Where a file stands on the disk: behind which links, with which rights, with what beside it."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What a path may lead to that is no file."""


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with ``~`` written out, as a shell would; every door that takes a path begins so."""
    return Path(os.path.expanduser(path))


def target(path: str | os.PathLike[str]) -> Path:
    """The file that is written where ``path`` is asked for: links stay, what they lead to changes.

    Raises:
        OSError: If there is no folder for it, or something that is no file stands there.
    """
    path = expanded(path)
    place, kind = Path(os.path.realpath(path)), stat.S_IFREG
    with suppress(OSError):  # there is none yet, or none that may be looked at
        kind = stat.S_IFMT(path.stat().st_mode)
    if place.is_symlink():
        raise OSError(f"'{path}' is a link that leads in a circle; name another")
    if kind != stat.S_IFREG:
        raise OSError(f"'{path}' is no file; name another (it is {KINDS.get(kind, 'special')})")
    if not place.parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{place.parent}' to write '{place.name}' to")
    return place


def beginning(path: Path) -> str:
    """What the names of files begin with that are to become ``path``."""
    return f".{path.name}."


def leftovers(path: Path) -> Iterator[Path]:
    """The files that killed writers of ``path`` left behind: its ``beginning`` and 32 hex digits.

    Whatever else stands there is somebody's. A folder that may not be listed keeps them.
    """
    name = re.compile(re.escape(beginning(path)) + "[0-9a-f]{32}")
    with suppress(PermissionError), os.scandir(path.parent) as entries:
        for entry in entries:
            if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def keep_rights(path: Path, new: Path) -> None:
    """Gives the file ``new`` owner and mode of ``path``, in whose place it is to stand."""
    with suppress(FileNotFoundError, PermissionError):  # a file of another stays in his mode
        before = path.stat()
        new.chmod(stat.S_IMODE(before.st_mode))
        if hasattr(os, "chown"):
            os.chown(new, before.st_uid, before.st_gid)
            new.chmod(stat.S_IMODE(before.st_mode))  # a new owner clears some of it
