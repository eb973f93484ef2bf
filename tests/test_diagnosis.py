import copy
import warnings

import pytest
import torch
from helpers import graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from pyngn_graph import (
    Astrocyte,
    LIFParameters,
    SignalReservoir,
    TrainableReservoir,
    TriglialReservoir,
)
from pyngn_graph.advice import SETS, Change
from pyngn_graph.causes import BURST_VARIATION, NOISY, SHARE, SILENT_RATE
from pyngn_graph.diagnosis import ENOUGH_LIFE, ENOUGH_TIME, Diagnosis, judged
from pyngn_graph.drive import bias_for, rates
from pyngn_graph.evidence import Activity, Response, external_rate
from pyngn_graph.facts import Facts
from pyngn_graph.generators import Tissue
from pyngn_graph.remedies import FACTOR, SATURATED_RATE


def test_nothing_to_say_before_the_first_run() -> None:
    reservoir = TriglialReservoir(random_graph())
    with pytest.raises(RuntimeError, match=r"Nothing to diagnose yet; call 'run'"):
        reservoir.diagnose()
    assert reservoir.diagnose(random_drive(0, 50, 8)).mean_rate > 0.0


@pytest.mark.parametrize(
    ("bias", "verdict", "advice"),
    [
        (0.0, "dead", "Hardly a spike; raise 'bias' to ("),
        (1.2, "healthy", None),
        (60.0, "saturated", "Neurons fire in 100% of all steps: the bias alone drives"),
    ],
)
def test_verdicts(bias: float, verdict: str, advice: str | None, backend: str) -> None:
    reservoir = TriglialReservoir(graph_of(4, []), bias=bias, backend=backend)
    run = reservoir.run(num_steps=500)
    found = reservoir.diagnose()
    assert found.verdict == verdict
    assert found.mean_rate == pytest.approx(float(run.rates().mean()))
    assert found.silent_share == (1.0 if verdict == "dead" else 0.0)
    assert (found.low_gain_share, found.high_gain_share) == (0.0, 0.0)
    if advice is None:
        assert found.advice == found.changes == ()
    else:
        assert found.advice[0].startswith(advice)
    assert str(found).startswith(f"The reservoir is {verdict}")
    assert len(str(found).splitlines()) == 1 + len(found.advice)


@pytest.mark.parametrize(("interval", "verdict"), [(2010, "dead"), (1990, "healthy")])
def test_the_silent_rate_is_a_bound(interval: int, verdict: str) -> None:
    assert SILENT_RATE == 0.5
    drive = torch.zeros(interval, 1)
    drive[5] = 30.0
    assert TriglialReservoir(graph_of(1, [])).diagnose(drive).verdict == verdict


@pytest.mark.parametrize("dt", [1.0, 0.1])
@pytest.mark.parametrize(("interval", "verdict"), [(9, "saturated"), (11, "healthy")])
def test_the_saturated_rate_is_a_bound_in_hertz(interval: int, verdict: str, dt: float) -> None:
    assert SATURATED_RATE == 100.0
    drive = torch.zeros(10 * round(interval / dt), 1)
    drive[:: round(interval / dt)] = 300.0
    assert TriglialReservoir(graph_of(1, []), dt=dt).diagnose(drive).verdict == verdict


def test_the_last_run_counts_and_forward_is_a_run() -> None:
    reservoir = TriglialReservoir(graph_of(1, []))
    reservoir.run(torch.full((20, 1), 60.0))
    assert reservoir.diagnose().verdict == "saturated"
    reservoir(torch.zeros(2, 20, 1))
    assert reservoir.diagnose().verdict == "dead"


def test_padding_does_not_count() -> None:
    reservoir = TriglialReservoir(graph_of(1, []))
    drive = torch.zeros(2, 1000, 1)
    drive[:, :10] = 60.0
    reservoir.run(drive, lengths=torch.tensor([10, 10]))
    assert reservoir.diagnose().mean_rate == pytest.approx(1000.0)
    assert reservoir.diagnose(drive, torch.tensor([10, 10])).mean_rate == pytest.approx(1000.0)


