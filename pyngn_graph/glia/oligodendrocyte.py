"""Oligodendrocytes: myelination moves the conduction delays of the edges into a neuron."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import is_count
from pyngn_graph.defaults import LONGEST
from pyngn_graph.glia.base import (
    GlialCell,
    as_array,
    check_clocks,
    clock_of,
    dt_of,
    no_arrivals,
    power_table,
    remember_arrivals,
)
from pyngn_graph.glia.coherence import Coherence
from pyngn_graph.glia.fixed import FixedDelays
from pyngn_graph.graph import alive, longest_delay
from pyngn_graph.reserved import NEVER

DelayRule = Callable[["Oligodendrocyte", Data], Tensor]
"""A rule maps the cell and its graph to new delays ``[E]`` float32; bounds are kept for it."""


@runtime_checkable
class SensingRule(Protocol):
    """A rule that senses by itself what it needs, instead of hits and lags.

    Its methods are called by those of the cell of the same name, and write to ``data`` as they do
    (see :class:`pyngn_graph.GlialCell`). Rules of your own run on the reference backend.
    """

    def prepare(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Adds the attributes that the rule needs and ``data`` lacks."""

    def observe(
        self, cell: "Oligodendrocyte", data: Data, arrivals: Tensor, spikes: Tensor
    ) -> None:
        """Senses one step."""

    def forget(self, cell: "Oligodendrocyte", data: Data) -> None:
        """Drops what was sensed of spikes under way, when the fast state is reset."""

    def __call__(self, cell: "Oligodendrocyte", data: Data) -> Tensor:
        """The new delays; what was gathered since the last tick starts anew."""


def graded(cell: "Oligodendrocyte", data: Data) -> Tensor:
    r"""Spreads the afferents of each target evenly over the range of delays.

    With rank r of K live afferents sorted by delay,
    :math:`D^* = D_{min} + (D_{max} - D_{min})(r + 1/2) / K`, and each hit moves
    :math:`D \leftarrow D + \eta (D^* - D)`.
    """
    from pyngn_graph.glia.grading import approach

    hits, delay = data.edge_hits, data.edge_delay
    goal = graded_delays(data, cell.min_delay, cell.max_delay)
    stay = power_table(1.0 - cell.eta, int(hits.max()) if hits.numel() else 0)
    return torch.from_numpy(approach(*map(as_array, (delay, goal, hits, stay)))).to(delay.device)


def align(cell: "Oligodendrocyte", data: Data) -> Tensor:
    r"""Lets arrivals precede the spike of the target by a common lead.

    Each hit moves :math:`D \leftarrow D + \eta ((t_i - a_e) - \text{lead})` (arrival-time
    alignment, after Pajevic, Basser & Fields 2014).
    """
    lead = cell.lead / dt_of(data)
    shift = (data.edge_lag.double() - lead * data.edge_hits.double()) * cell.eta
    return (data.edge_delay.double() + shift).float()


RULES: dict[str, DelayRule] = {
    "graded": graded,
    "align": align,
    "coherence": Coherence(),
    "fixed:uniform": FixedDelays("uniform"),
    "fixed:sqrt": FixedDelays("sqrt"),
    "fixed:two": FixedDelays("two"),
}


