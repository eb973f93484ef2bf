import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import complaints
from torch_geometric.data import Data

import pyngn_graph
from pyngn_graph import cli
from pyngn_graph.analysis.topology import measure
from pyngn_graph.bench import VARIANTS
from pyngn_graph.cli import main
from pyngn_graph.exchange import read_graphml, write_graphml
from pyngn_graph.generators import Tissue

SMALL = ("--num-nodes", "60")
DATA = Path(os.environ.get("PYNGN_DATA", Path(__file__).parents[2] / "shared" / "data"))


def process(
    *arguments: str | Path, module: bool = False, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, installed or as ``python -m pyngn_graph``."""
    command = [str(Path(sys.executable).parent / "pyngn-graph")]
    if module or not Path(command[0]).exists():
        command = [sys.executable, "-m", "pyngn_graph"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def results_of(text: str) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(text)
    return results


# --- as processes


def test_the_demo_leaves_a_table_and_a_report(tmp_path: Path) -> None:
    run = process("demo", *SMALL, cwd=tmp_path)
    assert (run.returncode, complaints(run)) == (0, "")
    table = [line.split("  ")[0] for line in run.stdout.splitlines()]
    assert table[:5] == ["readout of", "with glia", "without glia", "raw input", "chance"]
    assert "450 test items, 1 seed(s)" in run.stdout
    report = Path("pyngn-demo") / "report.html"
    assert run.stdout.splitlines()[-1] == f"Report: {report}"
    page = (tmp_path / report).read_text()
    for picture in ("Spikes after", "Gain of the neurons", "Delays before", "Edges alive"):
        assert picture in page
    assert 'src="http' not in page
    saved = results_of((tmp_path / "pyngn-demo" / "results.json").read_text())
    assert saved["recipe"]["num_nodes"] == 60
    assert min(found[0] for found in saved["accuracy"].values()) > 0.5


def test_a_run_prints_json_and_nothing_else(tmp_path: Path) -> None:
    arguments = ("run", *SMALL, "--seed", "3", "--glia", "microglia,astrocyte")
    run = process(*arguments, "--json", "--out", "deep/results", module=True, cwd=tmp_path)
    assert (run.returncode, complaints(run)) == (0, "")
    results = results_of(run.stdout)
    assert results == results_of((tmp_path / "deep" / "results" / "results.json").read_text())
    assert (tmp_path / "deep" / "results" / "report.html").exists()
    assert results["seeds"] == [3]
    assert results["recipe"]["glia"] == ["astrocyte", "microglia"]
    assert set(results["accuracy"]) == {"with glia", "without glia", "raw input"}
    assert results["versions"]["pyngn-graph"] == pyngn_graph.__version__


def test_an_error_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = process("run", "--dataset", "fsdd", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("pyngn-graph: '--dataset fsdd' needs '--root'")
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


# --- in this process: what does not depend on its being one


def call(*arguments: str | Path) -> int:
    """The exit code of the command."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return -1 if not isinstance(end.code, int) else end.code


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("paint", "invalid choice: 'paint'"),
        ("info --bogus", "unrecognized arguments: --bogus"),
        ("demo --seeds 2", "unrecognized arguments: --seeds 2"),
        ("run --dataset mnist", "invalid choice: 'mnist'"),
        ("run --read middle", "invalid choice: 'middle'"),
        ("run --glia neuron,microglia", "unknown glia 'neuron'; available: astrocyte"),
        ("run --glia=", "unknown glia ''"),
        ("run --glia none,astrocyte", "unknown glia 'none'"),
        ("run --num-nodes 0", "must be a whole number of at least 1"),
        ("run --num-nodes 1e3", "must be a whole number of at least 1"),
        ("run --seeds -1", "must be a whole number of at least 1"),
        ("run --seed -1", "must be a whole number below 2**32"),
        ("run --seed 4294967296", "must be a whole number below 2**32"),
        ("run --weight heavy", "invalid float value: 'heavy'"),
        ("run --weight -0.2", "'weight' must be at least 0"),
        ("run --weight nan", "'weight' must be at least 0"),
        ("run --weight 1e38", "and 1e30 is most"),
        ("run --dataset fsdd", "'--dataset fsdd' needs '--root'"),
        ("run --root somewhere", "'--root' goes with '--dataset fsdd'"),
        ("run --dataset fsdd --root nowhere --out {left}", "'nowhere' holds neither"),
        ("run --dataset fsdd --root {empty}", "holds neither 'recordings.zip' nor 'recordings/'"),
        ("run --dataset fsdd --root {cut}", "is not the file that was expected"),
        ("run --out {file}", "File exists); name another folder with '--out'"),
        ("demo --out {file}/deep", "Not a directory); name another folder with '--out'"),
    ],
)
def test_what_the_user_has_to_mend_is_said_in_one_line(
    line: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("empty", "cut"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cut" / "recordings.zip").write_bytes(b"PK\x03\x04")
    (tmp_path / "file").touch()
    known = {name: tmp_path / name for name in ("empty", "cut", "file", "left")}
    assert call(*line.format_map(known).split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pyngn-graph")
    assert complaint in err
    assert not (tmp_path / "left").exists()
    assert err.count("\n") == 1


def test_a_folder_that_may_not_be_written_is_found_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the permission is taken from the answer, not from the folder.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert call("run", *SMALL, "--out", tmp_path) == 2
    assert "(Permission denied); name another folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_too_large_a_tissue_is_said_in_one_line_but_bugs_are_not_hidden(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def torch_fails(message: str) -> None:
        def tissue(recipe: object, seed: int = 0) -> Data:
            raise RuntimeError(message)

        monkeypatch.setattr("pyngn_graph.recipes.Recipe.tissue", tissue)

    torch_fails("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")
    assert call("run") == 2
    assert capsys.readouterr().err == (
        "pyngn-graph: not enough memory for so large a run; lower '--num-nodes'\n"
    )
    torch_fails("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        call("run")


def test_an_interrupted_run_ends_quietly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyngn_graph.cli.experiment.classify", interrupted)
    assert call("run") == 130
    assert capsys.readouterr() == ("", "pyngn-graph: interrupted\n")


def test_without_glia_only_the_controls_remain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", *SMALL, "--glia", "none", "--out", tmp_path) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "with glia" not in out
    assert out.splitlines()[-1] == f"Results: {tmp_path / 'results.json'}"
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    results = results_of((tmp_path / "results.json").read_text())
    assert set(results["accuracy"]) == {"without glia", "raw input"}


def test_the_table_gives_mean_and_sample_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", *SMALL, "--glia", "none", "--seeds", "2", "--seed", "3", "--json") == 0
    results = results_of(capsys.readouterr().out)
    assert results["seeds"] == [3, 4]
    assert [len(found) for found in results["accuracy"].values()] == [2, 1]
    assert call("run", *SMALL, "--glia", "none", "--seeds", "2", "--seed", "3") == 0
    found = torch.tensor(results["accuracy"]["without glia"]).double() * 100
    assert f"{found.mean():.1f} +- {found.std():.1f} %" in capsys.readouterr().out


def test_bench_times_one_network_and_compares_its_spikes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = ["bench", "--num-nodes", "40", "--degree", "8", "--seconds", "1", "--rounds", "1"]
    assert cli.main([*small, "--json"]) == 0
    rows = results_of(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == list(VARIANTS)
    assert [row["same_spikes"] for row in rows] == [True, None, None, True]
    assert min(row["realtime"] for row in rows) > 0.0
    assert min(row["rate"] for row in rows) > 0.0
    assert cli.main(small) == 0
    table = capsys.readouterr().out
    assert "40 neurons, 8 inputs of each, 1 s" in table
    assert cli.main([*small, "--seconds", "nan"]) == 2
    assert "time in seconds > 0" in capsys.readouterr().err


def test_version_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"{pyngn_graph.__version__}\n"
    assert call("info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["backends"] == {"event": True, "reference": False}
    assert call("info") == 0
    out = capsys.readouterr().out
    assert f"{'backends':<16} event (auto), reference\n" in out
    assert f"{'pyngn-graph':<16} {pyngn_graph.__version__}\n" in out


def test_info_names_what_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyngn_graph.cli.facts.OPTIONAL", ("no-such-package",))
    assert call("info") == 0
    assert f"{'no-such-package':<16} not installed\n" in capsys.readouterr().out


# --- on speech


def test_a_run_on_spoken_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = DATA / "fsdd" / "recordings.zip"
    if not archive.is_file():
        pytest.skip("needs FSDD; set PYNGN_DATA to the folder that holds fsdd/recordings.zip")
    # A tenth of it, as the folder that upstream has: one take for the test, four to learn from.
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            if name.rpartition("_")[2] in ("0.wav", "5.wav", "6.wav", "7.wav", "8.wav"):
                file.extract(name, tmp_path)
    arguments = ("run", "--dataset", "fsdd", "--root", tmp_path, *SMALL)
    assert call(*arguments, "--json") == 0
    results = results_of(capsys.readouterr().out)
    assert results["recipe"]["pool"] == 5
    assert results["accuracy"]["with glia"][0] > 0.5
    assert results["accuracy"]["raw input"][0] > 0.5
    assert call(*arguments, "--read", "end") == 0
    out, err = capsys.readouterr()
    assert "60 test items, 1 seed(s)" in out
    assert err == ""


# --- the topology of a graph


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write_graphml(Tissue(num_nodes=30, seed=1)(), tmp_path / "tissue.graphml")
    return tmp_path / "tissue.graphml"


def test_info_describes_a_graph(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--graph", str(saved)]) == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines() if line.strip())
    facts = measure(read_graphml(saved))
    assert list(shown) == list(facts)
    assert shown["num_nodes"] == "30"
    assert shown["num_edges"] == f"{facts['num_edges']:,}"
    assert float(shown["clustering"]) == pytest.approx(facts["clustering"], rel=1e-4)


def test_info_of_a_graph_as_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--graph", str(saved), "--measures", "size,hops", "--json"]) == 0
    facts = measure(read_graphml(saved), ("size", "hops"))
    assert json.loads(capsys.readouterr().out) == facts
    (saved.parent / "none.csv").write_text("source,target,mask\n0,1,false\n")
    assert main(["info", "--graph", str(saved.parent / "none.csv"), "--json"]) == 0
    assert results_of(capsys.readouterr().out)["path_length_hops"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--graph", "none.graphml"], "There is no file 'none.graphml'"),
        (["--graph", "graph.dot"], "unknown ending '.dot'; graphs are read from .safetensors"),
        (["--measures", "size"], "'--measures' goes with '--graph'"),
    ],
)
def test_info_refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_info_refuses_unknown_measures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["info", "--graph", "g.csv", "--measures", "charm"])
    assert "Unknown measures ['charm']; available: ['size'," in capsys.readouterr().err
