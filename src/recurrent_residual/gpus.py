"""Which GPU a process works on: one that no other process of the user's has claimed.

Snakemake starts as many GPU jobs at once as there are GPUs, but tells none of them which is its own; a job by hand may
come on top. A claim is a locked file, which the system gives back however the process ends. Nothing here imports torch:
CUDA must be told before it starts.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from glob import glob
from pathlib import Path

from recurrent_residual.messages import say

VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL = 1.0  # seconds between two looks for a free GPU

_held: list[int] = []


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, each as `CUDA_VISIBLE_DEVICES` names it; slices (MIG) count as GPUs."""
    return list(_gpus())


def claim_gpu() -> str | None:
    """Take a GPU for this process, for as long as it lives; wait for one where all are taken.

    From then on `CUDA_VISIBLE_DEVICES` names this one alone, for child processes, too: call it before CUDA starts. A
    number there is nvidia-smi's. Where it named one alone before, that was somebody's choice, a queue's or the user's,
    and is kept, whoever works there. Other users' claims are not seen. Without NVML, GPUs go by their numbers, which
    within a queue's jobs need not be the machine's.

    Returns:
        The GPU's name in `CUDA_VISIBLE_DEVICES`; None where there is no GPU, or nowhere to keep the claim.
    """
    gpus = _gpus()
    if not gpus:
        return None
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as NVML counts; CUDA's own order begins with the fastest
    chosen = len(gpus) == 1 and VISIBLE in os.environ
    told = False
    while True:
        try:
            folder = _folder()
            taken = next((name for name, lock in gpus.items() if _lock(folder / lock)), None)
            holders = [] if taken else [(name, _holder(folder / lock)) for name, lock in gpus.items()]
        except OSError as error:
            if not chosen:
                say(f"no GPU can be claimed ({error}), so jobs that run at once may share the first; set TMPDIR")
            return None
        if chosen:
            return next(iter(gpus))
        if taken:
            os.environ[VISIBLE] = taken
            say(f"claimed GPU {list(gpus).index(taken) + 1} of {len(gpus)}, {VISIBLE}={taken}")
            return taken
        if not told:
            names = ", ".join(f"{holder} on {name}" for name, holder in holders)
            say(f"waiting for a GPU: {names}; {VISIBLE}=<one of them> shares it, --gpus 0 does without")
            told = True
        time.sleep(POLL)


def _gpus() -> dict[str, str]:
    """The visible GPUs by name in `CUDA_VISIBLE_DEVICES`, with the name of each one's lock: its UUID where known."""
    uuids = _uuids()
    listed = os.environ.get(VISIBLE)
    if listed is None:
        files = glob("/dev/nvidia[0-9]*")
        names = [uuid for gpu in uuids for uuid in gpu] if uuids else [str(i) for i in range(len(files))]
        return {name: _file_name(name) for name in names}
    found = {}
    for name in map(str.strip, listed.split(",")):
        if name.isdigit():
            if uuids and int(name) >= len(uuids):
                break
            by_number = os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID") == "PCI_BUS_ID"
            lock = next(iter(uuids[int(name)]), name) if uuids and by_number else name
        elif name.startswith(("GPU-", "MIG-")):  # the first digits suffice
            lock = next((uuid for gpu in uuids for uuid in gpu if uuid.startswith(name)), name)
        else:  # "-1", "NoDevFiles", nothing: CUDA, too, heeds nothing from the first on that names no GPU
            break
        found[name] = _file_name(lock)
    return found


def _file_name(lock: str) -> str:
    return lock.replace("/", "_")  # an old driver's slices are MIG-GPU-.../1/0


def _uuids() -> list[list[str]]:
    """UUIDs by nvidia-smi's number: the GPU's, or those of its slices (MIG); nothing without driver or nvidia-ml-py."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
            slices = [_slices(handle) for handle in handles]
            whole = [[pynvml.nvmlDeviceGetUUID(handle)] for handle in handles]
            return [each if parts is None else parts for each, parts in zip(whole, slices, strict=True)]
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # a missing package or library, an old driver, a container that hides NVML: numbers then
        return []


def _slices(handle: object) -> list[str] | None:
    """The slices of a GPU that is to be used by slices only; None for a whole one."""
    import pynvml

    try:
        if not pynvml.nvmlDeviceGetMigMode(handle)[0]:
            return None
    except pynvml.NVMLError:  # most GPUs cannot be sliced, and say so by an error
        return None
    uuids = []
    for i in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        with suppress(pynvml.NVMLError):  # fewer slices than there may be
            uuids.append(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, i)))
    return uuids


def _folder() -> Path:
    """Where this user's locks lie. Not XDG_RUNTIME_DIR: that goes at logout, and a training with nohup does not."""
    folder = Path(os.environ.get("TMPDIR") or "/tmp") / f"recurrent-residual-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's")
    return folder


def _lock(file: Path) -> bool:
    """Whether it was free; it is this process's from now on.

    flock, not lockf: when a process dies, the system releases a flock after the files that were opened later, which are
    CUDA's, so that the GPU's memory is free by then; lockf's locks it releases first (tried on Linux 6.18).
    """
    # Python closes it in every program that it starts; for a mere fork see `_let_go`.
    place = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(place)
        if isinstance(error, BlockingIOError):
            return False
        raise
    _held.append(place)
    with suppress(OSError):  # a full disk; the number is for people only
        os.ftruncate(place, 0)
        os.write(place, str(os.getpid()).encode())
    return True


def _holder(file: Path) -> str:
    return f"process {file.read_text() or '(unknown)'}"


def _let_go() -> None:
    """In a forked process: the claim is its parent's, and must not outlive it."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_let_go)
