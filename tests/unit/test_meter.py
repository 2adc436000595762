"""What a training costs: the numbers of a driver that is made up here, and none where there is no driver."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from recurrent_residual.meter import BusyShare, Meter

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
UUID = "01234567-89ab-cdef-0123-456789abcdef"


class NVMLError(Exception):
    """As pynvml's."""


class Driver(SimpleNamespace):
    """A stand-in for the module pynvml and the GPU's counters behind it."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        super().__init__(millijoules=5_000_000, busy=[100, 50], broken=False, asked_for=[])

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self.asked_for.append(uuid)
        return "handle"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self.broken:
            raise NVMLError("Not Supported")
        return self.millijoules

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        if self.broken or not self.busy:
            raise NVMLError("Not Supported")
        return SimpleNamespace(gpu=self.busy.pop(0), memory=7)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A machine with a GPU, as far as the meter looks."""
    made = Driver()
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=UUID))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda device: 123)
    return made


def test_energy_is_the_counters_difference_in_joules(driver: Driver) -> None:
    """NVML counts millijoules since the driver was loaded, and knows a GPU by its UUID with a prefix."""
    meter = Meter(GPU)
    driver.millijoules += 2500
    assert meter.joules() == 2.5
    assert driver.asked_for == [f"GPU-{UUID}"]
    assert meter.peak_memory() == 123


def test_a_gpu_without_a_counter_has_no_energy(driver: Driver) -> None:
    """An old GPU, or a slice of one, refuses; that is no number, and no error of the training's."""
    meter = Meter(GPU)
    driver.broken = True
    assert meter.joules() is None
    assert Meter(GPU).joules() is None


def test_without_the_package_there_is_no_energy(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-ml-py is no requirement."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", "")
    assert Meter(GPU).joules() is None
    assert BusyShare(GPU).stop() is None


def test_without_the_package_nvidia_smi_tells_the_busy_share(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its lines are per cent; one that is no number (a GPU that does not tell) does not count."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    command = tmp_path / "nvidia-smi"
    command.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\nprintf "100\\n[N/A]\\n20\\n"\nexec sleep 60\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    look = BusyShare(GPU)
    deadline = time.monotonic() + 10
    while not (tmp_path / "asked").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert look.stop() == pytest.approx(0.6)
    assert f"--id=GPU-{UUID}" in (tmp_path / "asked").read_text() and "--loop-ms=50" in (tmp_path / "asked").read_text()


def test_the_real_package_has_what_the_stand_in_has() -> None:
    """The stand-in above must not be right about functions that nvidia-ml-py does not have."""
    pynvml = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    names = [name for name in vars(Driver) if name.lower().startswith("nvml")]
    assert len(names) == 5
    assert [name for name in names if not hasattr(pynvml, name)] == []


def test_a_cpu_has_memory_and_no_energy() -> None:
    """The most that the process ever had: a block that was given back is still in it."""
    before = Meter(CPU)
    block = bytearray(300_000_000)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert before.joules() is None
    assert before.peak_memory() > 300_000_000


def test_busy_share_is_the_mean_of_what_was_seen(driver: Driver) -> None:
    """The driver's per cent become a share; where it stops telling, what it told counts."""
    look = BusyShare(GPU, every=0.001)
    deadline = time.monotonic() + 10
    while driver.busy and time.monotonic() < deadline:
        time.sleep(0.001)
    assert look.stop() == 0.75
    driver.broken = True
    assert BusyShare(GPU).stop() is None
    assert BusyShare(CPU).stop() is None
