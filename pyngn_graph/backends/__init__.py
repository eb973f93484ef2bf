"""Backends: one definition of the model, and faster ways to compute the same bits."""

from collections.abc import Callable
from typing import NamedTuple

from torch_geometric.data import Data

from pyngn_graph.backends import event, reference


class Backend(NamedTuple):
    """A way to run a reservoir.

    ``advance`` does what :func:`pyngn_graph.backends.reference.advance` describes; ``columns`` is
    the number of trials that it likes side by side.
    """

    advance: Callable[..., Data]
    columns: int


BACKENDS = {
    "event": Backend(event.advance, columns=32),
    "reference": Backend(reference.advance, columns=128),
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
