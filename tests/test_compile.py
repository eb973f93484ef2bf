"""torch.compile(fullgraph=True) of a step equals eager, bit for bit."""

import shutil
from typing import Any

import pytest
import torch
from helpers import generator, random_graph
from torch import Tensor, nn

from pyngn_graph import DelayBuffer, DelayedSpikeConv, LIFLayer
from pyngn_graph.interpolation import DelayKernel

COMPILER = shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")
BACKENDS = ["aot_eager", *(["inductor"] if COMPILER else [])]
"""Inductor, whose code fuses what it can, wants a C++ compiler."""


class Step(nn.Module):
    """One step of a recurrent network: past spikes along edges, neurons, spikes into the past."""

    def __init__(self, weight: torch.dtype, parts: bool = False, **neuron: Any) -> None:
        super().__init__()
        graph = random_graph(0, num_nodes=30, num_edges=300, weight=0.8)
        self.edge_index, self.edge_delay = graph.edge_index, graph.edge_delay
        self.edge_weight = nn.Parameter(graph.edge_weight.to(weight))
        self.share = None
        if parts:
            self.edge_delay, self.share = DelayKernel(width=2.0)(graph.edge_delay.float(), 6)
        self.conv, self.buffer = DelayedSpikeConv(), DelayBuffer(30, 6)
        self.neurons = LIFLayer(30, **neuron)

    def forward(self, t: Tensor, current: Tensor) -> Tensor:
        jump = self.conv(
            self.buffer.history,
            t,
            self.edge_index,
            self.edge_weight,
            self.edge_delay,
            edge_share=self.share,
        )
        spikes: Tensor = self.neurons(jump, i_ext=current)
        self.buffer.push(spikes)
        return spikes


CASES: list[dict[str, Any]] = [
    {"weight": torch.float32, "t_ref": 2.0, "v_min": -2.0},
    {"weight": torch.float64, "tau_syn": 5.0, "tau_m": torch.linspace(5.0, 40.0, 30)},
    {"weight": torch.float32, "surrogate": "fast_sigmoid", "parts": True},
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES, ids=range(3))
def test_a_compiled_step_has_the_same_bits(case: dict[str, Any], backend: str) -> None:
    torch._dynamo.reset()
    plain, same = Step(**case), Step(**case)
    compiled = torch.compile(same, fullgraph=True, backend=backend)
    current = 1.0 + 2.0 * torch.randn(60, 30, 2, generator=generator(1))
    count = 0
    with torch.no_grad():
        for step in (plain, same):
            step.buffer.push(torch.zeros(30, 2))
        for t, now in enumerate(current):
            at = torch.tensor(t + 1)
            expected = plain(at, now)
            assert torch.equal(compiled(at, now), expected)
            assert torch.equal(same.neurons.v, plain.neurons.v)
            count += int(expected.sum())
    assert count > 100


def test_gradients_of_a_compiled_step() -> None:
    torch._dynamo.reset()
    found = []
    for fullgraph in (False, True):
        step = Step(torch.float32, parts=True, surrogate="arctan")
        call = torch.compile(step, fullgraph=True, backend="aot_eager") if fullgraph else step
        total = torch.zeros(())
        for t in range(4):
            total = total + call(torch.tensor(t), torch.full((30,), 8.0)).sum()
        total.backward()
        found.append((total, step.edge_weight.grad))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[1][1], found[0][1])
    assert found[0][1].abs().sum() > 0


def test_compiled_reading_of_a_buffer() -> None:
    torch._dynamo.reset()
    graph, buffer = random_graph(1), DelayBuffer(8, 6)

    def step(spikes: Tensor) -> Tensor:
        buffer.push(spikes)
        return buffer.get_delayed_spikes(graph.edge_delay, graph.edge_index)

    compiled, past = torch.compile(step, fullgraph=True, backend="aot_eager"), []
    for t in range(15):
        past.append((torch.rand(8, generator=generator(t)) < 0.5).float())
        found = compiled(past[-1])
        for edge in range(24):
            at = t + 1 - int(graph.edge_delay[edge])
            assert found[edge] == (past[at][graph.edge_index[0, edge]] if at >= 0 else 0.0)
    assert buffer.t == 15