def facts(
    gain: list[float] | None = None,
    rate: float = 20.0,
    target: float = 20.0,
    end: float = 20.0,
    volley: float = 1.0,
    bias: float = 0.9,
    silent: int = 0,
    response: tuple[float, float, float | None] | None = None,
    adapted: bool = False,
    edges: int = 1,
    early: float | None = None,
) -> Facts:
    """A hundred neurons, ``silent`` of which never fire, with these gains.

    Every other bin of the population rate is ``volley`` times the one before; the response is
    (external rate, strength, share of noise), ``early`` the share of the first half; ``end`` is the
    rate at the end of a life.
    """
    counts = torch.full((100,), round(10.0 * rate))
    counts[:silent] = 0
    population = torch.tensor([100, round(100 * volley)]).repeat(50)
    data = Data(
        num_nodes=100,
        gain=torch.ones(100) if gain is None else torch.tensor(gain).repeat(10),
        calcium=torch.full((100,), end / 1000.0),
        edge_index=torch.zeros(2, edges, dtype=torch.long),
    )
    answer = None
    if response is not None:
        external, strength, share = response
        answer = Response(
            torch.full((100,), external).double(), strength, share, early, share is None
        )
    return Facts(
        data=data,
        cell=Astrocyte(target_rate=target),
        neuron=LIFParameters(),
        bias=torch.full((100,), bias),
        dt=1.0,
        activity=Activity(counts, 10_000, population, adapted),
        response=answer,
    )


def test_healthy_means_that_nothing_is_amiss() -> None:
    found = judged(facts(response=(12.0, 1.0, 0.01)))
    assert found.verdict == "healthy"
    assert (found.concern, found.advice, found.changes) == ("", (), ())
    assert str(found) == (
        "The reservoir is healthy: 20.0 Hz on average, with a target of 20.0 Hz, 12.0 Hz without "
        "recurrence, 0% of the neurons silent, 0% of the gains at their lower and 0% at their "
        "upper bound, 1.0% of noise in the states."
    )


@pytest.mark.parametrize(
    ("changed", "concern"),
    [
        ({"silent": 34}, "34% of the neurons never fire"),
        ({"rate": 71.0}, "neurons fire at 71.0 Hz, but the target is 20.0 Hz"),
        ({"rate": 6.0}, "neurons fire at 6.0 Hz, but the target is 20.0 Hz"),
        ({"gain": [0.01] * 4 + [1.0] * 6}, "40% of the gains sit at min_gain = 0.01"),
        ({"gain": [100.0] * 4 + [1.0] * 6}, "40% of the gains sit at max_gain = 100.0"),
        ({"volley": 1000.0}, "the population fires in bursts"),
        ({"response": (12.0, 1e-4, 0.01)}, "the input carries next to nothing"),
        ({"response": (12.0, 0.0, 0.01)}, "the input is the same in all trials at all times"),
        ({"response": (12.0, 1.0, 0.4)}, "the share of noise in the states is 40%"),
        ({"response": (12.0, 1.0, 0.05), "early": 0.09}, "the states at the end hold nothing of"),
        ({"response": (12.0, 1.0, 0.0), "early": 0.04}, "the states at the end hold nothing of"),
        ({"response": (12.0, 1.0, None)}, "all trials leave the same state"),
        ({"end": 0.0, "bias": 1.5}, "the bias alone drives 100% of the neurons above"),
    ],
)
def test_what_is_amiss_is_never_called_healthy(changed: dict[str, object], concern: str) -> None:
    found = judged(facts(**changed))  # type: ignore[arg-type]
    assert found.verdict == "impaired"
    assert found.concern.startswith(concern)
    assert found.advice
    assert "healthy" not in str(found)


@pytest.mark.parametrize(("rate", "verdict"), [(0.4, "dead"), (101.0, "saturated")])
def test_both_rates_are_shown_whatever_the_verdict(rate: float, verdict: str) -> None:
    found = judged(facts(rate=rate))
    assert found.verdict == verdict
    assert f"{rate:.1f} Hz on average, with a target of 20.0 Hz" in found.headline


@pytest.mark.parametrize(("share", "healthy"), [(0.3, True), (0.4, False)])
def test_a_third_is_the_bound_of_shares(share: float, healthy: bool) -> None:
    assert share < SHARE or not healthy
    number = round(10 * share)
    for found in (
        judged(facts(silent=10 * number)),
        judged(facts([0.01] * number + [1.0] * (10 - number))),
        judged(facts([100.0] * number + [1.0] * (10 - number))),
    ):
        assert (found.verdict == "healthy") == healthy


