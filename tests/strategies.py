"""What hypothesis draws: small graphs, neurons and glia of every kind."""

from typing import Any

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, LIFParameters, Microglia, Oligodendrocyte

seeds = st.integers(0, 2**31)
few = settings(max_examples=max(1, settings.default.max_examples // 3))
many = settings(max_examples=3 * settings.default.max_examples)


@st.composite
def graphs(draw: st.DrawFn) -> Data:
    num_nodes = draw(st.sampled_from([1, 2, 3, 4, 5, 6, 7]))
    num_edges = draw(st.sampled_from([0, 1, num_nodes, 12, 20, 25, 30]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Few distinct pairs: parallel edges and self loops are common.
    index = torch.from_numpy(rng.integers(num_nodes, size=(2, num_edges)))
    weight = torch.from_numpy(rng.integers(-40, 80, size=num_edges)) / 64.0
    longest = draw(st.sampled_from([1, 3, 6, 12]))
    delay = torch.from_numpy(rng.integers(1, longest + 1, size=num_edges))
    graph = Data(
        num_nodes=num_nodes,
        edge_index=index,
        edge_weight=weight,
        edge_delay=delay,
        pos=torch.from_numpy(rng.uniform(0, 200, size=(num_nodes, 3))).float(),
    )
    if draw(st.booleans()):
        graph.edge_mask = torch.from_numpy(rng.random(num_edges) < 0.8)
    return graph


@st.composite
def neurons(draw: st.DrawFn, num_nodes: int) -> LIFParameters:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))

    def value(low: float, high: float) -> Any:
        if draw(st.booleans()):
            return float(rng.uniform(low, high))
        return torch.from_numpy(rng.uniform(low, high, size=num_nodes))

    return LIFParameters(
        tau_m=value(5.0, 30.0),
        v_th=value(0.8, 1.3),
        v_rest=value(-0.2, 0.1),
        v_reset=value(-0.3, 0.2),
        r_m=value(0.8, 1.5),
        t_ref=draw(st.sampled_from([0.0, 2.0, 3.0])) if draw(st.booleans()) else value(0.0, 4.0),
        v_min=draw(st.sampled_from([None, -0.5])),
        tau_syn=None if draw(st.booleans()) else value(2.0, 8.0),
    )


@st.composite
def cells(draw: st.DrawFn) -> list[Any]:
    astrocyte = Astrocyte(
        rho=draw(st.sampled_from([0.02, 0.1])),
        tau_ca=draw(st.sampled_from([10.0, 50.0])),
        eta=draw(st.sampled_from([0.01, 0.2])),
        min_gain=0.3,
        max_gain=draw(st.sampled_from([1.2, 5.0])),
        rule=draw(st.sampled_from(["additive", "multiplicative"])),
        territory=draw(st.sampled_from([None, 80.0])),
    )
    oligodendrocyte = Oligodendrocyte(
        rule=draw(st.sampled_from(["graded", "align"])),
        eta=draw(st.sampled_from([0.05, 0.4])),
        window=draw(st.sampled_from([5.0, 12.5, 60.0])),
        lead=draw(st.sampled_from([0.0, 1.5, 3.0])),
        min_delay=draw(st.integers(1, 3)),
        max_delay=draw(st.integers(12, 25)),
    )
    microglia = Microglia(
        criterion=draw(st.sampled_from(["threshold", "relative", "weight"])),
        threshold=draw(st.sampled_from([0.3, 0.47, 0.51])),
        fraction=draw(st.sampled_from([0.16, 0.3, 0.5])),
        keep=draw(st.sampled_from([0.0, 0.35, 0.8])),
        min_in=draw(st.integers(0, 2)),
        trace=draw(st.sampled_from(["window", "coincidence"])),
        eta=draw(st.sampled_from([0.05, 0.2])),
        decay=draw(st.sampled_from([0.0, 2e-3, 0.1])),
        cost=draw(st.sampled_from([0.0, 0.25])),
        tau_h=15.0,
        drop=draw(st.booleans()),
    )
    order = draw(st.permutations([astrocyte, oligodendrocyte, microglia]))
    return order[: draw(st.sampled_from([1, 2, 3, 3, 3]))]
