"""What a piece of work costs: energy of the GPU, where the driver tells it, the most memory in use, and idle time.

The driver is asked through NVML, which the package nvidia-ml-py (`pynvml`) makes known to Python.
"""

from __future__ import annotations

import resource
import subprocess
import threading
import time
from typing import Any

import torch


class Meter:
    """Counts from its making on.

    Energy is the whole GPU's, as NVIDIA's driver counts it (NVML, Volta and later): work of others on it is counted,
    too. A slice of a GPU (MIG) has no counter of its own.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._handle = nvml_handle(device)
        self._start = self._counter()
        if device.type == "cuda":
            torch.cuda.init()  # without it there are no statistics to reset, which torch takes for an error
            torch.cuda.reset_peak_memory_stats(device)

    def joules(self) -> float | None:
        """Energy that the GPU has used since; None where nobody tells it."""
        now = self._counter()
        return None if now is None or self._start is None else now - self._start

    def peak_memory(self) -> int:
        """Bytes: the most that torch has held on the GPU since, or that the whole process has ever had in memory."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB

    def _counter(self) -> float | None:
        if self._handle is None:
            return None
        import pynvml

        try:
            return pynvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000  # millijoules
        except pynvml.NVMLError:
            return None


class BusyShare:
    """How much of the time the GPU works, looked at every `every` seconds, from its making until `stop`.

    Busy is what NVML calls so: in the moments before, at least one kernel was running, however few of the processors
    it used. Where nvidia-ml-py is not installed, the command nvidia-smi looks.
    """

    def __init__(self, device: torch.device, *, every: float = 0.05) -> None:
        self._handle = nvml_handle(device)
        self._every = every
        self._seen: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._command = None if device.type != "cuda" or self._handle is not None else _nvidia_smi(device, every)
        self._thread.start()

    def stop(self) -> float | None:
        """The mean share, 0 to 1; None where nobody tells it."""
        self._stopped.set()
        self._thread.join()
        if self._command is not None:
            self._command.terminate()
            lines = self._command.communicate()[0].split()
            self._seen = [int(line) / 100 for line in lines if line.isdigit()]
        return sum(self._seen) / len(self._seen) if self._seen else None

    def _look(self) -> None:
        if self._handle is None:
            return
        import pynvml

        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += self._every
            try:
                self._seen.append(pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100)
            except pynvml.NVMLError:  # a slice of a GPU (MIG), among others, does not tell
                return


def _nvidia_smi(device: torch.device, every: float) -> subprocess.Popen[str] | None:
    """A process that prints the GPU's per cent, line by line; None without the command."""
    gpu = f"--id={_uuid(device)}"
    command = ["nvidia-smi", gpu, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        return subprocess.Popen(
            [*command, f"--loop-ms={1000 * every:.0f}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError:
        return None


def _uuid(device: torch.device) -> str:
    """The GPU's name for NVIDIA's tools, which number the GPUs differently."""
    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


def nvml_handle(device: torch.device) -> Any:
    """NVML's handle of a CUDA device; None without GPU, driver or nvidia-ml-py."""
    if device.type != "cuda":
        return None
    try:
        import pynvml

        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByUUID(_uuid(device))
    except Exception:  # a missing package or library, an old driver, a container that hides NVML: no number then
        return None
