"""A reservoir in parts that a file can hold: tensors and JSON values, and back."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pyngn_graph.bounds import LARGEST_POTENTIAL
from pyngn_graph.glia import (
    Astrocyte,
    Coherence,
    FixedDelays,
    GlialCell,
    Hub,
    MatchedRandom,
    Microglia,
    Oligodendrocyte,
    PerGraph,
    Winner,
)
from pyngn_graph.graph import num_targets
from pyngn_graph.neuron import LIFParameters, LIFState
from pyngn_graph.neuron.parameters import LONGEST_REFRACTORY
from pyngn_graph.reserved import LATEST
from pyngn_graph.setting import Setting
from pyngn_graph.state import ReservoirState
from pyngn_graph.storage import plain, with_prefix, without_prefix
from pyngn_graph.transforms import Transform
from pyngn_graph.tuples import packed, unpacked
from pyngn_graph.unions import separated, united

CELLS: dict[str, type[GlialCell]] = {
    cell.__name__: cell for cell in (Astrocyte, Oligodendrocyte, Microglia)
}
"""Cells that a file can name."""

RULES: dict[str, type[Any]] = {
    rule.__name__: rule for rule in (Coherence, FixedDelays, Hub, MatchedRandom, Winner)
}
"""Rules and criteria with parameters of their own that a file can name."""


GraphValues = dict[str, Any] | list[dict[str, Any]]
"""What is no tensor in a graph, or in each graph of a ``Batch``."""


def graph_to_parts(data: Data) -> tuple[dict[str, Tensor], GraphValues]:
    """The tensors of a graph, and everything else in it, which must be JSON-able.

    The tensors of the graphs of a ``Batch`` have their number before their names.

    Raises:
        ValueError: If an attribute is neither.
    """
    if not isinstance(data, Batch):
        return _graph_to_parts(data)
    parts = [_graph_to_parts(graph) for graph in separated(data)]
    tensors: dict[str, Tensor] = {}
    for k, (own, _) in enumerate(parts):
        tensors |= with_prefix(str(k), own)
    return tensors, [values for _, values in parts]


def _graph_to_parts(data: Data) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, values = {}, {}
    for key, value in data.to_dict().items():
        if isinstance(value, Tensor) and value.layout == torch.strided and not value.is_complex():
            tensors[key] = value
            continue
        value = packed(value)
        if not _is_json(value):
            raise ValueError(
                f"The attribute '{key}' of the graph ({type(value).__name__}) cannot be saved; "
                f"make it a dense, real tensor or a JSON value, or delete it"
            )
        values[key] = value
    return tensors, values


def graph_from_parts(tensors: dict[str, Tensor], values: GraphValues) -> Data:
    """The graph that :func:`graph_to_parts` took apart."""
    if isinstance(values, list):
        graphs = enumerate(values)
        return united([graph_from_parts(without_prefix(str(k), tensors), v) for k, v in graphs])
    data = Data()
    for key, value in (tensors | unpacked(values)).items():
        data[key] = value
    return data


def setting_to_parts(setting: Setting) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The parameters of a reservoir as JSON values, and those that are tensors."""
    values: dict[str, Any] = {field.name: getattr(setting, field.name) for field in fields(setting)}
    del values["backend"], values["threads"]
    neuron = {field.name: getattr(setting.neuron, field.name) for field in fields(setting.neuron)}
    tensors = {name: value for name, value in neuron.items() if isinstance(value, Tensor)}
    values["neuron"] = {name: value for name, value in neuron.items() if name not in tensors}
    values["glia"] = [_cell_to_parts(cell) for cell in setting.glia]
    return values, with_prefix("neuron", tensors)


def setting_from_parts(
    values: dict[str, Any],
    tensors: dict[str, Tensor],
    glia: Iterable[GlialCell | Transform] | None,
) -> dict[str, Any]:
    """Arguments of a reservoir from what :func:`setting_to_parts` made of them.

    Raises:
        ValueError: If a cell cannot be made from the file alone and ``glia`` is not given.
    """
    neuron = LIFParameters(**values["neuron"], **without_prefix("neuron", tensors))
    if glia is None:
        glia = [_cell_from_parts(parts) for parts in values["glia"]]
    return values | {"neuron": neuron, "glia": glia}


def state_to_parts(state: ReservoirState) -> tuple[dict[str, Tensor], int]:
    """The tensors of a fast state, and its step."""
    state = state.settled()
    tensors = {"history": state.history, "trace": state.trace, "in_flight": state.in_flight}
    tensors |= state.neuron._asdict()
    return {name: value for name, value in tensors.items() if value is not None}, state.t


