"""torch.compile where it pays."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from recurrent_residual.messages import say

PAYS_FROM_FRAMES = 1_000_000
"""Frames of a whole training from which "auto" compiles. Arithmetic, not measured.

At the aim of 3,000 frames a second they take five and a half minutes, of which a fifth, that compiled code may win, is
about what the compiler takes for the two sizes of micro-batch the first time; later trainings find its work on disk.
"""


class Forward:
    """What computes a network's outputs: the network itself, or what torch.compile makes of it.

    The network stays as it is and shares its weights with that. Micro-batches have two sizes as a rule, which differ by
    one chunk; each is compiled by itself, because code for any size is slower.

    Args:
        network: (B, reads, 3, H, W) -> (B, classes).
        setting: the configuration's engine.compile: True, False or "auto".
        frames: that the whole training reads.
        device: where the work is done.
        deterministic: "auto" then compiles nothing: who wants the same bits twice is not after speed.

    Attributes:
        how: in words, whether it is compiled, and why not.
    """

    def __init__(
        self, network: nn.Module, setting: str | bool, *, frames: int, device: torch.device, deterministic: bool = False
    ) -> None:
        self._network: Callable[[Tensor], Tensor] = network
        self._compiled: Callable[[Tensor], Tensor] | None = None
        self._tries = setting == "auto"
        if setting == "auto":
            reason = {
                "no GPU": device.type != "cuda",
                "training.deterministic": deterministic,
                "triton is not installed": find_spec("triton") is None,
                f"{frames:,} frames in all do not pay for it": frames < PAYS_FROM_FRAMES,
            }
        else:
            reason = {"engine.compile is false": not setting}
        against = [words for words, applies in reason.items() if applies]
        if against:
            self.how = f"not compiled: {against[0]}"
            return
        compiled: Any = torch.compile(network, dynamic=False)
        self._compiled = compiled
        self.how = f"compiled {'after the first update' if self._tries else 'at the start'}, which takes minutes"

    def __call__(self, x: Tensor, *, first: bool) -> Tensor:
        """The outputs; "auto" leaves a start's `first` update to the network, which finds what the memory holds."""
        if self._compiled is None or (first and self._tries):
            return self._network(x)
        return self._compiled(x)

    def gives_up(self, error: Exception) -> bool:
        """Whether `error` may be the compiler's (there is no C compiler, say) and "auto" can go on without it."""
        if not self._tries or self._compiled is None:
            return False
        reason = str(error).strip().partition("\n")[0]
        say(f"not compiled: {type(error).__name__}: {reason}; training goes on without (engine.compile: false)")
        self._compiled = None
        return True
