"""From a NIR graph to a reservoir."""

import json
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import Data

from pyngn_graph.exchange import units
from pyngn_graph.extras import needed
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.reservoir import TriglialReservoir

Array = NDArray[Any]

STRANGE = "A reservoir is one layer: input (-> Affine or Linear) -> LIF -> output, and loops"


class Branch(NamedTuple):
    """Edges of one matrix, all ``[E_k]``: weight in units of NIR, delay in seconds, place."""

    src: Array
    dst: Array
    weight: Array
    delay: Array
    column: Array | None


def from_nir(
    graph: Any,
    *,
    dt: float | None = None,
    solver: str | None = None,
    step: float | None = None,
    loop_steps: int | None = None,
    **options: Any,
) -> TriglialReservoir:
    r"""Reads a ``nir.NIRGraph`` as a reservoir; the inverse of :func:`to_nir`.

    A graph that :func:`to_nir` made, or ``nir.read`` read from its file, gives every array back:
    the graph with its positions and the order of its edges, the neurons (times to the last digits
    of float64), projection and bias, and the clock. Other graphs are understood if they hold one
    layer of ``LIF`` neurons, an ``Affine`` or ``Linear`` or nothing between input and neurons, and
    loops of one ``Linear`` with any ``Delay`` before or behind it, all through one ``LI`` or none.
    Non-zero entries of the matrices become edges, sorted by (src, dst).

    Args:
        graph: The NIR graph.
        dt: Step of the reservoir, ms; by default that of the file, else 1.
        solver: See :func:`to_nir`; by default that of the file, else ``"exact"``.
        step: See :func:`to_nir`; by default that of the file, else ``dt``.
        loop_steps: See :func:`to_nir`; by default that of the file, else 1.
        **options: Other arguments of :class:`~pyngn_graph.TriglialReservoir`, as ``glia``.

    Raises:
        ImportError: If ``nir`` is not installed.
        ValueError: If the graph is no such network, a delay no multiple of ``step``, or the edges
            that its metadata name are not those of a matrix. The message names the node.
    """
    nir = needed("nir", "nir", "'from_nir'")
    meta = {} if graph.metadata is None else dict(graph.metadata)
    dt = float(meta.get("dt", 1.0)) if dt is None else dt
    solver = _text(meta.get("solver", "exact")) if solver is None else solver
    step = float(meta.get("step", dt / 1000.0)) if step is None else step
    loop_steps = int(meta.get("loop_steps", 1)) if loop_steps is None else loop_steps
    units.check_clock(solver, step, loop_steps)
    rest = json.loads(_text(meta.get("pyngn_graph", "{}")))
    layer = _Layer(nir, graph)
    lif, current, synapse = layer.nodes[layer.neuron], layer.current, layer.synapse
    neuron = LIFParameters(
        tau_m=units.read(lif.tau, dt, solver, step),
        v_th=units.as_value(lif.v_threshold),
        v_rest=units.as_value(lif.v_leak),
        v_reset=units.as_value(lif.v_reset),
        r_m=units.as_value(lif.r),
        tau_syn=None if synapse is None else units.read(synapse.tau, dt, solver, step),
    )
    num_nodes = len(lif.tau)
    c = units.coefficients(neuron, dt, num_nodes)
    scale, waiting = c.drive.numpy(), loop_steps
    if synapse is not None:
        scale, waiting = synapse.r / units.synapse(c), loop_steps - 1
    tensors = {
        key.removeprefix("data."): torch.from_numpy(np.array(value))
        for key, value in meta.items()
        if key.startswith("data.")
    }
    if "gain" in tensors:
        scale = scale / tensors["gain"].double().numpy()
    data = _graph(layer.branches(), num_nodes, scale, step, waiting)
    for key, value in (tensors | rest.get("values", {})).items():
        data[key] = value
    weight = bias = None
    if current is not None:
        weight = torch.from_numpy(np.asarray(current.weight)).float()
        bias = torch.from_numpy(np.asarray(getattr(current, "bias", np.zeros(num_nodes)))).float()
        if rest.get("direct") and torch.equal(weight, torch.eye(num_nodes, dtype=weight.dtype)):
            weight = None
    return TriglialReservoir(
        data,
        in_channels=None if weight is None else weight.size(1),
        neuron=neuron,
        input_weight=weight,
        bias=0.0 if bias is None else bias,
        **({"dt": dt} | rest.get("reservoir", {}) | options),
    )


