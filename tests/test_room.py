"""What is taken down must fit into memory: else it is refused, with its bytes, before it is run."""

import re
import time
from typing import Any

import pytest
import torch
from helpers import random_graph

import pyngn_graph as ng
from pyngn_graph import probe, recording, room

GRAPH = random_graph(0, 10, 30, max_delay=4)
STEPS = 100


def give(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """A machine with so many bytes free, on which nothing is small."""
    monkeypatch.setattr(room, "free_memory", lambda device: free)
    monkeypatch.setattr(probe, "free_memory", lambda device: free)
    monkeypatch.setattr(probe, "SMALL", 0)


def traces(every: int, names: int = 1, trials: int = 1) -> int:
    """Bytes of traces, by hand."""
    return 4 * names * trials * (STEPS // every) * 10


@pytest.mark.parametrize("names", [("v",), ("v", "state")])
@pytest.mark.parametrize("trials", [1, 3])
@pytest.mark.parametrize("every", [1, 7])
def test_traces_are_refused_exactly_where_they_do_not_fit(
    names: tuple[str, ...], trials: int, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reservoir = ng.TriglialReservoir(GRAPH)
    x = torch.ones(trials, STEPS, 10)
    kept = traces(every, len(names), trials)
    rest = probe.STEP * trials * STEPS + 4 * trials * 10
    give(monkeypatch, rest + kept)
    run = reservoir.run(x, record=names, every=every)
    assert sum(4 * trace.numel() for trace in run.traces.values()) == kept
    give(monkeypatch, rest + kept - 1)
    with pytest.raises(ValueError, match=rf"would take {rest + kept:,} bytes, and ") as error:
        reservoir.run(x, record=names, every=every)
    remedy = re.search(r"pass every=(\d+)", str(error.value))
    assert remedy is not None
    assert int(remedy[1]) > every
    assert reservoir.run(x, record=names, every=int(remedy[1])).traces["v"].size(1) > 0


def test_a_refused_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reservoir, other = (everyday(stateful=True, glia=[ng.Astrocyte()]) for _ in range(2))
    assert torch.equal(reservoir.run(num_steps=5).states, other.run(num_steps=5).states)
    give(monkeypatch, 10)
    with pytest.raises(ValueError, match="run fewer at a time, a long one in parts with 'stateful"):
        reservoir.run(num_steps=STEPS)
    monkeypatch.undo()
    assert torch.equal(reservoir.run(num_steps=9).states, other.run(num_steps=9).states)


def everyday(**options: Any) -> Any:
    return ng.TriglialReservoir(GRAPH, bias=1.2, **options)


@pytest.mark.parametrize(
    "call",
    [
        lambda: everyday().run(num_steps=2**31 - 1, record=("v",)),
        lambda: everyday().run(num_steps=2**31 - 1),
        lambda: everyday(backend="reference").run(num_steps=2**30, record=("v", "state")),
    ],
)
def test_what_no_machine_holds_is_refused_at_once(call: Any) -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match=r"would take [\d,]+ bytes, and [\d,]+ are free on cpu"):
        call()
    assert time.process_time() - start < 60


def test_dense_spikes_that_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    run = everyday().run(num_steps=STEPS)
    monkeypatch.setattr(room, "free_memory", lambda device: STEPS * 10 - 1)
    with pytest.raises(ValueError, match=r"Dense spikes would take 1,000 bytes, .*take 'events'"):
        run.spikes()
    monkeypatch.undo()
    assert int(run.spikes().sum()) == len(run.events)
    assert recording.check_room is room.check_room


def test_some_memory_is_free() -> None:
    assert 1 << 20 < room.free_memory(torch.device("cpu")) < 1 << 50
