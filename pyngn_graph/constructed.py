"""Modules whose constructor arguments can be read, and not changed in silence."""

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, ClassVar

from torch import nn

from pyngn_graph.neuron import LIFParameters


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
    _made: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and not name.startswith("_") and self._is_fixed(name):
            raise AttributeError(self._refusal(name, value), name=name, obj=self)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if self._made and not name.startswith("_") and hasattr(self, name) and self._is_fixed(name):
            raise AttributeError(
                f"'{name}' of a {type(self).__name__} cannot be deleted: it is part of what it is",
                name=name,
                obj=self,
            )
        super().__delattr__(name)

    def _is_fixed(self, name: str) -> bool:
        own = getattr(type(self), name, None)
        if name in self.WRITABLE or name in self._parameters or getattr(own, "fset", None):
            return False
        if own is None and name not in self.readable() and _caller(3) == "torch":
            return False  # as tools of torch mark all modules of a model
        return _is_ours(type(self)) or own is not None or name in self.readable()

    @classmethod
    def readable(cls) -> list[str]:
        """The names that an argument of the constructor goes by."""
        return arguments(next(kind for kind in cls.__mro__ if _is_ours(kind)))

    def _arguments(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments it was made with; a TypeError if ``changes`` name another one."""
        unknown = sorted(set(changes) - set(self.readable()))
        if unknown:
            raise TypeError(
                f"A {type(self).__name__} has no {unknown}; its arguments are {self.readable()}"
            )
        return {name: getattr(self, name) for name in self.readable()}

    def _refusal(self, name: str, value: Any) -> str:
        kind, names = type(self).__name__, self.readable()
        shape = getattr(value, "shape", None)
        text = repr(value) if shape is None else "..."
        remedy = "'reservoir.replace({}={})' makes another on the graph as it stands"
        if name == "dt":
            return (
                f"'dt' of a {kind} is fixed when it is made, for the delays of its graph count "
                f"steps of it; 'reservoir.replace(dt={text}, graph=graph)' makes another, on a "
                f"graph that was built with this dt"
            )
        if name in names:
            return f"'{name}' of a {kind} is fixed when it is made; {remedy.format(name, text)}"
        if name in arguments(LIFParameters):
            neuron = f"dataclasses.replace(reservoir.neuron, {name}={text})"
            return (
                f"a {kind} has no attribute '{name}' to set: it is one of its neurons'; "
                f"{remedy.format('neuron', neuron)}"
            )
        if hasattr(self, name):
            return f"'{name}' of a {kind} cannot be set; its arguments are {names}"
        near = difflib.get_close_matches(name, [*names, *self.WRITABLE], 1)
        meant = f"did you mean '{near[0]}'? " if near else ""
        return (
            f"a {kind} has no attribute '{name}' to set: {meant}its arguments are {names}; keep "
            f"what is yours on a module of your own"
        )


def _caller(depth: int) -> str:
    """The package whose code is at work so many calls above."""
    return str(sys._getframe(depth).f_globals.get("__name__")).split(".")[0]


def _is_ours(kind: type) -> bool:
    """Whether a class is one of this library, and not made of one of them."""
    return kind.__module__.split(".")[0] == __name__.split(".")[0]