def test_what_chance_keeps_silent_is_not_held_against_a_short_run() -> None:
    few = facts(silent=40)
    counts = (few.activity.counts > 0).long()  # one spike each, as in 50 ms at 20 Hz
    short = Activity(counts, 50, few.activity.population, False)
    kinds = (Facts(**{**vars(few), "activity": activity}) for activity in (short, few.activity))
    assert [judged(each).verdict for each in kinds] == ["healthy", "impaired"]


@pytest.mark.parametrize("target", [5.0, 20.0])
def test_a_rate_may_be_off_the_target_by_less_than_three(target: float) -> None:
    assert FACTOR == 3.0
    for factor, healthy in ((0.3, False), (0.4, True), (2.9, True), (3.1, False)):
        found = judged(facts(rate=factor * target, target=target, end=target))
        assert (found.verdict == "healthy") == healthy


def test_what_comes_before_the_gains_have_settled_is_not_held_against_a_life() -> None:
    for adapted in (True, False):
        found = judged(facts(rate=200.0, end=21.0, adapted=adapted))
        assert found.verdict == ("healthy" if adapted else "saturated")
        assert (found.mean_rate, round(found.life_rate or 0.0)) == (200.0, 21)


def test_the_cause_agrees_with_the_external_rate() -> None:
    low = [0.01] * 5 + [1.0] * 5
    weak = judged(facts(low, rate=71.0, response=(12.0, 1.0, 0.01)))
    strong = judged(facts(low, rate=71.0, response=(30.0, 1.0, 0.01), bias=0.0))
    unknown = judged(facts(low))
    assert "the recurrence is too strong" in str(weak)
    assert "alone drive" not in str(weak)
    assert {(change.knob, change.way) for change in weak.changes} == {
        ("edge_weight", "lower"),
        ("min_gain", "lower"),
    }
    assert "input and bias alone drive 100% of these neurons above the target" in str(strong)
    assert {change.knob for change in strong.changes} <= {"rho", "input_scale", "edge_weight"}
    assert "ask 'diagnose(x)' which of them it is" in str(unknown)
    assert "alone" not in str(unknown)


@pytest.mark.parametrize("cell", [None, Astrocyte(target_rate=20.0)])
def test_too_much_recurrence_without_a_life_asks_for_glia(cell: Astrocyte | None) -> None:
    wild = facts(rate=150.0, end=0.0, response=(12.0, 1.0, 0.01))
    found = judged(Facts(**{**vars(wild), "cell": cell}))
    assert found.verdict == "saturated"
    assert found.changes[0].knob == ("glia" if cell is None else "adapt")
    fast = facts(rate=71.0, end=0.0, response=(12.0, 1.0, 0.01))
    assert judged(Facts(**{**vars(fast), "cell": cell})).verdict == "impaired"


def test_trials_from_rest_that_do_not_reach_the_target_begin_where_life_is() -> None:
    slow = facts(rate=5.0, end=20.0)
    assert judged(slow).changes == (Change("start", "set", "lived"),)
    assert judged(Facts(**{**vars(slow), "start": "lived"})).changes == (Change("adapt", "set"),)


@given(
    low=st.integers(0, 10),
    high=st.integers(0, 10),
    rate=st.sampled_from([0.0, 0.1, 6.0, 20.0, 71.0, 500.0]),
    target=st.sampled_from([0.5, 20.0, 300.0]),
    end=st.sampled_from([0.0, 1.0, 20.0]),
    volley=st.sampled_from([1.0, 1000.0]),
    bias=st.sampled_from([0.0, 0.9, 1.5, 9.0]),
    silent=st.sampled_from([0, 60, 90]),
    response=st.sampled_from([None, (10.0, 1.0, 0.01), (30.0, 1e-4, 0.5), (30.0, 0.3, None)]),
    edges=st.sampled_from([0, 1]),
)
def test_no_advice_contradicts_another(low: int, high: int, **given: object) -> None:
    gain = ([0.01] * low + [100.0] * high + [1.0] * 10)[:10]
    found = judged(facts(gain, **given))  # type: ignore[arg-type]
    ways: dict[str, set[str]] = {}
    for change in found.changes:
        ways.setdefault(SETS.get(change.knob, change.knob), set()).add(change.way)
        assert str(change) in str(found)
        assert (change.to is None) != (change.by is None) or change.way == "set"
        assert change.by is None or (change.by > 1.0) == (change.way == "raise")
    assert all(len(way) == 1 for way in ways.values())
    assert (found.verdict == "healthy") == (found.concern == "") == (found.advice == ())
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in found.advice)
    if found.verdict in ("dead", "saturated"):
        assert found.advice[0].startswith(("Hardly a spike", "Neurons fire in"))


