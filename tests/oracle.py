"""A dense float64 simulator of the model, written step by step from its equations.

Edge number k from j to i stands at ``[k, j, i]`` of every ``[K, N, N]`` array, so that parallel
edges are layers. Nothing is lazy, nothing is shared with the library: glial cells and neurons only
lend their parameters. ``margin`` is the smallest distance at which a decision (a spike, a delay
rounded, an edge ranked) stood from going the other way: where it is large, float32 must decide
the same.
"""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Oracle:
    """One column of a reservoir; every field of ``neuron`` is a number or ``[N]``."""

    def __init__(
        self,
        num_nodes: int,
        edge_index: Array,
        weight: Array,
        delay: Array,
        neuron: Any,
        glia: list[Any],
        *,
        mask: Array | None = None,
        pos: Array | None = None,
        bias: Array | float = 0.0,
        dt: float = 1.0,
        period: int = 1000,
        in_flight: str = "arrival",
        tau_trace: float = 20.0,
    ) -> None:
        self.margin = np.inf
        self.neuron, self.glia, self.dt, self.period = neuron, glia, dt, period
        self.emission, self.bias, self.tau_trace = in_flight == "emission", bias, tau_trace
        slots, layers = [], dict[tuple[int, int], int]()
        for j, i in edge_index.T.tolist():
            k = layers.get((j, i), 0)
            layers[j, i] = k + 1
            slots.append((k, j, i))
        shape = (max(layers.values(), default=1), num_nodes, num_nodes)
        self.place = np.full(shape, -1)  # position in the list of edges; -1 where there is none
        self.w, self.delay, self.mask = np.zeros(shape), np.ones(shape), np.zeros(shape, bool)
        for e, slot in enumerate(slots):
            self.place[slot], self.w[slot], self.delay[slot] = e, weight[e], delay[e]
            self.mask[slot] = mask is None or mask[e]
        self.health, self.arrival = np.zeros(shape), np.full(shape, -np.inf)
        self.hits, self.lags = np.zeros(shape, int), np.zeros(shape)
        self.calcium, self.gain = np.zeros(num_nodes), np.ones(num_nodes)
        self.near = np.eye(num_nodes)
        self.keep = 0
        for cell in glia:
            if hasattr(cell, "initial_health"):
                self.health[:] = cell.initial_health
                self.keep = int(np.ceil(cell.keep * self.live.sum()))
            if getattr(cell, "territory", None) is not None:
                assert pos is not None
                distance = np.linalg.norm(pos[:, None] - pos[None], axis=-1)
                self.near = (distance <= cell.territory).astype(float)
                self._decide(np.abs(distance - cell.territory))
        self.v = np.zeros(num_nodes) + neuron.v_rest
        self.spikes, self.held = np.zeros(num_nodes), np.zeros(num_nodes, int)
        self.current, self.trace = np.zeros(num_nodes), np.zeros(num_nodes)
        self.past: list[Array] = []
        self.due: dict[int, Array] = {}
        self.t = self.clock = 0

    @property
    def live(self) -> Array:
        return (self.place >= 0) & self.mask

    def run(self, drive: Array) -> SimpleNamespace:
        """Steps through ``drive`` ``[T, N]`` and takes everything down, each ``[T, N]``."""
        names = ("spikes", "v", "state", "gain", "calcium", "i_syn", "num_edges")
        taken: dict[str, list[Any]] = {name: [] for name in names}
        for current in drive:
            taken["num_edges"].append(int(self.live.sum()))
            self.step(current)
            values = (self.spikes, self.v, self.trace, self.gain, self.calcium, self.current)
            for name, value in zip(names, values, strict=False):
                taken[name].append(value.copy())
            if self.glia and self.clock % self.period == 0:
                self.tick()
        return SimpleNamespace(**{name: np.array(rows) for name, rows in taken.items()})

    def step(self, drive: Array) -> None:
        arrivals = self._arrivals()
        total = (self.w * arrivals).sum(axis=(0, 1))
        self._integrate(self.gain * total, drive + self.bias)
        keep = np.exp(-self.dt / self.tau_trace) if self.tau_trace else 0.0
        self.trace = keep * self.trace + (1 - keep) * self.spikes
        self.past.append(self.spikes)
        if self.emission:
            for d in np.unique(self._steps()):
                leaving = (self._steps() == d) * self.spikes[None, :, None]
                self.due[self.t + d] = self.due.get(self.t + d, 0) + leaving
        self.t += 1
        if self.glia:
            self.clock += 1
            self.arrival[arrivals > 0] = self.clock
            for cell in self.glia:
                getattr(self, f"_{type(cell).__name__.lower()}_step")(cell, arrivals > 0)

    def tick(self) -> None:
        """Edges change: delays of oligodendrocytes, the wiring of microglia."""
        for cell in self.glia:
            getattr(self, f"_{type(cell).__name__.lower()}_tick")(cell)

    def at_edges(self, values: Array) -> Array:
        """``values`` ``[K, N, N]`` of the edges there are, in the order of the list."""
        there = self.place >= 0
        return values[there][np.argsort(self.place[there])]

    # Neurons and synapses

    def _steps(self) -> Array:
        return np.floor(self.delay + 0.5).astype(int)

    def _arrivals(self) -> Array:
        """How many spikes arrive over each live edge."""
        if self.emission:
            arrivals = self.due.pop(self.t, np.zeros(self.place.shape))
        else:
            arrivals = np.zeros(self.place.shape)
            for d in np.unique(self._steps()):
                if d <= self.t:
                    arrivals += (self._steps() == d) * self.past[self.t - d][None, :, None]
        return np.where(self.live, arrivals, 0)

    def _integrate(self, jump: Array, drive: Array) -> None:
        p, dt = self.neuron, self.dt
        alpha = np.exp(-dt / p.tau_m)
        if p.tau_syn is not None:
            # The current of the last step, decaying over this one, seen through the membrane.
            fine = np.linspace(0.0, dt, 2001)[:, None]
            kernel = np.exp(-(dt - fine) / p.tau_m - fine / p.tau_syn) / p.tau_m
            effect = p.r_m * np.trapezoid(kernel * np.ones_like(self.v), fine, axis=0)
            self.current, jump = (
                np.exp(-dt / p.tau_syn) * self.current + jump,
                (effect * self.current),
            )
        u = np.where(self.spikes > 0, p.v_reset, self.v)
        u = p.v_rest + alpha * (u - p.v_rest) + (1 - alpha) * p.r_m * drive + jump
        if p.v_min is not None:
            u = np.maximum(u, p.v_min)
        u = np.where(self.held > 0, p.v_reset, u)
        self._decide(np.where(self.held > 0, np.inf, np.abs(u - p.v_th)))
        self.spikes = ((u >= p.v_th) & (self.held == 0)).astype(float)
        steps = np.round(np.zeros_like(u) + p.t_ref / dt).astype(int)
        self.held = np.where(self.spikes > 0, steps, np.maximum(self.held - 1, 0))
        self.v = u

    # Astrocytes

    def _astrocyte_step(self, cell: Any, arrivals: Array) -> None:
        kappa = np.exp(-self.dt / cell.tau_ca)
        self.calcium = kappa * self.calcium + (1 - kappa) * self.spikes
        sensed = self.near @ self.calcium / self.near.sum(axis=1)
        if cell.rule == "additive":
            gain = self.gain + cell.eta * (cell.rho - sensed)
        else:
            gain = self.gain * (1 + cell.eta * (1 - sensed / cell.rho))
        self.gain = np.clip(gain, cell.min_gain, cell.max_gain)

    def _astrocyte_tick(self, cell: Any) -> None:
        pass

    # Oligodendrocytes

    def _oligodendrocyte_step(self, cell: Any, arrivals: Array) -> None:
        lag = self.clock - self.arrival
        hit = self.live & (self.spikes > 0) & (lag * self.dt <= cell.window)
        self.hits += hit
        self.lags += np.where(hit, lag, 0)

    def _oligodendrocyte_tick(self, cell: Any) -> None:
        goal = self._graded_goal(cell) if cell.rule == "graded" else self.delay
        moved = self.delay.copy()
        for slot in np.argwhere(self.live):
            k, j, i = slot
            if cell.rule == "align":
                lead = cell.lead / self.dt
                moved[k, j, i] += cell.eta * (self.lags[k, j, i] - lead * self.hits[k, j, i])
            else:
                for _ in range(self.hits[k, j, i]):
                    moved[k, j, i] += cell.eta * (goal[k, j, i] - moved[k, j, i])
        clipped = np.clip(moved, cell.min_delay, cell.max_delay)
        inside = self.live & (moved == clipped) & (moved != self.delay)
        self._decide(np.abs(moved[inside] % 1 - 0.5))
        self.delay = np.where(self.live, clipped, self.delay)
        self.hits[:], self.lags[:] = 0, 0

    def _graded_goal(self, cell: Any) -> Array:
        goal = self.delay.copy()
        for i in range(self.v.size):
            inputs = [slot for slot in map(tuple, np.argwhere(self.live)) if slot[2] == i]
            inputs.sort(key=lambda slot: (self.delay[slot], self.place[slot]))
            self._decide_order([self.delay[slot] for slot in inputs])
            for r, slot in enumerate(inputs):
                share = (r + 0.5) / len(inputs)
                goal[slot] = cell.min_delay + (cell.max_delay - cell.min_delay) * share
        return goal

    # Microglia

    def _microglia_step(self, cell: Any, arrivals: Array) -> None:
        post = self.live & (self.spikes > 0)
        change = -cell.eta * cell.decay * self.health
        if cell.trace == "coincidence":
            change += cell.eta * (post & arrivals)
        else:
            lag = self.clock - self.arrival
            change += np.where(post, cell.eta * np.exp(-lag * self.dt / cell.tau_h), 0)
            change -= cell.eta * cell.cost * (arrivals & self.live)
        self.health = self.health + change

    def _microglia_tick(self, cell: Any) -> None:
        live = [tuple(slot) for slot in np.argwhere(self.live)]
        live.sort(key=lambda slot: self.place[slot])
        score = {slot: self._score(cell, slot, live) for slot in live}
        # Rank of each edge in its class, excitatory or inhibitory, as a share of the class.
        share = dict[tuple[int, ...], Fraction]()
        doomed = set[tuple[int, ...]]()
        classes = [[s for s in live if (self.w[s] < 0) == sign] for sign in (False, True)]
        for members in classes:
            order = sorted(members, key=lambda s: score[s])
            self._decide_order([score[s] for s in order])
            share |= {s: (r + Fraction(1, 2)) / len(order) for r, s in enumerate(order)}
        best = sorted(live, key=lambda s: -share[s])
        safe = {s for s in live if [b for b in best if b[2] == s[2]].index(s) < cell.min_in}
        for members in classes:
            order = [s for s in sorted(members, key=lambda s: score[s]) if s not in safe]
            if cell.criterion == "threshold":
                self._decide(np.abs([float(score[s]) - cell.threshold for s in order]))
                doomed |= {s for s in order if score[s] < cell.threshold}
            else:
                doomed |= set(order[: int(np.floor(cell.fraction * len(members)))])
        allowed = max(0, len(live) - self.keep)
        for slot in sorted(sorted(doomed, key=lambda s: self.place[s]), key=lambda s: share[s])[
            :allowed
        ]:
            if cell.drop:
                self.place[slot] = -1
            self.mask[slot] = False

    def _score(self, cell: Any, slot: Any, live: list[Any]) -> Fraction:
        """Exact, so that what is equal by symmetry stays equal."""
        if cell.criterion == "weight":
            return abs(Fraction(self.w[slot]))
        own = Fraction(self.health[slot])
        if cell.criterion == "threshold":
            return own
        others = [Fraction(self.health[s]) for s in live if s[2] == slot[2] and s != slot]
        return own - sum(others, Fraction()) / len(others) if others else Fraction()

    # How clear the decisions were

    def _decide(self, distance: Any) -> None:
        self.margin = min([self.margin, *np.ravel(distance).tolist()])

    def _decide_order(self, values: list[Any]) -> None:
        """Values in order are told apart if they differ clearly or not at all."""
        gaps = [float(b - a) for a, b in pairwise(values)]
        self._decide([gap for gap in gaps if gap > 0])
