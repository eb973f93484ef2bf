"""Graphs in files for other programs: GraphML and CSV, and any file that holds a graph."""

from pyngn_graph.exchange.edge_csv import read_csv, write_csv
from pyngn_graph.exchange.files import read_graph
from pyngn_graph.exchange.graphml import read_graphml, write_graphml

__all__ = ["read_csv", "read_graph", "read_graphml", "write_csv", "write_graphml"]
