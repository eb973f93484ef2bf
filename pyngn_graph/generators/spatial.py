"""The base class of all random families: a family says who is connected, and nothing else."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.generators.anatomy import Anatomy
from pyngn_graph.graph import checked_edge_index, validate


@dataclass(eq=False, repr=False)
class SpatialGenerator(Anatomy):
    r"""Base of the random families: a subclass says who is connected, the rest is shared.

    A family of your own is a dataclass with one method, :meth:`wire`. Calling the generator gives
    ``pos`` [N, 3] float32, ``edge_index`` [2, E] int64 sorted by (src, dst), ``edge_weight`` [E]
    float32, ``edge_delay`` [E] int64, ``inhibitory`` [N] bool, ``num_nodes`` and ``dt``, and the
    defaults of ``Microglia(regrow=True)``: ``length_scale``, that of the wiring or else
    ``2 * spacing``, and ``velocity``. Equal arguments give equal graphs, call after call.

    Neurons: exactly ``round(inhibitory_fraction * num_nodes)`` random ones are inhibitory, and all
    their outgoing weights are negative (Dale's law). Weights are the jump of the postsynaptic
    potential in units of the threshold: mean ``weight`` from excitatory and
    ``-inhibition * weight`` from inhibitory neurons. Halves are rounded up, here and below.

    Args:
        num_nodes: Number of neurons, any number (default: 1000, or one per row of ``pos``).
        layout: ``"lattice"``, the sites of a nearly cubic lattice; ``"uniform"``, random points
            in a cube of the same density.
        pos: Positions [N, 3] in micrometres in place of a layout.
        spacing: Micrometres between neighbors of the lattice.
        inhibitory_fraction: Share of inhibitory neurons.
        weight: Mean excitatory weight.
        inhibition: How many times stronger inhibitory synapses are.
        weight_distribution: ``"gamma"``, shape 2, coefficient of variation 0.71;
            ``"constant"``, all the same.
        delay: ``"distance"``: :math:`D = \mathrm{round}(1 + d / (v\,dt))` steps, capped at
            ``max_delay`` if set. Two controls without geometry: ``"uniform"``, independent and
            uniform on 1 .. ``max_delay``; ``"sqrt"``, biased to long delays,
            :math:`D = \mathrm{round}(1 + (D_{max} - 1) \sqrt{U})` with U uniform on [0, 1).
        velocity: Conduction velocity v in micrometres per ms. The default, half a lattice spacing
            per ms or 0.05 m/s, is slow even for axons without myelin.
        max_delay: Longest delay :math:`D_{max}` in steps; by default 100 for the controls, and none
            where distance says it.
        dt: Step in ms that delays count.
        seed: Seed of all random streams.

    Raises:
        ValueError: If an argument breaks its rule, or a delay exceeds what
            :func:`~pyngn_graph.validate` allows.
    """

    num_nodes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_nodes is None:
            self.num_nodes = 1000 if self.pos is None else self.pos.size(0)
        if self.pos is not None and self.pos.size(0) != self.num_nodes:
            raise ValueError(
                f"'pos' must have num_nodes = {self.num_nodes} rows (got {self.pos.size(0)}); "
                f"leave 'num_nodes' out to take it from 'pos'"
            )

    @abstractmethod
    def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
        """Returns the synapses as ``edge_index`` [2, E], row 0 pre, row 1 post, in any order.

        Args:
            pos: Positions [N, 3] in micrometres.
            inhibitory: Which neurons are inhibitory, [N] bool.
            generator: The random stream of the wiring; draw from no other.
        """

    def __call__(self) -> Data:
        """Draws the graph."""
        num_nodes = int(cast(int, self.num_nodes))  # set when the generator was made
        pos, inhibitory = self._positions(num_nodes), self._inhibitory(num_nodes)
        edge_index = self.wire(pos, inhibitory, self._stream("wiring"))
        edge_index = _sorted(checked_edge_index(edge_index, num_nodes), num_nodes)
        data = Data(
            pos=pos,
            edge_index=edge_index,
            edge_weight=self._signed(
                self._magnitudes(edge_index.size(1)), edge_index[0], inhibitory
            ),
            edge_delay=self._delays(pos, edge_index),
            inhibitory=inhibitory,
            dt=float(self.dt),
            num_nodes=num_nodes,
            **self._growth(),
        )
        return validate(data)


def _sorted(edge_index: Tensor, num_nodes: int) -> Tensor:
    """``edge_index`` [2, E] in the order of (src, dst)."""
    from pyngn_graph.generators.kernels import sorted_edges

    return torch.from_numpy(sorted_edges(*edge_index.contiguous().numpy(), num_nodes))
