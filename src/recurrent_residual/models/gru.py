"""Baseline: a recurrent network of 128 gated recurrent units on a video's frame features (Section 4.1, "GRU").

One layer; the state after the last frame is classified linearly.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

KIND = "baseline"
SETTINGS = {
    "block": {"enum": [2, 3, 4]},
    "znorm": {"type": "boolean"},
    "units": {"type": "integer", "minimum": 1},
}
REQUIRED = ["block", "znorm"]


class GRU(nn.Module):
    """(B, L, D) padded sequences with their lengths (B,) -> (B, classes) log-probabilities."""

    def __init__(self, dimensions: int, classes: int, *, units: int = 128) -> None:
        super().__init__()
        self.gru = nn.GRU(dimensions, units, batch_first=True)
        self.fc = nn.Linear(units, classes)

    @staticmethod
    def summarise(frames: Tensor) -> Tensor:
        """What the model sees of a video: all its (frames, D) vectors, in the order of time."""
        return frames

    def forward(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """The padding behind a sequence's end is never read."""
        packed = pack_padded_sequence(sequences, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed)  # (1, B, units)
        return self.fc(last[0]).log_softmax(dim=-1)


def build(settings: dict[str, Any], dimensions: int, classes: int) -> GRU:
    """The baseline of an entry in `experiments.yaml`; `block` and `znorm` choose its features, `units` its width."""
    return GRU(dimensions, classes, units=settings.get("units", 128))
