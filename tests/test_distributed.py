import copy
import multiprocessing
import os
import random
import shutil
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from pyngn_graph import TriglialReservoir
from pyngn_graph.distributed import (
    DistributedReservoir,
    FixedInDegree,
    Ranks,
    load,
    partition,
    save,
)
from pyngn_graph.distributed.__main__ import main
from pyngn_graph.distributed.shard_files import INDEX
from pyngn_graph.distributed.uniform import Uniform
from pyngn_graph.glia import Astrocyte, Coherence, Microglia, Oligodendrocyte, Winner
from pyngn_graph.glia.scores import uniform
from pyngn_graph.neuron import LIFParameters
from tests.helpers import random_drive, random_graph
from tests.ranks import ALL, RUNS, graph, work


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the checks of tests/ranks.py found, process by process."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(work, (port, str(folder)), nprocs=3)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(3)]


@pytest.mark.parametrize("name", RUNS)
def test_ranks_have_the_bits_of_a_single_process(found: list[Any], name: str) -> None:
    for rank in range(3):
        for size in range(rank + 1, 4):
            assert found[rank]["runs"][f"{name}, {size}"][0] == [], (size, rank)
        assert found[rank]["runs"][name][0] > 70  # spikes


def test_the_checks_are_about_something(found: list[Any]) -> None:
    edges = {name: found[0]["runs"][name][1] for name in RUNS}
    for name in ("relative", "threshold", "weight, masked", "random", "random, masked", "all"):
        assert 0 < edges[name] < 400
    assert edges["graded"] == edges["align"] == edges["fixed"] == 400


def test_spikes_are_exchanged_once_per_shortest_crossing_delay(found: list[Any]) -> None:
    rounds = {name: seen[1] for name, seen in found[0]["runs"].items()}
    assert rounds["frozen, 1"] == 0
    assert rounds["frozen, 2"] == 36 // 3 + 12 // 3  # two trials side by side, twice
    assert rounds["astrocytes, 2"] == 72 + 12  # one stream, then side by side


def test_a_readout_of_all_ranks_has_the_bits_of_one_fit(found: list[Any]) -> None:
    assert all(each == [] for seen in found for each in seen["readout"])


def test_a_network_built_in_parts_is_the_whole_one(found: list[Any]) -> None:
    assert all(each == [] for seen in found for each in seen["built"])


def test_an_error_of_one_rank_is_one_of_all(found: list[Any]) -> None:
    for rank in range(3):
        for size, (told,) in enumerate(found[rank]["refused"], rank + 1):
            own = rank == size - 1
            start = "ValueError: 'x' must be finite" if own else f"RuntimeError: Rank {size - 1} "
            assert told.startswith(start)


def test_a_life_goes_on_with_another_number_of_ranks(found: list[Any]) -> None:
    whole = TriglialReservoir(
        graph(2),
        glia=ALL,
        glia_period=13,
        bias=(1.1, 2.2),
        neuron=LIFParameters(t_ref=2.0, v_reset=torch.linspace(-0.2, 0.0, 40)),
    )
    want = whole.adapt(num_steps=80)
    lives = found[0]["lives"]
    assert [turn for turn, _, _ in lives] == [0, 1, 2, 3]
    shift = torch.tensor([0, 20, 0])
    events = torch.cat([events + turn * shift for turn, events, _ in lives])
    assert want.events.size(0) > 80
    assert torch.equal(events, want.events)
    assert torch.equal(lives[-1][2], want.states)


def test_a_run_in_flight_goes_on_with_another_number_of_ranks(found: list[Any]) -> None:
    for rank in range(3):
        assert len(found[rank]["interrupted"]) == (6 if rank == 0 else 3)
        assert all(each == [] for each in found[rank]["interrupted"].values())


