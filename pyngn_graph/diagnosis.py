"""Is the reservoir dead, saturated, impaired or healthy, and what should be changed?"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyngn_graph.advice import Change, advised, by_severity
from pyngn_graph.causes import SILENT_RATE, causes_of
from pyngn_graph.evidence import ILL, Activity, answered
from pyngn_graph.facts import Facts
from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.notices import warn_once
from pyngn_graph.remedies import SATURATED_RATE
from pyngn_graph.unions import separated, spans

if TYPE_CHECKING:
    from pyngn_graph.reservoir import TriglialReservoir

VERDICTS = ("dead", "saturated", "impaired", "healthy")
"""The gravest first."""

MEANS = (
    "mean_rate",
    "target_rate",
    "life_rate",
    "silent_share",
    "low_gain_share",
    "high_gain_share",
    "burst_variation",
    "external_rate",
    "input_strength",
    "noise_share",
    "early_share",
)
"""What a union has the mean of, over its neurons."""

ENOUGH_TIME, ENOUGH_LIFE = 100.0, 10.0
"""A run of so many ms, trials together, and so many neuron-seconds warns by itself."""


@dataclass(frozen=True)
class Diagnosis:
    """The state of a reservoir in a run.

    Attributes:
        verdict: ``"dead"`` (less than 0.5 Hz), ``"saturated"`` (more than 100 Hz), ``"healthy"``
            (nothing is amiss) or ``"impaired"``: a third of the neurons silent or of the gains at
            a bound, a rate off the target by a factor of 3, bursts, an input that carries
            nothing, more than 10 % of noise in the states, or states at the end of a trial in
            which nothing is left of its first half.
        mean_rate: Mean firing rate, Hz.
        target_rate: Target of the astrocytes, Hz; None without astrocytes.
        life_rate: Mean rate when the astrocytes were last at work, Hz, from their calcium; None if
            they never were.
        silent_share: Share of neurons that did not fire.
        low_gain_share: Share of gains at the lower bound of an astrocyte.
        high_gain_share: Share of gains at its upper bound.
        burst_variation: Coefficient of variation of the population rate, chance taken off; None
            where the run kept no spikes or was too short.
        external_rate: Rate that input and bias alone cause, Hz; None if it was not asked for.
        input_strength: Standard deviation of the current that the input causes, in units of the
            constant current that reaches the threshold; None if it was not asked for.
        noise_share: Mean squared distance between the states of a trial with and without noise of
            1 % on the input, over that between two trials: near 0 where the input decides, near 1
            where chance does. None if it was not asked for, of a single trial, and where all
            states are alike.
        early_share: The same where the first half of each trial is that of another one instead:
            what states at the end (``pool="last"``) hold of it.
        concern: What is gravest, a clause; empty if nothing is amiss.
        advice: What to change, one sentence for each thing that is amiss, the gravest first. None
            of them raises what another lowers.
        changes: The changes that the sentences name, each to be tried by itself, in their order.
        graphs: For a union, the diagnosis of each graph, where the changes stand; else empty.
    """

    verdict: str
    mean_rate: float
    target_rate: float | None
    life_rate: float | None
    silent_share: float
    low_gain_share: float
    high_gain_share: float
    burst_variation: float | None
    external_rate: float | None
    input_strength: float | None
    noise_share: float | None
    early_share: float | None
    concern: str
    advice: tuple[str, ...]
    changes: tuple[Change, ...] = ()
    graphs: tuple["Diagnosis", ...] = ()

    @property
    def headline(self) -> str:
        """The verdict and the numbers, one line."""
        why = f" ({self.concern})" if self.concern else ""
        facts = [f"{self.mean_rate:.1f} Hz on average"]
        if self.target_rate is not None:
            facts[0] += f", with a target of {self.target_rate:.1f} Hz"
        if self.external_rate is not None:
            facts.append(f"{self.external_rate:.1f} Hz without recurrence")
        facts.append(f"{self.silent_share:.0%} of the neurons silent")
        if self.target_rate is not None:
            facts.append(
                f"{self.low_gain_share:.0%} of the gains at their lower and "
                f"{self.high_gain_share:.0%} at their upper bound"
            )
        if self.noise_share is not None:
            facts.append(f"{self.noise_share:.1%} of noise in the states")
        return f"The reservoir is {self.verdict}{why}: {', '.join(facts)}."

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"- {sentence}" for sentence in self.advice)])


def diagnose(
    reservoir: "TriglialReservoir",
    activity: Activity | None,
    x: Tensor | None = None,
    lengths: Tensor | None = None,
    pool: str | int | None = None,
) -> Diagnosis:
    """Judges the run that left ``activity``, or, given ``x``, one of this input.

    States are read as ``pool`` of the reservoir says, unless it is given: ``"all"``, at all times.

    Raises:
        RuntimeError: If there is neither.
    """
    responses, pool = None, reservoir.setting.pool if pool is None else pool
    if x is not None:
        activity, responses = answered(reservoir, x, lengths, pool)
    if activity is None:
        raise RuntimeError("Nothing to diagnose yet; call 'run' or the reservoir itself first")
    setting, found = reservoir.setting, []
    graphs = separated(reservoir.graph)
    for k, (graph, (nodes, _)) in enumerate(zip(graphs, spans(reservoir.graph), strict=True)):
        cells = [cell for cell in setting.glia_of(k) if isinstance(cell, Astrocyte)]
        facts = Facts(
            data=graph,
            cell=cells[-1] if cells else None,
            neuron=_part(setting.neuron, nodes),
            bias=reservoir.bias[nodes],
            dt=setting.dt,
            activity=replace(
                activity, counts=activity.counts[nodes], population=activity.population[k]
            ),
            response=None if responses is None else responses[k],
            pool=pool,
            start=setting.start,
        )
        found.append(judged(facts))
    return found[0] if len(found) == 1 else _joint(found, [graph.num_nodes for graph in graphs])


def judged(facts: Facts) -> Diagnosis:
    """The diagnosis of one graph."""
    verdict, causes = causes_of(facts)
    advice, changes = advised(causes)
    low, high = facts.gain_shares()
    response = facts.response
    return Diagnosis(
        verdict=verdict,
        mean_rate=facts.rate,
        target_rate=facts.target,
        life_rate=facts.life_rate,
        silent_share=facts.silent_share,
        low_gain_share=low,
        high_gain_share=high,
        burst_variation=facts.burst_variation(),
        external_rate=facts.external,
        input_strength=None if response is None else response.strength,
        noise_share=None if response is None else response.noise_share,
        early_share=None if response is None else response.early_share,
        concern=by_severity(causes)[0].seen if causes else "",
        advice=advice,
        changes=changes,
    )


def warn_if_ill(reservoir: "TriglialReservoir", activity: Activity, x: Tensor) -> None:
    """Warns, once for each reservoir, of a run on ``x`` that was dead or saturated.

    A run that is too short to tell counts together with those that follow it, as the steps of a
    stream do. One without any drive stays without a word.
    """
    if ILL in reservoir._told:
        return
    driven = bool(x.any() or reservoir.bias.any())
    heard = heard_of(reservoir, activity, reservoir.setting.dt, driven)
    if heard is None:
        return
    activity, driven = heard
    seconds = activity.steps * reservoir.setting.dt / 1000.0
    rates = [activity.counts[nodes].double().mean() for nodes, _ in spans(reservoir.graph)]
    if not all(SILENT_RATE <= float(rate) / seconds <= SATURATED_RATE for rate in rates):
        warn_of(reservoir, diagnose(reservoir, activity), driven)


def heard_of(
    module: Any, activity: Activity, dt: float, driven: bool
) -> tuple[Activity, bool] | None:
    """What ``module`` did since it was last judged, and whether it was ``driven``.

    None while that is too short to tell; it is remembered then.
    """
    if module._heard is not None and module._heard[0].adapted == activity.adapted:
        activity, driven = activity.after(module._heard[0]), driven or module._heard[1]
    tells = can_tell(activity.steps * dt / 1000.0, activity.counts.numel())
    module._heard = None if tells else (activity, driven)
    return (activity, driven) if tells else None


def can_tell(seconds: float, num_nodes: int) -> bool:
    """Whether a run of so many seconds, trials together, and neurons is long enough to tell."""
    return 1000.0 * seconds >= ENOUGH_TIME and seconds * num_nodes >= ENOUGH_LIFE


def warn_of(module: Any, found: Diagnosis, driven: bool) -> None:
    """Warns, once for each module, if it is saturated, or dead although it is ``driven``."""
    if found.verdict == "saturated" or (found.verdict == "dead" and driven):
        warn_once(
            module,
            ILL,
            f"{found.headline} {found.advice[0]} 'diagnose(x)' says more; if it is meant, call "
            f"warnings.filterwarnings('ignore', 'The reservoir is')",
        )


def _joint(found: list[Diagnosis], sizes: list[int]) -> Diagnosis:
    """The diagnosis of a union: as grave as the gravest, means of what can be averaged."""
    weight = torch.tensor(sizes, dtype=torch.float64)
    means: dict[str, float | None] = {}
    for name in MEANS:
        values = [getattr(each, name) for each in found]
        known = None not in values
        means[name] = float((torch.tensor(values) * weight).sum() / weight.sum()) if known else None
    verdict = min((each.verdict for each in found), key=VERDICTS.index)
    number = sum(each.verdict == verdict for each in found)
    return Diagnosis(
        verdict=verdict,
        concern="" if verdict == "healthy" else f"{number} of {len(found)} graphs",
        advice=tuple(
            f"Graph {k}, {each.verdict}: {sentence}"
            for k, each in enumerate(found)
            for sentence in each.advice
        ),
        graphs=tuple(found),
        **means,  # type: ignore[arg-type]
    )


def _part(neuron: LIFParameters, nodes: slice) -> LIFParameters:
    """The parameters of some neurons."""
    own = {
        name: value[nodes]
        for name, value in vars(neuron).items()
        if isinstance(value, Tensor) and value.dim()
    }
    return replace(neuron, **own) if own else neuron
