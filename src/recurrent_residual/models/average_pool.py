"""Baseline: the mean of a video's frame features, classified linearly (Section 4.1, "average pooling model").

Softmax regression on the mean vector. The mean is taken once, before training.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

KIND = "baseline"
READS = "mean"
SETTINGS = {"block": {"enum": [2, 3, 4]}, "znorm": {"type": "boolean"}}
REQUIRED = ["block", "znorm"]


class AveragePool(nn.Module):
    """Softmax regression on videos' mean vectors."""

    def __init__(self, dimensions: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dimensions, classes)

    def forward(self, frames: Tensor, starts: Tensor, lengths: Tensor) -> Tensor:
        """(N, D) mean vectors, of which video i's is row starts[i] -> (B, classes); `lengths` are all 1."""
        return self.fc(frames.index_select(0, starts.to(frames.device))).log_softmax(dim=-1)


def build(settings: dict[str, Any], dimensions: int, classes: int) -> AveragePool:
    """The baseline of an entry in `experiments.yaml`; `block` and `znorm` choose its features."""
    return AveragePool(dimensions, classes)
