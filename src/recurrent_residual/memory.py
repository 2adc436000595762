"""When what goes through a network at once does not fit into the memory."""

from __future__ import annotations

import torch

from recurrent_residual.errors import UserError, causes

# What CUDA's libraries say instead of raising torch.OutOfMemoryError, when it is their own workspace, a kernel that is
# loaded late or one of a compiler that finds no room.
NO_ROOM = ("out of memory", "ALLOC_FAILED", "unable to find an engine")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory did not suffice, by the error or by what led to it."""
    return any(
        isinstance(cause, torch.OutOfMemoryError)
        or (isinstance(cause, RuntimeError) and any(words in str(cause) for words in NO_ROOM))
        for cause in causes(error)
    )


def halved(at_once: int, *, update: int, reads: int, device: torch.device, reason: str) -> int:
    """Half the chunks that go through the network together.

    Args:
        at_once: the most until now.
        update: chunks of the largest update; no micro-batch has more.
        reads: frames a chunk.
        device: whose memory did not suffice.
        reason: what was said of it.

    Raises:
        UserError: it was one chunk.
    """
    half = min(at_once, update) // 2
    if half == 0:
        raise UserError(
            f"{memory(device)} does not hold one chunk of {reads} frames ({reason}); free it of other work, or take a "
            "smaller network (backbone.architecture) or input (input.size)"
        )
    return half


def memory(device: torch.device) -> str:
    """The device's memory in words, with its size where torch knows it."""
    if device.type != "cuda":
        return "the memory"
    return f"the GPU's memory of {torch.cuda.get_device_properties(device).total_memory / 2**30:.0f} GiB"
