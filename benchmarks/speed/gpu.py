"""How fast a GPU runs the network: ours, ours with glia, and a plain PyG loop, beside its memory.

python benchmarks/speed/gpu.py --sizes 100000x1000 1000000x1000 --rounds 5

The network is that of ``network.py``, drawn on the device, where targets of one neuron may repeat.
All runs are in this process, in interleaved rounds; each is timed between two waits for the device.
A run that would not fit is left out. A GPU is needed.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch_geometric
from network import COUPLING, DRIVE, TAU
from rounds import arguments, interleaved, shape
from run_pyg import DelayedConv
from torch import Tensor
from torch_geometric.data import Data
from worker import Stopwatch

import pyngn_graph as ng
from benchmarks.report import spread, table, write

BYTES = {"cuda": 80, "glia": 130, "pyg": 70}
"""What a run needs for each edge at its peak, beside what all share, roughly."""

MOVED_BY_EVENT, MOVED_BY_STEP = 16, 40
"""Bytes read and written: place, weight and ring for an event; all state for a neuron's step."""

PYG_EDGES = 10**9
"""Edges times steps that the plain loop is given at most: it works through all at every step."""

NOTES = """\
Real time: seconds on the wall for a second of the model, median (range) over the rounds. M events
/ s: millions of synaptic events; those of a spike are the live edges out of its neuron. Moved:
bytes that the model must read and write at least (16 for an event, 40 for a step of a neuron) for
each second, and as a share of the triad a = b + s c in float32 on the same device, 12 bytes an
element. Ratio: time for a step over that of `cuda` in the same round. `glia` ticks every 1000
steps; ticks run on the CPU in part and are included.
"""


class Drawn(NamedTuple):
    """A network on its device: the graph, drives and first potentials ``[N]``."""

    graph: Data
    drive: Tensor
    potential: Tensor


def draw(num_nodes: int, degree: int, seed: int, device: torch.device) -> Drawn:
    """The network of ``network.py``, edges in the order of their sources."""
    generator = torch.Generator(device).manual_seed(seed)
    num_edges = num_nodes * degree

    def uniform(low: float, high: float, size: int) -> Tensor:
        drawn = torch.rand(size, generator=generator, device=device)
        return drawn.mul_(high - low).add_(low)

    index = torch.empty(2, num_edges, dtype=torch.int64, device=device)
    index[0] = torch.arange(num_nodes, device=device).repeat_interleave(degree)
    index[1].random_(0, num_nodes, generator=generator)
    mean = torch.full((num_nodes, 1), COUPLING / degree**0.5, device=device)
    mean[int(0.8 * num_nodes) :] *= -4.0
    weight = uniform(0.5, 1.5, num_edges)
    weight.view(num_nodes, degree).mul_(mean)
    weight.mul_(2.0**24).round_().mul_(2.0**-24)
    delay = torch.empty(num_edges, dtype=torch.int64, device=device)
    graph = Data(
        num_nodes=num_nodes,
        edge_index=index,
        edge_weight=weight,
        edge_delay=delay.random_(1, 21, generator=generator),
    )
    return Drawn(graph, uniform(*DRIVE, num_nodes), uniform(0.0, 1.0, num_nodes))


