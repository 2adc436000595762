"""Who chooses cuDNN's algorithms for the test."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def untried_algorithms(*, allow_tf32: bool | None = None) -> AbstractContextManager[None]:
    """Within, cuDNN takes the algorithms that it thinks best, whatever the code around allows it.

    Passes of a test differ in size: to try all algorithms for each takes longer than the best one saves. Other flags
    stay as they are, `allow_tf32` unless it is given.
    """
    now = torch.backends.cudnn
    return now.flags(
        enabled=now.enabled,
        benchmark=False,
        benchmark_limit=now.benchmark_limit,
        deterministic=now.deterministic,
        allow_tf32=now.allow_tf32 if allow_tf32 is None else allow_tf32,
    )
