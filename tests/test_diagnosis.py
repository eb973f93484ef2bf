import pytest
import torch
from helpers import graph_of, random_drive, random_graph
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from pyngn_graph import Astrocyte, LIFParameters, TriglialReservoir
from pyngn_graph.advice import SETS
from pyngn_graph.diagnosis import (
    BOUND_SHARE,
    BURST_VARIATION,
    SATURATED_SHARE,
    SILENT_RATE,
    Diagnosis,
    diagnose,
    external_rate,
)


def test_nothing_to_say_before_the_first_run() -> None:
    with pytest.raises(RuntimeError, match=r"Nothing to diagnose yet; call 'run'"):
        TriglialReservoir(random_graph()).diagnose()


@pytest.mark.parametrize(
    ("bias", "verdict", "advice"),
    [
        (0.0, "dead", "Hardly a spike; raise 'bias' or the input ('input_scale')."),
        (1.2, "healthy", None),
        (
            60.0,
            "saturated",
            "Neurons fire in 100% of all steps; add an Astrocyte, or lower 'bias'.",
        ),
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
        assert found.advice == ()
    else:
        assert any(sentence.startswith(advice) for sentence in found.advice)
    assert str(found).startswith(f"The reservoir is {verdict}: ")
    assert len(str(found).splitlines()) == 1 + len(found.advice)


@pytest.mark.parametrize(("interval", "verdict"), [(2010, "dead"), (1990, "healthy")])
def test_the_silent_rate_is_a_bound(interval: int, verdict: str) -> None:
    assert SILENT_RATE == 0.5
    drive = torch.zeros(interval, 1)
    drive[5] = 30.0
    reservoir = TriglialReservoir(graph_of(1, []))
    reservoir.run(drive)
    assert reservoir.diagnose().verdict == verdict


@pytest.mark.parametrize(("interval", "verdict"), [(9, "saturated"), (11, "healthy")])
def test_the_saturated_share_is_a_bound(interval: int, verdict: str) -> None:
    assert SATURATED_SHARE == 0.1
    drive = torch.zeros(10 * interval, 1)
    drive[::interval] = 30.0
    reservoir = TriglialReservoir(graph_of(1, []))
    reservoir.run(drive)
    assert reservoir.diagnose().verdict == verdict


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


def test_most_neurons_silent() -> None:
    reservoir = TriglialReservoir(graph_of(3, []), bias=torch.tensor([0.0, 0.0, 1.2]))
    reservoir.run(num_steps=500)
    assert "Most neurons never fire" in str(reservoir.diagnose())


@pytest.mark.parametrize(("gain", "bound"), [(0.01, "min_gain = 0.01"), (100.0, "max_gain = 100")])
def test_gains_at_a_bound(gain: float, bound: str) -> None:
    graph = random_graph(num_nodes=8, gain=torch.ones(8))
    graph.gain[:3] = gain
    reservoir = TriglialReservoir(graph, glia=[Astrocyte()])
    reservoir.run(random_drive(0, 50, 8))
    found = reservoir.diagnose()
    shares = [found.low_gain_share, found.high_gain_share]
    assert sorted(shares) == [0.0, 3 / 8]
    assert 3 / 8 > BOUND_SHARE
    assert any(bound in sentence and "38%" in sentence for sentence in found.advice)
    assert ("'input_scale'" in str(found)) == (gain < 1.0)


def judged(
    gain: list[float],
    rate: float = 0.02,
    volley: float = 1.0,
    bias: float = 0.0,
    external: float | None = None,
    silent: int = 0,
) -> Diagnosis:
    """The diagnosis of ten neurons, ``silent`` of which never fire, with these gains.

    Every other bin of the population rate is ``volley`` times the one before.
    """
    counts = torch.full((10,), round(10_000 * rate))
    counts[:silent] = 0
    population = torch.tensor([100, round(100 * volley)]).repeat(50)
    drive = torch.full((10,), bias)
    data = Data(gain=torch.tensor(gain), num_nodes=10)
    cells = [Astrocyte(target_rate=20.0)]
    return diagnose(data, cells, LIFParameters(), drive, 1.0, counts, 10_000, population, external)


def ways(found: Diagnosis) -> dict[str, set[str]]:
    """The ways in which each thing that can be set is to be turned."""
    turned: dict[str, set[str]] = {}
    for sentence in found.advice:
        for part in sentence.rstrip(".").rsplit("; ", 1)[1].split(", or "):
            way, _, names = part.partition(" ")
            if way in ("raise", "lower"):
                for name in names.replace(" or ", ", ").split(", "):
                    turned.setdefault(SETS[name], set()).add(way)
    return turned


@given(
    low=st.integers(0, 10),
    high=st.integers(0, 10),
    rate=st.sampled_from([0.0, 0.0001, 0.02, 0.5]),
    volley=st.sampled_from([1.0, 1000.0]),
    bias=st.sampled_from([0.0, 1.5]),
    external=st.sampled_from([None, 10.0, 30.0]),
    silent=st.sampled_from([0, 6, 9]),
)
def test_no_advice_contradicts_another(
    low: int, high: int, rate: float, volley: float, bias: float, external: float, silent: int
) -> None:
    gain = ([0.01] * low + [100.0] * high + [1.0] * 10)[:10]
    found = judged(gain, rate, volley, bias, external, silent)
    assert all(len(way) == 1 for way in ways(found).values())
    assert (found.concern == "") == (found.advice == ())
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in found.advice)
    if found.verdict != "healthy":
        assert found.advice[0].startswith(("Hardly a spike", "Neurons fire in"))


def test_the_gravest_cause_decides() -> None:
    found = judged([100.0] * 6 + [0.01] * 3 + [1.0], volley=1000.0)
    assert [sentence.rsplit("; ", 1)[1] for sentence in found.advice] == [
        "raise 'bias', the weights or 'max_gain', or lower 'rho'.",
        "raise 'bias' or the input ('input_scale'), or lower 'rho'.",
        "look again once what stands above is mended.",
    ]
    found = judged([0.01] * 6 + [1.0] * 4, volley=1000.0)
    assert ways(found) == {"target": {"raise"}, "drive": {"lower"}, "recurrence": {"lower"}}


def test_a_healthy_rate_does_not_reassure() -> None:
    said = str(judged([100.0] * 9 + [1.0]))
    assert said.startswith(
        "The reservoir is healthy in its rate, but 90% of the gains sit at max_gain = 100.0: 20.0 "
        "Hz on average, 0% of the neurons silent"
    )
    assert str(judged([1.0] * 10)).startswith("The reservoir is healthy: 20.0 Hz on average")
    assert "but most neurons never fire: " in str(judged([1.0] * 10, silent=6))
    assert judged([100.0] * 9 + [1.0]).verdict == "healthy"


def test_a_bias_above_the_target_rate() -> None:
    params = LIFParameters(t_ref=2.0)
    cell = Astrocyte(target_rate=20.0)
    for bias, warned in ((1.05, False), (1.5, True)):
        reservoir = TriglialReservoir(graph_of(2, []), None, params, [cell], bias=bias)
        rate = float(reservoir.run(num_steps=2000).rates().mean())
        assert (rate > 20.0) == warned
        assert ("above the target rate" in str(reservoir.diagnose())) == warned


def test_saturated_in_spite_of_astrocytes() -> None:
    reservoir = TriglialReservoir(graph_of(2, []), glia=[Astrocyte()], bias=60.0)
    reservoir.adapt(num_steps=50)
    advice = "lower 'bias' or the weights, or raise 't_ref'"
    assert advice in reservoir.diagnose().advice[0]


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
    silent = random_graph(weight=0.0)
    alone = TriglialReservoir(silent, 2, hold=3)
    expected = float(alone.run(x, lengths=lengths).rates().mean())
    assert 0 < expected != float(reservoir.run(x, lengths=lengths).rates().mean())
    before = reservoir.diagnose()
    assert external_rate(reservoir, x, lengths) == pytest.approx(expected)
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
        assert ("The input alone causes 25.0 Hz" in str(found)) == warned
