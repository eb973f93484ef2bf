"""What a command of many runs has finished, in a file from which it goes on if it was killed."""

from pathlib import Path
from typing import Any

from pyngn_graph import storage
from pyngn_graph.disk import expanded


class Ledger:
    """Results by seed and name, written to a file as they come in.

    Args:
        path: The file; None keeps them in memory only.
        resume: Go on from the file if there is one, which otherwise is an error.
        identity: What makes the command this one, part by part, as JSON values.

    Raises:
        ValueError: If the file is there without ``resume``, cannot be read, or is of another
            command.
        OSError: If it cannot be written to.
    """

    def __init__(self, path: Path | None, resume: bool, identity: dict[str, Any]) -> None:
        self.path, self.identity = None if path is None else expanded(path), identity
        self.results: dict[str, Any] = {}
        if self.path is None:
            return
        storage.claim(self.path)
        if not self.path.exists():
            return
        if not resume:
            raise ValueError(
                f"'{path}' is there already; add '--resume' to go on from it, or remove it to "
                f"begin anew"
            )
        _, header = storage.read(self.path, "command")
        with storage.reading(self.path):
            self.results, found = dict(header["results"]), dict(header["identity"])
            differ = [name for name, value in identity.items() if found.get(name) != value]
            if differ:
                raise ValueError(
                    f"this checkpoint is of another command, which differs in: "
                    f"{', '.join(differ)}; name another file, or remove this one to begin anew"
                )

    def get(self, seed: int, name: str) -> Any:
        """What was put down under this seed and name, or None."""
        return self.results.get(f"{seed} {name}")

    def put(self, seed: int, name: str, result: Any) -> None:
        """Puts down a JSON value, in the file as well."""
        self.results[f"{seed} {name}"] = result
        if self.path is not None:
            header = {"identity": self.identity, "results": self.results}
            storage.write(self.path, "command", {}, header)

    def run_file(self, seed: int) -> Path | None:
        """The file for the run of ``seed`` that is in flight."""
        return None if self.path is None else self.path.with_name(f"{self.path.name}.seed{seed}")

    def remove(self, *seeds: int) -> None:
        """Removes the files of the runs of ``seeds``; without any, the file of the results."""
        files = [self.run_file(seed) for seed in seeds] or [self.path]
        for file in files:
            if file is not None and storage.holds(file, "run", "command"):
                file.unlink()
