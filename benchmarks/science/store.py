"""Results of cells on disk, a line of JSON each: what was done stays done."""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyngn_graph
from benchmarks.science import protocol
from benchmarks.science.results import Found


class Store:
    """The file ``path``; lines of another version of the code do not count.

    A line that a killed run left unfinished is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, dict[str, dict[str, Any]]()
        if path.exists():
            text = path.read_text()
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                path.write_text(whole)
            for line in map(json.loads, whole.splitlines()):
                self.lines[line["key"]] = line

    def get(self, key: str) -> dict[str, Any] | None:
        """What was measured under ``key``: ``found`` and the ``seconds`` it took."""
        return self.lines.get(key)

    def add(self, key: str, found: Found, seconds: float) -> None:
        """Keeps a result."""
        self.lines[key] = line = {"key": key, "seconds": round(seconds, 3), "found": found}
        text = json.dumps(line, allow_nan=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(text + "\n")


def key(function: Callable[..., Found], params: Mapping[str, Any]) -> str:
    """Names a call: function, code, and parameters in any order."""
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
    return json.dumps([name, code(function), dict(params)], sort_keys=True)


_CODE: dict[str, str] = {}


def code(function: Callable[..., Found]) -> str:
    """A digest of the library, of the protocol, and of the file that ``function`` stands in."""
    file = inspect.getsourcefile(function)
    if file not in _CODE:
        library = sorted(Path(inspect.getfile(pyngn_graph)).parent.rglob("*.py"))
        _CODE[str(file)] = digest([*library, Path(protocol.__file__), Path(str(file))])
    return _CODE[str(file)]


def digest(files: Iterable[Path]) -> str:
    """SHA-256 of what ``files`` say, shortened."""
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()[:12]
