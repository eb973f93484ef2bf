"""Where the raw files of data sets lie: a folder like that of ``datasets/README.md`` for each."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "PYNGN_DATA"
"""The environment variable that names the folder, also for the processes that do the cells."""


def options_with_root(parser: argparse.ArgumentParser, names: Sequence[str]) -> argparse.Namespace:
    """All options, and ``--root``, the place of the data sets ``names``; ends the program without.

    That is an error if a root was named, but not if none was: there is nothing to do then.
    """
    parser.add_argument(
        "--root", type=Path, help=f"folder with a folder of raw files per data set (or {VARIABLE})"
    )
    options = parser.parse_args()
    root = options.root or os.environ.get(VARIABLE)
    missing = [name for name in names if not (root and (Path(root) / name).is_dir())]
    if missing:
        needs = (
            f"{parser.prog} needs the folders {', '.join(names)}, filled as datasets/README.md "
            f"says; pass the folder that holds them as --root"
        )
        if root:
            parser.error(f"{needs} (there is no {', '.join(missing)} in '{root}')")
        parser.exit(0, f"Nothing done: {needs}\n")
    os.environ[VARIABLE] = str(Path(root).resolve())
    return options


def folder(name: str) -> Path:
    """The raw files of the data set ``name``."""
    return Path(os.environ[VARIABLE]) / name
