"""A progress bar that only shows where somebody watches."""

import sys
from typing import Any


def progress_bar(total: int, show: bool | None, unit: str = "step") -> Any:
    """A tqdm bar over ``total``.

    ``show=None`` shows it on a terminal or in a notebook once the work has taken a second.
    """
    from tqdm.auto import tqdm

    if show is None:
        watched = sys.stderr.isatty() or "ipykernel" in sys.modules
        return tqdm(total=total, unit=unit, disable=not watched, delay=1.0, leave=False)
    return tqdm(total=total, unit=unit, disable=not show, leave=False)
