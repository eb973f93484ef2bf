"""Pictures of a recording over time: spikes, rate, traces, edges alive.

A life is one stream: its trials follow each other. With ``trial=None`` the axis of
time is that stream, all trials one after the other; a number picks a single trial.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pyngn_graph.checks import LARGEST, check_count, is_count
from pyngn_graph.plot.style import (
    AFTER,
    TARGET,
    axes_or_new,
    classes,
    to_numpy,
)
from pyngn_graph.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOMENTS = 2000
"""Most points in time that a trace is drawn at."""

VECTORS = 5000
"""Most spikes drawn as vectors: above it a file with them would be large, and slow to show."""

SECONDS = 10_000.0
"""Span in ms from which on time is given in seconds."""


def raster(
    recording: Recording,
    trial: int | None = 0,
    *,
    max_spikes: int = 100_000,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws one dot per spike: time against neuron, colored by excitatory and inhibitory.

    Args:
        recording: What :meth:`TriglialReservoir.run` returned.
        trial: A trial, or None for all of them, one after the other.
        max_spikes: Above this number only every k-th neuron is drawn, and the axis says so.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is no such trial, or ``max_spikes`` is no whole number >= 1.
    """
    check_count("max_spikes", max_spikes)
    place = places(recording, trial)
    ax = axes_or_new(ax)
    moment = to_numpy(place[recording.events[:, 0], recording.events[:, 1]])
    node = to_numpy(recording.events[:, 2])
    drawn = moment >= 0
    every = max(1, math.ceil(int(drawn.sum()) / max_spikes))
    drawn &= node % every == 0
    unit, scale = unit_of(place, recording.dt)
    num_nodes, count = int(recording.graph.num_nodes), int(drawn.sum())
    size = min(5.0, max(1.5, 100.0 / math.sqrt(count + 1)))
    for name, color, members in classes(recording.graph):
        inside = drawn & members[node]
        ax.plot(
            moment[inside] * scale,
            node[inside],
            ".",
            color=color,
            markersize=size,
            markeredgewidth=0,
            label=name,
            rasterized=count > VECTORS,
        )
    ax.set_xlim(0, (int(place.max()) + 1) * scale)
    ax.set_ylim(-0.5, num_nodes - 0.5)
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("neuron" if every == 1 else f"neuron (1 in {every} shown)")
    return ax


