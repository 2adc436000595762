"""A training that came off the rails: when to stop it, and what to keep to look into it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from recurrent_residual.chunks import Chunk
from recurrent_residual.errors import UserError
from recurrent_residual.files import atomic
from recurrent_residual.training.progress import Progress

EXPLODED = 20
"""Times ln(classes), the loss of who knows nothing, that a mean loss may not exceed.

Adam's first steps on a fresh classifier may well double it. At 20 times the network gives the true class less than
classes^-20 on average over an update: it is sure, and wrong, which no later update mends in time that is worth paying.
"""

NAMED_CLIPS = 3  # of the batch, in the message; the file has all


class Diverged(UserError):
    """A loss or gradient that is not finite, or a loss that explodes; the step was not made.

    `progress` is the training's, with the history of the epochs that it finished.
    """

    def __init__(self, message: str, progress: Progress) -> None:
        super().__init__(message)
        self.progress = progress


def divergence(loss: float, gradient_norm: float, classes: int) -> str | None:
    """What is wrong with an update's mean loss per chunk and the norm of its gradient; None: nothing."""
    if not math.isfinite(loss):
        return "the loss is not finite"
    if not math.isfinite(gradient_norm):
        return "the gradient is not finite"
    if loss > EXPLODED * math.log(classes):
        return f"the loss is over {EXPLODED} * ln({classes})"
    return None


def diverged(
    what: str,
    *,
    where: str,
    numbers: dict[str, float],
    batch: Sequence[Chunk],
    file: Path,
    progress: Progress,
    **state: Any,
) -> Diverged:
    """The exception to raise, after writing what repeats the update into `file`.

    Args:
        what: is wrong.
        where: name of the training, epoch and update, in words.
        numbers: of the update: loss, error, gradient_norm, learning_rate.
        batch: its chunks.
        file: for `torch.load(file, map_location="cpu", weights_only=True)`.
        progress: of the training.
        state: what else belongs into it: the state before the update, the batch's windows and losses.
    """
    try:
        with atomic(file) as part:
            torch.save({**numbers, **state, "chunks": [asdict(chunk) for chunk in batch]}, part)
        kept = f"{file} has the weights before it, the optimiser and the batch"
    except (OSError, RuntimeError) as error:  # torch's own writer has the latter for a full disk
        kept = f"{file} could not be written ({error})"
    return Diverged(
        f"{where}: {what}: loss {numbers['loss']:.4g}, gradient norm {numbers['gradient_norm']:.4g}, "
        f"clips {clips(batch)}; {kept}; lower training.learning_rate (now {numbers['learning_rate']:g})",
        progress,
    )


def clips(chunks: Sequence[Chunk]) -> str:
    """The clips of a batch in words, the first few of many."""
    videos = list(dict.fromkeys(chunk.video for chunk in chunks))
    more = f" and {len(videos) - NAMED_CLIPS} more" if len(videos) > NAMED_CLIPS else ""
    return ", ".join(videos[:NAMED_CLIPS]) + more
