"""Wirings, counties and raw files of benchmarks/science."""

import argparse
import math
from pathlib import Path

import pytest
import torch
from helpers import DATA, delay_line, generator, random_drive, random_graph
from torch import Tensor

from benchmarks.science import connectomes, counties, raw, t_worm, worm
from benchmarks.science.connectomes import Animal, capacity, wired
from benchmarks.science.counties import Counties, forecast, linear, mse, neighbor_mean, window, zero
from benchmarks.science.results import Cell, Results
from benchmarks.science.worm import Worm
from pyngn_graph.datasets import CElegans
from pyngn_graph.tasks import uniform_input

# --- who is connected, by chance


def test_wirings_keep_what_they_promise() -> None:
    data = random_graph(num_nodes=12, num_edges=60)
    kind = (torch.arange(60) % 4 == 0).long()
    data.update({"edge_count": torch.arange(60.0), "edge_type": kind})
    data.synapse_types = ["chemical", "electrical"]
    found = {wiring: wired(data, wiring, generator(3)) for wiring in connectomes.WIRINGS}
    for index, count, electrical in (found[name] for name in ("real", "rewired", "random")):
        assert torch.equal(count, data.edge_count)
        assert torch.equal(electrical, kind == 1)
        assert index.shape == (2, 60)
    assert torch.equal(found["real"][0], data.edge_index)
    assert torch.equal(found["shuffled"][0], data.edge_index)
    assert not torch.equal(found["shuffled"][1], data.edge_count)
    assert torch.equal(found["shuffled"][1].sort().values, data.edge_count)
    for part in (kind == 0, kind == 1):  # degrees of either kind
        for new, old in zip(found["rewired"][0][:, part], data.edge_index[:, part], strict=True):
            assert torch.equal(new.sort().values, old.sort().values)
    index, count, electrical = found["sparse"]
    assert index.shape == (2, 36)
    assert torch.equal(electrical, kind[count.long()] == 1)  # sizes keep their type
    with pytest.raises(ValueError, match="Unknown wiring 'wild'; available: \\['real'"):
        wired(data, "wild", generator(0))


def test_capacity_of_a_delay_line_is_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MAX_LAG", 12), ("TRAIN", 300), ("TEST", 200)):
        monkeypatch.setattr(connectomes, name, value)
    u = uniform_input(512, generator=generator(0))
    found = capacity(delay_line(u, 5), u)
    assert found["memory"] == pytest.approx(5.0, abs=0.15)
    assert found["r2"][:5] == pytest.approx([1.0] * 5, abs=1e-3)
    r2 = connectomes.taps(0, 6)["r2"]  # of the present sample and five before
    assert r2[:5] == pytest.approx([1.0] * 5, abs=1e-3)
    assert max(r2[5:], default=0.0) < 0.2


@pytest.mark.skipif(not (DATA / "celegans").is_dir(), reason="needs it in PYNGN_DATA")
def test_the_worm_is_the_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(raw.VARIABLE, str(DATA))
    ours, theirs = Animal().graph(7), CElegans(DATA / "celegans")[0]
    for key in ("edge_index", "edge_weight", "edge_delay", "pos", "inhibitory"):
        assert torch.equal(ours[key], theirs[key]), key
    assert not bool(Animal(connected=False).graph(0).edge_mask.any())
    made = Animal(wiring="rewired", weight=2.0).graph(7)
    assert float(made.edge_weight.abs().sum()) == pytest.approx(
        10.0 * float(theirs.edge_weight.abs().sum()), rel=1e-5
    )
    glia = Animal(astrocyte="multiplicative", microglia="random", min_in=2).glia(0)
    assert [type(cell).__name__ for cell in glia] == ["Astrocyte", "Microglia"]
    assert glia[1].min_in == 2


# --- counties


def test_windows_and_neighbors_by_hand() -> None:
    signal = torch.tensor([[1.0, 10.0, 5.0], [2.0, 20.0, 6.0], [3.0, 30.0, 7.0]])
    assert window(signal, 2).tolist() == [
        [[0.0, 1.0], [0.0, 10.0], [0.0, 5.0]],
        [[1.0, 2.0], [10.0, 20.0], [5.0, 6.0]],
        [[2.0, 3.0], [20.0, 30.0], [6.0, 7.0]],
    ]
    edges = torch.tensor([[0, 1, 2], [2, 2, 0]])  # nobody is the neighbor of place 1
    assert neighbor_mean(signal, edges).tolist() == [[5.0, 0.0, 5.5], [6.0, 0, 11], [7.0, 0, 16.5]]
    assert mse(signal + 2.0, signal) == 4.0


def two_places(num_weeks: int = 2000) -> Tensor:
    """Each week is 0.9 times the last but one of the same place, and noise."""
    noise, x = torch.randn(num_weeks, 2, generator=generator(0)), [torch.zeros(2)] * 2
    for each in noise:
        x.append(0.9 * x[-2] + each)
    return torch.stack(x[2:])


def test_forecast_finds_the_line_and_never_learns_from_the_test() -> None:
    signal = two_places()
    found, error = forecast(window(signal, 4), signal)
    expected = 0.9 * signal[-counties.TEST - 2 : -2].double()
    torch.testing.assert_close(found, expected, atol=0.3, rtol=0.0)
    assert 0.7 < error < 1.4  # of the noise
    later = signal.clone()
    later[-counties.TEST :] = 50.0
    again, same = forecast(window(signal, 4), later)  # only what was to be told is another
    assert torch.equal(again, found)
    assert same == error


