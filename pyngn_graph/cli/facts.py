"""The command ``info``: what is installed, or what a graph is like."""

import argparse
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

import pyngn_graph
from pyngn_graph.analysis.topology import measure
from pyngn_graph.analysis.topology.summary import described
from pyngn_graph.backends import BACKENDS, missing, resolve
from pyngn_graph.exchange import read_graph

PACKAGES = ("torch", "torch-geometric", "numpy", "scipy", "networkx", "numba", "safetensors")
OPTIONAL = ("scikit-learn", "matplotlib", "plotly", "torch-scatter")


def show_facts(options: argparse.Namespace) -> None:
    """Prints versions and backends, or the measures of a graph."""
    if options.graph is not None:
        _describe(options)
        return
    for name in ("measures", "weights", "columns"):
        if getattr(options, name) is not None:
            raise ValueError(f"'--{name}' goes with '--graph'; add the file of a graph")
    facts: dict[str, Any] = {
        "versions": versions(),
        "backends": {
            name: name == resolve("auto", torch.device("cpu"))
            for name in sorted(BACKENDS)
            if missing(name) is None
        },
        "devices": ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))],
        "threads": torch.get_num_threads(),
    }
    if options.json:
        print(json.dumps(facts, indent=2))
        return
    for name, found in facts["versions"].items():
        print(f"{name:<16} {found}")
    default = [f"{name} (auto)" if auto else name for name, auto in facts["backends"].items()]
    print(f"{'backends':<16} {', '.join(default)}")
    print(f"{'devices':<16} {', '.join(facts['devices'])}")
    print(f"{'threads':<16} {facts['threads']}")


def _describe(options: argparse.Namespace) -> None:
    graph = read_graph(options.graph, columns=options.columns, weights=options.weights)
    facts = measure(graph, options.measures)
    if options.json:
        known = {name: None if value != value else value for name, value in facts.items()}
        print(json.dumps(known, indent=2))
    else:
        print(described(facts))


def versions() -> dict[str, str]:
    """Versions of the library and of what it stands on."""
    found = {"pyngn-graph": pyngn_graph.__version__, "python": platform.python_version()}
    for name in (*PACKAGES, *OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
