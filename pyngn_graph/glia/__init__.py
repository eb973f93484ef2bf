"""Glial cells: PyG transforms that sense a running graph and rewrite it."""

from pyngn_graph.glia.astrocyte import Astrocyte
from pyngn_graph.glia.base import GlialCell
from pyngn_graph.glia.coherence import Coherence
from pyngn_graph.glia.competition import Hub, MatchedRandom, Winner
from pyngn_graph.glia.fixed import FixedDelays
from pyngn_graph.glia.microglia import Microglia
from pyngn_graph.glia.oligodendrocyte import Oligodendrocyte
from pyngn_graph.glia.per_graph import PerGraph

__all__ = [
    "Astrocyte",
    "Coherence",
    "FixedDelays",
    "GlialCell",
    "Hub",
    "MatchedRandom",
    "Microglia",
    "Oligodendrocyte",
    "PerGraph",
    "Winner",
]