class Oligodendrocyte(GlialCell):
    r"""Plasticity of conduction delays, :math:`D(t + 1) = D(t) + \Delta D`.

    One cell serves the live afferents of a target i. At each spike of i, every afferent whose
    last arrival lies within ``window`` before it counts as a *hit*; ``edge_hits`` ``[E]`` counts
    them and ``edge_lag`` ``[E]`` adds up the lags :math:`t_i - a_e` in steps. At the next tick a
    rule turns both into new delays, kept as floats between ``min_delay`` and ``max_delay``. A
    rule may also sense for itself, as ``"coherence"`` does.

    Args:
        rule: ``"graded"``, ``"align"``, ``"coherence"`` (or a
            :class:`~pyngn_graph.glia.Coherence` with parameters of its own), the controls
            ``"fixed:uniform"``, ``"fixed:sqrt"`` and ``"fixed:two"``, which draw all delays once
            (see :class:`~pyngn_graph.glia.FixedDelays`, which takes a seed), or your own: a
            function of the cell and the graph that returns the new delays ``[E]``, or an object
            with the methods of :class:`SensingRule`.
        eta: Learning rate per hit, or per spike of the axon for ``"coherence"``.
        window: Longest lag that still counts, ms.
        lead: For ``"align"``: how long before the spike arrivals should come, ms.
        min_delay: Shortest delay, steps.
        max_delay: Longest delay, steps.

    Raises:
        ValueError: If a parameter breaks its range, or the graph has a delay beyond
            ``max_delay``.

    Sources: Fields (2015) and Talidou et al. (2022) for activity-dependent myelination; Iacob &
    Dambre (2024) for what a spread of delays does to a reservoir.
    """

    def __init__(
        self,
        rule: str | DelayRule = "graded",
        eta: float = 0.05,
        window: float = 60.0,
        lead: float = 1.0,
        min_delay: int = 1,
        max_delay: int = LONGEST,
    ) -> None:
        if isinstance(rule, str) and rule not in RULES:
            raise ValueError(f"Unknown rule {rule!r}; available: {sorted(RULES)}, or a function")
        if not isinstance(rule, str) and not callable(rule):
            raise TypeError(f"'rule' must be a name or a function (got {rule!r})")
        if not 0.0 < eta <= 1.0:
            raise ValueError(f"'eta' must lie in (0, 1] (got {eta})")
        for name, value in (("window", window), ("lead", lead)):
            if not 0.0 <= value < math.inf:
                raise ValueError(f"'{name}' must not be negative, in ms (got {value})")
        whole = is_count(min_delay) and is_count(max_delay)
        if not whole or not 1 <= min_delay <= max_delay:
            raise ValueError(
                f"Whole steps must satisfy 1 <= min_delay <= max_delay "
                f"(got {min_delay}, {max_delay})"
            )
        self.rule, self.eta, self.window, self.lead = rule, eta, window, lead
        self.min_delay, self.max_delay = min_delay, max_delay
        rule = RULES[rule] if isinstance(rule, str) else rule
        # The rule, if it senses for itself.
        self.sensing = rule if isinstance(rule, SensingRule) else None

    @property
    def is_sound(self) -> bool:  # type: ignore[override]
        """True for the rules "graded" and "align"."""
        return type(self) is Oligodendrocyte and self.rule in ("graded", "align")

    def prepare(self, data: Data) -> Data:
        """Turns ``edge_delay`` into float32 and adds the counters of hits and lags."""
        # Once they are floats, a longer one has just grown, and the next tick takes it in.
        if not data.edge_delay.is_floating_point() and longest_delay(data) > self.max_delay:
            raise ValueError(
                f"'edge_delay' reaches {longest_delay(data)} steps, beyond max_delay = "
                f"{self.max_delay} of this Oligodendrocyte; raise its 'max_delay'"
            )
        data.edge_delay = data.edge_delay.float()
        if self.sensing is not None:
            self.sensing.prepare(self, data)
            return data
        if "edge_arrival" not in data:
            data.edge_arrival = no_arrivals(data)
        check_clocks(data, "edge_arrival")
        if "edge_hits" not in data or "edge_lag" not in data:
            data.edge_hits = torch.zeros_like(data.edge_index[0])
            data.edge_lag = torch.zeros_like(data.edge_index[0])
        return data

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        """Counts the hits of this step and adds up their lags."""
        if self.sensing is not None:
            self.sensing.observe(self, data, arrivals, spikes)
            return
        remember_arrivals(data, arrivals)
        lag = clock_of(data) - data.edge_arrival
        hit = spikes[data.edge_index[1]] & alive(data) & (lag <= self.window_steps(dt_of(data)))
        data.edge_hits = data.edge_hits + hit.long()
        data.edge_lag = data.edge_lag + torch.where(hit, lag, 0)

    def window_steps(self, dt: float) -> int:
        """The longest lag within the window, in steps of ``dt`` ms."""
        return math.floor(min(self.window / dt, -NEVER / 2) + 1e-9)

    def longest_delay(self, data: Data) -> int:
        """``max_delay``."""
        return self.max_delay

    def forget(self, data: Data) -> None:
        """Forgets the arrivals; hits counted since the last tick stay."""
        if self.sensing is not None:
            self.sensing.forget(self, data)
            return
        data.edge_arrival = no_arrivals(data)

    def forward(self, data: Data) -> Data:
        """Applies the rule to what was sensed since the last tick."""
        data = self.prepare(data)
        rule = RULES[self.rule] if isinstance(self.rule, str) else self.rule
        delay = rule(self, data).clamp(self.min_delay, self.max_delay)
        delay = torch.where(alive(data), delay, data.edge_delay)
        if not torch.equal(delay, data.edge_delay):  # the same tensor spares backends new wiring
            data.edge_delay = delay
        if self.sensing is not None:
            return data
        del data.edge_hits, data.edge_lag  # what is not carried along costs nothing
        return data


def graded_delays(data: Data, min_delay: int, max_delay: int) -> Tensor:
    """Evenly spaced delays ``[E]`` for the live afferents of each target, in their present order.

    Ties go by position in ``edge_index``; masked edges keep their delay.
    """
    from pyngn_graph.glia.grading import spread

    parts = data.edge_delay.float(), data.edge_index[1], alive(data)
    goal = spread(*map(as_array, parts), data.num_nodes, min_delay, max_delay)
    return torch.from_numpy(goal).to(data.edge_delay.device)
