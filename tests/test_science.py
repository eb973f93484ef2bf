"""The tables of benchmarks/science: how cells are kept and shown, and what they measure."""

import argparse
import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.science import controls, harness, ladder, protocol, repair, store, templates
from benchmarks.science.results import Cell, Claim, Results, Show, claims_table, mean_sd
from pyngn_graph.graph import alive, num_live

SMALL = {"num_nodes": 40, "degree": 4.0, "max_delay": 10, "adapt": 2.0}


def square(seed: int, x: float, log: str = "") -> dict[str, Any]:
    """A cell: counts its calls in the file ``log``."""
    if log:
        with Path(log).open("a") as file:
            file.write(f"{seed} ")
    if x < 0:
        raise ValueError("negative")
    return {"square": x * x + seed, "x": x}


def study(path: Path, **options: Any) -> harness.Study:
    words = ["--work", str(path / "work"), "--out", str(path / "out")]
    parsed = harness.arguments("A table.").parse_args(words)
    return harness.Study("table", argparse.Namespace(**{**vars(parsed), **options}))


# --- cells


def test_equal_calls_are_made_once_and_kept(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    cells = [Cell(row, "", 3, square, {"x": 2.0, "log": log}) for row in ("a", "b")]
    first = study(tmp_path)
    assert first.run(cells).mean("b", "", "square") == 7.0
    again = study(tmp_path).run([*cells, Cell("c", "", 4, square, {"x": 2.0, "log": log})])
    assert again.mean("a", "", "square") == 7.0
    assert Path(log).read_text() == "3 4 "


def test_a_cell_that_fails_is_named_and_costs_no_other_its_result(tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    good, bad = ({"x": x, "log": log} for x in (1.0, -1.0))
    cells = [Cell("good", "", 0, square, good), Cell("bad", "left", 0, square, bad)]
    with pytest.raises(ValueError, match="negative") as caught:
        study(tmp_path).run(cells)
    assert "in cell 'bad', 'left'" in caught.value.__notes__[0]
    study(tmp_path).run(cells[:1])
    assert Path(log).read_text() == "0 0 "


def test_a_line_cut_short_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = store.Store(path)
    kept.add("a", {"x": 1.0}, 0.5)
    kept.add("b", {"x": 2.0}, 0.5)
    path.write_text(path.read_text()[:-5])
    cut = store.Store(path)
    assert cut.get("b") is None
    cut.add("c", {"x": 3.0}, 0.5)
    assert sorted(store.Store(path).lines) == ["a", "c"]
    with pytest.raises(ValueError, match="not JSON compliant"):
        cut.add("d", {"x": float("nan")}, 0.5)
    assert sorted(store.Store(path).lines) == ["a", "c"]


def test_keys_tell_calls_apart_and_know_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    one = store.key(square, {"seed": 1, "x": 2.0})
    assert one == store.key(square, {"x": 2.0, "seed": 1})
    others = [store.key(square, {"seed": 2, "x": 2.0}), store.key(study, {"seed": 1, "x": 2.0})]
    assert one not in others
    monkeypatch.setattr(store, "_CODE", {})
    monkeypatch.setattr(store, "digest", lambda files: "other")
    assert store.key(square, {"seed": 1, "x": 2.0}) != one


def process(seed: int) -> dict[str, Any]:
    """A cell: tells where it was done."""
    return {"process": os.getpid()}


def test_all_runs_of_a_study_share_their_processes(tmp_path: Path) -> None:
    table = study(tmp_path, jobs=2)
    runs = [table.run(Cell("", "", s, process) for s in range(k, k + 4)) for k in (0, 4)]
    found = {p for results in runs for p in results.values("", "", "process")}
    assert os.getpid() not in found
    assert len(found) <= 2


def test_processes_find_what_one_does(tmp_path: Path) -> None:
    cells = [Cell("", str(x), 0, square, {"x": x}) for x in (1.0, 2.0, 3.0)]
    found = [study(tmp_path / str(jobs), jobs=jobs).run(cells) for jobs in (1, 2)]
    assert (
        found[0].means("", "square").tolist() == found[1].means("", "square").tolist() == [1, 4, 9]
    )


# --- results


def test_tables_show_mean_and_sample_deviation() -> None:
    cells = [Cell(row, "left", seed, square) for row in ("a", "b") for seed in (1, 0)]
    results = Results(cells, [{"m": 3.0, "n": 0.5}, {"m": 1.0, "n": 0.5}, {"m": 2.0}, {"m": 2.0}])
    assert results.values("a", "left", "m").tolist() == [1.0, 3.0]  # in the order of seeds
    shown = results.table([Show("memory", "left", "m"), Show("n", "left", "n", ".1f")])
    assert shown.splitlines()[0] == "|  | memory | n |"
    assert shown.splitlines()[2:] == ["| a | 2.00 ± 1.41 | 0.5 ± 0.0 |", "| b | 2.00 ± 0.00 |  |"]
    assert mean_sd(np.array([2.0])) == "2.00"
    assert "| it grows | 3 | **no** |" in claims_table([Claim("it grows", "3", False)])
    with pytest.raises(ValueError, match="share row 'a', column 'left' and seed 1"):
        Results([cells[0], cells[0]], [{}, {}])


def test_parameters_are_chosen_on_seeds_that_are_not_reported(tmp_path: Path) -> None:
    table = study(tmp_path)
    settings = {"small": {"x": 1.0}, "large": {"x": 2.0}}
    assert table.choose("x", square, settings, "square") == "large"
    assert table.choose("x", square, settings, "square", min) == "small"
    assert not set(table.choosing) & set(table.seeds)
    assert (len(table.seeds), len(study(tmp_path, fast=True).seeds)) == (5, 2)


def echo(seed: int, data: str, setting: dict[str, float]) -> dict[str, float]:
    """A network whose leak helps on held-out data, and harms on those of the task."""
    leak = setting["leak"]
    return {"accuracy": leak if data == "held out" else -leak}


def test_a_network_is_tuned_on_the_data_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "esn", echo)
    leaks = []
    for held_out in ({"data": "held out"}, None):
        table = study(tmp_path)
        cells = ladder.network(table, "task", {"data": "task"}, held_out)
        assert [cell.seed for cell in cells] == list(table.seeds)
        assert {cell.params["data"] for cell in cells} == {"task"}
        leaks.append(cells[0].params["setting"]["leak"])
    each = [setting["leak"] for setting in ladder.ESN_SETTINGS.values()]
    assert leaks == [max(each), min(each)]


def test_a_report_says_what_made_it(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    table = study(tmp_path, seeds=1)
    chosen = table.choose("x", square, {"one": {"x": 1.0}, "two": {"x": 2.0}}, "square")
    results = table.run([Cell(chosen, "", seed, square, {"x": 2.0}) for seed in table.seeds])
    table.write("Squares", [results.table([Show("square", "", "square")])], Figure(), [], "Notes.")
    text = (tmp_path / "out" / "table.md").read_text()
    for part in ("# Squares", "cores", "torch 2", "Seeds 100-100", "| two | 104.00 |", "Notes."):
        assert part in text
    assert "- x: **two**, by square on seeds 0-0 (one: 1, two: 4)" in text
    facts = json.loads((tmp_path / "out" / "table.json").read_text())
    assert facts["command"].startswith("python ")
    assert facts["results"][-1]["found"] == {"square": 104.0, "x": 2.0}
    assert (tmp_path / "out" / "table.png").exists()


# --- what cells measure


def test_a_shift_register_of_n_samples_remembers_n_less_one() -> None:
    found = controls.taps(0, number=6, measures=["memory"], max_lag=12, train=1000)
    assert abs(found["memory"] - 5.0) < 0.1
    assert min(found["r2"][:5]) > 0.99
    assert len(found["r2"]) <= 12
    errors = [controls.taps(0, n, ["narma10", "mackey_glass"], train=1000) for n in (1, 20)]
    for metric in ("narma10", "mackey10", "mackey50"):
        assert errors[1][metric] < errors[0][metric] < 1.1


def test_all_series_have_the_scale_of_the_adaptation() -> None:
    seen: list[Tensor] = []

    def states(u: Tensor) -> Tensor:
        seen.append(u)
        return u

    protocol.scores(states, 0, protocol.SERIES, max_lag=20, train=2000)
    uniform = 1.0 / 3.0**0.5  # standard deviation of U(-1, 1)
    for u in seen:
        assert abs(float(u.mean())) < 0.05
        assert float(u.std()) == pytest.approx(uniform, rel=0.05)


def test_streams_are_those_of_their_seed_and_purpose() -> None:
    def draw(seed: int, name: str) -> float:
        return float(torch.rand(1, generator=protocol.stream(seed, name)))

    assert draw(1, "memory") == draw(1, "memory")
    assert len({draw(1, "memory"), draw(2, "memory"), draw(1, "narma10")}) == 3


def test_a_liquid_is_what_its_parameters_say() -> None:
    glia = {"astrocyte": "additive", "oligodendrocyte": "coherence", "microglia": "winner"}
    names = [type(cell).__name__ for cell in protocol.Liquid(**glia).glia(0)]
    assert names == ["Astrocyte", "Oligodendrocyte", "Microglia"]
    assert num_live(protocol.Liquid(connected=False).graph(0)) == 0
    assert protocol.Liquid(num_nodes=40, degree=4.0).graph(0).num_edges == 160


def test_cells_are_functions_of_their_parameters() -> None:
    params = {"measures": ["memory"], "max_lag": 10, "train": 200, "astrocyte": "multiplicative"}
    found = [protocol.series(seed, **params, **SMALL) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert found[0]["edges"] == 160
    assert found[0]["events"] > 0 < found[0]["rate"]
    alone = protocol.series(0, **params, **SMALL, connected=False)
    assert alone["events"] == alone["edges"] == 0
    json.dumps(found, allow_nan=False)


def test_the_control_of_winner_keeps_as_many_edges_of_each_kind() -> None:
    shared = {"measures": [], **SMALL, "degree": 10.0, "adapt": 8.0}
    kept = [protocol.series(0, microglia=name, **shared) for name in ("winner", "random, equal")]
    assert kept[0]["edges"] == kept[1]["edges"] < 400
    assert kept[0]["inhibitory"] == kept[1]["inhibitory"]


def test_templates_of_the_last_segment_are_still_in_the_raw_input() -> None:
    found = templates.raw(0, train=60, test=40)
    assert found["segments"][2] > 90.0
    assert found["templates"] == pytest.approx(sum(found["segments"][:2]) / 2)
    liquid = templates.templates(0, train=30, test=10, **SMALL, oligodendrocyte="graded")
    assert 0.0 <= liquid["templates"] <= 100.0


def test_an_echo_state_network_remembers() -> None:
    pytest.importorskip("reservoirpy")
    settings = {"memory": {"radius": 0.9, "leak": 1.0, "input_scale": 0.1}}
    found = controls.esn(0, settings, num_nodes=30, max_lag=30, train=300)
    assert 5.0 < found["memory"] < 30.0
    setting = next(iter(templates.ESN_SETTINGS.values()))
    assert templates.esn(0, setting, 20, train=30, test=10)["segments"][2] > 50.0


# --- repair


def test_changes_change_what_they_say_and_nothing_else() -> None:
    data, bias = protocol.Liquid(**SMALL).graph(0), torch.ones(40)
    before = copy.deepcopy(data)
    strong, same = repair.changed(data, bias, "weights x 4", 0)
    assert torch.equal(strong.edge_weight, 4.0 * data.edge_weight)
    assert torch.equal(same, bias)
    weak, _ = repair.changed(data, bias, "weights / 4", 0)
    assert torch.equal(weak.edge_weight, data.edge_weight / 4.0)
    data.edge_mask = torch.ones(160, dtype=torch.bool)
    data.edge_mask[:20] = False
    lesion, _ = repair.changed(data, bias, "lesion 50 %", 0)
    assert num_live(lesion) == 70
    assert not bool((alive(lesion) & ~alive(data)).any())
    _, low = repair.changed(data, bias, "bias - 0.3", 0)
    torch.testing.assert_close(low, torch.full((40,), 0.7))
    assert torch.equal(data.edge_weight, before.edge_weight)
    with pytest.raises(ValueError, match="Unknown change 'fire'; available"):
        repair.changed(data, bias, "fire", 0)


def test_a_rate_is_back_once_it_stays_within_the_band() -> None:
    rate = torch.tensor([30.0, 20.0, 25.0, 23.9, 16.1, 20.0])
    assert repair._last_outside(rate, 20.0) == 3
    assert repair._last_outside(rate[3:], 20.0) == 0


def test_only_a_liquid_with_live_astrocytes_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "BEFORE", 3)
    monkeypatch.setattr(repair, "AFTER", 8)
    shared = {"change": "weights x 4", "train": 100, "astrocyte": "multiplicative"}
    liquid = {"num_nodes": 100, "adapt": 15.0, "oligodendrocyte": "uniform"}
    live, frozen = (repair.repair(0, live=live, **shared, **liquid) for live in (True, False))
    assert live["returned"] == 1.0
    assert live["back"] <= live["back_late"] < 8.0
    assert frozen["returned"] == 0.0
    assert frozen["back"] == 8.0
    assert live["before"] == frozen["before"]
