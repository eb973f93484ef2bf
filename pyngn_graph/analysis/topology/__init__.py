"""Measures of the wiring: directed, weighted, and defined for every graph.

All of them read the live graph alone, through :class:`Network`, which says what is done with
silent and parallel edges and with self loops. Without edges, shares and counts are 0 and means of
nothing are NaN.
"""

from pyngn_graph.analysis.topology.balance import Balance, balance, mean_balance
from pyngn_graph.analysis.topology.clustering import clustering, transitivity
from pyngn_graph.analysis.topology.components import components
from pyngn_graph.analysis.topology.degrees import (
    Degrees,
    degree_distribution,
    degrees,
    density,
    reciprocity,
)
from pyngn_graph.analysis.topology.feedforward import (
    cycle_counts,
    directedness,
    flow_hierarchy,
    trophic_levels,
)
from pyngn_graph.analysis.topology.modularity import communities, modularity
from pyngn_graph.analysis.topology.motifs import TRIADS, triad_census
from pyngn_graph.analysis.topology.network import Network
from pyngn_graph.analysis.topology.nulls import null_model
from pyngn_graph.analysis.topology.paths import Paths, distances, paths
from pyngn_graph.analysis.topology.rewiring import random_edges, rewired
from pyngn_graph.analysis.topology.richclub import hub_density, rich_club
from pyngn_graph.analysis.topology.smallworld import SmallWorld, small_world
from pyngn_graph.analysis.topology.spectral import (
    effective_matrix,
    eigenvalues,
    henrici,
    non_normality,
    spectral_radius,
)
from pyngn_graph.analysis.topology.summary import CHEAP, MEASURES, compare, measure, summary
from pyngn_graph.analysis.topology.table import Table
from pyngn_graph.analysis.topology.wiring import mean_wire_length, wire_lengths, wiring_cost

__all__ = [
    "CHEAP",
    "MEASURES",
    "TRIADS",
    "Balance",
    "Degrees",
    "Network",
    "Paths",
    "SmallWorld",
    "Table",
    "balance",
    "clustering",
    "communities",
    "compare",
    "components",
    "cycle_counts",
    "degree_distribution",
    "degrees",
    "density",
    "directedness",
    "distances",
    "effective_matrix",
    "eigenvalues",
    "flow_hierarchy",
    "henrici",
    "hub_density",
    "mean_balance",
    "mean_wire_length",
    "measure",
    "modularity",
    "non_normality",
    "null_model",
    "paths",
    "random_edges",
    "reciprocity",
    "rewired",
    "rich_club",
    "small_world",
    "spectral_radius",
    "summary",
    "transitivity",
    "triad_census",
    "trophic_levels",
    "wire_lengths",
    "wiring_cost",
]
