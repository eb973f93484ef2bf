"""Where the data are: a folder that holds one folder for each set."""

import argparse
import os
from pathlib import Path

VARIABLE = "PYNGN_DATA"
"""Names the folder, as it does for the tests."""

SKIPPED = 77
"""What a script returns whose data are not there."""


def folder() -> Path:
    """The folder that the variable names."""
    return Path(os.environ[VARIABLE])


def data_root(parser: argparse.ArgumentParser, *names: str) -> argparse.Namespace:
    """The options, once it is known that the folders ``names`` are there.

    The variable, not a parameter, tells the cells: what they found does not depend on the place.
    """
    parser.add_argument("--root", type=Path, help=f"folder of the data (default: ${VARIABLE})")
    options = parser.parse_args()
    if options.root is not None:
        os.environ[VARIABLE] = str(options.root.expanduser().absolute())
    missing = [n for n in names if VARIABLE not in os.environ or not (folder() / n).is_dir()]
    if missing:
        message = (
            f"{parser.prog} needs the folders {missing}; name what holds them by --root or "
            f"${VARIABLE} (datasets/README.md says where the files come from)\n"
        )
        parser.exit(SKIPPED, message)
    return options
