"""The graph: which keys a PyG ``Data`` carries here, and what they must satisfy."""

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data
from torch_geometric.utils import select

from pyngn_graph.blockwise import converted, sums
from pyngn_graph.checks import Extent, extent, is_count, is_hollow, known_extent
from pyngn_graph.conform import conformed
from pyngn_graph.grid import input_sizes, on_its_grid
from pyngn_graph.memo import remembered
from pyngn_graph.reserved import (
    AT_TICKS,
    LATEST,
    NUM_TARGETS,
    check_reserved,
    check_tensor_of,
    refuse,
)
from pyngn_graph.unions import check_union, each_graph

MAX_DELAY = 10_000
"""Longest delay in steps that a graph may hold unless a caller raises the limit."""

ANY_DELAY = 2**62
"""The limit where no reservoir is there yet that could say how long delays may be."""

LARGEST_INPUT = 1e37
"""Largest sum of weights at a neuron: leaves float32 room for sums over time."""

SHARED = ("dt", "clock", "health_clock")
"""Numbers on which the graphs of a ``Batch`` must agree: they run side by side."""

NUMBERS = (*SHARED, "first_num_edges", "length_scale", "velocity")
"""Numbers of a graph, which PyG turns into tensors when it batches."""

_PIECE = 2000
"""Edges between two that go from which on it is quicker to copy them whole than one by one."""


def validate(data: Data, *, max_delay: int = MAX_DELAY) -> Data:
    """Checks that ``data`` is a graph this library can run, and returns it unchanged.

    Needed: ``num_nodes`` (or ``pos``), ``edge_index`` ``[2, E]`` int64 (row 0 pre, row 1 post),
    ``edge_weight`` ``[E]`` float32 and ``edge_delay`` ``[E]`` (int64, or float32 where
    oligodendrocytes work) in steps of ``dt``, 1 to ``max_delay``. Optional: ``pos`` ``[N, 3]``
    in micrometres, ``edge_mask`` ``[E]`` bool, ``edge_health`` ``[E]``, ``gain`` and ``calcium``
    ``[N]``, ``dt`` in ms. Every other ``edge_*`` tensor must have ``E`` rows. The graphs of a
    ``Batch`` must agree on ``dt`` and on what they have lived, ``clock``; none of its edges may
    lead from one graph to another.

    Delays that were added up, as ``ToUndirected`` does with edges that it merges, look like any
    others, and so do those that stayed behind when ``coalesce`` sorted the edges: apply PyG
    transforms through :class:`pyngn_graph.SafeTransform`, which refuses those, or before delays are
    set.

    Raises:
        TypeError: If ``data`` is not a ``Data`` or a tensor has the wrong dtype.
        ValueError: If a key is missing or breaks its rule; the message names the attribute, the
            rule, how many entries break it, the first of them, and what to do.
    """
    return _validated(data, max_delay, extent, NUM_TARGETS)


def validate_again(data: Data, max_delay: int) -> Data:
    """Checks a graph that has been checked before; only tensors that changed are looked through.

    Edits that torch does not see are not seen here: see :func:`pyngn_graph.memo.once`.
    """
    return _validated(data, max_delay, known_extent, NUM_TARGETS, *AT_TICKS)


def validate_part(data: Data, max_delay: int) -> Data:
    """Checks what a rank holds of a graph, of which it simulates the first neurons.

    Only their attributes are there, and only edges into them.

    Raises:
        TypeError, ValueError: As :func:`validate`.
    """
    own, num_nodes = data.get(NUM_TARGETS), _checked_num_nodes(data)
    if not is_count(own) or own > num_nodes:
        raise ValueError(f"A part of a graph has 1 to {num_nodes} neurons of its own (got {own!r})")
    _validated(data, max_delay, extent)
    checked_edge_index(data.edge_index[1:].expand(2, -1), own)
    return data


def refuse_names(data: Data, *names: str) -> None:
    """Raises a ValueError if one of these ``names`` is on the graph."""
    for name in names:
        if name in data:
            raise ValueError(
                f"'{name}' is a name that this library needs for itself while it runs; give the "
                f"attribute another one"
            )


