"""Pictures: matplotlib axes for recordings and distributions, plotly for the graph in space.

Every matplotlib picture takes ``ax=None`` and returns the axes it drew on; no global style is
touched. Colors are readable in light and dark and by color-blind readers. The libraries are in
the extra ``demo`` and are imported when the first picture is drawn.
"""

from pyngn_graph.plot.activity import edges_alive, raster, rate, trace
from pyngn_graph.plot.adjacency import adjacency
from pyngn_graph.plot.curves import branching, memory_curve
from pyngn_graph.plot.distribution import confusion, delays, histogram
from pyngn_graph.plot.evolution import evolution
from pyngn_graph.plot.film import film, film3d
from pyngn_graph.plot.importances import importances
from pyngn_graph.plot.potentials import potentials
from pyngn_graph.plot.space import graph3d

__all__ = [
    "adjacency",
    "branching",
    "confusion",
    "delays",
    "edges_alive",
    "evolution",
    "film",
    "film3d",
    "graph3d",
    "histogram",
    "importances",
    "memory_curve",
    "potentials",
    "raster",
    "rate",
    "trace",
]
