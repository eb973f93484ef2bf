"""What each process of tests/test_distributed.py does: every check for 1, 2 and 3 ranks."""

import functools
import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch_geometric.data import Data

from pyngn_graph import RidgeReadout, TriglialReservoir
from pyngn_graph.distributed import (
    DistributedReservoir,
    FixedInDegree,
    Ranks,
    fit_shared,
    load,
    save,
    share,
)
from pyngn_graph.distributed.flight import SharedCheckpoint
from pyngn_graph.glia import Astrocyte, GlialCell, Microglia, Oligodendrocyte
from pyngn_graph.neuron import LIFParameters
from pyngn_graph.recording import Recording
from tests.helpers import generator, going, random_drive, random_graph

ALL: list[GlialCell] = [Astrocyte(), Oligodendrocyte(max_delay=9), Microglia(keep=0.2)]

RUNS: dict[str, tuple[list[GlialCell], dict[str, Any]]] = {
    "frozen": ([], {}),
    "astrocytes": ([Astrocyte()], {}),
    "astrocytes, reference": ([Astrocyte(rule="multiplicative")], {"backend": "reference"}),
    "graded": ([Astrocyte(), Oligodendrocyte(max_delay=9)], {}),
    "align": ([Oligodendrocyte("align", max_delay=9)], {}),
    "fixed": ([Oligodendrocyte("fixed:two", max_delay=9)], {}),
    "relative": ([Microglia(keep=0.1, fraction=0.2, min_in=2)], {}),
    "threshold": ([Microglia("threshold", threshold=0.503, keep=0.2)], {}),
    "weight, masked": ([Microglia("weight", keep=0.0, drop=False)], {}),
    "random": ([Microglia("random", keep=0.1, fraction=0.2)], {}),
    "random, masked": ([Microglia("random", keep=0.1, drop=False, seed=4)], {}),
    "all": (ALL, {"hold": 2}),
    "all, reference": (ALL, {"backend": "reference"}),
    "neurons of their own": (
        [Astrocyte()],
        {"neuron": LIFParameters(tau_m=torch.linspace(10.0, 30.0, 40), tau_syn=5.0, t_ref=2.0)},
    ),
}


def graph(shortest: int) -> Data:
    """40 neurons, 400 edges whose delays are ``shortest`` to ``shortest + 5`` steps."""
    data = random_graph(3, 40, 400, weight=0.3)
    data.edge_delay = data.edge_delay + shortest - 1
    return data


def same(a: Any, b: Any) -> bool:
    if not isinstance(a, Tensor):
        return bool(a == b)
    return a.dtype == b.dtype and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def differences(got: Recording, want: Recording) -> list[str]:
    names = ("events", "states", "synaptic_events", "num_edges")
    found = [name for name in names if not same(getattr(got, name), getattr(want, name))]
    found += [name for name in want.traces if not same(got.traces[name], want.traces[name])]
    mine, theirs = got.graph.to_dict(), want.graph.to_dict()
    found += sorted(mine.keys() ^ theirs.keys())
    return found + [key for key in mine.keys() & theirs.keys() if not same(mine[key], theirs[key])]


def whole_of(name: str) -> TriglialReservoir:
    glia, kwargs = RUNS[name]
    data = graph(3 if name in ("frozen", "relative", "all") else 1)
    return TriglialReservoir(data, 3, glia=glia, glia_period=13, seed=1, input_scale=3.5, **kwargs)


def runs(groups: list[Ranks]) -> dict[str, Any]:
    """Differences from a single process, by name of the run and number of ranks."""
    result: dict[str, Any] = {}
    x, lengths = random_drive(5, 2, 36, 3, low=-2.0, high=2.0), torch.tensor([12, 7])
    for name in RUNS:
        whole = whole_of(name)
        learn = bool(whole.glia)
        want, states = going(whole, learn)(x, record="v", every=5), whole(x, lengths)
        for ranks in groups:
            part = None if name != "graded" else torch.arange(40) % ranks.size
            split = DistributedReservoir.of(whole_of(name), ranks, part)
            bad = differences(split.gathered(going(split, learn)(x, record="v", every=5)), want)
            bad += [] if same(split(x, lengths), states) else ["states of frozen trials"]
            result[f"{name}, {ranks.size}"] = bad, split.exchange.rounds
        result[name] = want.events.size(0), int(want.num_edges[-1, -1])
    return result


def chunks(ranks: Ranks, folder: Path, start: int, stop: int, first: bool) -> Any:
    """Steps ``start`` to ``stop`` of a life that is kept in ``folder``; the last recording."""
    if first:
        whole = TriglialReservoir(
            graph(2),
            glia=ALL,
            glia_period=13,
            bias=(1.1, 2.2),
            stateful=True,
            neuron=LIFParameters(t_ref=2.0, v_reset=torch.linspace(-0.2, 0.0, 40)),
        )
        split = DistributedReservoir.of(whole, ranks)
    else:
        split, values = load(folder, ranks)
        assert values == {"done": start}
    recording = split.gathered(split.adapt(num_steps=stop - start))
    save(split, folder, {"done": stop})
    return recording