def alone(**kwargs: Any) -> DistributedReservoir:
    return DistributedReservoir.of(TriglialReservoir(graph(1), 3, **kwargs))


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"glia": [Astrocyte(territory=50.0)]}, "calcium of other ranks at every step"),
        ({"glia": [Oligodendrocyte("coherence")]}, "before their spikes are known"),
        ({"glia": [Oligodendrocyte(Coherence())]}, "before their spikes are known"),
        ({"glia": [Oligodendrocyte(lambda cell, data: data.edge_delay)]}, "known to be local"),
        ({"glia": [Microglia("random_winner")]}, "may count over the whole graph"),
        ({"glia": [Microglia(Winner())]}, "may count over the whole graph"),
        (
            {"glia": [Microglia(regrow=True, length_scale=9.0, velocity=50.0)]},
            "moves edges from rank to rank",
        ),
        ({"glia": [copy.copy]}, "nobody knows whether"),
        ({"in_flight": "emission"}, "list of spikes under way"),
    ],
)
def test_what_cannot_have_the_same_bits_is_refused(kwargs: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        alone(**kwargs)


@pytest.mark.parametrize("method", ["space", "blocks", "metis"])
@pytest.mark.parametrize("num_parts", [1, 2, 3, 8])
def test_parts_are_of_one_size(method: str, num_parts: int) -> None:
    if method == "metis":
        pytest.importorskip("pymetis")
    size = torch.bincount(partition(random_graph(1, 50, 200), num_parts, method))
    assert size.numel() == num_parts
    assert int(size.max() - size.min()) <= (1 if method != "metis" else 8)


def test_cuts_of_space_part_what_lies_apart() -> None:
    data = random_graph(0, 40, 10)
    far = torch.arange(40) % 2 == 1
    data.pos[far] += torch.tensor([0.0, 1e4, 0.0])
    part = partition(data, 2)
    assert torch.equal(part, far.long()) or torch.equal(part, (~far).long())


def test_errors_of_a_partition() -> None:
    data = random_graph(0, 5, 4)
    with pytest.raises(ValueError, match="Unknown method 'fair'"):
        partition(data, 2, "fair")
    with pytest.raises(ValueError, match=r"must lie in 1\.\.5"):
        partition(data, 6)
    del data.pos
    with pytest.raises(ValueError, match="needs 'pos'"):
        partition(data, 2, "space")
    with pytest.raises(ValueError, match="'part' must name a rank below 1"):
        DistributedReservoir.of(TriglialReservoir(data), Ranks(), torch.ones(5, dtype=torch.long))


def test_a_part_of_a_network_does_not_depend_on_what_else_is_drawn() -> None:
    network = FixedInDegree(3000, 4, in_channels=2)
    whole, some = network.edges(0, 3000), network.edges(1500, 2600)
    for key in ("edge_index", "edge_weight", "edge_delay", "edge_number"):
        inside = whole[key][..., 1500 * 4 : 2600 * 4]
        assert torch.equal(inside, some[key])
    for all_of_it, part in zip(network.drive(0, 3000), network.drive(1500, 2600), strict=True):
        assert all_of_it is not None
        assert part is not None
        assert torch.equal(all_of_it[1500:2600], part)
    assert abs(float((whole.edge_weight < 0).double().mean()) - 0.2) < 0.02


def test_random_numbers_are_those_of_a_single_process_block_by_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyngn_graph.distributed.uniform.BLOCK", 64)
    data = graph(1)
    data.edge_mask = torch.arange(400) % 7 > 1
    data.edge_number = 3 * torch.arange(400)  # others went before
    seeds = (torch.Generator().manual_seed(3) for _ in range(2))
    want, got = (draw(data, next(seeds)) for draw in (uniform, Uniform(Ranks())))
    assert torch.equal(got, want)


def test_errors_of_a_network() -> None:
    with pytest.raises(ValueError, match="'degree' must be at least 1"):
        FixedInDegree(10, 0)
    with pytest.raises(ValueError, match="min_delay <= max_delay"):
        FixedInDegree(10, min_delay=3, max_delay=2)
    with pytest.raises(ValueError, match="draws the delays of all edges"):
        FixedInDegree(10, 2).reservoir(glia=[Oligodendrocyte("fixed:two")])


def test_a_missing_or_damaged_part_is_named(tmp_path: Path) -> None:
    reservoir = alone(stateful=True)
    save(reservoir, tmp_path)
    save(reservoir, tmp_path)
    (part,) = tmp_path.glob("shard-*")  # that of before is gone
    whole = part.read_bytes()
    part.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="truncated"):
        load(tmp_path)
    part.unlink()
    with pytest.raises(FileNotFoundError, match="There is no file"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"shards\.safetensors"):
        load(tmp_path / "elsewhere")


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    x = random_drive(5, 2, 36, 3, low=-2.0, high=2.0)
    saved = {"checkpoint": tmp_path / "run", "checkpoint_every": 10}
    first = alone().run(x, **saved)
    assert torch.equal(alone().run(x, **saved).events, first.events)
    with pytest.raises(ValueError, match="differs in: input; name another"):
        alone().run(x + 1.0, **saved)
    with pytest.raises(ValueError, match="differs in: parameters, neurons"):
        alone(dt=0.5, bias=0.3).run(x, **saved)
    other = DistributedReservoir.of(TriglialReservoir(graph(2), 3))
    with pytest.raises(ValueError, match="differs in: edges"):
        other.run(x, **saved)
    with pytest.raises(ValueError, match="holds a shared run, not a shards"):
        load(tmp_path / "run")
    with pytest.raises(ValueError, match="holds a shared run, not a shards"):
        save(other, tmp_path / "run")
    save(other, tmp_path / "life")
    with pytest.raises(ValueError, match="holds a shards, not a shared run"):
        other.run(x, checkpoint=tmp_path / "life")
    for every in (0, 1.5, True):
        with pytest.raises(ValueError, match="'checkpoint_every' must be a whole number"):
            other.run(x, checkpoint=tmp_path / "new", checkpoint_every=every)


