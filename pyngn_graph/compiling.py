"""How inner loops are compiled: once on a machine, if it can be kept, and not without a word."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from numba import njit
from numba.core import event
from numba.core.caching import FunctionCache

NOTICE = "pyngn_graph compiles its inner loops: some seconds, once on this machine"
"""What is logged at the first compilation of a process."""

UNKEPT = (
    "pyngn_graph finds no folder to keep what it compiles, and compiles anew in each process, some "
    "seconds each time; name a folder in the environment variable NUMBA_CACHE_DIR"
)
"""What is logged once in a process that finds no room for machine code."""


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator of inner loops: machine code, kept on disk; float arithmetic as written."""
    dispatcher = njit(nogil=True, error_model="numpy")(function)
    try:
        dispatcher._cache = Kept(function)  # what 'cache=True' does, but for faults of the disk
    except RuntimeError:  # numba's word for: neither the package nor the home can be written to
        _say_unkept()
    return dispatcher


class Kept(FunctionCache):
    """Machine code on a disk that may be full, or that others may write to as well."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept, or None if it cannot be read."""
        with suppress(OSError):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled, if there is room."""
        try:
            super().save_overload(sig, data)
        except OSError:
            _say_unkept()


def _say(text: str) -> None:
    with suppress(ValueError):  # a stderr that was closed
        logging.getLogger("pyngn_graph").warning(text)


@cache
def _say_unkept() -> None:
    _say(UNKEPT)


class Notice(event.Listener):
    """Says at the first compilation of a process why it takes a while."""

    given = False

    def on_start(self, event: event.Event) -> None:
        """Says it, if what is compiled is ours."""
        module = event.data["dispatcher"].py_func.__module__ or ""  # None for what 'exec' makes
        if not self.given and module.startswith("pyngn_graph."):
            self.given = True
            _say(NOTICE)

    def on_end(self, event: event.Event) -> None:
        """Has nothing to say."""


event.register("numba:compile", Notice())
