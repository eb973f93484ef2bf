"""Measures of nothing are nothing, or undefined, or refused: none of them flatters."""

import contextlib
import math
import warnings
from typing import Any

import pytest
import torch
from helpers import generator, random_graph
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.analysis import dynamics, topology
from pyngn_graph.tasks import uniform_input

# --- memory capacity


def capacity_of_noise(seed: int, samples: int, features: int, **how: Any) -> float:
    u = uniform_input(samples, generator=generator(seed))
    noise = torch.randn(samples, features, generator=generator(seed + 1))
    with contextlib.suppress(ValueError):  # refused is as good
        return dynamics.memory_capacity(noise, u, **how).total
    return 0.0


@pytest.mark.parametrize("features", [3, 200])
@pytest.mark.parametrize(
    ("samples", "how"),
    [
        (25, {"max_lag": 20}),
        (40, {"max_lag": 20}),
        (110, {"max_lag": 20}),
        (300, {"max_lag": 60}),
        (2000, {"max_lag": 20, "train_fraction": 0.999}),
        (2000, {"max_lag": 20, "train_fraction": 0.98}),
        (2000, {"max_lag": 20, "train_fraction": 0.02}),
        (2000, {"max_lag": 20, "washout": 1990}),
        (2000, {"max_lag": 20, "washout": 1910}),
        (2000, {"max_lag": 1}),
    ],
)
def test_noise_has_no_memory_however_it_is_starved(
    features: int, samples: int, how: dict[str, Any]
) -> None:
    found = [capacity_of_noise(10 * seed, samples, features, **how) for seed in range(8)]
    assert sum(found) == 0.0


@pytest.mark.parametrize("slow", [2, 10, 100])
def test_slow_noise_does_not_remember_a_slow_input(slow: int) -> None:
    pool = torch.nn.functional.avg_pool1d
    found = []
    for seed in range(8):
        noise = torch.randn(21, 1, 3000 + slow, generator=generator(seed))
        smooth = pool(noise, slow, 1)[:, 0, :3000].t()
        found.append(dynamics.memory_capacity(smooth[:, 1:], smooth[:, 0], 30).total)
    assert sum(each > 0 for each in found) <= 1
    assert sum(found) < 0.5


def test_the_samples_that_are_asked_for_are_enough() -> None:
    u = uniform_input(3000, generator=generator(0))
    noise = torch.randn(3000, 4, generator=generator(1))
    for how in ({}, {"train_fraction": 0.999}, {"washout": 70}, {"train_fraction": 0.1}):
        with pytest.raises(ValueError, match="too few to train and test on, 10 each") as error:
            dynamics.memory_capacity(noise[:68], u[:68], **how)
        number = int(str(error.value).split("record ")[1].split()[0])
        if number > len(u):
            continue
        assert dynamics.memory_capacity(noise[:number], u[:number], **how).total == 0.0


@pytest.mark.parametrize("copies", [1, 100])
def test_the_rank_of_the_states_bounds_the_memory(copies: int) -> None:
    s = torch.sin(torch.arange(2000) / 7.0)
    states = torch.stack([s, s.roll(1)], dim=1).repeat(1, copies)
    with pytest.warns(UserWarning, match=r"add up to 60 for states of rank 2, so that 'u' is not"):
        assert dynamics.memory_capacity(states, s, 60).total == 2.0


