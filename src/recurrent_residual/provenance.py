"""Where a number comes from: commit, versions, hardware."""

from __future__ import annotations

import getpass
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

CODE = (":/src", ":/scripts", ":/workflow")
DRIVER = Path("/proc/driver/nvidia/version")


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


def user() -> str | None:
    """The login name of who runs this; None where the system knows none, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return None


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


def driver() -> str | None:
    """The version of NVIDIA's driver as Linux tells it; None without one."""
    try:
        first = DRIVER.read_text().partition("\n")[0]
    except OSError:
        return None
    # NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Thu Jan 23 ...
    return next((word for word in first.split() if re.fullmatch(r"\d+(\.\d+)+", word)), None)


def versions(device: torch.device) -> dict[str, str]:
    """Versions of what the numbers depend on; on a GPU those of CUDA, cuDNN and the driver, too."""
    packages = ("torch", "torchvision", "numpy")
    found = {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}
    if device.type == "cuda":
        own = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "driver": driver()}
        found |= {name: str(version) for name, version in own.items() if version is not None}
    return found


def describe(device: torch.device) -> dict[str, object]:
    """Commit, versions, hardware, command line, user and time, now: ask before the work, for code may change."""
    gpu = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    return {
        "device": device.type,
        "hardware": hardware(device),
        "gpu_memory_bytes": gpu,
        "threads": torch.get_num_threads(),
        "versions": versions(device),
        "commit": commit(),
        "command": shlex.join(["python", *sys.argv]),
        "started": now(),
        "user": user(),
    }
