"""Spike templates: which of two spike trains came 200 ms ago, told from the state at the end.

Trials of three segments of 100 ms, each made from one of two Poisson templates of 10 channels (20
Hz, jitter 4 ms). Accuracies are those of the first two segments; chance is a half.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

import pyngn_graph as ng
from benchmarks.science.controls import ESN, echo_state_network
from benchmarks.science.harness import Study
from benchmarks.science.protocol import Liquid, States, activity, stream
from benchmarks.science.results import Cell
from pyngn_graph import tasks

CHANNELS = 10

INPUT_WEIGHT = 8.0
"""Standard deviation of input weights: a spike of a channel lasts for one step only."""

ADAPT, TRAIN, TEST = 130, 400, 200
"""Trials on which glia are at work (39 s), that the readout learns from, that it is tested on."""

RAW = "control: raw input, filtered spikes at the end"

ESN_SETTINGS: dict[str, Mapping[str, float]] = {
    "radius 0.99, leak 1, input 0.1": {"radius": 0.99, "leak": 1.0, "input_scale": 0.1},
    "radius 0.9, leak 1, input 0.3": {"radius": 0.9, "leak": 1.0, "input_scale": 0.3},
    "radius 0.95, leak 0.3, input 0.3": {"radius": 0.95, "leak": 0.3, "input_scale": 0.3},
}


def trials(seed: int, number: int) -> tasks.SpikeTemplates:
    """``number`` trials for the readout and its test, behind those for the glia."""
    generator = stream(seed, "templates")
    return tasks.spike_templates(ADAPT + number, CHANNELS, generator=generator)


def templates(seed: int, train: int = TRAIN, test: int = TEST, **liquid: Any) -> dict[str, Any]:
    """Accuracy of a :class:`~benchmarks.science.protocol.Liquid`, and what it costs."""
    return told_apart(Liquid(**liquid), seed, train, test)


def told_apart(liquid: Liquid, seed: int, train: int, test: int) -> dict[str, Any]:
    """Accuracy of a liquid whose glia were at work on trials without labels, and what it costs."""
    x = trials(seed, train + test).x
    reservoir = liquid.reservoir(seed, CHANNELS, input_scale=INPUT_WEIGHT * CHANNELS**0.5)
    if reservoir.glia:
        reservoir.adapt(x[:ADAPT], progress=False)
    found: dict[str, Any] = {}

    def states(x: Tensor) -> Tensor:
        recording = reservoir.run(x, progress=False)
        found.update(activity(recording))
        return recording.states

    return accuracy(states, seed, train, test) | found


def esn(
    seed: int,
    setting: Mapping[str, float],
    num_nodes: int = 512,
    train: int = TRAIN,
    test: int = TEST,
) -> dict[str, Any]:
    """Accuracy of an echo state network that gets the counts of every 10 ms."""

    def states(x: Tensor) -> Tensor:
        counts = x.unfold(1, 10, 10).sum(dim=-1).double().numpy()
        network = echo_state_network(seed, num_nodes, **setting)
        return torch.from_numpy(network.run(counts)[:, -1])  # each trial from a state of zeros

    return accuracy(states, seed, train, test)


def raw(seed: int, train: int = TRAIN, test: int = TEST) -> dict[str, Any]:
    """Accuracy from the input itself, its spikes filtered as the liquid's are (20 ms)."""

    def states(x: Tensor) -> Tensor:
        age = torch.arange(x.size(1) - 1, -1, -1, dtype=torch.float32)
        return torch.einsum("btc,t->bc", x, torch.exp(-age / 20.0))

    return accuracy(states, seed, train, test)


def accuracy(states: States, seed: int, train: int, test: int) -> dict[str, Any]:
    """Per cent of the test trials told right: the mean over the first two segments, and each."""
    task = trials(seed, train + test)
    seen, y = states(task.x[ADAPT:]), task.y[ADAPT:]
    each = []
    for segment in range(y.size(1)):
        readout = ng.RidgeReadout().fit(seen[:train], y[:train, segment])
        each.append(100.0 * readout.score(seen[train:], y[train:, segment]))
    return {"templates": sum(each[:2]) / 2, "segments": each}


def template_options(study: Study) -> dict[str, int]:
    """Half the trials where the study is coarse."""
    return {"train": TRAIN // 2, "test": TEST // 2} if study.fast else {}


def template_controls(study: Study, columns: Sequence[str]) -> list[Cell]:
    """Cells of the raw input and of an echo state network, the same in all ``columns``."""
    size = template_options(study)
    settings = {name: {"setting": each, **size} for name, each in ESN_SETTINGS.items()}
    chosen = study.choose("ESN for templates", esn, settings, "templates")
    calls = [(RAW, raw, size), (ESN, esn, settings[chosen])]
    return [
        Cell(row, column, seed, function, params)
        for row, function, params in calls
        for column in columns
        for seed in study.seeds
    ]
