"""updates.jsonl: a line an update, written while the training runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from recurrent_residual.messages import say


class UpdateLog:
    """The lines of the updates that count, in order, whatever happens between two of them.

    A checkpoint may be older than the file: what comes after the checkpoint's update is cut off, and so is a line that
    a kill has torn. What a full disk does not take is written with a later line.

    Args:
        path: the file; made where it is not there.
        updates: of the checkpoint; only their lines stay.
    """

    def __init__(self, path: Path, *, updates: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._size = sum(len(line) for line in _sound_lines(path.read_bytes(), updates))
        self._waiting = b""
        os.ftruncate(self._file, self._size)

    def append(self, line: dict[str, float]) -> None:
        """Add an update's line."""
        was_waiting = bool(self._waiting)
        self._waiting += json.dumps(line).encode() + b"\n"
        try:
            self._write()
        except OSError as error:
            if not was_waiting:
                say(f"{self.path}: not written ({error}); training goes on, and the lines are written when they can be")

    def sync(self) -> None:
        """Make sure that every line is on the disk. Raises `OSError`, which names the file, where it takes none."""
        try:
            self._write()
            os.fsync(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self) -> None:
        while self._waiting:
            written = os.pwrite(self._file, self._waiting, self._size)
            self._size += written
            self._waiting = self._waiting[written:]


def _sound_lines(content: bytes, updates: int) -> list[bytes]:
    """The lines of updates 1, 2, ... `updates`, as far as they are whole and in order."""
    sound: list[bytes] = []
    for line in content.splitlines(keepends=True):
        try:
            number = json.loads(line)["update"] if line.endswith(b"\n") else None
        except (ValueError, KeyError, TypeError):
            break
        if number != len(sound) + 1 or number > updates:
            break
        sound.append(line)
    return sound
