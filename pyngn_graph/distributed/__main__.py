"""The command ``torchrun -m pyngn_graph.distributed run``: a reservoir over all its processes."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist

from pyngn_graph import TriglialReservoir, storage
from pyngn_graph.disk import expanded
from pyngn_graph.distributed.building import FixedInDegree
from pyngn_graph.distributed.checkpoint import load, save
from pyngn_graph.distributed.ranks import Ranks
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.distributed.shard_files import INDEX
from pyngn_graph.exchange import read_graph
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.graph import num_live
from pyngn_graph.recipes import GLIA


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, or 2 where the user has to mend something."""
    parser = _parser()
    options = parser.parse_args(argv)
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized()
    try:
        if together:
            dist.init_process_group("gloo")
        facts = options.run(options, Ranks())
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"{parser.prog}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    finally:
        if together and dist.is_initialized():
            dist.destroy_process_group()
    if facts and options.json:
        print(json.dumps(facts))
    elif facts:
        width = max(map(len, facts))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in facts.items()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchrun -m pyngn_graph.distributed", description=__doc__.split(":", 1)[1]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run", help="a network over all ranks; its digest is the same for any number of them"
    )
    run.add_argument(
        "--graph", type=expanded, help="file of a graph; each rank reads it as a whole"
    )
    run.add_argument("--num-nodes", type=int, default=10_000, help="neurons, if no file is given")
    run.add_argument("--degree", type=int, default=100, help="inputs of each (default 100)")
    run.add_argument("--min-delay", type=int, default=5, help="shortest delay, steps (default 5)")
    run.add_argument("--weight", type=float, default=0.02, help="excitatory weight (default 0.02)")
    run.add_argument("--steps", type=int, default=1000, help="steps of 1 ms (default 1000)")
    run.add_argument("--glia", default="astrocyte", help=f"of {','.join(GLIA)}; or none")
    run.add_argument("--glia-period", type=int, default=1000, help="steps (default 1000)")
    run.add_argument("--seed", type=int, default=0, help="seed of the network (default 0)")
    run.add_argument(
        "--checkpoint", type=expanded, metavar="FOLDER", help="a file of each rank here"
    )
    run.add_argument("--every", type=int, default=1000, help="steps between checkpoints")
    run.add_argument("--resume", action="store_true", help="go on, with any number of ranks")
    run.add_argument("--json", action="store_true", help="print JSON")
    run.set_defaults(run=_run)
    return parser


def _run(options: argparse.Namespace, ranks: Ranks) -> dict[str, Any] | None:
    """Runs to the end; what rank 0 is to print."""
    if options.resume and options.checkpoint is None:
        raise ValueError("'--resume' needs '--checkpoint', the folder to go on from")
    if options.steps < 1 or options.every < 1:
        raise ValueError(
            f"'--steps' and '--every' must be at least 1 (got {options.steps}, {options.every})"
        )
    began = time.perf_counter()
    done, earlier = 0, 0
    if options.resume and (options.checkpoint / INDEX).exists():
        reservoir, values = load(options.checkpoint, ranks)
        done, earlier = values["done"], values["spikes"]
    else:
        reservoir = _reservoir(options, ranks)
    if done >= options.steps:
        raise ValueError(f"The checkpoint is at step {done} already; ask for more '--steps'")
    built, waited, spikes, steps = time.perf_counter(), ranks.seconds, 0, options.steps - done
    while done < options.steps:
        chunk = options.steps - done
        if options.checkpoint is not None:
            chunk = min(chunk, options.every - done % options.every)
        recording = reservoir.adapt(num_steps=chunk)
        done, spikes = done + chunk, spikes + recording.events.size(0)
        total = earlier + int(ranks.total(torch.tensor([spikes])))
        if options.checkpoint is not None:
            save(reservoir, options.checkpoint, {"done": done, "spikes": total})
    ended = time.perf_counter()
    states = reservoir.gathered_states(recording.states)
    edges = int(ranks.total(torch.tensor([num_live(reservoir.graph)])))
    if ranks.rank:
        return None
    return {
        "ranks": ranks.size,
        "neurons": reservoir.shard.num_nodes,
        "live edges": edges,
        "steps": done,
        "spikes": total,
        "seconds to build": round(built - began, 3),
        "seconds to run": round(ended - built, 3),
        "share of time in collectives": round((ranks.seconds - waited) / (ended - built), 3),
        "windows exchanged": reservoir.exchange.rounds,
        "bytes of spikes per rank and step": round(reservoir.exchange.bytes_sent / steps, 1),
        "digest of the liquid state": storage.digest({"states": states})[:16],
    }


def _reservoir(options: argparse.Namespace, ranks: Ranks) -> DistributedReservoir:
    cells = _cells(options.glia)
    if options.graph is not None:
        whole = TriglialReservoir(
            read_graph(options.graph),
            glia=cells,
            glia_period=options.glia_period,
            bias=(0.8, 1.2),
            stateful=True,
            seed=options.seed,
        )
        return DistributedReservoir.of(whole, ranks)
    network = FixedInDegree(
        options.num_nodes,
        options.degree,
        weight=options.weight,
        min_delay=options.min_delay,
        max_delay=options.min_delay + 15,
        seed=options.seed,
    )
    return network.reservoir(ranks, glia=cells, glia_period=options.glia_period, stateful=True)


def _cells(text: str) -> list[GlialCell]:
    kinds: dict[str, GlialCell] = {
        "astrocyte": Astrocyte(),
        "oligodendrocyte": Oligodendrocyte(),
        "microglia": Microglia(),
    }
    names = () if text == "none" else tuple(text.split(","))
    unknown = [name for name in names if name not in kinds]
    if unknown:
        raise ValueError(f"Unknown glia {unknown}; available: {list(kinds)}, or none")
    return [cell for name, cell in kinds.items() if name in names]


if __name__ == "__main__":
    sys.exit(main())
