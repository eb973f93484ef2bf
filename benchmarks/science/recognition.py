"""Recipes on labeled data: which sets there are, and what a recipe makes of one.

All go through the public API alone: a recipe of ``ng.recipes``, ``classify`` with its ridge
readout. The seed draws tissue, input weights, bias and what the glia see; the data are fixed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.science.controls import echo_state_network
from benchmarks.science.raw import folder
from pyngn_graph import datasets
from pyngn_graph.classification import classify, classify_raw
from pyngn_graph.datasets import SeriesDataset
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.recipes import RECIPES, Recipe

FOLDS = 5
"""Parts of a small set of which each is tested on once."""

MEASURED = 100
"""Test items on which rate and synaptic events are measured."""

NONE: dict[str, Any] = {"glia": ()}
"""The change of a recipe that leaves out its glia."""

ESN_SETTINGS = {
    "radius 0.9, leak 0.3, input 0.3": {"radius": 0.9, "leak": 0.3, "input_scale": 0.3},
    "radius 0.9, leak 1, input 0.1": {"radius": 0.9, "leak": 1.0, "input_scale": 0.1},
    "radius 0.99, leak 0.6, input 0.1": {"radius": 0.99, "leak": 0.6, "input_scale": 0.1},
}
"""Settings of echo state networks to choose from."""

Split = tuple[SeriesDataset, SeriesDataset]
"""Items to train on, and to test on."""


@dataclass(frozen=True, repr=False)
class Unconnected(Recipe):
    """A recipe whose recurrent weights are zero: all edges are masked."""

    def tissue(self, seed: int = 0) -> Data:
        """The graph of the recipe, with no edge alive."""
        graph = super().tissue(seed)
        graph.edge_mask = torch.zeros(graph.num_edges, dtype=torch.bool)
        return graph


def still(split: datasets.MNIST) -> SeriesDataset:
    """Images as one sample of 784 pixels, ``[B, 1, 784]``."""
    return _series(split.images.flatten(1).unsqueeze(1), split.y)


def columns(split: datasets.MNIST) -> SeriesDataset:
    """Images read column by column, ``[B, 28, 28]``."""
    return _series(split.images.transpose(1, 2), split.y)


def _series(x: Tensor, y: Tensor) -> SeriesDataset:
    return SeriesDataset(x, torch.full_like(y, x.size(1)), y)


def _mnist(size: int, as_series: Callable[[datasets.MNIST], SeriesDataset]) -> list[Split]:
    train, test = (datasets.MNIST(folder("mnist"), split) for split in ("train", "test"))
    return [(as_series(train[:size]), as_series(test))]


def _spoken() -> list[Split]:
    every = datasets.FSDD(folder("fsdd"), None)
    return [(every[~every.for_test], every[every.for_test])]


def _spoken_validation() -> list[Split]:
    """Takes 5 to 9 to test on, takes 10 to 49 to train on: no test item is seen."""
    training = datasets.FSDD(folder("fsdd"), "train")
    held_out = training.take < 10
    return [(training[~held_out], training[held_out])]


def _vowels() -> list[Split]:
    train, test = (datasets.JapaneseVowels(folder("japanese_vowels"), s) for s in ("train", "test"))
    mean, std = datasets.channel_statistics(train.x, train.lengths)
    parts = []
    for part in (train, test):
        x = datasets.standardize(part.x, part.lengths, mean, std)
        parts.append(SeriesDataset(x, part.lengths, part.y))
    return [(parts[0], parts[1])]


def _events() -> list[Split]:
    recordings = datasets.NMNISTSmall(folder("nmnist_small"), None)
    x, y = recordings.frames(), recordings.y
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    fold = torch.empty_like(order)
    fold[order] = torch.arange(len(y)) % FOLDS
    return [
        (_series(x[fold != k], y[fold != k]), _series(x[fold == k], y[fold == k]))
        for k in range(FOLDS)
    ]


def _held_out(splits: list[Split]) -> list[Split]:
    """A random quarter of the items to train on in place of those to test on."""
    train, _ = splits[0]
    order = torch.randperm(len(train.y), generator=torch.Generator().manual_seed(0))
    cut = len(order) // 4
    return [(train[order[cut:]], train[order[:cut]])]


def _digits() -> list[Split]:
    return [(datasets.Digits("train"), datasets.Digits("test"))]


DATA: dict[str, Callable[[], list[Split]]] = {
    "digits": _digits,
    "digits validation": lambda: _held_out(_digits()),
    "mnist 500": lambda: _mnist(500, still),
    "mnist": lambda: _mnist(60_000, still),
    "mnist columns": lambda: _mnist(10_000, columns),
    "fsdd": _spoken,
    "fsdd validation": _spoken_validation,
    "japanese vowels": _vowels,
    "japanese vowels validation": lambda: _held_out(_vowels()),
    "n-mnist small": _events,
}
"""Data sets by name: a split, or several folds."""

HELD_OUT = {name: {"data": f"{name} validation"} for name in ("digits", "fsdd", "japanese vowels")}
"""Data to choose settings on, where there are any besides those tested on."""


@lru_cache(maxsize=1)
def splits(data: str) -> list[Split]:
    """The splits of a data set; the last one is kept in memory."""
    return DATA[data]()


def recognize(
    seed: int, data: str, recipe: str, connected: bool = True, **changes: Any
) -> dict[str, Any]:
    """What a recipe, with ``changes`` to its parameters, makes of a data set.

    Returns:
        Accuracies in per cent: ``accuracy``, and ``first`` of the first 100 test items; ``rate``
        in Hz; synaptic events of a trial (``events``) and for each correct answer
        (``events_per_answer``); live edges; ``cpu`` seconds for everything but reading the data.
    """
    found = []
    for train, test in splits(data):
        made = replace(RECIPES[recipe](), **changes)
        if not connected:
            made = Unconnected(**vars(made))
        start = time.process_time()
        result = classify(made, train, test, seed, progress=False)
        seconds = time.process_time() - start
        right = result.prediction == test.y
        shown = test[:MEASURED]
        recording = result.reservoir.run(shown.x, lengths=shown.lengths, progress=False)
        events = float(recording.synaptic_events.sum()) / len(shown)
        found.append(
            {
                "accuracy": 100.0 * result.accuracy,
                "first": 100.0 * float(right[:100].double().mean()),
                "rate": float(recording.rates().mean()),
                "events": events,
                "events_per_answer": events / max(result.accuracy, 1e-9),
                "edges": float(recording.num_edges.max()),
                "cpu": seconds,
            }
        )
    return _averaged(found)


def raw(seed: int, data: str, recipe: str) -> dict[str, Any]:
    """Accuracy of the same readout on the raw input, as far as the recipe reads it."""
    found = []
    for train, test in splits(data):
        found.append({"accuracy": 100.0 * classify_raw(RECIPES[recipe](), train, test)})
    return _averaged(found)


def esn(
    seed: int, data: str, recipe: str, setting: Mapping[str, float], **changes: Any
) -> dict[str, Any]:
    """Accuracy of an echo state network with as many units, read as the recipe reads its liquid."""
    found = []
    for train, test in splits(data):
        made = replace(RECIPES[recipe](), **changes)
        network = echo_state_network(seed, made.num_nodes, **setting)
        states = [_esn_states(network, made, part) for part in (train, test)]
        readout = RidgeReadout().fit(states[0], train.y)
        found.append({"accuracy": 100.0 * readout.score(states[1], test.y)})
    return _averaged(found)


def _esn_states(network: Any, recipe: Recipe, part: SeriesDataset) -> Tensor:
    """States ``[B, F]``: the last one, or the means of those segments that are read."""
    states = []
    for x, length in zip(part.x, part.lengths.tolist(), strict=True):
        seen = torch.from_numpy(network.run(x[:length].double().numpy()))
        network.reset()
        if isinstance(recipe.pool, str):
            states.append(seen[-1])
            continue
        segments = torch.stack([each.mean(dim=0) for each in torch.tensor_split(seen, recipe.pool)])
        unread = 0 if recipe.read is None else recipe.pool - recipe.read
        states.append(segments[unread:].flatten())
    return torch.stack(states).float()


def _averaged(found: list[dict[str, float]]) -> dict[str, Any]:
    """The mean over folds."""
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}
