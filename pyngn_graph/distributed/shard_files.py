"""The files of a distributed reservoir: one for each rank, and an index that names them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import storage
from pyngn_graph.distributed.partition import blocks, cut_space
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.graph import checked_edge_index
from pyngn_graph.storage import without_prefix

INDEX = "shards.safetensors"

NAME = re.compile(r"shard-(?P<generation>\d+)-\d+\.safetensors(?P<rest>\.[0-9a-f]{32})?")
"""Names of the files of ranks, and of those that are to become one behind a dot."""

Parts = tuple[dict[str, Tensor], dict[str, Any]]


def partition_of(folder: Path, index: dict[str, Any], ranks: Ranks) -> Tensor:
    """A rank for every neuron, from its position if it has one."""
    number, pos = [], []
    for tensors, _ in files(folder, index):
        number.append(tensors["owned"])
        if "node.pos" in tensors:
            pos.append(tensors["node.pos"])
    if len(pos) < len(number):
        return blocks(index["num_nodes"], ranks.size)
    return cut_space(torch.cat(pos)[torch.argsort(torch.cat(number))], ranks.size)


def edges_into(folder: Path, index: dict[str, Any], mine: Tensor) -> Data:
    """The edges into the neurons that are ``mine`` ``[N]`` bool, in their order."""
    found: list[dict[str, Tensor]] = []
    for tensors, _ in files(folder, index):
        edges = without_prefix("edge", tensors)
        checked_edge_index(edges["edge_index"].t(), mine.numel())
        chosen = mine[edges["edge_index"][:, 1]]
        found.append({key: value[chosen] for key, value in edges.items()})
    whole = {key: torch.cat([part[key] for part in found]) for key in found[0]}
    order = torch.argsort(whole["edge_number"])
    data = Data(**{key: value[order] for key, value in whole.items()})
    data.edge_index = data.edge_index.t().contiguous()
    return data


def rows_of(folder: Path, index: dict[str, Any], nodes: Tensor, owned: int) -> dict[str, Tensor]:
    """The rows of ``nodes``, the first of them ``owned``; of the others the history alone."""
    found: dict[str, Tensor] = {}
    place = torch.full((int(index["num_nodes"]),), -1)
    place[nodes] = torch.arange(nodes.numel())
    for tensors, _ in files(folder, index):
        own = tensors["owned"]
        if own.dtype != torch.int64 or bool(((own < 0) | (own >= place.numel())).any()):
            raise ValueError(f"A file of '{folder}' has neurons that are not there; take a copy")
        here = place[own]
        for key, value in tensors.items():
            if key.startswith("number."):
                found[key] = value
            if key.startswith(("edge.", "number.", "run.")) or key == "owned":
                continue
            size = nodes.numel() if key == "state.history" else owned
            if key not in found:
                found[key] = value.new_zeros(size, *value.shape[1:])
            chosen = (here >= 0) & (here < size)
            found[key][here[chosen]] = value[chosen]
    return found


def files(folder: Path, index: dict[str, Any]) -> Iterator[Parts]:
    """The content of one file after the other."""
    for rank in range(index["num_files"]):
        path = file_of(folder, index["generation"], rank)
        tensors, header = storage.read(path, "shard")
        with storage.reading(path):
            yield tensors, header


def index_of(folder: Path, kind: str) -> dict[str, Any]:
    """What the index says; ``kind`` is what the folder must hold."""
    return storage.read(folder / INDEX, kind)[1]


def replace_files(
    folder: Path, kind: str, parts: Parts, header: dict[str, Any], ranks: Ranks
) -> None:
    """Writes a file of each rank, then the index, then removes the files of before.

    A process that is killed at any moment leaves one whole state, that of before or the new one.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If the folder holds something of another kind.
        RuntimeError: If that happened to another rank.
    """
    with ranks.together():
        before = index_of(folder, kind)["generation"] if (folder / INDEX).exists() else 0
        generation = before + 1
        folder.mkdir(parents=True, exist_ok=True)
        storage.write(file_of(folder, generation, ranks.rank), "shard", *parts)
    with ranks.together():
        if ranks.rank == 0:
            header = header | {"generation": generation, "num_files": ranks.size}
            storage.write(folder / INDEX, kind, {}, header)
    for path in sorted(_stale(folder, generation))[ranks.rank :: ranks.size]:
        path.unlink(missing_ok=True)
    ranks.barrier()


def _stale(folder: Path, generation: int) -> Iterator[Path]:
    """The files of other generations, and what killed writers left behind; nothing else is ours."""
    for path in folder.iterdir():
        if (name := NAME.fullmatch(path.name.removeprefix("."))) is None or path.is_symlink():
            continue
        left_behind = path.name.startswith(".") and name["rest"] is not None
        old = int(name["generation"]) != generation and storage.holds(path, "shard")
        if path.is_file() and (left_behind or old):
            yield path


def file_of(folder: Path, generation: int, rank: int) -> Path:
    """The file of a rank."""
    return folder / f"shard-{generation}-{rank}.safetensors"
