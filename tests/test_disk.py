"""Where files go: links and modes stay, what is no file is refused, others lose nothing."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import random_graph

import pyngn_graph as ng
from pyngn_graph import storage
from pyngn_graph.distributed import load as load_shards
from pyngn_graph.distributed import save as save_shards
from pyngn_graph.distributed.reservoir import DistributedReservoir
from pyngn_graph.exchange import read_csv, read_graph, read_graphml, write_csv, write_graphml
from pyngn_graph.ledger import Ledger
from pyngn_graph.report import Facts, write_report

GRAPH = random_graph(0, 8, 20, max_delay=4)
HEX = "0123456789abcdef" * 2


def reservoir() -> ng.TriglialReservoir:
    return ng.TriglialReservoir(GRAPH, bias=1.3)


def run(path: Any) -> Any:
    return reservoir().run(num_steps=20, checkpoint=path)


def readout() -> ng.RidgeReadout:
    return ng.RidgeReadout().fit(torch.eye(4), torch.arange(4))


def report(path: Any) -> Any:
    return write_report(path, title="t", blocks=[Facts("f", {"a": 1})])


WRITERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "graph": (lambda p: ng.save_graph(GRAPH, p), ng.load_graph),
    "reservoir": (lambda p: reservoir().save(p), ng.TriglialReservoir.load),
    "readout": (lambda p: readout().save(p), ng.RidgeReadout.load),
    "run": (run, run),
    "csv": (lambda p: write_csv(GRAPH, p), read_csv),
    "graphml": (lambda p: write_graphml(GRAPH, p), read_graphml),
    "report": (report, lambda p: Path(os.path.expanduser(p)).read_text()),
}
"""What writes a file, and what reads it."""

every_writer = pytest.mark.parametrize("name", WRITERS)


@every_writer
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664])
def test_the_mode_of_a_file_stays(name: str, mode: int, tmp_path: Path) -> None:
    write, read = WRITERS[name]
    path = tmp_path / "file"
    path.write_text("")
    if name == "run":
        write(tmp_path / "first")
        path.write_bytes((tmp_path / "first").read_bytes())
        with contextlib.suppress(ValueError):
            storage.write(path, "run", *storage.read(path, "run"))
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    read(path)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_new_file_has_the_mode_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    ng.save_graph(GRAPH, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


@every_writer
@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("relative", [False, True])
def test_a_link_stays_and_its_file_is_written(
    name: str, exists: bool, relative: bool, tmp_path: Path
) -> None:
    write, read = WRITERS[name]
    (tmp_path / "real").mkdir()
    file, link, chain = tmp_path / "real" / "file", tmp_path / "link", tmp_path / "chain"
    if exists:
        write(file)
    link.symlink_to(Path("real", "file") if relative else file)
    chain.symlink_to(link)
    write(chain)
    assert chain.is_symlink()
    assert link.is_symlink()
    assert file.is_file()
    assert not file.is_symlink()
    read(chain)
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == ["file"]


@every_writer
def test_a_link_in_a_circle_is_refused(name: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.symlink_to(two)
    two.symlink_to(one)
    with pytest.raises(OSError, match=r"'.*one' is a link that leads in a circle; name another"):
        WRITERS[name][0](one)
    assert one.is_symlink()


@pytest.fixture(params=["pipe", "socket", "folder", "link to a pipe"])
def special(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    path = Path("special")
    kind = request.param.split()[-1]
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
        else:
            path.mkdir()
        if request.param.startswith("link"):
            Path("link").symlink_to(path)
            path = Path("link")
        yield path, kind


@every_writer
def test_what_is_no_file_is_refused_and_stays(name: str, special: Any) -> None:
    path, kind = special
    before = path.lstat()
    with pytest.raises(OSError, match=rf"'{path}' is no file; name another \(it is a {kind}\)"):
        WRITERS[name][0](path)
    assert path.lstat().st_ino == before.st_ino
    assert path.lstat().st_mode == before.st_mode


def test_a_device_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a stand-in: no test touches /dev."""
    path = tmp_path / "null"
    path.touch()
    device = os.stat_result((stat.S_IFCHR | 0o666, *path.stat()[1:]))
    monkeypatch.setattr(Path, "stat", lambda self, **how: device)
    with pytest.raises(OSError, match=r"is no file; name another \(it is a device\)"):
        ng.save_graph(GRAPH, path)


def test_a_pipe_to_read_from_is_no_file_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "graph.csv")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        read_graph(tmp_path / "graph.csv")


