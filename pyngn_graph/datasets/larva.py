"""The brain of a fly larva."""

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetched
from pyngn_graph.datasets.edge_table import check_types
from pyngn_graph.datasets.measured import connectome
from pyngn_graph.datasets.one_graph import ConnectomeDataset
from pyngn_graph.reading.tables import table_of
from pyngn_graph.reading.text import rows_in

FILE = "Supplementary-Data-S1.zip"
MATRIX = "Supplementary-Data-S1/{}_connectivity_matrix.csv"
ANNOTATIONS = "Supplementary-Data-S1/annotations.csv"
SHA256 = "8c1f43809ed5d527ba61b154e377cc21da26383a75eda8aab85ce05607a72a4c"
URL = (
    "https://raw.githubusercontent.com/brain-networks/larval-drosophila-connectome/"
    "15e065f5c29f08c96ccd64ea8fe0f51510629009"
)
SOURCE = "https://doi.org/10.1126/science.add9330 (Supplementary Data S1)"
TYPES = ("ad", "aa", "da", "dd")
COUNT = re.compile(rb",([1-9][^,]*)")  # all but zeros, which are 99 % of the entries

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class DrosophilaLarva(ConnectomeDataset):
    """The brain of a larva of Drosophila, 2952 neurons; ``ds[0]`` is ready for a reservoir.

    With all four types of synapses there are 110 677 edges (537 of them autapses) and 352 611
    synapses; ``edge_count`` holds their number per edge, summed over the chosen types. The
    neurons' skeleton ids are in ``node_label``, and ``celltype`` lists each one's class of 17
    (``"KC"``, ``"PN"``, ``"sensory"``, ..., or ``""``).

    Two things are not known and have to be made up. No positions were published with the wiring:
    the graph has no ``pos`` and delays are drawn; ``layout="spectral"`` computes positions from
    the wiring itself, which are no anatomy. No transmitters were published either: a share of the
    neurons, drawn with ``seed``, is inhibitory.

    Args:
        root: Folder that holds ``Supplementary-Data-S1.zip``; its SHA-256 is checked.
        types: Types of synapses to sum: ``"ad"`` axo-dendritic, ``"aa"`` axo-axonic, ``"da"``
            dendro-axonic, ``"dd"`` dendro-dendritic.
        transform: Applied to the graph when it is taken out.
        pre_transform: Applied to it once.
        cache: True keeps the graph in ``root/processed``.
        download: True fetches the archive if it is missing; see :class:`MNIST`.
        inhibitory_fraction: Share of inhibitory neurons.
        delay: ``"uniform"`` or ``"sqrt"``, drawn from 1 to ``max_delay`` steps; ``"distance"``
            needs a layout.
        **options: Weights, delays and layout, see :func:`connectome`.

    Raises:
        FileNotFoundError: If the archive is missing; the message says where to get it.
        ValueError: If it is not the one that was expected, or an argument breaks its rule.

    Source: Winding, Pedigo et al. (2023), "The connectome of an insect brain".
    """

    def __init__(
        self,
        root: str | Path,
        types: Sequence[str] = TYPES,
        transform: Callable[[Data], Data] | None = None,
        pre_transform: Callable[[Data], Data] | None = None,
        *,
        cache: bool = False,
        download: bool | str = False,
        inhibitory_fraction: float = 0.2,
        delay: str = "uniform",
        **options: Any,
    ) -> None:
        types = check_types(types, TYPES)
        sha256 = {FILE: SHA256}
        options = {"inhibitory_fraction": inhibitory_fraction, "delay": delay, **options}

        def build() -> Data:
            return _read(fetched(root, FILE, SHA256, SOURCE, URL, download), types, options)

        settings = {"types": types, **options}
        super().__init__(root, sha256, build, settings, transform, pre_transform, cache)


def _read(content: bytes, types: Sequence[str], options: dict[str, Any]) -> Data:
    # Members are read into memory, never extracted.
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        with archive.open(MATRIX.format(TYPES[0])) as table:
            names = _names(table.readline())  # one order of neurons, whatever the types
        count = np.zeros((len(names), len(names)), dtype=np.float32)
        for kind in types:
            _add_matrix(count, archive.read(MATRIX.format(kind)), names)
        annotations = archive.read(ANNOTATIONS).decode()
    edge_index = torch.from_numpy(np.stack(count.nonzero()))
    edge_count = torch.from_numpy(count[count > 0])
    data = connectome(edge_index, edge_count, len(names), names=names, **options)
    known = _cell_types(annotations)
    data.celltype = [known.get(name, "") for name in names]
    return data


def _names(header: bytes) -> list[str]:
    """The neurons of the columns, behind the column of the neurons of the rows."""
    return header.decode().strip().split(",")[1:]


def _add_matrix(count: Matrix, content: bytes, names: list[str]) -> None:
    """Adds a table of counts, row pre, column post, to ``count``, whose neurons are ``names``.

    Every table has the same neurons, but in an order of its own.
    """
    place = {name: i for i, name in enumerate(names)}
    header, *rows = content.splitlines()
    columns = [place[name] for name in _names(header)]
    for row in rows:
        src = place[row[: row.index(b",")].decode()]
        for entry in COUNT.finditer(row):
            column = row.count(b",", 0, entry.start())
            count[src, columns[column]] += float(entry[1])


def _cell_types(content: str) -> dict[str, str]:
    """The class of each neuron that has one; a row describes a pair of homologues."""
    table, *_ = table_of(rows_in(content, "'annotations.csv'"))
    return {
        name: kind
        for side in ("left_id", "right_id")
        for name, kind in zip(table[side], table["celltype"], strict=True)
    }
