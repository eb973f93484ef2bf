"""The four cell types as node types: a heterogeneous view of a living graph."""

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import scatter

from pyngn_graph.graph import accepted, alive
from pyngn_graph.unions import separated

NODE_TYPES = ("neuron", "astrocyte", "oligodendrocyte", "microglia")

SYNAPSE = ("neuron", "synapse", "neuron")
EDGE_TYPES = (
    SYNAPSE,
    ("neuron", "excites", "astrocyte"),
    ("astrocyte", "scales", "neuron"),
    ("neuron", "reaches", "oligodendrocyte"),
    ("oligodendrocyte", "delays", "neuron"),
    ("neuron", "reaches", "microglia"),
    ("microglia", "prunes", "neuron"),
)
"""What every view has, graphs without edges included."""

_OF_ASTROCYTES = ("gain", "calcium", "territory_index")


def to_hetero_data(data: Data) -> HeteroData:
    """The graph with neurons, astrocytes, oligodendrocytes and microglia as node types.

    Neuron i has one cell of each kind, number i of its type: the astrocyte that sets its gain, and
    the oligodendrocyte and the microglia that serve its afferents.

    ==================================== ====================== ===============================
    edge type                            from -> to             attributes
    ==================================== ====================== ===============================
    neuron, synapse, neuron              j -> i for each edge   every ``edge_*``
    neuron, excites, astrocyte           member -> center of
                                         a territory, or i -> i
    astrocyte, scales, neuron            i -> i                 ``edge_gain``
    neuron, reaches, oligodendrocyte     j -> cell of i         ``edge_delay``
    oligodendrocyte, delays, neuron      cell of i -> j         ``edge_delay``
    neuron, reaches, microglia           j -> cell of i         ``edge_health``, where known
    microglia, prunes, neuron            cell of i -> j         ``edge_health``, where known
    ==================================== ====================== ===============================

    Edge e of the graph is column e of all five relations that follow the synapses, masked edges
    included. ``neuron`` keeps every other attribute of the neurons, ``astrocyte`` has ``gain``
    (1 before any life), ``calcium`` (0) and ``pos``, ``oligodendrocyte`` the ``mean_delay`` of its
    live afferents in steps and ``microglia`` their ``mean_health``, each ``[N]`` and 0 where there
    is none. What belongs to the graph as a whole stays at the top. Node types and edge types are
    always the same ones, so that models made by ``to_hetero(model, view.metadata())`` fit every
    graph. Tensors are shared with ``data``, not copied; a ``Batch`` becomes a ``Batch``.

    Raises:
        TypeError, ValueError: If ``data`` is not a graph of ours; see
            :func:`pyngn_graph.validate`.
    """
    data = accepted(data)
    if isinstance(data, Batch):
        views: HeteroData = Batch.from_data_list([_view(graph) for graph in separated(data)])
        return views
    return _view(data)


def _view(data: Data) -> HeteroData:
    view, num_nodes = HeteroData(), data.num_nodes
    for kind in NODE_TYPES:
        view[kind].num_nodes = num_nodes
    for key, value in data.to_dict().items():
        if key == "num_nodes" or key in _OF_ASTROCYTES:
            continue
        if key.startswith("edge_") and isinstance(value, Tensor):
            view[SYNAPSE][key] = value
        elif isinstance(value, Tensor) and value.dim() and value.size(0) == num_nodes:
            view["neuron"][key] = value
        else:
            view[key] = value

    index, own = data.edge_index, torch.arange(num_nodes, device=data.edge_index.device)
    own = torch.stack([own, own])
    back = index.flip(0)
    _, excites, scales, *delays_and_prunes = EDGE_TYPES
    view[excites].edge_index = data.get("territory_index", own)
    view[scales].edge_index = own
    for relation, ends in zip(delays_and_prunes, (index, back, index, back), strict=True):
        view[relation].edge_index = ends
        key = "edge_delay" if "oligodendrocyte" in relation else "edge_health"
        if key in data:
            view[relation][key] = data[key]

    gain = data.get("gain", data.edge_weight.new_ones(num_nodes))
    view[scales].edge_gain = view["astrocyte"].gain = gain
    view["astrocyte"].calcium = data.get("calcium", data.edge_weight.new_zeros(num_nodes))
    if data.get("pos") is not None:
        view["astrocyte"].pos = data.pos
    view["oligodendrocyte"].mean_delay = _mean_at_targets(data, "edge_delay")
    if "edge_health" in data:
        view["microglia"].mean_health = _mean_at_targets(data, "edge_health")
    return view


def _mean_at_targets(data: Data, key: str) -> Tensor:
    """Mean of ``data[key]`` over the live inputs of every neuron, ``[N]``; 0 without any."""
    live = alive(data)
    return scatter(
        data[key][live].double(), data.edge_index[1, live], 0, data.num_nodes, reduce="mean"
    ).float()
