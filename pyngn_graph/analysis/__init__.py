"""Analysis of what a reservoir is and does."""

from pyngn_graph.analysis import dynamics

__all__ = ["dynamics"]
