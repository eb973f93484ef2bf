"""Spikes as low-passed traces, over several time constants at once."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pyngn_graph.glia.base import f32
from pyngn_graph.recording import Recording

BLOCK = 2**24
"""Spikes, one for every neuron and step, laid out at a time."""


def low_passed(
    recording: Recording, tau_trace: Sequence[float], hold: int, begin: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Traces ``[S, K, B, N]`` of K time constants after every ``hold`` steps, and those at the end.

    They begin at ``begin`` ``[K, B, N]``, or at 0. Trials are as long as the longest of them.
    """
    trials, num_steps = recording.num_edges.shape
    size = recording.graph.num_nodes
    factors = [math.exp(-recording.dt / tau) if tau else 0.0 for tau in tau_trace]
    kind: Any = {"dtype": torch.float32, "device": recording.events.device}
    keep, add = (
        torch.tensor([f32(f) for f in each], **kind).view(-1, 1, 1)
        for each in (factors, [1.0 - factor for factor in factors])
    )
    trace = torch.zeros(len(factors), trials, size, **kind) if begin is None else begin
    events, ends = recording.events[recording.events[:, 1].argsort(stable=True)], []
    block = max(1, BLOCK // (trials * size * hold)) * hold
    for start in range(0, num_steps, block):
        stop = min(start + block, num_steps)
        first, last = torch.searchsorted(
            events[:, 1].contiguous(), torch.tensor([start, stop], device=events.device)
        ).tolist()
        trial, step, node = events[first:last].t()
        spikes = trace.new_zeros(stop - start, trials, size)
        spikes[step - start, trial, node] = 1.0
        for t, fired in enumerate(spikes, start):
            trace = keep * trace + add * fired
            if (t + 1) % hold == 0:
                ends.append(trace)
    return torch.stack(ends), trace
