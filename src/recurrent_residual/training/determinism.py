"""The same bits twice on one machine, or the fastest algorithms that cuDNN finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def algorithms(*, deterministic: bool, device: torch.device) -> Iterator[None]:
    """Within, torch takes only deterministic algorithms, or on a GPU tries which are fastest for each shape.

    Where an operation has no deterministic algorithm torch raises a RuntimeError that names it. On a GPU this must come
    before the process's first matrix product: cuBLAS looks at its variable only then.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if deterministic:
        # Workspaces of a fixed size; the other one that is deterministic, :16:8, is slower (cuBLAS, reproducibility).
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # 10 ms a micro-batch
    torch.backends.cudnn.benchmark = device.type == "cuda" and not deterministic
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = before[1]
