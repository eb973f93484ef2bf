"""The design page says that a module knows only those below it: no import leads back."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parents[1] / "pyngn_graph"


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports() -> nx.DiGraph:
    """An edge from each module to every one that it imports when it is itself imported."""
    files = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    graph = nx.DiGraph()
    graph.add_nodes_from(files)
    for name, path in files.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    graph.add_edge(name, inner if inner in files else node.module)
            elif isinstance(node, ast.Import):
                graph.add_edges_from((name, alias.name) for alias in node.names)
    return graph.subgraph(files)


def part_of(module: str) -> str:
    """The file or folder right under the package that ``module`` belongs to."""
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("parts", [False, True])
def test_imports_only_point_down(parts: bool) -> None:
    graph = imports()
    if parts:
        pairs = ((part_of(a), part_of(b)) for a, b in graph.edges)
        graph = nx.DiGraph((a, b) for a, b in pairs if a != b)
    assert graph.number_of_edges() > 50
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)


def test_imports_name_their_modules_in_full() -> None:
    for path in PACKAGE.rglob("*.py"):
        relative = [n for n in ast.walk(ast.parse(path.read_text())) if getattr(n, "level", 0)]
        assert not relative, path


def test_every_module_says_why_it_exists() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


HEAVY = ("matplotlib", "pandas", "plotly", "scipy.optimize", "scipy.stats", "sklearn", "triton")


def test_what_few_parts_need_is_not_imported_with_the_package() -> None:
    program = (
        "import sys, torch, torch_geometric; before = set(sys.modules)\n"
        "import pyngn_graph; print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240
    )
    new = run.stdout.split()
    assert "pyngn_graph.reservoir" in new
    assert not [name for name in new if name.startswith(HEAVY)]
    assert not [name for name in new if name.endswith((".distributed", ".estimators", ".tuning"))]


def test_parts_that_come_later_are_there_when_they_are_named() -> None:
    import pyngn_graph as ng

    for name in ("distributed", "estimators", "tuning"):
        assert name in dir(ng)
        assert getattr(ng, name) is importlib.import_module(f"pyngn_graph.{name}")
    with pytest.raises(AttributeError, match="'pyngn_graph' has no attribute 'estimator'"):
        _ = ng.estimator
