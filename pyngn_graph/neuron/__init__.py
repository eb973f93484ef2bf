"""Leaky integrate-and-fire neurons: parameters, one exact step, and a layer around it."""

from pyngn_graph.neuron.layer import LIFLayer
from pyngn_graph.neuron.parameters import LIFCoefficients, LIFParameters, Value
from pyngn_graph.neuron.step import LIFState, integrate, lif_step

__all__ = [
    "LIFCoefficients",
    "LIFLayer",
    "LIFParameters",
    "LIFState",
    "Value",
    "integrate",
    "lif_step",
]
