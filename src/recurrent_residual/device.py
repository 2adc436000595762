"""On what the work is done."""

from __future__ import annotations

import torch
from torch import nn

from recurrent_residual.gpus import claim_gpu
from recurrent_residual.messages import say, say_once


def choose_device(*, gpus: int, threads: int) -> torch.device:
    """A GPU if `gpus` is not 0 and there is one, else the CPU; either way with `threads` processor threads.

    The GPU is this process's own from then on (`gpus.claim_gpu`), and the only one that torch sees.
    """
    torch.set_num_threads(threads)
    if not gpus:
        return torch.device("cpu")
    claimed = claim_gpu()
    if torch.cuda.is_available():
        return torch.device("cuda")
    if claimed:
        say(f"torch {torch.__version__} cannot use GPU {claimed}: computing on the processor")
    return torch.device("cpu")


def autocast(device: torch.device) -> torch.autocast:
    """bf16 where matrix units have it (GPU); full precision on the CPU, where runs are repeatable bit for bit."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda" and _has_bf16(device))


def _has_bf16(device: torch.device) -> bool:
    """Whether the GPU computes in bf16; an older one computes in full precision: float16 would need a scaled loss."""
    found = torch.cuda.is_bf16_supported(including_emulation=False)
    if not found:
        say_once(f"{torch.cuda.get_device_name(device)} has no bf16: full precision, several times slower")
    return found


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move `network` to `device` in channels-last order, in which convolutions are faster there and on the CPU."""
    return network.to(device).to(memory_format=torch.channels_last)
