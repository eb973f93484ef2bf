"""Every tensor on a graph that this library reads or writes by itself, and what may stand in it.

Compiled loops index with what a graph holds, and look at no bounds. So each name has one line here,
and :func:`pyngn_graph.graph.validate` asks for it at every door.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.checks import MAX_COUNT, Extent

NEVER = -(2**40)
"""Clock of an arrival that has not happened."""

LONG_AGO = -(2**60)
"""No arrival was sooner: where transforms add up edges, what never happened is added up as well."""

LATEST = 2**53
"""No clock goes further: from here on float64, in which files and batches may keep it, has gaps."""

NUM_TARGETS = "pyngn_num_targets"
"""Where the part of a graph that a rank holds says how many of its neurons are simulated there."""

AT_TICKS = ("edge_origin", "neuron_origin")
"""Names that are written while a graph is rewritten, and gone afterwards."""


class Rule(NamedTuple):
    """What may stand in a tensor: its types, the width of a row, and bounds.

    A ``size`` bounds both sides, in float32 as it is written.
    """

    dtypes: tuple[torch.dtype, ...]
    low: float = -math.inf
    high: float = math.inf
    size: float = math.inf
    width: tuple[int, ...] = ()
    remedy: str = "delete it to begin anew"


_FLOAT, _DOUBLE = (torch.float32,), (torch.float64,)
_WHOLE, _BOOL = (torch.int64,), (torch.bool,)
_RESCALE = "rescale it, or delete it to begin anew"

OF_EDGES = {
    "edge_weight": Rule(_FLOAT),
    "edge_delay": Rule((torch.int64, torch.float32)),
    "edge_mask": Rule(_BOOL),
    # Microglia
    "edge_health": Rule(_FLOAT, size=1e30, remedy=_RESCALE),
    "edge_cost": Rule(_FLOAT, size=1e30, remedy=_RESCALE),
    "edge_arrival": Rule(_WHOLE, LONG_AGO, LATEST - 1),
    # Oligodendrocytes
    "edge_hits": Rule(_WHOLE, 0, MAX_COUNT),
    "edge_lag": Rule(_WHOLE, 0, LATEST),
    "edge_fixed": Rule(_BOOL),
    "edge_loading": Rule(_DOUBLE, size=1e6),
    "edge_pull": Rule(_DOUBLE, size=1e12),
}

OF_NEURONS = {
    "inhibitory": Rule(_BOOL),
    # Astrocytes
    "gain": Rule(_FLOAT, size=1e30, remedy=_RESCALE),
    "calcium": Rule(_FLOAT, size=1e3, remedy=_RESCALE),
    # Oligodendrocytes
    "axon_trace": Rule(_DOUBLE, 0.0, 1e6),
    "axon_mean": Rule(_DOUBLE, 0.0, 1e6),
    "coherence_sum": Rule(_DOUBLE, size=1e12),
    "coherence_mean": Rule(_DOUBLE, size=1e12),
    "coherence_variance": Rule(_DOUBLE, 0.0, 1e30),
    "coherence_delay": Rule(_DOUBLE, 0.0, MAX_COUNT, width=(2,)),
    # Microglia
    "matched_inputs": Rule(_WHOLE, 0, MAX_COUNT, width=(2,)),
}

GIVEN = ("edge_weight", "edge_delay", "edge_mask", "inhibitory", "pos", "gain", "calcium")
"""What a user may bring; everything else is written by glia."""

RESERVED = {"edge_index", "pos", "territory_index", "ptr", *OF_EDGES, *OF_NEURONS}
"""All names; the first have rules of their own."""


def check_reserved(data: Data, rows: int, num_edges: int, extent: Extent) -> None:
    """Refuses a graph of ``rows`` neurons on which one of the names above stands for another thing.

    Raises:
        TypeError, ValueError: If there is one.
    """
    values = data.to_dict()
    for table, size in ((OF_EDGES, num_edges), (OF_NEURONS, rows)):
        for key, rule in table.items():
            if key in values:
                value = values[key]
                check_tensor_of(value, key, rule.dtypes, (size, *rule.width), extent)
                _check_bounds(value, key, rule, extent)
    if "territory_index" in values:
        # Which neurons there are is for the astrocytes to say: they find it anew from positions.
        value = values["territory_index"]
        pairs = value.shape[1:2] if isinstance(value, Tensor) else ()
        check_tensor_of(value, "territory_index", _WHOLE, (2, *pairs), extent)
        _check_bounds(value, "territory_index", Rule(_WHOLE, 0, MAX_COUNT), extent)


def check_tensor_of(
    value: Any, key: str, dtypes: tuple[torch.dtype, ...], shape: tuple[int, ...], extent: Extent
) -> None:
    """Raises a TypeError or a ValueError unless ``value`` has such a type and shape, all finite."""
    names = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
    if not isinstance(value, Tensor):
        raise TypeError(f"'{key}' must be a {names} tensor (got {type(value).__name__})")
    if value.dtype not in dtypes:
        remedy = "delete it to begin anew"
        if key in GIVEN:
            remedy = "'pyngn_graph.from_data' converts it"
        raise TypeError(f"'{key}' must be {names} (got {value.dtype}); {remedy}")
    if value.layout != torch.strided:
        raise TypeError(f"'{key}' must be dense (got {value.layout}); use '.to_dense()'")
    if value.is_neg():
        raise TypeError(f"'{key}' must hold what it shows, no signs to come; use '.resolve_neg()'")
    if tuple(value.shape) != shape:
        raise ValueError(f"'{key}' must have shape {list(shape)} (got {list(value.shape)})")
    if value.is_floating_point() and not all(map(math.isfinite, extent(value))):
        finite = torch.isfinite(value)
        bad = ~finite if value.dim() == 1 else ~finite.all(dim=-1)
        refuse(bad, value, key, "must be finite")


def refuse(bad: Tensor, value: Tensor, key: str, rule: str, remedy: str = "") -> None:
    """Raises a ValueError that names the first entry that is ``bad`` ``[...]`` bool."""
    first = int(bad.nonzero()[0, 0])
    raise ValueError(
        f"'{key}' {rule}: {int(bad.sum())} of {bad.numel()} entries break this, "
        f"the first is {key}[{first}] = {value[first].tolist()}{remedy and '; ' + remedy}"
    )


def _check_bounds(value: Tensor, key: str, rule: Rule, extent: Extent) -> None:
    if rule.size < math.inf:
        low, high = extent(value)
        if max(-low, high) > rule.size:
            # In float32 the limit itself would be rounded.
            bad = value.double().abs() > rule.size
            refuse(bad, value, key, f"must be at most {rule.size:g} in size", rule.remedy)
    if rule.low > -math.inf:
        low, high = extent(value)
        if low < rule.low or high > rule.high:
            rows = value.t() if "index" in key else value
            bad = (rows < rule.low) | (rows > rule.high)
            bad = bad if bad.dim() == 1 else bad.any(dim=1)
            refuse(bad, rows, key, f"must lie in [{rule.low:g}, {rule.high:g}]", rule.remedy)
