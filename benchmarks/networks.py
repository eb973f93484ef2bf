"""What networks cost: to NetworkX and back, and the tables of measured graphs.

    python benchmarks/networks.py [--edges 1000000] [--data FOLDER] [conversion larva worm]

Prints seconds, of the clock and of the CPU, and the most memory that was used so far.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Data

import pyngn_graph as ng
from benchmarks.report import peak_memory
from pyngn_graph.analysis import topology


def timed(name: str, work: Callable[[], object]) -> object:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<44}{wall:7.1f} s{cpu:9.1f} s CPU{peak_memory():7.2f} GiB", flush=True)
    return found


def random_graph(num_edges: int, seed: int = 0) -> Data:
    """A tenth as many neurons; parallel edges, self loops, attributes as in a run."""
    g = torch.Generator().manual_seed(seed)
    num_nodes = max(1, num_edges // 10)
    return Data(
        num_nodes=num_nodes,
        pos=torch.rand(num_nodes, 3, generator=g),
        edge_index=torch.randint(num_nodes, (2, num_edges), generator=g),
        edge_weight=torch.randn(num_edges, generator=g),
        edge_delay=torch.randint(1, 50, (num_edges,), generator=g),
        edge_mask=torch.rand(num_edges, generator=g) < 0.9,
        edge_health=torch.rand(num_edges, generator=g),
        gain=torch.rand(num_nodes, generator=g),
        calcium=torch.rand(num_nodes, generator=g),
    )


def conversion(options: argparse.Namespace) -> None:
    data = random_graph(options.edges)
    name = f"{options.edges:,} edges"

    def both() -> Data:
        graph = timed(f"  {name}: to_networkx", lambda: ng.to_networkx(data))
        back = timed(f"  {name}: from_networkx", lambda: ng.from_networkx(graph))
        assert isinstance(back, Data)
        return back

    back = timed(f"{name}: both ways", both)
    for key, value in data.to_dict().items():
        assert key == "num_nodes" or torch.equal(back[key], value), key


def larva(options: argparse.Namespace) -> None:
    data = ng.datasets.DrosophilaLarva(options.data / "drosophila_larva")[0]
    timed("larva: summary", lambda: topology.summary(data))
    net = topology.Network.of(data)
    for name, group in topology.MEASURES.items():
        timed(f"  larva: {name}", lambda group=group: group(net))


def worm(options: argparse.Namespace) -> None:
    data = ng.datasets.CElegans(options.data / "celegans")[0]
    table = timed("worm: summary with 20 nulls", lambda: topology.summary(data, nulls=20))
    print(table.to_string() if hasattr(table, "to_string") else table)


PARTS = {"conversion": conversion, "larva": larva, "worm": worm}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS))
    parser.add_argument("--edges", type=int, default=10**6, help="edges to convert (default 10^6)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of data")
    options = parser.parse_args()
    for name in options.parts:
        PARTS[name](options)


if __name__ == "__main__":
    main()
