"""An hour in the life of a reservoir: memory, invariants, and checkpoints that are used.

python benchmarks/soak.py --minutes 60 --num-nodes 1000

A tissue with all three glia at work: astrocytes by the multiplicative rule, oligodendrocytes by the
graded one, microglia that move the least fit synapses, so that the number of edges stays and all of
them keep working to the end. The input is 4 channels of noise, new in every minute. Steps of 1 ms,
one thread, the fast state carried on.

Every minute of model time is a run with a checkpoint every 20 s, after which the invariants are
checked and the reservoir is saved. In some minutes it is loaded from the file and the minute is
lived once more, to the same bits. The memory is what the process holds at the end of each minute,
and what is left of it once the C library has given back what is free (Linux with glibc).
"""

import argparse
import contextlib
import copy
import ctypes
import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph.graph import round_delay
from pyngn_graph.grid import weight_grid

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.report import peak_memory, table, write  # noqa: E402

MAX_DELAY = 100
HOLD = 10  # steps
RHO = 0.02  # spikes per step
CHANNELS = 4
GAINS = 0.01, 100.0


def reservoir(num_nodes: int) -> ng.TriglialReservoir:
    glia = [
        ng.Astrocyte(rho=RHO, min_gain=GAINS[0], max_gain=GAINS[1]),
        ng.Oligodendrocyte(max_delay=MAX_DELAY),
        ng.Microglia(fraction=0.02, regrow=True),
    ]
    return ng.TriglialReservoir(
        ng.generators.Tissue(num_nodes=num_nodes, degree=20.0, seed=0)(),
        in_channels=CHANNELS,
        neuron=ng.LIFParameters(tau_m=30.0, t_ref=2.0, v_min=-2.0),
        glia=glia,
        hold=HOLD,
        stateful=True,
        threads=1,
    )


