"""A reservoir split over ranks."""

import copy
import os
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Self

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.distributed.exact import check_exact
from pyngn_graph.distributed.exchange import Exchange
from pyngn_graph.distributed.partition import partition
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.shard import Shard, cut, edge_keys, node_keys, ready
from pyngn_graph.distributed.simulation import ShardSimulation
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.probe import Probe
from pyngn_graph.projection import Projection
from pyngn_graph.readiness import look_at
from pyngn_graph.recording import Recording
from pyngn_graph.reserved import NUM_TARGETS
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.setting import Setting
from pyngn_graph.state import ReservoirState


class DistributedReservoir:
    """What :class:`~pyngn_graph.TriglialReservoir` is, in parts: each rank simulates some neurons.

    Every rank holds the edges into its neurons, and lets glia act on these alone. Spikes are
    exchanged once per window, the shortest delay of a live edge between two ranks, found anew at
    every tick. All bits are those of a single process, whatever the number of ranks; what would
    break this is refused (see :func:`~pyngn_graph.distributed.exact.check_exact`).

    All methods are collective: each rank calls them, with the same arguments. :meth:`of` splits a
    reservoir; :meth:`pyngn_graph.distributed.FixedInDegree.reservoir` builds one in parts, and
    :func:`pyngn_graph.distributed.load` reads one. Runs on the CPU.

    Args:
        shard: The part of this rank, prepared by the glia.
        setting: The parameters; those of neurons that are tensors are ``[n]``.
        projection: Of the input to the n neurons here.
        ranks: The processes.

    Raises:
        ValueError: If something could not be done to the same bits.
    """

    def __init__(
        self,
        shard: Shard,
        setting: Setting,
        projection: Projection,
        ranks: Ranks,
    ) -> None:
        check_exact(setting, shard.data)
        self.shard, self.setting, self.projection, self.ranks = shard, setting, projection, ranks
        self.exchange = Exchange(shard, ranks)
        self._state: ReservoirState | None = None
        self._seen = look_at(shard.data, {})

    @classmethod
    def of(
        cls, reservoir: TriglialReservoir, ranks: Ranks | None = None, part: Tensor | None = None
    ) -> Self:
        """The part of this rank of a reservoir that every rank holds as a whole.

        Args:
            reservoir: The reservoir, the same on all ranks; its fast state is left behind.
            ranks: The processes, by default all.
            part: A rank for every neuron, ``[N]``; by default that of :func:`partition`.

        Raises:
            ValueError: If ``part`` is none, or something could not be done to the same bits.
        """
        ranks, data = ranks or Ranks(), reservoir.graph
        check_exact(reservoir.setting, data)
        part = partition(data, ranks.size) if part is None else part
        if part.shape != (data.num_nodes,) or bool(((part < 0) | (part >= ranks.size)).any()):
            raise ValueError(
                f"'part' must name a rank below {ranks.size} for each of {data.num_nodes} neurons "
                f"(got shape {list(part.shape)}); use 'partition(data, {ranks.size})'"
            )
        if torch.bincount(part, minlength=ranks.size).min() == 0:
            raise ValueError("'part' leaves a rank without neurons; give each at least one")
        shard = cut(data, part, ranks.rank)
        setting = replace(reservoir.setting, neuron=_rows(reservoir.setting.neuron, shard.owned))
        projection = reservoir.projection
        weight = None if projection.weight is None else projection.weight[shard.owned]
        local = Projection(
            shard.owned.numel(),
            projection.in_channels,
            projection.scale,
            projection.density,
            weight,
            projection.bias[shard.owned],
            0,
        )
        return cls(shard, setting, local, ranks)

    @property
    def graph(self) -> Data:
        """The living graph of this rank; see :class:`~pyngn_graph.distributed.shard.Shard`."""
        return self.shard.data

    def reset(self) -> None:
        """Forgets the fast state."""
        self._state = None
        for cell in self.setting.cells:
            cell.forget(self.shard.data)

    def __call__(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Liquid states ``[B, F]`` of all neurons, on every rank."""
        probe = self._simulate(False, x, None, lengths, (), 1, False, None)
        return self.gathered_states(probe.states())

    def run(
        self,
        x: Tensor | None = None,
        *,
        num_steps: int | None = None,
        lengths: Tensor | None = None,
        record: str | Sequence[str] = (),
        every: int = 1,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 10_000,
    ) -> Recording:
        """Runs on a graph that stays as it is, and records the neurons of this rank.

        They are numbered as here. Arguments are those of :meth:`TriglialReservoir.run`, input for
        all neurons included; :meth:`gathered` puts the recordings of all ranks together.

        ``checkpoint`` is a folder that all ranks reach. Killed, and called again with the same
        reservoir, input and arguments, the run goes on from there to the bits of one that was never
        interrupted, with any number of ranks. What :class:`Recording` counts for a rank as a
        whole (``synaptic_events``, ``num_edges``) then stands with any of the ranks up to there;
        the sums over ranks, which :meth:`gathered` takes, are right.

        Raises:
            ValueError: If an argument breaks its rule, or the folder is damaged or of another run.
            OSError: If the folder cannot be written to; what it held stays whole.
            RuntimeError: If another rank had such an error.
        """
        return self._recorded(
            False, x, num_steps, lengths, record, every, checkpoint, checkpoint_every
        )

    def adapt(
        self,
        x: Tensor | None = None,
        *,
        num_steps: int | None = None,
        lengths: Tensor | None = None,
        record: str | Sequence[str] = (),
        every: int = 1,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 10_000,
    ) -> Recording:
        """Lets the glia of all ranks reshape the graph; otherwise as :meth:`run`.

        The trials are one stream; see :meth:`pyngn_graph.TriglialReservoir.adapt`.
        """
        return self._recorded(
            True, x, num_steps, lengths, record, every, checkpoint, checkpoint_every
        )

    def _recorded(
        self,
        learns: bool,
        x: Tensor | None,
        num_steps: int | None,
        lengths: Tensor | None,
        record: str | Sequence[str],
        every: int,
        checkpoint: str | os.PathLike[str] | None,
        checkpoint_every: int,
    ) -> Recording:
        names = (record,) if isinstance(record, str) else tuple(record)
        saved = None if checkpoint is None else (checkpoint, checkpoint_every)
        probe = self._simulate(learns, x, num_steps, lengths, names, every, True, saved)
        return probe.recording(copy.copy(self.shard.data))

    def gathered(self, recording: Recording) -> Recording:
        """The recording of all neurons, on every rank, from those that :meth:`run` returned."""
        ranks, owned = self.ranks, self.shard.owned
        events = recording.events.clone()
        events[:, 2] = owned[events[:, 2]]
        events = torch.cat(ranks.gather(events))
        events = torch.unique(events, dim=0)  # sorted; a neuron fires once in a step
        traces = {name: self._whole(value) for name, value in recording.traces.items()}
        return replace(
            recording,
            events=events,
            traces=traces,
            states=self.gathered_states(recording.states),
            synaptic_events=ranks.total(recording.synaptic_events),
            num_edges=ranks.total(recording.num_edges),
            graph=self.whole_graph(),
        )

    def whole_graph(self) -> Data:
        """The living graph as a single process would have it, on every rank."""
        shard, ranks, data = self.shard, self.ranks, copy.copy(self.shard.data)
        number = torch.cat(ranks.gather(data.edge_number))
        order = torch.argsort(number)
        ends = torch.cat(ranks.gather(shard.nodes[data.edge_index].t().contiguous()))[order]
        for key in edge_keys(data):
            data[key] = torch.cat(ranks.gather(data[key]))[order]
        for key in node_keys(data, shard.owned.numel()):
            data[key] = self._whole(data[key], dim=0)
        data.edge_index = ends.t().contiguous()
        data.num_nodes = shard.num_nodes
        del data[NUM_TARGETS], data.edge_number
        return data

    def _whole(self, value: Tensor, dim: int = -1) -> Tensor:
        """``value`` with rows of all neurons along ``dim`` instead of those of this rank."""
        number = torch.cat(self.ranks.gather(self.shard.owned))
        rows = torch.cat(self.ranks.gather(value.movedim(dim, 0).contiguous()))
        return rows[torch.argsort(number)].movedim(0, dim).contiguous()

    def gathered_states(self, states: Tensor) -> Tensor:
        """Liquid states ``[B, F]`` of all neurons, on every rank, from those of each."""
        own = self.shard.owned.numel()
        return self._whole(states.view(states.size(0), -1, own)).flatten(1)

    def _simulate(
        self,
        learns: bool,
        x: Tensor | None,
        num_steps: int | None,
        lengths: Tensor | None,
        names: tuple[str, ...],
        every: int,
        events: bool,
        saved: tuple[str | os.PathLike[str], int] | None,
    ) -> Probe:
        shard, setting = self.shard, self.setting
        whole = x
        with self.ranks.together():
            look_at(shard.data, self._seen)  # which may have been edited by hand
            shard = replace(shard, data=ready(shard.data, setting))
            if x is not None and self.projection.in_channels is None:
                if x.size(-1) != shard.num_nodes:
                    raise ValueError(
                        f"'x' must have {shard.num_nodes} channels, one for each neuron of the "
                        f"whole graph (got {list(x.shape)})"
                    )
                x = x[..., shard.owned]
            x, samples = self.projection.checked(x, num_steps, lengths)
        hold = setting.hold if num_steps is None else 1
        with self.ranks.together():
            probe = Probe(samples * hold, shard.owned.numel(), setting.pool, names, every, events)
        simulation = ShardSimulation(
            setting, self.projection, shard, self.ranks, self.exchange, learns, self._state, None
        )
        checkpoint = None
        if saved is not None:
            from pyngn_graph.distributed.flight import SharedCheckpoint, shared_identity

            given = x if whole is None else whole
            identity = shared_identity(self, learns, given, samples, hold, names, every)
            checkpoint = SharedCheckpoint(*saved, identity, self)
        simulation.run(x, samples, hold, probe, False, checkpoint)
        if setting.stateful:
            self._state = simulation.state
        self.exchange, self.shard = simulation.exchange, simulation.shard
        if learns:
            self.shard = replace(self.shard, data=simulation.data)
        self._seen = look_at(self.shard.data, {})
        return probe


def _rows(neuron: LIFParameters, owned: Tensor) -> LIFParameters:
    values = {field.name: getattr(neuron, field.name) for field in fields(neuron)}
    many = {k: v[owned] for k, v in values.items() if isinstance(v, Tensor) and v.dim()}
    return replace(neuron, **many)
