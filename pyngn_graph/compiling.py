"""How inner loops are compiled: once on a machine, and not without a word."""

import logging

from numba import njit
from numba.core import event

compiled = njit(nogil=True, cache=True, error_model="numpy")
"""Decorator of inner loops: machine code, kept on disk; float arithmetic as written."""


NOTICE = "pyngn_graph compiles its inner loops: some seconds, once on this machine"
"""What is logged at the first compilation of a process."""


class Notice(event.Listener):
    """Says at the first compilation of a process why it takes a while."""

    given = False

    def on_start(self, event: event.Event) -> None:
        """Says it, if what is compiled is ours."""
        module = event.data["dispatcher"].py_func.__module__ or ""  # None for what 'exec' makes
        if not self.given and module.startswith("pyngn_graph."):
            self.given = True
            logging.getLogger("pyngn_graph").warning(NOTICE)

    def on_end(self, event: event.Event) -> None:
        """Has nothing to say."""


event.register("numba:compile", Notice())
