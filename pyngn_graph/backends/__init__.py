"""Backends: one definition of the model, and faster ways to compute the same bits."""

from collections.abc import Callable

from torch_geometric.data import Data

from pyngn_graph.backends import reference

Advance = Callable[..., Data]
"""See :func:`pyngn_graph.backends.reference.advance` for what a backend does."""

BACKENDS: dict[str, Advance] = {"reference": reference.advance}


def resolve(name: str) -> str:
    """The backend meant by ``name``; ``"auto"`` is the fastest available here.

    Raises:
        ValueError: If there is no such backend.
    """
    if name == "auto":
        return "reference"
    if name not in BACKENDS:
        raise ValueError(f"Unknown backend {name!r}; available here: {['auto', *sorted(BACKENDS)]}")
    return name


__all__ = ["BACKENDS", "Advance", "resolve"]
