"""A web server on this machine that does wrong, as told: hangs up anywhere, lies, dawdles, or dies."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """One answer; by default the right one. Bytes after which it hangs up are counted in head, then body."""

    status: int | None = None  # None: 200, or 206 where part of the file is asked for
    headers: dict[str, str] = field(default_factory=dict)  # in place of the right ones
    cut_head: int | None = None  # bytes of the head that are sent before it hangs up
    cut_body: int | None = None  # bytes of the body
    reset: bool = False  # hangs up with a TCP reset
    ranges: bool = True  # knows Range
    length: bool = True  # announces the body's size
    body: bytes | None = None  # in place of what was asked for
    piece: int = 1 << 20  # bytes sent at a time
    pause: float = 0  # seconds before each piece
    silence: float = 0  # seconds before the head


@dataclass
class Server:
    """What is served, the faults still to come (one a request, then `after`), and what was asked."""

    url: str
    content: bytes
    faults: list[Answer] = field(default_factory=list)
    after: Answer = field(default_factory=Answer)
    asked: list[tuple[str, int]] = field(default_factory=list)  # path, and first byte asked for
    heads: list[str] = field(default_factory=list)  # the requests' headers

    def answer(self) -> Answer:
        return self.faults.pop(0) if self.faults else self.after

    @property
    def starts(self) -> list[int]:
        """The first byte asked for in each request."""
        return [start for _, start in self.asked]


@contextmanager
def serving(content: bytes, *faults: Answer, after: Answer | None = None, tls: Path | None = None) -> Iterator[Server]:
    """Serve `content` under every path; `tls` is a file with a certificate and its key."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                if context:
                    self.request = context.wrap_socket(self.request, server_side=True)
                    self.setup()  # files over the encrypted connection
                _converse(self, server)
            except OSError:
                pass  # the client hung up, was killed, or did not like the certificate

        def finish(self) -> None:
            try:
                super().finish()
                self.request.close()
            except OSError:
                pass

    with _Threaded(("127.0.0.1", 0), Handler) as tcp:
        server = Server(
            f"http{'s' if tls else ''}://127.0.0.1:{tcp.server_address[1]}", content, list(faults), after or Answer()
        )
        threading.Thread(target=tcp.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            tcp.shutdown()


class _Threaded(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 50


def _converse(handler: socketserver.StreamRequestHandler, server: Server) -> None:
    """Read one request, answer it, hang up."""
    request = handler.rfile.readline().decode()
    if not request:
        return
    head = ""
    while (line := handler.rfile.readline().decode()).strip():
        head += line
    found = re.search(r"^range: bytes=(\d+)-", head, re.IGNORECASE | re.MULTILINE)
    start = int(found[1]) if found else 0
    server.asked.append((request.split()[1], start))
    server.heads.append(head)
    answer = server.answer()
    time.sleep(answer.silence)

    whole = len(server.content)
    status, headers, body = 200, {}, server.content
    if found and answer.ranges:
        if start >= whole:
            status, headers, body = 416, {"Content-Range": f"bytes */{whole}"}, b""
        else:
            status, body = 206, server.content[start:]
            headers = {"Content-Range": f"bytes {start}-{whole - 1}/{whole}"}
    if answer.status and answer.status not in (200, 206):
        body = b""
    body = body if answer.body is None else answer.body
    if answer.length:
        headers["Content-Length"] = str(len(body))
    headers |= answer.headers
    lines = [f"HTTP/1.1 {answer.status or status} Whatever", *(f"{key}: {value}" for key, value in headers.items())]
    top = ("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode()
    if answer.cut_head is not None:
        top, body = top[: answer.cut_head], b""
    body = body[: answer.cut_body]

    handler.wfile.write(top)
    for place in range(0, len(body), answer.piece):
        time.sleep(answer.pause)
        handler.wfile.write(body[place : place + answer.piece])
    if answer.reset:  # closing with unsent bytes thrown away
        handler.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.request.close()
