"""Named configurations to start from, and what helps to choose their parameters."""

from pyngn_graph.recipes.named import (
    RECIPES,
    digits_by_rows,
    event_classifier,
    image_classifier,
    image_columns,
    memory,
    self_organizing,
    series_classifier,
    spoken_digits,
    spoken_digits_at_end,
)
from pyngn_graph.recipes.recipe import GLIA, Recipe
from pyngn_graph.recipes.suggestions import external_rate, suggest_max_delay, suggest_rho

__all__ = [
    "GLIA",
    "RECIPES",
    "Recipe",
    "digits_by_rows",
    "event_classifier",
    "external_rate",
    "image_classifier",
    "image_columns",
    "memory",
    "self_organizing",
    "series_classifier",
    "spoken_digits",
    "spoken_digits_at_end",
    "suggest_max_delay",
    "suggest_rho",
]
