"""Exchange with neuromorphic simulators and chips, in NIR (Pedersen et al. 2024).

Needs the package ``nir``, the extra of the same name, which is imported when a function is called.
"""

from pyngn_graph.exchange.nir_reader import from_nir
from pyngn_graph.exchange.nir_writer import to_nir

__all__ = ["from_nir", "to_nir"]