def rate(
    recording: Recording,
    bin: float | None = None,
    trial: int | None = None,
    *,
    target: float | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws the firing rate of the population over time: spikes per neuron and second.

    Args:
        recording: What :meth:`TriglialReservoir.run` returned.
        bin: Width of a bin in ms, rounded to whole steps; by default about 200 bins in all.
        trial: A trial, or None for all of them, one after the other.
        target: A rate in Hz to mark by a dashed line, such as the target of the astrocytes.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is no such trial, ``bin`` is not positive, or ``target`` is no rate.
    """
    if bin is not None and not 0.0 < bin < math.inf:
        raise ValueError(f"'bin' must be a positive number of ms (got {bin})")
    if target is not None and not 0.0 <= target <= LARGEST:
        raise ValueError(f"'target' must be a rate in Hz from 0 to {LARGEST:g} (got {target})")
    place = places(recording, trial)
    ax = axes_or_new(ax)
    total = int(place.max()) + 1
    width = (
        math.ceil(total / 200)
        if bin is None
        else max(1, round(min(total, float(bin) / recording.dt)))
    )
    edges = np.append(np.arange(0, total, width), total)
    moment = to_numpy(place[recording.events[:, 0], recording.events[:, 1]])
    count = np.histogram(moment[moment >= 0], bins=edges)[0]
    hertz = count / (np.diff(edges) * recording.dt / 1000.0) / recording.graph.num_nodes
    unit, scale = unit_of(place, recording.dt)
    ax.stairs(hertz, edges * scale, baseline=None, color=AFTER, linewidth=1.4, label="population")
    if target is not None:
        ax.axhline(target, color=TARGET, linestyle="--", linewidth=1.2, label="target")
    ax.set_xlim(0, total * scale)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("firing rate (Hz)")
    return ax


def trace(
    recording: Recording,
    name: str,
    trial: int | None = None,
    *,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draws a recorded trace over time: median over neurons and the band from 10 to 90 %.

    Args:
        recording: A recording made with ``run(..., record=(name,))``.
        name: Which trace, for instance ``"gain"`` or ``"v"``.
        trial: A trial, or None for all of them, one after the other.
        label: Label of the vertical axis, with its unit; by default ``name``.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is no such trial, or the trace was not recorded.
    """
    moment, values, place = traced(recording, name, trial)
    ax = axes_or_new(ax)
    thin = max(1, math.ceil(moment.numel() / MOMENTS))
    moment, values = moment[::thin], values[::thin]
    unit, scale = unit_of(place, recording.dt)
    time = to_numpy(moment) * scale
    low, middle, high = np.quantile(to_numpy(values), [0.1, 0.5, 0.9], axis=1)
    ax.fill_between(time, low, high, color=AFTER, alpha=0.3, linewidth=0, label="10-90 %")
    ax.plot(time, middle, color=AFTER, linewidth=1.6, label="median")
    ax.set_xlim(0, (int(place.max()) + 1) * scale)
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel(name if label is None else label)
    return ax


def edges_alive(
    recording: Recording, trial: int | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draws the number of edges that carry spikes over time.

    Args:
        recording: What :meth:`TriglialReservoir.run` returned.
        trial: A trial, or None for all of them, one after the other.
        ax: Axes to draw on; new ones by default.

    Raises:
        ValueError: If there is no such trial.
    """
    place = places(recording, trial)
    ax = axes_or_new(ax)
    count = to_numpy(recording.num_edges[place >= 0])
    # The wiring is constant between two ticks: only its changes are drawn.
    change = np.flatnonzero(np.diff(count, prepend=-1))
    unit, scale = unit_of(place, recording.dt)
    edges = np.append(change, count.size) * scale
    ax.stairs(count[change], edges, color=AFTER, linewidth=1.6, baseline=None)
    ax.set_xlim(0, count.size * scale)
    ax.set_ylim(0, 1.08 * max(1, int(count.max())))
    ax.set_xlabel(f"time ({unit})")
    ax.set_ylabel("edges alive")
    return ax


def traced(recording: Recording, name: str, trial: int | None) -> tuple[Tensor, Tensor, Tensor]:
    """Moments ``[R]`` at which a trace was taken, its values ``[R, N]``, and :func:`places`.

    Raises:
        ValueError: If there is no such trial, or the trace was not recorded.
    """
    if name not in recording.traces:
        raise ValueError(
            f"No trace {name!r} in this recording; available here: {list(recording.traces)}; "
            f"ask for it with 'run(..., record=({name!r},))'"
        )
    place, values = places(recording, trial), recording.traces[name]
    # Row r was taken at the end of step (r + 1) * every - 1 of its trial.
    every = recording.every
    place_of_row = place[:, every - 1 :: every][:, : values.size(1)]
    inside = place_of_row >= 0
    return place_of_row[inside], values[inside], place


def places(recording: Recording, trial: int | None) -> Tensor:
    """Place of every step on the axis of time, ``[B, T]`` int64; -1 for steps not drawn."""
    num_trials, num_steps = recording.num_edges.shape
    if trial is not None and not (is_count(trial, -num_trials) and trial < num_trials):
        raise ValueError(f"'trial' must lie in [0, {num_trials - 1}] or be None (got {trial!r})")
    device = recording.lengths.device
    inside = torch.arange(num_steps, device=device) < recording.lengths.unsqueeze(1)
    if trial is not None:
        chosen = torch.zeros_like(inside)
        chosen[trial] = inside[trial]
        inside = chosen
    place = inside.flatten().cumsum(0).view_as(inside) - 1
    return torch.where(inside, place, -1)


def unit_of(place: Tensor, dt: float) -> tuple[str, float]:
    """Unit of the axis of time, and the length of a step in it."""
    return ("s", dt / 1000.0) if (int(place.max()) + 1) * dt >= SECONDS else ("ms", dt)
