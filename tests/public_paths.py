"""The paths by which README, documentation, docstrings, tutorials and benchmarks name the package.

python tests/public_paths.py --write     # after a name that is meant to come or go
"""

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_suffix(".txt")

DOTTED = re.compile(r"(?<![\w./])(?:ng|pyngn_graph)((?:\.[A-Za-z]\w*)+)")
IMPORTED = re.compile(r"from pyngn_graph((?:\.\w+)*) import (\([^)]*\)|[^\n#]+)")
ENDINGS = {"py", "md", "json", "png", "toml", "git"}
"""What follows a dot in the name of a file."""


def texts() -> list[str]:
    """All that users read: pages and programs whole, of the package its docstrings."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("tutorials/*.py")]
    pages += [*ROOT.glob("datasets/*.md"), *ROOT.glob("benchmarks/**/*.py")]
    found = [page.read_text() for page in sorted(pages)]
    for module in sorted(ROOT.glob("pyngn_graph/**/*.py")):
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        nodes = (
            node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, kinds)
        )
        found += [ast.get_docstring(node) or "" for node in nodes]
    return found


def named() -> set[str]:
    """Every path that these texts name, as far as it goes without a method or an attribute."""
    found = set()
    for text in texts():
        for path in DOTTED.findall(text):
            parts = path.strip(".").split(".")
            if parts[-1] not in ENDINGS:
                found.add(".".join(parts))
        for module, names in IMPORTED.findall(text):
            for name in re.findall(r"[A-Za-z_]\w*(?: as \w+)?", names.strip("()")):
                found.add(f"{module}.{name.split(' as ')[0]}".strip("."))
    return {path for path in (_public(path) for path in found) if path}


def resolved(path: str) -> Any:
    """What ``pyngn_graph.path`` is.

    Raises:
        ImportError, AttributeError: If it is nothing.
    """
    found: Any = importlib.import_module("pyngn_graph")
    so_far = "pyngn_graph"
    for part in path.split("."):
        so_far = f"{so_far}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            found = importlib.import_module(so_far)
    return found


def _public(path: str) -> str:
    """The path up to the first class or function: what follows belongs to that."""
    parts = path.split(".")
    for count in range(1, len(parts) + 1):
        found = resolved(".".join(parts[:count]))
        if not hasattr(found, "__path__") and not hasattr(found, "__spec__"):
            return ".".join(parts[:count])
    return path


if __name__ == "__main__":
    if "--write" in sys.argv:
        FILE.write_text("\n".join(sorted(named())) + "\n")
    print(len(FILE.read_text().split()))
