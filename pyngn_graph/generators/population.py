"""Signals on a graph: the same small population of neurons on every node, joined by its edges."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph.graph import alive, checked_edge_index, number, round_delay, validate


def replicate(
    population: Data, edge_index: Tensor, num_places: int, bridge: Data | None = None
) -> Data:
    r"""Copies a population of m neurons to every node of a graph: one liquid with shared weights.

    Neuron i of place a becomes neuron :math:`a m + i`. Every copy has the synapses of
    ``population``. Every edge :math:`a \to b` of the graph carries all synapses of ``bridge``: one
    from i to j joins neuron i of place a to neuron j of place b, with the weight

    .. math:: w_{ij} / \sqrt{k_b}

    where :math:`k_b` is the number of edges into b, so that the size of random input is the same
    whatever the degree. Masked synapses are left out. Places that are numbered anew have the same
    spikes under their new numbers.

    A population may be a single neuron. Features ``x`` ``[T, P, F]`` of the places drive all copies
    alike, with weights ``w`` ``[F, m]``, as the current ``(x @ w).flatten(1)`` ``[T, P m]`` of a
    reservoir without ``in_channels``; states ``[T, P m]`` are those of the places as
    ``states.unflatten(1, (P, m))``.

    Args:
        population: The neurons and the synapses among them; of node attributes, ``inhibitory`` is
            kept.
        edge_index: The graph ``[2, E]`` int64, row 0 source, row 1 target; an edge from a place to
            itself adds the bridge to the synapses within.
        num_places: Number of its nodes P.
        bridge: Synapses that an edge carries, as a graph on the same m neurons: row 0 of its
            ``edge_index`` is a neuron of the source, row 1 one of the target. None: no edge
            carries anything, the control without a graph.

    Returns:
        ``edge_index``, ``edge_weight``, ``edge_delay``, ``dt``, ``place`` ``[P m]`` int64;
        ``inhibitory`` if the population has it. There are no positions. First come the synapses
        within, copy after copy, then those along edges, edge after edge.

    Raises:
        TypeError, ValueError: If a graph breaks its rule (see :func:`~pyngn_graph.validate`), or
            ``bridge`` has another number of neurons or another ``dt``.
    """
    if isinstance(num_places, bool) or not isinstance(num_places, int) or num_places < 1:
        raise ValueError(f"'num_places' must be an int of at least 1 (got {num_places!r})")
    checked_edge_index(edge_index, num_places)
    for graph in (population, *([] if bridge is None else [bridge])):
        validate(graph)
    size, dt = population.num_nodes, number(population, "dt", 1.0)
    place = torch.arange(num_places)
    parts = [_copies(population, place, place, size, torch.ones(num_places, dtype=torch.float32))]
    if bridge is not None:
        if bridge.num_nodes != size or number(bridge, "dt", 1.0) != dt:
            raise ValueError(
                f"'bridge' must have the {size} neurons and dt = {dt} of 'population' (got "
                f"{bridge.num_nodes} and {number(bridge, 'dt', 1.0)}); draw both alike"
            )
        degree = torch.bincount(edge_index[1], minlength=num_places).double()
        parts.append(
            _copies(bridge, edge_index[0], edge_index[1], size, degree[edge_index[1]].rsqrt())
        )
    index, weight, delay = (torch.cat(each, dim=-1) for each in zip(*parts, strict=True))
    data = Data(
        edge_index=index,
        edge_weight=weight,
        edge_delay=delay,
        place=place.repeat_interleave(size),
        dt=dt,
        num_nodes=num_places * size,
    )
    if "inhibitory" in population:
        data.inhibitory = population.inhibitory.repeat(num_places)
    return validate(data)


def _copies(
    graph: Data, source: Tensor, target: Tensor, size: int, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The synapses of ``graph`` from each place of ``source`` ``[P]`` to that of ``target``."""
    live = alive(graph)
    ends = torch.stack([source, target]).unsqueeze(2) * size + graph.edge_index[:, live].unsqueeze(
        1
    )
    weight = scale.double().unsqueeze(1) * graph.edge_weight[live].double()
    delay = round_delay(graph.edge_delay[live]).repeat(len(source))
    return ends.flatten(1), weight.float().flatten(), delay
