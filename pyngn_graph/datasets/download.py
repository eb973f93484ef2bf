"""Raw files from where they were published, on request and only if their checksum is right."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from pyngn_graph.datasets.files import LARGEST_FILE, check_sha256, located, read_checked
from pyngn_graph.storage import write_bytes

TIMEOUT = 60.0  # seconds without an answer


def fetch(
    root: str | Path,
    sha256: Mapping[str, str],
    source: str,
    url: str | None,
    download: bool | str,
) -> None:
    """Fetches those of the files ``sha256`` that ``root`` lacks, if ``download`` says so.

    A file is held in memory until its checksum is known to be right; then it is written to the
    folder ``raw`` in ``root``, whole or not at all. Files that are there are left alone.

    Args:
        root: Folder of the data set; it is made if it does not exist.
        sha256: Names of the files, and the SHA-256 of each.
        source: Where people get the files, for messages.
        url: Address of the folder that holds them upstream; None if there is none.
        download: False does nothing. True takes ``url``. Anything else is the address of another
            folder, a mirror, that holds files of the same names.

    Raises:
        ValueError: If a file is another than expected, or there is no address to take it from.
        OSError: If it cannot be fetched or written.
    """
    if download is False:
        return
    base = url if download is True else download
    if not base or not isinstance(base, str):
        raise ValueError(
            f"'download' must be the address of a folder that holds {sorted(sha256)} (got "
            f"{download!r}): these very files are published nowhere we know of. Make them from "
            f"{source} (see datasets/README.md)"
        )
    for name, expected in sha256.items():
        if located(root, name).is_file():
            continue
        content = _read(f"{base.rstrip('/')}/{quote(name)}", name, source)
        check_sha256([content], expected, name, source)
        folder = Path(root).expanduser() / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / name, content)


def fetched(
    root: str | Path, name: str, sha256: str, source: str, url: str | None, download: bool | str
) -> bytes:
    """The content of one file, which :func:`fetch` takes from ``url`` first if asked for.

    Raises:
        FileNotFoundError, OSError, ValueError: If it is missing, cannot be fetched, or is another.
    """
    fetch(root, {name: sha256}, source, url, download)
    return read_checked(root, name, sha256, source)


class _Redirect(urllib.request.HTTPRedirectHandler):
    """Follows to other addresses on the web, but never from an encrypted to an open one."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in allowed:
            raise urllib.error.URLError(f"it redirects to '{newurl}'")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens addresses on the web alone: there is no handler for files, FTP or data."""
    opener = urllib.request.OpenerDirector()
    handlers: list[Any] = [
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirect(),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _read(address: str, name: str, source: str) -> bytes:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError(f"'download' must be an http or https address (got '{address}')")
    request = urllib.request.Request(address, headers={"User-Agent": "pyngn-graph"})
    try:
        with _opener().open(request, timeout=TIMEOUT) as reply:
            content: bytes = reply.read(LARGEST_FILE + 1)
    except (OSError, http.client.HTTPException) as error:
        raise OSError(
            f"Cannot fetch '{address}' ({error}); get '{name}' from {source} and put it into the "
            f"folder (see datasets/README.md)"
        ) from error
    if len(content) > LARGEST_FILE:
        raise ValueError(f"'{address}' sends more than {LARGEST_FILE} bytes; it is another file")
    return content
