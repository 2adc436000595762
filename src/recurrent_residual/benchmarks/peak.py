"""What a device can do at best: its matrix units, and its memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def matrix_peak(device: torch.device, sizes: tuple[int, ...], *, seconds: float) -> dict[int, float]:
    """FLOP/s of square matrix products, by their side; bf16 on a GPU, float32 on the CPU, as the networks have it.

    A product of side n counts 2 n^3. Each size gets its share of `seconds`, after a product that is not timed.
    """
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    found = {}
    for size in sizes:
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        found[size] = 2 * size**3 * _rate(partial(torch.mm, a, b, out=out), device, seconds / len(sizes))
    return found


def copy_bandwidth(device: torch.device, size: int, *, seconds: float) -> float:
    """Bytes a second that are read and written by copying `size` bytes on the device."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size * _rate(lambda: target.copy_(source), device, seconds)


def _rate(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Calls of `work` a second: the best of some turns, since nothing can make one faster than the device is."""
    work()
    synchronise(device)
    started = time.perf_counter()
    work()
    synchronise(device)
    calls = max(1, int(seconds / 5 / (time.perf_counter() - started)))
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        synchronise(device)
        best = max(best, calls / (time.perf_counter() - started))
    return best
