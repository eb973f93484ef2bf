"""A run in flight over ranks, in files from which any number of ranks goes on."""

import copy
import json
import os
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

import pyngn_graph
from pyngn_graph import storage
from pyngn_graph.checkpoint import Checkpoint
from pyngn_graph.disk import expanded
from pyngn_graph.distributed.checkpoint import restored, to_parts
from pyngn_graph.distributed.fingerprint import fingerprint
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.distributed.shard_files import INDEX, files, index_of, replace_files
from pyngn_graph.distributed.simulation import ShardSimulation
from pyngn_graph.probe import EVENTS, Probe
from pyngn_graph.reserved import NUM_TARGETS
from pyngn_graph.simulation import Simulation
from pyngn_graph.storage import with_prefix, without_prefix

KIND = "shared run"

COUNTS = ("sent", "num_edges")
"""What a probe counts for its rank as a whole, and not for each neuron."""


class SharedCheckpoint(Checkpoint):
    """The folder of one run: a file of what each rank owns, and an index that is written last.

    All ranks write after the same step. Whatever moment they are killed at, the folder holds one
    whole state, and the run goes on from it with as many ranks as then call it.

    Args:
        folder: The folder, which all ranks reach; it is made if need be.
        every: Steps from one write to the next.
        identity: What makes the run this one, as :func:`shared_identity` gives it.
        reservoir: The reservoir that runs.

    Raises:
        ValueError: If ``every`` is no whole number of steps.
        OSError: If the folder cannot be written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int,
        identity: dict[str, str],
        reservoir: DistributedReservoir,
    ) -> None:
        self.reservoir, self.folder = reservoir, expanded(folder)
        with reservoir.ranks.together():
            super().__init__(self.folder / INDEX, every, identity, reservoir.setting.glia)

    def claim(self) -> None:
        """Makes the folder, and sure that rank 0 can write the index."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.reservoir.ranks.rank == 0:
            super().claim()

    def resume(self, simulation: Simulation, probe: Probe) -> int:
        """Brings a run to where its folder stands, and returns the steps that are done.

        Raises:
            ValueError: If the folder is of another run, or cannot be read.
        """
        assert isinstance(simulation, ShardSimulation)
        reservoir, ranks = self.reservoir, self.reservoir.ranks
        if not ranks.smallest(int(self.path.exists())):
            return 0
        with ranks.together():
            index = index_of(self.folder, KIND)
            with storage.reading(self.path):
                self.check_identity(dict(index["identity"]))
                done = int(index["done"])
        part = torch.empty(reservoir.shard.num_nodes, dtype=torch.int64)
        for rank, owned in enumerate(ranks.gather(reservoir.shard.owned)):
            part[owned] = rank
        glia, backend = reservoir.setting.cells, reservoir.setting.backend
        found, rows = restored(self.folder, index, ranks, glia, part, backend)
        with ranks.together():
            probe.take_over(self._recorded(index, without_prefix("probe", rows)))
        simulation.go_on(found.shard, found.exchange, found._state)
        self.done = self.written = done
        return done

    def write(self, simulation: Simulation, probe: Probe) -> None:
        """Writes the run as it stands; its fast state must be settled."""
        assert isinstance(simulation, ShardSimulation)
        now = copy.copy(self.reservoir)
        now.shard, now._state = replace(simulation.shard, data=simulation.data), simulation.state
        rows, header = to_parts(now)
        parts = probe.to_parts()
        rows["run.events"] = _events(parts, now.shard.owned)
        rows |= with_prefix("run", {name: parts[name] for name in COUNTS})
        kept = {name: _turned(parts[name]) for name in parts if _is_of_neurons(name)}
        rows |= with_prefix("probe", kept)
        index = {
            "num_nodes": now.shard.num_nodes, "identity": self.identity, "done": self.done
        }  # fmt: skip
        replace_files(self.folder, KIND, (rows, header), index, now.ranks)
        self.written = self.done

    def _recorded(self, index: dict[str, Any], rows: dict[str, Tensor]) -> dict[str, Tensor]:
        """What a probe of this rank takes over: its rows, its events, and some file's counts."""
        ranks, owned = self.reservoir.ranks, self.reservoir.shard.owned
        parts = {name: _turned(value) for name, value in rows.items()}
        events = []
        for number, (tensors, _) in enumerate(files(self.folder, index)):
            found = tensors["run.events"]
            events.append(found[torch.isin(found[:, 2], owned)])
            for name in COUNTS:
                counted = tensors[f"run.{name}"]
                share = counted if number % ranks.size == ranks.rank else torch.zeros_like(counted)
                parts[name] = parts[name] + share if name in parts else share
        return parts | _parts_of(torch.cat(events), owned)


def shared_identity(
    reservoir: DistributedReservoir,
    learns: bool,
    x: Tensor,
    samples: Tensor,
    hold: int,
    record: tuple[str, ...],
    every: int,
) -> dict[str, str]:
    """A digest of each part that determines the bits of a run, the same for any partition."""
    rows, header = to_parts(reservoir)
    owned, ranks = rows.pop("owned"), reservoir.ranks
    number, edges = rows["edge.edge_number"], with_prefix("edge", without_prefix("edge", rows))
    state = with_prefix("state", without_prefix("state", rows))
    fixed = {name: value for name, value in rows.items() if name.startswith("number.")}
    nodes = {name: rows[name] for name in rows.keys() - edges.keys() - state.keys() - fixed.keys()}
    graph = {key: header["graph"][key] for key in header["graph"] if key != NUM_TARGETS}
    graph["num_nodes"] = reservoir.shard.num_nodes
    text = json.dumps(header | {"graph": graph, "learns": learns}, sort_keys=True)
    return {
        "version of pyngn-graph": pyngn_graph.__version__,
        "input": storage.digest({"x": x, "samples": samples}, repr(hold)),
        "record": repr((record, int(every))),
        "parameters": storage.digest(fixed, text),
        "edges": fingerprint(edges, number, ranks),
        "neurons": fingerprint(nodes, owned, ranks),
        "fast state": fingerprint(state, owned, ranks),
    }


def _is_of_neurons(name: str) -> bool:
    return name not in (*EVENTS, *COUNTS, "sizes")


def _turned(value: Tensor) -> Tensor:
    """Neurons first instead of last, and back, of ``[N]`` and of ``[B, N]`` or ``[B, R, N]``."""
    return value.transpose(0, -1).contiguous()


def _events(parts: dict[str, Tensor], owned: Tensor) -> Tensor:
    """Trial, step and neuron of every spike, ``[S, 3]``, by the numbers of the whole graph."""
    if "sizes" not in parts:
        return owned.new_empty(0, 3)
    trial, step = (parts[name].repeat_interleave(parts["count"]) for name in ("trial", "step"))
    return torch.stack([trial, step, owned[parts["node"].long()]], dim=1)


def _parts_of(events: Tensor, owned: Tensor) -> dict[str, Tensor]:
    """The events of this rank as a probe holds them, each trial a part."""
    if events.size(0) == 0:
        return {}
    events = torch.unique(events, dim=0)  # in order; a neuron fires once in a step
    when, counts = torch.unique_consecutive(events[:, :2], dim=0, return_counts=True)
    steps = torch.unique_consecutive(when[:, 0], return_counts=True)[1]
    spikes = torch.stack([each.sum() for each in counts.split(steps.tolist())])
    return {
        "trial": when[:, 0],
        "step": when[:, 1],
        "count": counts,
        "node": torch.searchsorted(owned, events[:, 2].contiguous()).int(),
        "sizes": torch.stack([steps, spikes], dim=1),
    }
