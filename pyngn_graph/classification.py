"""A recipe on a labeled data set: let the glia organize the liquid, read it out, score it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pyngn_graph.checks import generator_of
from pyngn_graph.datasets.series import SeriesDataset
from pyngn_graph.progress import progress_bar
from pyngn_graph.readout import RidgeReadout
from pyngn_graph.recipes import Recipe
from pyngn_graph.recording import Recording
from pyngn_graph.reservoir import TriglialReservoir

BATCH = 150
"""Trials between two moves of the progress bar."""

SHOWN = 3
"""Test trials that are recorded before and after the glia were at work."""


@dataclass(frozen=True)
class Classification:
    """What one run of :func:`classify` leaves behind.

    Attributes:
        accuracy: Share of test items that the readout names correctly.
        chance: Share of them in the class that is the most common in training.
        prediction: Its answers, ``[B]``.
        reservoir: The reservoir as it was read out.
        before: A few test trials before the glia were at work.
        life: The run in which they were, with its gains; None for a reservoir without glia.
        after: The trials of ``before`` once more.
        synaptic_events: Mean synaptic events per ms in these trials.
    """

    accuracy: float
    chance: float
    prediction: Tensor
    reservoir: TriglialReservoir
    before: Recording
    life: Recording | None
    after: Recording
    synaptic_events: float


def classify(
    recipe: Recipe,
    train: SeriesDataset,
    test: SeriesDataset,
    seed: int = 0,
    progress: bool | None = None,
    checkpoint: Path | None = None,
) -> Classification:
    """Runs ``recipe`` on ``train`` and ``test``.

    The glia see random training items, without labels, as one stream (``Recipe.lived``). Then the
    graph is frozen, every item is turned into a liquid state, and a ridge readout is fitted to the
    training states. ``checkpoint`` is the file from which the run of the glia goes on if it was
    killed.
    """
    series = [(dataset.x, dataset.lengths) for dataset in (train, test)]  # each a copy
    (x, samples), (shown, lengths) = series
    reservoir = recipe.reservoir(x.size(2), seed)
    shown, lengths = shown[:SHOWN], lengths[:SHOWN]
    unlived = reservoir.replace(start="rest") if recipe.start == "lived" else reservoir
    before, life = unlived.run(shown, lengths=lengths), None
    if recipe.needs_life:
        gains = ("gain",) if "gain" in reservoir.graph else ()
        lived = organize(recipe, reservoir, x, samples, seed, gains, progress, checkpoint)
        life = lived if reservoir.glia else None
    with progress_bar(len(train) + len(test), progress, unit="trial") as bar:
        parts = []
        for x, samples in series:
            states = []
            for items in torch.split(torch.arange(len(x)), BATCH):
                states.append(recipe.features(reservoir(x[items], lengths=samples[items])))
                bar.update(items.numel())
            parts.append(torch.cat(states))
    readout = RidgeReadout().fit(parts[0], train.y)
    after = reservoir.run(shown, lengths=lengths)
    return Classification(
        accuracy=readout.score(parts[1], test.y),
        chance=chance(train.y, test.y),
        prediction=readout.predict(parts[1]),
        reservoir=reservoir,
        before=before,
        life=life,
        after=after,
        synaptic_events=float(after.synaptic_events.sum()) / float(after.lengths.sum()) / after.dt,
    )


def organize(
    recipe: Recipe,
    reservoir: TriglialReservoir,
    x: Tensor,
    lengths: Tensor | None = None,
    seed: int = 0,
    record: Sequence[str] | None = (),
    progress: bool | None = None,
    checkpoint: Path | None = None,
) -> Recording:
    """Lets the glia see random items of ``x`` ``[B, T, C]``: see ``Recipe.lived``."""
    if lengths is None:
        lengths = torch.full((len(x),), x.size(1))
    chosen, samples = recipe.lived(lengths, generator_of(seed))
    return reservoir.adapt(
        x[chosen, : int(samples.max())],
        lengths=samples,
        record=record,
        every=recipe.hold,
        progress=progress,
        checkpoint=checkpoint,
    )


def chance(train: Tensor, test: Tensor) -> float:
    """Accuracy on the labels ``test`` of naming the class that is the most common in ``train``."""
    return float((test == train.mode().values).double().mean())


def classify_raw(recipe: Recipe, train: SeriesDataset, test: SeriesDataset) -> float:
    """Accuracy of the same readout on the raw input: what the liquid has to add to.

    Of the segments that the recipe reads, series of equal length give every sample, others the
    means. Where the recipe reads the end only, these give their last sample, the first all.
    """
    whole = bool((train.lengths == train.x.size(1)).all())
    features = [_raw(recipe, dataset, whole) for dataset in (train, test)]
    return RidgeReadout().fit(features[0], train.y).score(features[1], test.y)


def _raw(recipe: Recipe, dataset: SeriesDataset, whole: bool) -> Tensor:
    x, lengths = dataset.x, dataset.lengths
    if isinstance(recipe.pool, str):
        return x.flatten(1) if whole else x[torch.arange(len(x)), lengths - 1]
    unread = 0 if recipe.read is None else recipe.pool - recipe.read
    if whole:
        return x[:, unread * x.size(1) // recipe.pool :].flatten(1)
    segments = [
        torch.stack([part.mean(dim=0) for part in torch.tensor_split(item[:length], recipe.pool)])
        for item, length in zip(x, lengths.tolist(), strict=True)
    ]
    return torch.stack(segments)[:, unread:].flatten(1)
