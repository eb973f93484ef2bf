"""Older files: how the content of each version of the format becomes that of the next."""

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor

Content = tuple[dict[str, Tensor], dict[str, Any]]
"""The tensors of a file and its header."""


def _from_1(tensors: dict[str, Tensor], header: dict[str, Any]) -> Content:
    """Version 1 held reservoirs only, without saying so, and no checksum.

    Of the fast state the step was ``t``, there only with a state, the tensors ``state.*``, and the
    potentials to start from ``potential``.
    """
    renamed = {re.sub("^state[.]", "fast.", key): value for key, value in tensors.items()}
    if "potential" in renamed:
        renamed["fast.potential"] = renamed.pop("potential")
    kept = {key: value for key, value in header.items() if key != "t"}
    return renamed, {**kept, "fast": header.get("t"), "kind": "reservoir"}


MIGRATIONS: dict[int, Callable[[dict[str, Tensor], dict[str, Any]], Content]] = {1: _from_1}
"""For each version older than the present one, the step to the next."""

VERSION = 2
"""Schema of the files that are written; a file of a newer one is refused."""


def migrated(tensors: dict[str, Tensor], header: dict[str, Any], version: int) -> Content:
    """The content of a file of ``version`` as the present version would have written it."""
    for step in range(version, VERSION):
        tensors, header = MIGRATIONS[step](tensors, header)
    return tensors, header
