"""The GPU backend: which backend runs where, the bits of its kernels, and their machine code."""

import argparse
import importlib
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import random_graph
from torch import Tensor

from pyngn_graph import Astrocyte, LIFParameters, Microglia, Oligodendrocyte, TriglialReservoir
from pyngn_graph import backends as backends_
from pyngn_graph.backends import BACKENDS, resolve

ROOT = Path(__file__).parents[1]

needs_triton = pytest.mark.skipif(not find_spec("triton"), reason="needs Triton")


# Which backend


def test_auto_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu, other = (torch.device(name) for name in ("cpu", "cuda:1", "xpu"))
    for has in (True, False):
        monkeypatch.setattr(backends_, "_has_triton", lambda has=has: has)
        assert [resolve("auto", device) for device in (cpu, other)] == ["event", "reference"]
        assert resolve("auto", gpu) == ("cuda" if has else "reference")
        assert [resolve(name, gpu) for name in BACKENDS] == list(BACKENDS)


def test_a_backend_that_cannot_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(backends_, "_has_triton", lambda: False)
    here = r"; available here: \['auto', 'event', 'reference'\]"
    with pytest.raises(ValueError, match=r"needs Triton: pip install 'pyngn-graph\[cuda\]'" + here):
        TriglialReservoir(random_graph(), backend="cuda")
    monkeypatch.setattr(backends_, "_has_triton", lambda: True)
    with pytest.raises(ValueError, match="needs an NVIDIA GPU .* finds none" + here):
        TriglialReservoir(random_graph(), backend="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ValueError, match=r"'fast'; available here: \['auto', 'cuda', 'event', "):
        TriglialReservoir(random_graph(), backend="fast")


@needs_triton
def test_a_reservoir_left_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    reservoir = TriglialReservoir(random_graph(), backend="cuda", glia=[Microglia()], bias=2.0)
    clock = reservoir.graph.clock
    with pytest.raises(ValueError, match=r"on the cpu; move it with 'reservoir.to\(\"cuda\"\)'"):
        reservoir.adapt(num_steps=5)
    assert reservoir.graph.clock == clock
    assert reservoir.backend == "cuda"


def test_triton_is_imported_by_its_kernels_alone() -> None:
    # And those by nothing but the backend, whose module is imported when it is first used.
    for path in (ROOT / "pyngn_graph").rglob("*.py"):
        found = re.findall(r"^\s*(?:import|from) (triton|.*cuda_\w+)", path.read_text(), re.M)
        assert not found or path.name.startswith("cuda"), path
        assert "triton" not in found or path.name == "cuda_kernels.py", path


# Bits


@needs_triton
def test_its_bits_are_those_of_the_reference() -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [*words, str(Path(__file__).with_name("cuda_bits.py"))],
        env=os.environ | interpreted,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"\d\d passed", done.stdout), done.stdout


# The benchmark


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "speed"))
    return importlib.import_module("gpu")


def test_the_benchmark_wants_a_gpu(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit, match="needs a GPU that torch can use; there is none here"):
        gpu.main()


def test_what_the_benchmark_does_on_any_device(gpu: Any) -> None:
    device, options = torch.device("cpu"), argparse.Namespace(seconds=0.06, seed=0, rounds=2)
    result = gpu.measure("40x5", options, device, room=1e6)
    assert list(result["rounds"]) == ["cuda", "glia", "pyg"]
    for name, runs in result["rounds"].items():
        assert [run["steps"] for run in runs] == [60, 60]
        assert all(run["synaptic_events"] == 5 * run["spikes"] for run in runs)
        line = gpu.row(result, name, bandwidth=1.0)
        assert len(line) == len(gpu.HEAD.split(","))
        assert line[-1].startswith("1 (1-1)") == (name == "cuda")
    # Weights lie on a grid that float32 sums exactly: the plain loop fires the same spikes.
    assert len({result["rounds"][name][0]["spikes"] for name in ("cuda", "pyg")}) == 1
    assert gpu.measure("40x5", options, device, room=15_000)["left_out"] == ["cuda", "glia"]
    assert gpu.triad(device, 1000) > 0.0


