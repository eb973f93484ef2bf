import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets.graph_generator import GraphGenerator

from pyngn_graph.convert import to_networkx
from pyngn_graph.generators import (
    ErdosRenyi,
    FromNetworkX,
    ScaleFree,
    SmallWorld,
    SpatialGenerator,
    Tissue,
)
from pyngn_graph.generators.sampling import Proposal, connect
from pyngn_graph.glia import Microglia
from pyngn_graph.graph import in_degree, out_degree, validate
from pyngn_graph.reservoir import TriglialReservoir

FAMILIES = [Tissue, ErdosRenyi, SmallWorld, ScaleFree]
KEYS = ["pos", "edge_index", "edge_weight", "edge_delay", "inhibitory"]


def same(a: Data, b: Data, keys: list[str] = KEYS) -> bool:
    return all(torch.equal(a[key], b[key]) for key in keys)


def lengths(data: Data) -> Tensor:
    src, dst = data.edge_index
    return (data.pos[src].double() - data.pos[dst].double()).norm(dim=1)


def pair_chances(data: Data, length_scale: float) -> tuple[Tensor, Tensor]:
    """Distance [N, N] and C_ab exp(-(d / lambda)^2) [N, N] of all pairs but self loops."""
    c = torch.tensor([[0.3, 0.2], [0.4, 0.1]], dtype=torch.float64)
    distance = torch.cdist(data.pos.double(), data.pos.double())
    kind = data.inhibitory.long()
    chance = c[kind.unsqueeze(1), kind] * torch.exp(-((distance / length_scale) ** 2))
    return distance, chance.fill_diagonal_(0)


# Tissue: the distance rule ------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["lattice", "uniform"])
@pytest.mark.parametrize("length_scale", [60.0, 200.0, 1500.0])
def test_distance_rule_holds_at_every_distance(layout: str, length_scale: float) -> None:
    # Observed and expected synapses by distance and by kind of pair, summed over seeds. The tail
    # beyond three length scales is one of the bins: there is no cut-off.
    bins = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 1e9])
    shape = (2, 2, len(bins))
    observed, expected, variance = (torch.zeros(shape, dtype=torch.float64) for _ in range(3))
    for seed in range(40):
        generator = Tissue(
            num_nodes=250, layout=layout, length_scale=length_scale, degree=None, seed=seed
        )
        data = generator()
        distance, chance = pair_chances(data, length_scale)
        which = torch.bucketize(distance / length_scale, bins.double())
        kind = data.inhibitory.long()
        spot = (kind.unsqueeze(1), kind.unsqueeze(0), which)
        found = torch.zeros(250, 250, dtype=torch.float64)
        found.index_put_(tuple(data.edge_index), torch.ones(data.num_edges).double(), True)
        assert found.max() <= 1
        observed.index_put_(spot, found, accumulate=True)
        expected.index_put_(spot, chance, accumulate=True)
        variance.index_put_(spot, chance * (1 - chance), accumulate=True)
    enough = variance > 5
    assert enough.sum() >= 7
    z = (observed - expected)[enough] / variance[enough].sqrt()
    assert z.abs().max() < 4.2
    assert z.square().mean() < 2
    # What is left over has a Poisson distribution with a mean of a few.
    assert (observed[~enough] <= expected[~enough] + 5 * expected[~enough].sqrt() + 4).all()


@pytest.mark.parametrize("chance", [0.008, 0.3])
def test_rare_synapses_are_as_frequent_as_they_should_be(chance: float) -> None:
    # Pairs whose chance is below 1 / N take another path: here, all of them or the distant ones.
    observed, expected = torch.zeros(2), torch.zeros(2)
    for seed in range(150):
        c = dict.fromkeys(("c_ee", "c_ei", "c_ie", "c_ii"), chance)
        data = Tissue(num_nodes=100, degree=None, seed=seed, **c)()
        p = chance * torch.exp(-((torch.cdist(data.pos, data.pos) / 200) ** 2)).fill_diagonal_(0)
        rare = p < 0.5 / 100
        observed += torch.stack([rare[tuple(data.edge_index)].sum(), torch.tensor(data.num_edges)])
        expected += torch.stack([p[rare].sum(), p.sum() - p.diagonal().sum()])
    assert (expected > 200).all()
    assert ((observed - expected).abs() < 4 * expected.sqrt()).all()


