"""Checkpoints: a run that is killed goes on to the bits of one that never was."""

import contextlib
import errno
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch_geometric.data import Data

import pyngn_graph as ng
from pyngn_graph import cli, migration, storage
from pyngn_graph.generators import Tissue
from tests.helpers import assert_same, assert_same_run, frozen, going, random_drive

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL")


class Noise:
    """Silences random edges at every tick, with a generator of its own."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(5)

    def __call__(self, data: Data) -> Data:
        kept = torch.rand(data.num_edges, generator=self.generator) < 0.99
        data.edge_mask = data.edge_mask & kept
        return data


def living(backend: str = "auto", **kwargs: Any) -> ng.TriglialReservoir:
    glia = [
        ng.Astrocyte(rule="multiplicative"),
        ng.Oligodendrocyte(max_delay=30),
        ng.Microglia(fraction=0.03, criterion="random"),
        Noise(),
    ]
    options: dict[str, Any] = {"glia": glia, "glia_period": 70, "hold": 3, "pool": 2, **kwargs}
    reservoir = ng.TriglialReservoir(
        Tissue(num_nodes=50, seed=1)(),
        in_channels=2,
        bias=(0.8, 1.5),
        seed=3,
        backend=backend,
        **options,
    )
    return reservoir


X = random_drive(0, 4, 60, 2, low=-1.0, high=1.0)
RUN: dict[str, Any] = {"record": ("v", "gain", "calcium"), "every": 7}
LENGTHS = torch.tensor([60, 41, 60, 23])


def in_child(work: Callable[[], object]) -> multiprocessing.Process:
    """A process that was copied from this one, all imports and compiled code included."""

    def quiet() -> None:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            work()

    child = multiprocessing.get_context("fork").Process(target=quiet)
    child.start()
    return child  # type: ignore[return-value]


def assert_goes_on(
    make: Callable[[], ng.TriglialReservoir],
    path: Path,
    x: Tensor = X,
    learn: bool = True,
    **run: Any,
) -> None:
    """The run goes on from ``path`` as if it had never been interrupted, and so does its life."""
    never, killed = make(), make()
    run = RUN | run
    ours, theirs = (going(reservoir, learn) for reservoir in (never, killed))
    assert_same_run(ours(x, **run), theirs(x, checkpoint=path, **run))
    assert_same(killed.graph, frozen(never.graph))
    assert_same_run(ours(x[:, :15]), theirs(x[:, :15]))
    assert list(path.parent.iterdir()) == [path]


SCENARIOS: dict[str, tuple[int, Callable[[], ng.TriglialReservoir], Tensor, bool]] = {
    "life": (14, living, X, True),
    "emission": (8, lambda: living(in_flight="emission", stateful=True), X, True),
    "frozen": (8, lambda: living(stateful=True), X.repeat(1, 4, 1), False),
    "reference": (6, lambda: living("reference"), X[:1], True),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_random_moments(tmp_path: Path, name: str) -> None:
    kills, make, x, learn = SCENARIOS[name]
    path, chance, patience = tmp_path / "run", random.Random(name), 0.1
    going(make(), learn)(x, **RUN)  # nothing is left to compile

    def work() -> None:
        going(make(), learn)(x, checkpoint=path, checkpoint_every=41, **RUN)

    while kills:
        before = path.read_bytes() if path.exists() else b""
        child = in_child(work)
        child.join(patience * chance.random())
        child.kill()
        child.join()
        if child.exitcode == 0:  # it came to its end: begin anew
            path.unlink()
            patience *= 0.7
            continue
        assert child.exitcode == -signal.SIGKILL
        kills -= 1
        after = path.read_bytes() if path.exists() else b""
        patience *= 1.5 if before == after else 1.0  # however slow the machine, it gets ahead
    assert_goes_on(make, path, x, learn)


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "where", ["storage.save", "os.fsync", "os.replace", "storage._sync_folder", "Path.unlink"]
)
def test_killed_in_the_middle_of_a_write(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"

    def work() -> None:
        place, name = where.split(".")
        living().adapt(X[:1], checkpoint=path, checkpoint_every=100, **RUN)
        owner = {"storage": storage, "os": os, "Path": Path}[place]
        monkeypatch.setattr(owner, name, die)
        storage.write(path, "run", {"other": torch.zeros(3)}, {})

    child = in_child(work)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    if where in ("storage._sync_folder", "Path.unlink"):
        assert list(storage.read(path, "run")[0]) == ["other"]  # the new file, whole
        path.unlink()
    else:
        assert storage.read(path, "run")[1]["done"] == 180  # the old one
    assert_goes_on(living, path, X[:1])  # leftovers are gone afterwards


def test_a_checkpoint_of_one_backend_goes_on_on_another(tmp_path: Path) -> None:
    for first, second in (("event", "reference"), ("reference", "event")):
        path = tmp_path / first
        interrupt(living(first), path, X[:1])
        never, killed = living(second), living(second)
        run = killed.adapt(X[:1], checkpoint=path, **RUN)
        assert_same_run(never.adapt(X[:1], **RUN), run)
        assert_same(killed.graph, frozen(never.graph))


class Stop(Exception):
    pass


def interrupt(
    reservoir: ng.TriglialReservoir,
    path: Path,
    x: Tensor = X,
    writes: int = 1,
    learn: bool = True,
    **run: Any,
) -> None:
    """Stops a run in its tracks when the file has been written ``writes`` times."""
    left = [writes]

    def write(*args: Any) -> None:
        original(*args)
        left[0] -= 1
        if not left[0]:
            raise Stop

    original = storage.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "write", write)
        with pytest.raises(Stop):
            going(reservoir, learn)(x, checkpoint=path, checkpoint_every=100, **(RUN | run))


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("columns", [1, 2])
def test_groups_of_trials_of_several_lengths(
    tmp_path: Path, backend: str, columns: int, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyngn_graph.backends import BACKENDS

    monkeypatch.setitem(BACKENDS, backend, BACKENDS[backend]._replace(columns=columns))

    def make() -> ng.TriglialReservoir:
        return living(backend, glia_period=1000)

    x, lengths, path = X[:, :30], LENGTHS // 2, tmp_path / "run"
    # 23, 20, 30, 11 samples of 3 steps: side by side two by two, 60 and 90 steps.
    steps = 150 if columns == 2 else 33 + 60 + 90 + 90
    writes = min(writes, steps // 100 + 1)
    interrupt(make(), path, x, writes, learn=False, lengths=lengths)
    assert storage.read(path, "run")[1]["done"] == min(100 * writes, steps)
    assert_goes_on(make, path, x, learn=False, lengths=lengths)


def test_writing_checkpoints_changes_no_bit(tmp_path: Path, backend: str) -> None:
    for every in (1, 35, 10_000):
        path = tmp_path / f"{every}" / "run"
        path.parent.mkdir()

        def make() -> ng.TriglialReservoir:
            return living(backend)

        assert_goes_on(make, path, X[:1, :40], checkpoint_every=every)


def test_a_rule_that_senses_for_itself_goes_on(tmp_path: Path, backend: str) -> None:
    def make() -> ng.TriglialReservoir:
        return living(backend, glia=[ng.Oligodendrocyte("coherence"), ng.Microglia("winner")])

    interrupt(make(), tmp_path / "run", X[:2], record=("v",))
    assert_goes_on(make, tmp_path / "run", X[:2], record=("v",))


def test_a_run_without_input_and_a_potential_to_start_from(tmp_path: Path) -> None:
    def make() -> ng.TriglialReservoir:
        reservoir = living()
        reservoir.reset(v=0.5)
        return reservoir

    left, right = make(), make()
    run = {"num_steps": 250, **RUN}
    first = left.adapt(None, **run)
    for _ in range(2):  # begun, and finished
        second = make().adapt(None, checkpoint=tmp_path / "run", checkpoint_every=99, **run)
        assert_same_run(first, second)
    right.reset(v=0.25)
    with pytest.raises(ValueError, match="another run, which differs in: fast state; name another"):
        right.adapt(None, checkpoint=tmp_path / "run", **run)


def test_a_finished_run_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, path = living(), living(), tmp_path / "run"
    done = first.adapt(X, checkpoint=path, checkpoint_every=100, **RUN)
    monkeypatch.setattr("pyngn_graph.simulation.Simulation._advance", die)
    assert_same_run(done, second.adapt(X, checkpoint=path, **RUN))
    assert_same(second.graph, frozen(first.graph))
    assert first.diagnose() == second.diagnose()


def test_a_script_of_several_runs_starts_again_as_a_whole(tmp_path: Path) -> None:
    def script(reservoir: ng.TriglialReservoir, upto: int) -> list[ng.recording.Recording]:
        return [reservoir.adapt(X, checkpoint=tmp_path / f"run{k}", **RUN) for k in range(upto)]

    never = living()
    whole = [never.adapt(X, **RUN) for _ in range(3)]
    script(living(), 2)
    for ours, theirs in zip(script(living(), 3), whole, strict=True):
        assert_same_run(ours, theirs)


# --- what belongs to another run


def another(change: str) -> tuple[ng.TriglialReservoir, Tensor, dict[str, Any]]:
    """A reservoir, input and arguments that differ from the usual in one respect."""
    reservoir, x, run = living(), X, dict(RUN)
    if change == "input":
        x = X.clone()
        x[3, 59, 1] += 1e-6
    elif change == "lengths":
        run["lengths"] = LENGTHS
    elif change == "record":
        run["every"] = 8
    elif change == "hold":
        reservoir = living(hold=4)
    elif change == "cell":
        glia = [*reservoir.glia[:2], ng.Microglia(fraction=0.04, criterion="random"), Noise()]
        reservoir = living(glia=glia)
    elif change == "seed of a transform":
        reservoir.glia[3].generator = torch.Generator().manual_seed(6)  # type: ignore[union-attr]
    elif change == "projection":
        reservoir.input_weight[0, 0] += 1.0  # type: ignore[index]
    elif change == "graph":
        reservoir.graph.edge_weight[0] *= 2.0
    elif change == "life":
        reservoir.adapt(X)
    elif change == "potential":
        reservoir.reset(v=0.1)
    return reservoir, x, run


PARTS = {
    "input": "input",
    "lengths": "input",
    "record": "record",
    "hold": "input, parameters",
    "cell": "parameters",
    "seed of a transform": "parameters",
    "run instead of adapt": "parameters",
    "projection": "parameters",
    "graph": "graph",
    "life": "graph",
    "potential": "fast state",
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run that was interrupted."""
    path = tmp_path_factory.mktemp("begun") / "run"
    interrupt(living(), path)
    return path


