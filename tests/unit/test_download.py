"""A download ends with the right file or with one line that says why not: against a real server that does wrong."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from closed_folders import WAYS, close
from faulty_server import Answer, Server, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from recurrent_residual import code_inputs
from recurrent_residual.errors import UserError
from recurrent_residual.fetch import transfer
from recurrent_residual.fetch.download import download, with_mirrors
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.fetch.transfer import Patience

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
HALF = len(CONTENT) // 2
# No pauses; every byte counts as gain.
HASTY = Patience(retries=3, pause=0, timeout=5, slowest=0.2)
SCRIPT = code_inputs.SOURCE.parent / "scripts" / "download.py"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def mirror(server: Server, name: str = "file.zip") -> Mirror:
    return Mirror(f"{server.url}/{name}", len(CONTENT), SHA256)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failure(*arguments: object, **keywords: object) -> str:
    """The message of a download that fails; it is one line."""
    with pytest.raises(UserError) as error:
        download(*arguments, **{"patience": HASTY, **keywords})  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


# --- what breaks off


BREAKS = {
    "before the head": Answer(cut_head=0),
    "reset before the head": Answer(cut_head=0, reset=True),
    "in the status line": Answer(cut_head=7),
    "in the headers": Answer(cut_head=30),
    "after the headers": Answer(cut_body=0),
    "after one byte": Answer(cut_body=1),
    "in the middle": Answer(cut_body=HALF),
    "reset in the middle": Answer(cut_body=HALF, reset=True, pause=0.02),
    "before the last byte": Answer(cut_body=len(CONTENT) - 1),
    "in the middle, size not announced": Answer(cut_body=HALF, length=False),
    "busy": Answer(status=503),
    "too many": Answer(status=429),
    "time-out of the server": Answer(status=408),
    "no answer": Answer(silence=1),
    "nothing after the headers": Answer(piece=HALF, pause=1),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_break(tmp_path: Path, fault: str) -> None:
    """Wherever the connection breaks, the next request asks for what is missing and no more; nothing is left over."""
    with serving(CONTENT, BREAKS[fault], BREAKS[fault]) as server:
        path = download([mirror(server)], tmp_path / "new", patience=replace(HASTY, timeout=0.4, slowest=1))
    assert contents(path.parent) == {"file.zip": CONTENT}
    assert len(server.starts) in (2, 3)  # two where the second fault lies behind the end of what was missing
    if "middle" in fault and "reset" not in fault:
        assert server.starts == [0, HALF]
    assert (server.starts[1] > 0) == (fault in ("after one byte", "before the last byte") or "in the middle" in fault)


@settings(max_examples=80, deadline=None)
@given(
    cuts=st.lists(st.integers(-60, len(CONTENT)), max_size=8),
    ranges=st.lists(st.booleans(), min_size=9, max_size=9),
    left=st.integers(0, len(CONTENT) + 10),
    damaged=st.booleans(),
    size=st.sampled_from([len(CONTENT), None]),
)
def test_any_sequence_of_breaks(
    cuts: list[int], ranges: list[bool], left: int, damaged: bool, size: int | None
) -> None:
    """Whatever breaks off where, with or without resume, after an earlier run's sound or damaged part: right bytes."""
    faults = [
        Answer(cut_body=cut, ranges=with_range) if cut >= 0 else Answer(cut_head=-cut)
        for cut, with_range in zip(cuts, ranges, strict=False)
    ]
    if size is None:
        left = min(left, len(CONTENT))  # else an answer without Range is refused: see test_small_answer
    part = (CONTENT + bytes(10))[:left]
    with tempfile.TemporaryDirectory() as folder, serving(CONTENT, *faults) as server:
        (Path(folder) / "file.zip.part").write_bytes(bytes(min(left, 5)) + part[5:] if damaged else part)
        download([replace(mirror(server), bytes=size)], folder, patience=replace(HASTY, retries=9))
        assert contents(Path(folder)) == {"file.zip": CONTENT}


def test_count_of_retries_starts_anew(tmp_path: Path) -> None:
    """Many breaks are no failure as long as bytes come; without gain the mirror is given up after the retries."""
    with serving(CONTENT, *[Answer(cut_body=20_000)] * 14) as server:
        download([mirror(server)], tmp_path, patience=replace(HASTY, retries=1))
    assert len(server.asked) == 15
    with serving(CONTENT, after=Answer(status=500)) as server:
        assert "HTTP 500 Internal Server Error, 4 times" in failure([mirror(server, "other")], tmp_path)
    assert len(server.asked) == 1 + HASTY.retries


