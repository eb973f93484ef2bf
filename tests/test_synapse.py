import pytest
import torch
from helpers import generator, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import DelayBuffer, DelayedSpikeConv

seeds = st.integers(0, 2**31)


def random_history(seed: int, depth: int, *shape: int) -> Tensor:
    return (torch.rand(depth, *shape, generator=generator(seed)) < 0.4).float()


def sums(history: Tensor, t: int, graph: Data, mask: Tensor | None = None) -> Tensor:
    conv = DelayedSpikeConv()
    return conv(history, t, graph.edge_index, graph.edge_weight.double(), graph.edge_delay, mask)


# The buffer


@pytest.mark.parametrize("max_delay", [1, 2, 7])
def test_a_spike_arrives_at_exactly_its_delay(max_delay: int) -> None:
    delays = torch.arange(1, max_delay + 1)
    edge_index = torch.stack([torch.zeros_like(delays), torch.ones_like(delays)])
    buffer = DelayBuffer(2, max_delay)
    arrived = {}
    for t in range(3 * max_delay + 5):
        now = buffer.get_delayed_spikes(delays, edge_index)
        for d in delays[now > 0].tolist():
            arrived.setdefault(d, []).append(t)
        buffer.push(torch.tensor([float(t in (4, max_delay + 4)), 0.0]))
    assert arrived == {d: [4 + d, max_delay + 4 + d] for d in delays.tolist()}


@given(seed=seeds, trials=st.sampled_from([None, 1, 3]), num_steps=st.integers(0, 12))
def test_a_matrix_of_delays_and_a_list_of_edges_read_the_same(
    seed: int, trials: int | None, num_steps: int
) -> None:
    shape = (4,) if trials is None else (4, trials)
    buffer, past = DelayBuffer(4, 5), []
    for t in range(num_steps):
        past.append(random_history(seed + t, 1, *shape)[0])
        buffer.push(past[-1])
    delays = torch.randint(1, 6, (4, 4), generator=generator(seed))
    dense = buffer.get_delayed_spikes(delays)
    assert dense.shape == (4, 4, *(shape[1:] if num_steps else ()))
    src, dst = torch.cartesian_prod(torch.arange(4), torch.arange(4)).t()
    listed = buffer.get_delayed_spikes(delays[src, dst], torch.stack([src, dst]))
    assert torch.equal(listed, dense[src, dst])
    for j in range(4):
        for i in range(4):
            t = num_steps - int(delays[j, i])
            expected = past[t][j] if t >= 0 else torch.zeros(())
            assert torch.equal(dense[j, i], expected.expand(dense[j, i].shape))


def test_a_buffer_can_start_anew_with_other_trials() -> None:
    buffer = DelayBuffer(2, 3)
    buffer.push(torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"holds \[2, 4\]; call 'reset_state\(\)'"):
        buffer.push(torch.ones(2))
    buffer.reset_state()
    assert not buffer.get_delayed_spikes(torch.ones(2, 2, dtype=torch.long)).any()
    buffer.push(torch.ones(2))
    assert buffer.get_delayed_spikes(torch.ones(2, 2, dtype=torch.long)).all()


def test_pushing_leaves_the_spikes_alone() -> None:
    buffer, spikes = DelayBuffer(2, 2), torch.ones(2)
    buffer.push(spikes)
    buffer.push(torch.zeros(2))
    assert spikes.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("delays", "edges", "error", "match"),
    [
        (torch.ones(3, 3), None, TypeError, r"whole steps \(got torch.float32\); round"),
        (torch.ones(3, 3, dtype=torch.bool), None, TypeError, "whole steps"),
        (torch.ones(3, 2, dtype=torch.long), None, ValueError, r"shape \[3, 3\] \(got \[3, 2\]\)"),
        (torch.ones(4, dtype=torch.long), (2, 5), ValueError, r"shape \[5\] \(got \[4\]\)"),
        (torch.tensor([1, 0, 7]), (2, 3), ValueError, r"lie in 1..4 steps: 2 do not, .* is 0"),
        (torch.tensor([1, -2, 1]), (2, 3), ValueError, "lie in 1..4 steps: 1 do not"),
    ],
)
def test_delays_that_a_buffer_refuses(
    delays: Tensor, edges: tuple[int, int] | None, error: type, match: str
) -> None:
    edge_index = None if edges is None else torch.zeros(edges, dtype=torch.long)
    with pytest.raises(error, match=match):
        DelayBuffer(3, 4).get_delayed_spikes(delays, edge_index)


def test_buffers_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="'n_neurons' must be a whole number >= 1"):
        DelayBuffer(0, 4)
    with pytest.raises(ValueError, match="'max_delay' must be a whole number >= 1"):
        DelayBuffer(3, 0)
    with pytest.raises(ValueError, match=r"shape \[3\] or \[3, B\] \(got \[2\]\)"):
        DelayBuffer(3, 4).push(torch.zeros(2))


# The layer


