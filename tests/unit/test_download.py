"""A download counts only when it is whole and right: against a real server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recurrent_residual.download import download
from recurrent_residual.errors import UserError

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/file is right; /broken hangs up halfway; /unannounced hangs up halfway without having said how much comes."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unannounced":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/file" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_right_file_is_kept(server: str, tmp_path: Path) -> None:
    """The file arrives byte for byte; when it is there and right, the server is not asked again."""
    path = tmp_path / "new" / "file.zip"
    assert download(f"{server}/file", path, size=len(CONTENT), sha256=SHA256.upper())
    assert path.read_bytes() == CONTENT
    assert not download(f"{server}/file", path, size=len(CONTENT), sha256=SHA256)
    assert Handler.requests == 1


def test_wrong_file_is_replaced(server: str, tmp_path: Path) -> None:
    """A file that is there but wrong is fetched again."""
    path = tmp_path / "file.zip"
    path.write_bytes(CONTENT[:-1] + b"x")
    assert download(f"{server}/file", path, size=len(CONTENT), sha256=SHA256)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "page, size, sha256, reason",
    [
        ("file", len(CONTENT), "0" * 64, f"sha256 is {SHA256}, not 000"),
        ("file", len(CONTENT) + 1, SHA256, f"{len(CONTENT)} bytes came where {len(CONTENT) + 1} belong"),
        ("broken", len(CONTENT), SHA256, f"{len(CONTENT) // 2} bytes came where {len(CONTENT)} belong"),
        ("broken", None, None, f"{len(CONTENT) // 2} bytes came where {len(CONTENT)} belong"),
        ("unannounced", len(CONTENT), SHA256, f"{len(CONTENT) // 2} bytes came where {len(CONTENT)} belong"),
        ("unannounced", None, SHA256, "sha256 is"),
        ("absent", len(CONTENT), SHA256, "404"),
    ],
)
def test_wrong_content_is_refused(
    server: str, tmp_path: Path, page: str, size: int | None, sha256: str | None, reason: str
) -> None:
    """One line with the address and the reason; no file is left, and an older one stays as it was."""
    path = tmp_path / "file.zip"
    for before in (None, b"older"):
        if before:
            path.write_bytes(before)
        if before and not size and not sha256:
            continue  # nothing says that the older file is wrong
        with pytest.raises(UserError, match=reason) as error:
            download(f"{server}/{page}", path, size=size, sha256=sha256)
        assert f"{server}/{page}" in str(error.value) and "\n" not in str(error.value)
        assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == ([("file.zip", before)] if before else [])


def test_leftovers_of_a_killed_try(server: str, tmp_path: Path) -> None:
    """What a killed try left beside the file is removed, and nothing else."""
    (tmp_path / ".file.zip.part-7").write_bytes(CONTENT[:9])
    (tmp_path / ".other.zip.part-7").touch()
    download(f"{server}/file", tmp_path / "file.zip", sha256=SHA256)
    assert {path.name for path in tmp_path.iterdir()} == {"file.zip", ".other.zip.part-7"}


def test_no_server(tmp_path: Path) -> None:
    """No server and no address are one line each, not a traceback."""
    for url in ("http://127.0.0.1:9/file", "no address"):
        with pytest.raises(UserError, match=url):
            download(url, tmp_path / "file.zip")


def test_insecure_needs_a_checksum(server: str, tmp_path: Path) -> None:
    """Without the certificate only the checksum vouches for the content."""
    with pytest.raises(UserError, match="insecure_tls needs a sha256"):
        download(f"{server}/file", tmp_path / "file.zip", size=len(CONTENT), insecure_tls=True)
    assert Handler.requests == 0
    assert download(f"{server}/file", tmp_path / "file.zip", sha256=SHA256, insecure_tls=True)
