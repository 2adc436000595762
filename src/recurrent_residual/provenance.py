"""Where a number comes from: commit, versions, hardware."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

CODE = (":/src", ":/scripts", ":/workflow")


def commit() -> str:
    """The repository's commit, with "+changes" where code differs from it or is new; "unknown" without git.

    Configuration stands with each run, word for word, and a file of one's own changes nothing else.
    """
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", *CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def processor() -> str:
    """The processor's name as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def hardware(device: torch.device) -> str:
    """The device that did the work, by name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def describe(device: torch.device) -> dict[str, object]:
    """Commit, versions, hardware, command line and time, now: ask before the work, for code may change meanwhile."""
    packages = ("torch", "torchvision", "numpy")
    return {
        "device": device.type,
        "hardware": hardware(device),
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        "commit": commit(),
        "command": shlex.join(["python", *sys.argv]),
        "started": now(),
    }
