"""Modules whose constructor arguments can be read, and not changed in silence."""

import difflib
import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar

from torch import nn


def shown(path: str, doc: str) -> Any:
    """A read-only property that shows the attribute at ``path``, as ``"setting.dt"``."""
    return property(attrgetter(path), doc=doc)


def arguments(kind: Callable[..., Any]) -> list[str]:
    """The names of the arguments that ``kind`` is made with."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p.name for p in inspect.signature(kind).parameters.values() if p.kind in named]


class Constructed(nn.Module):
    """A module that is what it was made with.

    Once ``_made`` is set, writing to an argument of the constructor raises an AttributeError that
    says how to get a module with another value, and so does writing to a name that there is not,
    or a slip would go unnoticed. Properties with a setter, parameters, and names in ``WRITABLE``
    may be written to, and a subclass of yours may have attributes of its own.
    """

    WRITABLE: ClassVar[tuple[str, ...]] = ("training",)
    REMEDY: ClassVar[str]
    """How to get another value, with ``{name}`` and ``{value}``."""

    _made: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and not name.startswith("_") and self._is_fixed(name):
            raise AttributeError(self._refusal(name, value), name=name, obj=self)
        super().__setattr__(name, value)

    def _is_fixed(self, name: str) -> bool:
        own = getattr(type(self), name, None)
        if name in self.WRITABLE or name in self._parameters or getattr(own, "fset", None):
            return False
        ours = type(self).__module__.split(".")[0] == __name__.split(".")[0]
        return ours or own is not None or name in self.readable()

    @classmethod
    def readable(cls) -> list[str]:
        """The names that an argument of the constructor goes by."""
        return arguments(next(kind for kind in cls.__mro__ if "REMEDY" in vars(kind)))

    def _refusal(self, name: str, value: Any) -> str:
        kind, names = type(self).__name__, self.readable()
        if name in names:
            shape = getattr(value, "shape", None)
            text = repr(value) if shape is None else "..."
            return (
                f"'{name}' of a {kind} is fixed when it is made; "
                f"{self.REMEDY.format(name=name, value=text)}"
            )
        near = difflib.get_close_matches(name, [*names, *self.WRITABLE], 1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        return (
            f"a {kind} has no attribute '{name}' to set: {meant}its arguments are {names}; keep "
            f"what is yours on a module of your own"
        )
