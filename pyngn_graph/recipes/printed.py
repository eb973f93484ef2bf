"""Objects as the code that makes them, which names only what differs from the defaults."""

import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

import numpy as np

from pyngn_graph.glia import GlialCell


def code(value: Any, **verbatim: str) -> str:
    """Code that makes ``value``; ``verbatim`` are arguments that are given as expressions.

    Of a cell and of a dataclass it names each argument without which another object would be
    made. A function is its name.
    """
    if isinstance(value, FunctionType):
        return value.__name__
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, tuple):
        return f"({', '.join(map(code, value))}{',' if len(value) == 1 else ''})"
    if not isinstance(value, GlialCell) and not is_dataclass(value):
        return repr(value)
    needed = _needed(type(value), _arguments(value))
    written = {name: code(given) for name, given in needed.items() if name not in verbatim}
    return f"{type(value).__name__}({arguments(written | verbatim)})"


def arguments(written: Mapping[str, str]) -> str:
    """Keyword arguments, as they stand between the brackets of a call."""
    return ", ".join(f"{name}={value}" for name, value in written.items())


def differing(call: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``given`` that are not the defaults of ``call``."""
    default = inspect.signature(call).parameters
    return {name: value for name, value in given.items() if not value == default[name].default}


def _arguments(value: Any) -> dict[str, Any]:
    if isinstance(value, GlialCell):
        return value.config()
    return {field.name: getattr(value, field.name) for field in fields(value) if field.init}


def _needed(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` without what ``kind`` puts there by itself, beside the rest."""
    needed = given
    for name in given:
        fewer = {other: value for other, value in needed.items() if other != name}
        try:
            same = _arguments(kind(**fewer)) == given
        except (TypeError, ValueError, RuntimeError):  # it has to be given, or is a tensor
            same = False
        needed = fewer if same else needed
    return needed
