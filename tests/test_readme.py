import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import complaints

from pyngn_graph.cli.options import command_line

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
PROGRAMS = [block for kind, block in BLOCKS if kind == "python"]


def output_of(program: str, folder: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert complaints(run) == ""
    return run.stdout


def test_the_twelve_lines_run_as_they_stand(tmp_path: Path) -> None:
    lines = [line for line in PROGRAMS[0].splitlines() if line]
    assert len(lines) <= 12
    match = re.fullmatch(
        r"(\d+\.\d)% of the test digits are right\n", output_of(PROGRAMS[0], tmp_path)
    )
    assert match is not None
    assert float(match[1]) > 94.0
    assert (tmp_path / "reservoir.safetensors").exists()


def test_your_own_graph_and_data_run_as_they_stand(tmp_path: Path) -> None:
    """Slow, quick and very quick oscillations, each from a random phase and under noise."""
    assert "name,x,y,z and pre,post,weight" in PROGRAMS[1]
    rng = np.random.default_rng(0)
    pos, number = rng.uniform(0.0, 500.0, (60, 3)), 200
    nodes = [f"n{i},{x},{y},{z}" for i, (x, y, z) in enumerate(pos)]
    (tmp_path / "nodes.csv").write_text("\n".join(["name,x,y,z", *nodes]))
    pairs = rng.integers(0, 60, (400, 2))
    edges = [f"n{i},n{j},{rng.integers(1, 30)}" for i, j in pairs]
    (tmp_path / "edges.csv").write_text("\n".join(["pre,post,weight", *edges]))
    words = rng.choice(["rest", "walk", "run"], number)
    pace = np.array([{"rest": 0.02, "walk": 0.05, "run": 0.11}[word] for word in words])
    phase = pace[:, None] * np.arange(40) + rng.uniform(0.0, 1.0, (number, 1))
    x = np.sin(2 * np.pi * phase)[:, :, None] + rng.normal(0.0, 0.3, (number, 40, 3))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", words)
    first, *judged = output_of(PROGRAMS[1], tmp_path).splitlines()
    match = re.fullmatch(r"(\d+\.\d)% of the others are right", first)
    assert match is not None
    assert float(match[1]) > 60.0
    assert judged[0].startswith("The reservoir is healthy: "), judged


def test_a_glial_cell_of_your_own_runs_as_it_stands(tmp_path: Path) -> None:
    assert len(PROGRAMS) == 3
    match = re.fullmatch(r"tensor\((0\.\d+)\)\n", output_of(PROGRAMS[2], tmp_path))
    assert match is not None
    assert float(match[1]) < 0.99


def test_commands_exist_with_the_options_they_are_shown_with() -> None:
    shown = re.findall(r"^pyngn-graph (.*?)(?: *#.*)?$", TEXT, flags=re.MULTILINE)
    shown += [line for line in re.findall(r"`pyngn-graph (.*?)`", TEXT) if "--help" not in line]
    assert len(shown) >= 6
    for line in shown:
        assert command_line(None).parse_args(shlex.split(line)) is not None
    for script in re.findall(r"benchmarks/\w+\.py", TEXT):
        assert (ROOT / script).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).is_file()


def test_the_picture_is_light() -> None:
    picture = ROOT / "benchmarks" / "pictures" / "reservoir.png"
    assert picture.stat().st_size < 200_000


def test_the_layout_is_the_one_on_disk() -> None:
    (layout,) = [block for kind, block in BLOCKS if kind == "text"]
    for line in layout.splitlines()[1:]:
        base = ROOT / "pyngn_graph" if line.startswith("  ") else ROOT
        for name in re.split(r"  +", line.strip())[0].split(", "):
            assert (base / name).exists(), name
