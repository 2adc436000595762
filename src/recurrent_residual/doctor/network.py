"""Whether the mirrors of what is to be downloaded answer, and have a file of the right size."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

from recurrent_residual.doctor.rows import Row, Status
from recurrent_residual.errors import causes
from recurrent_residual.fetch.mirrors import Mirror

TIMEOUT = 5.0  # seconds for a connection, and for an answer


@dataclass(frozen=True)
class File:
    """A file to download: what it is, where it is, and the folder into which a user may put it."""

    what: str
    mirrors: tuple[Mirror, ...]
    folder: str
    needed: bool
    """False: it is there already."""


def mirrors(files: Sequence[File], timeout: float = TIMEOUT) -> list[Row]:
    """A row for each mirror, all asked at the same time; a mirror that fails is a lack where no other serves."""
    answers: dict[Mirror, tuple[bool, str]] = {}

    def ask(mirror: Mirror) -> None:
        answers[mirror] = probe(mirror, timeout)

    # Daemons: the system's look-up of a name has time-outs of its own, and nobody waits for it here.
    threads = [Thread(target=ask, args=(mirror,), daemon=True) for file in files for mirror in file.mirrors]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 3 * timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = (False, f"unreachable: nothing in {3 * timeout:.0f} s")
    rows: list[Row] = []
    for file in files:
        names = " or ".join(dict.fromkeys(mirror.name for mirror in file.mirrors))
        own = [(mirror, *answers.get(mirror, silent)) for mirror in file.mirrors]
        served = any(usable for _, usable, _ in own)  # then a mirror that fails is not in the way
        for number, (mirror, usable, text) in enumerate(own):
            status: Status = "ok" if usable else "-" if not file.needed else "warning" if served else "lack"
            needed = "it is here already" if not file.needed else f"1 of {len(own)} mirrors" if len(own) > 1 else ""
            remedy = ""
            if status == "lack" and number == 0:  # once for all mirrors of a file
                remedy = (
                    f"connect to the network (behind a proxy: HTTPS_PROXY), or put {names} into {file.folder} by hand"
                )
            rows.append(Row(file.what, f"{urlsplit(mirror.url).netloc}, {mirror.name}: {text}", needed, status, remedy))
    return rows


def probe(mirror: Mirror, timeout: float = TIMEOUT) -> tuple[bool, str]:
    """Ask for the first byte; return whether the downloader could use this mirror, and what it said.

    As the downloader does, a broken certificate is passed over where a full checksum vouches for the content.
    """
    import requests

    try:
        try:
            return _judge(mirror, *_ask(mirror.url, timeout, verify=True))
        except requests.exceptions.SSLError as error:
            *_, first = causes(error)
            if not isinstance(first, ssl.SSLCertVerificationError):
                raise
            if not mirror.vouched:
                return False, "certificate broken, and no full checksum is known that could vouch for the file"
            usable, text = _judge(mirror, *_ask(mirror.url, timeout, verify=False))
            return usable, f"certificate broken, but the checksum is known: {text}"
    except requests.exceptions.Timeout:
        return False, f"unreachable: no answer in {timeout:g} s"
    except (requests.exceptions.RequestException, OSError) as error:
        *_, first = causes(error)
        reason = first.strerror if isinstance(first, OSError) and first.strerror else str(first)
        return False, f"unreachable: {' '.join(reason.split())}"


def _ask(url: str, timeout: float, *, verify: bool) -> tuple[int, str, int | None]:
    """Status, reason and announced size of the whole file in bytes."""
    import requests
    import urllib3

    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    # A stream that is closed unread: a server without ranges would send gigabytes.
    with requests.get(url, headers=headers, timeout=timeout, verify=verify, stream=True) as response:
        if response.status_code == requests.codes.partial_content:
            size = response.headers.get("Content-Range", "").rpartition("/")[2]
        else:
            size = response.headers.get("Content-Length", "")
        return response.status_code, response.reason, int(size) if size.isdigit() else None


def _judge(mirror: Mirror, status: int, reason: str, size: int | None) -> tuple[bool, str]:
    if status not in (200, 206):
        return False, f"refused: {status} {reason}"
    if size is None:
        return True, "answers, and does not say the file's size"
    if mirror.bytes is None:
        return True, f"answers, {size:,} bytes"
    if size != mirror.bytes:
        return False, f"wrong size: {size:,} bytes where {mirror.bytes:,} belong"
    return True, f"answers, {size:,} bytes as expected"
