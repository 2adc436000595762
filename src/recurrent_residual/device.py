"""On what the work is done."""

from __future__ import annotations

import torch
from torch import nn


def choose_device(*, gpus: int, threads: int) -> torch.device:
    """The GPU if `gpus` is not 0 and there is one, else the CPU; either way with `threads` processor threads."""
    torch.set_num_threads(threads)
    return torch.device("cuda" if gpus and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> torch.autocast:
    """bf16 where matrix units have it (GPU); full precision on the CPU, where runs are repeatable bit for bit."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move `network` to `device` in channels-last order, in which convolutions are faster there and on the CPU."""
    return network.to(device).to(memory_format=torch.channels_last)
