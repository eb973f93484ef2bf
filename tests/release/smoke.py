"""Tries an installed wheel in an environment that holds nothing but what the wheel asks for.

    python smoke.py        (outside of the source tree; see `make release`)

Runs a reservoir from graph to file, imports every module, and sees that each part that needs more
names the extra that brings it. Prints what `import pyngn_graph` takes beyond torch and PyG.
"""

import importlib
import importlib.util
import json
import pkgutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPTIONAL = ("igraph", "matplotlib", "nir", "optuna", "pandas", "plotly", "pymetis", "sklearn")

IMPORT = """\
import time, torch, torch_geometric
from torch_geometric.data import Batch, Data
start = time.perf_counter()
import pyngn_graph
print(time.perf_counter() - start)
"""


def main() -> None:
    import pyngn_graph

    found = [name for name in OPTIONAL if importlib.util.find_spec(name)]
    assert not found, f"The environment is not empty: it has {found}"
    assert "site-packages" in str(pyngn_graph.__file__), pyngn_graph.__file__
    print(f"pyngn_graph {pyngn_graph.__version__}, seconds to import: {seconds_to_import():.2f}")
    with tempfile.TemporaryDirectory() as folder:
        spine(Path(folder))
    print(f"modules imported: {len(modules())}")
    print(f"extras named where they are missing: {', '.join(sorted(extras()))}")
    command()
    print("The wheel works.")


def seconds_to_import() -> float:
    """Median of five processes."""
    runs = [float(output_of(sys.executable, "-c", IMPORT)) for _ in range(5)]
    return statistics.median(runs)


def spine(folder: Path) -> None:
    """Data, graph, simulation, readout, analysis, and a file."""
    import torch

    import pyngn_graph as ng
    from pyngn_graph.analysis import dynamics, topology

    graph = ng.generators.Tissue(num_nodes=200, seed=0)()
    glia = [ng.Astrocyte(rule="multiplicative"), ng.Oligodendrocyte(), ng.Microglia()]
    reservoir = ng.TriglialReservoir(graph, in_channels=1, glia=glia, hold=10, pool="last")
    u = ng.tasks.uniform_input(600, generator=torch.Generator().manual_seed(0))
    reservoir.adapt(u.view(1, -1, 1), progress=False)
    recording = reservoir.run(u.view(1, -1, 1), record="state", every=10, progress=False)
    assert 0.0 < dynamics.measure_activity(recording).rate < 200.0
    states = recording.traces["state"][0]
    readout = ng.RidgeReadout().fit(states[:400], u[:400].view(-1, 1))
    assert readout.score(states[400:], u[400:].view(-1, 1)) > 0.3
    assert topology.summary(reservoir.graph) is not None
    assert ng.to_networkx(reservoir.graph).number_of_edges() == reservoir.graph.num_edges
    reservoir.save(folder / "reservoir.safetensors")
    again = ng.TriglialReservoir.load(folder / "reservoir.safetensors")
    assert torch.equal(again(u.view(1, -1, 1)), reservoir(u.view(1, -1, 1)))


def modules() -> list[str]:
    """Every module of the package, imported, or refused with the name of an extra."""
    import pyngn_graph

    names = [each.name for each in pkgutil.walk_packages(pyngn_graph.__path__, "pyngn_graph.")]
    for name in names:
        if name.endswith("__main__") or name.startswith("pyngn_graph.backends.cuda"):
            continue  # runs a command; is imported by who asks for its backend
        try:
            importlib.import_module(name)
        except ImportError as error:
            if "pip install 'pyngn-graph[" not in str(error):
                raise
    return names


def extras() -> set[str]:
    """The extras that are asked for when a part is used that needs them."""
    import pyngn_graph as ng
    from pyngn_graph import distributed, exchange, plot, tuning

    graph = ng.generators.Tissue(num_nodes=20, seed=0)()
    reservoir = ng.TriglialReservoir(graph)
    recording = reservoir.run(num_steps=10, progress=False)

    def estimators() -> Any:
        return importlib.import_module("pyngn_graph.estimators").ReservoirClassifier()

    uses: list[tuple[str, Callable[[], Any]]] = [
        ("demo", lambda: ng.datasets.Digits()),
        ("demo", lambda: plot.raster(recording)),
        ("demo", lambda: plot.graph3d(graph)),
        ("sklearn", estimators),
        ("tune", tuning.search_space),
        ("tune", lambda: plot.importances(None)),
        ("nir", lambda: exchange.to_nir(reservoir)),
        ("metis", lambda: distributed.partition(graph, 2, "metis")),
        ("cuda", lambda: ng.TriglialReservoir(graph, backend="cuda")),
    ]
    for extra, use in uses:
        try:
            use()
            said = ""
        except (ImportError, ValueError) as error:
            said = str(error)
        assert f"pip install 'pyngn-graph[{extra}]'" in said, (extra, said)
    return {extra for extra, _ in uses}


def command() -> None:
    """The command, as installed."""
    own = Path(sys.executable).parent / "pyngn-graph"
    assert "pyngn-graph" in output_of(own, "info")
    small = ("--num-nodes", "50", "--degree", "5", "--seconds", "0.2", "--rounds", "1")
    rows = json.loads(output_of(own, "bench", *small, "--json"))["rows"]
    assert all(row["same_spikes"] in (True, None) for row in rows)
    run = subprocess.run([own, "demo"], capture_output=True, text=True, check=False)
    assert run.returncode == 2, run
    assert "pyngn-graph[demo]" in run.stderr, run.stderr


def output_of(*arguments: str | Path) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
