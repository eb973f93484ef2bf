"""Small graphs and checks shared by the tests."""

import copy
import os
import subprocess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import TriglialReservoir
from pyngn_graph.backends import BACKENDS
from pyngn_graph.compiling import NOTICE
from pyngn_graph.recording import Recording

CPU_BACKENDS = sorted(name for name, backend in BACKENDS.items() if backend.device != "cuda")
"""Backends that run a reservoir on the CPU."""

DATA = Path(os.environ.get("PYNGN_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Raw files; tests that need some skip where the folder lacks them."""


def complaints(run: subprocess.CompletedProcess[str]) -> str:
    """What a process wrote to stderr; that it compiles, the first time, is no complaint."""
    return run.stderr.replace(f"{NOTICE}\n", "")


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_graph(
    seed: int = 0,
    num_nodes: int = 8,
    num_edges: int = 24,
    max_delay: int = 6,
    weight: float = 0.5,
    **attributes: Any,
) -> Data:
    """Random edges (parallel ones and self loops included), a third of them inhibitory."""
    g = generator(seed)
    size = torch.rand(num_edges, generator=g) * weight
    sign = torch.where(torch.rand(num_edges, generator=g) < 1 / 3, -1.0, 1.0)
    return Data(
        num_nodes=num_nodes,
        pos=torch.rand(num_nodes, 3, generator=g) * 300.0,
        edge_index=torch.randint(num_nodes, (2, num_edges), generator=g),
        edge_weight=size * sign,
        edge_delay=torch.randint(1, max_delay + 1, (num_edges,), generator=g),
        **attributes,
    )


def graph_of(num_nodes: int, edges: list[tuple[int, int, float, int]], **attributes: Any) -> Data:
    """A graph from edges written out as (pre, post, weight, delay)."""
    src, dst, weight, delay = (
        (list(column) for column in zip(*edges, strict=True)) if edges else ([], [], [], [])
    )
    return Data(
        num_nodes=num_nodes,
        edge_index=torch.tensor([src, dst], dtype=torch.long),
        edge_weight=torch.tensor(weight, dtype=torch.float32),
        edge_delay=torch.tensor(delay, dtype=torch.long),
        **attributes,
    )


def delay_line(u: Tensor, length: int) -> Tensor:
    """States of a shift register: row t holds u(t - 1), ..., u(t - length)."""
    u = u.flatten()
    return torch.stack(
        [torch.cat([torch.zeros(k), u[: u.numel() - k]]) for k in range(1, length + 1)], dim=1
    )


def random_drive(seed: int, *shape: int, low: float = 0.0, high: float = 2.5) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator(seed))


def frozen(data: Data) -> dict[str, Any]:
    """Everything that ``data`` holds, copied."""
    return {
        key: value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
        for key, value in data.to_dict().items()
    }


def assert_same(data: Data | dict[str, Any], before: dict[str, Any]) -> None:
    """Same keys, same types, same bits."""
    after = data if isinstance(data, dict) else data.to_dict()
    assert set(after) == set(before)
    for key, value in before.items():
        assert type(after[key]) is type(value), key
        if isinstance(value, Tensor):
            assert after[key].dtype == value.dtype, key
            assert torch.equal(after[key], value), key
        else:
            assert after[key] == value, key


def assert_twins(
    reservoir: TriglialReservoir, twin: TriglialReservoir, *x: Tensor, learn: bool = True
) -> None:
    """Both hold the same graph and, run on, do the same to the last bit."""
    assert_same(reservoir.graph, frozen(twin.graph))
    for signal in x:
        ours, theirs = (going(r, learn)(signal, record=("v", "state")) for r in (reservoir, twin))
        assert_same_run(ours, theirs)
        assert_same(reservoir.graph, frozen(twin.graph))


def assert_same_run(ours: Recording, theirs: Recording) -> None:
    """Two recordings agree to the last bit."""
    assert torch.equal(ours.events, theirs.events)
    assert torch.equal(ours.states, theirs.states)
    assert torch.equal(ours.synaptic_events, theirs.synaptic_events)
    assert torch.equal(ours.num_edges, theirs.num_edges)
    assert set(ours.traces) == set(theirs.traces)
    for name, trace in ours.traces.items():
        assert torch.equal(trace.nan_to_num(-1e9), theirs.traces[name].nan_to_num(-1e9)), name


def going(reservoir: Any, learn: bool) -> Any:
    """What runs the reservoir: ``adapt`` if its glia are to ``learn``, else ``run``."""
    return reservoir.adapt if learn else reservoir.run
