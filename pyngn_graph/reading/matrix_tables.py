"""Square tables as a source: matrices with or without names along their sides."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.matrices import are_sides, source_of_matrix, source_of_sides
from pyngn_graph.reading.source import Source
from pyngn_graph.reading.text import Rows, place_in
from pyngn_graph.reading.values import numbers

NUMBER = re.compile(r"\s*[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*")
"""Text that is a number, maybe with a decimal comma."""

WIDEST = 100
"""So many times more rows than columns are a list, no matrix."""


def matrix_in(rows: Rows) -> Source | None:
    """A square table of numbers, with or without names along its sides."""
    entries = rows.entries
    if entries and all(row and not row[-1].strip() for row in entries):
        entries = [row[:-1] for row in entries]
    found = _labelled(rows, entries)
    if found is not None:
        return found
    size = len(entries)
    above = [entry.strip() for entry in entries[0]] if entries else []
    if len(above) == size - 1 > 1 and not any(map(NUMBER.fullmatch, above)):
        values = _values(entries[1:])
        if values is not None and values.shape == (size - 1,) * 2 and words.ends_among(
            above, {}, rows.title
        ) is None:  # fmt: skip
            return _of_matrix(rows, values, ids.as_names(above)[0])
    if size < 2 or len(entries[0]) != size or any(len(row) != size for row in entries):
        return None
    values = _values(entries)
    if values is None:
        return None
    if size <= 3:
        raise ValueError(
            f"{rows.title} may be a list of edges or a matrix; name the columns of a list in its "
            f"first line, e.g. 'source,target,weight', or pass a matrix as an array"
        )
    return _of_matrix(rows, values, None)


def _labelled(rows: Rows, entries: list[list[str]]) -> Source | None:
    """A matrix with names above and beside it; where a cell is empty there is no edge.

    Raises:
        ValueError: If entries are no numbers.
    """
    head, body = (entries[0] if entries else []), entries[1:]
    if len(head) < 2 or not 2 <= len(body) <= WIDEST * len(head):
        return None
    if all(len(row) == len(head) + 1 for row in body):  # as R writes it
        head = ["", *head]
    if any(len(row) != len(head) for row in body):
        return None
    above, beside = ids.as_names(
        [entry.strip() for entry in head[1:]], [row[0].strip() for row in body]
    )
    if (
        NUMBER.fullmatch(head[0])
        or not are_sides(beside, above)
        or words.ends_among(head, {}, rows.title) is not None
    ):
        return None
    faults = Faults(rows.title, "Write 0, or nothing, where there is no edge")
    at = place_in(rows, 1)

    def place(i: int) -> str:
        return f"{at(i)}, {beside[i]!r}"

    cells = [[row[k].strip() for row in body] for k in range(1, len(head))]
    columns = [
        numbers([cell or "0" for cell in column], str(name), place, faults)
        for name, column in zip(above, cells, strict=True)
    ]
    faults.check()
    source = source_of_sides(np.stack(columns, axis=1), beside, above, rows.title)
    empty = sum(column.count("") for column in cells)
    if empty:
        source.notes["no edge"] = f"where a cell is empty, {empty:,} of them"
    return noted(rows, source)


def noted(rows: Rows, source: Source) -> Source:
    """The source, which says of what table it is."""
    return replace(source, notes={"source": f"{rows.title}, {rows.note}"} | source.notes)


def _values(entries: list[list[str]]) -> Any:
    try:
        return np.array([[float(entry.replace(",", ".")) for entry in row] for row in entries])
    except ValueError:  # text, or rows of unequal length
        return None


def _of_matrix(rows: Rows, values: Any, names: list[Any] | None) -> Source:
    return noted(rows, source_of_matrix(values, rows.title, names))
