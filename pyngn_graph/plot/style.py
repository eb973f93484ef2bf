"""What all pictures share: colors, optional imports, axes, and the class of a neuron."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import extras

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From the palette of Okabe and Ito (2008), told apart by color-blind readers; only those with a
# contrast of 3 : 1 against white and against near black.
EXCITATORY = "#0072B2"
INHIBITORY = "#D55E00"
BEFORE = "#808080"
AFTER = "#0072B2"
TARGET = "#D55E00"
COLOR_SCALE = "cividis"

DIVERGING = (EXCITATORY, "#999999", INHIBITORY)
"""From low to high; unlike most scales it has no end that is lost on white or on black."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080")
"""Colors of several curves, in their order."""


def needed(module: str) -> Any:
    """Imports a module that pictures need, of the extra ``demo``."""
    return extras.needed(module, "demo", "This picture")


def axes_or_new(ax: "Axes | None") -> "Axes":
    """``ax`` itself, or the axes of a new figure."""
    if ax is not None:
        return ax
    new: Axes = needed("matplotlib.pyplot").subplots(layout="constrained")[1]
    return new


def to_numpy(values: Any) -> np.ndarray:
    """A tensor on any device, an array or a sequence as an array."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def attribute(data: Data, name: str) -> np.ndarray:
    """The attribute ``name`` of the nodes (``[N]``) or edges (``[E]``) of a graph.

    Raises:
        ValueError: If there is none, or its shape is another one.
    """
    if name not in data:
        available = [key for key, value in data.to_dict().items() if getattr(value, "ndim", 0) == 1]
        raise ValueError(f"The graph has no {name!r} to draw; available here: {available}")
    size = data.num_edges if name.startswith("edge_") else data.num_nodes
    values = to_numpy(data[name])
    if values.shape != (size,):
        raise ValueError(f"'{name}' must have shape {[size]} to be drawn (got {values.shape})")
    return values


def is_inhibitory(data: Data) -> Tensor:
    """Which neurons inhibit, ``[N]`` bool: ``inhibitory``, or else by their outgoing weights."""
    if "inhibitory" in data:
        known: Tensor = data.inhibitory
        return known
    total = torch.zeros(data.num_nodes, dtype=torch.float64, device=data.edge_index.device)
    if "edge_weight" in data:
        total.index_add_(0, data.edge_index[0], data.edge_weight.double())
    return total < 0


def classes(data: Data) -> list[tuple[str, str, np.ndarray]]:
    """Name, color and members (``[N]`` bool) of each class of neurons that has any."""
    inhibits = to_numpy(is_inhibitory(data))
    both = [("excitatory", EXCITATORY, ~inhibits), ("inhibitory", INHIBITORY, inhibits)]
    return [entry for entry in both if entry[2].any()]