@pytest.fixture
def path(begun: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(begun, tmp_path / "run"))


@pytest.mark.parametrize("change", PARTS)
def test_a_checkpoint_of_another_run_is_refused(path: Path, change: str) -> None:
    reservoir, x, run = another(change)
    graph, content = frozen(reservoir.graph), path.read_bytes()
    message = f"run': this checkpoint is of another run, which differs in: {PARTS[change]}; name"
    with pytest.raises(ValueError, match=message):
        going(reservoir, change != "run instead of adapt")(x, checkpoint=path, **run)
    assert_same(reservoir.graph, graph)
    assert path.read_bytes() == content


def test_another_version_of_the_package_is_another_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ng, "__version__", "99")
    with pytest.raises(ValueError, match="differs in: version of pyngn-graph; name another file"):
        living().adapt(X, checkpoint=path, **RUN)


@pytest.mark.parametrize("every", [0, -1, 1.5, "all", True])
def test_the_number_of_steps_is_checked(tmp_path: Path, every: Any) -> None:
    with pytest.raises(ValueError, match="'checkpoint_every' must be a whole number of steps >= 1"):
        living().adapt(X, checkpoint=tmp_path / "run", checkpoint_every=every)
    assert not list(tmp_path.iterdir())


# --- files that cannot be written


