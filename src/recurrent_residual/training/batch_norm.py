"""Batch norm in training: which statistics it uses, and taking an update's share in the running ones back."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def set_training_mode(network: nn.Module, *, batch_norm: str) -> None:
    """Training mode; with `batch_norm` "frozen" all batch norms keep and use their running statistics."""
    network.train()
    if batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


class RunningStatistics:
    """A copy of a network's buffers, which change with every micro-batch, while its weights change with an update.

    Made once and written over, all of one type in one launch, so that it costs next to nothing an update.
    """

    def __init__(self, network: nn.Module) -> None:
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for buffer in network.buffers():
            by_type.setdefault(buffer.dtype, []).append(buffer)
        self._pairs = [(buffers, [buffer.clone() for buffer in buffers]) for buffers in by_type.values()]

    def keep(self) -> None:
        """Remember them as they are now."""
        for buffers, copy in self._pairs:
            torch._foreach_copy_(copy, buffers)

    def restore(self) -> None:
        """Make them again what they were at the last `keep`."""
        for buffers, copy in self._pairs:
            torch._foreach_copy_(buffers, copy)
