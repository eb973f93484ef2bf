"""A table of numbers: a pandas DataFrame where pandas is installed, else one that prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from typing import Any

Columns = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Table:
    """Numbers by column and row, for the eye; ``table["column"]["row"]`` is one of them."""

    columns: Columns

    def __getitem__(self, column: str) -> Mapping[str, float]:
        return self.columns[column]

    @property
    def index(self) -> list[str]:
        """The names of the rows."""
        return list(dict.fromkeys(row for column in self.columns.values() for row in column))

    def __str__(self) -> str:
        rows = [["", *self.columns], *self._rows()]
        width = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
        return "\n".join(
            "  ".join(
                entry.rjust(size) if place else entry.ljust(size)
                for place, (entry, size) in enumerate(zip(row, width, strict=True))
            ).rstrip()
            for row in rows
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = ["".join(f"<th>{escape(name)}</th>" for name in ("", *self.columns))]
        for name, *entries in self._rows():
            cells = "".join(f"<td>{entry}</td>" for entry in entries)
            lines.append(f"<th>{escape(name)}</th>{cells}")
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def _rows(self) -> list[list[str]]:
        columns = self.columns.values()
        return [
            [row, *(written(column[row]) if row in column else "" for column in columns)]
            for row in self.index
        ]


def written(value: float) -> str:
    """A number for the eye: whole ones in full, others with five digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def as_table(columns: Columns) -> Any:
    """The columns as a ``pandas.DataFrame``, or as a :class:`Table` without pandas."""
    if find_spec("pandas") is None:
        return Table(columns)
    import pandas

    return pandas.DataFrame({name: dict(column) for name, column in columns.items()}, dtype=object)
