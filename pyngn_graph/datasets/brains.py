"""Connectomes of The Virtual Brain: regions, the strength of their links, and where they are."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data

from pyngn_graph.datasets.download import fetched
from pyngn_graph.datasets.measured import connectome

URL = "https://raw.githubusercontent.com/the-virtual-brain/tvb-data/master/tvb_data"
SOURCE = (
    "https://github.com/the-virtual-brain/tvb-data (folder tvb_data/{}) or, newer, "
    "https://doi.org/10.5281/zenodo.10128131"
)
VELOCITY = 3000.0  # micrometres per ms: 3 m/s, where simulations of The Virtual Brain begin


def read_brain(
    root: str | Path,
    name: str,
    sha256: str,
    place: str,
    download: bool | str,
    *,
    folder: str,
    unit: float,
    lengths: str,
    options: dict[str, Any],
) -> Data:
    """The graph of an archive of weights, tract lengths and centers of regions.

    Args:
        root: Folder of the data set.
        name: The archive.
        sha256: Its checksum.
        place: Where it stands upstream.
        download: Whether to fetch it, and from where.
        folder: Where the tables stand in it, with a slash behind, or nothing.
        unit: Micrometres per unit of its lengths.
        lengths: ``"tract"`` or ``"straight"``, what delays follow.
        options: See :func:`connectome`.

    Raises:
        FileNotFoundError, OSError, ValueError: If it is missing, cannot be fetched, or is another.
    """
    content = fetched(root, name, sha256, SOURCE.format(place), f"{URL}/{place}", download)
    # Members are read into memory, never extracted.
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        weight, tract = (
            torch.from_numpy(np.loadtxt(io.BytesIO(archive.read(f"{folder}{table}.txt"))))
            for table in ("weights", "tract_lengths")
        )
        rows = [row.split() for row in archive.read(f"{folder}centres.txt").decode().splitlines()]
    regions = [row[0] for row in rows]
    pos = unit * torch.tensor(
        [[float(value) for value in row[1:4]] for row in rows], dtype=torch.float32
    )
    src, dst = edge_index = weight.nonzero().t().contiguous()
    if lengths == "tract":
        options = {"length": unit * tract[src, dst], **options}
    names = _numbered(regions)
    data = connectome(edge_index, weight[src, dst], len(names), pos=pos, names=names, **options)
    data.region = regions
    return data


def check_lengths(lengths: str) -> None:
    """Refuses a kind of lengths that does not exist."""
    if lengths not in ("tract", "straight"):
        raise ValueError(f"Unknown lengths {lengths!r}; available: ['tract', 'straight']")


def _numbered(regions: list[str]) -> list[str]:
    """Names of nodes; a region with several has them numbered."""
    seen: dict[str, int] = {}
    names = []
    for region in regions:
        seen[region] = seen.get(region, 0) + 1
        names.append(region if regions.count(region) == 1 else f"{region}{seen[region]}")
    return names