def test_pairs_are_independent() -> None:
    z = []
    for seed in range(100):
        data = Tissue(num_nodes=120, degree=None, seed=seed)()
        _, chance = pair_chances(data, 200.0)
        z.append((data.num_edges - chance.sum()) / (chance * (1 - chance)).sum().sqrt())
    assert abs(float(torch.stack(z).mean())) < 0.4
    assert 0.65 < float(torch.stack(z).var()) < 1.5


@pytest.mark.parametrize("degree", [2.0, 8.0, 40.0])
def test_degree_scales_the_rule(degree: float) -> None:
    # P = min(1, s chance); s is found from the number of synapses, then tested bin by bin.
    bins = torch.linspace(0, 500, 11).double()
    observed, expected, variance = (torch.zeros(12, dtype=torch.float64) for _ in range(3))
    kinds = torch.zeros(2, dtype=torch.float64)
    for seed in range(12):
        data = Tissue(num_nodes=300, degree=degree, seed=seed)()
        distance, chance = pair_chances(data, 200.0)
        low, high = 0.0, 1e12
        for _ in range(80):
            scale = math.sqrt(max(low, 1e-12) * high)
            many = float((scale * chance).clamp(max=1).sum()) > data.num_edges
            low, high = (low, scale) if many else (scale, high)
        p = (scale * chance).clamp(max=1)
        which = torch.bucketize(distance, bins).flatten()
        observed += torch.bincount(torch.bucketize(lengths(data), bins), minlength=12)
        expected.index_add_(0, which, p.flatten())
        variance.index_add_(0, which, (p * (1 - p)).flatten())
        inhibitory_pre = data.inhibitory[data.edge_index[0]]
        kinds += torch.stack([inhibitory_pre.sum(), p[data.inhibitory].sum()])
    enough = variance > 5
    z = (observed - expected)[enough] / variance[enough].sqrt()
    assert z.abs().max() < 4
    assert abs(float(kinds[0] - kinds[1])) < 5 * float(kinds[1].sqrt())


def test_self_loops_follow_the_rule_at_distance_zero() -> None:
    loops = 0
    for seed in range(10):
        src, dst = Tissue(num_nodes=400, degree=None, self_loops=True, seed=seed)().edge_index
        loops += int((src == dst).sum())
    mean = 10 * (320 * 0.3 + 80 * 0.1)
    assert abs(loops - mean) < 5 * math.sqrt(mean)


def test_chances_of_zero_and_one() -> None:
    only_ie = Tissue(num_nodes=50, c_ee=0, c_ei=0, c_ii=0, degree=2.0)()
    src, dst = only_ie.edge_index
    assert only_ie.num_edges == 100
    assert only_ie.inhibitory[src].all()
    assert not only_ie.inhibitory[dst].any()
    assert Tissue(num_nodes=50, c_ee=0, c_ei=0, c_ie=0, c_ii=0)().num_edges == 0
    assert Tissue(num_nodes=1, self_loops=True)().edge_index.tolist() == [[0], [0]]
    near = Tissue(num_nodes=30, c_ee=1, c_ei=1, c_ie=1, c_ii=1, length_scale=1e6, degree=None)()
    assert near.num_edges == 30 * 29


def strange_positions() -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(0)
    plane = torch.rand(60, 3, generator=g) * torch.tensor([1000.0, 800.0, 0.0])
    return {
        "one place": torch.zeros(40, 3),
        "a line": torch.arange(50).float().unsqueeze(1) * torch.tensor([[120.0, 0.0, 0.0]]),
        "a plane": plane,
        "two clusters far apart": torch.cat([plane[:30], plane[30:] + 1e5]),
        "outlier": torch.cat([plane, torch.tensor([[1e7, 0.0, 0.0]])]),
        "islands": torch.arange(6).float().unsqueeze(1).expand(6, 3) * 1e4,
    }


@pytest.mark.parametrize("name", strange_positions())
def test_any_positions_reach_the_degree(name: str) -> None:
    pos = strange_positions()[name]
    generator = Tissue(pos=pos, degree=3.0, max_delay=100)
    data = generator()
    assert generator.num_nodes == data.num_nodes == len(pos)
    assert data.num_edges == 3 * len(pos)
    assert torch.equal(data.pos, pos)
    assert data.pos.data_ptr() != pos.data_ptr()


def test_tissue_scales() -> None:
    data = Tissue(num_nodes=20_000, degree=20.0)()
    assert data.num_edges == 400_000
    # A Gaussian in three dimensions: mean squared length 3/2 lambda^2 (borders make it smaller).
    assert 1.2 * 200**2 < float(lengths(data).square().mean()) < 1.5 * 200**2