def _validated(data: Data, max_delay: int, extent: Extent, *refused: str) -> Data:
    if not isinstance(data, Data):
        raise TypeError(
            f"Expected a torch_geometric 'Data' (got {type(data).__name__}); "
            f"'pyngn_graph.from_data' makes one of graphs of every kind"
        )
    refuse_names(data, *refused)
    if "num_edges" in data:
        raise ValueError(
            "'num_edges' is what PyG calls the number of edges, and no attribute may bear that "
            "name; rename it, e.g. 'node_num_edges'"
        )
    num_nodes = _checked_num_nodes(data)
    num_edges = checked_edge_index(data.get("edge_index"), num_nodes, extent).size(1)
    _check_devices(data)
    _check_lengths(data, num_edges)
    for key in ("edge_weight", "edge_delay"):
        if key not in data:
            raise ValueError(
                f"'data' has no '{key}'; draw what it lacks with 'data = pyngn_graph.from_data("
                f"data)', or set it"
            )
    rows = num_targets(data)
    check_reserved(data, rows, num_edges, extent)
    if data.get("pos") is not None:
        floats = (torch.float32, torch.float64)
        check_tensor_of(data.pos, "pos", floats, (rows, 3), extent)
    _check_delays(data.edge_delay, num_nodes, max_delay, extent)
    dt = number(data, "dt", 1.0)
    if not 0.0 < dt < math.inf:
        raise ValueError(f"'dt' must be a positive number of ms (got {dt!r})")
    if isinstance(data, Batch):
        check_union(data)
    for key in SHARED:
        if key != "dt":
            _check_whole(number(data, key, 0), key, "of steps")
    for count in each_number(data.get("first_num_edges", 0)):
        _check_whole(count, "first_num_edges", "of edges")
    return data


def accepted(data: Data, *, max_delay: int = ANY_DELAY) -> Data:
    """Returns ``data`` validated, with arrays, lists and other types of numbers as tensors.

    Raises:
        TypeError, ValueError: See :func:`validate`.
    """
    return validate(conformed(data) if isinstance(data, Data) else data, max_delay=max_delay)


def prepare(data: Data, *, max_delay: int = MAX_DELAY) -> Data:
    """Returns a validated copy of ``data`` that a simulation may own and rewrite.

    Arrays, lists and other types of numbers are converted where that loses nothing. All tensors
    are cloned and cut from gradients; ``edge_mask`` (all True), ``dt`` (1 ms) and
    ``clock`` (0) are added where absent, and the weights are rounded to their grid (see
    :func:`pyngn_graph.grid.weight_grid`). The graphs of a ``Batch`` are prepared each by itself.
    """
    data = accepted(data, max_delay=max_delay)
    refuse_names(data, *AT_TICKS)
    return each_graph(completed(data), _prepared)


def completed(data: Data) -> Data:
    """A shallow copy with ``edge_mask`` and ``clock``, where they are absent.

    Without a clock a graph is as old as the latest that is noted on it.
    """
    data = copy.copy(data)
    if "edge_mask" not in data:
        data.edge_mask = torch.ones_like(data.edge_weight, dtype=torch.bool)
    if "clock" not in data:
        latest = int(data.edge_arrival.max()) if "edge_arrival" in data and data.num_edges else 0
        data.clock = max(0, latest, int(number(data, "health_clock", 0)))
    return data


def _prepared(data: Data) -> Data:
    num_nodes = data.num_nodes
    data = data.clone().detach()
    data.num_nodes = num_nodes
    if isinstance(data.edge_index, EdgeIndex):
        data.edge_index = data.edge_index.as_tensor()
    data.dt, data.clock = number(data, "dt", 1.0), int(number(data, "clock", 0))
    for key in NUMBERS:
        if key in data:
            data[key] = number(data, key, 0)
    _check_reach(data)
    return on_its_grid(data)