def wait(device: torch.device) -> None:
    """Waits until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def triad(device: torch.device, elements: int = 2**28) -> float:
    """GB/s of a = b + s c in float32, the best of some repetitions."""
    a, b, c = (torch.ones(elements, device=device) for _ in range(3))
    times = []
    for _ in range(10):
        wait(device)
        with Stopwatch() as watch:
            torch.add(b, c, alpha=3.0, out=a)
            wait(device)
        times.append(watch.wall)
    return 1e-9 * 12 * elements / min(times)


def ours(drawn: Drawn, glia: bool, steps: int) -> Callable[[], dict[str, Any]]:
    """A reservoir that has compiled what it needs, ready to run on."""
    cells: list[ng.GlialCell] = []
    if glia:
        longest = int(drawn.graph.edge_delay.max())
        cells = [ng.Astrocyte(), ng.Oligodendrocyte(max_delay=longest), ng.Microglia(fraction=1e-4)]
    reservoir = ng.TriglialReservoir(
        drawn.graph, neuron=ng.LIFParameters(tau_m=TAU), glia=cells, bias=drawn.drive
    )
    device = drawn.drive.device

    def run() -> dict[str, Any]:
        reservoir.reset(v=drawn.potential)
        wait(device)
        with Stopwatch() as watch:
            recording = reservoir.adapt(num_steps=steps, progress=False)
            wait(device)
        events = int(recording.synaptic_events.sum())
        return measured(watch, steps, recording.events.size(0), events)

    reservoir.reset(v=drawn.potential)
    reservoir.adapt(num_steps=64, progress=False)
    return run


@torch.no_grad()
def plain(drawn: Drawn, steps: int) -> dict[str, Any]:
    """The loop that a PyG user would write, float32, spikes kept as a dense table."""
    graph, device = drawn.graph, drawn.drive.device
    num_nodes, delay = graph.num_nodes, graph.edge_delay
    degree = torch.bincount(graph.edge_index[0], minlength=num_nodes)
    alpha, u, conv = float(torch.tensor(-1.0 / TAU).exp()), drawn.potential, DelayedConv()
    past = torch.zeros(int(delay.max()) + 1, num_nodes, device=device)
    fired = torch.zeros(steps, num_nodes, dtype=torch.bool, device=device)
    spikes = past[0]
    wait(device)
    with Stopwatch() as watch:
        for t in range(steps):
            total = conv(past, t, graph.edge_index, graph.edge_weight, delay)
            u = torch.where(spikes > 0, 0.0, u)
            u = alpha * u + (1.0 - alpha) * drawn.drive + total
            spikes = (u >= 1.0).float()
            past[t % past.size(0)] = spikes
            fired[t] = spikes > 0
        wait(device)
    return measured(watch, steps, int(fired.sum()), int((fired.sum(dim=0) * degree).sum()))


def measured(watch: Stopwatch, steps: int, spikes: int, events: int) -> dict[str, Any]:
    """What a run took and did."""
    times = {"wall": watch.wall, "cpu": watch.cpu}
    return times | {"steps": steps, "spikes": spikes, "synaptic_events": events}


def measure(
    size: str, options: argparse.Namespace, device: torch.device, room: float
) -> dict[str, Any]:
    """All rounds of one size, of whatever needs no more than ``room`` bytes."""
    num_nodes, degree = shape(size)
    num_edges, steps = num_nodes * degree, round(1000 * options.seconds)
    fits = [name for name, each in BYTES.items() if each * num_edges <= room]
    left_out = [name for name in BYTES if name not in fits]
    result = {"size": size, "num_nodes": num_nodes, "rounds": {}, "left_out": left_out}
    if fits:
        drawn = draw(num_nodes, degree, options.seed, device)
        at_most = max(20, min(steps, PYG_EDGES // num_edges))
        jobs: dict[str, Callable[[], dict[str, Any]]] = {}
        for name in fits:
            is_plain = name == "pyg"
            jobs[name] = (
                partial(plain, drawn, at_most) if is_plain else ours(drawn, name == "glia", steps)
            )
        result["rounds"] = interleaved(size, jobs, options.rounds)
    return result


def row(result: dict[str, Any], name: str, bandwidth: float) -> list[str]:
    """A line of the table."""
    runs, base = result["rounds"][name], result["rounds"]["cuda"]
    nodes = result["num_nodes"]
    events = [run["synaptic_events"] / run["wall"] for run in runs]
    stepped = [nodes * run["steps"] / run["wall"] for run in runs]
    moved = statistics.median(
        1e-9 * (MOVED_BY_EVENT * event + MOVED_BY_STEP * step)
        for event, step in zip(events, stepped, strict=True)
    )
    ratio = spread(
        run["wall"] / run["steps"] * one["steps"] / one["wall"]
        for run, one in zip(runs, base, strict=True)
    )
    return [
        result["size"],
        name,
        str(runs[0]["steps"]),
        f"{1000 * runs[0]['spikes'] / (nodes * runs[0]['steps']):.1f}",
        spread(1000 * run["wall"] / run["steps"] for run in runs),
        f"{1e-6 * statistics.median(stepped):.3g}",
        f"{1e-6 * statistics.median(events):.3g}",
        f"{moved:.3g} ({moved / bandwidth:.0%})",
        ratio,
    ]


HEAD = "network,run,steps,Hz,real time,M neuron-steps / s,M events / s,moved GB/s (triad),ratio"


def main() -> None:
    sizes = ["10000x100", "100000x100", "100000x1000", "1000000x100", "1000000x1000"]
    options = arguments(__doc__, "gpu.md", sizes, 1.0).parse_args()
    if not torch.cuda.is_available():
        sys.exit("This benchmark needs a GPU that torch can use; there is none here.")
    device = torch.device("cuda", torch.cuda.current_device())
    bandwidth, results = triad(device), list[dict[str, Any]]()
    about = [
        f"{torch.cuda.get_device_name(device)}, triad {bandwidth:.0f} GB/s",
        f"pyngn_graph {ng.__version__}, torch {torch.__version__}",
        f"PyG {torch_geometric.__version__}",
    ]
    for size in options.sizes:
        results.append(measure(size, options, device, 0.9 * torch.cuda.mem_get_info(device)[0]))
        torch.cuda.empty_cache()
        rows = [row(each, name, bandwidth) for each in results for name in each["rounds"]]
        left = [f"{name} on {each['size']}" for each in results for name in each["left_out"]]
        parts = [f"{options.rounds} rounds", table(HEAD.split(","), rows)]
        parts += [f"Left out for lack of memory: {', '.join(left)}."] if left else []
        write(options.out, "The network on a GPU", about, results, parts, NOTES)


if __name__ == "__main__":
    main()