# All families: what they share -------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@settings(deadline=None, max_examples=40)
@given(num_nodes=st.integers(1, 60), degree=st.floats(0, 70), seed=st.integers(0, 2**40))
def test_every_graph_is_simple_sorted_and_has_the_degree(
    family: Any, num_nodes: int, degree: float, seed: int
) -> None:
    data = validate(family(num_nodes=num_nodes, degree=degree, seed=seed)())
    src, dst = data.edge_index
    code = src * num_nodes + dst
    assert (code.diff() > 0).all()  # sorted by (src, dst), and no parallel edges
    assert (src != dst).all()
    expected = min(math.floor(degree * num_nodes + 0.5), num_nodes * (num_nodes - 1))
    assert data.num_edges == expected
    assert int(data.inhibitory.sum()) == math.floor(0.2 * num_nodes + 0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_schema(family: Any) -> None:
    generator = family(num_nodes=100, dt=0.5)
    data = generator()
    assert isinstance(generator, GraphGenerator)
    assert set(data.keys()) == {*KEYS, "num_nodes", "dt", "length_scale", "velocity"}
    assert data.pos.dtype == data.edge_weight.dtype == torch.float32
    assert data.edge_index.dtype == data.edge_delay.dtype == torch.int64
    assert data.inhibitory.dtype == torch.bool
    assert data.dt == 0.5
    assert data.num_nodes == 100
    assert data.num_edges == 400


@pytest.mark.parametrize("family", FAMILIES)
def test_graphs_say_how_far_and_how_fast_axons_grow(family: Any) -> None:
    data = family(num_nodes=20, spacing=30, velocity=70)()
    assert (data.length_scale, data.velocity) == (200.0 if family is Tissue else 60.0, 70.0)
    assert type(data.length_scale) is type(data.velocity) is float
    found = Microglia("random", regrow=True, min_in=0)(data)
    told = Microglia(
        "random", regrow=True, min_in=0, length_scale=data.length_scale, velocity=70.0
    )(data)
    assert same(found, told, ["edge_index", "edge_delay"])
    assert not torch.equal(found.edge_index, data.edge_index)
    TriglialReservoir(data, glia=[Microglia(regrow=True)])  # raises where a scale is missing


def test_length_scale_is_that_of_the_wiring() -> None:
    assert Tissue(num_nodes=9, length_scale=80, spacing=10.0)().length_scale == 80.0

    @dataclass(eq=False, repr=False)
    class Nearest(ErdosRenyi):
        length_scale: float | None = None

    assert Nearest(num_nodes=9, spacing=10.0)().length_scale == 20.0
    assert Nearest(num_nodes=9, length_scale=35.0)().length_scale == 35.0
    with pytest.raises(ValueError, match="'length_scale' must be a positive length"):
        Nearest(length_scale=-1.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_seeds_equal_graphs(family: Any) -> None:
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    generator = family(num_nodes=80, layout="uniform", seed=5)
    first = generator()
    assert same(first, generator())
    assert same(first, family(num_nodes=80, layout="uniform", seed=5)())
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert same(first, generator())
    torch.set_num_threads(num_threads)
    assert torch.equal(state[0], torch.get_rng_state())
    assert (state[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    other = family(num_nodes=80, layout="uniform", seed=6)()
    assert not any(torch.equal(first[key], other[key]) for key in KEYS)


@pytest.mark.parametrize("family", FAMILIES)
def test_controls_change_one_thing_only(family: Any) -> None:
    base = family(num_nodes=90)()
    uniform = family(num_nodes=90, delay="uniform", max_delay=50)()
    assert same(base, uniform, ["pos", "edge_index", "edge_weight", "inhibitory"])
    assert not torch.equal(base.edge_delay, uniform.edge_delay)
    constant = family(num_nodes=90, weight_distribution="constant", delay="sqrt", max_delay=9)()
    assert same(base, constant, ["pos", "edge_index", "inhibitory"])
    assert set(constant.edge_weight.tolist()) <= {*torch.tensor([0.2, -0.8]).tolist()}
    stronger = family(num_nodes=90, weight=0.4)()
    torch.testing.assert_close(stronger.edge_weight, 2 * base.edge_weight)


def test_streams_and_seeds_do_not_share_random_numbers() -> None:
    streams = {
        ErdosRenyi(seed=seed)._stream(name).initial_seed()
        for seed in (0, 1, 2**62)
        for name in ("position", "sign", "wiring", "weight", "delay")
    }
    assert len(streams) == 15
    # A reservoir that draws from the same seed does not pick the inhibitory neurons by accident.
    inhibitory = ErdosRenyi(num_nodes=1000, seed=3)().inhibitory
    picked = torch.randperm(1000, generator=torch.Generator().manual_seed(3))[:200]
    assert 10 < int(inhibitory[picked].sum()) < 70


def test_weights_are_gamma_distributed_and_obey_dale() -> None:
    data = ErdosRenyi(num_nodes=2000, degree=50.0, weight=0.3, inhibition=5.0)()
    from_inhibitory = data.inhibitory[data.edge_index[0]]
    excitatory, inhibitory = data.edge_weight[~from_inhibitory], data.edge_weight[from_inhibitory]
    assert (excitatory >= 0).all()
    assert (inhibitory <= 0).all()
    torch.testing.assert_close(excitatory.mean(), torch.tensor(0.3), rtol=0.02, atol=0)
    torch.testing.assert_close(inhibitory.mean(), torch.tensor(-1.5), rtol=0.03, atol=0)
    size = excitatory / 0.3
    torch.testing.assert_close(size.var(), torch.tensor(0.5), rtol=0.05, atol=0)
    # Distribution function of gamma(2, 1/2): 1 - (1 + 2 x) exp(-2 x).
    for x in (0.2, 0.5, 1.0, 2.0, 3.0):
        share = float((size <= x).double().mean())
        assert abs(share - (1 - (1 + 2 * x) * math.exp(-2 * x))) < 0.008


@settings(deadline=None, max_examples=25)
@given(
    velocity=st.floats(5, 500),
    dt=st.sampled_from([0.1, 0.5, 1.0, 2.0]),
    max_delay=st.one_of(st.none(), st.integers(1, 40)),
)
def test_delay_is_distance_over_velocity(velocity: float, dt: float, max_delay: int | None) -> None:
    data = Tissue(num_nodes=60, velocity=velocity, dt=dt, max_delay=max_delay)()
    exact = 1 + lengths(data) / velocity / dt
    off = (data.edge_delay - exact).abs()
    capped = torch.zeros_like(off, dtype=torch.bool)
    if max_delay is not None:
        assert int(data.edge_delay.max()) <= max_delay
        capped = (data.edge_delay == max_delay) & (exact > max_delay)
    assert (off[~capped] <= 0.5 + 1e-6).all()
    assert int(data.edge_delay.min()) >= 1


def test_default_delays_in_lattice_units() -> None:
    data = Tissue()()  # half a lattice unit per ms: neighbors are 3 steps apart
    neighbors = lengths(data) == 100
    assert neighbors.sum() > 100
    assert (data.edge_delay[neighbors] == 3).all()


def test_delay_controls_have_their_distributions() -> None:
    flat = ErdosRenyi(num_nodes=1000, degree=40.0, delay="uniform", max_delay=20)().edge_delay
    count = torch.bincount(flat, minlength=21)[1:]
    assert int(count.sum()) == 40_000
    assert float(((count - 2000.0) ** 2 / 2000).sum()) < 50  # chi square, 19 degrees of freedom
    long = ErdosRenyi(num_nodes=1000, degree=40.0, delay="sqrt", max_delay=101)().edge_delay
    assert int(long.min()) >= 1
    assert int(long.max()) == 101
    share = (long.double() - 1) / 100  # sqrt(U) has mean 2/3 and variance 1/18
    assert abs(float(share.mean()) - 2 / 3) < 0.006
    assert abs(float(share.var()) - 1 / 18) < 0.002
    assert (ErdosRenyi(num_nodes=9, delay="sqrt", max_delay=1)().edge_delay == 1).all()


@settings(deadline=None, max_examples=60)
@given(num_nodes=st.integers(1, 2000))
def test_lattice_is_nearly_cubic_for_any_size(num_nodes: int) -> None:
    pos = ErdosRenyi(num_nodes=num_nodes, degree=0.0, spacing=10.0)().pos
    sites = torch.round(pos / 10).long()
    assert torch.equal(sites * 10.0, pos)
    assert len(torch.unique(sites, dim=0)) == num_nodes
    sides = sites.amax(dim=0) + 1
    assert int(sides.max() - sides.min()) <= 1


def test_uniform_layout_has_the_density_of_the_lattice() -> None:
    pos = Tissue(num_nodes=1000, layout="uniform", spacing=50.0, degree=0.0)().pos
    assert float(pos.min()) >= 0
    assert 490 < float(pos.max()) <= 500
    torch.testing.assert_close(pos.mean(dim=0), torch.full((3,), 250.0), rtol=0.06, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_repr_shows_every_parameter_and_can_be_run(family: Any) -> None:
    generator = family(num_nodes=30, degree=2.0, seed=4, delay="uniform", max_delay=7, weight=0.1)
    text = repr(generator)
    assert text.startswith(f"{family.__name__}(num_nodes=30, degree=2.0")
    again = eval(text)
    assert repr(again) == text
    assert same(again(), generator())
    assert "pos=[5, 3]" in repr(family(pos=torch.rand(5, 3)))


# The other families ------------------------------------------------------------------------------


def test_erdos_renyi_is_blind_to_distance() -> None:
    total = torch.zeros(50, 50)
    for seed in range(60):
        data = ErdosRenyi(num_nodes=50, degree=10.0, seed=seed)()
        total.index_put_(tuple(data.edge_index), torch.ones(500), accumulate=True)
    off = ~torch.eye(50, dtype=torch.bool)
    p = 10 / 49
    z = (total[off] / 60 - p) / math.sqrt(p * (1 - p) / 60)
    assert abs(float(z.mean())) < 0.1
    assert 0.9 < float(z.var()) < 1.1
    assert float(z.abs().max()) < 5


def test_small_world_without_rewiring_takes_the_nearest() -> None:
    data = SmallWorld(num_nodes=200, layout="uniform", degree=6.0, rewiring=0.0)()
    assert (in_degree(data) == 6).all()
    distance = torch.cdist(data.pos.double(), data.pos.double()).fill_diagonal_(math.inf)
    nearest = distance.topk(6, largest=False).indices
    expected = {(int(j), i) for i in range(200) for j in nearest[i]}
    assert set(map(tuple, data.edge_index.t().tolist())) == expected


def test_small_world_breaks_ties_at_random() -> None:
    data = SmallWorld(num_nodes=1000, degree=3.0, rewiring=0.0)()
    src, dst = data.edge_index
    step = ((data.pos[src] - data.pos[dst]) / 100).round().long()
    assert (step.abs().sum(dim=1) == 1).all()  # three of the up to six neighbors
    for axis in range(3):
        for sign in (-1, 1):
            assert abs(int((step[:, axis] == sign).sum()) - 500) < 100


def test_small_world_rewires_the_given_share() -> None:
    still = SmallWorld(num_nodes=500, degree=8.0, rewiring=0.0)()
    for rewiring in (0.1, 0.5, 1.0):
        data = SmallWorld(num_nodes=500, degree=8.0, rewiring=rewiring)()
        assert (in_degree(data) == 8).all()
        kept = torch.isin(
            still.edge_index[0] * 500 + still.edge_index[1],
            data.edge_index[0] * 500 + data.edge_index[1],
        )
        share = 1 - float(kept.double().mean())
        assert abs(share - rewiring) <= 5 * math.sqrt(rewiring * (1 - rewiring) / 4000)


def test_small_world_is_clustered_and_short() -> None:
    def measures(generator: SpatialGenerator) -> tuple[float, float]:
        graph = nx.DiGraph(to_networkx(generator()))
        path = [d for _, row in nx.all_pairs_shortest_path_length(graph) for d in row.values()]
        return nx.average_clustering(graph), sum(path) / len(path)

    lattice = measures(SmallWorld(num_nodes=300, degree=10.0, rewiring=0.0))
    world = measures(SmallWorld(num_nodes=300, degree=10.0, rewiring=0.1))
    random = measures(ErdosRenyi(num_nodes=300, degree=10.0))
    assert world[0] > 4 * random[0]
    assert world[1] < 0.5 * (lattice[1] + random[1])


@pytest.mark.parametrize("rewiring", [0.5, 1.0])
def test_small_world_ends_in_nearly_complete_graphs(rewiring: float) -> None:
    for degree in (38.0, 38.5, 39.0):
        data = SmallWorld(num_nodes=40, degree=degree, rewiring=rewiring)()
        assert data.num_edges == 40 * degree


@pytest.mark.parametrize("exponent", [2.3, 3.0, 4.0])
def test_scale_free_degrees_follow_the_power_law(exponent: float) -> None:
    ranks = torch.arange(8, 400)
    for degree in (in_degree, out_degree):
        curves = []
        for seed in range(6):
            data = ScaleFree(num_nodes=4000, degree=10.0, exponent=exponent, seed=seed)()
            curves.append(degree(data).sort(descending=True).values.double())
        height = torch.stack(curves).mean(dim=0)[ranks].log()
        x = (ranks + 1).double().log()
        slope = float(((x - x.mean()) * height).sum() / (x - x.mean()).square().sum())
        # Hubs of an exponent near 2 saturate, which flattens the curve a little.
        assert abs(slope + 1 / (exponent - 1)) < 0.12


def test_scale_free_hubs_send_and_receive_and_lie_anywhere() -> None:
    data = ScaleFree(num_nodes=1000, degree=6.0)()
    send, receive = out_degree(data).double(), in_degree(data).double()
    assert float(torch.corrcoef(torch.stack([send, receive]))[0, 1]) > 0.7
    assert int(send.max()) > 30
    hubs = send.topk(50).indices
    assert 350 < float(data.pos[hubs].mean()) < 550  # the center of the lattice is at 450
    graph = to_networkx(data)
    assert len(max(nx.strongly_connected_components(graph), key=len)) > 700  # recurrent


def test_a_family_of_ones_own() -> None:
    @dataclass(eq=False, repr=False)
    class Ring(SpatialGenerator):
        hop: int = 1

        def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
            src = torch.arange(pos.size(0))
            return torch.stack([src, (src + self.hop) % pos.size(0)])

    data = Ring(10, hop=3, seed=1)()
    assert repr(Ring(10, hop=3)).startswith("Ring(num_nodes=10, hop=3, layout='lattice'")
    assert data.edge_index.t().tolist()[:2] == [[0, 3], [1, 4]]
    assert int(data.inhibitory.sum()) == 2


def test_edges_of_any_wiring_come_sorted() -> None:
    @dataclass(eq=False, repr=False)
    class Given(SpatialGenerator):
        edges: Tensor | None = None

        def wire(self, pos: Tensor, inhibitory: Tensor, generator: torch.Generator) -> Tensor:
            return self.edges

    g = torch.Generator().manual_seed(0)
    for num_edges in (0, 1, 200):  # among 8 neurons, so that there are parallel ones
        edges = torch.randint(8, (num_edges, 2), generator=g).t()
        expected = edges[:, (8 * edges[0] + edges[1]).argsort(stable=True)]
        assert torch.equal(Given(8, edges=edges)().edge_index, expected)
    with pytest.raises(ValueError, match=r"'edge_index' must lie in \[0, 7\]: 1 of 2 .*\[8, 0\]"):
        Given(8, edges=torch.tensor([[0, 8], [1, 0]]))()
    with pytest.raises(TypeError, match="'edge_index' must be an int64 tensor"):
        Given(8, edges=torch.zeros(2, 3))()


# How graphs are sampled --------------------------------------------------------------------------


def all_pairs(num_nodes: int) -> Callable[[float], Iterator[Proposal]]:
    def propose(log_scale: float) -> Iterator[Proposal]:
        src = torch.arange(num_nodes).repeat_interleave(num_nodes)
        yield src, torch.arange(num_nodes).repeat(num_nodes), 0.0

    return propose


def test_of_equal_ratios_the_first_are_taken() -> None:
    def certain(src: Tensor, dst: Tensor) -> Tensor:
        return torch.full((src.numel(),), math.inf, dtype=torch.float64)

    for number in (1, 5, 12):
        edges = connect(all_pairs(4), certain, number, 0.0, torch.Generator().manual_seed(0))
        pairs = [(j, i) for j in range(4) for i in range(4) if i != j]
        assert edges.t().tolist() == [list(pair) for pair in pairs[:number]]


@pytest.mark.parametrize("guess", [-30.0, -1.0, 3.0])
def test_the_number_of_edges_does_not_depend_on_the_guess(guess: float) -> None:
    # Pairs whose source is even are ten times as likely.
    def affinity(src: Tensor, dst: Tensor) -> Tensor:
        return math.log(0.1) * (src % 2).double()

    even = 0
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        src, dst = connect(all_pairs(40), affinity, 50, guess, generator)
        assert len({*zip(src.tolist(), dst.tolist(), strict=True)}) == 50
        even += int((src % 2 == 0).sum())
    assert abs(even - 2000 * 10 / 11) < 5 * math.sqrt(2000 * 10 / 121)


@pytest.mark.parametrize("family", FAMILIES)
def test_small_chunks_give_whole_graphs(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyngn_graph.generators.sampling._CHUNK", 50)
    data = family(num_nodes=90, degree=9.0)()
    assert data.num_edges == 810
    assert ((90 * data.edge_index[0] + data.edge_index[1]).diff() > 0).all()


def test_there_is_room_for_any_number_of_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyngn_graph.generators.sampling._CHUNK", 20)
    z = []
    for seed in range(60):
        data = Tissue(num_nodes=90, degree=None, seed=seed)()
        _, chance = pair_chances(data, 200.0)
        z.append((data.num_edges - chance.sum()) / (chance * (1 - chance)).sum().sqrt())
    assert abs(float(torch.stack(z).mean())) < 0.5


@pytest.mark.parametrize("delay", ["distance", "uniform", "sqrt"])
def test_delays_drawn_in_blocks_are_the_same(delay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Tissue(num_nodes=100, delay=delay, max_delay=12)
    expected = generator()
    monkeypatch.setattr("pyngn_graph.generators.anatomy._BLOCK", 7)
    assert same(generator(), expected)


# FromNetworkX ------------------------------------------------------------------------------------


def test_from_networkx_keeps_a_complete_graph() -> None:
    data = Tissue(num_nodes=50, seed=2, dt=0.5)()
    again = FromNetworkX(to_networkx(data), seed=9, dt=0.5)()
    assert set(again.keys()) == set(data.keys())
    assert same(data, again)


def test_from_networkx_says_how_far_and_how_fast_axons_grow() -> None:
    graph = nx.DiGraph([(0, 1)])
    drawn = FromNetworkX(graph, spacing=25.0, velocity=10.0)()
    assert (drawn.length_scale, drawn.velocity) == (50.0, 10.0)
    own = FromNetworkX(to_networkx(Tissue(num_nodes=9, length_scale=80.0, velocity=20.0)()))()
    assert (own.length_scale, own.velocity) == (80.0, 20.0)
    graph.graph["velocity"] = 20.0
    mixed = FromNetworkX(graph, spacing=25.0)()
    assert (mixed.length_scale, mixed.velocity) == (50.0, 20.0)


def test_from_networkx_draws_what_is_missing() -> None:
    graph = nx.gnp_random_graph(200, 0.05, directed=True, seed=1)
    generator = FromNetworkX(graph, seed=3)
    data = generator()
    assert same(data, generator())
    assert sorted(map(tuple, data.edge_index.t().tolist())) == sorted(graph.edges)
    assert int(data.inhibitory.sum()) == 40
    assert ((data.edge_weight < 0) == data.inhibitory[data.edge_index[0]]).all()
    assert (data.edge_delay == torch.floor(1.5 + lengths(data) / 50).long()).all()
    assert len(data.edge_weight.unique()) > 100
    assert data.dt == 1.0
    assert "FromNetworkX(graph=<DiGraph with 200 nodes" in repr(generator)


def test_from_networkx_fills_single_gaps() -> None:
    graph = nx.DiGraph([(0, 1), (1, 2), (2, 0)])
    graph.edges[0, 1].update(weight=0.5, delay=9)
    graph.edges[1, 2].update(weight=-0.25)
    data = FromNetworkX(graph, weight_distribution="constant", delay="uniform", max_delay=4)()
    assert data.edge_weight.tolist() == pytest.approx([0.5, -0.25, 0.2])
    assert data.edge_delay[0] == 9
    assert (data.edge_delay[1:] <= 4).all()
    assert data.inhibitory.tolist() == [False, True, False]  # read from the signs


def test_from_networkx_turns_magnitudes_into_signed_weights() -> None:
    graph = nx.karate_club_graph()
    for *_, row in graph.edges(data=True):
        row["weight"] /= 8  # counts become potentials
    given = {(u, v): w for u, v, w in graph.to_directed().edges(data="weight")}
    plain = FromNetworkX(graph)()  # unless it is asked for, signs stay
    assert sorted(plain.edge_weight.tolist()) == sorted(given.values())
    assert not plain.inhibitory.any()
    data = FromNetworkX(graph, inhibition=2.0, inhibitory_fraction=0.2)()
    assert data.club[0] == "Mr. Hi"
    for (u, v), w in zip(data.edge_index.t().tolist(), data.edge_weight.tolist(), strict=True):
        assert w == given[u, v] * (-2 if data.inhibitory[u] else 1)
    assert int(data.inhibitory.sum()) == 7
    plain = FromNetworkX(graph, inhibitory_fraction=0)()
    assert (plain.edge_weight > 0).all()
    nx.set_node_attributes(graph, {i: i == 3 for i in graph}, "inhibitory")
    chosen = FromNetworkX(graph)()
    assert chosen.inhibitory.nonzero().tolist() == [[3]]


def test_from_networkx_uses_positions_and_a_snapshot() -> None:
    graph = nx.DiGraph([("a", "b")])
    nx.set_node_attributes(graph, {"a": (0, 0, 0), "b": (0, 300.0, 400.0)}, "pos")
    generator = FromNetworkX(graph)
    graph.add_edge("b", "c")
    assert generator().edge_delay.tolist() == [11]
    assert generator().node_label == ["a", "b"]
    moved = FromNetworkX(nx.DiGraph([(0, 1)]), pos=torch.tensor([[0.0, 0, 0], [50, 0, 0]]))
    assert moved().edge_delay.tolist() == [2]


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_nodes": 0}, "'num_nodes' must be an int of at least 1 \\(got 0\\)"),
        ({"num_nodes": 10.0}, "'num_nodes' must be an int"),
        ({"num_nodes": True}, "'num_nodes' must be an int"),
        ({"degree": -1.0}, "'degree' must be a mean number of inputs"),
        ({"degree": math.nan}, "'degree' must be"),
        ({"spacing": 0}, "'spacing' must be a positive length in micrometres, e.g. 100.0"),
        ({"velocity": math.inf}, "'velocity' must be a positive speed"),
        ({"dt": "1 ms"}, "'dt' must be a positive step in ms, e.g. 1.0 \\(got '1 ms'\\)"),
        ({"dt": None}, "'dt' must be"),
        ({"weight": -0.2}, "'weight' must be at least 0; 'inhibitory_fraction'"),
        ({"inhibition": -4}, "'inhibition' must be a ratio"),
        ({"inhibitory_fraction": 1.2}, "'inhibitory_fraction' must be a share between 0 and 1"),
        ({"max_delay": 0}, "'max_delay' must be an int of at least 1 step"),
        ({"seed": -1}, "'seed' must be a whole number >= 0"),
        ({"layout": "ball"}, "Unknown layout 'ball'; available: \\['lattice', 'uniform'\\]"),
        ({"delay": "fixed"}, "Unknown delay 'fixed'; available"),
        ({"weight_distribution": "normal"}, "Unknown weight_distribution 'normal'"),
        ({"pos": torch.zeros(4, 2)}, "'pos' must be a tensor of shape \\[N, 3\\]"),
        ({"pos": [["a", 0, 0]]}, "'pos' must be a tensor .* \\(got list\\)"),
        ({"pos": torch.zeros(0, 3)}, "with N >= 1 \\(got \\[0, 3\\]\\)"),
        ({"pos": torch.full((4, 3), math.nan)}, "'pos' must be finite"),
        ({"pos": torch.zeros(4, 3), "num_nodes": 5}, "'pos' must have num_nodes = 5 rows"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_bad_arguments(family: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        family(**arguments)


def test_bad_arguments_of_single_families() -> None:
    with pytest.raises(ValueError, match="'length_scale' must be a positive length"):
        Tissue(length_scale=0.0)
    with pytest.raises(ValueError, match="'c_ie' must be a probability between 0 and 1"):
        Tissue(c_ie=1.5)
    with pytest.raises(ValueError, match="'rewiring' must be a probability"):
        SmallWorld(rewiring=-0.1)
    with pytest.raises(ValueError, match="'exponent' must be above 2"):
        ScaleFree(exponent=2.0)
    with pytest.raises(ValueError, match="'degree' must be a mean number"):
        ErdosRenyi(degree=None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be at most max_delay = 10000 steps"):
        Tissue(num_nodes=8, velocity=1e-3)()


def test_bad_networkx_graphs() -> None:
    with pytest.raises(TypeError, match="Expected a NetworkX graph"):
        FromNetworkX(5)
    with pytest.raises(ValueError, match="pass dt="):
        FromNetworkX(to_networkx(Tissue(num_nodes=5, dt=0.5)()))
    with pytest.raises(ValueError, match="one row per node of the graph, 2 \\(got 3\\)"):
        FromNetworkX(nx.DiGraph([(0, 1)]), pos=torch.zeros(3, 3))
