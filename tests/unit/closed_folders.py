"""A place into which nothing can be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

WAYS = ("read-only", "a file")


def close(folder: Path, how: str) -> None:
    """Make `folder` a folder that is read-only (skips the test where that stops nobody), or a file."""
    if how == "a file":
        folder.write_bytes(b"x")
        return
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("root writes to any folder")