def test_the_gravest_cause_decides() -> None:
    found = judged(facts([100.0] * 6 + [0.01] * 4, volley=1000.0))
    assert [sentence.split(";")[0].split(" sit")[0] for sentence in found.advice] == [
        "60% of the gains",
        "The population fires in bursts: its rate varies by 100% of its mean",
        "40% of the gains",
    ]
    found = judged(facts([100.0] * 6 + [1.0] * 4, volley=1000.0, bias=1.05))
    assert found.advice[1].endswith("; look again once what stands above is mended.")


@pytest.mark.parametrize("rate", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("neuron", [LIFParameters(), LIFParameters(30.0, -50.0, -65.0, -65.0, 2.0)])
def test_the_bias_for_a_rate_makes_it(rate: float, neuron: LIFParameters) -> None:
    bounds = bias_for(rate, neuron)
    assert bounds is not None
    current = torch.linspace(*bounds, 1000)
    assert float(rates(current, neuron).mean()) == pytest.approx(rate, rel=0.05)
    run = TriglialReservoir(graph_of(1000, []), None, neuron, bias=bounds).run(num_steps=3000)
    assert float(run.rates().mean()) == pytest.approx(rate, rel=0.2)


def test_a_bias_above_the_target_rate() -> None:
    params, cell = LIFParameters(t_ref=2.0), Astrocyte(target_rate=20.0)
    for bias, warned in ((1.05, False), (1.5, True)):
        reservoir = TriglialReservoir(graph_of(2, []), None, params, [cell], bias=bias)
        rate = float(reservoir.run(num_steps=2000).rates().mean())
        assert (rate > 20.0) == warned
        assert ("above the target rate" in str(reservoir.diagnose())) == warned


def volleys(rates: list[float], num_nodes: int = 50, repeats: int = 10) -> torch.Tensor:
    """A drive ``[T, N]`` that makes random spikes: bins of 20 ms with these chances per step."""
    chance = torch.tensor(rates * repeats).repeat_interleave(20)
    chance = torch.cat([torch.full((100,), rates[0]), chance])
    g = torch.Generator().manual_seed(0)
    return 30.0 * (torch.rand(chance.numel(), num_nodes, generator=g) < chance.unsqueeze(1)).float()


@pytest.mark.parametrize(
    ("rates", "variation"),
    [
        ([0.02, 0.02, 0.02, 0.02], 0.0),  # chance is no burst
        ([0.01, 0.03, 0.01, 0.03], 0.5),
        ([0.2, 0.0, 0.0, 0.0, 0.0], 2.0),  # mean 1/5, standard deviation 2/5 of the peak
    ],
)
def test_bursts_are_what_chance_does_not_explain(
    rates: list[float], variation: float, backend: str
) -> None:
    reservoir = TriglialReservoir(graph_of(50, []), backend=backend)
    reservoir.run(volleys(rates))
    found = reservoir.diagnose()
    assert found.burst_variation == pytest.approx(variation, abs=0.12)
    assert ("fires in bursts" in str(found)) == (variation > BURST_VARIATION)


def test_too_short_a_run_is_not_judged_for_bursts() -> None:
    reservoir = TriglialReservoir(graph_of(50, []))
    drive = volleys([0.2, 0.0, 0.0, 0.0, 0.0])
    reservoir.run(drive[:599])  # 24 bins of 20 ms after 100 ms
    assert reservoir.diagnose().burst_variation is None
    reservoir.run(drive[:600])
    assert reservoir.diagnose().burst_variation is not None
    parts = drive[100:].view(10, 100, 50)
    reservoir.run(torch.cat([torch.zeros(10, 100, 50), parts], dim=1))  # 5 bins of each trial
    assert reservoir.diagnose().burst_variation == pytest.approx(2.0, abs=0.12)
    reservoir(drive.unsqueeze(0))  # keeps no spikes
    assert reservoir.diagnose().burst_variation is None


def test_the_external_rate_is_that_without_recurrence() -> None:
    reservoir = TriglialReservoir(random_graph(weight=0.9), 2, hold=3, tau_trace=5.0)
    x = random_drive(1, 4, 30, 2)
    lengths = torch.tensor([30, 10, 20, 5])
    alone = TriglialReservoir(random_graph(weight=0.0), 2, hold=3)
    expected = float(alone.run(x, lengths=lengths).rates().mean())
    assert 0 < expected != float(reservoir.run(x, lengths=lengths).rates().mean())
    before = reservoir.diagnose()
    assert external_rate(reservoir, x, lengths) == pytest.approx(expected)
    assert reservoir.diagnose(x, lengths).external_rate == pytest.approx(expected)
    assert reservoir.diagnose() == before


def test_an_input_above_the_target_rate() -> None:
    drive = torch.zeros(1, 1000, 2)
    drive[:, ::40] = 30.0  # 25 Hz
    for target, warned in ((24.0, True), (26.0, False)):
        cell = Astrocyte(target_rate=target)
        reservoir = TriglialReservoir(graph_of(2, []), glia=[cell])
        reservoir(drive)
        assert reservoir.diagnose().external_rate is None
        found = reservoir.diagnose(drive)
        assert found.external_rate == pytest.approx(25.0)
        assert ("input and bias alone drive" in str(found).lower()) == warned


def liquid(**options: object) -> TriglialReservoir:
    return TriglialReservoir(Tissue(num_nodes=150, seed=0)(), in_channels=2, hold=10, **options)  # type: ignore[arg-type]


X = torch.randn(20, 20, 2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_strength_of_the_input_is_that_of_its_current(scale: float) -> None:
    neuron = LIFParameters(v_th=3.0, v_rest=1.0, v_reset=0.0, r_m=0.5)  # reached at a current of 4
    found = liquid(input_scale=scale, neuron=neuron).diagnose(X)
    assert found.input_strength == pytest.approx(scale / 4.0, rel=0.15)
    sparse = liquid(input_scale=scale, input_density=0.1, neuron=neuron).diagnose(X)
    assert sparse.input_strength is not None
    assert sparse.input_strength > scale / 4.0  # in those that it reaches


def test_the_share_of_noise_is_what_two_runs_by_hand_give() -> None:
    reservoir = liquid(bias=0.95)
    found = reservoir.diagnose(X)
    noise = torch.randn(X.shape, generator=torch.Generator().manual_seed(0))
    size = 0.01 * X.flatten(0, 1).std(dim=0, correction=0)
    ours, theirs = reservoir(X).double(), reservoir(X + size * noise).double()
    distance = torch.cdist(ours, ours).square()
    expected = (ours - theirs).square().sum(dim=1).mean() / distance[distance > 0].mean()
    assert found.noise_share == pytest.approx(float(expected), rel=0.05)


def test_strong_recurrence_without_inhibition_is_noise() -> None:
    tissue = Tissue(num_nodes=150, weight=0.05, seed=0)()
    calm = TriglialReservoir(tissue, in_channels=2, hold=10).diagnose(X)
    graph = Tissue(num_nodes=150, weight=1.5, inhibition=1.0, seed=0)()
    wild = TriglialReservoir(graph, in_channels=2, hold=10).diagnose(X)
    assert calm.noise_share is not None
    assert wild.noise_share is not None
    assert calm.noise_share < NOISY < wild.noise_share


def test_states_at_the_end_may_hold_nothing_of_the_beginning() -> None:
    x = torch.randn(20, 60, 2, generator=torch.Generator().manual_seed(0))
    graph = Tissue(num_nodes=150, weight=0.05, seed=0)()
    ends, segments, short = (
        TriglialReservoir(graph, in_channels=2, hold=hold, pool=pool)
        for hold, pool in ((10, "last"), (10, 5), (1, "last"))
    )
    found = ends.diagnose(x)
    assert found.early_share is not None
    assert found.early_share < 0.05
    assert found.changes == (Change("pool", "set", 5),)
    assert found.concern == "the states at the end hold nothing of the first half of a trial"
    assert segments.diagnose(x).verdict == "healthy"
    assert segments.diagnose(x).early_share is None
    brief = short.diagnose(x)
    assert brief.early_share is not None
    assert brief.early_share > 0.1
    swapped = x.clone()
    swapped[:, :30] = x.roll(1, dims=0)[:, :30]
    ours, theirs = ends(x).double(), ends(swapped).double()
    expected = (ours - theirs).square().sum(dim=1).mean() / (2.0 * ours.var(dim=0).sum())
    assert found.early_share == pytest.approx(float(expected))


def test_a_beginning_that_all_trials_share_is_not_missed() -> None:
    x = torch.randn(20, 60, 2, generator=torch.Generator().manual_seed(0))
    x[:, :40] = 0.0
    graph = Tissue(num_nodes=150, weight=0.05, seed=0)()
    found = TriglialReservoir(graph, in_channels=2, hold=10).diagnose(x)
    assert found.early_share is None
    assert found.verdict == "healthy", str(found)


@pytest.mark.parametrize(
    ("x", "scale", "seen"),
    [
        (X, 1e-4, "the input carries next to nothing"),
        (torch.ones(20, 20, 2), 1.0, "the input is the same in all trials at all times"),
        (X[:1].expand(20, -1, -1), 1.0, "all trials leave the same state"),
    ],
)
def test_an_input_that_carries_nothing_is_named(x: torch.Tensor, scale: float, seen: str) -> None:
    found = liquid(input_scale=scale, bias=(0.9, 1.2)).diagnose(x)
    assert found.verdict == "impaired"
    assert found.concern.startswith(seen)


def test_a_diagnosis_of_an_input_leaves_everything_as_it_was() -> None:
    cells = [Astrocyte(target_rate=20.0)]
    reservoir = liquid(glia=cells, stateful=True)
    reservoir.adapt(X)
    reservoir.reset()
    first = reservoir(X)
    twin = copy.deepcopy(reservoir)
    before, found = reservoir.diagnose(), reservoir.diagnose(X)
    assert found == twin.diagnose(X)
    assert reservoir.diagnose() == before
    assert torch.equal(reservoir(X), twin(X))
    reservoir.reset()
    assert torch.equal(reservoir(X), first)


def test_of_many_trials_some_are_looked_at() -> None:
    reservoir = liquid()
    few = reservoir.diagnose(X[:10].repeat_interleave(10, dim=0))
    many = reservoir.diagnose(X[:10].repeat_interleave(1000, dim=0))
    assert many.mean_rate == pytest.approx(few.mean_rate, rel=0.1)
    assert reservoir.diagnose(X[0]).noise_share is None  # a single trial


def test_a_union_is_as_grave_as_its_gravest_graph() -> None:
    graphs = [Tissue(num_nodes=60, seed=k)() for k in range(3)]
    bias = torch.cat([torch.full((60,), value) for value in (1.02, 0.1, 1.02)])
    union = TriglialReservoir(Batch.from_data_list(graphs), bias=bias)
    with pytest.warns(UserWarning, match=r"is dead \(1 of 3 graphs\).*Graph 1, dead: Hardly"):
        union.run(num_steps=1000)
    found = union.diagnose()
    assert found.verdict == "dead"
    alone = []
    for graph, own in zip(graphs, bias.view(3, 60), strict=True):
        single = TriglialReservoir(graph, bias=own)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            single.run(num_steps=1000)
        alone.append(single.diagnose())
    assert found.graphs == tuple(alone)
    assert all(line.startswith("Graph ") for line in found.advice)
    assert found.mean_rate == pytest.approx(sum(each.mean_rate for each in alone) / 3)


def test_places_of_a_graph_are_diagnosed_by_their_features() -> None:
    graph = Tissue(num_nodes=80, seed=0)()
    places = SignalReservoir(graph, in_channels=2, hold=10)
    x = torch.randn(15, 80, 2, generator=torch.Generator().manual_seed(0))
    places(x)
    found = places.diagnose(x)
    assert found.mean_rate == pytest.approx(places.diagnose().mean_rate)
    assert found.input_strength == pytest.approx(1.0, rel=0.2)
    weak = SignalReservoir(graph, in_channels=2, hold=10, input_scale=1e-4).diagnose(x)
    assert "the input carries next to nothing" in str(weak).lower()


def ill(bias: float, num_nodes: int = 100, **options: object) -> TriglialReservoir:
    return TriglialReservoir(Tissue(num_nodes=num_nodes, seed=0)(), bias=bias, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("bias", "verdict"), [(0.1, "dead"), (60.0, "saturated")])
@pytest.mark.parametrize("verb", ["run", "adapt", "forward"])
def test_an_ill_run_warns_once_at_the_users_line(bias: float, verdict: str, verb: str) -> None:
    cells = [Astrocyte()] if verb == "adapt" else []
    reservoir = ill(bias, glia=cells)
    x = torch.zeros(1, 200, 100)
    with pytest.warns(UserWarning, match=f"^The reservoir is {verdict}") as caught:
        (reservoir if verb == "forward" else getattr(reservoir, verb))(x)
    assert [warning.filename for warning in caught] == [__file__]
    found, message = reservoir.diagnose(), str(caught[0].message)
    assert message.startswith(found.headline)
    assert found.advice[0] in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reservoir.run(x)
        reservoir(x)
        copy.deepcopy(reservoir)(x)


@pytest.mark.parametrize(
    ("bias", "num_nodes", "steps"),
    [
        (0.0, 100, 1000),  # no drive: silent by right
        (1.05, 100, 1000),  # alive
        (0.1, 1000, round(ENOUGH_TIME) - 1),
        (0.1, 10, round(100 * ENOUGH_LIFE) - 1),
        (60.0, 100, 20),
    ],
)
def test_no_word_of_a_run_that_cannot_tell_or_is_meant(
    bias: float, num_nodes: int, steps: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ill(bias, num_nodes).run(num_steps=steps)


def test_a_meant_run_can_be_silenced_as_the_warning_says() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The reservoir is")
        ill(0.1).run(num_steps=500)


def test_a_diagnosis_itself_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: Diagnosis = liquid(bias=0.0, input_scale=1e-4).diagnose(X)
    assert found.verdict == "dead"


@pytest.mark.parametrize("tau_trace", [0.0, 20.0])
@pytest.mark.parametrize(
    ("drive", "verdict"), [(0.2, "dead"), (60.0, "saturated"), (1.2, "healthy")]
)
def test_a_reservoir_that_learns_by_gradients_tells_too(
    drive: float, verdict: str, tau_trace: float
) -> None:
    graph = Tissue(num_nodes=50, weight=0.05, seed=0)()
    reservoir = TrainableReservoir(graph, tau_trace=tau_trace)
    x = torch.full((150, 50, 2), drive, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reservoir(x)
        reservoir(x)
    said = [str(each.message) for each in caught if "The reservoir is" in str(each.message)]
    assert len(said) == (verdict != "healthy")
    found = reservoir.diagnose(x)
    assert (
        found.verdict == verdict
        or found.concern == "the input is the same in all trials at all times"
    )
    if said:
        rate = f"{found.mean_rate:.1f} Hz on average"
        assert said[0].startswith(f"The reservoir is {verdict}")
        assert rate in said[0]
        assert [each.filename for each in caught] == [__file__]


def excited(num_edges: int, low: float = 0.01) -> Data:
    g = torch.Generator().manual_seed(0)
    return Data(
        num_nodes=20,
        edge_index=torch.randint(20, (2, num_edges), generator=g),
        edge_weight=low + 0.1 * torch.rand(num_edges, generator=g),
        edge_delay=torch.ones(num_edges, dtype=torch.long),
    )


def test_a_graph_without_inhibition_is_named_when_a_reservoir_is_made() -> None:
    with pytest.warns(UserWarning, match=r"No edge of the graph inhibits.*a fifth") as caught:
        reservoir = TriglialReservoir(excited(200))
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reservoir.run(num_steps=10)
        TriglialReservoir(excited(200), glia=[Astrocyte()])  # holds the rate
        TriglialReservoir(excited(10))
        TriglialReservoir(excited(0))
        TriglialReservoir(excited(200, low=-0.05))
        mended = excited(200)
        mended.edge_weight[mended.edge_index[0] < 4] *= -1.0  # as the warning says
        TriglialReservoir(mended)
        warnings.filterwarnings("ignore", "No edge of the graph")
        TriglialReservoir(excited(200))
