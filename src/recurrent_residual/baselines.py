"""Training and applying the baselines of Table 1 on frozen features."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurrent_residual.errors import UserError
from recurrent_residual.feature_store import FeatureStore, ZNorm


@dataclass(frozen=True)
class BaselineSettings:
    """The `baselines` section of the configuration; the schema describes each key."""

    epochs: int
    learning_rate: float
    batch: int
    weight_decay: float

    @classmethod
    def of(cls, settings: dict) -> BaselineSettings:
        """From the validated `baselines` section."""
        return cls(**{f.name: settings[f.name] for f in fields(cls)})


class LossNotFinite(UserError):
    """A training whose loss is infinite or not a number."""


@dataclass(frozen=True)
class Videos:
    """What a baseline reads of some videos, one after the other in one matrix."""

    frames: Tensor
    """(sum of lengths, D), float32 or bfloat16."""
    lengths: Tensor
    """(videos,), on the CPU."""

    @property
    def starts(self) -> Tensor:
        """Each video's first row, (videos,)."""
        return self.lengths.cumsum(dim=0) - self.lengths


class Baseline(nn.Module):
    """A baseline with the normalisation of its features, so that its weights file is all that a test needs.

    `reads`: the model's `READS`, "frames" or "mean".
    """

    def __init__(self, model: nn.Module, znorm: ZNorm, reads: str) -> None:
        super().__init__()
        self.model = model
        self.reads = reads
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", znorm.mean)
        self.register_buffer("scale", znorm.scale)

    def prepare(self, store: FeatureStore, clips: Sequence[int], dtype: torch.dtype = torch.float32) -> Videos:
        """Normalise what the model reads of `clips`; frames are stored as `dtype`, means as float32."""
        znorm = ZNorm(self.mean.cpu(), self.scale.cpu())
        if self.reads == "mean":  # the mean of normalised vectors is the normalised mean
            return Videos(znorm(store.moments.means[list(clips)].float()), torch.ones(len(clips), dtype=torch.int64))
        lengths = torch.from_numpy(store.lengths[list(clips)])
        frames = torch.empty(int(lengths.sum()), store.dimensions, dtype=dtype)
        row = 0
        for _, slab in store.slabs(clips):
            frames[row : row + len(slab)] = slab.sub_(znorm.mean).mul_(znorm.scale)
            row += len(slab)
        return Videos(frames, lengths)

    def forward(self, frames: Tensor, starts: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities (B, classes) of prepared videos, as the model takes them (`models/__init__.py`)."""
        return self.model(frames, starts, lengths)


def build_baseline(
    module: ModuleType, settings: dict[str, Any], store: FeatureStore, train: Sequence[int], classes: int
) -> Baseline:
    """A baseline with random weights (torch's global generator) and the Z-norm of the `train` clips' frames."""
    znorm = ZNorm.fit(store.moments, train) if settings["znorm"] else ZNorm.identity(store.dimensions)
    return Baseline(module.build(settings, store.dimensions, classes), znorm, module.READS)


def frames_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 for training on processors that multiply it (several times faster, half the memory), else float32.

    On simulated features of UCF-101's size the errors are the same within the spread over seeds
    (scripts/benchmark_baselines.py --compare).
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:  # not Linux
        return torch.float32
    return torch.bfloat16 if device.type == "cpu" and {"avx512_bf16", "amx_bf16"} & set(flags) else torch.float32


def train_baseline(
    baseline: Baseline,
    videos: Videos,
    labels: Tensor,
    *,
    settings: BaselineSettings,
    seed: int,
    device: torch.device | None = None,
    on_epoch: Callable[[Baseline], dict[str, float]] | None = None,
) -> list[dict[str, float]]:
    """Train with Adam on ordinary batches (the paper's update after 1 % of the data exempts the baselines).

    Args:
        baseline: changed in place, and moved to `device`.
        videos: the train clips, as `Baseline.prepare` gives them.
        labels: (videos,).
        settings: of the training.
        seed: of the order of the videos.
        device: None: the CPU.
        on_epoch: called after each epoch; what it gives is added to the epoch's line of the history.

    Returns:
        The history, a line an epoch.

    Raises:
        LossNotFinite: an epoch's loss is infinite or not a number.
    """
    device = device or torch.device("cpu")
    baseline.to(device)
    frames, starts, lengths, labels = videos.frames.to(device), videos.starts, videos.lengths, labels.to(device)
    optimiser = torch.optim.Adam(
        baseline.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    generator = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    updates = 0
    for epoch in range(1, settings.epochs + 1):
        baseline.train()
        started = time.monotonic()
        loss_sum, wrong = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        for index in torch.randperm(len(lengths), generator=generator).split(settings.batch):
            log_probabilities = baseline(frames, starts[index], lengths[index])
            truth = labels[index.to(device)]
            loss = F.nll_loss(log_probabilities, truth)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            updates += 1
            loss_sum += loss.detach() * len(index)
            wrong += (log_probabilities.argmax(dim=1) != truth).sum()
        line = {
            "epoch": epoch,
            "updates": updates,
            "loss": loss_sum.item() / len(lengths),
            "error": wrong.item() / len(lengths),
            "seconds": round(time.monotonic() - started, 3),
        }
        if not math.isfinite(line["loss"]):
            raise LossNotFinite(
                f"the loss is not finite in epoch {epoch}; lower baselines.learning_rate (now {settings.learning_rate})"
            )
        history.append({**line, **(on_epoch(baseline) if on_epoch else {})})
    return history


@torch.inference_mode()
def predict_baseline(baseline: Baseline, videos: Videos, *, batch: int = 256) -> Tensor:
    """Class probabilities of videos, as `Baseline.prepare` gives them: (videos, classes) float32, on the CPU."""
    baseline.eval()
    frames, starts, lengths = videos.frames.to(baseline.mean.device), videos.starts, videos.lengths
    index = torch.arange(len(lengths)).split(batch)
    return torch.cat([baseline(frames, starts[i], lengths[i]).exp().cpu() for i in index])
