"""Backends: one definition of the model, and faster ways to compute the same bits."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from torch_geometric.data import Data


class Backend(NamedTuple):
    """A way to run a reservoir.

    ``module`` is imported when it is first needed; ``columns`` is the number of trials that the
    backend likes side by side.
    """

    module: str
    columns: int

    @property
    def advance(self) -> Callable[..., Data]:
        """What :func:`pyngn_graph.backends.reference.advance` describes."""
        return import_module(self.module).advance


BACKENDS = {
    "event": Backend("pyngn_graph.backends.event", columns=32),
    "reference": Backend("pyngn_graph.backends.reference", columns=128),
}


def resolve(name: str) -> str:
    """The backend meant by ``name``; ``"auto"`` is the fastest available here.

    Raises:
        ValueError: If there is no such backend.
    """
    if name == "auto":
        return "event"
    if name not in BACKENDS:
        raise ValueError(f"Unknown backend {name!r}; available here: {['auto', *sorted(BACKENDS)]}")
    return name


__all__ = ["BACKENDS", "Backend", "resolve"]