# --- what belongs to others


def test_only_what_killed_writers_left_behind_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    others = [
        ".run.safetensors.my-notes-of-november-2026-v2.txt",
        f".run.safetensors.{HEX.upper()}",
        f".run.safetensors.{HEX[:-1]}g",
        f".run.safetensors.{HEX}0",
        f".run.safetensors.{HEX[1:]}",
        f".runXsafetensors.{HEX}",
        f"run.safetensors.{HEX}",
        f"..run.safetensors.{HEX}",
    ]
    for name in others:
        (tmp_path / name).write_text("precious")
    (tmp_path / f".run.safetensors.{HEX}").write_text("left behind")
    run(path)
    run(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*others, path.name])
    assert all((tmp_path / name).read_text() == "precious" for name in others)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_bears_such_a_name_and_is_no_file_harms_nothing(kind: str, tmp_path: Path) -> None:
    path, other = tmp_path / "run", tmp_path / f".run.{HEX}"
    if kind == "folder":
        other.mkdir()
        (other / "mine").write_text("precious")
    elif kind == "link":
        (tmp_path / "mine").write_text("precious")
        other.symlink_to(tmp_path / "mine")
    else:
        os.mkfifo(other)
    assert torch.equal(run(path).events, run(path).events)
    assert os.path.lexists(other)
    assert path.is_file()


def test_ranks_remove_only_their_own_files(tmp_path: Path) -> None:
    mine = ["shard-notes.safetensors", ".shard-notes", "shard-1.txt", ".shard-1-0.safetensors.old"]
    for name in mine:
        (tmp_path / name).write_text("precious")
    ng.save_graph(GRAPH, tmp_path / "shard-7-0.safetensors")
    (tmp_path / "shard-8-0.safetensors").mkdir()
    (tmp_path / f".shard-1-0.safetensors.{HEX}").write_text("left behind")
    kept = sorted([*mine, "shard-7-0.safetensors", "shard-8-0.safetensors"])
    whole = DistributedReservoir.of(reservoir())
    for generation in (1, 2, 3):
        save_shards(whole, tmp_path)
        ours = [f"shard-{generation}-0.safetensors", "shards.safetensors"]
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept + ours)
    load_shards(tmp_path)


def test_a_command_removes_only_its_own_files(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "done", False, {})
    (tmp_path / "done.seed0").write_text("precious")
    ledger.put(0, "a", 1)
    run(tmp_path / "done.seed1")
    ledger.remove(0, 1)
    ledger.remove()
    assert [p.name for p in tmp_path.iterdir()] == ["done.seed0"]


# --- names and folders


@every_writer
def test_a_name_that_is_not_utf8_is_read_as_well_as_written(name: str, tmp_path: Path) -> None:
    write, read = WRITERS[name]
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xe4.safetensors")
    write(path)
    read(path)
    write(path)
    with pytest.raises((ValueError, OSError)):
        storage.read(path, "nothing")


def test_a_damaged_file_of_such_a_name_is_named(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.safetensors"))
    path.write_text("nonsense")
    with pytest.raises(ValueError, match="is truncated or not a safetensors file"):
        ng.load_graph(path)


@every_writer
def test_the_home_folder_is_known(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    write, read = WRITERS[name]
    for path in ("~/file", Path("~") / "file"):
        write(path)
        assert (tmp_path / "home" / "file").is_file()
        read(path)
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_folders_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save_shards(DistributedReservoir.of(reservoir()), "~/shards")
    assert (tmp_path / "shards" / "shards.safetensors").is_file()
    load_shards("~/shards")
    ng.save_graph(GRAPH, "~/graph.safetensors")
    assert read_graph("~/graph.safetensors").num_nodes == 8


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_force_anything_to_the_disk(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_sync(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", no_sync)
    ng.save_graph(GRAPH, tmp_path / "graph")
    assert ng.load_graph(tmp_path / "graph").num_nodes == 8


def test_a_disk_that_fails_to_sync_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Cannot write"):
        ng.save_graph(GRAPH, tmp_path / "graph")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one of mode 0300, which is written to but not listed; root would not notice."""
    real_open, real_scan = os.open, os.scandir

    def refuse(path: Any, *args: Any, **how: Any) -> Any:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real_open(path, *args, **how)

    def hide(path: Any) -> Any:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real_scan(path)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "scandir", hide)
    assert torch.equal(run(tmp_path / "run").events, run(tmp_path / "run").events)
