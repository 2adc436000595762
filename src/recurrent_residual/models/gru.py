"""Baseline: a recurrent network of 128 gated recurrent units on a video's frame features (Section 4.1, "GRU").

One layer; the state after the last frame is classified linearly.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurrent_residual.recurrence import Recurrence

KIND = "baseline"
READS = "frames"
SETTINGS = {
    "block": {"enum": [2, 3, 4]},
    "znorm": {"type": "boolean"},
    "units": {"type": "integer", "minimum": 1},
}
REQUIRED = ["block", "znorm"]

ROWS = 64
"""Matrices' rows are rounded up to a multiple: for each other number oneDNN makes and keeps new code, 300 MB in all."""


class GRU(nn.Module):
    """Log-probabilities (B, classes) of videos of unequal length."""

    def __init__(self, dimensions: int, classes: int, *, units: int = 128) -> None:
        super().__init__()
        self.gru = nn.GRU(dimensions, units)
        self.fc = nn.Linear(units, classes)

    def forward(self, frames: Tensor, starts: Tensor, lengths: Tensor) -> Tensor:
        """Video i is rows starts[i] ... starts[i] + lengths[i] - 1 of `frames` (N, D) in the order of time.

        `starts` and `lengths` (B,) lie on the CPU. `frames` may be bfloat16: the product with them, nearly all of the
        arithmetic, is then of that precision, and its sums, the recurrence and all weights stay float32.
        """
        order, rows, sizes = pack(starts, lengths)
        gru = self.gru
        if frames.is_cuda:  # cuDNN's
            _, states = gru(PackedSequence(frames.index_select(0, rows.to(frames.device)).float(), sizes))
            last = states[0]
        else:
            packed = frames.index_select(0, F.pad(rows, (0, -len(rows) % ROWS)))
            input_weight, state_weight, input_bias, state_bias = gru.parameters()
            gates = F.linear(packed, input_weight.to(packed.dtype)).to(input_bias.dtype) + input_bias
            last = Recurrence.apply(gates[: len(rows)], state_weight, state_bias, sizes.tolist())
        return self.fc(last[order.argsort().to(last.device)]).log_softmax(dim=-1)


def pack(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The order of sequences and frames in a `PackedSequence`.

    Returns:
        order: (B,) the sequences, the longest first.
        rows: (sum of lengths,) the rows of their frames: the first of each, then the second of those that have one, ...
        sizes: (steps,) how many have one.
    """
    order = lengths.argsort(descending=True, stable=True)
    steps = torch.arange(int(lengths[order[0]]))[:, None]
    there = steps < lengths[order]  # (steps, B)
    return order, (starts[order] + steps)[there], there.sum(dim=1)


def build(settings: dict[str, Any], dimensions: int, classes: int) -> GRU:
    """The baseline of an entry in `experiments.yaml`; `block` and `znorm` choose its features, `units` its width."""
    return GRU(dimensions, classes, units=settings.get("units", 128))
