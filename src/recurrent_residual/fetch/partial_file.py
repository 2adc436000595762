"""The part of a file that has come so far: locked against a second process, its digest kept up while it grows."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from recurrent_residual import files
from recurrent_residual.errors import UserError
from recurrent_residual.fetch.mirrors import Mirror
from recurrent_residual.fetch.progress import say, size_in_words

CHUNK = 1 << 20  # bytes read at a time


def part_path(path: Path) -> Path:
    """Where the part of the file `path` is kept until it is whole."""
    return path.with_name(f"{path.name}.part")


def has_checksum(mirror: Mirror) -> bool:
    """Whether anything could tell that pieces of two tries do not belong together."""
    return bool(mirror.sha256 or mirror.md5)


def fault_of(path: Path, mirror: Mirror) -> str | None:
    """What is wrong with a file for one that should be `mirror`'s, or None; reads it only where its size is right."""
    size = path.stat().st_size
    check = _Check(mirror)
    if mirror.bytes is None or size == mirror.bytes:
        with open(path, "rb") as file:
            for data in _chunks(file):
                check.update(data)
    return check.fault(size)


def remove_part(path: Path) -> None:
    """Remove the partial file `path`, unless another process is at it or it cannot be removed."""
    if path.exists():
        with suppress(UserError, OSError), _open_locked(path):
            path.unlink()


def remove_parts_of(path: Path) -> None:
    """Remove the parts beside `path` that are the same file as it, as `PartialFile.finish` leaves them."""
    for part in path.parent.glob("*.part"):
        if part.name != path.name and part.is_file() and part.samefile(path):
            remove_part(part)


def need_writable(folder: Path) -> None:
    """Make `folder` where it is missing. Raises `UserError` when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written to ({error.strerror}); make it a folder that can be, or name another one"
        ) from error


class PartialFile:
    """`path` while it is written, for the file that `mirror` describes; what an earlier run left is read and counted.

    Without a checksum nothing vouches for pieces of two runs, and what was left is thrown away.

    Raises:
        UserError: another process writes to it, or its folder cannot be written to.
        OSError: it cannot be read or written.
    """

    def __init__(self, path: Path, mirror: Mirror) -> None:
        need_writable(path.parent)
        self.path = path
        self.size = 0  # bytes there
        self._mirror = mirror
        self._check = _Check(mirror)
        self._file = _open_locked(path)
        left = os.fstat(self._file.fileno()).st_size
        if has_checksum(mirror):
            if left:
                say(f"{path}: {size_in_words(left)} are there from an earlier run; reading them")
            for data in _chunks(self._file):
                self._count(data)
        # What `finish` linked to an output is not written into: the output would change with it.
        if not has_checksum(mirror) or (os.fstat(self._file.fileno()).st_nlink > 1 and self.fault()):
            self.restart()

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self.size and self.path.exists():
            self.path.unlink()  # under the lock, which goes with the file
        self._file.close()

    def append(self, data: bytes) -> None:
        """Write `data` behind what is there.

        Raises:
            UserError: it does not fit; what is there stays.
        """
        rest = memoryview(data)
        try:
            while rest:
                written = self._file.write(rest)  # unbuffered: on a disk that fills up, less than was given
                self._count(rest[:written])
                rest = rest[written:]
        except OSError as error:
            raise UserError(
                f"{self.path}: {error.strerror} after {size_in_words(self.size)}, which stay for the next run; "
                f"make room in {self.path.parent} and start again"
            ) from error

    def restart(self) -> None:
        """Throw away what is there."""
        if os.fstat(self._file.fileno()).st_nlink > 1:
            self.path.unlink()
            self._file.close()
            self._file = _open_locked(self.path)
        self._file.seek(0)
        self._file.truncate()
        self.size = 0
        self._check = _Check(self._mirror)

    def fault(self) -> str | None:
        """What is wrong with the content as it stands, or None where it is the whole file."""
        return self._check.fault(self.size)

    def finish(self, output: Path) -> None:
        """Sync to disk and rename to `output`; where that is not the file's own name, link to it and stay.

        Snakemake deletes what a job that was killed has put out; the next run then finds all of it here. Whoever has
        used the output calls `remove_parts_of`. Without a checksum, or hard links, nothing stays.
        """
        os.fsync(self._file.fileno())
        output.parent.mkdir(parents=True, exist_ok=True)
        if has_checksum(self._mirror) and part_path(output).resolve() != self.path.resolve():
            with suppress(OSError):  # a file system without hard links, or another one
                output.unlink(missing_ok=True)  # a link to nothing
                os.link(self.path.resolve(), output)
                return
        if self.path.stat().st_dev == output.parent.stat().st_dev:
            os.replace(self.path, output)
            return
        with files.atomic(output) as copy:
            shutil.copyfile(self.path, copy)
        self.path.unlink()

    def _count(self, data: bytes | memoryview) -> None:
        self._check.update(data)
        self.size += len(data)


class _Check:
    """The digests that a mirror names, of bytes that go by."""

    def __init__(self, mirror: Mirror) -> None:
        self._bytes = mirror.bytes
        wanted = {"sha256": mirror.sha256, "md5": mirror.md5}
        self._wanted = {name: digits.lower() for name, digits in wanted.items() if digits}
        self._digests = {name: hashlib.new(name, usedforsecurity=False) for name in self._wanted}

    def update(self, data: bytes | memoryview) -> None:
        for digest in self._digests.values():
            digest.update(data)

    def fault(self, size: int) -> str | None:
        if self._bytes is not None and size != self._bytes:
            return f"{size} bytes, not {self._bytes}"
        for name, wanted in self._wanted.items():
            found = self._digests[name].hexdigest()
            if not found.startswith(wanted):
                return f"{name} is {found}, not {wanted}"
        return None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(CHUNK):
        yield data


def _open_locked(path: Path) -> BinaryIO:
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UserError(f"{path}: another process is downloading it; wait for that one, or stop it") from None
        except OSError:
            pass  # a file system without locks, as some Lustre mounts are: a second process cannot be noticed
        # The process that held the lock may have renamed or removed the file since it was opened here.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()
