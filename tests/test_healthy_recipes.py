"""Every recipe is healthy on data like those that it is made for."""

from collections.abc import Callable

import pytest
import torch
from helpers import DATA
from torch import Tensor

from pyngn_graph import datasets
from pyngn_graph.classification import organize
from pyngn_graph.recipes import RECIPES

Signal = tuple[Tensor, Tensor | None]


def digits() -> Signal:
    return datasets.Digits("train").x[:400], None


def stream() -> Signal:
    return 2.0 * torch.rand(300, 20, 1, generator=torch.Generator().manual_seed(0)) - 1.0, None


def still() -> Signal:
    return datasets.MNIST(DATA / "mnist", "test")[:300].images.flatten(1).unsqueeze(1), None


def columns() -> Signal:
    return datasets.MNIST(DATA / "mnist", "test")[:500].images.transpose(1, 2), None


def vowels() -> Signal:
    train = datasets.JapaneseVowels(DATA / "japanese_vowels", "train")
    mean, std = datasets.channel_statistics(train.x, train.lengths)
    return datasets.standardize(train.x, train.lengths, mean, std), train.lengths


def words() -> Signal:
    spoken = datasets.FSDD(DATA / "fsdd", "test")
    return spoken.x[:200], spoken.lengths[:200]


def events() -> Signal:
    return datasets.NMNISTSmall(DATA / "nmnist_small", None).frames()[:260], None


LIKE: dict[str, tuple[str, Callable[[], Signal]]] = {
    "self_organizing": ("", digits),
    "memory": ("", stream),
    "image_classifier": ("mnist", still),
    "image_columns": ("mnist", columns),
    "event_classifier": ("nmnist_small", events),
    "series_classifier": ("japanese_vowels", vowels),
    "spoken_digits": ("fsdd", words),
    "spoken_digits_at_end": ("fsdd", words),
    "digits_by_rows": ("", digits),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_healthy_on_its_data(name: str) -> None:
    folder, load = LIKE[name]
    if not (DATA / folder).is_dir() and folder:
        pytest.skip(f"needs {folder}")
    x, lengths = load()
    recipe = RECIPES[name]()
    reservoir = recipe.reservoir(x.size(2), 0)
    organize(recipe, reservoir, x, lengths, 0, progress=False)
    found = reservoir.diagnose(x, lengths)
    assert found.verdict == "healthy", str(found)
    assert found.noise_share is not None
    assert found.noise_share < 0.03
