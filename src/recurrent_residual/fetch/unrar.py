"""Unpack a RAR with a tool of the machine, watched: no Python library unpacks RAR by itself."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from recurrent_residual.errors import UserError
from recurrent_residual.fetch.archives import Member

# Which of them reads a RAR depends on its kind: UCF-101's is solid, and on solid archives of RAR's third version bsdtar
# and Debian's 7z give up (tried with libarchive 3.6 and p7zip 16.02), on those of the fifth unar and 7z. What comes out
# is checked here whatever a tool reports: bsdtar 3.6 takes members with a wrong checksum, unar 1.10 short ones.
RAR_TOOLS = {
    "unrar": ["unrar", "x", "-idq", "-o+", "{archive}", "{folder}/"],
    "unar": ["unar", "-quiet", "-no-directory", "-output-directory", "{folder}", "{archive}"],
    "bsdtar": ["bsdtar", "-x", "-f", "{archive}", "-C", "{folder}"],
    "7zz": ["7zz", "x", "-y", "-bso0", "-bsp0", "-o{folder}", "{archive}"],
    "7z": ["7z", "x", "-y", "-bso0", "-bsp0", "-o{folder}", "{archive}"],
}
INSTALL = "apt install unar, or conda install -c conda-forge unrar"
STALL = 600.0  # seconds in which a tool that works must have written something
SLACK = 16 << 20  # bytes that the folder may hold beyond what the archive announces, before its tool is stopped
CHUNK = 1 << 20

Tell = Callable[[int, int], None]  # takes the number of files and of bytes so far


def unrar(archive: Path, folder: Path, members: list[Member], tell: Tell, *, where: str) -> None:
    """Unpack `archive`, which announces `members`, into the empty `folder` with the first tool that can.

    What came out must be what was announced, in number, sizes and checksums; else the next tool takes over, into an
    emptied folder. `tell` hears of files and bytes so far. `where` names the archive in messages.
    Raises `UserError` when no tool can, and at once for a tool that writes more than was announced.
    """
    failures = []
    for tool, words in RAR_TOOLS.items():
        if not shutil.which(tool):
            continue
        command = [word.format(archive=archive.resolve(), folder=folder.resolve()) for word in words]
        failure = _run(command, folder, members, tell, where=where) or _difference(folder, members)
        if not failure:
            tell(*_measure(folder))
            return
        failures.append(f"{tool}: {failure}")
        shutil.rmtree(folder)
        folder.mkdir()
    if not failures:
        raise UserError(f"{where}: no tool for RAR is installed; {INSTALL}")
    why = "; ".join(failures)
    raise UserError(f"{where}: does not unpack ({why}); download it again, or install another tool ({INSTALL})")


def _run(command: list[str], folder: Path, members: list[Member], tell: Tell, *, where: str) -> str | None:
    """Run a tool and watch the folder that it fills; what it complained of, or None where it succeeded."""
    limit = sum(member.size for member in members) + SLACK
    bomb = UserError(f"{where}: more comes out than it announces; do not trust this archive, take the official one")
    largest = max((member.size for member in members), default=0) + SLACK
    seen, since, pause = (0, 0), time.monotonic(), 0.05
    with (
        tempfile.TemporaryFile("w+", errors="replace") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,  # a tool that asks is not to wait for an answer
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},  # else some cannot write names beyond ASCII
            preexec_fn=lambda: _bound(largest),
        ) as process,
    ):
        try:
            while True:
                try:
                    process.wait(pause)
                    break
                except subprocess.TimeoutExpired:
                    start = time.monotonic()
                    now = _measure(folder)
                    pause = min(max(0.1, 10 * (time.monotonic() - start)), 5.0)  # a slow file system is spared
                tell(*now)
                if now[1] > limit:
                    raise bomb
                if now != seen:
                    seen, since = now, time.monotonic()
                elif time.monotonic() - since > STALL:
                    return f"wrote nothing for {STALL:g} s and was stopped"
        finally:
            process.kill()
        if process.returncode == -signal.SIGXFSZ:
            raise bomb
        if process.returncode == 0:
            return None
        said.seek(0)
        lines = [line.strip() for line in said.read(10_000).splitlines() if line.strip()]
        return lines[0] if lines else f"stopped with status {process.returncode}"


def _bound(largest: int) -> None:
    """In the tool's process, before it starts: it dies with this one, also by kill -9, and writes no larger file."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if hard == resource.RLIM_INFINITY or largest < hard:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))


def _measure(folder: Path) -> tuple[int, int]:
    """Number and bytes of the files in `folder`, which a tool is filling."""
    count = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(parent, name)).st_size
                count += 1
            except FileNotFoundError:  # renamed or removed meanwhile
                continue
    return count, size


def _difference(folder: Path, members: list[Member]) -> str | None:
    """How the files in `folder` differ from those announced; None where they do not.

    Compares size and CRC-32 file by file, but not names: tools spell those outside ASCII in different ways.
    """
    announced = [member for member in members if not member.is_folder]
    with_crc = all(member.crc is not None for member in announced)
    found = []
    for parent, folders, names in os.walk(folder):
        os.chmod(parent, 0o755)  # as in the archive it may be closed
        for name in [*folders, *names]:
            path = os.path.join(parent, name)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                return f"wrote {name!r}, which is no file"
        for name in names:
            path = os.path.join(parent, name)
            os.chmod(path, 0o644)
            found.append((os.path.getsize(path), _crc(path) if with_crc else None))
    if len(found) != len(announced):
        return f"wrote {len(found)} of {len(announced)} files"
    wrong = Counter((member.size, member.crc if with_crc else None) for member in announced) - Counter(found)
    if wrong:
        return f"wrote {wrong.total()} of {len(announced)} files with a wrong size or checksum"
    return None


def _crc(path: str) -> int:
    crc = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return crc