INTERRUPTED: dict[str, dict[str, Any]] = {
    "glia": {"glia": ALL, "glia_period": 13},
    "stateful": {"stateful": True},
    "in groups": {"backend": "reference", "pool": 3},
}


def interrupted(groups: dict[int, Ranks], folder: Path, rank: int) -> dict[str, list[str]]:
    """Runs that end in an error on all ranks, and go on with other ranks; differences at the end.

    The error strikes right after a write, a different one for each number of ranks.
    """
    result: dict[str, list[str]] = {}
    x, lengths = random_drive(5, 3, 36, 3, low=-2.0, high=2.0), torch.tensor([36, 30, 36])
    for name, kwargs in INTERRUPTED.items():
        given: dict[str, Any] = {"record": "v", "every": 5}
        given |= {} if name == "stateful" else {"lengths": lengths}

        def make(kwargs: dict[str, Any] = kwargs) -> TriglialReservoir:
            return TriglialReservoir(graph(2), 3, seed=1, input_scale=3.5, **kwargs)

        learn = name == "glia"
        want = going(make(), learn)(x, **given)
        saved = {"checkpoint": folder / name, "checkpoint_every": 7}
        for writes, size in ((2, 2), (1, 3), (0, 3), (None, 1), (None, 3)):
            if rank < size:
                split = DistributedReservoir.of(make(), groups[size])
                if writes is None:
                    got = split.gathered(going(split, learn)(x, **given, **saved))
                    result[f"{name}, {size}"] = differences(got, want)
                else:
                    run = functools.partial(going(split, learn), x, **given, **saved)
                    struck_down(writes, run)
            dist.barrier()
    return result


class Struck(Exception):
    """Stands for whatever ends a run."""


def struck_down(writes: int, run: Any) -> None:
    """Runs until ``writes`` more checkpoints have been written."""
    left, write = [writes], SharedCheckpoint.write

    def counted(self: Any, *args: Any) -> None:
        if left[0] == 0:
            raise Struck
        left[0] -= 1
        write(self, *args)

    SharedCheckpoint.write = counted  # type: ignore[method-assign]
    try:
        run()
    except Struck:
        return
    finally:
        SharedCheckpoint.write = write  # type: ignore[method-assign]
    raise AssertionError("the run came to its end")


def readout(ranks: Ranks) -> list[str]:
    found = []
    x = torch.randn(2500, 7, generator=generator(0))
    labels = torch.randint(3, (2500,), generator=generator(1))
    values = torch.randn(2500, 2, generator=generator(2))
    for rows in (2500, 2048, 900, 5):
        for name, y in (("labels", labels), ("values", values)):
            mine = share(rows, 7, ranks)
            shared = fit_shared(RidgeReadout(), x[:rows][mine], y[:rows][mine], ranks)
            alone = RidgeReadout().fit(x[:rows], y[:rows])
            pairs = dict(shared.named_buffers()), dict(alone.named_buffers())
            if pairs[0].keys() != pairs[1].keys():
                found.append(f"{name}, {rows}: {pairs[0].keys() ^ pairs[1].keys()}")
            else:
                found += [
                    f"{name}, {rows}: {k}" for k in pairs[1] if not same(*(p[k] for p in pairs))
                ]
    return found


def built(ranks: Ranks) -> list[str]:
    network = FixedInDegree(2500, 6, weight=0.13, in_channels=2, seed=4)
    glia = [Astrocyte(), Microglia(keep=0.5)]
    split = network.reservoir(ranks, glia=glia, glia_period=20)
    bias, weight = network.drive(0, 2500)
    whole = TriglialReservoir(
        network.graph(), 2, glia=glia, glia_period=20, bias=bias, input_weight=weight
    )
    x = random_drive(1, 1, 50, 2)
    return differences(split.gathered(split.adapt(x)), whole.adapt(x))


def refused(ranks: Ranks) -> list[str]:
    """Messages of errors that all ranks must raise rather than wait for each other."""
    split = DistributedReservoir.of(TriglialReservoir(graph(1), 3), ranks)
    told = []
    x = random_drive(5, 2, 36, 3)
    x[0, 0, 0] = torch.nan if ranks.rank == ranks.size - 1 else 0.0
    try:
        split.run(x)
    except (ValueError, RuntimeError) as error:
        told.append(f"{type(error).__name__}: {error}")
    return told


def work(rank: int, port: int, folder: str) -> None:
    """One process: writes what it found to a file."""
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=3)
    groups = [dist.new_group(list(range(size))) for size in (1, 2, 3)]
    mine = [Ranks(group) for size, group in enumerate(groups, 1) if rank < size]
    found = {
        "runs": runs(mine),
        "readout": [readout(ranks) for ranks in mine],
        "built": [built(ranks) for ranks in mine],
        "refused": [refused(ranks) for ranks in mine],
    }
    found["interrupted"] = interrupted({each.size: each for each in mine}, Path(folder), rank)
    lives: Any = []
    life = Path(folder) / "life"
    for turn, size in enumerate((2, 3, 1, 2)):
        if rank < size:
            recording = chunks(Ranks(groups[size - 1]), life, 20 * turn, 20 * turn + 20, turn == 0)
            lives.append((turn, recording))
        dist.barrier()
    found["lives"] = [(turn, each.events, each.states) for turn, each in lives]
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