RING = torch.tensor([[0, 1, 2], [1, 2, 0]])


@pytest.mark.parametrize("astrocyte", [None, "multiplicative"])
def test_states_know_nothing_of_later_weeks(astrocyte: str | None) -> None:
    liquid = Counties(size=8, max_delay=30, astrocyte=astrocyte)
    signal = random_drive(1, 30, 3, low=-1.0, high=2.0)
    found = liquid.states(0, signal, RING, 20)
    assert found["states"].shape == (30, 3, 16)
    signal[25:] = 3.0
    other = liquid.states(0, signal, RING, 20)["states"]
    assert torch.equal(other[:25], found["states"][:25])
    assert not torch.equal(other[25:], found["states"][25:])


def test_only_edges_join_places() -> None:
    signal = random_drive(1, 12, 3)
    changed = signal.clone()
    changed[2:, 0] += 2.0
    for joined in (True, False):
        liquid = Counties(size=8, max_delay=30, weight=1.0, joined=joined)
        one, two = (liquid.states(0, x, RING, 12)["states"] for x in (signal, changed))
        assert not torch.equal(one[:, 0], two[:, 0])
        assert torch.equal(one[:, 1], two[:, 1]) is not joined


def test_synapses_of_counties() -> None:
    whole = Counties(size=20).graph(3, RING, 3)
    inside = whole.place[whole.edge_index[0]] == whole.place[whole.edge_index[1]]
    assert [int(inside.sum()), int((~inside).sum())] == [180, 180]  # 3 for a neuron, of each
    assert Counties(size=20, keep=1 / 3).graph(3, RING, 3).num_edges == 120
    assert Counties(size=20, joined=False).graph(3, RING, 3).num_edges == 180
    assert Counties(size=20, connected=False).graph(3, RING, 3).num_edges == 0
    assert bool(((whole.edge_weight < 0) == whole.inhibitory[whole.edge_index[0]]).all())


@pytest.mark.skipif(not (DATA / "pyg_temporal").is_dir(), reason="needs it in PYNGN_DATA")
def test_lines_through_chickenpox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(raw.VARIABLE, str(DATA))
    assert zero(0)["mse"] == pytest.approx(1.117, abs=5e-4)
    assert linear(0, 4)["mse"] == pytest.approx(0.819, abs=5e-4)
    assert counties.neighbors(counties.data()).size(1) == 82


# --- raw files


def asked(*words: str) -> None:
    """Asks for the folders of the worm and the fly, as a script does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["table", *words])
        raw.options_with_root(argparse.ArgumentParser("table"), ["worm", "fly"])


def test_where_raw_files_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(raw.VARIABLE, "")  # so that it is as it was afterwards
    with pytest.raises(SystemExit) as stop:
        asked()
    assert stop.value.code == 0  # nothing was asked of it
    assert "Nothing done: table needs the folders worm, fly" in capsys.readouterr().err
    (tmp_path / "worm").mkdir()
    with pytest.raises(SystemExit) as stop:
        asked("--root", str(tmp_path))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert "as datasets/README.md says" in error
    assert "there is no fly in" in error
    (tmp_path / "fly").mkdir()
    asked("--root", str(tmp_path))
    assert raw.folder("fly") == tmp_path.resolve() / "fly"
    asked()  # what was set is found again


@pytest.mark.skipif(not (DATA / "celegans").is_dir(), reason="needs it in PYNGN_DATA")
def test_null_models_of_the_worm_keep_what_they_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(raw.VARIABLE, str(DATA))
    real = Worm().graph(7)
    electrical = real.edge_type == 1
    for wiring in worm.NULLS:
        null, again = (Worm(wiring=wiring, number=3).graph(seed) for seed in (7, 8))
        assert torch.equal(null.edge_index, again.edge_index)  # one wiring for all liquids
        assert torch.equal(null.edge_weight, real.edge_weight)
        assert not torch.equal(null.edge_index, real.edge_index)
        kept = wiring != "degree, delays by distance"
        assert torch.equal(null.edge_delay, real.edge_delay) == kept
        for part in (electrical, ~electrical) if wiring != "random" else ():
            new, old = null.edge_index[1, part], real.edge_index[1, part]
            assert torch.equal(new.sort().values, old.sort().values)
    assert torch.equal(Worm().graph(0).edge_delay, real.edge_delay)
    with pytest.raises(ValueError, match="Unknown wiring 'fly'; available: \\['worm', 'degree'"):
        Worm(wiring="fly").graph(0)


def test_the_worm_is_placed_among_its_nulls() -> None:
    def cells(row: str, values: list[float]) -> list[Cell]:
        return [Cell(row, "s", seed, dict, {"memory": value}) for seed, value in enumerate(values)]

    all_cells = cells("worm", [3.0]) + cells("degree", [1.0, 3.0, 2.0, 6.0]) + cells("same", [3.0])
    results = Results(all_cells, [dict(cell.params) for cell in all_cells])
    assert t_worm.rank(results, "degree", "s", "memory") == 2.5  # a tie counts half
    assert t_worm.z(results, "degree", "s", "memory") == pytest.approx(0.0)
    assert math.isnan(t_worm.z(results, "same", "s", "memory"))
