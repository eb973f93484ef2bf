"""Measured wirings as runnable graphs: counts of synapses become weights, distances delays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.conform import given
from pyngn_graph.datasets.layout import spectral_layout
from pyngn_graph.generators.anatomy import Anatomy
from pyngn_graph.graph import checked_edge_index, validate
from pyngn_graph.misread import warn_of_short_ways
from pyngn_graph.provenance import noted
from pyngn_graph.reading.counts import sizes_of_counts


def connectome(
    edge_index: Tensor,
    edge_count: Tensor,
    num_nodes: int,
    *,
    pos: Tensor | None = None,
    length: Tensor | None = None,
    layout: str | None = None,
    sign: Tensor | None = None,
    electrical: Tensor | None = None,
    names: Sequence[str] | None = None,
    edge_type: Tensor | None = None,
    autapses: bool = True,
    weight: float = 0.2,
    power: float = 0.5,
    inhibition: float = 4.0,
    inhibitory_fraction: float = 0.0,
    delay: str | None = None,
    velocity: float | None = None,
    max_delay: int | None = 100,
    dt: float = 1.0,
    seed: int = 0,
) -> Data:
    r"""A measured wiring as a graph that a reservoir runs.

    Synapse counts are no potentials. An edge of count c gets the weight

    .. math::
        w = \pm\, w_0\, c^p / \langle c^p \rangle

    with the mean over all edges: :math:`w_0` is ``weight``, p is ``power``, and the sign is that of
    the presynaptic neuron, inhibition multiplied by ``inhibition``. A gap junction is excitatory
    whoever it leaves. A delay is the distance between somata, or the length of the axon where it is
    known, at one velocity, :math:`D = \mathrm{round}(1 + d / (v\,dt))`; unless ``velocity`` is
    given, v is such that the diagonal of the box around all somata takes exactly ``max_delay``
    steps. Signs, square root and velocity are choices, not measurements: vary them before a result
    is called the connectome's.

    Args:
        edge_index: Synapses ``[2, E]`` int64, row 0 pre, row 1 post; parallel ones are kept.
        edge_count: Their sizes ``[E]``, number of synapses or of sections, positive.
        num_nodes: Number of neurons N.
        pos: Positions of somata ``[N, 3]``, micrometres; None if they are not known: the graph has
            no ``pos`` then, unless a layout is asked for.
        length: Lengths of the axons ``[E]``, micrometres, where they were measured; delays by
            distance follow them and not ``pos``.
        layout: ``"spectral"`` computes a ``pos`` from the wiring where none is given: see
            :func:`~pyngn_graph.datasets.layout.spectral_layout`. It is no anatomy.
        sign: ``[N]``, -1 inhibitory, +1 excitatory, 0 unknown (default: all unknown).
        electrical: Which edges are gap junctions, ``[E]`` bool (default: none).
        names: Names of the neurons.
        edge_type: Types of the synapses ``[E]`` int64, kept as they are.
        autapses: False drops synapses of a neuron onto itself.
        weight: Mean excitatory weight, in units of the threshold.
        power: 0.5 is the square root; 0 makes all weights equal, 1 proportional to counts.
        inhibition: How many times stronger inhibitory synapses are.
        inhibitory_fraction: Share of the neurons of unknown sign that are inhibitory, drawn with
            ``seed``; the others are excitatory.
        delay: ``"distance"`` (default where there is a ``pos``), or a control without geometry,
            ``"uniform"`` (default elsewhere) or ``"sqrt"``: see
            :class:`~pyngn_graph.generators.SpatialGenerator`.
        velocity: Conduction velocity, micrometres per ms; warns where all delays are 1 step for it.
        max_delay: Longest delay in steps; None only with a ``velocity``, whose delays then have no
            bound.
        dt: Step in ms that delays count.
        seed: Seed of what is drawn.

    Returns:
        ``edge_index``, ``edge_weight``, ``edge_delay``, ``edge_count`` ``[E]``, ``inhibitory``
        ``[N]``, ``dt``; ``pos``, with ``velocity`` and ``length_scale`` (the root mean square
        length of the synapses), the defaults of ``Microglia(regrow=True)``; ``layout`` if ``pos``
        is one; ``node_label`` if there are names, which :func:`pyngn_graph.to_networkx` uses.

    Raises:
        TypeError, ValueError: If an argument breaks its rule.
    """
    edge_index = checked_edge_index(given(edge_index, whole=True), num_nodes)
    edge_count, pos, length, sign, electrical, edge_type = map(
        given, (edge_count, pos, length, sign, electrical, edge_type)
    )
    num_edges = edge_index.size(1)
    if electrical is None:
        electrical = torch.zeros(num_edges, dtype=torch.bool)
    sign = torch.zeros(num_nodes, dtype=torch.long) if sign is None else sign
    for name, value, rows in (
        ("edge_count", edge_count, num_edges),
        ("electrical", electrical, num_edges),
        ("length", length, num_edges),
        ("edge_type", edge_type, num_edges),
        ("sign", sign, num_nodes),
        ("pos", pos, num_nodes),
        ("names", names, num_nodes),
    ):
        if value is not None and len(value) != rows:
            raise ValueError(f"'{name}' must have {rows} rows (got {len(value)})")
    _check_counts(edge_count, power)
    _check_lengths(length)
    if not autapses:
        keep = edge_index[0] != edge_index[1]
        edge_index, edge_count, electrical = edge_index[:, keep], edge_count[keep], electrical[keep]
        edge_type = None if edge_type is None else edge_type[keep]
        length = None if length is None else length[keep]
    if layout is not None:
        pos = _laid_out(layout, pos, edge_index, edge_count, num_nodes)
    delay = delay or ("uniform" if pos is None else "distance")
    if delay == "distance" and pos is None:
        raise ValueError(
            "delay='distance' needs 'pos' (got None); pass delay='uniform' or a layout"
        )
    data = _Wiring(
        edge_index=edge_index,
        edge_count=edge_count,
        sign=sign,
        electrical=electrical,
        power=power,
        pos=pos,
        length=length,
        weight=weight,
        inhibition=inhibition,
        inhibitory_fraction=inhibitory_fraction,
        delay=delay,
        velocity=Anatomy.velocity if velocity is None else velocity,
        spanned=velocity is None and delay == "distance",
        max_delay=max_delay,
        dt=dt,
        seed=seed,
    )()
    if layout is not None:
        data.layout = layout
    if edge_type is not None:
        data.edge_type = edge_type.clone()
    if names is not None:
        data.node_label = list(names)
    unknown = int((sign == 0).sum())
    notes = {"weights from": f"counts to the power of {power:g}, mean {weight:g}"}
    if pos is not None:
        notes["positions from"] = "measured" if layout is None else f"a {layout} layout, no anatomy"
    notes["signs from"] = f"given for {num_nodes - unknown:,} neurons, {unknown:,} unknown: " + (
        f"of them a share of {inhibitory_fraction:g} inhibits, drawn with seed {seed}"
        if inhibitory_fraction
        else "they excite"
    )
    by_distance = "axons" if length is not None else "distances"
    notes["delays from"] = (
        f"the length of {by_distance}, {data.velocity:g} micrometres per ms"
        if delay == "distance"
        else f"drawn, {delay}, at most {max_delay} steps, seed {seed}"
    )
    return validate(noted(data, notes))


@dataclass(kw_only=True, eq=False, repr=False)
class _Wiring(Anatomy):
    """Neurons and synapses as in random graphs, except that who is connected is given."""

    edge_index: Tensor
    edge_count: Tensor
    sign: Tensor
    electrical: Tensor
    power: float
    length: Tensor | None
    spanned: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pos is None or not self.spanned:
            return
        if self.max_delay is None:
            raise ValueError("'max_delay' must be set where 'velocity' is not (got None for both)")
        diagonal = float((self.pos.amax(dim=0) - self.pos.amin(dim=0)).norm())
        if diagonal > 0:
            self.velocity = diagonal / (max(self.max_delay - 1, 1) * self.dt)

    def __call__(self) -> Data:
        inhibitory = self.sign < 0
        unknown = (self.sign == 0).nonzero().squeeze(1)
        inhibitory[unknown] = self._inhibitory(unknown.numel())
        size = sizes_of_counts(self.edge_count, self.weight, self.power)
        signed = self._signed(size, self.edge_index[0], inhibitory)
        data = Data(
            edge_index=self.edge_index.clone(),
            edge_weight=torch.where(self.electrical, size, signed),
            edge_count=self.edge_count.float(),
            inhibitory=inhibitory,
            dt=float(self.dt),
            num_nodes=self.sign.numel(),
        )
        pos = self.pos
        if pos is None:
            data.edge_delay = self._delays(
                torch.zeros(data.num_nodes, 3, dtype=torch.float32), data.edge_index
            )
            return data
        data.pos = pos.float().clone()
        data.edge_delay = self._delays(data.pos, data.edge_index)
        data.velocity = float(self.velocity)
        distance = (pos[self.edge_index[0]] - pos[self.edge_index[1]]).norm(dim=1)
        if self.delay == "distance" and not self.spanned:
            length = distance if self.length is None else self.length
            warn_of_short_ways(data.edge_delay, length, self.velocity, self.max_delay)
        if bool((distance > 0).any()):
            data.length_scale = float(distance.square().mean().sqrt())
        return data

    def _delays(self, pos: Tensor, edge_index: Tensor) -> Tensor:
        if self.length is None or self.delay != "distance":
            return super()._delays(pos, edge_index)
        steps = torch.floor(1.5 + self.length.double() / (self.velocity * self.dt)).long()
        return steps if self.max_delay is None else steps.clamp(max=self.max_delay)


def _laid_out(
    layout: str, pos: Tensor | None, edge_index: Tensor, edge_count: Tensor, num_nodes: int
) -> Tensor:
    if layout != "spectral":
        raise ValueError(f"Unknown layout {layout!r}; available: ['spectral'] (None: no layout)")
    if pos is not None:
        raise ValueError("The neurons have positions; pass layout=None to keep them, or pos=None")
    return spectral_layout(edge_index, edge_count, num_nodes)


def _check_counts(edge_count: Tensor, power: float) -> None:
    bad = ~((edge_count > 0) & (edge_count < math.inf))
    if bool(bad.any()):
        first = int(bad.nonzero()[0, 0])
        raise ValueError(
            f"'edge_count' must be positive and finite: {int(bad.sum())} of {bad.numel()} entries "
            f"break this, the first is edge_count[{first}] = {edge_count[first].item()}; drop "
            f"those edges"
        )
    if not 0.0 <= power < math.inf:
        raise ValueError(f"'power' must be at least 0, e.g. 0.5 (got {power})")


def _check_lengths(length: Tensor | None) -> None:
    bad = (
        torch.zeros(0, dtype=torch.bool)
        if length is None
        else ~((length >= 0) & (length < math.inf))
    )
    if bool(bad.any()):
        first = int(bad.nonzero()[0, 0])
        raise ValueError(
            f"'length' must be finite and not negative: {int(bad.sum())} of {bad.numel()} entries "
            f"break this, the first is length[{first}]; pass length=None to take distances"
        )
