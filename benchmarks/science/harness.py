"""Studies: cells are done once, side by side, kept on disk, and reported with what made them.

A script declares cells (:class:`~benchmarks.science.results.Cell`), each a pure function of plain
parameters for a row, a column and a seed, and hands them to a :class:`Study`. A killed run goes on
where it stopped. Parameters are chosen on other seeds than those reported.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from benchmarks.report import write
from benchmarks.science.results import Cell, Claim, Found, Results, claims_table
from benchmarks.science.store import Store, key
from pyngn_graph.progress import progress_bar

RESULTS = Path(__file__).parents[1] / "results" / "science"

REPORTED = 100
"""The first seed of those reported; parameters are chosen on seeds from 0 on."""

PACKAGES = ("pyngn-graph", "torch", "torch-geometric", "numba", "numpy", "reservoirpy")


def arguments(doc: str) -> argparse.ArgumentParser:
    """The options that all scripts have; ``doc`` begins with what the script shows."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="a coarse version, in minutes")
    parser.add_argument("--seeds", type=int, help="seeds reported (default 5, --fast 2)")
    parser.add_argument("--jobs", type=int, default=1, help="cells done side by side")
    parser.add_argument("--work", type=Path, default=Path("build/science"), help="kept cells")
    parser.add_argument("--out", type=Path, help="folder (default: results/science, --fast: work)")
    return parser


class Study:
    """One table: does its cells, chooses its parameters, writes it.

    Attributes:
        fast: Whether a coarse version was asked for.
        seeds: The seeds to report.
        choosing: The seeds to choose parameters on.
    """

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.fast = name, bool(options.fast)
        count = options.seeds or (2 if self.fast else 5)
        self.seeds = range(REPORTED, REPORTED + count)
        self.choosing = range(1 if self.fast else min(count, 5))
        self.out = options.out or (options.work / "fast" if self.fast else RESULTS)
        self._jobs, self._store = options.jobs, Store(options.work / f"{name}.jsonl")
        self._log: list[dict[str, Any]] = []
        self._seconds: dict[str, float] = {}
        self._choices: list[str] = []

    def run(self, cells: Iterable[Cell]) -> Results:
        """What the cells find; equal calls are made once."""
        cells = list(cells)
        keys = [key(cell.function, cell.arguments) for cell in cells]
        missing = {k: c for k, c in zip(keys, cells, strict=True) if self._store.get(k) is None}
        with progress_bar(len(cells), None, f"cell of {self.name}") as bar:
            bar.update(len(cells) - len(missing))
            for name, found, seconds in self._done(missing):
                self._store.add(name, found, seconds)
                bar.update(1)
        lines = [self._store.lines[name] for name in keys]
        for cell, line in zip(cells, lines, strict=True):
            place = {"row": cell.row, "column": cell.column, "function": cell.function.__name__}
            self._log.append(place | {"arguments": cell.arguments, "found": line["found"]})
            self._seconds[line["key"]] = line["seconds"]
        return Results(cells, [line["found"] for line in lines])

    def _done(self, missing: Mapping[str, Cell]) -> Iterable[tuple[str, Found, float]]:
        """Does the cells, each on one thread; as soon as one is done: key, found, seconds."""
        if self._jobs == 1 or len(missing) < 2:
            torch.set_num_threads(1)
            for name, cell in missing.items():
                yield name, *_timed(cell)
            return
        waiting = {self._pool.submit(_timed, cell): name for name, cell in missing.items()}
        try:
            for done in as_completed(waiting):
                yield waiting[done], *done.result()
        finally:
            for each in waiting:
                each.cancel()

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        """The processes of all runs: each takes seconds to begin."""
        os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        context = get_context("spawn")
        return ProcessPoolExecutor(self._jobs, context, torch.set_num_threads, (1,))

    def choose(
        self,
        what: str,
        function: Callable[..., Found],
        settings: Mapping[str, Mapping[str, Any]],
        metric: str,
        best: Callable[..., str] = max,
        seeds: Sequence[int] | None = None,
    ) -> str:
        """The name of the setting with the ``best`` mean of ``metric`` on the choosing seeds.

        ``seeds`` are others than those, where a choice takes fewer.
        """
        seeds = self.choosing if seeds is None else seeds
        found = self.run(
            Cell(f"{what}: {name}", "choice", seed, function, params)
            for name, params in settings.items()
            for seed in seeds
        )
        means = {name: found.mean(f"{what}: {name}", "choice", metric) for name in settings}
        chosen = best(means, key=lambda name: means[name])
        listed = ", ".join(f"{name}: {value:.3g}" for name, value in means.items())
        on = f"{seeds[0]}-{seeds[-1]}"
        self._choices.append(f"- {what}: **{chosen}**, by {metric} on seeds {on} ({listed})")
        return chosen

    def write(
        self, title: str, parts: Sequence[str], figure: Figure, claims: Sequence[Claim], notes: str
    ) -> None:
        """Writes table, numbers and figure to ``out``."""
        self.out.mkdir(parents=True, exist_ok=True)
        picture = self.out / f"{self.name}.png"
        figure.savefig(picture, dpi=150)
        about = (
            f"Seeds {self.seeds[0]}-{self.seeds[-1]}, mean ± sample standard deviation; "
            f"{sum(self._seconds.values()):.0f} s of CPU for {len(self._seconds)} cells."
        )
        body = [about, f"![{title}]({picture.name})", *parts]
        body += ["## Claims", claims_table(claims)] if claims else []
        body += ["## Chosen", "\n".join(dict.fromkeys(self._choices))] if self._choices else []
        path = self.out / f"{self.name}.md"
        write(path, title, versions(), self._log, [*body, "## What was measured"], notes, None)


def _timed(cell: Cell) -> tuple[Found, float]:
    start = time.process_time()
    try:
        found = cell.function(**cell.arguments)
    except Exception as error:
        error.add_note(f"in cell {cell.row!r}, {cell.column!r}: {cell.arguments}")
        raise
    return found, time.process_time() - start


def versions() -> list[str]:
    """Installed versions, and the revision of this repository."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    revision = _git("rev-parse", "--short", "HEAD")
    if not revision:
        return found
    changed = _git("status", "--porcelain", "--", "pyngn_graph", "benchmarks/science")
    return [*found, f"revision {revision}" + (" with changes" if changed else "")]


def _git(*words: str) -> str:
    """What git says, nothing where there is none."""
    command = ["git", "-C", str(RESULTS.parents[2]), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