def test_no_resume_is_no_gain(tmp_path: Path) -> None:
    """A server without Range that never comes farther than once before is given up, not asked for ever."""
    faults = [Answer(cut_body=cut, ranges=False) for cut in (HALF, 1000, HALF, 2000, HALF, 3000, HALF)]
    with serving(CONTENT, *faults) as server:
        assert "broke off" in failure([mirror(server)], tmp_path)
    assert len(server.asked) == 1 + HASTY.retries
    assert contents(tmp_path) == {"file.zip.part": CONTENT[:2000]}


def test_break_in_the_place(tmp_path: Path) -> None:
    """A head cut short in Content-Range is a break: it is no reason to throw away what is there."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT, Answer(cut_head=len("HTTP/1.1 206 Whatever\r\nContent-Range: bytes 15"))) as server:
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts == [HALF, HALF]


def test_break_where_no_size_is_known(tmp_path: Path) -> None:
    """An answer that nobody announced the size of, and that is wrong, may have broken off: the rest is asked for."""
    no_number = Answer(cut_head=len("HTTP/1.1 200 Whatever\r\nContent-Length:"))
    with serving(CONTENT, no_number, Answer(cut_body=HALF, length=False)) as server:
        download([replace(mirror(server), bytes=None)], tmp_path, patience=HASTY)
    assert server.starts == [0, 0, HALF]


def test_slow_trickle(tmp_path: Path) -> None:
    """A connection that is open and brings next to nothing counts as broken, and does not go on for ever."""
    trickle = Answer(piece=10, pause=0.02)
    with serving(CONTENT, trickle) as server:
        download([mirror(server)], tmp_path, patience=replace(HASTY, timeout=0.3, slowest=10_000))
    assert len(server.asked) == 2 and 0 < server.starts[1] < 1000
    with serving(CONTENT, after=trickle) as server:
        patience = replace(HASTY, timeout=0.2, slowest=10_000, retries=2)
        assert "bytes in 0 s, 3 times" in failure([mirror(server, "other")], tmp_path, patience=patience)


@pytest.mark.parametrize(
    "header, seconds",
    [("nonsense", 0), ("5", 0.6), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Fri, 01 Jan 2100 00:00:00 GMT", 0.6)],
)
def test_retry_after(tmp_path: Path, header: str, seconds: float) -> None:
    """A server that says when to come again is believed, up to a bound."""
    with serving(CONTENT, Answer(status=503, headers={"Retry-After": header})) as server:
        start = time.monotonic()
        download([mirror(server)], tmp_path, patience=replace(HASTY, longest_retry_after=0.6))
        assert seconds <= time.monotonic() - start < seconds + 0.5


def test_pauses_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pause is twice the one before, up to a minute."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    failure([Mirror("http://127.0.0.1:9/file.zip")], tmp_path, patience=Patience(retries=8))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


# --- what an earlier run left


def test_resume_of_an_earlier_run(tmp_path: Path) -> None:
    """What is there is counted and not fetched again."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT) as server:
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts == [HALF]
    assert contents(tmp_path) == {"file.zip": CONTENT}


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_whole_part_needs_no_network(tmp_path: Path, size: int | None) -> None:
    """Killed between the last byte and the renaming: the next run only renames."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    with serving(CONTENT) as server:
        download([Mirror(f"{server.url}/file.zip", size, SHA256)], tmp_path, patience=HASTY)
    assert not server.asked
    assert contents(tmp_path) == {"file.zip": CONTENT}


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize(
    "left", [CONTENT + b"x", CONTENT[:-1] + b"\0", b"\0" + CONTENT[1:HALF]], ids=["long", "whole", "half"]
)
def test_wrong_part_is_thrown_away(tmp_path: Path, left: bytes, size: int | None) -> None:
    """A part that is too long (HTTP 416 where the size is not known) or damaged costs a second try from the start."""
    (tmp_path / "file.zip.part").write_bytes(left)
    with serving(CONTENT) as server:
        download([Mirror(f"{server.url}/file.zip", size, SHA256)], tmp_path, patience=HASTY)
    assert server.starts[-1] == 0 and len(server.starts) <= 2
    assert contents(tmp_path) == {"file.zip": CONTENT}


def test_nothing_is_pieced_together_without_a_checksum(tmp_path: Path) -> None:
    """Nothing would tell that the pieces belong together: it starts over, in one run and from one to the next."""
    (tmp_path / "file.zip.part").write_bytes(b"something else")
    with serving(CONTENT, Answer(cut_body=HALF)) as server:
        download([Mirror(f"{server.url}/file.zip")], tmp_path, patience=HASTY)
    assert server.starts == [0, 0]
    assert contents(tmp_path) == {"file.zip": CONTENT}


def test_second_process_is_locked_out(tmp_path: Path) -> None:
    """Two processes never write one part; the second leaves it as it is."""
    part = tmp_path / "file.zip.part"
    part.write_bytes(CONTENT[:HALF])
    with serving(CONTENT) as server, open(part, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "file.zip.part: another process is downloading it" in failure([mirror(server)], tmp_path)
        assert contents(tmp_path) == {part.name: CONTENT[:HALF]}
        fcntl.flock(other, fcntl.LOCK_UN)
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts == [HALF]


def test_file_finished_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process renames the part just before this one has the lock: its file is used, not written into."""
    part, path, real = tmp_path / "file.zip.part", tmp_path / "file.zip", fcntl.flock
    part.write_bytes(CONTENT)

    def late(file: int, how: int) -> None:
        if not path.exists():
            part.rename(path)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with serving(CONTENT) as server:
        assert download([replace(mirror(server), bytes=None)], tmp_path, patience=HASTY) == path
    assert not server.asked and contents(tmp_path) == {"file.zip": CONTENT}


