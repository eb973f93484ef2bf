"""Analysis of what a reservoir is and does."""

from pyngn_graph.analysis import dynamics, topology

__all__ = ["dynamics", "topology"]
