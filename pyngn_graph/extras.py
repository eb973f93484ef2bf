"""Packages that only some parts need: imported when those are used, named when missing."""

from importlib import import_module
from typing import Any


def needed(module: str, extra: str, purpose: str) -> Any:
    """Imports an optional module.

    Raises:
        ImportError: If its package is missing; the message names ``purpose``, which needs it, and
            the ``extra`` that brings it.
    """
    package = module.partition(".")[0]
    try:
        import_module(package)  # so that the error names it and not what lies within
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        name = "scikit-learn" if package == "sklearn" else package
        raise ImportError(
            f"{purpose} needs '{name}'; install it with: pip install 'pyngn-graph[{extra}]'"
        ) from error
