"""Microglia: the health of every synapse, pruning of the weakest, and regrowth."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import is_count, whole_seed
from pyngn_graph.glia.base import (
    GlialCell,
    check_clocks,
    clock_of,
    decay_table,
    dt_of,
    f32,
    no_arrivals,
    power,
    remember_arrivals,
)
from pyngn_graph.glia.pruning import CRITERIA, Criterion, Selector, select
from pyngn_graph.glia.regrowth import check_regrowth, longest_delay, regrow
from pyngn_graph.graph import alive, keep_edges, num_live, number

TRACES = ("window", "coincidence")

LARGEST_HEALTH = 1e3
"""Largest health to begin with, threshold and cost."""

LONGEST_LAG = 10_000_000
"""Longest lag in steps for which a table is kept."""


class Microglia(GlialCell):
    r"""Prunes unhealthy synapses and, if asked, lets their axons grow elsewhere.

    Health counts the *delayed* presynaptic spike (arrival time :math:`a_e`). Per step

    .. math:: H \leftarrow H + \eta (s_i(t) s_j(t - D_{ji}) - \lambda H)

    with ``trace="coincidence"``. With ``trace="window"`` a spike of i adds
    :math:`\eta e^{-(t_i - a_e) / \tau_h}` and an arrival costs :math:`\eta\,\text{cost}`, under
    the same decay. Nothing decays edge by edge: what spikes add to ``edge_health`` ``[E]`` and
    arrivals to ``edge_cost`` ``[E]`` is weighed by :math:`(1 - \eta\lambda)^{-n}`, n steps after
    ``health_clock``, and :meth:`health` is the H of now,

    .. math:: H = (1 - \eta\lambda)^n\,(\mathrm{edge\_health} - \mathrm{edge\_cost})

    At every tick both are brought up to date, then edges go where :math:`H < \theta`
    (``criterion="threshold"``), or the lowest ``fraction`` by another criterion, excitatory and
    inhibitory edges ranked apart. A target keeps its ``min_in`` best inputs, the graph ``keep`` of
    the edges it began with.

    Args:
        criterion: ``"relative"`` (H minus the mean over the target's other afferents),
            ``"threshold"``, ``"weight"``, ``"random"``, ``"winner"`` and ``"hub"`` (a competition
            of structure alone: see :class:`~pyngn_graph.glia.Winner` and
            :class:`~pyngn_graph.glia.Hub`, which take parameters), ``"random_winner"`` (their
            control: see :class:`~pyngn_graph.glia.MatchedRandom`), or your own: a function of the
            graph and a ``torch.Generator`` that scores every edge, or an object whose
            ``select(cell, data, generator)`` returns the edges ``[E]`` bool to prune.
        threshold: :math:`\theta` of ``criterion="threshold"``.
        fraction: Share of the live edges pruned at a tick by the other criteria.
        keep: Share of the first number of edges at which pruning ends; by default 0.35, 0.15 for
            ``"hub"``, and 0 for ``"winner"``, which ends by itself, and for its control.
        min_in: Live inputs that a target always keeps.
        trace: ``"window"`` or ``"coincidence"``.
        eta: Learning rate of H.
        decay: :math:`\lambda`: H decays by the factor :math:`1 - \eta\lambda` per step.
        cost: Energy of an arrival, in units of a perfect coincidence.
        tau_h: Time constant of the window, ms. Lags beyond 16 of them, lost in the rounding of
            H, add nothing.
        initial_health: H of a new edge.
        drop: Drop pruned edges from the graph (True), or only set their mask to False.
        regrow: Every pruned edge keeps its axon and weight and picks a new target with
            :math:`p \sim e^{-(d / \ell)^2}`; the delay follows from the distance. Needs ``pos``.
        length_scale: :math:`\ell` in micrometres; by default that of the graph.
        velocity: Conduction velocity, micrometres per ms; by default that of the graph.
        seed: Seed of all random choices; every tick draws from a generator of its own.

    Raises:
        ValueError: If a parameter breaks its range, or regrowth lacks ``pos`` or a scale.

    Sources: Paolicelli et al. (2011) for pruning by microglia; Mocanu et al. (2018) and Bellec et
    al. (2018) for rewiring at constant density.
    """

    def __init__(
        self,
        criterion: str | Criterion = "relative",
        threshold: float = 0.1,
        fraction: float = 0.16,
        keep: float | None = None,
        min_in: int = 1,
        trace: str = "window",
        eta: float = 0.02,
        decay: float = 2e-3,
        cost: float = 0.25,
        tau_h: float = 15.0,
        initial_health: float = 0.5,
        drop: bool = True,
        regrow: bool = False,
        length_scale: float | None = None,
        velocity: float | None = None,
        seed: int = 0,
    ) -> None:
        if isinstance(criterion, str) and criterion not in CRITERIA:
            raise ValueError(
                f"Unknown criterion {criterion!r}; available: {sorted(CRITERIA)}, or a function"
            )
        if not isinstance(criterion, str | Selector) and not callable(criterion):
            raise TypeError(f"'criterion' must be a name or a function (got {criterion!r})")
        rule = CRITERIA[criterion] if isinstance(criterion, str) else criterion
        keep = getattr(rule, "keep", 0.35) if keep is None else keep
        if trace not in TRACES:
            raise ValueError(f"Unknown trace {trace!r}; available: {list(TRACES)}")
        for name, share in (("fraction", fraction), ("keep", keep), ("eta", eta)):
            if not 0.0 <= share <= 1.0:
                raise ValueError(f"'{name}' must lie in [0, 1] (got {share})")
        if not 0.0 <= decay * eta < 1.0:
            raise ValueError(f"'eta' x 'decay' must lie in [0, 1) (got {eta} x {decay})")
        for name, value in (("threshold", threshold), ("initial_health", initial_health)):
            if not -LARGEST_HEALTH <= value <= LARGEST_HEALTH:
                raise ValueError(
                    f"'{name}' must be finite and at most {LARGEST_HEALTH:g} in size (got {value})"
                )
        for name, positive in (
            ("tau_h", tau_h),
            ("length_scale", length_scale),
            ("velocity", velocity),
        ):
            if positive is not None and not 0.0 < positive < math.inf:
                raise ValueError(f"'{name}' must be positive (got {positive})")
        if not 0.0 <= cost <= LARGEST_HEALTH or not is_count(min_in, 0):
            raise ValueError(
                f"'cost' and 'min_in' must not be negative (got {cost}, {min_in}), 'cost' at most "
                f"{LARGEST_HEALTH:g} and 'min_in' whole"
            )
        if regrow and not drop:
            raise ValueError("'regrow' moves edges; it cannot be combined with drop=False")
        self.criterion, self.threshold = criterion, threshold
        self.fraction, self.keep, self.min_in = fraction, keep, min_in
        self.trace, self.eta, self.decay, self.cost, self.tau_h = trace, eta, decay, cost, tau_h
        self.initial_health, self.drop, self.regrow = initial_health, drop, regrow
        self.length_scale, self.velocity, self.seed = length_scale, velocity, whole_seed(seed)

    def prepare(self, data: Data) -> Data:
        """Adds ``edge_health``, its clock, and the number of edges to begin with."""
        if 16.0 * self.tau_h > LONGEST_LAG * dt_of(data):
            raise ValueError(
                f"'tau_h' must be at most {LONGEST_LAG // 16} steps of {dt_of(data)} ms (got "
                f"{self.tau_h} ms); a window so long tells nothing apart"
            )
        if "edge_health" not in data:
            data.edge_health = torch.full_like(data.edge_weight, self.initial_health)
            data.health_clock = clock_of(data)
            if "edge_cost" in data:
                del data.edge_cost
        data.health_clock = self.clock_of_health(data)
        if self.charges and "edge_cost" not in data:
            data.edge_cost = torch.zeros_like(data.edge_weight)
        if "edge_arrival" not in data:
            data.edge_arrival = no_arrivals(data)
        check_clocks(data, "health_clock", "edge_arrival")
        if clock_of(data) - data.health_clock >= self.horizon:
            self.bring_up_to_date(data)
        if "first_num_edges" not in data:
            data.first_num_edges = num_live(data)
        data.first_num_edges = int(number(data, "first_num_edges", 0))
        if self.regrow:
            check_regrowth(data, self.length_scale, self.velocity)
        return data

    @property
    def charges(self) -> bool:
        """Whether arrivals cost health."""
        return self.price > 0.0

    @property
    def price(self) -> float:
        """What an arrival costs, a float32."""
        return f32(self.eta * self.cost) if self.trace == "window" else 0.0

    def gain_table(self, dt: float) -> Tensor:
        """What a spike of the target adds, by the lag since the last arrival in steps; float32."""
        if self.trace == "coincidence":
            return torch.tensor([self.eta], dtype=torch.float64).float()
        return decay_table(self.eta, self.tau_h / dt, int(16.0 * self.tau_h / dt) + 1)

    @property
    def survival(self) -> float:
        """What a step leaves of health."""
        return 1.0 - self.eta * self.decay

    @property
    def horizon(self) -> int:
        """Steps after which health is brought up to date: weights have grown a millionfold."""
        lost = -math.log(self.survival)
        return max(1, int(math.log(2.0**20) / lost)) if lost else 2**62

    @property
    def is_sound(self) -> bool:  # type: ignore[override]
        """True for all criteria with a name, unless edges grow."""
        return type(self) is Microglia and isinstance(self.criterion, str) and not self.regrow

    def longest_delay(self, data: Data) -> int:
        """The delay over the longest distance in the graph, where edges may grow."""
        return longest_delay(data, self.velocity) if self.regrow else 1

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        """Charges the edges with an arrival, and heals those into the neurons that fire."""
        remember_arrivals(data, arrivals)
        since = clock_of(data) - self.clock_of_health(data)
        growth = power(1.0 / self.survival, since)
        if self.charges:
            cost = data.edge_cost + f32(self.price * growth)
            data.edge_cost = torch.where(arrivals, cost, data.edge_cost)
        table = self.gain_table(dt_of(data)).to(arrivals.device)
        lag = clock_of(data) - data.edge_arrival
        healed = spikes[data.edge_index[1]] & alive(data) & (lag < table.numel())
        event = healed.nonzero().squeeze(1)
        health = data.edge_health[event] + table[lag[event]] * growth
        data.edge_health = data.edge_health.index_copy(0, event, health)
        if since >= self.horizon:
            self.bring_up_to_date(data)

    def clock_of_health(self, data: Data) -> int:
        """The clock as of which ``edge_health`` and ``edge_cost`` are to be read."""
        return int(number(data, "health_clock", clock_of(data)))

    def health(self, data: Data) -> Tensor:
        """H of every edge as it stands now, ``[E]`` float32."""
        since = clock_of(data) - self.clock_of_health(data)
        health = data.edge_health - data.edge_cost if "edge_cost" in data else data.edge_health
        return health * power(self.survival, since)

    def bring_up_to_date(self, data: Data) -> None:
        """Lets ``edge_health`` be the H of now, all costs paid."""
        data.edge_health, data.health_clock = self.health(data), clock_of(data)
        if "edge_cost" in data:
            data.edge_cost = torch.zeros_like(data.edge_cost)

    def forget(self, data: Data) -> None:
        """Forgets the arrivals; health stays."""
        data.edge_arrival = no_arrivals(data)

    def forward(self, data: Data) -> Data:
        """Brings all health up to date, then prunes and regrows."""
        return self.prune(data, select, CRITERIA)

    def prune(
        self, data: Data, choose: Callable[..., Tensor], criteria: Mapping[str, Criterion]
    ) -> Data:
        """As :meth:`forward`; ``choose`` stands for ``select`` and ``criteria`` for ``CRITERIA``.

        Both are those of :mod:`pyngn_graph.glia.pruning`.
        """
        data = self.prepare(data)
        self.bring_up_to_date(data)
        if "edge_cost" in data:
            del data.edge_cost  # paid: not carried along
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + clock_of(data)) % 2**63)
        doomed = self._doomed(data, generator, choose, criteria)
        if self.regrow:
            return regrow(
                data,
                doomed,
                health=self.initial_health,
                length_scale=self.length_scale,
                velocity=self.velocity,
                generator=generator,
            )
        if self.drop:
            return keep_edges(data, ~doomed)
        data.edge_mask = alive(data) & ~doomed
        return data

    def num_kept(self, data: Data) -> int:
        """The number of live edges that must remain after a tick."""
        return 0 if self.regrow else math.ceil(self.keep * data.first_num_edges)

    def _doomed(
        self,
        data: Data,
        generator: torch.Generator,
        choose: Callable[..., Tensor],
        criteria: Mapping[str, Criterion],
    ) -> Tensor:
        criterion = criteria[self.criterion] if isinstance(self.criterion, str) else self.criterion
        if isinstance(criterion, Selector):
            return criterion.select(self, data, generator) & alive(data)
        return choose(
            data,
            criterion(data, generator),
            below=self.threshold if self.criterion == "threshold" else None,
            fraction=self.fraction,
            min_in=self.min_in,
            keep=self.num_kept(data),
        )
