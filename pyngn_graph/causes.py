"""What can be amiss in a reservoir, and what mends it."""

import math
from collections.abc import Iterator

import torch

from pyngn_graph.advice import Cause, Change
from pyngn_graph.facts import Facts
from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.remedies import (
    FACTOR,
    HIGH_RATE,
    SATURATED_RATE,
    less_chance,
    less_drive,
    more_bias,
    more_input,
    usual_target,
)

SILENT_RATE = 0.5
"""Mean rate in Hz below which a reservoir counts as dead."""

SHARE = 1.0 / 3.0
"""Share of neurons that never fire, or of gains at a bound, above which it is not healthy. Of the
neurons twice as many may be silent as chance alone keeps silent in a short run."""

WEAK = 0.1
"""Strength of the input (see :class:`~pyngn_graph.evidence.Response`) below which it hardly
moves the neurons."""

NOISY = 0.1
"""Share of noise above which a reservoir is not healthy."""

FORGOTTEN = 0.05
"""Share that the first half of a trial has in the state at its end, up to which it is forgotten,
and so it is up to twice the share of noise."""

BURST_VARIATION = 1.0
"""Coefficient of variation of the population rate, chance taken off, from which it bursts."""

WHOLE, BLIND, OFF, BURSTS = 3.0, 2.0, 1.5, 0.5
"""Severity of a dead or saturated reservoir, of one that the input does not reach, of a rate off
the target, and of bursts: as if half of the gains were at a bound."""


def causes_of(facts: Facts) -> tuple[str, list[Cause]]:
    """The verdict, and what is amiss: of a reservoir that is dead or saturated, that alone."""
    rate, target = facts.settled_rate, facts.target
    blind = list(_of_input(facts))
    if rate < (SILENT_RATE if target is None else min(SILENT_RATE, target / FACTOR)):
        return "dead", [_too_slow(facts, WHOLE, "hardly a spike"), *blind]
    if rate > SATURATED_RATE:
        seen = f"neurons fire in {rate / facts.hertz:.0%} of all steps"
        return "saturated", [_too_fast(facts, WHOLE, seen), *blind]
    causes = [*blind, *_of_rate(facts), *_of_gains(facts), *_of_bursts(facts)]
    if not blind:
        causes += _of_states(facts)
    chance = math.exp(-float(facts.activity.counts.double().mean()))
    if facts.silent_share > max(SHARE, 2.0 * chance):
        seen = f"{facts.silent_share:.0%} of the neurons never fire"
        causes.append(_too_slow(facts, facts.silent_share, seen))
    return ("impaired" if causes else "healthy"), causes


def _of_rate(facts: Facts) -> Iterator[Cause]:
    """A rate far from the target, or without one from what the drive alone would cause."""
    rate, target, own = facts.settled_rate, facts.target, facts.external
    if target is None and own is not None and rate > max(HIGH_RATE, FACTOR * own):
        seen = f"neurons fire at {rate:.1f} Hz, but input and bias alone cause {own:.1f} Hz"
        yield _too_fast(facts, OFF, seen)
    if target is not None and not target / FACTOR <= rate <= FACTOR * target:
        seen = f"neurons fire at {rate:.1f} Hz, but the target is {target:.1f} Hz"
        yield (_too_slow if rate < target else _too_fast)(facts, OFF, seen)


def _too_slow(facts: Facts, severity: float, seen: str) -> Cause:
    """The drive is too weak or too short; or life was faster, but trials begin at rest."""
    rate, target, end = facts.settled_rate, facts.target, facts.life_rate
    if target is not None and target > HIGH_RATE:
        meaning = f", and the target of {target:.1f} Hz is high"
        return Cause(severity, seen, (usual_target(facts),), meaning)
    if not facts.activity.adapted and end is not None and end > 1.5 * rate:
        meaning = f", though they reached {end:.1f} Hz while the glia were at work"
        other = (
            Change("adapt", "set") if facts.start == "lived" else Change("start", "set", "lived")
        )
        return Cause(severity, seen, (other,), meaning)
    if rate >= SILENT_RATE and facts.held_down_share > 0.5:
        meaning = ": on average the input holds most of these down"
        centred = "take its mean off the input, 'x - x.mean(dim=(0, 1))'"
        return Cause(severity, seen, (), meaning, centred)
    changes = more_bias(facts) or more_input(facts)
    if not changes and facts.external is not None and facts.external > 1.5 * rate:
        changes = [Change("edge_weight", "lower", by=0.1)]
        return Cause(severity, seen, tuple(changes), ": the recurrence holds them down")
    if not changes and facts.cell is not None and end is None:
        changes = [Change("adapt", "set")]
    return Cause(severity, seen, tuple(changes or [Change("hold", "raise", by=4.0)]))


