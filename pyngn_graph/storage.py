"""Files: tensors and a JSON header in one safetensors file, written whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = "pyngn_graph"
VERSION = 1
"""Schema of the header; a file of a newer one is refused."""


def write(path: str | os.PathLike[str], tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Writes ``tensors`` and the JSON-able ``header`` to ``path``.

    The file is written under a temporary name and renamed, so that ``path`` holds either what it
    held before or all of the new.

    Raises:
        OSError: If the folder cannot be written to; ``path`` stays as it was.
    """
    path = Path(path)
    metadata = {"format": FORMAT, "version": str(VERSION), "header": json.dumps(header)}
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{path.parent}' to write '{path.name}' to")
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        # Copies: safetensors refuses tensors that share memory.
        copies = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(copies, temporary, metadata=metadata)
        temporary.chmod(mode)  # safetensors leaves the file to its owner alone
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file made by :func:`write`. Nothing in it is executed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, foreign, or of a newer version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file '{path}'")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"'{path}' was not written by pyngn_graph; load it elsewhere")
            version = int(metadata["version"])
            if version > VERSION:
                raise ValueError(
                    f"'{path}' has version {version} of the format, newer than {VERSION}; "
                    f"update pyngn-graph"
                )
            header = json.loads(metadata["header"])
            return {key: file.get_tensor(key) for key in file.keys()}, header
    except (SafetensorError, json.JSONDecodeError, KeyError) as error:
        raise ValueError(f"'{path}' is truncated or not a safetensors file ({error})") from error


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under names that begin with ``prefix`` and a dot."""
    return {f"{prefix}.{key}": value for key, value in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix`` and a dot, under what follows."""
    start = f"{prefix}."
    return {key[len(start) :]: value for key, value in tensors.items() if key.startswith(start)}
