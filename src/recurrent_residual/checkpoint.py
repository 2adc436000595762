"""A training's state on disk, from which a killed run goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import torch

from recurrent_residual.files import atomic


def fingerprint(*parts: str | bytes | Path) -> str:
    """A digest of what a training depends on: the given strings and files, and this package's modules in use.

    A checkpoint with another fingerprint is of another training (edited code, other settings, other data) and must
    not be continued.
    """
    digest = hashlib.sha256()
    own = [m.__file__ for name, m in sys.modules.items() if name.partition(".")[0] == __package__ and m.__file__]
    for part in [*parts, *(Path(file) for file in sorted(own))]:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def save_checkpoint(path: Path, state: dict[str, Any], *, of: str) -> None:
    """Write `state` (tensors, numbers, lists and dicts of them) under the fingerprint `of`, whole or not at all."""
    with atomic(path) as part:
        torch.save({"fingerprint": of, "state": state}, part)


def load_checkpoint(path: Path, *, of: str) -> dict[str, Any] | None:
    """The state saved under the fingerprint `of`; None if there is none, it is damaged or another training's."""
    if not path.exists():
        return None
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler stumbles over
        print(f"{path}: damaged ({type(error).__name__}), training starts from the beginning", file=sys.stderr)
        return None
    if checkpoint["fingerprint"] != of:
        print(f"{path}: belongs to other settings, code or data; training starts from the beginning", file=sys.stderr)
        return None
    return checkpoint["state"]
