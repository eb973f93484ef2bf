"""Files: tensors and a JSON header in one safetensors file, written whole or not at all."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pyngn_graph.disk import beginning, expanded, keep_rights, leftovers, target
from pyngn_graph.migration import VERSION, migrated

FORMAT = "pyngn_graph"

RESERVED = "__metadata__"
"""What safetensors calls that which is no tensor."""

KINDS = {
    "reservoir": "'TriglialReservoir.load'",
    "graph": "'load_graph'",
    "readout": "'RidgeReadout.load' or 'DeltaReadout.load'",
    "run": "'TriglialReservoir.run(..., checkpoint=...)'",
    "shard": "'pyngn_graph.distributed.load'",
    "shards": "'pyngn_graph.distributed.load'",
    "shared run": "'DistributedReservoir.run(..., checkpoint=...)'",
    "command": "'pyngn-graph run --checkpoint ... --resume'",
}
"""What a file may hold, and what reads it."""


def write(
    path: str | os.PathLike[str], kind: str, tensors: dict[str, Tensor], header: dict[str, Any]
) -> None:
    """Writes ``tensors`` and the JSON-able ``header`` of one of the ``KINDS`` to ``path``.

    The file is written under a temporary name, forced to the disk and renamed, and then the folder
    is forced to the disk: at any moment ``path`` holds what it held before or all of the new.

    Raises:
        OSError: If the file cannot be written; ``path`` stays whole, and nothing else remains.
        ValueError: If a tensor has the one name that the format needs itself.
    """
    path = target(path)
    if RESERVED in tensors:
        raise ValueError(f"'{RESERVED}' has a meaning of its own in such files; rename it")
    tensors = _apart(tensors)
    text = json.dumps({**header, "kind": kind}, default=plain)
    metadata = {"format": FORMAT, "version": str(VERSION), "header": text}
    write_bytes(path, save(tensors, metadata | {"sha256": digest(tensors, text)}))


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes ``content`` to ``path``, whole or not at all; see :func:`write`.

    A link stays a link, and its file is written; a file that was there keeps its mode.

    Raises:
        OSError: If the file cannot be written; ``path`` stays whole, and nothing else remains.
    """
    path = target(path)
    temporary = path.with_name(f"{beginning(path)}{uuid4().hex}")
    try:
        with open(temporary, "xb", opener=_private if path.exists() else None) as file:
            file.write(content)
            file.flush()
            _sync(file.fileno())
        keep_rights(path, temporary)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def claim(path: str | os.PathLike[str]) -> None:
    """Makes sure that ``path`` can be written, and removes what killed writers of it left behind.

    Raises:
        OSError: If it cannot.
    """
    path = target(path)
    try:
        for leftover in leftovers(path):
            with suppress(PermissionError):  # those of others are theirs
                leftover.unlink(missing_ok=True)
        trial = path.with_name(f"{beginning(path)}{uuid4().hex}")
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from error


def read(path: str | os.PathLike[str], *kinds: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file of one of these ``kinds``. Nothing in it is executed.

    The checksum is taken of the very copies that are returned. A file of an older version is
    brought up to the present one (see :mod:`pyngn_graph.migration`).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, damaged, foreign, of a newer version or of another kind.
    """
    path = expanded(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    try:
        with _opened(path) as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"'{path}' was not written by pyngn_graph; load it elsewhere")
            version = _version(path, metadata)
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}
        text = metadata["header"]
        if (version > 1 or "sha256" in metadata) and metadata["sha256"] != digest(tensors, text):
            raise ValueError(f"'{path}' is damaged: its checksum does not fit; take another copy")
        header = json.loads(text)
        if not isinstance(header, dict):
            raise TypeError("the header is no JSON object")
        tensors, header = migrated(tensors, header, version)
        found = header["kind"]
        reader = KINDS[found]
    except SafetensorError as error:
        raise ValueError(
            f"'{path}' is truncated or not a safetensors file ({error}); take another copy"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error
    if found not in kinds:
        wanted = " or a ".join(kinds)
        raise ValueError(f"'{path}' holds a {found}, not a {wanted}; it is for {reader}")
    return tensors, header


def holds(path: Path, *kinds: str) -> bool:
    """Whether ``path`` is a file of one of these ``kinds``; its tensors are not looked at."""
    try:
        with _opened(path) as file:
            return json.loads((file.metadata() or {})["header"])["kind"] in kinds
    except (OSError, SafetensorError, ValueError, LookupError, TypeError):
        return False


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The safetensors file ``path``, whose name need not be UTF-8, as safetensors asks."""
    with open(path, "rb") as file:
        known = os.fsencode(path) == str(path).encode(errors="replace")
        with safe_open(path if known else f"/dev/fd/{file.fileno()}", framework="pt") as found:
            yield found


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in what goes wrong while its content is made into objects.

    Raises:
        ValueError: In place of whatever error a header that does not fit leads to.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from error
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise _damaged(path, error) from error


def digest(tensors: dict[str, Tensor], text: str = "") -> str:
    """SHA-256 of names, types, shapes and bits of ``tensors``, and of ``text``."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        sha.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        # With less than two elements any stride counts as contiguous, but not to 'view'.
        flat = value.as_strided((value.numel(),), (1,), value.storage_offset())
        sha.update(flat.view(torch.uint8).numpy().data)
    return sha.hexdigest()


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under names that begin with ``prefix`` and a dot."""
    return {f"{prefix}.{key}": value for key, value in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix`` and a dot, under what follows."""
    start = f"{prefix}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}


def plain(value: Any) -> Any:
    """A number of NumPy as one of Python, for ``json.dumps(..., default=plain)``."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, copied where they share memory, which safetensors refuses."""
    apart: dict[str, Tensor] = {}
    seen = set()
    for key, value in tensors.items():
        value = value.detach().cpu().contiguous()
        memory = value.untyped_storage().data_ptr()
        apart[key] = value.clone() if memory in seen else value
        seen.add(memory)
    return apart


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # what is written may be private


def _sync(handle: int) -> None:
    """Forces a file or folder to the disk, where its file system can."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folder, others none that may not be listed
        return
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> OSError:
    return OSError(
        error.errno,
        f"Cannot write '{path}' ({error.strerror or error}); a file that stood there is still "
        f"whole: make room, or name a file in another folder",
    )


def _damaged(path: str | os.PathLike[str], error: Exception) -> ValueError:
    return ValueError(
        f"'{path}' is damaged: its parts do not fit together ({type(error).__name__}: {error}); "
        f"take another copy"
    )


def _version(path: str | os.PathLike[str], metadata: dict[str, str]) -> int:
    version = metadata["version"]
    if not version.isdecimal() or int(version) < 1:
        raise ValueError(
            f"'{path}' is damaged: its version is {version!r}, no number from 1 on; take another "
            f"copy"
        )
    if int(version) > VERSION:
        raise ValueError(
            f"'{path}' has version {version} of the format, newer than {VERSION}; "
            f"update pyngn-graph"
        )
    return int(version)
