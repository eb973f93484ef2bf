"""Files of a distributed reservoir: one for each rank, and any number of ranks may go on."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import snapshot, storage
from pyngn_graph.backends import check
from pyngn_graph.distributed.partition import blocks, cut_space
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.distributed.shard import edge_keys, node_keys, of_edges
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.neuron import LIFState
from pyngn_graph.projection import Projection
from pyngn_graph.simulation import Setting
from pyngn_graph.state import ReservoirState
from pyngn_graph.storage import with_prefix, without_prefix

INDEX = "shards.safetensors"

Parts = tuple[dict[str, Tensor], dict[str, Any]]


def save(
    reservoir: DistributedReservoir,
    folder: str | os.PathLike[str],
    values: dict[str, Any] | None = None,
) -> None:
    """Writes the reservoir, its fast state included, to a folder that all ranks reach.

    Each rank writes a file of what it owns. When all are on the disk, rank 0 replaces the index
    that names them, and then each removes its file of before: at any moment the folder holds one
    whole state, that of before or the new one.

    Args:
        reservoir: The reservoir, between two runs.
        folder: The folder; it is made if need be.
        values: JSON values to keep beside, say how far a run has come.

    Raises:
        OSError: If a file cannot be written.
        RuntimeError: If that happened to another rank.
    """
    folder, ranks = Path(folder), reservoir.ranks
    before = _index(folder)[1] if (folder / INDEX).exists() else {"generation": 0}
    generation = before["generation"] + 1
    with ranks.together():
        folder.mkdir(parents=True, exist_ok=True)
        storage.write(_file(folder, generation, ranks.rank), "shard", *_to_parts(reservoir))
    with ranks.together():
        if ranks.rank == 0:
            header = {
                "generation": generation,
                "num_files": ranks.size,
                "num_nodes": reservoir.shard.num_nodes,
                "values": values or {},
            }
            storage.write(folder / INDEX, "shards", {}, header)
    for path in sorted(folder.glob("shard-*.safetensors"))[ranks.rank :: ranks.size]:
        if not path.name.startswith(f"shard-{generation}-"):
            path.unlink(missing_ok=True)
    ranks.barrier()


def load(
    folder: str | os.PathLike[str],
    ranks: Ranks | None = None,
    glia: Iterable[GlialCell] | None = None,
    part: Tensor | None = None,
    backend: str = "auto",
) -> tuple[DistributedReservoir, dict[str, Any]]:
    """The reservoir that :func:`save` wrote and the values beside, for any number of ranks.

    Every rank reads all files, one at a time, and keeps what it is to own. What it holds of the
    whole graph is at most two numbers (with ``pos``: positions too) for each neuron.

    Args:
        folder: The folder.
        ranks: The processes, by default all.
        glia: The glia, where the file cannot name them.
        part: A rank for every neuron, ``[N]``; by default cuts of space, or blocks without ``pos``.
        backend: The backend to run on.

    Raises:
        FileNotFoundError: If there is no such folder or a file is missing.
        ValueError: If a file is damaged, foreign or newer, or holds something else.
    """
    folder, ranks = Path(folder), ranks or Ranks()
    with ranks.together():
        check(backend)
        index = _index(folder)[1]
        num_nodes = int(index["num_nodes"])
        if part is None:
            part = _partition(folder, index, ranks)
        mine = part == ranks.rank
        if part.shape != (num_nodes,) or not bool(mine.any()):
            raise ValueError(
                f"'part' must give each of {ranks.size} ranks some of {num_nodes} neurons"
            )
        data = _edges(folder, index, mine)
        owned = mine.nonzero().squeeze(1)
        shard = of_edges(data, owned, num_nodes)
        nodes = _rows(folder, index, shard.nodes, owned.numel())
        header = next(_files(folder, index))[1]
    for key, value in without_prefix("node", nodes).items():
        shard.data[key] = value
    for key, value in header["graph"].items():
        if key not in ("num_nodes", "num_targets"):
            shard.data[key] = value
    neuron = without_prefix("neuron", nodes) | without_prefix("number", nodes)
    values = snapshot.setting_from_parts(header["setting"], with_prefix("neuron", neuron), glia)
    values["glia"] = tuple(values["glia"])
    setting = Setting(**values, backend=backend, threads=None)
    projection = Projection(
        owned.numel(),
        header["in_channels"],
        header["input_scale"],
        header["input_density"],
        nodes.get("projection.weight"),
        nodes["projection.bias"],
        0,
    )
    reservoir = DistributedReservoir(shard, setting, projection, ranks, header["training"])
    fast = without_prefix("state", nodes)
    if fast:
        history, trace = fast.pop("history"), fast.pop("trace")
        reservoir._state = ReservoirState(
            LIFState(**fast), history.movedim(0, 1).contiguous(), int(header["t"]), trace
        )
    return reservoir, index["values"]


def _to_parts(reservoir: DistributedReservoir) -> Parts:
    """What a rank owns: ``edge.*`` with neurons as the whole graph numbers them, rows of neurons.

    ``history`` is turned, so that its rows are neurons.
    """
    shard, setting, data = reservoir.shard, reservoir.setting, reservoir.shard.data
    number = shard.owned.numel()
    edges = {key: data[key] for key in edge_keys(data)}
    edges["edge_index"] = shard.nodes[data.edge_index].t()
    nodes = {key: data[key] for key in node_keys(data, number)}
    rest = Data()
    for key, value in data.to_dict().items():
        if key not in edges and key not in nodes:
            rest[key] = value
    tensors, values = snapshot.graph_to_parts(rest)
    if tensors:
        raise ValueError(
            f"The attributes {sorted(tensors)} of the graph have a row for neither neurons nor "
            f"edges, and cannot be split; delete them"
        )
    settings, neuron = snapshot.setting_to_parts(setting)
    projection = reservoir.projection
    header: dict[str, Any] = {
        "graph": values,
        "setting": settings,
        "in_channels": projection.in_channels,
        "input_scale": projection.scale,
        "input_density": projection.density,
        "training": reservoir.training,
    }
    rows = with_prefix("node", nodes) | with_prefix("projection", dict(projection.named_buffers()))
    for name, value in neuron.items():
        rows[name if value.dim() else f"number.{name.removeprefix('neuron.')}"] = value
    if reservoir._state is not None:
        fast, header["t"] = snapshot.state_to_parts(reservoir._state)
        fast["history"] = fast["history"][:, :number].movedim(1, 0)
        rows |= with_prefix("state", fast)
    return with_prefix("edge", edges) | rows | {"owned": shard.owned}, header


def _partition(folder: Path, index: dict[str, Any], ranks: Ranks) -> Tensor:
    """A rank for every neuron, from its position if it has one."""
    number, pos = [], []
    for tensors, _ in _files(folder, index):
        number.append(tensors["owned"])
        if "node.pos" in tensors:
            pos.append(tensors["node.pos"])
    if len(pos) < len(number):
        return blocks(index["num_nodes"], ranks.size)
    return cut_space(torch.cat(pos)[torch.argsort(torch.cat(number))], ranks.size)


def _edges(folder: Path, index: dict[str, Any], mine: Tensor) -> Data:
    """The edges into the neurons that are ``mine`` ``[N]`` bool, in their order."""
    found: list[dict[str, Tensor]] = []
    for tensors, _ in _files(folder, index):
        edges = without_prefix("edge", tensors)
        chosen = mine[edges["edge_index"][:, 1]]
        found.append({key: value[chosen] for key, value in edges.items()})
    whole = {key: torch.cat([part[key] for part in found]) for key in found[0]}
    order = torch.argsort(whole["edge_number"])
    data = Data(**{key: value[order] for key, value in whole.items()})
    data.edge_index = data.edge_index.t().contiguous()
    return data


def _rows(folder: Path, index: dict[str, Any], nodes: Tensor, owned: int) -> dict[str, Tensor]:
    """The rows of ``nodes``, the first of them ``owned``; of the others the history alone."""
    found: dict[str, Tensor] = {}
    place = torch.full((int(index["num_nodes"]),), -1)
    place[nodes] = torch.arange(nodes.numel())
    for tensors, _ in _files(folder, index):
        here = place[tensors["owned"]]
        for key, value in tensors.items():
            if key.startswith("number."):
                found[key] = value
            if key.startswith(("edge.", "number.")) or key == "owned":
                continue
            size = nodes.numel() if key == "state.history" else owned
            if key not in found:
                found[key] = value.new_zeros(size, *value.shape[1:])
            chosen = (here >= 0) & (here < size)
            found[key][here[chosen]] = value[chosen]
    return found


def _files(folder: Path, index: dict[str, Any]) -> Iterator[Parts]:
    for rank in range(index["num_files"]):
        path = _file(folder, index["generation"], rank)
        tensors, header = storage.read(path, "shard")
        with storage.reading(path):
            yield tensors, header


def _index(folder: Path) -> Parts:
    return storage.read(folder / INDEX, "shards")


def _file(folder: Path, generation: int, rank: int) -> Path:
    return folder / f"shard-{generation}-{rank}.safetensors"
