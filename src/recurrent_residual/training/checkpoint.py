"""A training's state on disk, from which a killed run goes on as if nothing had happened.

There are two generations, so that a file that a disk has damaged costs minutes and not the training.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from recurrent_residual.files import atomic
from recurrent_residual.messages import say
from recurrent_residual.training.leftovers import previous


def fingerprint(*parts: str | bytes | Path) -> str:
    """A digest of what a training depends on: the given strings and files, and this package's modules in use.

    A checkpoint with another fingerprint is of another training (edited code, other settings, other data) and must
    not be continued.
    """
    digest = hashlib.sha256()
    package = __name__.partition(".")[0]
    own = [m.__file__ for name, m in sys.modules.items() if name.partition(".")[0] == package and m.__file__]
    for part in [*parts, *(Path(file) for file in sorted(own))]:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def save_checkpoint(path: Path, state: dict[str, Any], *, of: str) -> None:
    """Write `state` (tensors, numbers, lists and dicts of them) under the fingerprint `of`, whole or not at all.

    What stood at `path` is kept as the `previous` generation. Raises `OSError` where the disk takes no more; both
    generations are then as they were.
    """
    content = io.BytesIO()  # torch's own writer to a file tells of a full disk in other ways than Python does
    torch.save({"fingerprint": of, "state": state}, content)
    with atomic(path) as part:
        with open(part, "wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, previous(path))
    folder = os.open(path.parent, os.O_RDONLY)  # the names, too, must outlast a loss of power
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_checkpoint(path: Path, *, of: str) -> dict[str, Any] | None:
    """The state saved under the fingerprint `of`; None if there is none, or it is another training's.

    A damaged file is named, and the `previous` generation taken. Removes what killed processes left half-written.
    """
    for stale in path.parent.glob(".*.part-*"):
        stale.unlink(missing_ok=True)
    generations = [file for file in (path, previous(path)) if file.exists()]
    for file, older in zip_longest(generations, generations[1:]):
        try:
            checkpoint = read_verified(file)
        except Exception as error:  # torch raises whatever its unpickler stumbles over
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            way = f"trying {older.name}" if older else "training starts from the beginning"
            say(f"{file}: damaged ({reason}); {way}")
            continue
        if checkpoint["fingerprint"] != of:
            say(f"{file}: belongs to other settings, code or data; training starts from the beginning")
            return None
        return checkpoint["state"]
    return None


def read_verified(file: Path) -> dict[str, Any]:
    """The content of a checkpoint, each member's checksum verified, which `torch.load` does not do."""
    content = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(content) as archive:
        if (member := archive.testzip()) is not None:
            raise zipfile.BadZipFile(f"wrong checksum of {member}")
    content.seek(0)
    return torch.load(content, map_location="cpu", weights_only=True)
