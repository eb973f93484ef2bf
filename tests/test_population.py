import math

import pytest
import torch
from helpers import generator, graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pyngn_graph import LIFParameters, TriglialReservoir
from pyngn_graph.generators import replicate

NEURON = LIFParameters(t_ref=2.0)


def random_places(seed: int, num_places: int = 5, num_edges: int = 9) -> Tensor:
    return torch.randint(num_places, (2, num_edges), generator=generator(seed))


def spikes(graph_edges: Tensor, drive: Tensor, seed: int, backend: str = "event") -> Tensor:
    """Spikes ``[T, P, m]`` of a liquid on 5 places whose neurons get ``drive`` ``[T, P, m]``."""
    population, bridge = random_graph(seed), random_graph(seed + 1, num_edges=12, weight=1.0)
    data = replicate(population, graph_edges, 5, bridge)
    reservoir = TriglialReservoir(data, neuron=NEURON, backend=backend)
    return reservoir.run(drive.flatten(1)).spikes()[0].unflatten(1, drive.shape[1:])


def test_synapses_by_hand() -> None:
    population = graph_of(2, [(0, 1, 0.5, 3)], dt=0.5, inhibitory=torch.tensor([False, True]))
    bridge = graph_of(2, [(1, 0, -0.8, 7)], dt=0.5)
    # 0 -> 2, 1 -> 2 twice, 2 -> 2: four edges into place 2, and none into the others.
    edges = torch.tensor([[0, 1, 1, 2], [2, 2, 2, 2]])
    data = replicate(population, edges, 3, bridge)
    assert data.num_nodes == 6
    assert data.edge_index.t().tolist() == [
        *([0, 1], [2, 3], [4, 5]),
        *([1, 4], [3, 4], [3, 4], [5, 4]),
    ]
    assert data.edge_weight.tolist() == pytest.approx([0.5] * 3 + [-0.4] * 4)
    assert data.edge_delay.tolist() == [3] * 3 + [7] * 4
    assert data.place.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.inhibitory.tolist() == [False, True] * 3
    assert data.dt == 0.5


def test_single_neurons_are_the_graph_itself() -> None:
    alone, synapse = graph_of(1, []), graph_of(1, [(0, 0, 1.0, 2)])
    edges = torch.tensor([[0, 2, 1], [1, 1, 0]])
    data = replicate(alone, edges, 3, synapse)
    assert torch.equal(data.edge_index, edges)
    assert data.edge_weight.tolist() == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 1.0])
    assert "inhibitory" not in data


@given(seed=st.integers(0, 2**31))
def test_numbering_places_anew_numbers_spikes_anew(seed: int) -> None:
    edges, order = random_places(seed), torch.randperm(5, generator=generator(seed))
    drive = random_drive(seed, 60, 5, 8)
    renamed = spikes(order.argsort()[edges], drive[:, order], seed)
    before = spikes(edges, drive, seed)
    assert before.any()
    assert torch.equal(renamed, before[:, order])


def test_alike_places_are_alike_and_only_neighbors_matter(backend: str) -> None:
    # A ring: all places see the same, until one of them gets another input.
    ring = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    drive = random_drive(3, 60, 1, 8).repeat(1, 5, 1)
    same = spikes(ring, drive, 3, backend)
    assert same.any()
    assert torch.equal(same, same[:, :1].expand_as(same))
    drive[5:, 0] += 1.0
    other = spikes(ring, drive, 3, backend)
    first = [int((other[:, a] != same[:, a]).any(dim=1).nonzero()[0]) for a in range(5)]
    assert first[0] < first[1] < first[2] < first[3] < first[4]  # it travels along the edges
    # Without a bridge every place is on its own.
    lonely = replicate(random_graph(3), ring, 5)
    assert bool((lonely.place[lonely.edge_index[0]] == lonely.place[lonely.edge_index[1]]).all())


def test_masked_synapses_stay_silent() -> None:
    population = random_graph(edge_mask=torch.arange(24) % 3 > 0)
    data = replicate(population, torch.tensor([[0], [1]]), 2, population)
    kept = population.edge_index[:, population.edge_mask]
    assert torch.equal(
        data.edge_index, torch.cat([kept, kept + 8, kept + torch.tensor([[0], [8]])], 1)
    )


def test_random_input_is_of_one_size_whatever_the_degree() -> None:
    bridge = random_graph(0, num_nodes=6)
    edges = torch.tensor([[0, 0, 1, 2, 3, 4], [1, 2, 2, 2, 2, 3]])
    data = replicate(random_graph(1, num_nodes=6, num_edges=0), edges, 5, bridge)
    power = torch.zeros(30).index_add(0, data.edge_index[1], data.edge_weight.square())
    power = power.view(5, 6)
    torch.testing.assert_close(power[2], power[1])
    torch.testing.assert_close(power[3], power[1])
    assert float(power[[0, 4]].sum()) == 0.0


def test_errors() -> None:
    population, edges = random_graph(), torch.tensor([[0], [1]])
    with pytest.raises(ValueError, match=r"'num_places' must be an int of at least 1 \(got 0\)"):
        replicate(population, edges, 0)
    with pytest.raises(ValueError, match=r"'edge_index' must lie in \[0, 0\]"):
        replicate(population, edges, 1)
    with pytest.raises(TypeError, match="'edge_index' must be an int64 tensor"):
        replicate(population, edges.float(), 2)
    with pytest.raises(ValueError, match=r"must have the 8 neurons and dt = 1.0 .*\(got 3 and 1.0"):
        replicate(population, edges, 2, random_graph(num_nodes=3))
    with pytest.raises(ValueError, match=r"\(got 8 and 0.5\); draw both alike"):
        replicate(population, edges, 2, random_graph(dt=0.5))
    bad = random_graph()
    bad.edge_delay[2] = 0
    with pytest.raises(ValueError, match="must be at least 1 step"):
        replicate(population, edges, 2, bad)
