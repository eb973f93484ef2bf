"""Graphs of other programs: tables, GraphML, GEXF, GML, matrices, frames, and NIR.

The Neuromorphic Intermediate Representation (Pedersen et al. 2024) needs the package ``nir``, the
extra of the same name, which is imported when a function is called.
"""

from pyngn_graph.exchange.anything import from_data
from pyngn_graph.exchange.edge_csv import read_csv, write_csv
from pyngn_graph.exchange.files import read_graph
from pyngn_graph.exchange.graphml import read_graphml, write_graphml
from pyngn_graph.exchange.nir_reader import from_nir
from pyngn_graph.exchange.nir_writer import to_nir

__all__ = [
    "from_data",
    "from_nir",
    "read_csv",
    "read_graph",
    "read_graphml",
    "to_nir",
    "write_csv",
    "write_graphml",
]