def _graph(branches: list[Branch], num_nodes: int, scale: Array, step: float, waiting: int) -> Data:
    """The graph of all branches, its edges in their order."""
    empty = np.empty(0, dtype=np.int64)
    ends = [(b.src, b.dst) for b in branches] or [(empty, empty)]
    src, dst = (np.concatenate(each) for each in zip(*ends, strict=True))
    weight = np.concatenate([b.weight * scale[b.dst] for b in branches] or [empty])
    seconds = np.concatenate([b.delay for b in branches] or [empty])
    steps = np.rint(seconds / step).astype(np.int64)
    bad = np.abs(seconds / step - steps) > 1e-6 * np.maximum(1, steps)
    if bad.any():
        raise ValueError(
            f"Delays must be multiples of the step of {step} s: {bad.sum()} of {bad.size} are not, "
            f"the first is {seconds[bad.argmax()]} s; pass another 'step'"
        )
    columns = [b.column for b in branches if b.column is not None]
    known = len(columns) == len(branches)
    order = np.argsort(np.concatenate(columns or [empty])) if known else np.lexsort((dst, src))
    return Data(
        edge_index=torch.from_numpy(np.stack([src, dst])[:, order]),
        edge_weight=torch.from_numpy(weight[order].astype(np.float32)),
        edge_delay=torch.from_numpy(steps[order] + waiting),
        num_nodes=num_nodes,
    )


class _Layer:
    """The parts of a NIR graph, once it is known to be one layer."""

    def __init__(self, nir: Any, graph: Any) -> None:
        self.nir, self.nodes = nir, dict(graph.nodes)
        self.after: dict[str, list[str]] = {name: [] for name in self.nodes}
        self.before: dict[str, list[str]] = {name: [] for name in self.nodes}
        for start, end in graph.edges:
            self.after[start].append(end)
            self.before[end].append(start)
        for name, node in self.nodes.items():
            self._check_kind(name, node)
        self.neuron = self._only(nir.LIF)
        start = self._only(nir.Input)
        [first] = self.after[start] if len(self.after[start]) == 1 else [start]
        self.current = None if first == self.neuron else self.nodes[first]
        if self.current is not None and (
            not isinstance(self.current, nir.Affine | nir.Linear)
            or self.after[first] != [self.neuron]
        ):
            raise ValueError(f"{STRANGE}; the input leads to {first!r}")
        synapses = [name for name, node in self.nodes.items() if isinstance(node, nir.LI)]
        for name in synapses:
            if self.after[name] != [self.neuron] or np.any(self.nodes[name].v_leak):
                raise ValueError(
                    f"{name!r}, an LI, must lead to the neurons and have v_leak = 0 to be a "
                    f"synaptic current"
                )
        self.goal = synapses[0] if len(synapses) == 1 else self.neuron
        self.synapse = self.nodes[self.goal] if synapses else None
        if len(synapses) > 1:
            raise ValueError(f"{STRANGE}; several synaptic currents {synapses} are more than that")

    def branches(self) -> list[Branch]:
        """All loops from the neurons to themselves."""
        found, output = [], self._only(self.nir.Output)
        for name in self.after[self.neuron]:
            if name != output:
                found.append(self._branch(name))
        return found

    def _branch(self, name: str) -> Branch:
        shape = len(self.nodes[self.neuron].tau)
        early, late, linear = np.zeros(shape), np.zeros(shape), None
        while name != self.goal:
            node = self.nodes[name]
            if isinstance(node, self.nir.Delay) and linear is None:
                early = early + node.delay
            elif isinstance(node, self.nir.Delay):
                late = late + node.delay
            elif linear is None and isinstance(node, self.nir.Affine | self.nir.Linear):
                linear = name
            else:
                raise ValueError(f"{STRANGE} of one Linear each; {name!r} is not part of one")
            if len(self.after[name]) != 1 or len(self.before[name]) != 1:
                raise ValueError(f"{STRANGE} that do not branch; {name!r} does")
            name = self.after[name][0]
        if linear is None:
            raise ValueError(f"{STRANGE} of one Linear each; one has none")
        node = self.nodes[linear]
        if np.any(getattr(node, "bias", 0.0)):
            raise ValueError(f"{linear!r} has a bias; add it to that of the input instead")
        src, dst, column = (_places(node.metadata, key) for key in ("src", "dst", "column"))
        if src is None or dst is None:
            src, dst = (each.astype(np.int64) for each in np.nonzero(node.weight.T))
            column = None
        weight = node.weight[dst, src]
        if np.count_nonzero(weight) != np.count_nonzero(node.weight):
            raise ValueError(
                f"The edges in the metadata of {linear!r} are not those of its matrix, which was "
                f"changed since; delete 'src', 'dst' and 'column' there to read the matrix alone"
            )
        return Branch(src, dst, weight, early[src] + late[dst], column)

    def _check_kind(self, name: str, node: Any) -> None:
        kinds = ("Input", "Output", "Affine", "Linear", "Delay", "LI", "LIF")
        kind = type(node).__name__
        if kind == "CubaLIF":
            raise ValueError(
                f"{name!r} is a CubaLIF, which filters the external current as well; here it acts "
                f"on the membrane directly: write the synaptic current as an LI before a LIF"
            )
        if kind not in kinds:
            raise ValueError(f"{name!r} is a {kind}; a reservoir is made of {list(kinds)}")

    def _only(self, kind: Any) -> str:
        names = [name for name, node in self.nodes.items() if isinstance(node, kind)]
        if len(names) != 1:
            raise ValueError(f"{STRANGE}; there must be one {kind.__name__} (got {names})")
        return names[0]


def _places(metadata: Any, key: str) -> Array | None:
    value = (metadata or {}).get(key)
    return None if value is None else np.asarray(value, dtype=np.int64)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