def test_memory_that_is_there_loses_nothing() -> None:
    u = uniform_input(3000, generator=generator(0))
    line = torch.stack([u[:, 0].roll(k) for k in range(1, 8)], dim=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dynamics.memory_capacity(line, u, 30)
    assert abs(found.total - 7.0) < 1e-3
    assert float(found.r2[7:].max()) == 0.0
    # The same lags in noise: what is true on average is found on average.
    share = 0.1
    noisy = line + (1.0 / 3.0 * (1.0 - share) / share) ** 0.5 * torch.randn(
        3000, 7, generator=generator(1)
    )
    assert abs(dynamics.memory_capacity(noisy, u, 30).total - 7 * share) < 0.35


def test_states_that_follow_the_input_the_wrong_way_on_new_data_remember_nothing() -> None:
    u = uniform_input(1000, generator=generator(0))
    state = u.roll(1, dims=0)
    state[750:] *= -1.0  # after training it is turned around
    assert dynamics.memory_capacity(state, u, 5).total == 0.0


@pytest.mark.parametrize(("samples", "features"), [(30, 10), (150, 100), (400, 10)])
def test_noise_computes_nothing(samples: int, features: int) -> None:
    u = uniform_input(samples, generator=generator(0))
    noise = torch.randn(samples, features, generator=generator(1))
    assert dynamics.information_processing_capacity(noise, u, 2, 3).total < 0.2


def test_a_slow_input_is_no_measure_of_what_is_computed() -> None:
    slow = uniform_input(100, generator=generator(0)).repeat_interleave(20, dim=0)
    with pytest.raises(ValueError, match=r"its values follow each other .*; draw it by"):
        dynamics.information_processing_capacity(slow, slow, 1, 20)


def test_a_rank_that_is_the_number_of_states_says_so() -> None:
    noise = torch.randn(20, 50, generator=generator(0))
    with pytest.warns(UserWarning, match="20 states of 50 features have full rank whatever"):
        assert dynamics.state_rank(noise).rank == 20
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dynamics.state_rank(noise, noise=10.0).rank == 0
        assert dynamics.state_rank(noise.t()).rank == 20
        assert dynamics.state_rank(noise[:1].expand(20, 50)).rank == 1


# --- branching ratio


def poisson(rate: Tensor, seed: int = 0) -> Tensor:
    return torch.poisson(rate, generator=generator(seed))


RATES = {
    "constant": lambda t: torch.full((t,), 3.0),
    "rises": lambda t: torch.linspace(1, 20, t),
    "falls": lambda t: torch.linspace(9, 1, t),
    "jumps": lambda t: torch.cat([torch.full((t // 2,), 2.0), torch.full((t - t // 2,), 9.0)]),
    "waves": lambda t: 5.0 + 4.0 * torch.sin(torch.arange(t) * 2.0 * math.pi / t),
}


@pytest.mark.parametrize("length", [500, 1000, 5000])
@pytest.mark.parametrize("name", RATES)
def test_activity_without_memory_has_no_branching_ratio(name: str, length: int) -> None:
    for seed in range(6):
        with pytest.warns(UserWarning, match="There is no branching ratio: "):
            found = dynamics.branching_ratio(poisson(RATES[name](length), seed))
        assert math.isnan(found.m)
        assert math.isnan(found.tau)
        assert found.interval == (0.0, 1.0)


def test_trials_of_other_rates_are_no_memory() -> None:
    trials = torch.stack([poisson(torch.full((600,), float(k)), k) for k in range(1, 9)])
    assert math.isnan(dynamics.branching_ratio(trials).m)


def process(m: float, seed: int, length: int = 3000, trials: int = 4) -> Tensor:
    g, a, steps = generator(seed), torch.full((trials,), 4.0 / (1.0 - m)), []
    for _ in range(length + 100):
        a = torch.poisson(m * a + 4.0, generator=g)
        steps.append(a)
    return torch.stack(steps[100:], dim=1)


@pytest.mark.parametrize("m", [0.3, 0.8, 0.95])
def test_the_interval_holds_the_ratio(m: float) -> None:
    found = [dynamics.branching_ratio(process(m, seed)) for seed in range(8)]
    inside = sum(each.interval[0] <= m <= each.interval[1] for each in found)
    assert inside >= 6
    for each in found:
        assert each.interval[0] < each.m < each.interval[1]
        assert each.interval[1] - each.interval[0] < 0.3
    longer = dynamics.branching_ratio(process(m, 0, trials=40)).interval
    assert longer[1] - longer[0] < found[0].interval[1] - found[0].interval[0]


def test_lags_far_below_the_autocorrelation_time_tell_nothing() -> None:
    activity = process(0.97, 0)
    assert math.isnan(dynamics.branching_ratio(activity, max_lag=2).m)
    assert abs(dynamics.branching_ratio(activity, max_lag=80).m - 0.97) < 0.02


# --- null models


def made_of(pairs: list[tuple[int, int]], num_nodes: int) -> Data:
    index = torch.tensor(pairs).t().contiguous()
    return Data(
        num_nodes=num_nodes,
        edge_index=index,
        edge_weight=torch.ones(index.size(1)),
        edge_delay=torch.ones(index.size(1), dtype=torch.int64),
        pos=torch.rand(num_nodes, 3, generator=generator(0)),
    )


RIGID = {
    "full": made_of([(i, j) for i in range(12) for j in range(12) if i != j], 12),
    "star": made_of([(0, j) for j in range(1, 20)], 20),
    "star inward": made_of([(j, 0) for j in range(1, 20)], 20),
    "one edge": made_of([(0, 1)], 2),
    "triangle": made_of([(0, 1), (1, 2), (2, 0)], 3),
}


@pytest.mark.parametrize("name", RIGID)
def test_a_null_model_that_is_the_graph_says_so(name: str) -> None:
    with pytest.warns(UserWarning, match=r"Only \d+ % of the \d+ edges of the null model 'degree'"):
        null = topology.null_model(RIGID[name])
    pairs = [sorted(map(tuple, g.edge_index.t().tolist())) for g in (null, RIGID[name])]
    assert pairs[0] == pairs[1] or name == "triangle"


@pytest.mark.parametrize("kind", ["degree", "random", "lattice", "distance", "degree_distance"])
def test_every_kind_says_so_on_a_full_graph(kind: str) -> None:
    with pytest.warns(UserWarning, match=rf"Only 0 % of the 132 edges of the null model '{kind}'"):
        topology.null_model(RIGID["full"], kind)


def test_a_null_model_with_room_says_nothing() -> None:
    graph = random_graph(0, 100, 600, max_delay=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("degree", "random"):
            topology.null_model(graph, kind)
        topology.null_model(graph, rounds=0)  # none was asked for
        topology.null_model(random_graph(0, 5, 0, max_delay=4))


# --- refractory times


def test_a_refractory_time_that_rounds_to_nothing_says_so() -> None:
    rest = torch.zeros(3, 1)
    for t_ref, number in ((0.4, 1), (torch.tensor([0.0, 0.4, 2.0]), 1)):
        with pytest.warns(
            UserWarning, match=r"'t_ref' of 0.4 ms rounds to 0 steps of 1 ms"
        ) as said:
            ng.LIFParameters(t_ref=t_ref).at(1.0, rest)
        assert f"{number} of " in str(said[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t_ref, dt in ((0.0, 1.0), (0.4, 0.1), (0.51, 1.0), (2.0, 1.0)):
            ng.LIFParameters(t_ref=t_ref).at(dt, rest)
