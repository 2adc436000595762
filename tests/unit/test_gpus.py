"""Protects the claims of GPUs: never two processes on one, and none kept by a process that is gone.

The GPUs are made up, by CUDA_VISIBLE_DEVICES or by a stand-in for NVML; the processes, locks and kills are real.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from closed_folders import WAYS, close

from recurrent_residual.code_inputs import SOURCE
from recurrent_residual.doctor import machine
from recurrent_residual.gpus import VISIBLE, visible_gpus

PROFILE = SOURCE.parent / "workflow/profiles/default/config.yaml"
UUIDS = ("GPU-0aaa", "GPU-1bbb")
CLAIM = """
import os, sys, time
sys.modules["pynvml"] = None
from recurrent_residual import gpus
gpus.POLL = 0.01
mine = gpus.claim_gpu()
print(mine, os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
"""
STAY = CLAIM + "time.sleep(60)\n"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a claim in this process writes into its environment ends with the test."""
    with patch.dict(os.environ):
        yield


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Python code beside two made-up GPUs, with this test's own folder for locks; ended with the test."""
    started = []

    def begin(code: str = STAY, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, VISIBLE: "0,1", "TMPDIR": str(tmp_path), "PYTHONPATH": str(SOURCE), **variables}
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def claimed(process: subprocess.Popen[str]) -> str:
    """The GPU that it has claimed, and told CUDA of; waits until it has one."""
    assert process.stdout is not None
    name, visible = process.stdout.readline().split()
    assert name == visible
    return name


def waits(process: subprocess.Popen[str]) -> str:
    """The line that a process says when it has to wait."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("waiting for a GPU: "), line
    return line


# Real processes


def test_each_has_its_own_and_a_third_waits_for_one_that_is_killed(start: Start) -> None:
    """kill -9 gives a claim back, to the one that waits, which told for whom."""
    first, second = start(), start()
    assert {claimed(first), claimed(second)} == {"0", "1"}
    third = start()
    line = waits(third)
    assert f"process {first.pid} on" in line and f"process {second.pid} on" in line
    time.sleep(0.1)
    assert third.poll() is None
    second.kill()
    assert claimed(third) in {"0", "1"}
    assert third.stderr is not None and third.stderr.readline().startswith("claimed GPU ")


def test_a_stopped_process_keeps_its_gpu(start: Start) -> None:
    """Ctrl-Z frees no memory of the GPU."""
    first, second = start(), start()
    kept, other = claimed(first), claimed(second)
    first.send_signal(signal.SIGSTOP)
    third = start()
    waits(third)
    time.sleep(0.2)
    assert third.poll() is None
    second.kill()
    assert claimed(third) == other != kept


def test_never_two_on_one(start: Start, tmp_path: Path) -> None:
    """Many short processes at once: whoever has a GPU finds nobody else's mark on it."""
    code = CLAIM + (
        f"mark = {str(tmp_path)!r} + '/mark' + mine\n"
        "os.close(os.open(mark, os.O_CREAT | os.O_EXCL))\n"
        "time.sleep(0.02)\n"
        "os.unlink(mark)\n"
    )
    processes = [start(code) for _ in range(24)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 24, outputs


@pytest.mark.parametrize(
    "survivor",
    ["subprocess.Popen(['sleep', '60'], close_fds=False)", "os.fork() or time.sleep(60)"],
    ids=["another program", "fork"],
)
def test_children_that_outlive_it_keep_nothing(start: Start, survivor: str) -> None:
    """A worker that hangs must not hold the GPU of a training that is gone."""
    code = (
        CLAIM + f"import subprocess\nos.setpgid(0, 0)\nchild = {survivor}\nprint('started', flush=True)\ntime.sleep(60)"
    )
    parent, other = start(code), start()
    gpu = claimed(parent)
    claimed(other)
    assert parent.stdout is not None and parent.stdout.readline() == "started\n"
    try:
        parent.kill()
        assert claimed(start()) == gpu
        parent.wait()
        os.killpg(parent.pid, 0)  # the child is there
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


def test_one_named_alone_is_taken_whoever_works_there(start: Start) -> None:
    """A queue or the user chose it; others that may choose keep off it meanwhile."""
    named = start(**{VISIBLE: "0"})
    assert claimed(named) == "0"
    assert claimed(start(**{VISIBLE: "0"})) == "0"
    assert claimed(start()) == "1"
    waits(start())


def test_what_a_process_starts_works_on_its_gpu(start: Start) -> None:
    """And a second call stays where the first was."""
    again = "import subprocess\nsubprocess.run([sys.executable, '-c', os.environ['CODE']])\nprint(gpus.claim_gpu())\n"
    output, errors = start(CLAIM + again, CODE=CLAIM).communicate(timeout=30)
    assert output.split() == ["0"] * 5
    assert errors.count("\n") == 1  # claimed once


def test_nothing_visible_is_nothing_claimed(start: Start, tmp_path: Path) -> None:
    for nothing in ("", "-1", "NoDevFiles"):
        output, errors = start(CLAIM, **{VISIBLE: nothing}).communicate(timeout=30)
        assert (output.split()[0], errors) == ("None", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [*WAYS, "full", "another user's"])
def test_without_a_place_for_locks_the_work_goes_on(start: Start, tmp_path: Path, how: str) -> None:
    """One line says that jobs may share a GPU; what CUDA sees stays as it was."""
    place = tmp_path / "temp"
    if how == "full":
        place = Path("/proc/self/fdinfo")  # nothing can be made here, by root neither
    elif how == "another user's":
        place.mkdir()
        (place / f"recurrent-residual-{os.getuid()}").mkdir()
        if os.getuid():
            pytest.skip("only root can give a folder away")
        os.chown(place / "recurrent-residual-0", 12345, 12345)
    else:
        close(place, how)
    output, errors = start(CLAIM, TMPDIR=str(place)).communicate(timeout=30)
    assert output.split() == ["None", "0,1"]
    assert errors.startswith("no GPU can be claimed (") and errors.count("\n") == 1


# What is visible


class NVMLError(Exception):
    """As pynvml's."""


def nvml(*gpus: str | tuple[str, ...]) -> SimpleNamespace:
    """A stand-in for pynvml with these GPUs, each by its UUID, or those of its slices."""

    def slices(gpu: str | tuple[str, ...]) -> list[int]:
        if isinstance(gpu, str):
            raise NVMLError("Not Supported")
        return [1, 1]

    def of_slice(gpu: tuple[str, ...], i: int) -> str:
        if i >= len(gpu):
            raise NVMLError("Not Found")
        return gpu[i]

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(gpus),
        nvmlDeviceGetHandleByIndex=lambda i: gpus[i],
        nvmlDeviceGetUUID=lambda gpu: gpu,
        nvmlDeviceGetMigMode=slices,
        nvmlDeviceGetMaxMigDeviceCount=lambda gpu: 7,
        nvmlDeviceGetMigDeviceHandleByIndex=of_slice,
    )


def test_the_real_package_has_what_the_stand_in_has() -> None:
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    names = [name for name in vars(nvml()) if name.lower().startswith("nvml")]
    assert len(names) == 9
    assert [name for name in names if not hasattr(pynvml, name)] == []


SEEN = {
    None: UUIDS,
    "": (),
    "-1": (),
    "NoDevFiles": (),
    "1": ("1",),
    "0, 1": ("0", "1"),
    "0,-1,1": ("0",),
    "0,2": ("0",),
    "GPU-1,GPU-0aaa": ("GPU-1", "GPU-0aaa"),
}


@pytest.mark.parametrize("listed", SEEN, ids=repr)
def test_visible_is_what_cuda_would_see(listed: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA heeds nothing from the first entry on that is no GPU of the machine."""
    monkeypatch.setitem(sys.modules, "pynvml", nvml(*UUIDS))
    monkeypatch.delenv(VISIBLE, raising=False)
    if listed is not None:
        monkeypatch.setenv(VISIBLE, listed)
    assert tuple(visible_gpus()) == SEEN[listed]


def test_slices_of_a_gpu_are_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of slices CUDA gives a process one only, so each must be named; a GPU that is cut into none gives nothing."""
    monkeypatch.setitem(sys.modules, "pynvml", nvml("GPU-0aaa", ("MIG-2", "MIG-3"), ()))
    monkeypatch.delenv(VISIBLE, raising=False)
    assert visible_gpus() == ["GPU-0aaa", "MIG-2", "MIG-3"]


@pytest.mark.parametrize(("one", "other"), [("0,1", None), ("1,0", "GPU-0,GPU-1"), (None, "1,0")])
def test_number_and_uuid_of_a_gpu_are_one_claim(
    one: str | None, other: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However two runs name the GPUs, they do not meet on one."""
    from recurrent_residual import gpus

    monkeypatch.setitem(sys.modules, "pynvml", nvml(*UUIDS))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    monkeypatch.setattr(gpus, "_held", [])
    taken = []
    for listed in (one, other):
        monkeypatch.delenv(VISIBLE, raising=False)
        if listed:
            monkeypatch.setenv(VISIBLE, listed)
        taken.append(gpus.claim_gpu())
        assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    gpus._let_go()
    assert {name[-1] if name.isdigit() else name[4] for name in taken if name} == {"0", "1"}
    assert {file.name for file in (tmp_path / f"recurrent-residual-{os.getuid()}").iterdir()} == set(UUIDS)


@pytest.mark.parametrize("listed", [listed for listed in SEEN if listed not in (None, "0,-1,1", "0,2")], ids=repr)
def test_the_profile_counts_the_same(listed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may count more (what comes after -1), as a claim is waited for; fewer leave a GPU idle. None: no limit."""
    yte = pytest.importorskip("yte", reason="Snakemake is not installed")
    monkeypatch.setenv(VISIBLE, listed)
    profile = yte.process_yaml(PROFILE.read_text(), require_use_yte=True)
    assert profile.get("resources") == ({"gpu": len(SEEN[listed])} if SEEN[listed] else None)


# What uses it


def test_a_driver_that_does_not_work_is_the_processor(start: Start) -> None:
    """One line says so; with gpus=0 nothing is claimed at all."""
    code = (
        "import os, torch\n"
        "torch.cuda.is_available = lambda: False\n"
        "from recurrent_residual.device import choose_device\n"
        "print(choose_device(gpus=0, threads=1), os.listdir(os.environ['TMPDIR']))\n"
        "print(choose_device(gpus=1, threads=1))\n"
    )
    output, errors = start(code).communicate(timeout=60)
    assert output == "cpu []\ncpu\n", errors
    claim, unusable = errors.splitlines()
    assert claim.startswith("claimed GPU 1 of 2") and unusable.endswith("cannot use GPU 0: computing on the processor")


@pytest.mark.parametrize(
    ("listed", "cores", "says"), [("0,1", 16, "; 2 trainings"), ("0,1", 8, "; 1 of 2"), ("0", 16, "")]
)
def test_the_doctor_tells_how_many_run_at_once(
    listed: str, cores: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cores may be too few for all GPUs, which is no error but worth knowing."""
    import torch

    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv(VISIBLE, listed)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(machine, "answer", lambda *command: "NVIDIA A, 1000, 570.1\nNVIDIA A, 1000, 570.1")
    plan: Any = SimpleNamespace(settings={"backbone": {"architecture": "resnet50"}, "threads": 8})
    (row,) = machine.gpu(plan)
    assert row.status == "ok" and row.found.endswith(str(torch.version.cuda)) is (not says) and says in row.found