def number(data: Data, key: str, default: float) -> float:
    """The graph-level number ``data[key]``, on which the graphs of a ``Batch`` must agree.

    Raises:
        ValueError: If they do not, or if it is no number.
    """
    value = data.get(key, default)
    if isinstance(value, Tensor) and value.numel():
        short = value.dtype == torch.float32  # as PyG keeps the numbers of a Batch
        value = value.flatten().tolist()
        value = [float(f"{each:.7g}") for each in value] if short else value
    if isinstance(value, list) and value:
        if any(each != value[0] for each in value):
            raise ValueError(
                f"The graphs of a batch must agree on '{key}' (got {value}), for they run side by "
                f"side; run them in reservoirs of their own"
            )
        value = value[0]
    if isinstance(value, np.number):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"'{key}' must be a number (got {value!r})")
    return value


def each_number(value: Any) -> list[Any]:
    """A number, or those of the graphs of a ``Batch``."""
    if isinstance(value, Tensor):
        return list(value.flatten().tolist())
    return value if isinstance(value, list) else [value]


def _check_whole(count: Any, key: str, what: str) -> None:
    numeric = isinstance(count, int | float) and not isinstance(count, bool)
    if not numeric or not 0 <= count < LATEST or count != int(count):
        raise ValueError(
            f"'{key}' must be a number {what} (got {count!r}); delete it to begin anew"
        )


def round_delay(edge_delay: Tensor) -> Tensor:
    """The delay in use, in whole steps: ``floor(D + 1/2)`` as int64."""
    if not edge_delay.is_floating_point():
        return edge_delay
    return converted(edge_delay, torch.int64, lambda part: torch.floor(part.double() + 0.5))


def longest_delay(data: Data) -> int:
    """The longest delay in use, at least 1 step."""
    return max(1, int(round_delay(data.edge_delay.max().view(1)))) if data.num_edges else 1


def keep_edges(data: Data, keep: Tensor) -> Data:
    """A copy of ``data`` with only the edges ``keep`` ``[E]`` bool, in their order.

    Unlike PyG's ``edge_subgraph`` it never takes a tensor without an ``edge_*`` name for one of
    edges because its length happens to be E.
    """
    kept, gone = copy.copy(data), (~keep).nonzero().squeeze(1).cpu()
    if gone.numel() == 0:
        return kept
    few = gone.numel() * _PIECE <= data.num_edges
    place = None if few else keep.nonzero().squeeze(1)
    for key, value in data.to_dict().items():
        if key.startswith("edge_") and data.is_edge_attr(key):
            dim = data.__cat_dim__(key, value)
            if place is None and isinstance(value, Tensor):
                kept[key] = _without(value, gone, dim)
            else:
                kept[key] = select(value, keep if place is None else place, dim=dim)
    return kept


def _without(value: Tensor, gone: Tensor, dim: int) -> Tensor:
    """``value`` without the places ``gone``, rising and few: what lies between is copied whole."""
    first, *others = value.tensor_split(gone, dim)
    return torch.cat([first, *(part.narrow(dim, 1, part.size(dim) - 1) for part in others)], dim)


def alive(data: Data) -> Tensor:
    """Which edges carry spikes, ``[E]`` bool: ``edge_mask``, or all where there is none."""
    if "edge_mask" in data:
        return data.edge_mask
    return torch.ones_like(data.edge_index[0], dtype=torch.bool)


def num_targets(data: Data) -> int:
    """Neurons that are simulated here: the first ones of a part of a graph, else all.

    The others, where :mod:`pyngn_graph.distributed` has set their number, only send.
    """
    return int(data.get(NUM_TARGETS, data.num_nodes))


def in_degree(data: Data) -> Tensor:
    """Live inputs of every neuron, ``[N]`` int64."""
    return _degree(data, row=1)


@remembered("edge_index", "edge_mask")
def num_live(data: Data) -> int:
    """Number of live edges."""
    return int(torch.count_nonzero(alive(data)))


@remembered("edge_index", "edge_mask")
def out_degree(data: Data) -> Tensor:
    """Live outputs of every neuron, ``[N]`` int64."""
    return _degree(data, row=0)


def _degree(data: Data, row: int) -> Tensor:
    return sums(alive(data), data.edge_index[row], data.num_nodes, Tensor.long)


