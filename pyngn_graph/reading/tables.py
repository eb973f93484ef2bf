"""Lists of edges and of nodes as a source, from files, frames and pairs alike."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyngn_graph.garbage import no_collection
from pyngn_graph.reading import names as ids
from pyngn_graph.reading import words
from pyngn_graph.reading.directions import both_ways
from pyngn_graph.reading.faults import Faults
from pyngn_graph.reading.matrix_tables import NUMBER, matrix_in, noted
from pyngn_graph.reading.source import Column, Columns, Source
from pyngn_graph.reading.text import Rows, columns_of, place_in, rows_of

LISTS = (".txt", ".edgelist", ".edges", ".el", ".ncol")
"""Endings of lists that often come without a header; the first is one of matrices as well."""

Place = Callable[[int], str]


def read_tables(
    edges: str | Path,
    nodes: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> Source:
    """The source in the file of a list of edges, or of a matrix, and if given of its nodes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a table has faults; the message lists them.
    """
    with no_collection():
        return _read_tables(edges, nodes, words.roles(columns))


def _read_tables(edges: str | Path, nodes: str | Path | None, chosen: Mapping[str, str]) -> Source:
    rows = rows_of(edges)
    if any(comment.startswith("MatrixMarket") for comment in rows.comments):
        raise ValueError(f"{rows.title} is a Matrix Market file; let its name end with '.mtx'")
    file = Path(edges).name.lower().removesuffix(".gz")
    named = _named_in_comments(rows)
    if nodes is None and not chosen and named is None and not file.endswith(LISTS[1:]):
        matrix = matrix_in(rows)
        if matrix is not None:
            return matrix
    header, first = (named, 0) if named is not None else _header(rows, chosen, file)
    table: Columns = dict(columns_of(rows, header, rows.entries[first:], first))
    about_nodes = None
    if nodes is not None:
        about_nodes = table_of(rows_of(nodes))
    source = linked(table, rows.title, place_in(rows, first), about_nodes, chosen)
    return noted(rows, source)


def table_of(rows: Rows) -> tuple[Columns, str, Place]:
    """The columns of a table whose first row names them, its title, and where its rows stand.

    Raises:
        ValueError: If it is empty, or has faults.
    """
    if not rows.entries:
        raise ValueError(f"{rows.title} is empty; its first line must name its columns")
    columns = columns_of(rows, rows.entries[0], rows.entries[1:], 1)
    return dict(columns), rows.title, place_in(rows, 1)


def linked(
    table: Columns,
    title: str,
    place: Place,
    nodes: tuple[Columns, str, Place] | None = None,
    chosen: Mapping[str, str] | None = None,
) -> Source:
    """The source in the columns of a list of edges and, with their own title, of its nodes.

    Nodes are in the order of their list, else by number or alphabet.

    Raises:
        ValueError: If there are no columns of ends, ids are missing, or an end is no node.
    """
    chosen = chosen or {}
    of_edges = {role: name for role, name in chosen.items() if role in words.OF_EDGES}
    of_nodes = {role: name for role, name in chosen.items() if role in words.OF_NODES}
    if of_nodes and nodes is None:
        raise ValueError(
            f"columns={of_nodes} are columns of nodes, and there is no table of nodes; pass it"
        )
    pair = words.ends_among(list(table), of_edges, title)
    if pair is None:
        bare = any(map(NUMBER.fullmatch, table)) or len(table) < 2
        choice = f"columns={{'pre': {_some(table, 0)!r}, 'post': {_some(table, 1)!r}}}"
        remedies = [] if bare else [f"name those that are, e.g. {choice}"]
        if bare or title.startswith("'"):
            remedies.append("if its first row is an edge, write names above it: 'source,target'")
        raise ValueError(
            f"{title} must have the columns 'source' and 'target', or 'pre' and 'post' (got "
            f"{list(table)}); {'; '.join(remedies)}"
        )
    rest = {name: column for name, column in table.items() if name not in pair}
    src, dst = (table[end] for end in pair)
    faults = Faults(title)
    for name, column in zip(pair, (src, dst), strict=True):
        ids.check(column, name, place, faults)
    faults.check()
    if nodes is None:
        src, dst = ids.as_names(src, dst)
        found, label = ids.in_order({*src, *dst}), None
        listed: Columns = {}
        about = place
    else:
        columns, other, about = nodes
        key, given, (src, dst) = _named(columns, other, about, of_nodes, (src, dst))
        found = given
        listed = {name: column for name, column in columns.items() if name != key}
        _check_distinct(found, key, other, about)
        words.check_there(of_nodes.get("label"), listed, "label", other)
        named = (name for word in words.LABEL for name in listed if words.is_(name, (word,)))
        label = of_nodes.get("label", next(named, None))
    if not found:
        raise ValueError(f"{title} has no rows, and so no nodes; add some, or a list of nodes")
    ends = ids.places(found, src, dst)
    _check_ends(ends, (src, dst), pair, found, title, place)

    def where(level: str, i: int) -> str:
        return place(i) if level == "edge" else about(i)

    source = Source(title, found, ends, listed, rest, place=where, label=label)
    return both_ways(source, of_edges)


def _some(table: Columns, i: int) -> str:
    return list(table)[i] if i < len(table) else "..."


def _named(
    columns: Columns,
    title: str,
    place: Place,
    chosen: Mapping[str, str],
    ends: tuple[Column, Column],
) -> tuple[str, list[Any], list[list[Any]]]:
    """The column of ids, the ids, and the ends in the same form."""
    words.check_there(chosen.get("id"), columns, "id", title)
    candidates = [name for word in words.NODE for name in columns if words.is_(name, (word,))]
    if "id" in chosen:
        candidates = [chosen["id"]]
    if not candidates:
        raise ValueError(
            f"{title} must have a column of names, 'id' or 'name' (got {list(columns)}); say which "
            f"it is with columns={{'id': {_some(columns, 0)!r}}}"
        )
    best: tuple[int, str, list[Any], list[list[Any]]] | None = None
    for name in candidates:
        given, *others = ids.as_names(columns[name], *ends)
        there = set(given)
        strangers = sum(end not in there for other in others for end in other)
        if best is None or strangers < best[0]:
            best = strangers, name, given, others
        if strangers == 0:
            break
    assert best is not None
    _, key, given, others = best
    faults = Faults(title)
    ids.check(columns[key], key, place, faults)
    faults.check()
    return key, given, others


def _check_distinct(names: list[Any], key: str, title: str, place: Place) -> None:
    seen: dict[Any, int] = {}
    faults = Faults(title, "Names of nodes must be unique; rename or drop these")
    for row, name in enumerate(names):
        first = seen.setdefault(name, row)
        if first != row:
            faults.add_line(f"{place(row)}, column {key!r}: {name!r} twice, as in {place(first)}")
    faults.check()


def _check_ends(
    ends: Any, given: Sequence[list[Any]], pair: tuple[str, str], names: list[Any], title: str,
    place: Place,
) -> None:  # fmt: skip
    if not (ends < 0).any():
        return
    bare = {str(name).lstrip("0"): name for name in names}
    faults = Faults(title, "Add them to the nodes, or drop these rows")
    for row in np.flatnonzero((ends < 0).any(axis=0)).tolist():
        for k in (0, 1):
            if ends[k, row] < 0:
                name = given[k][row]
                near = bare.get(str(name).lstrip("0"))
                hint = "" if near is None else f" (zeros count: {near!r} is)"
                faults.add_line(
                    f"{place(row)} has {pair[k]} = {name!r}, which is not among the "
                    f"{len(names)} nodes{hint}"
                )
    faults.check()


def _named_in_comments(rows: Rows) -> list[str] | None:
    """Names of the columns that stand in a comment before the first row."""
    sign = None if rows.separator == " " else rows.separator
    for comment in reversed(rows.comments):
        named = [entry.strip() for entry in comment.split(sign)]
        wide = bool(rows.entries) and len(named) == len(rows.entries[0])
        if wide and words.ends_among(named, {}, rows.title) is not None:
            return named
    return None


def _header(rows: Rows, chosen: Mapping[str, str], file: str) -> tuple[list[str], int]:
    """Names of the columns, and the place of the first row below them."""
    if not rows.entries:
        raise ValueError(
            f"{rows.title} is empty; its first line must name its columns, e.g. 'source,target'"
        )
    first = [entry.strip() for entry in rows.entries[0]]
    of_edges = {role: name for role, name in chosen.items() if role in words.OF_EDGES}
    if of_edges or words.ends_among(first, {}, rows.title) is not None:
        return first, 1
    bare = any(NUMBER.fullmatch(entry) for entry in first) or file.endswith(LISTS)
    if bare and len(first) in (2, 3):
        return ["source", "target", "weight"][: len(first)], 0
    return first, 1
