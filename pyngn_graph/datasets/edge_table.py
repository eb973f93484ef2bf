"""Connectomes from tables of neurons and synapses."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.datasets.measured import connectome
from pyngn_graph.misread import counts_among, warn, warn_unless_counts


def from_edge_table(
    nodes: str | Path | None,
    edges: str | Path,
    *,
    types: Sequence[str] | None = None,
    **options: Any,
) -> Data:
    """The graph in two CSV files, as a reservoir runs it.

    The first line of a file names its columns; their order is free and further ones are ignored.

    - ``nodes``: ``name``; ``x``, ``y``, ``z``, positions in micrometres (all three or none);
      ``sign``, -1 inhibitory, 1 excitatory, 0 or empty unknown (may be absent).
    - ``edges``: ``pre`` and ``post``, names of neurons; ``weight``, the number of synapses,
      positive (default 1); ``type``, any word. Edges of the type ``electrical`` are gap junctions:
      excitatory, and one row per direction.

    Warns where a column that must hold counts, as ``synapses``, is ignored for want of ``weight``,
    where a ``weight`` is no count, and where positions are ignored because axes are called ``X``.

    Args:
        nodes: Table of neurons; None takes the names in ``edges``, sorted.
        edges: Table of synapses; several rows for one pair of neurons are parallel edges.
        types: Which types of edges to take; None takes all.
        **options: Weights, signs and delays, see :func:`connectome`.

    Returns:
        See :func:`connectome`; names are in ``node_label``. If there are types, ``edge_type``
        ``[E]`` int64 is the place of an edge's type in ``synapse_types``, a list.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a row cannot be read, or an option breaks its rule.
    """
    table = Path(edges).name
    synapses = read_table(_text(edges), table, ["pre", "post"])
    ignored = [] if "weight" in synapses else counts_among(synapses)
    if ignored and options.get("power") != 0:
        warn(
            f"'{table}' has no column 'weight', and its column {ignored[0]!r} is ignored: every "
            f"edge counts as 1 synapse. Call it 'weight' if it counts synapses; power=0 says that "
            f"all weights are equal"
        )
    if nodes is None:
        names = sorted({*synapses["pre"], *synapses["post"]})
    else:
        names, found = _neurons(nodes)
        options |= found
    data = edge_table(names, synapses, table, types=types, **options)
    if options.get("power") != 0:
        warn_unless_counts(data.edge_count, table)
    return data


def _neurons(nodes: str | Path) -> tuple[list[str], dict[str, Any]]:
    """The names in a table of neurons, and what else it says of them."""
    name = Path(nodes).name
    neurons, found = read_table(_text(nodes), name, ["name"]), dict[str, Any]()
    axes = [axis for axis in "xyz" if axis in neurons]
    if axes:
        if len(axes) < 3:
            raise ValueError(f"'{name}' must have the columns x, y and z or none (got {axes})")
        found["pos"] = torch.tensor([numbers(neurons, axis, name) for axis in axes]).t()
    elif {"X", "Y", "Z"} <= neurons.keys():
        warn(f"'{name}' has the columns X, Y and Z, which are ignored; call positions x, y and z")
    if "sign" in neurons:
        found["sign"] = signs(neurons, "sign", name)
    return neurons["name"], found


def _text(path: str | Path) -> str:
    return Path(path).expanduser().read_text("utf-8-sig")  # as spreadsheets write it


def edge_table(
    names: Sequence[str],
    edges: dict[str, list[str]],
    table: str,
    *,
    types: Sequence[str] | None = None,
    **options: Any,
) -> Data:
    """The graph of the neurons ``names`` with the rows of ``edges``; see :func:`from_edge_table`.

    Errors call the table of edges ``table``.
    """
    place = {name: i for i, name in enumerate(names)}
    if len(place) < len(names):
        twice = next(name for i, name in enumerate(names) if place[name] != i)
        raise ValueError(f"Names of neurons must be unique (got {twice!r} twice); rename one")
    for end in ("pre", "post"):
        for row, name in enumerate(edges[end]):
            if name not in place:
                raise ValueError(
                    f"Row {row + 1} of '{table}' has {end} = {name!r}, which is not among the "
                    f"{len(names)} neurons; add it to them, or drop the row"
                )
    index = torch.tensor([[place[name] for name in edges[end]] for end in ("pre", "post")]).long()
    count = torch.ones(index.size(1), dtype=torch.float32)
    if "weight" in edges:
        count = torch.tensor(numbers(edges, "weight", table))
    if "type" not in edges:
        if types is not None:
            raise ValueError(f"'{table}' has no column 'type' to choose {list(types)} by")
        return connectome(index, count, len(names), names=names, **options)
    found = sorted(set(edges["type"]))
    chosen = check_types(found if types is None else types, found)
    code = {name: i for i, name in enumerate(chosen)}
    kind = torch.tensor([code.get(name, -1) for name in edges["type"]], dtype=torch.long)
    keep = kind >= 0
    index, count, kind = index[:, keep], count[keep], kind[keep]
    electrical = kind == code.get("electrical", -1)
    data = connectome(
        index, count, len(names), names=names, electrical=electrical, edge_type=kind, **options
    )
    data.synapse_types = chosen
    return data


def check_types(types: Sequence[str], available: Sequence[str]) -> list[str]:
    """The types of synapses that were asked for, once they are known to exist.

    Raises:
        ValueError: If one does not, or if there are none.
    """
    types = [types] if isinstance(types, str) else list(types)
    unknown = sorted(set(types) - set(available))
    if unknown or not types:
        raise ValueError(f"Unknown types {unknown or types}; available: {list(available)}")
    return types


def read_table(content: str, name: str, required: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a CSV file, without spaces around their entries.

    Raises:
        ValueError: If a column of ``required`` is missing or a row has another length than the
            first; the message calls the file ``name``.
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(content, newline="")) if line]
    except csv.Error as error:
        raise ValueError(f"'{name}' is no readable CSV file ({error}); mend it") from error
    header = [column.strip() for column in lines[0]] if lines else []
    missing = [column for column in required if column not in header]
    if missing:
        raise ValueError(
            f"'{name}' must have the columns {list(required)} (got {header}); add them"
        )
    for row, line in enumerate(lines):
        if len(line) != len(header):
            raise ValueError(
                f"Row {row} of '{name}' must have {len(header)} entries (got {len(line)}); mend it"
            )
    return {
        column: [line[place].strip() for line in lines[1:]] for place, column in enumerate(header)
    }


def numbers(table: dict[str, list[str]], column: str, name: str) -> list[float]:
    """A column of finite numbers."""
    return _parsed(table, column, name, _finite, "a finite number")


def signs(table: dict[str, list[str]], column: str, name: str) -> Tensor:
    """A column of signs ``[N]`` int64: -1, 1, or 0 where it is 0 or empty."""
    return torch.tensor(_parsed(table, column, name, _sign, "-1, 1, or 0 or empty for unknown"))


def _parsed(
    table: dict[str, list[str]], column: str, name: str, parse: Callable[[str], Any], rule: str
) -> list[Any]:
    values = []
    for row, entry in enumerate(table[column], start=1):
        try:
            values.append(parse(entry))
        except ValueError as error:
            raise ValueError(
                f"'{column}' must be {rule} (got {entry!r} in row {row} of '{name}'); mend it"
            ) from error
    return values


def _finite(entry: str) -> float:
    value = float(entry)
    if not math.isfinite(value):
        raise ValueError
    return value


def _sign(entry: str) -> int:
    value = float(entry or "0")
    if value not in (-1.0, 0.0, 1.0):
        raise ValueError
    return int(value)
