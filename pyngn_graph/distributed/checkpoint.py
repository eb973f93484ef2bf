"""Files of a distributed reservoir: one for each rank, and any number of ranks may go on."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import snapshot
from pyngn_graph.backends import check
from pyngn_graph.disk import expanded
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.distributed.shard import edge_keys, node_keys, of_edges
from pyngn_graph.distributed.shard_files import (
    Parts,
    edges_into,
    files,
    index_of,
    partition_of,
    replace_files,
    rows_of,
)
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import validate_part
from pyngn_graph.projection import Projection
from pyngn_graph.reserved import NUM_TARGETS
from pyngn_graph.setting import Setting
from pyngn_graph.storage import with_prefix, without_prefix


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
        ValueError: If the folder holds something else, or the graph what cannot be split.
        RuntimeError: If that happened to another rank.
    """
    header = {"num_nodes": reservoir.shard.num_nodes, "values": values or {}}
    replace_files(expanded(folder), "shards", to_parts(reservoir), header, reservoir.ranks)


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
    folder, ranks = expanded(folder), ranks or Ranks()
    with ranks.together():
        check(backend)
        index = index_of(folder, "shards")
    return restored(folder, index, ranks, glia, part, backend)[0], index["values"]


def restored(
    folder: Path,
    index: dict[str, Any],
    ranks: Ranks,
    glia: Iterable[GlialCell] | None,
    part: Tensor | None,
    backend: str,
) -> tuple[DistributedReservoir, dict[str, Tensor]]:
    """The reservoir of an index, as :func:`load` says, and the rows of its neurons in the files."""
    with ranks.together():
        num_nodes = int(index["num_nodes"])
        if part is None:
            part = partition_of(folder, index, ranks)
        mine = part == ranks.rank
        if part.shape != (num_nodes,) or not bool(mine.any()):
            raise ValueError(
                f"'part' must give each of {ranks.size} ranks some of {num_nodes} neurons"
            )
        data = edges_into(folder, index, mine)
        owned = mine.nonzero().squeeze(1)
        shard = of_edges(data, owned, num_nodes)
        nodes = rows_of(folder, index, shard.nodes, owned.numel())
        header = next(files(folder, index))[1]
    for key, value in without_prefix("node", nodes).items():
        shard.data[key] = value
    for key, value in header["graph"].items():
        if key not in ("num_nodes", NUM_TARGETS):
            shard.data[key] = value
    neuron = without_prefix("neuron", nodes) | without_prefix("number", nodes)
    values = snapshot.setting_from_parts(header["setting"], with_prefix("neuron", neuron), glia)
    values["glia"] = tuple(values["glia"])
    setting = Setting(**values, backend=backend, threads=None)
    with ranks.together():
        validate_part(shard.data, setting.max_delay)
    projection = Projection(
        owned.numel(),
        header["in_channels"],
        header["input_scale"],
        header["input_density"],
        nodes.get("projection.weight"),
        nodes["projection.bias"],
        0,
    )
    reservoir = DistributedReservoir(shard, setting, projection, ranks)
    fast = without_prefix("state", nodes)
    if fast:
        fast["history"] = fast["history"].movedim(0, 1).contiguous()
        with ranks.together():
            reservoir._state = snapshot.state_from_parts(fast, header["t"], setting, shard.data)
    return reservoir, nodes


def to_parts(reservoir: DistributedReservoir) -> Parts:
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
    }
    rows = with_prefix("node", nodes) | with_prefix("projection", dict(projection.named_buffers()))
    for name, value in neuron.items():
        rows[name if value.dim() else f"number.{name.removeprefix('neuron.')}"] = value
    if reservoir._state is not None:
        fast, header["t"] = snapshot.state_to_parts(reservoir._state)
        fast["history"] = fast["history"][:, :number].movedim(1, 0)
        rows |= with_prefix("state", fast)
    return with_prefix("edge", edges) | rows | {"owned": shard.owned}, header
