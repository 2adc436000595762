"""Baseline: the mean of a video's frame features, classified linearly (Section 4.1, "average pooling model").

Softmax regression on the mean vector. The mean is taken once, before training.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

KIND = "baseline"
SETTINGS = {"block": {"enum": [2, 3, 4]}, "znorm": {"type": "boolean"}}
REQUIRED = ["block", "znorm"]


class AveragePool(nn.Module):
    """Softmax regression: (B, 1, D) mean vectors -> (B, classes) log-probabilities."""

    def __init__(self, dimensions: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dimensions, classes)

    @staticmethod
    def summarise(frames: Tensor) -> Tensor:
        """What the model sees of a video: its (frames, D) vectors' mean, (1, D)."""
        return frames.mean(dim=0, keepdim=True)

    def forward(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """(B, 1, D) -> (B, classes); `lengths` are all 1."""
        return self.fc(sequences[:, 0]).log_softmax(dim=-1)


def build(settings: dict[str, Any], dimensions: int, classes: int) -> AveragePool:
    """The baseline of an entry in `experiments.yaml`; `block` and `znorm` choose its features."""
    return AveragePool(dimensions, classes)
