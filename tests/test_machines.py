"""Machines as they are: no folder to write to, forked processes, no terminal, compilers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import complaints, random_graph

import pyngn_graph
from pyngn_graph import Microglia, SignalReservoir, TriglialReservoir, compiling

LIFE = """
import os, sys
{before}
import torch, pyngn_graph as ng
def life(seed=0):
    graph = ng.generators.Tissue(num_nodes=40, degree=4, seed=seed)()
    return ng.TriglialReservoir(graph, bias=(0.9, 1.3)).run(num_steps=50).events.size(0)
"""
"""What a child of these tests begins with; drawing a tissue compiles, and so does running it."""


def child(
    program: str, before: str = "", package: Path | None = None, command: tuple[str, ...] = (),
    **variables: str,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    home = str(Path(pyngn_graph.__file__).parents[1] if package is None else package)
    environment = {**os.environ, "PYTHONPATH": home, **variables}
    environment = {name: value for name, value in environment.items() if value}
    return subprocess.run(
        [*command, sys.executable, "-c", LIFE.format(before=before) + program],
        capture_output=True, text=True, env=environment, timeout=500, cwd=home,
    )  # fmt: skip


def test_without_a_folder_to_write_to_it_compiles_for_this_process_and_says_so_once(
    tmp_path: Path,
) -> None:
    command: tuple[str, ...] = ()
    if os.geteuid() == 0:  # whom no mode of a folder stops
        if shutil.which("setpriv") is None:
            pytest.skip("root cannot give up its rights here")
        command = ("setpriv", "--bounding-set=-all", "--")
    package, home = tmp_path / "site", tmp_path / "home"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pyngn_graph.__file__).parent, package / "pyngn_graph", ignore=unwanted)
    home.mkdir()
    folders = [package, home, *(path for path in package.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        run = child(
            "print(life())", package=package, command=command, HOME=str(home),
            NUMBA_CACHE_DIR="", XDG_CACHE_HOME="", PYTHONDONTWRITEBYTECODE="1",
        )  # fmt: skip
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 0
    assert run.stderr.count("NUMBA_CACHE_DIR") == 1
    assert compiling.UNKEPT in run.stderr


def twice(x: float) -> float:
    return x + x


def test_a_full_disk_is_no_reason_to_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compiling._say_unkept.cache_clear()
    function = compiling.compiled(twice)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.load", full)
    assert [function(1), function(1.5)] == [2, 3.0]
    assert [record.getMessage() for record in caplog.records].count(compiling.UNKEPT) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_of_a_process_that_has_computed_on_many_threads_goes_on() -> None:
    run = child(
        "torch.set_num_threads(4); large = torch.randn(400, 400)\n"
        "assert life() and torch.isfinite((large @ large).sin().sum()), torch.get_num_threads()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    import signal; signal.alarm(300)\n"  # a hang is an exit code
        "    fine = life() and life(1) and torch.isfinite((large @ large).sin().sum())\n"
        "    os._exit(0 if fine and torch.get_num_threads() == 1 else 1)\n"
        "print(os.waitpid(child, 0)[1], torch.get_num_threads())",
        OMP_NUM_THREADS="4",
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["0", "4"]


STREAMS = {
    "none": "sys.stdout = sys.stderr = None",
    "closed": "sys.stdout.close(); sys.stderr.close()",
    "no descriptors": "os.close(1); os.close(2); sys.stdout = sys.stderr = None",
}


@pytest.mark.parametrize("before", STREAMS.values(), ids=STREAMS.keys())
def test_without_a_terminal_it_runs_and_says_nothing(before: str, tmp_path: Path) -> None:
    program = (
        "graph = ng.generators.Tissue(num_nodes=20, seed=1)()\n"
        "ng.TriglialReservoir(graph, bias=1.2).run(num_steps=20, progress=True)\n"
        f"open({str(tmp_path / 'spikes')!r}, 'w').write(str(life()))"
    )
    # An empty cache, so that there is something to say: that inner loops are compiled.
    run = child(program, before, NUMBA_CACHE_DIR=str(tmp_path) if before == STREAMS["none"] else "")
    assert run.returncode == 0, run.stderr
    assert int((tmp_path / "spikes").read_text()) > 0
    assert run.stdout + complaints(run) == ""


def test_a_compiled_model_holds_a_reservoir_as_it_is() -> None:
    graph, x = random_graph(), 2.0 * torch.rand(2, 60, 3)
    reservoir = TriglialReservoir(graph, in_channels=3, glia=[Microglia()], bias=1.1)
    places = SignalReservoir(graph, in_channels=1)
    with torch.random.fork_rng():
        model = torch.nn.Sequential(reservoir, torch.nn.Linear(8, 2))
    y = torch.rand(9, 8, 1)
    for each, given in ((reservoir, x), (model, x), (places, y)):
        assert torch.equal(torch.compile(each, backend="eager")(given), each(given))
    events = torch.compile(lambda given: reservoir.run(given).events, backend="eager")(x)
    assert torch.equal(events, reservoir.run(x).events)
