"""Random graphs in 3D: positions, wiring, signs, weights and delays, as a runnable ``Data``.

Every family differs in its wiring only. Positions, inhibitory neurons, weights and delays are
drawn by the same methods, each from a random stream of its own, so that two graphs with the same
seed that differ in ``delay=`` alone share their wiring and weights: the control experiment.
:func:`replicate` puts copies of a small graph on the nodes of another.
"""

from pyngn_graph.generators.classic import ErdosRenyi, ScaleFree, SmallWorld
from pyngn_graph.generators.foreign import FromNetworkX
from pyngn_graph.generators.population import replicate
from pyngn_graph.generators.spatial import SpatialGenerator
from pyngn_graph.generators.tissue import Tissue

__all__ = [
    "ErdosRenyi",
    "FromNetworkX",
    "ScaleFree",
    "SmallWorld",
    "SpatialGenerator",
    "Tissue",
    "replicate",
]
