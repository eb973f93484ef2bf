"""Backends: one definition of the model, and faster ways to compute the same bits."""

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch_geometric.data import Data


class Backend(NamedTuple):
    """A way to run a reservoir.

    ``module`` is imported when it is first needed; ``columns`` is the number of trials that the
    backend likes side by side. ``device`` is where reservoirs run on it, ``""`` for anywhere.
    """

    module: str
    columns: int
    device: str = ""

    @property
    def advance(self) -> Callable[..., Data]:
        """What :func:`pyngn_graph.backends.reference.advance` describes."""
        return import_module(self.module).advance


BACKENDS = {
    "cuda": Backend("pyngn_graph.backends.cuda", columns=128, device="cuda"),
    "event": Backend("pyngn_graph.backends.event", columns=32, device="cpu"),
    "reference": Backend("pyngn_graph.backends.reference", columns=128),
}


def check(name: str) -> None:
    """Refuses a backend that is not there.

    Raises:
        ValueError: If there is no such backend, or it cannot run here.
    """
    lacks = None if name == "auto" else missing(name)
    if lacks is not None:
        here = ["auto", *(other for other in BACKENDS if missing(other) is None)]
        raise ValueError(f"{lacks}; available here: {here}")


def missing(name: str) -> str | None:
    """What is missing for the backend ``name`` to run here, or None."""
    if name not in BACKENDS:
        return f"Unknown backend {name!r}"
    if name != "cuda":
        return None
    if not _has_triton():
        return "Backend 'cuda' needs Triton: pip install 'pyngn-graph[cuda]'"
    if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
        return "Backend 'cuda' needs an NVIDIA GPU and a torch built for it, and finds none"
    return None


def resolve(name: str, device: torch.device) -> str:
    """The backend meant by ``name``; ``"auto"`` is the fastest for a reservoir on ``device``."""
    if name != "auto":
        return name
    if device.type == "cpu":
        return "event"
    return "cuda" if device.type == "cuda" and _has_triton() else "reference"


def _has_triton() -> bool:
    return find_spec("triton") is not None


__all__ = ["BACKENDS", "Backend", "check", "missing", "resolve"]