def test_the_command_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["run", "--num-nodes", "200", "--degree", "10", "--weight", "0.1", "--json"]
    common += ["--glia", "astrocyte,microglia", "--glia-period", "30"]
    saved = ["--checkpoint", str(tmp_path), "--every", "25"]
    assert main([*common, "--steps", "90"]) == 0
    once = capsys.readouterr().out
    assert main([*common, "--steps", "40", *saved]) == 0
    capsys.readouterr()
    assert main([*common, "--steps", "90", *saved, "--resume"]) == 0
    again = capsys.readouterr().out
    for key in ("spikes", "live edges", "digest of the liquid state"):
        (first, second) = (text.split(f'"{key}": ')[1].split(",")[0] for text in (once, again))
        assert first == second
    assert main([*common, "--steps", "90", *saved, "--resume"]) == 2
    assert "is at step 90 already" in capsys.readouterr().err
    assert main([*common, "--glia", "neurons"]) == 2
    assert "Unknown glia" in capsys.readouterr().err


def one_rank(rank: int, size: int, meeting: Path, folder: Path, out: Path) -> None:
    """A process of a run that may be killed; rank 0 writes what came of it."""
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=size)
    whole = TriglialReservoir(graph(2), 3, glia=ALL, glia_period=13, seed=1, input_scale=3.5)
    split = DistributedReservoir.of(whole, Ranks())
    x = random_drive(5, 2, 200, 3, low=-2.0, high=2.0)
    saved = {"checkpoint": folder, "checkpoint_every": 23} if folder.name == "life" else {}
    found = split.gathered(split.adapt(x, **saved))
    if rank == 0:
        torch.save((found.events, found.states, found.synaptic_events, found.num_edges), out)
    dist.destroy_process_group()


def gang(tmp_path: Path, size: int, name: str) -> tuple[list[Any], Path]:
    """Processes of ``size`` ranks, started, and the file of their result."""
    out = tmp_path / "result.pt"
    args = size, tmp_path / f"meeting-{uuid4().hex}", tmp_path / name, out
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=one_rank, args=(rank, *args)) for rank in range(size)]
    for each in ranks:
        each.start()
    return ranks, out


@pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")
def test_all_ranks_killed_at_random_moments(tmp_path: Path) -> None:
    def come_to_end(size: int, name: str) -> Any:
        ranks, out = gang(tmp_path, size, name)
        for each in ranks:
            each.join()
            assert each.exitcode == 0
        found = torch.load(out, weights_only=True)
        out.unlink()
        return found

    want = come_to_end(1, "never")
    chance, patience, kills, moved = random.Random(0), 1.0, 0, 0
    index = tmp_path / "life" / INDEX
    while kills < 8:
        before = index.read_bytes() if index.exists() else b""
        ranks, out = gang(tmp_path, 2 + kills % 2, "life")
        ranks[0].join(patience * chance.random())
        for each in ranks:
            each.kill()
        for each in ranks:
            each.join()
        if out.exists():  # it came to its end: begin anew
            out.unlink()
            shutil.rmtree(index.parent)
            patience *= 0.7
            continue
        kills += 1
        after = index.read_bytes() if index.exists() else b""
        moved += before != after
        patience *= 1.5 if before == after else 1.0
    assert moved > 2
    assert want[0].size(0) > 100
    assert all(map(torch.equal, come_to_end(3, "life"), want))
    assert all(map(torch.equal, come_to_end(1, "life"), want))  # what is done is done
