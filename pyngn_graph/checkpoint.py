"""Checkpoints: a run in flight in a file, from which it goes on to the same bits."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import snapshot, storage
from pyngn_graph.checks import is_count
from pyngn_graph.disk import expanded
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.graph import completed, validate
from pyngn_graph.probe import Probe
from pyngn_graph.projection import Projection
from pyngn_graph.setting import Setting
from pyngn_graph.simulation import Simulation, in_step
from pyngn_graph.state import ReservoirState
from pyngn_graph.storage import with_prefix, without_prefix
from pyngn_graph.transforms import Transform
from pyngn_graph.unions import graph_sizes


class Checkpoint:
    """The file of one run.

    Between two writes at most ``every`` steps are simulated, counted over all columns that run one
    after the other. The file holds the graph, the fast state, everything recorded so far, the
    position, and the state of each ``torch.Generator`` that a glial cell or transform has as an
    attribute. Whatever else such an object remembers by itself is not known here: the graph is the
    memory of glia.

    Args:
        path: The file.
        every: Steps from one write to the next.
        identity: What makes the run this one, part by part, as :func:`identity` gives it.
        glia: The glia at work.

    Raises:
        ValueError: If ``every`` is no whole number of steps.
        OSError: If the file cannot be written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int,
        identity: dict[str, str],
        glia: Iterable[GlialCell | Transform],
    ) -> None:
        if not is_count(every):
            raise ValueError(
                f"'checkpoint_every' must be a whole number of steps >= 1 (got {every!r})"
            )
        self.path: Path = expanded(path)
        self.claim()
        self.every: int = int(every)
        self.identity: dict[str, str] = identity
        self.generators: list[torch.Generator] = list(generators(glia))
        self.done: int = 0
        self.written: int = 0

    def claim(self) -> None:
        """Makes sure that the file can be written."""
        storage.claim(self.path)

    @property
    def left(self) -> int:
        """Steps up to the next write."""
        return self.every - self.done % self.every

    def passed(self, steps: int) -> bool:
        """Counts ``steps`` more, and says whether the file is due."""
        self.done += steps
        return self.done % self.every == 0

    def resume(self, simulation: Simulation, probe: Probe) -> int:
        """Brings a run to where its file stands, and returns the steps that are done.

        Raises:
            ValueError: If the file is of another run, or cannot be read.
        """
        if not self.path.exists():
            return 0
        tensors, header = storage.read(self.path, "run")
        device = simulation.projection.bias.device
        with storage.reading(self.path):
            self.check_identity(dict(header["identity"]))
            moved = {name: value.to(device) for name, value in tensors.items()}
            graph = without_prefix("graph", moved)
            data = snapshot.graph_from_parts(graph, header["graph"])
            validate(data, max_delay=simulation.setting.max_delay)
            if graph_sizes(data) != graph_sizes(simulation.data):
                raise ValueError(
                    "its graph has other neurons than the reservoir; take another copy"
                )
            data = in_step(simulation.setting.prepared(completed(data)))
            state = None
            if "t" in header:
                fast = without_prefix("state", moved)
                state = snapshot.state_from_parts(fast, header["t"], simulation.setting, data)
            done = header["done"]
            if not is_count(done, 0):
                raise ValueError(f"it stands at step {done!r}, which is none; take another copy")
            random = [tensors[f"generator.{i}"] for i in range(len(self.generators))]
            probe.take_over(without_prefix("probe", moved))
            for generator, value in zip(self.generators, random, strict=True):
                generator.set_state(value)
        simulation.data, simulation.state = data, state
        self.done = self.written = done
        return done

    def write(self, simulation: Simulation, probe: Probe) -> None:
        """Writes the run as it stands; its fast state must be settled."""
        graph, values = snapshot.graph_to_parts(simulation.data)
        tensors = with_prefix("graph", graph) | with_prefix("probe", probe.to_parts())
        states = {str(i): each.get_state() for i, each in enumerate(self.generators)}
        tensors |= with_prefix("generator", states)
        header: dict[str, Any] = {"identity": self.identity, "done": self.done, "graph": values}
        if simulation.state is not None:
            fast, header["t"] = snapshot.state_to_parts(simulation.state)
            tensors |= with_prefix("state", fast)
        storage.write(self.path, "run", tensors, header)
        self.written = self.done

    def finish(self, simulation: Simulation, probe: Probe) -> None:
        """Writes the end of the run, unless it stands there already."""
        if self.done == self.written:
            return
        if simulation.state is not None:
            simulation.state = simulation.state.settled()
        self.write(simulation, probe)

    def check_identity(self, found: dict[str, str]) -> None:
        """Raises a ValueError if ``found`` is the identity of another run."""
        differ = [name for name, value in self.identity.items() if found.get(name) != value]
        if differ:
            raise ValueError(
                f"this checkpoint is of another run, which differs in: {', '.join(differ)}; name "
                f"another file, or remove this one to begin anew"
            )


def identity(
    setting: Setting,
    projection: Projection,
    data: Data,
    state: ReservoirState | None,
    potential: Tensor | None,
    learns: bool,
    x: Tensor,
    samples: Tensor,
    hold: int,
    record: tuple[str, ...],
    every: int,
) -> dict[str, str]:
    """A digest of each part that determines the bits of a run.

    Backend and threads are none of them: they change no bit.
    """
    import pyngn_graph

    values, parameters = snapshot.setting_to_parts(setting)
    seeds = [each.initial_seed() for each in generators(setting.glia)]
    graph, others = snapshot.graph_to_parts(data)
    fast, t = ({}, 0) if state is None else snapshot.state_to_parts(state)
    if potential is not None:
        fast = {**fast, "potential": potential}
    input_ = storage.digest({"x": x, "samples": samples}, repr(hold))
    parameters = parameters | dict(projection.named_buffers())
    return {
        "version of pyngn-graph": pyngn_graph.__version__,
        "input": input_,
        "record": repr((record, int(every))),
        "parameters": storage.digest(parameters, repr((sorted(values.items()), seeds, learns))),
        "graph": storage.digest(graph, json.dumps(others, sort_keys=True)),
        "fast state": storage.digest(fast, repr(t)),
    }


def generators(glia: Iterable[Any]) -> Iterator[torch.Generator]:
    """The generators that glia hold as attributes, those of cells within others included."""
    for cell in glia:
        for value in getattr(cell, "__dict__", {}).values():
            if isinstance(value, torch.Generator):
                yield value
        for parts in ("transforms", "cells"):
            yield from generators(getattr(cell, parts, ()))
        if hasattr(cell, "transform"):
            yield from generators([cell.transform])
