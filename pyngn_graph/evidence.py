"""What a diagnosis rests on: what a run left behind, and what a few more runs of it show."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import MAX_COUNT
from pyngn_graph.drive import threshold_current
from pyngn_graph.probe import Probe
from pyngn_graph.unions import graph_sizes, spans, split_states

if TYPE_CHECKING:
    from pyngn_graph.reservoir import TriglialReservoir

ILL = "ill"
"""What a reservoir that has warned of a dead or saturated run remembers."""

BIN, ONSET = 20.0, 100.0
"""Bursts are looked for in bins of so many ms, after the first ms of each trial."""

NOISE = 0.01
"""Standard deviation of the noise on the input, in units of that of each channel."""

EARLY_INPUT = 0.1
"""Share of what tells trials apart that must lie in their first half to ask what is left of it."""

TRIALS, SAMPLES = 100, 2000
"""Most trials, and about the most samples, that are looked at."""


@dataclass(frozen=True)
class Activity:
    """What a run left behind.

    Attributes:
        counts: Spikes of each neuron, ``[N]``.
        steps: Steps of all trials.
        population: Spikes of each graph in each bin, ``[G, K]``; see :func:`binned`.
        adapted: Whether the glia were at work.
    """

    counts: Tensor
    steps: int
    population: Tensor
    adapted: bool

    def after(self, earlier: "Activity") -> "Activity":
        """Both as one run."""
        device = self.counts.device
        return Activity(
            earlier.counts.to(device) + self.counts,
            earlier.steps + self.steps,
            torch.cat([earlier.population.to(device), self.population], dim=-1),
            self.adapted,
        )


@dataclass(frozen=True)
class Response:
    """How one graph answers to an input.

    Attributes:
        external: Rate in Hz that the input and the bias alone cause in each neuron, ``[N]``.
        strength: Standard deviation of the current that the input causes, over trials and time,
            root mean square over the neurons that it reaches, in units of the constant current
            that reaches the threshold; None where no input or no such current is.
        noise_share: Mean squared distance of the liquid states with and without noise, over that
            between two trials; None if there are fewer than two, or they do not differ.
        early_share: The same where the first half of each trial is that of another one instead;
            None also where the state is not that at the end, or the first halves hardly differ.
        alike: Whether all states are the same, of two or more.
        pull: Mean current that the input causes in each neuron, ``[N]``, in the units of
            ``strength``; None where there are none.
    """

    external: Tensor
    strength: float | None
    noise_share: float | None
    early_share: float | None
    alike: bool
    pull: Tensor | None = None


def external_rate(
    reservoir: "TriglialReservoir", x: Tensor, lengths: Tensor | None = None
) -> float:
    """The mean rate h, in Hz, that input and bias alone cause: no spike reaches another neuron.

    The reservoir itself is not run. ``x`` and ``lengths`` are as for the reservoir.
    """
    return float(_external(reservoir, x, lengths).mean())


def answered(
    reservoir: "TriglialReservoir", x: Tensor, lengths: Tensor | None, pool: str | int
) -> tuple[Activity, list[Response]]:
    """A run of ``x`` with the glia at rest, and how each graph, read by ``pool``, answers to it.

    Of many trials ``TRIALS`` are looked at. The reservoir stays as it was.
    """
    x, samples = reservoir.projection.checked(x, None, lengths)
    if len(x) > TRIALS:
        chosen = torch.linspace(0, len(x) - 1, TRIALS, dtype=torch.float32).long().to(x.device)
        x, samples = x[chosen], samples[chosen]
    twin = copy.copy(reservoir)
    told, setting = reservoir._told | {ILL}, replace(reservoir.setting, stateful=False)
    vars(twin).update(setting=setting, _state=None, _told=told)
    sizes = graph_sizes(reservoir.graph)
    states = split_states(twin.run(x, lengths=samples, progress=False).states, sizes)
    activity = twin._activity
    assert activity is not None
    nothing: list[Tensor] | list[None] = [None] * len(sizes)
    noisy = split_states(twin(_noisy(x, samples), samples), sizes) if len(x) > 1 else nothing
    swapped = _swapped(x, samples) if pool == "last" else None
    other = nothing if swapped is None else split_states(twin(swapped, samples), sizes)
    external = _external(reservoir, x, samples)
    strengths = _strengths(reservoir, x, samples)
    return activity, [
        Response(
            external=external[nodes],
            strength=strength,
            pull=pull,
            noise_share=_share(ours, theirs),
            early_share=_share(ours, late),
            alike=len(x) > 1 and not bool(ours.double().var(dim=0).any()),
        )
        for (nodes, _), (strength, pull), ours, theirs, late in zip(
            spans(reservoir.graph), strengths, states, noisy, other, strict=True
        )
    ]


def binned(probe: Probe, dt: float, sizes: list[int]) -> Tensor:
    """Spikes of each graph in each bin of ``BIN`` ms of each trial, after ``ONSET``, ``[G, K]``.

    Bins are whole; there are none if the probe kept no spikes.
    """
    width, onset = (min(round(time / dt), MAX_COUNT) for time in (BIN, ONSET))
    width = max(1, width)
    whole = ((probe.lengths - onset) // width).clamp(min=0)
    if not probe.events:
        return whole.new_zeros(len(sizes), 0)
    trial, step, counts, node = (torch.cat(each) for each in zip(*probe.events, strict=True))
    graph = torch.zeros_like(step)
    if len(sizes) > 1:
        trial, step = (each.repeat_interleave(counts) for each in (trial, step))
        ends = torch.tensor(sizes, device=node.device).cumsum(0)
        graph = torch.searchsorted(ends, node.long(), right=True)
        counts = torch.ones_like(graph)
    place = (step - onset) // width
    inside = (place >= 0) & (place < whole[trial])
    place = (whole.cumsum(0) - whole)[trial] + place + int(whole.sum()) * graph
    total = whole.new_zeros(int(whole.sum()) * len(sizes))
    return total.index_add(0, place[inside], counts[inside]).view(len(sizes), -1)


def _external(reservoir: "TriglialReservoir", x: Tensor, lengths: Tensor | None) -> Tensor:
    """The rate in Hz of each neuron without recurrence, ``[N]``."""
    data, setting = reservoir.graph, reservoir.setting
    alone = type(reservoir)(
        Data(
            num_nodes=data.num_nodes,
            edge_index=data.edge_index[:, :0],
            edge_weight=data.edge_weight[:0],
            edge_delay=data.edge_delay[:0],
        ),
        in_channels=reservoir.in_channels,
        neuron=setting.neuron,
        dt=setting.dt,
        hold=setting.hold,
        input_weight=reservoir.input_weight,
        bias=reservoir.bias,
        backend=setting.backend,
        threads=setting.threads,
    )
    alone._told.add(ILL)
    alone(x, lengths)
    activity = alone._activity
    assert activity is not None
    return activity.counts.double() * (1000.0 / setting.dt / activity.steps)


def _noisy(x: Tensor, samples: Tensor) -> Tensor:
    """``x`` ``[B, T, C]`` with noise; channels that do not vary get none."""
    rows = _inside(x, samples).double()
    size = NOISE * rows.std(dim=0, correction=0)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x.device)
    return (x + size * noise).to(x.dtype)


def _inside(x: Tensor, samples: Tensor) -> Tensor:
    """The samples ``[S, C]`` of all trials."""
    steps = torch.arange(x.size(1), device=x.device)
    return x[steps < samples.unsqueeze(1)]


def _swapped(x: Tensor, samples: Tensor) -> Tensor | None:
    """``x`` with the first half of each trial taken from the one before; None if they are alike."""
    half = torch.minimum(samples, samples.roll(1)) // 2
    first = (torch.arange(x.size(1), device=x.device) < half.unsqueeze(1)).unsqueeze(2)
    change = (x - x.roll(1, dims=0)).double().square()
    early = float((change * first).sum())
    if not early > EARLY_INPUT * float(change.sum()):
        return None
    return torch.where(first, x.roll(1, dims=0), x)


def _share(states: Tensor, moved: Tensor | None) -> float | None:
    """Mean squared distance of states ``[B, F]`` to others, over that between two of them."""
    if moved is None:
        return None
    states = states.double()
    between = 2.0 * float(states.var(dim=0).sum())
    distance = float((states - moved.double()).square().sum(dim=1).mean())
    return distance / between if between else None


def _strengths(
    reservoir: "TriglialReservoir", x: Tensor, samples: Tensor
) -> Iterable[tuple[float | None, Tensor | None]]:
    """Strength and pull for each graph."""
    rows = _inside(x, samples)
    rows = rows[:: max(1, len(rows) // SAMPLES)].double()
    unit = threshold_current(reservoir.setting.neuron)
    weight = reservoir.input_weight
    current = rows if weight is None else rows @ weight.double().t()
    reached = torch.ones_like(current[0]) if weight is None else weight.abs().sum(dim=1)
    variance = current.var(dim=0, correction=0)
    for nodes, _ in spans(reservoir.graph):
        size = variance[nodes][reached[nodes] > 0]
        known = unit > 0.0 and size.numel() > 0
        strength = float(size.mean().sqrt()) / unit if known else None
        yield strength, current[:, nodes].mean(dim=0) / unit if unit > 0.0 else None
