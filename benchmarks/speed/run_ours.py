"""The network in this library: backend ``event``, or ``reference``, the definition.

Variants on ``event``: ``masked``, where no edge transmits; ``astrocytes``, which hold the rate of
the bare network; ``glia``, with oligodendrocytes and microglia as well; ``no-ticks``, the same
without a tick of the slow clock. With ``--trials`` as many trials run side by side, each with
drives a little different. The first step, which compiles and lays the edges out, counts as
building; so does the first tick where there are glia.
"""

import argparse
import time
from typing import Any

import torch
from network import TAU, Network
from torch_geometric.data import Data
from worker import Result, Spikes, Stopwatch, main, peak_memory

import pyngn_graph as ng
from pyngn_graph.simulation import Simulation

PERIOD = 1000
"""Steps from tick to tick."""

PRUNED = 1e-4
"""Share of the edges that a tick prunes: little, so that the work stays nearly the same."""


def cells(network: Network, options: argparse.Namespace) -> list[ng.GlialCell]:
    if options.variant not in ("astrocytes", "glia", "no-ticks"):
        return []
    bare = Spikes.read(options.cache / "event.npz")
    rate = 1000 * len(bare.step) / (len(network.drive) * (int(bare.step.max()) + 1))
    astrocyte = ng.Astrocyte(target_rate=rate)
    if options.variant == "astrocytes":
        return [astrocyte]
    longest = int(network.delay.max())
    return [astrocyte, ng.Oligodendrocyte(max_delay=longest), ng.Microglia(fraction=PRUNED)]


class Ticks:
    """CPU seconds spent in, and number of, the ticks of the slow clock while it lasts."""

    def __enter__(self) -> "Ticks":
        self.cpu, self.count, self.plain = 0.0, 0, Simulation._tick

        def timed(simulation: Simulation, *args: Any) -> Any:
            before = time.process_time()
            state = self.plain(simulation, *args)
            self.cpu += time.process_time() - before
            self.count += 1
            return state

        Simulation._tick = timed
        return self

    def __exit__(self, *_: object) -> None:
        Simulation._tick = self.plain


def simulate(network: Network, options: argparse.Namespace) -> Result:
    torch.set_num_threads(1)
    num_nodes, degree = network.target.shape
    with Stopwatch() as build:
        source = torch.arange(num_nodes).repeat_interleave(degree)
        graph = Data(
            num_nodes=num_nodes,
            edge_index=torch.stack([source, torch.from_numpy(network.target).flatten().long()]),
            edge_weight=torch.from_numpy(network.weight).flatten(),
            edge_delay=torch.from_numpy(network.delay).flatten().long(),
        )
        if options.variant == "masked":
            graph.edge_mask = torch.zeros(graph.num_edges, dtype=torch.bool)
        reservoir = ng.TriglialReservoir(
            graph,
            neuron=ng.LIFParameters(tau_m=TAU),
            glia=cells(network, options),
            glia_period=10**9 if options.variant == "no-ticks" else PERIOD,
            hold=options.steps,
            bias=torch.from_numpy(network.drive),
            backend="reference" if options.variant == "reference" else "event",
            threads=options.threads,
        )
        del graph, source
        reservoir.reset(v=torch.from_numpy(network.potential))
        reservoir.run(num_steps=PERIOD if reservoir.glia else 1, progress=False)
        signal = {"num_steps": options.steps}
        if options.trials:
            generator = torch.Generator().manual_seed(0)
            noise = torch.rand(options.trials, 1, num_nodes, generator=generator)
            signal = {"x": 0.1 * noise - 0.05}
    with Stopwatch() as run, Ticks() as ticks:
        recording = reservoir.run(**signal, progress=False)
    _, step, node = recording.events.numpy().T
    more = {
        "ticks": ticks.count,
        "tick_cpu": ticks.cpu,
        "edges": int(recording.num_edges[-1, -1]),
        "synaptic_events": int(recording.synaptic_events.sum()),
    }
    about = f"pyngn_graph {ng.__version__}, backend {reservoir.backend}, float32"
    return Result(step, node, build.cpu, run.cpu, run.wall, peak_memory(), about, more)


if __name__ == "__main__":
    variants = ("event", "reference", "masked", "astrocytes", "glia", "no-ticks")
    main(simulate, *variants, trials=0, threads=1)