def test_a_path_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for name, match in (
        ("file/run", "There is no folder"),
        ("none/run", "There is no folder"),
        ("folder", "is no file; name another"),
        ("x" * 255, "Cannot write .*File name too long.* name a file in another folder"),
    ):
        with pytest.raises(OSError, match=match):
            living().adapt(X, checkpoint=tmp_path / name)
    with pytest.raises(OSError, match=r"(?s)Cannot write '/proc/run'|no folder"):
        living().adapt(X, checkpoint="/proc/run")


def test_a_full_disk_leaves_the_file_before_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    reservoir = living()
    graph = frozen(reservoir.graph)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"Cannot write '.*run' \(No space left .*: make room"):
            reservoir.adapt(X, checkpoint=path, checkpoint_every=100, **RUN)
    assert path.read_bytes() == content
    assert_same(reservoir.graph, graph)
    assert_goes_on(living, path)


def test_a_file_size_limit_is_one_error(path: Path) -> None:
    content = path.read_bytes()

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            living().adapt(X, checkpoint=path, checkpoint_every=100, **RUN)
        except OSError as error:
            os._exit(7 if "Cannot write" in str(error) else 8)

    child = in_child(work)
    child.join()
    assert child.exitcode == 7
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


# --- files that cannot be read


def damaged(path: Path, match: str) -> None:
    reservoir, content = living(), path.read_bytes()
    graph = frozen(reservoir.graph)
    with pytest.raises(ValueError, match=match) as caught:
        reservoir.adapt(X, checkpoint=path, **RUN)
    assert str(path) in str(caught.value)
    assert_same(reservoir.graph, graph)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_truncations_and_flipped_bits_are_refused(path: Path) -> None:
    content, chance = path.read_bytes(), random.Random(0)
    for size in [0, 1, 7, 8, 9, *(chance.randrange(len(content)) for _ in range(15))]:
        path.write_bytes(content[:size])
        damaged(path, "truncated or not a safetensors file.*take another copy")
    for place in [0, 8, 20, len(content) - 1, *(chance.randrange(len(content)) for _ in range(15))]:
        changed = bytearray(content)
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))
        damaged(path, "damaged|truncated|not written by pyngn_graph|newer than")


