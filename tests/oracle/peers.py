"""Peers in environments of their own (``benchmarks/speed/environments.sh``).

They are found in the folder ``PYNGN_PEERS``, by default ``build/environments``; what is missing
there is skipped.
"""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PEERS = Path(os.environ.get("PYNGN_PEERS", HERE.parents[1] / "build" / "environments")).absolute()


def output_of(name: str, *arguments: str | Path, folder: Path) -> str:
    """What the Python of a peer prints, run in ``folder``; skips where it is not installed."""
    python = PEERS / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no {name} in {PEERS}: 'make oracle' installs it")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    command = [python, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