def _too_fast(facts: Facts, severity: float, seen: str) -> Cause:
    """The astrocytes aim too high, or the drive or the recurrence is too strong."""
    rate, target = facts.settled_rate, facts.target
    if target is not None and target > HIGH_RATE and rate < FACTOR * target:
        meaning = f": it is what the target of {target:.1f} Hz asks for"
        return Cause(severity, seen, (usual_target(facts),), meaning)
    own = facts.own_rates
    if float(own.mean()) > rate / 2.0 or not facts.data.num_edges:
        meaning = f": {_drive(facts)} so much without any recurrence"
        return Cause(severity, seen, less_drive(facts, own), meaning)
    weaker = Change("edge_weight", "lower", by=0.1)
    if facts.cell is None:
        return Cause(severity, seen, (Change("glia", "set"), weaker))
    if facts.life_rate is None:
        return Cause(severity, seen, (Change("adapt", "set"), weaker))
    return Cause(severity, seen, (weaker,))


def _of_gains(facts: Facts) -> Iterator[Cause]:
    """Gains at a bound, or gains that will go there."""
    cell, target = facts.cell, facts.target
    if cell is None or target is None:
        return
    low, high = facts.gain_shares()
    if high > SHARE:
        seen = f"{high:.0%} of the gains sit at max_gain = {cell.max_gain}"
        stronger = [Change("edge_weight", "raise", by=10.0)] if facts.data.num_edges else []
        changes = [*stronger, *more_bias(facts)] or more_input(facts)
        yield Cause(high, seen, tuple(changes), ": these neurons cannot reach the target rate")
    if low > SHARE:
        yield _of_low_gains(facts, cell, target, low)
    elif facts.life_rate is None:
        yield from _of_drive(facts, target)


def _of_low_gains(facts: Facts, cell: Astrocyte, target: float, low: float) -> Cause:
    """Either the drive alone exceeds the target, or the recurrence at the lowest gain does."""
    seen = f"{low:.0%} of the gains sit at min_gain = {cell.min_gain}"
    own = facts.own_rates[facts.data.gain <= torch.tensor(cell.min_gain)]
    above = float((own > target).double().mean())
    if above > 0.5:
        meaning = f": {_drive(facts)} {above:.0%} of these neurons above the target rate"
        return Cause(low, seen, less_drive(facts, facts.own_rates), meaning)
    if facts.response is None:
        other = "ask 'diagnose(x)' which of them it is"
        return Cause(low, seen, (), ": input or recurrence drives these neurons too far", other)
    weaker = (Change("edge_weight", "lower", by=0.1), Change("min_gain", "lower", by=0.1))
    meaning = (
        ": the recurrence is too strong, for input and bias alone leave these neurons below the "
        "target rate"
    )
    return Cause(low, seen, weaker, meaning)


def _of_drive(facts: Facts, target: float) -> Iterator[Cause]:
    """A drive that will take the gains to their lower bound, before they have moved."""
    own = facts.own_rates
    share = float((own > target).double().mean())
    if share > SHARE and float(own.mean()) > target:
        seen = f"{_drive(facts)} {share:.0%} of the neurons above the target rate"
        meaning = f", to {float(own.mean()):.1f} Hz on average, and their gains will fall"
        yield Cause(share, seen, less_drive(facts, own), meaning)


def _of_input(facts: Facts) -> Iterator[Cause]:
    """An input that carries nothing."""
    response = facts.response
    if response is None or response.strength is None or response.strength >= WEAK:
        return
    if response.strength == 0.0:
        seen = "the input is the same in all trials at all times"
        yield Cause(BLIND, seen, (), ", and can tell nothing", "look at what makes it")
        return
    seen = (
        f"the input carries next to nothing: its current varies by {response.strength:.2g} of what "
        f"reaches the threshold"
    )
    yield Cause(BLIND, seen, tuple(more_input(facts)))


def _of_states(facts: Facts) -> Iterator[Cause]:
    """States that do not tell trials apart, or that noise moves as far as another trial does."""
    response = facts.response
    if response is None:
        return
    pooled = [Change("pool", "set", 5)] if facts.pool == "last" else []
    if response.alike:
        other = "compare the inputs"
        yield Cause(BLIND, "all trials leave the same state", tuple(pooled), other=other)
    noise, early = response.noise_share, response.early_share
    if noise is not None and early is not None and early <= max(2.0 * noise, FORGOTTEN):
        meaning = f": that of another trial instead moves them by {early:.1%} of the way to it"
        seen = "the states at the end hold nothing of the first half of a trial"
        yield Cause(OFF, seen, tuple(pooled), meaning)
    if noise is None or noise <= NOISY:
        return
    seen = f"the share of noise in the states is {noise:.0%}"
    meaning = ": so far noise of 1 % on the input moves them, compared with another trial"
    yield Cause(min(1.0, noise), seen, tuple(pooled or less_chance(facts)), meaning)


def _of_bursts(facts: Facts) -> Iterator[Cause]:
    """A population that fires in bursts."""
    variation = facts.burst_variation()
    if variation is not None and variation > BURST_VARIATION:
        changes = more_bias(facts) or [Change("edge_weight", "lower", by=0.5)]
        meaning = f": its rate varies by {variation:.0%} of its mean"
        yield Cause(BURSTS, "the population fires in bursts", tuple(changes), meaning)


def _drive(facts: Facts) -> str:
    """What drives the neurons, as far as that was measured."""
    return "the bias alone drives" if facts.response is None else "input and bias alone drive"
