"""From a frozen reservoir to a NIR graph."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.exchange import units
from pyngn_graph.extras import needed
from pyngn_graph.graph import alive, keep_edges, prepare
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.reservoir import TriglialReservoir
from pyngn_graph.snapshot import graph_to_parts

Array = NDArray[Any]

LARGEST = 2**31
"""Most bytes of weights: NIR writes each branch as a full matrix."""

WRITTEN = ("edge_index", "edge_weight", "edge_delay", "edge_mask")
"""Tensors that the nodes of the NIR graph hold."""


def to_nir(
    source: TriglialReservoir | Data,
    neuron: LIFParameters | None = None,
    *,
    solver: str = "exact",
    step: float | None = None,
    loop_steps: int = 1,
) -> Any:
    r"""Writes a reservoir, or a graph with its neurons, as a ``nir.NIRGraph``.

    .. code-block:: text

        input -> current -> neuron -> output         current: Affine (projection and bias)
                            |    ^                   neuron:  LIF
                            v    |
              weight_k -> delay_k                    one branch for each delay: Linear, Delay
                       (-> synapse)                  LI, with ``tau_syn``

    Weights carry the gain and the resistance, in float64; silent edges are left out; parallel
    edges of equal delay take a branch each. :mod:`pyngn_graph.exchange.units` derives all numbers.
    A loop through the network takes one step in clock-driven readers by itself, so a delay of D
    steps is written as D - 1 (as none at all where D = 1); ``loop_steps=0`` writes D. What NIR has
    no place for (positions, kinds, calcium, health, order of the edges) goes into metadata, and
    :func:`from_nir` gives back every array as it was. ``nir.write`` makes an HDF5 file.

    Known differences: NIR fires at v > threshold, not v >= threshold, which only matters where a
    potential meets the threshold exactly; nodes of float32 readers round on their own. With
    ``tau_syn`` the current is a node of its own (LI, then LIF), as ``nir.CubaLIF`` would also
    filter the external current, which acts on the membrane directly here.

    Args:
        source: A reservoir whose glia are at rest, or a graph: then the input is the current into
            every neuron.
        neuron: The neurons, instead of those of the reservoir; of a graph by default
            ``LIFParameters()``.
        solver: How the reader advances its nodes: ``"exact"`` (exponential Euler; time constants
            are those of the differential equation) or ``"euler"`` (forward Euler, as snnTorch).
        step: Seconds of the reader's clock that a step takes: by default ``dt``. snnTorch always
            takes 1e-4.
        loop_steps: Steps that a loop takes in the reader by itself, 0 or 1.

    Raises:
        ImportError: If ``nir`` is not installed.
        ValueError: If NIR cannot express a part: a refractory time, a floor of the potential,
            delays that are not whole steps, a gain or resistance of 0; or if the
            matrices would take more than 2 GiB.

    Source: Pedersen et al. (2024), "Neuromorphic intermediate representation".
    """
    nir = needed("nir", "nir", "'to_nir'")
    data, neuron, weight, bias = _parts(source, neuron)
    num_nodes, dt = data.num_nodes, data.dt
    step = dt / 1000.0 if step is None else step
    units.check_clock(solver, step, loop_steps)
    c = units.coefficients(neuron, dt, num_nodes)
    _check(data, neuron, c.drive)

    def wide(value: Any) -> units.Array:
        return units.per_neuron(value, num_nodes)

    nodes = {
        "input": nir.Input({"input": np.array([num_nodes if weight is None else weight.size(1)])}),
        "neuron": nir.LIF(
            tau=units.written(wide(neuron.tau_m), dt, solver, step),
            r=wide(neuron.r_m),
            v_leak=wide(neuron.v_rest),
            v_threshold=wide(neuron.v_th),
            v_reset=wide(neuron.v_reset),
        ),
        "output": nir.Output({"output": np.array([num_nodes])}),
    }
    edges = [("neuron", "output")]
    if weight is None and not bool(bias.any()):
        edges.append(("input", "neuron"))
    else:
        matrix = torch.eye(num_nodes, dtype=torch.float32) if weight is None else weight
        nodes["current"] = nir.Affine(_array(matrix), _array(bias))
        edges += [("input", "current"), ("current", "neuron")]
    goal, scale, waiting = "neuron", 1.0 / c.drive, loop_steps
    if neuron.tau_syn is not None:
        tau = units.written(wide(neuron.tau_syn), dt, solver, step)
        nodes["synapse"] = nir.LI(tau=tau, r=units.synapse(c), v_leak=np.zeros(num_nodes))
        goal, scale, waiting = "synapse", torch.ones_like(scale), loop_steps - 1
        edges.append(("synapse", "neuron"))
    if "gain" in data:
        scale = scale * data.gain.cpu()
    for k, (delay, column) in enumerate(_branches(data)):
        src, dst = data.edge_index.cpu()[:, column]
        matrix = torch.zeros(num_nodes, num_nodes, dtype=torch.float64)
        matrix[dst, src] = data.edge_weight.cpu()[column].double() * scale[dst]
        places = {"column": _array(column), "src": _array(src), "dst": _array(dst)}
        nodes[f"weight_{k}"] = nir.Linear(_array(matrix), metadata=places)
        path = ["neuron", f"weight_{k}", goal]
        if delay > waiting:
            nodes[f"delay_{k}"] = nir.Delay(np.full(num_nodes, (delay - waiting) * step))
            path.insert(2, f"delay_{k}")
        edges += pairwise(path)
    metadata = _metadata(source, data, weight is None)
    clock = {"dt": dt, "solver": solver, "step": step, "loop_steps": loop_steps}
    return nir.NIRGraph(nodes, edges, metadata=clock | metadata)


def _parts(
    source: TriglialReservoir | Data, neuron: LIFParameters | None
) -> tuple[Data, LIFParameters, Tensor | None, Tensor]:
    """Graph of live edges, neurons, projection and bias."""
    if isinstance(source, TriglialReservoir):
        data, weight, bias = source.graph, source.input_weight, source.bias.cpu()
        neuron = source.setting.neuron if neuron is None else neuron
    else:
        data, weight = prepare(source), None
        neuron, bias = (
            LIFParameters() if neuron is None else neuron,
            torch.zeros(data.num_nodes, dtype=torch.float32),
        )
    neuron.check_size(data.num_nodes)
    return keep_edges(data, alive(data)), neuron, weight, bias


def _check(data: Data, neuron: LIFParameters, drive: Tensor) -> None:
    for name, neutral in (("t_ref", 0.0), ("v_min", None)):
        value = getattr(neuron, name)
        if value is not None and (neutral is None or bool(torch.as_tensor(value).ne(0).any())):
            raise ValueError(
                f"NIR has no neurons with '{name}' (got {value}); to write others instead, pass "
                f"'neuron=dataclasses.replace(neuron, {name}={neutral})'"
            )
    if data.edge_delay.is_floating_point():
        raise ValueError(
            "'edge_delay' is float32, of which NIR would keep the rounded steps only; set "
            "'edge_delay = pyngn_graph.graph.round_delay(edge_delay)' first"
        )
    if bool((drive == 0).any()) or ("gain" in data and bool((data.gain == 0).any())):
        raise ValueError(
            "A weight in NIR carries gain and resistance, and is lost where one of them is 0; set "
            "'edge_mask' to False on the edges into such neurons, and the factor to 1"
        )


def _branches(data: Data) -> list[tuple[int, Tensor]]:
    """Delay and edges ``[E_k]`` of each branch: equal delays, no two edges between one pair.

    Raises:
        ValueError: If the matrices would be too large.
    """
    num_nodes, num_edges = data.num_nodes, data.num_edges
    if num_edges == 0:
        return []
    src, dst = data.edge_index.cpu()
    delay = data.edge_delay.cpu()
    key = (delay * num_nodes + src) * num_nodes + dst
    order = torch.argsort(key, stable=True)
    place = torch.arange(num_edges)
    first = torch.ones(num_edges, dtype=torch.bool)
    first[1:] = key[order].diff() != 0
    rank = torch.empty_like(place)  # how many parallel edges came before
    rank[order] = place - torch.where(first, place, 0).cummax(0).values
    kinds, branch = torch.unique(torch.stack([delay, rank]), dim=1, return_inverse=True)
    size = kinds.size(1) * num_nodes**2 * 8
    if size > LARGEST:
        raise ValueError(
            f"NIR writes each of the {kinds.size(1)} delays as a full matrix: {size:,} bytes for "
            f"{num_nodes} neurons, more than {LARGEST:,}; round the delays to fewer values"
        )
    return [(int(kinds[0, k]), (branch == k).nonzero().squeeze(1)) for k in range(kinds.size(1))]


def _metadata(source: TriglialReservoir | Data, data: Data, direct: bool) -> dict[str, Any]:
    tensors, values = graph_to_parts(data)
    rest: dict[str, Any] = {"values": values, "direct": direct}
    if isinstance(source, TriglialReservoir):
        rest["reservoir"] = {
            "hold": source.setting.hold,
            "pool": source.setting.pool,
            "tau_trace": source.setting.tau_trace,
        }
    kept = {f"data.{key}": _array(value) for key, value in tensors.items() if key not in WRITTEN}
    return {"pyngn_graph": json.dumps(rest), **kept}


def _array(value: Tensor) -> Array:
    array: Array = value.detach().cpu().numpy().copy()
    return array
