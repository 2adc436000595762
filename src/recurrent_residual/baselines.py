"""Training and applying the baselines of Table 1 on frozen features."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

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


class Baseline(nn.Module):
    """A baseline with the normalisation of its features, so that its weights file is all that a test needs."""

    def __init__(self, model: nn.Module, znorm: ZNorm) -> None:
        super().__init__()
        self.model = model
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", znorm.mean)
        self.register_buffer("scale", znorm.scale)

    def prepare(self, frames: Tensor) -> Tensor:
        """A video's vectors (frames, D), normalised and summarised as the model wants them."""
        return self.model.summarise(ZNorm(self.mean, self.scale)(frames))  # type: ignore[operator]

    def forward(self, videos: Sequence[Tensor]) -> Tensor:
        """Prepared videos -> (B, classes) log-probabilities."""
        lengths = torch.tensor([len(video) for video in videos])
        return self.model(pad_sequence(list(videos), batch_first=True), lengths)


def build_baseline(
    module: ModuleType, settings: dict[str, Any], store: FeatureStore, train: Sequence[int], classes: int
) -> Baseline:
    """A baseline with random weights (torch's global generator) and the Z-norm of the `train` clips' frames."""
    znorm = ZNorm.fit(store.of(clip) for clip in train) if settings["znorm"] else ZNorm.identity(store.dimensions)
    return Baseline(module.build(settings, store.dimensions, classes), znorm)


def train_baseline(
    baseline: Baseline, videos: Iterable[Tensor], labels: Tensor, *, settings: BaselineSettings, seed: int
) -> list[dict[str, float]]:
    """Train with Adam on ordinary batches (the paper's update after 1 % of the data exempts the baselines).

    Args:
        baseline: changed in place.
        videos: the train clips' vectors, each (frames, D), not normalised; read one at a time.
        labels: (videos,).

    Returns:
        The history, a line an epoch.
    """
    prepared = [baseline.prepare(video) for video in videos]
    optimiser = torch.optim.Adam(
        baseline.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    generator = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    updates = 0
    baseline.train()
    for epoch in range(1, settings.epochs + 1):
        started, loss_sum, wrong = time.monotonic(), 0.0, 0
        for index in torch.randperm(len(prepared), generator=generator).split(settings.batch):
            log_probabilities = baseline([prepared[i] for i in index.tolist()])
            loss = F.nll_loss(log_probabilities, labels[index])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            updates += 1
            loss_sum += loss.item() * len(index)
            wrong += int((log_probabilities.argmax(dim=1) != labels[index]).sum())
        history.append(
            {
                "epoch": epoch,
                "updates": updates,
                "loss": loss_sum / len(prepared),
                "error": wrong / len(prepared),
                "seconds": round(time.monotonic() - started, 3),
            }
        )
    return history


@torch.inference_mode()
def predict_baseline(baseline: Baseline, videos: Iterable[Tensor], *, batch: int = 256) -> Tensor:
    """Class probabilities of videos given by their vectors, each (frames, D): (videos, classes)."""
    baseline.eval()
    prepared = [baseline.prepare(video) for video in videos]
    return torch.cat([baseline(prepared[i : i + batch]).exp() for i in range(0, len(prepared), batch)])
