"""Raw files: found where the user put them, and checked before they are read."""

import hashlib
from pathlib import Path


def check_sha256(path: Path, sha256: str, source: str) -> None:
    """Refuses the file at ``path`` unless its SHA-256 is ``sha256``.

    Raises:
        ValueError: If it is another file; the message names ``source``, where to get the right one.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"'{path}' is not the file that was expected: its SHA-256 is {found}, not {sha256}; "
            f"it may be cut short or another version. Get it anew from {source} "
            f"(see datasets/README.md)"
        )
