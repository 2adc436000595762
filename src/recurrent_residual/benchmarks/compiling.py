"""Whether torch.compile works on this machine at all: it needs a C compiler, among others, and minutes to fail."""

from __future__ import annotations

import torch
from torch import nn

from recurrent_residual.device import autocast


def compiler_failure(device: torch.device) -> str | None:
    """What torch.compile fails with on a tiny network, forward and backward, in one line; None where it works."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).to(device)
    try:
        with autocast(device):
            out = torch.compile(network, dynamic=False)(torch.randn(2, 3, 8, 8, device=device))
        out.float().square().mean().backward()
    except Exception as error:  # whatever the compiler, its backend or what they call stumble over
        return in_one_line(error)
    return None


def in_one_line(error: Exception) -> str:
    """The error's kind and the first line of what it says."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}"