def _checked_num_nodes(data: Data) -> int:
    if "num_nodes" not in data and data.get("pos") is None and data.get("x") is None:
        raise ValueError("'num_nodes' is not set; set 'data.num_nodes', isolated nodes included")
    num_nodes = data.num_nodes
    if isinstance(num_nodes, bool) or not isinstance(num_nodes, int) or num_nodes < 1:
        raise ValueError(f"'num_nodes' must be a positive int (got {num_nodes!r})")
    return num_nodes


def checked_edge_index(edge_index: Any, num_nodes: int, extent: Extent = extent) -> Tensor:
    """``edge_index``, once it is known to be ``[2, E]`` int64 and within ``num_nodes`` neurons.

    Raises:
        TypeError, ValueError: If it is not.
    """
    if edge_index is None:
        raise ValueError(
            "'data' has no 'edge_index'; for a graph without edges set "
            "'data.edge_index = torch.empty(2, 0, dtype=torch.long)'"
        )
    if not isinstance(edge_index, Tensor) or edge_index.dtype != torch.int64:
        found = getattr(edge_index, "dtype", type(edge_index).__name__)
        raise TypeError(f"'edge_index' must be an int64 tensor (got {found}); use '.long()'")
    if is_hollow(edge_index):
        raise ValueError("'edge_index' is on meta, where tensors hold no values; make it elsewhere")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"'edge_index' must have shape [2, E] (got {list(edge_index.shape)}); if MaskToIndex "
            f"made it of 'edge_mask', name the masks that it may take"
        )
    low, high = extent(edge_index)
    if low < 0 or high >= num_nodes:
        bad = ((edge_index < 0) | (edge_index >= num_nodes)).any(dim=0)
        refuse(bad, edge_index.t(), "edge_index", f"must lie in [0, {num_nodes - 1}]")
    return edge_index


def _check_devices(data: Data) -> None:
    device = data.edge_index.device
    for key, value in data.to_dict().items():
        if isinstance(value, Tensor) and value.device != device:
            raise ValueError(
                f"'{key}' is on {value.device} but 'edge_index' on {device}; move the whole graph "
                f"with 'data.to(device)'"
            )


def _check_delays(edge_delay: Tensor, num_nodes: int, max_delay: int, extent: Extent) -> None:
    if edge_delay.numel() == 0:
        return
    # Compared before they become integers: a float may be too large for one.
    low, high = (math.floor(delay + 0.5) for delay in extent(edge_delay))
    if low >= 1 and high <= max_delay:
        return
    steps = torch.floor(edge_delay.double() + 0.5)
    if low < 1:
        remedy = "set it to 1, and pad edges with a delay of 1"
        refuse(steps < 1, edge_delay, "edge_delay", "must be at least 1 step", remedy)
    refuse(
        steps > max_delay,
        edge_delay,
        "edge_delay",
        f"must be at most max_delay = {max_delay} steps (a history of {high} steps of "
        f"{num_nodes} neurons takes {high * num_nodes:,} bytes a trial; raise 'max_delay' if "
        f"that is meant)",
    )


def _check_reach(data: Data) -> None:
    total = input_sizes(data)
    if bool((total > LARGEST_INPUT).any()):
        first = int((total > LARGEST_INPUT).nonzero()[0, 0])
        raise ValueError(
            f"'edge_weight' must add up to at most {LARGEST_INPUT:g} at every neuron, or "
            f"potentials overflow (got {float(total[first]):.3g} at neuron {first}); rescale them"
        )


def _check_lengths(data: Data, num_edges: int) -> None:
    for key, value in data.to_dict().items():
        if not key.startswith("edge_") or key.startswith(("edge_index", "edge_label")):
            continue
        if isinstance(value, Tensor) and value.dim() > 0 and value.size(0) != num_edges:
            raise ValueError(
                f"'{key}' has {value.size(0)} rows for {num_edges} edges; a transform that adds or "
                f"merges edges left it behind: apply it before weights and delays are set, or set "
                f"'{key}' anew"
            )