# --- servers that lie


@pytest.mark.parametrize(
    "answer",
    [
        Answer(ranges=False),
        Answer(headers={"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        Answer(headers={"Content-Range": "bytes some-more/x"}),
        Answer(status=416),
    ],
    ids=["200", "wrong place", "no place", "416"],
)
def test_server_that_cannot_resume(tmp_path: Path, answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that does not go on where the part ends is not appended to it, and the new start is announced."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT, answer) as server:
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts in ([HALF], [HALF, 0])
    assert contents(tmp_path) == {"file.zip": CONTENT}
    assert "starting over" in capsys.readouterr().err


def test_resume_with_wrong_bytes(tmp_path: Path) -> None:
    """A server that resumes with other bytes than it says is found out by the checksum, and asked for the whole."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT, Answer(body=bytes(len(CONTENT) - HALF))) as server:
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts == [HALF, 0]


@pytest.mark.parametrize(
    "answer, reason",
    [
        (Answer(body=CONTENT[:-1] + b"\0"), "sha256 is"),
        (Answer(body=CONTENT + b"x"), f"offers {len(CONTENT) + 1} bytes, not {len(CONTENT)}"),
        (Answer(body=CONTENT + b"x", length=False), "gives more than"),
        (Answer(body=b"<html>Log in to this network"), "offers 28 bytes"),
        (Answer(body=b"<html>Log in", headers={"Content-Type": "text/html"}), "gives a web page instead of the file"),
        (Answer(status=404), "HTTP 404 Not Found"),
        (Answer(status=403), "HTTP 403 Forbidden"),
        (Answer(status=204), "HTTP 204 No Content"),
        (Answer(status=206), "gives another part than was asked for"),
        (Answer(status=302, headers={"Location": "/again"}), "redirects"),
        (Answer(status=302, headers={"Location": "gopher://nowhere"}), "gopher"),
    ],
)
def test_wrong_file_at_a_mirror(tmp_path: Path, answer: Answer, reason: str) -> None:
    """What retrying cannot mend sends on to the next mirror at once; alone, it is one line, and nothing is left."""
    with serving(CONTENT, after=answer) as bad, serving(CONTENT) as good:
        message = failure([mirror(bad)], tmp_path)
        assert reason in message and bad.url in message
        assert contents(tmp_path) == {}
        requests = len(bad.asked)
        assert requests == 1 or "again" in bad.asked[1][0]
        download([mirror(bad), mirror(good)], tmp_path, patience=HASTY)
        assert len(bad.asked) == 2 * requests and len(good.asked) == 1
    assert contents(tmp_path) == {"file.zip": CONTENT}


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("length", [True, False])
def test_page_instead_of_the_file(tmp_path: Path, size: int | None, length: bool) -> None:
    """A network that wants a login, or a proxy, answers any request with a page: what has come stays."""
    page = Answer(200, {"Content-Type": "Text/HTML; charset=utf-8"}, body=bytes(HALF + 1), ranges=False, length=length)
    left = tmp_path / "file.zip.part"
    left.write_bytes(CONTENT[:HALF])
    with serving(CONTENT, page) as server:
        known = replace(mirror(server), bytes=size)
        assert "gives a web page instead of the file" in failure([known], tmp_path)
        assert len(server.asked) == 1 and contents(tmp_path) == {left.name: CONTENT[:HALF]}
        download([known], tmp_path, patience=HASTY)
    assert server.starts == [HALF, HALF]


def test_file_called_a_page(tmp_path: Path) -> None:
    """A server that knows no type but text/html is believed where the size is the file's."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT, after=Answer(headers={"Content-Type": "text/html"}, ranges=False)) as server:
        download([mirror(server)], tmp_path, patience=HASTY)
    assert contents(tmp_path) == {"file.zip": CONTENT}


def test_small_answer(tmp_path: Path) -> None:
    """Where the size is not known, what is smaller than what has come is not the file; one cut in its size may be."""
    left = tmp_path / "file.zip.part"
    left.write_bytes(CONTENT[:HALF])
    cut = Answer(cut_head=len("HTTP/1.1 200 Whatever\r\nContent-Length: 300"), ranges=False)
    with serving(CONTENT, Answer(body=bytes(HALF - 1), ranges=False, status=200), cut) as server:
        known = replace(mirror(server), bytes=None)
        assert f"offers {HALF - 1} bytes, and {HALF} are there" in (message := failure([known], tmp_path))
        assert f"remove {left}" in message and contents(tmp_path) == {left.name: CONTENT[:HALF]}
        download([known], tmp_path, patience=HASTY)
    assert server.starts == [HALF, HALF, HALF]


def test_md5_and_short_sha256_vouch(tmp_path: Path) -> None:
    """HMDB-51's archives have an md5, torchvision's weights the start of a sha256: both tell a wrong file."""
    for number, facts in enumerate([{"md5": MD5.upper()}, {"sha256": SHA256[:8].upper()}]):
        with serving(CONTENT, Answer(body=bytes(len(CONTENT)))) as server:
            known = Mirror(f"{server.url}/{number}", **facts)  # type: ignore[arg-type]
            assert f"{next(iter(facts))} is" in failure([known], tmp_path)
            assert download([known], tmp_path, patience=HASTY).read_bytes() == CONTENT


# --- several mirrors


def test_next_mirror_goes_on(tmp_path: Path) -> None:
    """A server that dies in the middle for good: another mirror of the same file brings the rest only."""
    with serving(CONTENT, Answer(cut_body=HALF), after=Answer(cut_head=0)) as dying, serving(CONTENT) as good:
        download([mirror(dying), mirror(good)], tmp_path, patience=HASTY)
    assert good.starts == [HALF]
    assert contents(tmp_path) == {"file.zip": CONTENT}


@pytest.mark.parametrize("name", ["file.zip", "file.rar"])
def test_next_mirror_with_another_file(tmp_path: Path, name: str) -> None:
    """Another file is fetched from its start, also where it has the same name; what was begun is removed at the end."""
    other = CONTENT[::-1]
    with serving(CONTENT, Answer(cut_body=HALF), after=Answer(cut_head=0)) as dying, serving(other) as good:
        second = Mirror(f"{good.url}/{name}", len(other), hashlib.sha256(other).hexdigest())
        download([mirror(dying), second], tmp_path, patience=HASTY)
    assert good.starts == [0]
    assert contents(tmp_path) == {name: other}


def test_begun_file_comes_first(tmp_path: Path) -> None:
    """A run goes on with what the run before has begun, though its mirror is not the first."""
    (tmp_path / "file.rar.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT) as server:
        path = download([mirror(server), mirror(server, "file.rar")], tmp_path, patience=HASTY)
    assert server.asked == [("/file.rar", HALF)] and path.name == "file.rar"


def test_all_mirrors_fail(tmp_path: Path) -> None:
    """One line with each address and its reason, and the remedy with names, sizes and checksums."""
    with serving(CONTENT, after=Answer(status=404)) as server:
        mirrors = [mirror(server), Mirror("http://127.0.0.1:9/file.rar", md5=MD5), Mirror("no address")]
        message = failure(mirrors, tmp_path)
    for part in (
        f"{server.url}/file.zip: HTTP 404 Not Found",
        "http://127.0.0.1:9/file.rar: Connection refused, 4 times",
        "no address: Failed to parse",
        f"put file.zip ({len(CONTENT)} bytes, sha256 {SHA256}) or file.rar (md5 {MD5}) or no address by hand into "
        f"the folder {tmp_path}/",
    ):
        assert part in message
    assert contents(tmp_path) == {}


def test_own_mirrors_come_first(tmp_path: Path) -> None:
    """--mirror BASE: each known file below it, with the same size and checksum, before the known addresses."""
    known = (
        Mirror("http://a/x/1.zip", 1, "1" * 64),
        Mirror("http://b/2.rar", 2, md5="2" * 32),
        Mirror("http://c/2.rar", 2),
    )
    mirrors = with_mirrors(["http://own/data/"], known)
    assert [one.url for one in mirrors[:2]] == ["http://own/data/1.zip", "http://own/data/2.rar"]
    assert (mirrors[0].bytes, mirrors[0].sha256, mirrors[1].md5) == (1, "1" * 64, "2" * 32)
    assert mirrors[-3:] == known


def test_host_that_is_not_there(tmp_path: Path) -> None:
    """A name that nobody knows is not asked for again and again; a checksum that can be none is refused at once."""
    message = failure([Mirror("http://nobody.invalid/x.zip")], tmp_path, patience=Patience(retries=5, pause=60))
    assert "http://nobody.invalid/x.zip: there is no such host, or no network" in message
    with pytest.raises(UserError, match="x.zip: sha256 '...' is none: it has 64 hexadecimal digits"):
        Mirror("http://nobody.invalid/x.zip", sha256="...")


def test_redirect(tmp_path: Path) -> None:
    """A redirect is followed, with the Range of a resumed download."""
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    with serving(CONTENT) as there:
        moved = Answer(status=302, headers={"Location": f"{there.url}/elsewhere"})
        with serving(CONTENT, moved) as server:
            download([mirror(server)], tmp_path, patience=HASTY)
    assert there.asked == [("/elsewhere", HALF)]
    assert "Accept-Encoding: identity" in there.heads[0]  # else a server may send, and count, something else
    assert contents(tmp_path) == {"file.zip": CONTENT}


# --- files put there by hand


def test_file_by_hand_makes_parts_needless(tmp_path: Path) -> None:
    """Parts of all mirrors, gigabytes that nobody needs any more, go when a file put there by hand is taken."""
    mirrors = [Mirror(f"http://127.0.0.1:9/{name}", len(CONTENT), SHA256) for name in ("file.zip", "file.rar", "x")]
    for name in ("file.zip.part", "file.rar.part", "other.part"):
        (tmp_path / name).write_bytes(CONTENT[:HALF])
    (tmp_path / "file.zip").write_bytes(CONTENT)
    download(mirrors, tmp_path, output=tmp_path / "archive", patience=HASTY)
    assert set(contents(tmp_path)) == {"file.zip", "archive", "other.part"}


def test_file_by_hand_is_used(tmp_path: Path) -> None:
    """Any mirror's file that is there and right is used, whatever else goes on, and is linked to, not copied."""
    by_hand = tmp_path / "file.rar"
    by_hand.write_bytes(CONTENT)
    with serving(CONTENT) as server, open(tmp_path / "file.zip.part", "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        mirrors = [mirror(server), mirror(server, "file.rar")]
        assert download(mirrors, tmp_path, patience=HASTY) == by_hand
        output = tmp_path / "deeper" / "videos.archive"
        for _ in range(2):  # the second time the output is there itself
            assert download(mirrors, tmp_path, output=output, patience=HASTY) == output
        assert output.samefile(by_hand)
    assert not server.asked
    output.unlink()
    assert by_hand.read_bytes() == CONTENT


def test_file_by_hand_that_is_wrong_stays(tmp_path: Path) -> None:
    """A wrong or unfinished file is named with its fault and left as it is; a right one beside it is used."""
    by_hand = tmp_path / "file.zip"
    with serving(CONTENT) as server:
        for wrong, fault in [(CONTENT[:-1], "299999 bytes, not 300000"), (CONTENT[:-1] + b"\0", "sha256 is")]:
            by_hand.write_bytes(wrong)
            message = failure([mirror(server, "other"), mirror(server)], tmp_path)
            assert f"{by_hand}: {fault}" in message and "complete, replace or remove" in message
            assert contents(tmp_path) == {"file.zip": wrong}
        (tmp_path / "other").write_bytes(CONTENT)
        assert download([mirror(server), mirror(server, "other")], tmp_path, patience=HASTY).name == "other"
        (tmp_path / "output").write_bytes(b"x")
        assert f"{tmp_path / 'output'}: 1 bytes" in failure([mirror(server)], tmp_path, output=tmp_path / "output")
        by_hand.unlink()
        by_hand.mkdir()
        (tmp_path / "other").unlink()
        assert "is no file" in failure([mirror(server)], tmp_path)
    assert not server.asked


def test_output(tmp_path: Path) -> None:
    """Snakemake deletes the output of a job that is killed: the part, the same file, stays for the next run."""
    output, part = tmp_path / "new" / "videos.archive", tmp_path / "folder" / "file.zip.part"
    with serving(CONTENT) as server:
        for _ in range(2):
            assert download([mirror(server)], part.parent, output=output, patience=HASTY) == output
            assert output.read_bytes() == CONTENT and output.samefile(part)
            output.unlink()
        assert server.starts == [0]
        assert download([mirror(server)], part.parent, output=part.parent / "file.zip", patience=HASTY) != output
    assert server.starts == [0] and contents(part.parent) == {"file.zip": CONTENT}


def test_output_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has none the part is renamed, as is one without a checksum, for nothing vouches for it."""
    with serving(CONTENT) as server:
        download([Mirror(f"{server.url}/x")], tmp_path, output=tmp_path / "a", patience=HASTY)

        def no_links(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        download([mirror(server)], tmp_path, output=tmp_path / "b", patience=HASTY)
    assert contents(tmp_path) == {"a": CONTENT, "b": CONTENT}


@pytest.mark.parametrize("there", [CONTENT[:HALF], CONTENT, CONTENT[::-1]], ids=["start", "whole", "another"])
@pytest.mark.parametrize("checksum", [SHA256, None])
def test_output_is_never_written_into(tmp_path: Path, there: bytes, checksum: str | None) -> None:
    """A part that is linked to an output is left alone when another file of its name is fetched."""
    output, part = tmp_path / "one", tmp_path / "file.zip.part"
    output.write_bytes(there)
    os.link(output, part)
    with serving(CONTENT) as server:
        download([replace(mirror(server), sha256=checksum)], tmp_path, patience=HASTY)
    assert contents(tmp_path) == {"one": there, "file.zip": CONTENT}


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no second file system")
def test_output_on_another_file_system(tmp_path: Path) -> None:
    """Where the file can be neither renamed nor linked it is copied, or linked to by name."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other, serving(CONTENT) as server:
        if os.stat(other).st_dev == tmp_path.stat().st_dev:
            pytest.skip("no second file system")
        download([mirror(server)], tmp_path, output=Path(other) / "a", patience=HASTY)
        assert contents(tmp_path) == {}  # nothing that nobody would remove
        (tmp_path / "file.zip").write_bytes(CONTENT)
        download([mirror(server)], tmp_path, output=Path(other) / "b", patience=HASTY)
        assert contents(Path(other)) == {"a": CONTENT, "b": CONTENT}
        assert contents(tmp_path) == {"file.zip": CONTENT}


# --- the disk


@pytest.mark.parametrize("announced", [False, True])
def test_no_space(tmp_path: Path, announced: bool) -> None:
    """A file larger than the disk is refused before a byte of it comes, by its known or by its announced size."""
    huge = 10**18
    with serving(CONTENT, after=Answer(headers={"Content-Length": str(huge)})) as server:
        message = failure([Mirror(f"{server.url}/file.zip", None if announced else huge, SHA256)], tmp_path)
    assert "are free, and file.zip needs 1.00 EB more" in message
    assert contents(tmp_path) == {} and len(server.asked) == announced


def disk_with(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")(free)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: usage)


def test_room_to_unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be unpacked needs its place a second time; what has come already does not."""
    with serving(CONTENT) as server:
        disk_with(transfer.MARGIN + 2 * len(CONTENT) - 1, monkeypatch)
        assert "file.zip needs 300 kB more, 300 kB to be unpacked, and 64.0 MB to spare; make room" in failure(
            [mirror(server)], tmp_path, room_to_unpack=True
        )
        (tmp_path / "file.zip.part").write_bytes(CONTENT[:1])
        download([mirror(server)], tmp_path, room_to_unpack=True, patience=HASTY)
    assert server.starts == [1]


@pytest.mark.parametrize(
    "words, message",
    [
        (["--dataset", "ucf101"], "UCF101_videos.zip needs 6.96 GB more, 6.96 GB to be unpacked, and 64.0 MB to spare"),
        (["--url", "http://127.0.0.1:9/x", "--bytes", str(9 * 10**9)], "http://127.0.0.1:9/x: Connection refused"),
    ],
)
def test_room_for_videos(tmp_path: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command asks for that room for videos, and for nothing else; here 10 GB are free."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    disk_with(10**10, monkeypatch)
    spec = importlib.util.spec_from_file_location("download_script", SCRIPT)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with pytest.raises(UserError) as error:
        script.main(script.arguments().parse_args([*words, "--folder", str(tmp_path), "--retries", "0"]))
    assert message in str(error.value)


@pytest.mark.parametrize("what", ["folder", "output"])
@pytest.mark.parametrize("how", WAYS)
def test_folder_that_cannot_be_written_to(tmp_path: Path, how: str, what: str) -> None:
    """It is named, with what to do, in one line; the output's before gigabytes are fetched for it."""
    bad = tmp_path / "bad"
    close(bad, how)
    folder, output = (bad / "x", None) if what == "folder" else (tmp_path / "new", bad / "x" / "archive")
    with serving(CONTENT) as server:
        message = failure([mirror(server)], folder, output=output)
        assert message.startswith(f"{bad / 'x'}: cannot be written to (") and "name another" in message
    assert not server.asked


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody else has signed, with its key."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(file)]
    name = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-out", f"{file}.crt"]
    subprocess.run(["openssl", "req", "-x509", *key, *name], check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


def test_sound_certificate(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A certificate that is vouched for needs no checksum and brings no warning."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(CONTENT, tls=certificate) as server:
        assert download([Mirror(f"{server.url}/file.zip")], tmp_path, patience=HASTY).read_bytes() == CONTENT
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize("facts", [{"sha256": SHA256}, {"md5": MD5}])
def test_broken_certificate_with_checksum(
    tmp_path: Path, certificate: Path, facts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The download goes on, once warned, also over a break; the checksum alone decides."""
    with serving(CONTENT, Answer(cut_body=HALF), tls=certificate) as server:
        known = Mirror(f"{server.url}/file.zip", **facts)  # type: ignore[arg-type]
        assert download([known], tmp_path, patience=HASTY).read_bytes() == CONTENT
        assert server.starts == [0, HALF]
        messages = capsys.readouterr().err
        assert messages.count("broken TLS certificate (self-signed certificate)") == 1 and "vouches" in messages
        server.after = Answer(body=bytes(len(CONTENT)))
        assert "is" in failure([replace(known, url=f"{server.url}/wrong")], tmp_path)


@pytest.mark.parametrize("sha256", [None, SHA256[:8]])
def test_broken_certificate_without_checksum(tmp_path: Path, certificate: Path, sha256: str | None) -> None:
    """Nothing is asked for, not even with the first digits of a checksum, which a forger can match."""
    with serving(CONTENT, tls=certificate) as server:
        message = failure([Mirror(f"{server.url}/file.zip", len(CONTENT), sha256)], tmp_path)
    assert "broken TLS certificate" in message and "no full checksum is known" in message
    assert not server.asked and contents(tmp_path) == {}


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_redirect_from_https_to_http(
    tmp_path: Path,
    certificate: Path,
    sha256: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What comes over http in the end needs a checksum as well; the warning comes once, whatever breaks."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serving(CONTENT, Answer(cut_body=HALF)) as plain:
        moved = Answer(status=302, headers={"Location": f"{plain.url}/file.zip"})
        with serving(CONTENT, after=moved, tls=certificate) as server:
            known = Mirror(f"{server.url}/file.zip", len(CONTENT), sha256)
            if sha256:
                assert download([known], tmp_path, patience=HASTY).read_bytes() == CONTENT
                assert capsys.readouterr().err.count("redirected from https to http; going on") == 1
            else:
                assert "redirected from https to http" in failure([known], tmp_path)
                assert contents(tmp_path) == {}


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_redirect_to_a_broken_certificate(tmp_path: Path, certificate: Path, sha256: str | None) -> None:
    """The certificate counts wherever a redirect leads."""
    with serving(CONTENT, tls=certificate) as broken:
        moved = Answer(status=302, headers={"Location": f"{broken.url}/file.zip"})
        with serving(CONTENT, after=moved) as server:
            known = Mirror(f"{server.url}/file.zip", len(CONTENT), sha256)
            if sha256:
                assert download([known], tmp_path, patience=HASTY).read_bytes() == CONTENT
            else:
                assert "broken TLS certificate" in failure([known], tmp_path)


# --- the command, killed and starved


def command(url: str, folder: Path, *more: str) -> list[str]:
    facts = ["--bytes", str(len(CONTENT)), "--sha256", SHA256, "--folder", str(folder)]
    return [sys.executable, str(SCRIPT), "--url", url, *facts, *more]


def start(words: list[str], limit: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(code_inputs.SOURCE)}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=limit
    )


def wait_for(part: Path, size: int, process: subprocess.Popen[str]) -> None:
    """Until the part has `size` bytes."""
    deadline = time.monotonic() + 20
    while not part.exists() or part.stat().st_size < size:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_killed_again_and_again(tmp_path: Path) -> None:
    """kill -9 at any moment: each new run goes on where the one before was, and the last one ends right."""
    before = 0
    part, chance = tmp_path / "file.zip.part", random.Random(1)
    slow = Answer(piece=3000, pause=0.004)
    with serving(CONTENT, after=slow) as server:
        for size in sorted(chance.sample(range(1, HALF), 4)):
            process = start(command(f"{server.url}/file.zip", tmp_path))
            wait_for(part, size, process)
            process.kill()
            process.communicate()
            assert server.starts[-1] == before
            before = part.stat().st_size
            assert part.read_bytes() == CONTENT[:before]
        process = start(command(f"{server.url}/file.zip", tmp_path, "--output", str(tmp_path / "archive")))
        _, messages = process.communicate(timeout=30)
    assert process.returncode == 0, messages
    assert server.starts[0] == 0 and server.starts == sorted(set(server.starts)) and server.starts[-1] == before
    assert contents(tmp_path) == {"archive": CONTENT, "file.zip.part": CONTENT}


def test_killed_after_the_last_step(tmp_path: Path) -> None:
    """kill -9 when the output is there: Snakemake deletes it, and the next run asks the server for nothing."""
    output = tmp_path / "videos.archive"
    with serving(CONTENT) as server:
        process = start(command(f"{server.url}/file.zip", tmp_path, "--output", str(output)))
        while not output.exists():
            assert process.poll() is None or output.exists(), process.communicate()
            time.sleep(0.001)
        process.kill()
        process.communicate()
        output.unlink()
        process = start(command(f"{server.url}/file.zip", tmp_path, "--output", str(output)))
        _, messages = process.communicate(timeout=30)
    assert process.returncode == 0, messages
    assert server.starts == [0] and output.read_bytes() == CONTENT


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end in one line, and what has come stays."""
    part = tmp_path / "file.zip.part"
    with serving(CONTENT, after=Answer(piece=1000, pause=0.05)) as server:
        process = start(command(f"{server.url}/file.zip", tmp_path))
        wait_for(part, 1, process)
        process.send_signal(stop)
        _, messages = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "error: stopped; what has come stays" in messages and "Traceback" not in messages
    assert part.read_bytes() == CONTENT[: part.stat().st_size] != b""


def test_disk_full_in_the_middle(tmp_path: Path) -> None:
    """A write that the system refuses ends in one line; the next run, with room, brings only the rest."""
    limit = 100_000

    def starve() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with serving(CONTENT) as server:
        process = start(command(f"{server.url}/file.zip", tmp_path), starve)
        _, messages = process.communicate(timeout=30)
        assert process.returncode == 1 and "Traceback" not in messages
        assert "file.zip.part: File too large after 100 kB, which stay for the next run; make room" in messages
        assert contents(tmp_path) == {"file.zip.part": CONTENT[:limit]}
        download([mirror(server)], tmp_path, patience=HASTY)
    assert server.starts == [0, limit]
    assert contents(tmp_path) == {"file.zip": CONTENT}


def test_command(tmp_path: Path) -> None:
    """The command prints where the file is, and says what it does; own mirrors are asked first."""
    with serving(CONTENT) as own:
        process = start(command("http://127.0.0.1:9/file.zip", tmp_path, "--mirror", own.url, "--retries", "0"))
        output, messages = process.communicate(timeout=30)
    assert process.returncode == 0, messages
    assert output == f"{tmp_path / 'file.zip'}\n"
    assert f"downloading {own.url}/file.zip to {tmp_path / 'file.zip.part'}: 0 bytes of 300 kB are there" in messages
    assert "300 kB, downloaded and verified" in messages


@pytest.mark.parametrize(
    "words, message",
    [
        (["--weights", "resnet50", "IMAGENET1K_V1"], "resnet50-0676ba61.pth (102530333 bytes, sha256 0676ba61b67"),
        (["--weights", "resnet50", "V9"], "no weights V9 of resnet50; there are resnet18 IMAGENET1K_V1"),
        (["--dataset", "ucf101", "--part", "lists"], "RecognitionTask.zip (113943 bytes, sha256 5c0d1a53"),
    ],
)
def test_known_files(tmp_path: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command knows by name has its addresses, sizes and checksums; here no network lets it have them."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    process = start([sys.executable, str(SCRIPT), *words, "--folder", str(tmp_path), "--retries", "0"])
    _, messages = process.communicate(timeout=30)
    assert process.returncode == 1
    assert messages.splitlines()[-1].startswith("error: ") and message in messages.splitlines()[-1]
