"""How a run is taken down while it lasts: the reservoir begins it, a backend fills it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import number
from pyngn_graph.history import TopologyLog
from pyngn_graph.recording import Recording
from pyngn_graph.room import check_room, free_memory


@dataclass(frozen=True)
class Layout:
    """How trials lie in time: side by side, or one after the other in a single column.

    ``trial`` and ``step`` ``[T, C]`` say for each step of each column which trial it belongs to
    and which step of it it is; -1 behind the end of a shorter trial.
    """

    trial: Tensor
    step: Tensor

    @classmethod
    def side_by_side(cls, lengths: Tensor, trials: Tensor) -> "Layout":
        """One column for each of ``trials`` ``[C]``, which last ``lengths`` ``[C]`` steps."""
        step = torch.arange(int(lengths.max()), device=lengths.device).unsqueeze(1)
        inside = step < lengths
        return cls(torch.where(inside, trials, -1), torch.where(inside, step, -1))

    @classmethod
    def stream(cls, lengths: Tensor) -> "Layout":
        """All trials in one column, in order."""
        trial = torch.repeat_interleave(lengths)
        start = lengths.cumsum(0) - lengths
        step = torch.arange(trial.numel(), device=lengths.device) - start[trial]
        return cls(trial.unsqueeze(1), step.unsqueeze(1))

    @property
    def num_steps(self) -> int:
        """Steps of the longest column."""
        return self.trial.size(0)


def check_pool(pool: str | int, lengths: Tensor) -> None:
    """Refuses more segments than the shortest of trials of ``lengths`` ``[B]`` steps has steps.

    Raises:
        ValueError: If so.
    """
    shortest = int(lengths.min())
    if not isinstance(pool, str) and pool > shortest:
        raise ValueError(
            f"'pool' = {pool} segments need trials of at least {pool} steps (the shortest has "
            f"{shortest}); use pool={shortest} or less, or hold each sample longer: 'hold'"
        )


EVENTS = ("trial", "step", "count", "node")
"""What a part of the events consists of; see :meth:`Probe.spikes`."""


BYTES = 4
"""Of a value."""

STEP = 48
"""Bytes that are kept for a step of a trial, whatever is recorded."""

SMALL = 1 << 24
"""Bytes for which there is room anywhere."""


class Probe:
    """Takes down one run: the reservoir begins it, a backend fills it.

    Args:
        lengths: Steps of each trial, ``[B]``; more than there is room for are refused.
        num_nodes: Number of neurons.
        pool: ``"last"`` (the liquid state at the end of a trial) or a number K of equal segments
            over which it is averaged.
        names: Traces to keep.
        every: Keep them at every ``every``-th step of a trial.
        events: Keep the spikes themselves, not only their number.
        log: Where changes of the graph are taken down, if anywhere.
    """

    def __init__(
        self,
        lengths: Tensor,
        num_nodes: int,
        pool: str | int,
        names: tuple[str, ...] = (),
        every: int = 1,
        events: bool = True,
        log: TopologyLog | None = None,
    ) -> None:
        check_pool(pool, lengths)
        self.log = log
        self.lengths, self.num_nodes, self.names, self.every = lengths, num_nodes, names, every
        self.segments = None if isinstance(pool, str) else pool
        self.keeps_events, self.events = events, list[tuple[Tensor, ...]]()
        device, shape = lengths.device, (lengths.numel(), int(lengths.max()))
        self._check_room(*shape)
        self.counts = torch.zeros(num_nodes, dtype=torch.int64, device=device)
        self.sent = torch.zeros(shape, dtype=torch.int64, device=device)
        self.num_edges = torch.zeros(shape, dtype=torch.int64, device=device)
        rows = (shape[0], shape[1] // every, num_nodes)
        kind: Any = {"dtype": torch.float32, "device": device}
        self.traces = {name: torch.full(rows, torch.nan, **kind) for name in names}
        self.sums = torch.zeros(shape[0] * (self.segments or 1), num_nodes, **kind)

    def _check_room(self, trials: int, steps: int) -> None:
        """Refuses to take down more than there is room for, before any room is taken."""
        device, names = self.lengths.device, ", ".join(map(repr, self.names))
        row = BYTES * len(self.names) * trials * self.num_nodes
        rest = STEP * trials * steps + BYTES * trials * (self.segments or 1) * self.num_nodes
        kept = row * (steps // self.every)
        if rest + kept <= SMALL:
            return
        left = free_memory(device) - rest
        check_room(
            f"{trials} trials of {steps:,} steps of {self.num_nodes:,} neurons",
            rest,
            device,
            "run fewer at a time, a long one in parts with 'stateful=True'",
        )
        every = -(-2 * row * steps // left) if left > 0 else steps  # and half of it stays free
        check_room(
            f"Traces of {names} at {steps // self.every:,} of {steps:,} steps of {trials} trials "
            f"of {self.num_nodes:,} neurons",
            rest + kept,
            device,
            f"pass every={max(every, self.every + 1)}, or run fewer steps or trials at a time",
        )

    def begin(self, layout: Layout) -> None:
        """Prepares for columns that lie as ``layout`` says.

        ``window`` ``[T, C]`` names the row of ``sums`` to which the liquid state of each step is
        added, -1 for none; ``due`` ``[T, C]`` marks the steps whose traces are kept.
        """
        self.layout = layout
        length = self.lengths[layout.trial.clamp(min=0)]
        inside = layout.step >= 0
        if self.segments is None:
            self.window = torch.where(inside & (layout.step == length - 1), layout.trial, -1)
        else:
            # Segment k covers the steps from floor(k T / K) to floor((k + 1) T / K).
            part = ((layout.step + 1) * self.segments - 1) // length
            self.window = torch.where(inside, layout.trial * self.segments + part, -1)
        self.due = inside & ((layout.step + 1) % self.every == 0)

    def pool(self, t: int, trace: Tensor) -> None:
        """Adds the liquid state ``[N, C]`` of step ``t`` to the windows it belongs to."""
        window = self.window[t]
        inside = (window >= 0).nonzero().squeeze(1)
        if inside.numel():
            self.sums[window[inside]] += trace[:, inside].t()

    def trace(self, t: int, name: str, value: Tensor | None) -> None:
        """Takes down ``value`` ``[N, C]`` (or ``[N, 1]``) of step ``t`` where it is due."""
        due = self.due[t].nonzero().squeeze(1)
        if due.numel() and value is not None:
            row = self.layout.step[t, due] // self.every
            value = value.float().expand(-1, self.due.size(1))[:, due]
            self.traces[name][self.layout.trial[t, due], row] = value.t()

    def traced(self, name: str, t: Tensor, column: int, value: Tensor) -> None:
        """Takes down ``value`` ``[R, N]`` of one column at its due steps ``t`` ``[R]``."""
        row = self.layout.step[t, column] // self.every
        self.traces[name][self.layout.trial[t, column], row] = value

    def spikes(self, start: int, column: int, counts: Tensor, node: Tensor, sent: Tensor) -> None:
        """Takes down the spikes of one column, from step ``start`` of the run on.

        At each of the next steps ``counts`` ``[T]`` neurons fire, which cause ``sent`` ``[T]``
        transmissions; ``node`` ``[S]`` names all of them, step after step, in order.
        """
        span = slice(start, start + counts.numel())
        trial, step = self.layout.trial[span, column], self.layout.step[span, column]
        inside = trial >= 0
        if not bool(inside.all()):
            node = node[inside.repeat_interleave(counts)]
            trial, step, counts, sent = (each[inside] for each in (trial, step, counts, sent))
        self.counts += torch.bincount(node, minlength=self.num_nodes)
        if self.keeps_events and trial.numel():
            self.sent[trial, step] = sent
            self.events.append((trial, step, counts, node.int()))

    def heard(self, start: int, sent: Tensor) -> None:
        """Adds transmissions ``[T, C]`` of spikes that were fired elsewhere, from ``start`` on."""
        if self.keeps_events:
            span = slice(start, start + sent.size(0))
            trial, step = self.layout.trial[span], self.layout.step[span]
            self.sent[trial[trial >= 0], step[trial >= 0]] += sent[trial >= 0]

    def edges(self, start: int, stop: int, num_edges: int) -> None:
        """Takes down the number of live edges during the steps ``start`` to ``stop``."""
        trial, step = self.layout.trial[start:stop], self.layout.step[start:stop]
        self.num_edges[trial[trial >= 0], step[trial >= 0]] = num_edges

    def rewired(self, data: Data, origin: Tensor | None) -> None:
        """Takes down the graph after a tick; see :meth:`TopologyLog.tick`."""
        if self.log is not None:
            self.log.tick(data, origin)

    def states(self) -> Tensor:
        """Liquid states ``[B, K * N]``: segments one after the other."""
        if self.segments is None:
            return self.sums
        edge = torch.arange(self.segments + 1, device=self.lengths.device)
        size = (edge * self.lengths.unsqueeze(1) // self.segments).diff(dim=1)
        mean = self.sums / size.clamp(min=1).reshape(-1, 1)
        return mean.reshape(self.lengths.numel(), -1)

    def to_parts(self) -> dict[str, Tensor]:
        """Everything taken down so far, as tensors that a file can hold."""
        parts = {name: getattr(self, name) for name in ("counts", "sent", "num_edges", "sums")}
        parts |= {f"trace {name}": value for name, value in self.traces.items()}
        if self.events:
            columns = zip(*self.events, strict=True)
            parts |= {name: torch.cat(each) for name, each in zip(EVENTS, columns, strict=True)}
            sizes = [(part[0].numel(), part[3].numel()) for part in self.events]
            parts["sizes"] = torch.tensor(sizes)
        return parts

    def take_over(self, parts: dict[str, Tensor]) -> None:
        """Goes on from what :meth:`to_parts` of a probe of the same run returned.

        Raises:
            ValueError: If there is something else in them: backends write to these very tensors.
        """
        for name in ("counts", "sent", "num_edges", "sums"):
            setattr(self, name, _like(getattr(self, name), name, parts))
        self.traces = {n: _like(trace, f"trace {n}", parts) for n, trace in self.traces.items()}
        if "sizes" in parts:
            _check_events(parts, self.sent.shape, self.num_nodes)
            steps, spikes = parts["sizes"].t().tolist()
            cut = zip(EVENTS, (steps, steps, steps, spikes), strict=True)
            columns = (torch.split(parts[name], sizes) for name, sizes in cut)
            self.events = list(zip(*columns, strict=True))

    def recording(self, data: Data) -> Recording:
        """Everything taken down, in order."""
        # Parts of a trial came in the order of time, and a part that has several has them in order.
        parts = sorted(self.events, key=lambda part: int(part[0][0]))
        events = self.counts.new_empty(sum(part[3].numel() for part in parts), 3)
        if parts:
            trial, step, counts, node = (torch.cat(each) for each in zip(*parts, strict=True))
            events[:, 0] = trial.repeat_interleave(counts)
            events[:, 1] = step.repeat_interleave(counts)
            events[:, 2] = node
        return Recording(
            events=events,
            traces=self.traces,
            states=self.states(),
            synaptic_events=self.sent,
            num_edges=self.num_edges,
            lengths=self.lengths,
            graph=data,
            every=self.every,
            dt=number(data, "dt", 1.0),
            topology=self.log,
        )


def _like(own: Tensor, name: str, parts: dict[str, Tensor]) -> Tensor:
    value = parts[name]
    if value.shape != own.shape or value.dtype != own.dtype:
        raise ValueError(
            f"'{name}' of the recording must be {own.dtype} {list(own.shape)} (got {value.dtype} "
            f"{list(value.shape)}); take another copy"
        )
    return value.contiguous()


def _check_events(parts: dict[str, Tensor], shape: torch.Size, num_nodes: int) -> None:
    sizes, (trials, steps) = parts["sizes"], shape
    rows = sum(parts[name].numel() for name in ("trial", "step", "count")) / 3
    fits = sizes.dim() == 2 and sizes.size(1) == 2 and bool((sizes >= 0).all())
    for name, bound in (("trial", trials), ("step", steps), ("node", num_nodes)):
        fits &= bool(((parts[name] >= 0) & (parts[name] < bound)).all())
    fits &= bool((parts["count"] >= 0).all())
    ends = [rows, parts["node"].numel()]
    if not fits or sizes.sum(dim=0).tolist() != ends or int(parts["count"].sum()) != ends[1]:
        raise ValueError("the events of the recording do not fit together; take another copy")
