import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

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


def test_a_glial_cell_of_your_own_runs_as_it_stands(tmp_path: Path) -> None:
    assert len(PROGRAMS) == 2
    match = re.fullmatch(r"tensor\((0\.\d+)\)\n", output_of(PROGRAMS[1], tmp_path))
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
