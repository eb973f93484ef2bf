"""Astrocytes: the gain of every neuron follows its calcium towards a target rate."""

import copy
import math
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.blockwise import sum_at
from pyngn_graph.defaults import RHO
from pyngn_graph.glia.base import GlialCell, dt_of, f32
from pyngn_graph.graph import ANY_DELAY, validate
from pyngn_graph.memo import remembered
from pyngn_graph.unions import each_graph

RULES = {"additive": 2e-2, "multiplicative": 1e-3}
"""Each rule with the learning rate used when ``eta`` is left open."""


MIN_RHO = 1e-9
"""Lowest target, in spikes per step."""

LARGEST_GAIN = 1e12
"""Largest bound of the gain, and learning rate: what float32 multiplies without overflow."""


class Astrocyte(GlialCell):
    r"""Homeostasis of the gain :math:`\gamma` by an astrocytic calcium trace :math:`c`.

    With :math:`\kappa = e^{-dt/\tau_{Ca}}`, at every step,

    .. math::
        c_i &\leftarrow \kappa c_i + (1 - \kappa) s_i \\
        \gamma_i &\leftarrow \mathrm{clip}(\gamma_i + \eta (\rho - c_i))
            && \text{additive} \\
        \gamma_i &\leftarrow \mathrm{clip}(\gamma_i (1 + \eta (1 - c_i / \rho)))
            && \text{multiplicative, the default}

    so that the mean of c is the rate times ``dt`` and both rules settle where it equals
    :math:`\rho`. The multiplicative loop does not depend on the scale of the weights; the
    additive one is the equation that this library began with. The gain acts on the recurrent
    input alone. Writes ``gain`` and ``calcium`` ``[N]`` at every step.

    Args:
        rho: Target probability of a spike per step; by default 0.02, which at 1 ms is 20 Hz.
        target_rate: The same target in Hz, whatever the step, instead of ``rho``.
        tau_ca: Time constant of calcium, ms.
        eta: Learning rate per step; by default 0.001 (multiplicative) or 0.02 (additive).
        min_gain: Lower bound of the gain.
        max_gain: Upper bound of the gain.
        rule: ``"multiplicative"`` or ``"additive"``.
        territory: Radius in micrometres of the domain whose mean calcium an astrocyte senses;
            ``None``: each neuron its own. Needs ``pos``.

    Raises:
        ValueError: If a parameter breaks its range, or ``territory`` meets a graph without
            ``pos``.

    Sources: Turrigiano (2008) for homeostatic scaling; Zierenberg, Wilting & Priesemann (2018)
    for what it does to network dynamics; Ivanov & Michmizos (2021) for astrocytes in liquids.
    """

    every_step = True

    def __init__(
        self,
        rho: float | None = None,
        target_rate: float | None = None,
        tau_ca: float = 200.0,
        eta: float | None = None,
        min_gain: float = 0.01,
        max_gain: float = 100.0,
        rule: str = "multiplicative",
        territory: float | None = None,
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"Unknown rule {rule!r}; available: {sorted(RULES)}")
        if rho is not None and target_rate is not None:
            raise ValueError("Give 'rho' (per step) or 'target_rate' (Hz), not both")
        if rho is not None and not MIN_RHO <= rho < 1.0:
            raise ValueError(
                f"'rho' must lie in [{MIN_RHO:g}, 1), a probability per step (got {rho})"
            )
        if target_rate is not None and not 0.0 < target_rate < math.inf:
            raise ValueError(f"'target_rate' must be positive, in Hz (got {target_rate})")
        for name, value in (("tau_ca", tau_ca), ("eta", eta), ("territory", territory)):
            if value is not None and not 0.0 < value < math.inf:
                raise ValueError(f"'{name}' must be positive (got {value})")
        if eta is not None and eta > LARGEST_GAIN:
            raise ValueError(f"'eta' must be at most {LARGEST_GAIN:g} (got {eta})")
        if not 0.0 <= min_gain < max_gain <= LARGEST_GAIN:
            raise ValueError(
                f"Bounds must satisfy 0 <= min_gain < max_gain (got {min_gain}, {max_gain}), "
                f"none above {LARGEST_GAIN:g}"
            )
        self.rho = RHO if rho is None and target_rate is None else rho
        self.target_rate, self.tau_ca, self.eta = target_rate, tau_ca, eta
        self.min_gain, self.max_gain = min_gain, max_gain
        self.rule, self.territory = rule, territory

    def target(self, dt: float) -> float:
        """The target as a probability per step of ``dt`` ms."""
        if self.target_rate is None:
            assert self.rho is not None
            return self.rho
        rho = self.target_rate * dt / 1000.0
        if rho >= 1.0:
            raise ValueError(
                f"'target_rate' = {self.target_rate} Hz is more than one spike per step of {dt} ms"
            )
        if rho < MIN_RHO:
            raise ValueError(
                f"'target_rate' = {self.target_rate} Hz is less than {MIN_RHO:g} spikes per step "
                f"of {dt} ms; raise it, or leave the astrocytes out"
            )
        return rho

    @property
    def _writes(self) -> tuple[str, ...]:
        return ("gain", "calcium", *(() if self.territory is None else ("territory_index",)))

    def __call__(self, data: Data) -> Data:
        """Checks a graph and rewrites a shallow copy of it; see :meth:`forward`."""
        validate(data, max_delay=ANY_DELAY)
        return super().__call__(each_graph(data, lambda graph: self.prepare(copy.copy(graph))))

    def constants(self, dt: float) -> tuple[float, float, float, float]:
        """``kappa``, ``1 - kappa``, ``eta`` and ``rho`` (or ``1 / rho``), rounded to float32."""
        eta = RULES[self.rule] if self.eta is None else self.eta
        return _constants(self.rule, self.tau_ca / dt, eta, self.target(dt))

    def prepare(self, data: Data) -> Data:
        """Adds ``gain`` (1), ``calcium`` (0) and, with a territory, its neighborhood."""
        if "gain" not in data:
            data.gain = data.edge_weight.new_ones(data.num_nodes)
        if "calcium" not in data:
            data.calcium = data.edge_weight.new_zeros(data.num_nodes)
        if self.territory is not None:
            data.territory_index = _neighborhood(data, self.territory)
        return data

    def observe(self, data: Data, arrivals: Tensor, spikes: Tensor) -> None:
        """Integrates calcium exactly over one step."""
        kappa, rest, _, _ = self.constants(dt_of(data))
        data.calcium = kappa * data.calcium + rest * spikes.to(data.calcium.dtype)

    def forward(self, data: Data) -> Data:
        """Moves the gain by one step of the rule."""
        if any(key not in data for key in self._writes):
            data = self.prepare(data)
        _, _, eta, goal = self.constants(dt_of(data))
        calcium = data.calcium
        if self.territory is not None:
            member, center = data.territory_index
            size = torch.bincount(center, minlength=data.num_nodes)
            calcium = (sum_at(calcium[member], center, data.num_nodes) / size).float()
        if self.rule == "additive":
            gain = data.gain + eta * (goal - calcium)
        else:
            gain = data.gain * (1.0 + eta * (1.0 - calcium * goal))
        data.gain = gain.clamp(f32(self.min_gain), f32(self.max_gain))
        return data