def test_files_of_another_kind_are_refused(path: Path, tmp_path: Path) -> None:
    living().save(path)
    damaged(path, "holds a reservoir, not a run; it is for 'TriglialReservoir.load'")
    path.write_text("{}")
    damaged(path, "truncated or not a safetensors file")


def forged(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> None:
    """Changes tensors or header of a file, checksum included."""
    kind = "run"
    tensors, header = storage.read(path, kind)
    change(tensors, header)
    storage.write(path, kind, tensors, header)


def swap(name: str, value: Callable[[Tensor], Tensor]) -> Callable[[Any, Any], None]:
    return lambda tensors, header: tensors.__setitem__(name, value(tensors[name]))


FORGERIES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "no position": (lambda t, h: h.pop("done"), r"damaged: .*KeyError: 'done'"),
    "no identity": (lambda t, h: h.update(identity=None), "damaged: .*TypeError"),
    "a graph of nothing": (lambda t, h: h.update(graph=[]), "damaged: .*IndexError"),
    "a step that is none": (lambda t, h: h.update(t="x"), "is of step 'x', which is none"),
    "no potentials": (lambda t, h: t.pop("state.v"), "the fast state lacks 'v'"),
    "no generator": (lambda t, h: t.pop("generator.0"), "damaged: .*KeyError: 'generator.0'"),
    "no counts": (lambda t, h: t.pop("probe.counts"), "damaged: .*KeyError: 'counts'"),
    "too few neurons": (swap("state.v", lambda v: v[1:]), r"'v' of the fast state must be .*\[50"),
    "another type": (swap("state.v", lambda v: v.double()), "'v' of the fast state must be"),
    "edges astray": (swap("graph.edge_index", lambda v: v + 1000), "'edge_index' must"),
    "delay 0": (swap("graph.edge_delay", torch.zeros_like), "'edge_delay' must"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_header_that_does_not_fit_is_one_error(path: Path, name: str) -> None:
    change, match = FORGERIES[name]
    forged(path, change)
    damaged(path, match)


# --- older files


def as_version_1(path: Path) -> None:
    """Rewrites the file of a reservoir as version 1 would have written it."""
    tensors, header = storage.read(path, "reservoir")
    del header["kind"]
    t = header.pop("fast")
    if t is not None:
        header["t"] = t
    old = {}
    for key, value in tensors.items():
        name = key.replace("fast.", "state.") if key.startswith("fast.") else key
        old["potential" if key == "fast.potential" else name] = value
    metadata = {"format": "pyngn_graph", "version": "1", "header": json.dumps(header)}
    save_file(old, path, metadata=metadata)


@pytest.mark.parametrize("stateful", [True, False])
def test_a_file_of_version_1_is_read(tmp_path: Path, stateful: bool) -> None:
    path = tmp_path / "r.safetensors"
    reservoir = living(stateful=stateful, glia=[ng.Astrocyte(), ng.Microglia()])
    reservoir.adapt(X)
    if not stateful:
        reservoir.reset(v=0.25)
    reservoir.save(path)
    as_version_1(path)
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["version"] == "1"
        names = set(file.keys())
    assert ("state.v" in names, "potential" in names) == (stateful, not stateful)
    loaded = ng.TriglialReservoir.load(path)
    assert_same_run(reservoir.adapt(X), loaded.adapt(X))
    assert_same(loaded.graph, frozen(reservoir.graph))


def test_there_is_a_step_from_every_older_version() -> None:
    assert set(migration.MIGRATIONS) == set(range(1, migration.VERSION))


# --- the command


def test_the_command_goes_on_where_it_was_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    run = ["run", "--num-nodes", "30", "--seeds", "2", "--json", "--quiet"]
    kept = [*run, "--checkpoint", str(folder / "c")]

    def results(arguments: list[str]) -> dict[str, Any]:
        assert cli.main(arguments) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {key: value for key, value in found.items() if key != "seconds"}

    never = results(run)

    def dies_after(writes: int) -> None:
        left, original = [writes], storage.write

        def write(*args: Any) -> None:
            original(*args)
            left[0] -= 1
            if not left[0]:
                die()

        storage.write = write
        cli.main([*kept, "--resume"])

    for writes in (1, 3, 2):
        child = in_child(lambda writes=writes: dies_after(writes))  # type: ignore[misc]
        child.join()
        assert child.exitcode == -signal.SIGKILL
    assert cli.main(kept) == 2
    assert "is there already; add '--resume' to go on from it" in capsys.readouterr().err
    assert cli.main([*kept, "--resume", "--glia", "astrocyte"]) == 2
    error = capsys.readouterr().err
    assert "of another command, which differs in: recipe; name another file" in error
    assert error.count("\n") == 1
    assert results([*kept, "--resume"]) == never
    assert not list(folder.iterdir())


def test_resume_needs_a_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--resume"]) == 2
    assert "'--resume' needs '--checkpoint'" in capsys.readouterr().err
