"""Warnings that point at the line of the user, however deep in the library they are given."""

import sys
import warnings
from typing import Any

INSIDE = ("pyngn_graph", "torch", "torch_geometric", "sklearn", "lightning", "pytorch_lightning")
"""Packages whose lines are not the user's: this one, and those that call it for him."""


def warn(message: str) -> None:
    """A ``UserWarning`` at the line outside of ``INSIDE`` that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get("__name__")).split(".")[0] in INSIDE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


def warn_once(module: Any, key: str, message: str) -> None:
    """As :func:`warn`, the first time that ``module``, which has a set ``_told``, has reason to."""
    if key not in module._told:
        module._told.add(key)
        warn(message)
