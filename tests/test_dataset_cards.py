"""Every data set has a card in ``datasets``, and cards and code agree."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from torch_geometric.data import Dataset

from pyngn_graph import datasets

CARDS = Path(__file__).parents[1] / "datasets"
BASES = {"ConnectomeDataset", "ForecastDataset", "GraphSignal", "SeriesDataset"}
CLASSES = sorted(
    name
    for name in datasets.__all__
    if isinstance(getattr(datasets, name), type)
    and issubclass(getattr(datasets, name), Dataset)
    and name not in BASES
)
PARTS = ("**Shape**", "**Licence**", "**Citation**", "**Split**", "How to get it", "Baseline")


def card(name: str) -> str:
    return (CARDS / f"{name}.md").read_text()


def checksums(name: str) -> list[str]:
    """Those in the module of a class: of its file, or of each of its files."""
    module = sys.modules[getattr(datasets, name).__module__]
    found: list[str] = []
    for attribute in ("SHA256", "COPY_SHA256"):
        value: Any = getattr(module, attribute, {})
        found += [value] if isinstance(value, str) else value.values()
    return found


def test_cards_and_classes_are_the_same() -> None:
    assert len(CLASSES) >= 14
    assert sorted(path.stem for path in CARDS.glob("*.md") if path.stem != "README") == CLASSES
    listed = re.findall(r"^\| \[`(\w+)`\]\((\w+)\.md\)", (CARDS / "README.md").read_text(), re.M)
    assert sorted(listed) == [(name, name) for name in CLASSES]


@pytest.mark.parametrize("name", CLASSES)
def test_checksums_are_those_of_the_code(name: str) -> None:
    in_card = re.findall(r"\b[0-9a-f]{64}\b", card(name))
    assert sorted(in_card) == sorted(checksums(name))
    assert bool(in_card) == (name != "Digits")


@pytest.mark.parametrize("name", CLASSES)
def test_a_card_is_complete_and_its_links_lead_somewhere(name: str) -> None:
    text = card(name)
    assert f"`pyngn_graph.datasets.{name}`" in text
    assert [part for part in PARTS if part not in text] == []
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        assert (CARDS / target).exists(), target
    for script in re.findall(r"python (benchmarks/\S+\.py)", text):
        assert (CARDS.parent / script).exists(), script


@pytest.mark.parametrize("name", CLASSES)
def test_our_figures_are_those_of_the_results(name: str) -> None:
    """Each figure with a spread stands in the table that its card names."""
    text = card(name)
    tables = re.findall(r"\]\((\.\./benchmarks/results/science/[^)]+)\)", text)
    results = "".join((CARDS / table).read_text() for table in tables)
    figures = re.findall(r"\d+\.\d+\s±\s\d+\.\d+", text)
    assert [each for each in figures if re.sub(r"\s", " ", each) not in results] == []
    assert bool(figures) == bool(tables)
