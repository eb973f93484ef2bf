import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pyngn_graph.datasets import (
    FSDD,
    MNIST,
    CElegans,
    Chickenpox,
    DrosophilaLarva,
    HumanConnectome998,
    JapaneseVowels,
    MontevideoBus,
    Mouse98,
    PedalMe,
    SantaFeLaser,
    Sunspots,
    download,
    santafe_laser,
)

CONTENT = np.arange(60, dtype=np.int64)[:, None]


class Upstream(BaseHTTPRequestHandler):
    """Stands in for the places that raw files come from."""

    files: ClassVar[dict[str, bytes]] = {}
    redirects: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path in self.redirects:
            self.send_response(302)
            self.send_header("Location", self.redirects[self.path])
            self.end_headers()
        elif self.path in self.files:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.files[self.path])))
            self.end_headers()
            self.wfile.write(self.files[self.path])
        else:
            self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for values in (Upstream.files, Upstream.redirects, Upstream.asked):
        values.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def laser(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A short series that upstream has, and whose checksum is the right one."""
    with (tmp_path / "made").open("wb") as file:
        np.save(file, CONTENT)
    content = (tmp_path / "made").read_bytes()
    (tmp_path / "made").unlink()
    Upstream.files["/data/santafe_laser.npy"] = content
    monkeypatch.setattr(santafe_laser, "URL", f"{address}/data")
    monkeypatch.setattr(santafe_laser, "SHA256", hashlib.sha256(content).hexdigest())
    return content


def load(root: Path, **options: Any) -> SantaFeLaser:
    return SantaFeLaser(root, None, 40, 19, scale=False, **options)


def test_nothing_is_fetched_unasked(laser: bytes, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"not hold 'santafe_laser.npy'; get it from https"):
        load(tmp_path / "new")
    assert not Upstream.asked
    assert not list(tmp_path.iterdir())


def test_a_file_is_fetched_once_and_checked(laser: bytes, tmp_path: Path) -> None:
    root = tmp_path / "new"
    assert load(root, download=True).signal.flatten().tolist() == list(range(60))
    assert (root / "raw" / "santafe_laser.npy").read_bytes() == laser
    assert sorted(p.name for p in root.rglob("*")) == ["raw", "santafe_laser.npy"]
    load(root, download=True)
    load(root)
    assert Upstream.asked == ["/data/santafe_laser.npy"]
    mirrored = tmp_path / "mirrored"
    Upstream.files["/m/santafe_laser.npy"] = laser
    load(mirrored, download=santafe_laser.URL.replace("data", "m/"))
    assert Upstream.asked[1:] == ["/m/santafe_laser.npy"]


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c + b"x", lambda c: b""])
def test_a_wrong_file_leaves_nothing_behind(laser: bytes, tmp_path: Path, damage: Any) -> None:
    Upstream.files["/data/santafe_laser.npy"] = damage(laser)
    with pytest.raises(ValueError, match=r"'santafe_laser.npy' is not the file that was expected"):
        load(tmp_path / "new", download=True)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_left_alone(laser: bytes, tmp_path: Path) -> None:
    (tmp_path / "santafe_laser.npy").write_bytes(b"mine")
    with pytest.raises(ValueError, match="is not the file that was expected"):
        load(tmp_path, download=True)
    assert not Upstream.asked
    assert (tmp_path / "santafe_laser.npy").read_bytes() == b"mine"


def test_what_is_missing_or_too_large(
    laser: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(download, "LARGEST_FILE", 10)
        with pytest.raises(ValueError, match=r"sends more than 10 bytes"):
            load(tmp_path / "new", download=True)
    Upstream.files.clear()
    with pytest.raises(
        OSError, match=r"Cannot fetch 'http.*404.*get 'santafe_laser.npy' from https"
    ):
        load(tmp_path / "new", download=True)
    with pytest.raises(OSError, match=r"Cannot fetch 'http://127.0.0.1:9/"):
        load(tmp_path / "new", download="http://127.0.0.1:9")
    assert not list(tmp_path.iterdir())


def test_redirects(laser: bytes, address: str, tmp_path: Path) -> None:
    secret = tmp_path / "santafe_laser.npy"
    secret.write_bytes(laser)
    path = "/data/santafe_laser.npy"
    for target in (f"file://{secret}", "ftp://127.0.0.1/x", "data:,x"):
        Upstream.redirects[path] = target
        with pytest.raises(OSError, match=r"Cannot fetch .*(redirects to|not allowed)"):
            load(tmp_path / "new", download=True)
    assert not (tmp_path / "new").exists()
    Upstream.redirects[path] = "/other"
    Upstream.files["/other"] = laser
    assert load(tmp_path / "new", download=True).signal.numel() == 60


def test_an_encrypted_address_does_not_redirect_to_an_open_one() -> None:
    import urllib.error
    import urllib.request

    request = urllib.request.Request("https://a.org/x")
    with pytest.raises(urllib.error.URLError, match=r"redirects to 'http://a.org/y'"):
        download._Redirect().redirect_request(request, None, 302, "", None, "http://a.org/y")  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["file:///etc", "/etc", "ftp://a.org", "data:,"])
def test_other_addresses_are_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match=r"'download' must be an http or https address \(got"):
        load(tmp_path, download=address)


@pytest.mark.parametrize("make", [CElegans, FSDD])
def test_what_is_published_in_other_forms_only(make: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"'download' must be the address of a folder.*from .*http"
    ):
        make(tmp_path, download=True)


EVERY = [
    MNIST,
    Chickenpox,
    CElegans,
    DrosophilaLarva,
    FSDD,
    HumanConnectome998,
    JapaneseVowels,
    MontevideoBus,
    Mouse98,
    PedalMe,
    SantaFeLaser,
    Sunspots,
]


@pytest.mark.parametrize("make", EVERY)
def test_every_loader_asks_for_its_files_by_name(make: Any, address: str, tmp_path: Path) -> None:
    """Upstream has other content: each file is asked for, refused, and not kept."""
    with pytest.raises(OSError, match=r"Cannot fetch .*404"):
        make(tmp_path, download=address)
    Upstream.files[Upstream.asked[0]] = b"other"
    with pytest.raises(ValueError, match="is not the file that was expected"):
        make(tmp_path, download=address)
    assert not list(tmp_path.iterdir())