@given(seed=seeds, t=st.integers(0, 99), trials=st.sampled_from([None, 1, 3]))
def test_sums_follow_the_definition(seed: int, t: int, trials: int | None) -> None:
    graph = random_graph(seed, num_nodes=5, num_edges=20)
    mask = torch.rand(20, generator=generator(seed)) < 0.7
    history = random_history(seed, 6, 5, *([] if trials is None else [trials]))
    expected = torch.zeros(history.shape[1:], dtype=torch.float64)
    for e in range(20):
        src, dst = graph.edge_index[:, e].tolist()
        spikes = history[(t - int(graph.edge_delay[e])) % 6, src]
        expected[dst] += mask[e] * graph.edge_weight[e].double() * spikes
    torch.testing.assert_close(sums(history, t, graph, mask), expected, atol=1e-12, rtol=0)


@given(seed=seeds, t=st.integers(0, 99))
def test_renaming_neurons_renames_sums(seed: int, t: int) -> None:
    graph, history = random_graph(seed, num_nodes=6), random_history(seed, 6, 6, 2)
    order = torch.randperm(6, generator=generator(seed))
    renamed = graph.clone()
    renamed.edge_index = order.argsort()[graph.edge_index]
    assert torch.equal(sums(history[:, order], t, renamed), sums(history, t, graph)[order])


@given(seed=seeds)
def test_an_edge_without_weight_and_a_masked_edge_are_no_edge(seed: int) -> None:
    graph, history = random_graph(seed), random_history(seed, 6, 8)
    keep = torch.rand(24, generator=generator(seed)) < 0.5
    without = sums(history, 3, graph.edge_subgraph(keep))
    assert torch.equal(sums(history, 3, graph, keep), without)
    graph.edge_weight = graph.edge_weight * keep
    assert torch.equal(sums(history, 3, graph), without)


def test_parallel_edges_add_up() -> None:
    history = torch.ones(3, 2)
    index = torch.tensor([[0, 0, 1], [1, 1, 1]])
    weight, delay = torch.tensor([0.5, -0.25, 2.0]), torch.tensor([1, 3, 2])
    assert DelayedSpikeConv()(history, 0, index, weight, delay).tolist() == [0.0, 2.25]


def test_a_graph_without_edges_is_silent() -> None:
    empty = random_graph(num_nodes=3, num_edges=0)
    assert sums(torch.ones(2, 3, 4), 0, empty).tolist() == [[0.0] * 4] * 3


@pytest.mark.parametrize("aggr", ["mean", "max"])
def test_other_aggregations_of_pyg(aggr: str) -> None:
    graph, history = random_graph(4, num_nodes=5), random_history(4, 6, 5)
    out = DelayedSpikeConv(aggr=aggr)(
        history, 2, graph.edge_index, graph.edge_weight, graph.edge_delay
    )
    src, dst = graph.edge_index
    message = graph.edge_weight * history[(2 - graph.edge_delay) % 6, src]
    for i in range(5):
        own = message[dst == i]
        expected = getattr(own, "mean" if aggr == "mean" else "amax")() if own.numel() else 0.0
        assert float(out[i]) == pytest.approx(float(expected), abs=1e-6)


def test_gradients_reach_spikes_and_weights() -> None:
    graph = random_graph(2, num_nodes=4, num_edges=10)
    spikes = random_history(2, 6, 4, 2).double().requires_grad_()
    weight = graph.edge_weight.double().requires_grad_()

    def call(spikes: Tensor, weight: Tensor) -> Tensor:
        conv = DelayedSpikeConv()
        out: Tensor = conv(spikes, 5, graph.edge_index, weight, graph.edge_delay)
        return out

    assert torch.autograd.gradcheck(call, (spikes, weight))


def test_gradients_pass_through_a_buffer() -> None:
    buffer = DelayBuffer(3, 4)
    inputs = [torch.rand(3, requires_grad=True) for _ in range(6)]
    for spikes in inputs:
        buffer.push(spikes)
    buffer.get_delayed_spikes(torch.full((3, 3), 2)).sum().backward()
    assert [None if x.grad is None else float(x.grad.sum()) for x in inputs][-2] == 9.0


@given(seed=seeds)
def test_the_layer_and_the_buffer_agree(seed: int) -> None:
    graph = random_graph(seed, num_nodes=5, num_edges=15, max_delay=4)
    buffer, conv = DelayBuffer(5, 4), DelayedSpikeConv()
    for t in range(12):
        read = buffer.get_delayed_spikes(graph.edge_delay, graph.edge_index)
        jump = (graph.edge_weight * read).double()
        expected = torch.zeros(5, dtype=torch.float64).index_add_(0, graph.edge_index[1], jump)
        weight = graph.edge_weight.double()
        found = conv(buffer.history, t, graph.edge_index, weight, graph.edge_delay)
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
        buffer.push(random_history(seed + t, 1, 5)[0])


@pytest.mark.parametrize("node", [-1, 3])
def test_edges_of_neurons_that_are_not_there(node: int) -> None:
    edge_index = torch.tensor([[0, node], [1, 1]])
    with pytest.raises(ValueError, match=r"'edge_index' must lie in \[0, 2\]"):
        DelayBuffer(3, 4).get_delayed_spikes(torch.ones(2, dtype=torch.long), edge_index)