def noise(minute: int, steps: int) -> Tensor:
    generator = torch.Generator().manual_seed(minute)
    return torch.randn(1, steps // HOLD, CHANNELS, generator=generator)


def invariants(first: Data, now: Data, steps: int) -> dict[str, float]:
    """Figures of a graph that began as ``first``; an AssertionError names what is broken."""
    ng.validate(now)
    assert now.num_edges == first.num_edges, "edges were lost or made"
    assert torch.equal(now.inhibitory, first.inhibitory), "a neuron changed its sign"
    # Weights lie on a grid that follows the largest sum of inputs, which rewiring changes.
    rounding = float((now.edge_weight - first.edge_weight).abs().max())
    assert rounding <= 4.0 * weight_grid(now), "weights drift"
    assert torch.equal(now.edge_index[0], first.edge_index[0]), "an axon changed its neuron"
    delay = round_delay(now.edge_delay)
    assert bool(((delay >= 1) & (delay <= MAX_DELAY)).all()), "a delay is out of bounds"
    low, high = torch.tensor(GAINS)
    for key, least, most in (("gain", low, high), ("calcium", 0.0, 1.0)):
        assert bool(((now[key] >= least) & (now[key] <= most)).all()), f"'{key}' is out of bounds"
    assert bool(torch.isfinite(now.edge_health).all()), "'edge_health' is not finite"
    assert now.clock == steps, "the clock does not count the steps"
    return {
        "calcium": float(now.calcium.double().mean()),
        "gain": float(now.gain.double().mean()),
        "gains_at_a_bound": int(((now.gain <= low) | (now.gain >= high)).sum()),
        "delay": float(delay.double().mean()),
        "health": float(now.edge_health.double().mean()),
        "most_inputs": int(torch.bincount(now.edge_index[1]).max()),
        "weights_moved_by": rounding,
    }


def memory() -> float:
    """What this process holds now, MiB; its peak where the system does not tell."""
    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 1024 * peak_memory()


def trimmed() -> float:
    """What is left of :func:`memory` once the C library has given back what is free."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return memory()


def same(a: Data, b: Data) -> bool:
    first, second = a.to_dict(), b.to_dict()
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if isinstance(value, Tensor) else value == second[key]
        for key, value in first.items()
    )


def soak(minutes: int, num_nodes: int, steps: int, folder: Path) -> list[dict[str, Any]]:
    """Lives ``minutes`` of ``steps`` each and returns a row for each of them."""
    living, saved, run = reservoir(num_nodes), folder / "reservoir", folder / "run"
    rows, first = [], copy.copy(living.graph)
    for minute in range(minutes):
        x, every = noise(minute, steps), max(1, steps // 3)
        started = time.process_time()
        recording = living.adapt(x, checkpoint=run, checkpoint_every=every, progress=False)
        cpu, size = time.process_time() - started, run.stat().st_size
        run.unlink()
        row: dict[str, Any] = {"minute": minute + 1, "cpu_s": cpu}
        row |= invariants(first, living.graph, (minute + 1) * steps)
        row["rate_hz"] = float(recording.rates().mean())
        again = minute % 10 == 9
        if again:
            other = ng.TriglialReservoir.load(saved, threads=1)
            repeated = other.adapt(x, progress=False)
            assert torch.equal(repeated.events, recording.events), "a resumed life has other spikes"
            assert same(other.graph, living.graph), "a resumed life has another graph"
            del other, repeated
        living.save(saved)
        del recording
        row |= {"memory_mib": memory(), "trimmed_mib": trimmed(), "again": again}
        row["checkpoint_mib"] = size / 2**20
        rows.append(row)
        print(json.dumps(rows[-1]), flush=True)
    return rows


NOTES = """\
Columns: CPU of the minute, with three checkpoints; memory that the process holds after it, and what
is left of it when the C library gives back what is free; size of the last checkpoint, which holds
all spikes of the minute; mean rate; and, as they stand after the minute, means of calcium (0.02 is
the target), gain, delay and health, the number of gains at a bound, and the inputs of the neuron
that has most of them: rewiring by this criterion gives to those who have. Weights move by rounding
alone: their grid follows the largest sum of inputs.
"Lived again": loaded from the file of the minute before and run once more.
"""

COLUMNS = {
    "minute": ("minute", "d"),
    "cpu_s": ("CPU, s", ".1f"),
    "memory_mib": ("memory, MiB", ".0f"),
    "trimmed_mib": ("trimmed, MiB", ".1f"),
    "checkpoint_mib": ("checkpoint, MiB", ".1f"),
    "rate_hz": ("rate, Hz", ".2f"),
    "calcium": ("calcium", ".5f"),
    "gain": ("gain", ".3f"),
    "gains_at_a_bound": ("at a bound", "d"),
    "delay": ("delay, steps", ".2f"),
    "health": ("health", ".4f"),
    "most_inputs": ("most inputs", "d"),
    "weights_moved_by": ("weights moved by", ".1g"),
    "again": ("lived again", ""),
}


def report(rows: list[dict[str, Any]], steps: int, out: Path) -> None:
    """Writes the table of every fifth minute, and all of them as JSON."""
    shown = [row for row in rows if row["minute"] == 1 or row["minute"] % 5 == 0]
    cells = [[format(row[key], kind) for key, (_, kind) in COLUMNS.items()] for row in shown]
    late = rows[len(rows) // 6 :]
    held, left = ([row[key] for row in late] for key in ("memory_mib", "trimmed_mib"))
    summary = (
        f"{steps:,} steps took {sum(row['cpu_s'] for row in rows):.0f} s of CPU, "
        f"checkpoints included. All invariants held after every minute; "
        f"{sum(row['again'] for row in rows)} minutes were lived again from the file, to the same "
        f"bits. From minute {late[0]['minute']} on the process held {min(held):.0f} to "
        f"{max(held):.0f} MiB, of which {min(left):.1f} to {max(left):.1f} were in use."
    )
    parts = [table([title for title, _ in COLUMNS.values()], cells), summary]
    versions = [f"pyngn-graph {ng.__version__}", f"torch {torch.__version__}"]
    title = "A long run with all glia"
    write(out / "soak.md", title, versions, rows, parts, NOTES, indent=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--num-nodes", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="model time of a 'minute'")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = soak(options.minutes, options.num_nodes, 1000 * options.seconds, Path(folder))
    report(rows, options.minutes * 1000 * options.seconds, options.out)


if __name__ == "__main__":
    main()
