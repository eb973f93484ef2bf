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
    watched = _is_terminal(sys.stderr) or "ipykernel" in sys.modules
    if not (watched if show is None else show) or not _is_open(sys.stderr):
        return Hidden()
    from tqdm.auto import tqdm

    return tqdm(total=total, unit=unit, delay=1.0 if show is None else 0.0, leave=False)


def _is_open(stream: Any) -> bool:
    """Whether there is such a stream: 'pythonw' and services have none."""
    return stream is not None and not getattr(stream, "closed", False)


def _is_terminal(stream: Any) -> bool:
    return _is_open(stream) and hasattr(stream, "isatty") and bool(stream.isatty())
