"""What the cells of a table found, by row, column and seed, and how it is shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import table

Found = dict[str, Any]
"""What a cell measured: numbers, and lists of numbers."""


@dataclass(frozen=True)
class Cell:
    """``function(seed=seed, **params)``, for a place in a table."""

    row: str
    column: str
    seed: int
    function: Callable[..., Found]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        """All arguments of the call."""
        return {"seed": self.seed, **self.params}


class Show(NamedTuple):
    """A column of a printed table: its head, and which metric of which column of cells it shows."""

    head: str
    column: str
    metric: str
    form: str = ".2f"


class Claim(NamedTuple):
    """A statement about the results, what was found, and whether it holds."""

    text: str
    found: str
    holds: bool


class Results:
    """What the cells found, by row, column and seed."""

    def __init__(self, cells: Sequence[Cell], found: Sequence[Found]) -> None:
        self.rows = list(dict.fromkeys(cell.row for cell in cells))
        self.columns = list(dict.fromkeys(cell.column for cell in cells))
        self._found: dict[tuple[str, str], dict[int, Found]] = {}
        for cell, each in zip(cells, found, strict=True):
            place = self._found.setdefault((cell.row, cell.column), {})
            if cell.seed in place:
                raise ValueError(
                    f"Two cells share row {cell.row!r}, column {cell.column!r} and seed "
                    f"{cell.seed}; give them different names"
                )
            place[cell.seed] = each

    def has(self, row: str, column: str, metric: str) -> bool:
        """Whether ``metric`` was measured there."""
        found = self._found.get((row, column), {})
        return bool(found) and all(metric in each for each in found.values())

    def values(self, row: str, column: str, metric: str) -> np.ndarray:
        """``metric`` of every seed, in their order, ``[S]`` (``[S, L]`` for lists)."""
        found = self._found[row, column]
        return np.array([found[seed][metric] for seed in sorted(found)])

    def mean(self, row: str, column: str, metric: str) -> float:
        """Mean over seeds."""
        return float(self.values(row, column, metric).mean())

    def means(self, row: str, metric: str, columns: Iterable[str] | None = None) -> np.ndarray:
        """Means over seeds of several columns, of all if None."""
        columns = self.columns if columns is None else columns
        return np.array([self.mean(row, column, metric) for column in columns])

    def table(self, shows: Sequence[Show], rows: Iterable[str] | None = None) -> str:
        """Mean ± sd, a line for each of ``rows``; empty where something was not measured."""
        lines = []
        for row in self.rows if rows is None else rows:
            line = [row]
            for show in shows:
                known = self.has(row, show.column, show.metric)
                values = self.values(row, show.column, show.metric) if known else None
                line.append("" if values is None else mean_sd(values, show.form))
            lines.append(line)
        return table(["", *(show.head for show in shows)], lines)


def mean_sd(values: np.ndarray, form: str = ".2f") -> str:
    """Mean and sample standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:{form}}"
    return f"{values.mean():{form}} ± {values.std(ddof=1):{form}}"


def claims_table(claims: Iterable[Claim]) -> str:
    """Claims, what was found, and whether they hold."""
    rows = [[claim.text, claim.found, "yes" if claim.holds else "**no**"] for claim in claims]
    return table(["claim", "found", "holds"], rows)
