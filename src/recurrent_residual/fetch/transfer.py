"""Bring one file from one address, however often the connection breaks."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead

import requests
import urllib3
from tqdm import tqdm

from recurrent_residual.errors import UserError, causes
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.fetch.partial_file import CHUNK, PartialFile, has_checksum
from recurrent_residual.fetch.progress import progress, say, size_in_words

MARGIN = 64_000_000  # bytes that stay free on the disk
NETWORK_ERRORS = (urllib3.exceptions.HTTPError, HTTPException, OSError)  # requests' own are OSErrors
TRANSIENT = {408, 429}  # and 5xx: HTTP statuses that pass


@dataclass(frozen=True)
class Patience:
    """What a download puts up with, in seconds where nothing else is said."""

    retries: int = 5  # tries that bring next to nothing, one after the other, before an address is given up
    pause: float = 1  # before the first retry; twice as long before each further one
    longest_pause: float = 60
    longest_retry_after: float = 300  # at most this, whatever a server's Retry-After says
    timeout: float = 60  # without a byte
    slowest: float = 1000  # bytes a second; what brings less over `timeout` counts as broken off

    @property
    def gain(self) -> float:
        """Bytes that a try must bring for the count of retries to start anew: a trickle shall not go on for ever."""
        return self.slowest * self.timeout


class MirrorError(Exception):
    """An address does not give the file; another may."""


class _BrokenOffError(Exception):
    """A try failed in a way that the next one may not."""

    def __init__(self, reason: str, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def transfer(mirror: Mirror, part: PartialFile, patience: Patience, *, room_to_unpack: bool = False) -> None:
    """Fill `part` until it is the file of `mirror`, size and checksum verified.

    What `part` holds at the start is kept and the rest asked for. When the whole turns out wrong, and was pieced
    together, it is fetched once more from the start. `room_to_unpack`: the disk must have room for as much again.

    Raises:
        MirrorError: this address does not give the file; the reason.
        UserError: the disk is too small.
    """
    if part.size and not part.fault():
        return  # a run that was killed just before it could rename the file
    with requests.Session() as session:
        connection = _Connection(mirror, part, patience, session, room_to_unpack)
        for last in (False, True):
            connection.fill()
            fault = part.fault()
            if not fault:
                return
            part.restart()
            if last or not connection.pieced:
                raise MirrorError(fault)
            say(f"{mirror.url}: {fault}, pieced together; once more from the start")
            connection.pieced = False


class _Connection:
    """One address, and what was learnt of it."""

    def __init__(
        self, mirror: Mirror, part: PartialFile, patience: Patience, session: requests.Session, room_to_unpack: bool
    ) -> None:
        self.pieced = False  # the part holds bytes of more than one answer
        self._mirror = mirror
        self._part = part
        self._patience = patience
        self._session = session
        self._room_to_unpack = room_to_unpack
        self._verify = True  # the server's certificate
        self._warned = False

    def fill(self) -> None:
        """Ask until an answer has come to its end, with pauses in between."""
        failures, farthest = 0, self._part.size
        while True:
            try:
                self._ask()
                return
            except _BrokenOffError as broken:
                # Beyond the farthest point: a server without resume that breaks off each time gains nothing.
                failures = 1 if self._part.size - farthest >= self._patience.gain else failures + 1
                farthest = max(farthest, self._part.size)
                if not has_checksum(self._mirror):
                    self._part.restart()  # nothing would vouch for what is pieced together
                if failures > self._patience.retries:
                    tries = f", {failures} times" if failures > 1 else ""
                    raise MirrorError(f"{broken}{tries}") from None
                pause = min(self._patience.pause * 2 ** (failures - 1), self._patience.longest_pause)
                pause = max(pause, min(broken.retry_after, self._patience.longest_retry_after))
                say(f"{self._mirror.url}: {broken}; retry {failures} of {self._patience.retries} in {pause:.0f} s")
            time.sleep(pause)

    def _ask(self) -> None:
        """One request for what is missing, and its answer to the end."""
        there = self._part.size
        if self._mirror.bytes is not None:
            self._need_space(self._mirror.bytes)
        with closing(self._request(there)) as answer:
            self._need_status(answer)
            start, total = _content(answer)
            self._need_file(answer, total)
            if self._mirror.bytes is not None and total is not None and total != self._mirror.bytes:
                self._need_body(answer)
                raise MirrorError(f"offers {total} bytes, not {self._mirror.bytes}")
            fits = answer.status_code == 200 or start == there
            if not fits:
                self._need_body(answer)
                if not there:
                    raise MirrorError(f"gives another part than was asked for ({_status(answer)})")
            if start != there:
                say(f"{self._mirror.url}: does not go on where it broke off ({_status(answer)}); starting over")
                self._part.restart()
            if fits:
                self.pieced = self.pieced or self._part.size > 0
                if total is not None:
                    self._need_space(total)
                self._copy(answer, total)
                return
        self._ask()

    def _request(self, start: int) -> requests.Response:
        """The head of the answer to a request for the bytes from `start` on."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        timeout = self._patience.timeout
        while True:
            try:
                answer = self._session.get(
                    self._mirror.url, headers=headers, stream=True, timeout=timeout, verify=self._verify
                )
                break
            except (ValueError, requests.TooManyRedirects) as error:  # ValueError: an address that is none
                raise MirrorError(_one_line(error)) from None
            except NETWORK_ERRORS as error:
                if any(getattr(cause, "errno", None) == socket.EAI_NONAME for cause in causes(error)):
                    raise MirrorError("there is no such host, or no network") from None
                bad = next((cause for cause in causes(error) if isinstance(cause, ssl.SSLCertVerificationError)), None)
                if bad is None or not self._verify:
                    raise _BrokenOffError(_reason(error)) from None
                self._go_on_unverified(f"broken TLS certificate ({bad.verify_message})")
            self._verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # ours names the file
        hops = [*(hop.url for hop in answer.history), answer.url]
        if hops[0].startswith("https:") and any(url.startswith("http:") for url in hops):
            try:
                self._go_on_unverified("redirected from https to http")
            except MirrorError:
                answer.close()
                raise
        return answer

    def _go_on_unverified(self, why: str) -> None:
        """Warn, once, that only the checksum tells whether the file is the right one; refuse where there is none."""
        if not self._mirror.vouched:  # by a digest's first digits alone a forged file could be made to pass
            raise MirrorError(f"{why}, and no full checksum is known that could vouch for the file")
        if not self._warned:
            say(f"warning: {self._mirror.url}: {why}; going on, for the file's checksum is known and vouches for it")
        self._warned = True

    def _need_status(self, answer: requests.Response) -> None:
        status = answer.status_code
        if status in TRANSIENT or status >= 500:
            raise _BrokenOffError(_status(answer), _retry_after(answer))
        if status not in (200, 206, 416):
            raise MirrorError(_status(answer))

    def _need_file(self, answer: requests.Response, total: int | None) -> None:
        """Refuse what plainly is another file, before what is there gives way to it."""
        if answer.status_code != 200:
            return
        expected, there = self._mirror.bytes, self._part.size
        is_page = answer.headers.get("Content-Type", "").strip().lower().startswith("text/html")
        if is_page and (expected is None or total != expected):  # of a proxy, or of a network that wants a login
            self._need_body(answer)
            raise MirrorError("gives a web page instead of the file")
        if expected is None and total is not None and total < there:
            self._need_body(answer)
            raise MirrorError(
                f"offers {total} bytes, and {there} are there already; if those are wrong, remove {self._part.path}"
            )

    def _need_body(self, answer: requests.Response) -> None:
        """A head that breaks off is not told as such, only cut short; but then no body comes."""
        if answer.status_code == 206 or (answer.status_code == 200 and not answer.raw.chunked):
            try:
                came = answer.raw.read1(1, decode_content=False)
            except NETWORK_ERRORS as error:
                raise _BrokenOffError(_reason(error)) from None
            if not came:
                raise _BrokenOffError("broke off")

    def _need_space(self, total: int) -> None:
        folder = self._part.path.parent
        missing, free = total - self._part.size, shutil.disk_usage(folder).free
        unpacked = total if self._room_to_unpack else 0  # videos are packed already: they grow by a few percent at most
        if missing + unpacked + MARGIN > free:
            more = f"more, {size_in_words(unpacked)} to be unpacked, and" if unpacked else "more, and"
            raise UserError(
                f"{folder}: {size_in_words(free)} are free, and {self._mirror.name} needs {size_in_words(missing)} "
                f"{more} {size_in_words(MARGIN)} to spare; make room there and start again"
            )

    def _copy(self, answer: requests.Response, total: int | None) -> None:
        part, expected = self._part, self._mirror.bytes
        with progress(self._mirror.name, total=expected or total, initial=part.size) as bar:
            for data in self._pieces(answer, bar):
                part.append(data)
                if expected is not None and part.size > expected:
                    part.restart()
                    raise MirrorError(f"gives more than the {expected} bytes that belong there")
        if expected is not None and part.size < expected:
            raise _BrokenOffError(f"ended after {part.size} of {expected} bytes")
        announced = answer.raw.chunked or answer.headers.get("Content-Length", "").isdigit()
        if not announced and part.fault():
            raise _BrokenOffError(f"ended after {part.size} bytes, without having said how many would come")

    def _pieces(self, answer: requests.Response, bar: tqdm) -> Iterator[bytes]:
        """The body as it comes, as long as it comes fast enough."""
        since, came = time.monotonic(), 0
        try:
            # read1 and not read, which waits for all of CHUNK: for minutes, on a slow connection
            while data := answer.raw.read1(CHUNK, decode_content=False):
                yield data
                bar.update(len(data))
                came += len(data)
                seconds = time.monotonic() - since
                if seconds >= self._patience.timeout:
                    if came < self._patience.gain:
                        raise _BrokenOffError(f"only {came} bytes in {seconds:.0f} s")
                    since, came = time.monotonic(), 0
        except NETWORK_ERRORS as error:
            raise _BrokenOffError(f"{_reason(error)} after {size_in_words(self._part.size)}") from None


def _content(answer: requests.Response) -> tuple[int | None, int | None]:
    """The first byte's place in the file, None where that cannot be told, and the whole file's size where announced."""
    if answer.status_code == 200:
        length = answer.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    if answer.status_code != 206 or not found:
        return None, None
    start, total = found.groups()
    return int(start), None if total == "*" else int(total)


def _status(answer: requests.Response) -> str:
    try:
        phrase = HTTPStatus(answer.status_code).phrase
    except ValueError:
        phrase = ""
    return f"HTTP {answer.status_code} {phrase}".strip()


def _retry_after(answer: requests.Response) -> float:
    """Seconds that the server asks to wait, given as such or as a date."""
    try:
        return urllib3.Retry().parse_retry_after(answer.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0


def _reason(error: BaseException) -> str:
    """The first cause in words: requests and urllib3 wrap it three times, with the address in each."""
    *_, first = causes(error)
    if isinstance(first, TimeoutError | urllib3.exceptions.TimeoutError):
        return "timed out"
    if isinstance(first, IncompleteRead):
        return "broke off"
    if isinstance(first, OSError) and first.strerror:
        return first.strerror
    return _one_line(first)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
