"""Where the raw files of data sets lie: a folder like that of ``datasets/README.md`` for each."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "PYNGN_DATA"
"""The environment variable that names the folder, also for the processes that do the cells."""


def add_root(parser: argparse.ArgumentParser) -> None:
    """The option ``--root``."""
    parser.add_argument(
        "--root", type=Path, help=f"folder with a folder of raw files per data set (or {VARIABLE})"
    )


def use_root(
    parser: argparse.ArgumentParser, options: argparse.Namespace, names: Sequence[str]
) -> None:
    """Makes ``options.root`` the place of the data sets ``names``; ends the program without."""
    root = options.root or os.environ.get(VARIABLE)
    missing = [name for name in names if not (root and (Path(root) / name).is_dir())]
    if missing:
        where = f"in '{root}'" if root else "nowhere"
        parser.error(
            f"there is {where} a folder {' and a folder '.join(missing)}; put the raw files there "
            f"as datasets/README.md says and pass the folder above as --root"
        )
    os.environ[VARIABLE] = str(Path(root).resolve())


def folder(name: str) -> Path:
    """The raw files of the data set ``name``."""
    return Path(os.environ[VARIABLE]) / name
