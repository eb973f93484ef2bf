"""Sums by target through torch-scatter: the same bits, each time; skipped where it is missing."""

import pytest
import torch
from helpers import assert_same, assert_same_run, frozen, generator, random_drive, random_graph
from torch import Tensor

from pyngn_graph import Astrocyte, Microglia, Oligodendrocyte, TriglialReservoir, segments
from pyngn_graph.backends import reference
from pyngn_graph.segments import SegmentSum, sum_by_target
from pyngn_graph.synapse import DelayedSpikeConv

needs_scatter = pytest.mark.skipif(not segments.installed(), reason="needs torch-scatter")


def test_without_torch_scatter_sums_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments.typing, "WITH_TORCH_SCATTER", False)
    target = torch.tensor([0, 1])
    with pytest.raises(ImportError, match="pip install torch-scatter --no-build-isolation"):
        SegmentSum(target, 2)
    assert sum_by_target(target, 2) == "add"
    assert sum_by_target(target.to("meta"), 2) == "add"


def test_on_the_cpu_sums_are_plain() -> None:
    assert sum_by_target(torch.tensor([0, 1]), 2) == "add"


def one_by_one(messages: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Messages ``[E, B]`` added in the order of the edges, one after the other."""
    total = messages.new_zeros(num_nodes, *messages.shape[1:])
    for message, i in zip(messages, target.tolist(), strict=True):
        total[i] = total[i] + message
    return total


@needs_scatter
@pytest.mark.parametrize("num_edges", [0, 1, 7, 500])
def test_a_float32_sum_goes_through_the_edges_in_order(num_edges: int) -> None:
    g = generator(num_edges)
    target = torch.randint(7, (num_edges,), generator=g)
    messages = torch.randn(num_edges, 3, generator=g)
    summed = SegmentSum(target, 9)
    assert torch.equal(summed(messages, target, dim_size=9), one_by_one(messages, target, 9))


@needs_scatter
def test_the_layer_and_its_gradients_are_those_of_the_plain_sum() -> None:
    g, graph = generator(1), random_graph(1, num_nodes=8, num_edges=60)
    past = (torch.rand(6, 8, 2, generator=g, dtype=torch.float64) < 0.4).double()
    found = []
    for aggr in ("add", SegmentSum(graph.edge_index[1], 8)):
        buffer, weight = past.clone().requires_grad_(), graph.edge_weight.double().requires_grad_()
        out = DelayedSpikeConv(aggr=aggr)(buffer, 9, graph.edge_index, weight, graph.edge_delay)
        out.square().sum().backward()
        found.append((out, buffer.grad, weight.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert found[0][2].abs().sum() > 0


@needs_scatter
@pytest.mark.parametrize("in_flight", ["arrival", "emission"])
def test_a_life_has_the_same_bits(in_flight: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(3, num_nodes=20, num_edges=150, weight=0.6)
    glia = [Astrocyte(), Oligodendrocyte(max_delay=12), Microglia(eta=0.1)]
    x, used = random_drive(0, 2, 40, 3, low=-1.0, high=1.0), []

    def always(target: Tensor, num_nodes: int) -> SegmentSum:
        used.append(target.numel())
        return SegmentSum(target, num_nodes)

    pair = [
        TriglialReservoir(
            graph, 3, glia=glia, glia_period=16, bias=(1.0, 3.0), in_flight=in_flight,
            backend="reference",
        )
        for _ in range(2)
    ]  # fmt: skip
    runs = [pair[0].run(x, record="v")]
    monkeypatch.setattr(reference, "sum_by_target", always)
    runs.append(pair[1].run(x, record="v"))
    assert_same_run(*runs)
    assert_same(pair[0].graph, frozen(pair[1].graph))
    assert runs[0].events.numel()
    assert len(used) > 3


@needs_scatter
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_each_sum_has_the_bits_of_the_first() -> None:
    g = generator(0)
    target = torch.randint(50, (100_000,), generator=g).cuda()
    messages = torch.randn(100_000, 4, generator=g).cuda()
    summed = sum_by_target(target, 50)
    assert isinstance(summed, SegmentSum)
    first = summed(messages, target, dim_size=50)
    for _ in range(20):
        assert torch.equal(summed(messages, target, dim_size=50), first)
