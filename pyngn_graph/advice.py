"""What is amiss in a reservoir, and what to change: advice that never pulls both ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SETS = {
    "bias": "drive",
    "input_scale": "drive",
    "hold": "time",
    "edge_weight": "recurrence",
    "min_gain": "recurrence",
    "max_gain": "recurrence",
    "rho": "target",
}
"""Knobs that are turned up or down, and what they set; two that set the same are turned one way."""

LABELS = {
    "bias": "'bias'",
    "input_scale": "the input ('input_scale')",
    "hold": "the time for which a sample is held ('hold')",
    "edge_weight": "the weights ('edge_weight')",
    "min_gain": "'min_gain'",
    "max_gain": "'max_gain'",
    "rho": "the target ('rho')",
}

STEPS = {
    "adapt": "let the glia work on such input first ('reservoir.adapt(x)')",
    "glia": "let an Astrocyte set the gains (in 'glia')",
    "pool": "read means over segments instead of the end alone (pool={})",
    "start": "let trials begin where life is (start={!r})",
}
"""Changes that turn no knob."""


@dataclass(frozen=True)
class Change:
    """One thing to change, each by itself.

    Attributes:
        knob: What to change: an argument of the reservoir (``"bias"``, ``"input_scale"``,
            ``"hold"``, ``"pool"``, ``"glia"``, ``"start"``) or of its astrocytes (``"rho"``,
            ``"min_gain"``, ``"max_gain"``), ``"edge_weight"`` of the graph, or ``"adapt"``, a call
            that is missing. To scale the input itself is as good as ``"input_scale"``.
        way: ``"raise"``, ``"lower"`` or ``"set"``.
        to: The value to give it; None if there is only a factor.
        by: The factor to multiply it by; None if there is a value.
    """

    knob: str
    way: str
    to: Any = None
    by: float | None = None

    def __str__(self) -> str:
        if self.way == "set":
            return STEPS[self.knob].format(self.to)
        amount = f" to {self.to}" if self.by is None else f", times {self.by:g}"
        return f"{self.way} {LABELS[self.knob]}{amount}"


@dataclass(frozen=True)
class Cause:
    """Something that is amiss.

    Attributes:
        severity: About the share of the neurons that it concerns; more than 1 for all at once.
        seen: What is seen, a clause.
        changes: What would help, the likeliest first.
        meaning: What it means, a clause that is added to ``seen``; may be empty.
        other: What else to do, a clause; may be empty.
    """

    severity: float
    seen: str
    changes: tuple[Change, ...] = ()
    meaning: str = ""
    other: str = ""


def by_severity(causes: Iterable[Cause]) -> list[Cause]:
    """The gravest cause first; equals in their order."""
    return sorted(causes, key=lambda cause: -cause.severity)


def advised(causes: Iterable[Cause]) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """A sentence for each cause, the gravest first, and all changes that they name.

    A graver cause decides which way a knob is turned, and how far; what a lesser one wants of it
    is left out.
    """
    way: dict[str, str] = {}
    amount: dict[str, Change] = {}
    sentences = []
    for cause in by_severity(causes):
        parts = []
        for change in cause.changes:
            aim = SETS.get(change.knob, change.knob)
            if way.setdefault(aim, change.way) == change.way:
                parts.append(str(amount.setdefault(change.knob, change)))
        parts += [cause.other] if cause.other else []
        remedy = ", or ".join(parts) or "look again once what stands above is mended"
        sentence = f"{cause.seen}{cause.meaning}; {remedy}."
        sentences.append(sentence[0].upper() + sentence[1:])
    return tuple(sentences), tuple(amount.values())
