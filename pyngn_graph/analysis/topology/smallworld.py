"""Small worlds: clustered like a lattice, with paths as short as chance makes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch_geometric.data import Data

from pyngn_graph.analysis.topology.clustering import clustering
from pyngn_graph.analysis.topology.network import Network
from pyngn_graph.analysis.topology.nulls import null_model
from pyngn_graph.analysis.topology.paths import paths
from pyngn_graph.checks import whole_seed

NAN = float("nan")


@dataclass(frozen=True)
class SmallWorld:
    r"""Mean clustering C and path length L beside those of random graphs and of lattices.

    Attributes:
        clustering: C of the graph.
        length: L of the graph.
        random_clustering: Mean C of the random graphs.
        random_length: Mean L of the random graphs.
        lattice_clustering: Mean C of the lattices.
        lattice_length: Mean L of the lattices.
    """

    clustering: float
    length: float
    random_clustering: float
    random_length: float
    lattice_clustering: float
    lattice_length: float

    @property
    def sigma(self) -> float:
        r""":math:`(C / C_{rand}) / (L / L_{rand})`; above 1 in a small world.

        Source: Humphries & Gurney (2008).
        """
        gain, cost = self.clustering * self.random_length, self.random_clustering * self.length
        return gain / cost if cost else NAN

    @property
    def omega(self) -> float:
        r""":math:`L_{rand} / L - C / C_{latt}`: near 0 in a small world, 1 random, -1 a lattice.

        Source: Telesford et al. (2011).
        """
        if not self.lattice_clustering:
            return NAN
        return self.random_length / self.length - self.clustering / self.lattice_clustering

    @property
    def propensity(self) -> float:
        r""":math:`\phi = 1 - \sqrt{(\Delta_C^2 + \Delta_L^2) / 2}`; near 1 in a small world.

        :math:`\Delta_C = (C_{latt} - C) / (C_{latt} - C_{rand})` and
        :math:`\Delta_L = (L - L_{rand}) / (L_{latt} - L_{rand})`, cut to [0, 1].

        Source: Muldoon, Bridgeford & Bassett (2016).
        """
        gap_c = self.lattice_clustering - self.random_clustering
        gap_l = self.lattice_length - self.random_length
        if not gap_c or not gap_l or gap_c != gap_c or gap_l != gap_l:
            return NAN
        delta_c = min(max((self.lattice_clustering - self.clustering) / gap_c, 0.0), 1.0)
        delta_l = min(max((self.length - self.random_length) / gap_l, 0.0), 1.0)
        return 1.0 - ((delta_c**2 + delta_l**2) / 2.0) ** 0.5


def small_world(
    data: Data,
    nulls: int = 10,
    seed: int = 0,
    *,
    by: str = "hops",
    weighted: bool = False,
    kind: str = "degree",
    samples: int | None = None,
) -> SmallWorld:
    """Compares a graph with random graphs and lattices that have its degrees.

    Clustering is the mean of :func:`~pyngn_graph.analysis.topology.clustering`, length that of
    :func:`~pyngn_graph.analysis.topology.paths` over the pairs that are connected.

    Args:
        data: The graph.
        nulls: Number of random graphs, and of lattices; those of number k have seed ``seed + k``.
        seed: First seed.
        by: ``"hops"`` or ``"delay"``.
        weighted: Whether clustering is weighted.
        kind: The random graphs, see :func:`~pyngn_graph.analysis.topology.null_model`.
        samples: See :func:`~pyngn_graph.analysis.topology.paths`.

    Raises:
        ValueError: If ``nulls`` is less than 1, or another argument is refused there.
    """
    if nulls < 1:
        raise ValueError(f"'nulls' must be at least 1 (got {nulls})")

    seed = whole_seed(seed)
    seeds = range(seed, seed + nulls)

    def measured(graph: Data) -> tuple[float, float]:
        net = Network.of(graph)
        found = float(clustering(net, weighted).mean())
        return found, paths(net, by, samples, seed).mean_length

    return beside(
        measured(data),
        [measured(null_model(data, kind, number)) for number in seeds],
        [measured(null_model(data, "lattice", number)) for number in seeds],
    )


Pair = tuple[float, float]
"""Clustering and length of a graph."""


def beside(own: Pair, chance: Sequence[Pair], lattice: Sequence[Pair]) -> SmallWorld:
    """A graph beside the means over random graphs and lattices."""
    columns = (*zip(*chance, strict=True), *zip(*lattice, strict=True))
    return SmallWorld(*own, *(sum(column) / len(column) for column in columns))