# Machine code


class Launches:
    """Stands in for a kernel: notes what it is launched with, and does nothing."""

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.seen = kernel, dict[str, tuple[dict[str, Any], ...]]()

    def __getitem__(self, grid: Any) -> Any:
        return self.launch

    def launch(self, *args: Any, **named: Any) -> None:
        names = self.kernel.arg_names
        values = dict(zip(names, args, strict=False))
        constants = {name: value for name, value in named.items() if name in names}
        options = {name: value for name, value in named.items() if name not in names}
        kinds = {name: kind_of(value) for name, value in values.items()}
        signature = {name: kinds.get(name, "constexpr") for name in names}
        self.seen[str((signature, constants))] = (signature, constants, options)

    def assembly(self, **changes: Any) -> list[str]:
        """What each launch runs on an H100, compiled here and now; ``changes`` its options."""
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        found = []
        for signature, constants, options in self.seen.values():
            source = ASTSource(self.kernel, signature=signature, constexprs=constants)
            made = triton.compile(
                source, target=GPUTarget("cuda", 90, 32), options=options | changes
            )
            assert made.asm["cubin"]
            found.append(made.asm["ptx"])
        return found


def kind_of(value: Any) -> str:
    """The type of an argument, in Triton's words."""
    if isinstance(value, Tensor):
        names = {"float": "fp", "uint": "u", "int": "i"}
        name = str(value.dtype).removeprefix("torch.")
        return "*" + re.sub(r"^[a-z]+", lambda found: names[found[0]], name)
    if isinstance(value, float):
        return "fp32"
    return "i32" if abs(value) < 2**31 else "i64"


INEXACT = re.compile(
    r"\b(fma\.rn\.f|\S+\.ftz|div\.(full|approx)|sqrt\.approx|rcp|rsqrt|ex2|lg2|mul24)\S*"
)


@needs_triton
def test_the_machine_code_rounds_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyngn_graph.backends import cuda_kernels

    names = [name for name, each in vars(cuda_kernels).items() if hasattr(each, "arg_names")]
    names.remove("_push")
    names.remove("_new_gain")
    assert len(names) == 8
    kernels = {name: Launches(getattr(cuda_kernels, name)) for name in names}
    for name, kernel in kernels.items():
        monkeypatch.setattr(cuda_kernels, name, kernel)
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # asks for no GPU: nothing is run
    rich = LIFParameters(tau_m=torch.full((8,), 20.0), t_ref=2.0, tau_syn=5.0, v_min=-1.0)
    glia = [Oligodendrocyte(max_delay=9), Microglia()]
    for neuron, cells, in_flight, names in (
        (LIFParameters(), [*glia, Astrocyte()], "arrival", ()),
        (rich, [*glia, Astrocyte(territory=90.0)], "arrival", ("v", "i_syn", "gain", "calcium")),
        (rich, [*glia, Astrocyte(rule="multiplicative")], "emission", ("state", "gain")),
        (rich, [Oligodendrocyte("coherence", max_delay=9)], "arrival", ()),
    ):
        reservoir = TriglialReservoir(
            random_graph(), neuron=neuron, glia=cells, glia_period=4, backend="cuda",
            in_flight=in_flight, bias=5.0, stateful=True,
        )  # fmt: skip
        state = TriglialReservoir(
            random_graph(), neuron=neuron, in_flight=in_flight, bias=25.0, stateful=True
        )
        state.run(num_steps=6)
        reservoir._state = state._state
        reservoir.adapt(num_steps=4, record=names)
    for name, kernel in kernels.items():
        assembly = kernel.assembly()
        assert assembly, name
        for code in assembly:
            found = INEXACT.search(code)
            assert found is None, (name, found)
    assert len(kernels["step"].seen) == 4
    assert all(map(INEXACT.search, kernels["step"].assembly(enable_fp_fusion=True)))
