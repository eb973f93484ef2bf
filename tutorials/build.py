"""Runs the scripts of this folder and writes each as a notebook with its outputs beside it.

python tutorials/build.py               # all of them
python tutorials/build.py 02 05         # those whose names begin so
"""

import sys
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
MOST_SECONDS = 300
MOST_BYTES = 500_000


def main() -> None:
    chosen = tuple(sys.argv[1:]) or ("0",)
    for script in sorted(HERE.glob("[0-9]*.py")):
        if script.name.startswith(chosen):
            start = time.perf_counter()
            size = build(script)
            print(f"{script.stem}: {time.perf_counter() - start:.0f} s, {size // 1000} kB")


def build(script: Path) -> int:
    """Writes the notebook of a script; returns its size in bytes.

    Raises:
        CellExecutionError: If a cell fails; the notebook of before stays.
        ValueError: If the notebook is larger than ``MOST_BYTES``.
    """
    notebook = jupytext.read(script)
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place}"  # the same at every build
    client = NotebookClient(
        notebook,
        timeout=MOST_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    notebook.metadata.pop("language_info", None)  # the version of Python
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
    content = nbformat.writes(notebook) + "\n"
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"'{script.stem}.ipynb' has {len(content)} bytes, above {MOST_BYTES}; draw less, or "
            f"smaller pictures"
        )
    script.with_suffix(".ipynb").write_text(content)
    return len(content)


def is_progress(output: Any) -> bool:
    """Whether an output is a progress bar, which is of no use once it is full."""
    return "application/vnd.jupyter.widget-view+json" in output.get("data", {})


if __name__ == "__main__":
    main()
