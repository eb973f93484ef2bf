"""What is amiss in a reservoir, and advice that never pulls both ways."""

from collections.abc import Iterable
from dataclasses import dataclass

BIAS, INPUT, WEIGHTS = "'bias'", "the input ('input_scale')", "the weights"
MAX_GAIN, RHO, T_REF = "'max_gain'", "'rho'", "'t_ref'"

SETS = {
    BIAS: "drive",
    INPUT: "drive",
    WEIGHTS: "recurrence",
    MAX_GAIN: "recurrence",
    RHO: "target",
    T_REF: "pause",
}
"""What can be turned up or down, and what it sets; two that set the same are turned one way."""


@dataclass(frozen=True)
class Cause:
    """Something that is amiss.

    Attributes:
        severity: About the share of the neurons that it concerns; more than 1 for all at once.
        seen: What is seen, a clause.
        turns: What would help: ``"raise"`` or ``"lower"``, and which of ``SETS``.
        meaning: What it means, a clause that is added to ``seen``; may be empty.
        other: A remedy that turns no knob; may be empty.
    """

    severity: float
    seen: str
    turns: tuple[tuple[str, str], ...] = ()
    meaning: str = ""
    other: str = ""


def by_severity(causes: Iterable[Cause]) -> list[Cause]:
    """The gravest cause first; equals in their order."""
    return sorted(causes, key=lambda cause: -cause.severity)


def advised(causes: Iterable[Cause]) -> tuple[str, ...]:
    """A sentence for each cause, the gravest first.

    A graver cause decides which way a knob is turned; what a lesser one wants of it is left out.
    """
    way: dict[str, str] = {}
    sentences = []
    for cause in by_severity(causes):
        turns = [turn for turn in cause.turns if way.setdefault(SETS[turn[1]], turn[0]) == turn[0]]
        sentence = f"{cause.seen}{cause.meaning}; {_remedy(cause.other, turns)}."
        sentences.append(sentence[0].upper() + sentence[1:])
    return tuple(sentences)


def _remedy(other: str, turns: list[tuple[str, str]]) -> str:
    parts = [other] if other else []
    for direction in dict.fromkeys(direction for direction, _ in turns):
        *names, last = (knob for way, knob in turns if way == direction)
        parts.append(f"{direction} {', '.join(names)}{' or ' if names else ''}{last}")
    return ", or ".join(parts) or "look again once what stands above is mended"
