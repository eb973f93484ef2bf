"""What would mend a reservoir, worked out from what is known of it."""

from torch import Tensor

from pyngn_graph.advice import Change
from pyngn_graph.drive import bias_for
from pyngn_graph.facts import Facts

SATURATED_RATE = 100.0
"""Mean rate in Hz above which a reservoir counts as saturated."""

FACTOR = 3.0
"""Factor between rate and target from which a reservoir is not healthy."""

FAIR = 0.5
"""Strength of the input (see :class:`~pyngn_graph.evidence.Response`) to aim at."""

HIGH_RATE, USUAL_TARGET = 40.0, 20.0
"""Rate, or target, in Hz above which a lower one is advised where something is amiss, and that
one."""

MIX = 0.5
"""Branching ratio for which a target is suggested, see :func:`~pyngn_graph.recipes.suggest_rho`."""


def _goal(facts: Facts) -> float:
    """Rate in Hz that the bias alone should cause: a quarter of what is wanted."""
    return (USUAL_TARGET if facts.target is None else min(facts.target, 80.0)) / 4.0


def more_bias(facts: Facts) -> list[Change]:
    """A bias that keeps neurons at the edge of firing, if it is lower now."""
    bounds = bias_for(_goal(facts), facts.neuron)
    if bounds is None or float(facts.bias_rates.mean()) >= _goal(facts) / 2.0:
        return []
    return [Change("bias", "raise", to=bounds)]


def less_drive(facts: Facts, own: Tensor) -> tuple[Change, ...]:
    """Where the drive alone, ``own`` ``[N]`` Hz, exceeds the target: raise it, or lower the drive.

    The target follows the drive while both stay moderate, or as long as it is the input.
    """
    rate, alone = float(own.mean()), float(facts.bias_rates.mean())
    by_bias = alone > rate / 2.0
    aim = rate / (1.0 - MIX)
    if facts.target is not None and aim <= (HIGH_RATE if by_bias else SATURATED_RATE):
        return (Change("rho", "raise", to=float(f"{aim / facts.hertz:.3g}")),)
    bounds = bias_for(_goal(facts), facts.neuron)
    if by_bias and bounds is not None and alone > _goal(facts):
        return (Change("bias", "lower", to=bounds),)
    return (Change("input_scale", "lower", by=0.5),)


def more_input(facts: Facts) -> list[Change]:
    """An input of fair strength, if it is known to be weaker or not known."""
    strength = None if facts.response is None else facts.response.strength
    if strength is None:
        return [Change("input_scale", "raise", by=2.0)] if facts.response is None else []
    if strength == 0.0 or strength >= FAIR:
        return []
    return [Change("input_scale", "raise", by=float(f"{FAIR / strength:.2g}"))]


def usual_target(facts: Facts) -> Change:
    """A target that suits most tasks."""
    return Change("rho", "lower", to=float(f"{USUAL_TARGET / facts.hertz:.3g}"))


def less_chance(facts: Facts) -> list[Change]:
    """Less of the recurrence that makes noise grow, or more of the input."""
    cell, target, own = facts.cell, facts.target, float(facts.own_rates.mean())
    if cell is None or target is None:
        return [Change("edge_weight", "lower", by=0.5)]
    if target > max(HIGH_RATE, FACTOR * own):
        return [usual_target(facts)]
    return more_input(facts) or [Change("input_scale", "raise", by=1.5)]