def state_from_parts(
    tensors: dict[str, Tensor], t: int, setting: Setting, data: Data
) -> ReservoirState:
    """The fast state that :func:`state_to_parts` took apart.

    Raises:
        ValueError: If it is not one of neurons as ``setting`` describes them on the graph ``data``.
    """
    history, trace = tensors["history"], tensors["trace"]
    if history.dim() != 3 or trace.dim() != 2:
        raise ValueError("the fast state has tensors of other dimensions; take another copy")
    keeps_delay = setting.in_flight == "emission"
    shape = num_targets(data), trace.size(1), history.size(0), keeps_delay, trace.device
    rest = ReservoirState.rest(setting.neuron, *shape, data.num_nodes)
    for name, like in state_to_parts(rest)[0].items():
        value = tensors.get(name)
        if value is None:
            raise ValueError(f"the fast state lacks '{name}'; it belongs to another reservoir")
        size = (3, value.size(-1)) if name == "in_flight" else like.shape
        if value.shape != size or value.dtype != like.dtype:
            raise ValueError(
                f"'{name}' of the fast state must be {like.dtype} {list(size)} (got {value.dtype} "
                f"{list(value.shape)}); it belongs to another reservoir"
            )
    neuron = LIFState(**{name: tensors[name] for name in LIFState._fields if name in tensors})
    state = ReservoirState(neuron, history, t, trace, tensors.get("in_flight"))
    _check_values(state, data.num_edges)
    return state


def _check_values(state: ReservoirState, num_edges: int) -> None:
    """Refuses a state that no run can have left: backends index with what it holds."""
    neuron, t, depth = state.neuron, state.t, state.history.size(0)
    if isinstance(t, bool) or not isinstance(t, int) or not 0 <= t < LATEST or depth < 1:
        raise ValueError(f"the fast state is of step {t!r}, which is none; take another copy")
    for name, value in (("v", neuron.v), ("i_syn", neuron.i_syn), ("trace", state.trace)):
        if value is not None and not bool((value.abs() <= LARGEST_POTENTIAL).all()):
            raise ValueError(f"'{name}' of the fast state must be finite; take another copy")
    left = neuron.refractory
    if left is not None and bool(((left < 0) | (left > LONGEST_REFRACTORY)).any()):
        raise ValueError("'refractory' of the fast state counts no steps; take another copy")
    last = state.history[(t - 1) % depth, : state.trace.size(0)]
    if not torch.equal(last.to(neuron.spikes.dtype), neuron.spikes):
        raise ValueError("'spikes' of the fast state are not the last of its 'history'")
    if t < depth and bool(state.history[t:].any()):
        raise ValueError("'history' of the fast state has spikes before the first step")
    if state.in_flight is not None and state.in_flight.numel():
        low = state.in_flight.new_tensor([t, 0, 0]).unsqueeze(1)
        high = state.in_flight.new_tensor([t + depth, num_edges, state.columns]).unsqueeze(1)
        if bool(((state.in_flight < low) | (state.in_flight >= high)).any()):
            raise ValueError("'in_flight' names steps, edges or trials that are not there")


def _cell_to_parts(cell: GlialCell | Transform) -> dict[str, Any]:
    name = type(cell).__name__
    if isinstance(cell, PerGraph):
        return {"class": name, "cells": [_cell_to_parts(each) for each in cell.cells]}
    if isinstance(cell, GlialCell) and CELLS.get(name) is type(cell):
        config = {key: _rule_to_parts(value) for key, value in cell.config().items()}
        if _is_json(config):
            return {"class": name, "config": config}
    return {"class": name, "config": None}


def _rule_to_parts(value: Any) -> Any:
    name = type(value).__name__
    if RULES.get(name) is not type(value):
        return value
    parts = {field.name: _rule_to_parts(getattr(value, field.name)) for field in fields(value)}
    return {"rule": name, **parts}


def _rule_from_parts(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    values = {name: _rule_from_parts(part) for name, part in value.items()}
    return RULES[values.pop("rule")](**values)


def _cell_from_parts(parts: dict[str, Any]) -> GlialCell:
    if "cells" in parts:
        return PerGraph([_cell_from_parts(each) for each in parts["cells"]])
    if parts["config"] is None or parts["class"] not in CELLS:
        raise ValueError(
            f"The file does not hold the code of {parts['class']!r}; "
            f"pass the cells to 'load(path, glia=[...])'"
        )
    config = {key: _rule_from_parts(value) for key, value in parts["config"].items()}
    return CELLS[parts["class"]](**config)


def _is_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value, default=plain)) == value)
    except (TypeError, ValueError):
        return False
