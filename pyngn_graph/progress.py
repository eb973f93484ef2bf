"""A progress bar that only shows where somebody watches."""

import sys
from typing import Any, Self


class Hidden:
    """A bar that nobody sees.

    It takes no lock: a copy of the process that is killed while it holds the lock of tqdm, which
    forked processes share, would leave every later bar waiting for it.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: int = 1) -> None:
        """Do nothing."""


def progress_bar(total: int, show: bool | None, unit: str = "step") -> Any:
    """A tqdm bar over ``total``.

    ``show=None`` shows it on a terminal or in a notebook once the work has taken a second.
    """
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    if not (watched if show is None else show):
        return Hidden()
    from tqdm.auto import tqdm

    return tqdm(total=total, unit=unit, delay=1.0 if show is None else 0.0, leave=False)