@lru_cache(maxsize=64)
def _constants(rule: str, tau: float, eta: float, rho: float) -> tuple[float, float, float, float]:
    kappa = math.exp(-1.0 / tau)
    return f32(kappa), f32(1.0 - kappa), f32(eta), f32(rho if rule == "additive" else 1.0 / rho)


def _neighborhood(data: Data, radius: float) -> Tensor:
    """What :func:`_neighbors` gives: always that of the present positions, whatever was edited."""
    if data.get("pos") is None:
        raise ValueError("'Astrocyte(territory=...)' needs 'pos'; set it or leave 'territory' out")
    kept = _kept(data, radius)
    if not kept[0].is_inference() and kept[0]._version != kept[1]:
        kept[:] = _neighbors(data, radius), 0
    return kept[0]


@remembered("pos")
def _kept(data: Data, radius: float) -> list[Any]:
    """Pairs of neighbors, and the version of the tensor as it was made."""
    return [_neighbors(data, radius), 0]


def _neighbors(data: Data, radius: float) -> Tensor:
    """Pairs ``[2, P]`` (member, center) of neurons within ``radius``, each its own member."""
    from scipy.spatial import KDTree

    tree = KDTree(data.pos.detach().double().cpu().numpy())
    pairs = torch.from_numpy(tree.query_pairs(radius, output_type="ndarray")).long().t()
    own = torch.arange(data.num_nodes).repeat(2, 1)
    return torch.cat([own, pairs, pairs.flip(0)], dim=1).to(data.pos.device)
