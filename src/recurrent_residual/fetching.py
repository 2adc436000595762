"""Results that come back from the device while it already works on the next ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor


def fetched(results: Iterable[Sequence[Tensor]]) -> Iterator[list[Tensor]]:
    """Each result's tensors on the CPU, as soon as the next result's work is in the device's queue.

    So the device always has work, and the caller is never further ahead of it than that. The copy is queued with its
    own result: one late, `.cpu()` would wait for the next result, too, behind which it would stand.
    """
    waiting: deque[tuple[list[Tensor], torch.cuda.Event | None]] = deque()
    for result in results:
        copies = [tensor.to("cpu", non_blocking=True) for tensor in result]  # in pinned memory, if from a GPU
        on_gpu = result[0].is_cuda
        waiting.append((copies, torch.cuda.current_stream(result[0].device).record_event() if on_gpu else None))
        if len(waiting) > 1:
            yield _arrived(*waiting.popleft())
    while waiting:
        yield _arrived(*waiting.popleft())


def _arrived(copies: list[Tensor], event: torch.cuda.Event | None) -> list[Tensor]:
    if event is not None:
        event.synchronize()
    return copies
