"""Training a network end to end: one plain loop (Section 3.3 and 4: Adam, an update after 1 % of the data)."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurrent_residual.checkpoint import load_checkpoint, save_checkpoint
from recurrent_residual.chunks import Chunk, JpegSource, load_ahead
from recurrent_residual.device import autocast, place
from recurrent_residual.errors import UserError
from recurrent_residual.views import ViewSettings, batch_views, training_windows

CHECKPOINT_MINUTES = 10
"""Most that a killed run loses; there is a checkpoint after each epoch as well."""


@dataclass(frozen=True)
class TrainingSettings:
    """The `training` section of the configuration; the schema describes each key."""

    epochs: int
    learning_rate: float
    update_fraction: float | None
    batch: int | None
    micro_batch: int
    every: int
    batch_norm: str
    compile: bool

    @classmethod
    def of(cls, settings: dict) -> TrainingSettings:
        """From the validated `training` section."""
        return cls(**{f.name: settings[f.name] for f in fields(cls)})

    def updates(self, chunks: int) -> int:
        """Steps of the optimiser in an epoch of so many chunks."""
        if self.batch is not None:
            return math.ceil(chunks / self.batch)
        assert self.update_fraction is not None, "the schema asks for one of the two"
        return min(chunks, round(1 / self.update_fraction))


@dataclass
class Progress:
    """How far a training has come; all of it stands in the checkpoint."""

    epoch: int = 0
    """Epochs completed."""
    update: int = 0
    """Updates completed in the epoch under way."""
    updates: int = 0
    """Updates in all."""
    seconds: float = 0.0
    """Time worked, over all starts of this training."""
    loss_sum: float = 0.0
    wrong: int = 0
    seen: int = 0
    epoch_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def close_epoch(self) -> None:
        """Write the epoch's line of the history and start the next one."""
        self.epoch += 1
        self.history.append(
            {
                "epoch": self.epoch,
                "updates": self.updates,
                "loss": self.loss_sum / self.seen,
                "error": self.wrong / self.seen,
                "seconds": round(self.epoch_seconds, 3),
            }
        )
        self.update = self.wrong = self.seen = 0
        self.loss_sum = self.epoch_seconds = 0.0


@dataclass(frozen=True)
class Epoch:
    """Order and windows of one epoch's chunks: a function of seed and epoch, so that a resumed run draws the same."""

    order: list[int]
    windows: Tensor

    @classmethod
    def draw(cls, chunks: int, view: ViewSettings, *, seed: int, epoch: int) -> Epoch:
        """Draw the order of `chunks` chunks and a window for each place in it."""
        generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
        order = torch.randperm(chunks, generator=generator).tolist()
        return cls(order, training_windows(chunks, view, generator))

    def micro_batches(self, *, updates: int, micro_batch: int, first_update: int) -> Iterator[tuple[range, range]]:
        """(update, micro-batch) as positions in `order`; updates are equally large, and so are an update's parts.

        A last part of a few chunks would disturb the running statistics of batch norm, just before the test.
        """
        for update in split_evenly(range(len(self.order)), updates)[first_update:]:
            for part in split_evenly(update, math.ceil(len(update) / micro_batch)):
                yield update, part


def split_evenly(positions: range, parts: int) -> list[range]:
    """`positions` in `parts` consecutive ranges whose lengths differ by at most one."""
    bounds = [positions.start + len(positions) * i // parts for i in range(parts + 1)]
    return [range(*ends) for ends in pairwise(bounds)]


def set_training_mode(network: nn.Module, *, batch_norm: str) -> None:
    """Training mode; with `batch_norm` "frozen" all batch norms keep and use their running statistics."""
    network.train()
    if batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def train_network(
    network: nn.Module,
    chunks: list[Chunk],
    source: JpegSource,
    *,
    settings: TrainingSettings,
    view: ViewSettings,
    seed: int,
    device: torch.device,
    workers: int,
    checkpoint: Path,
    fingerprint: str,
) -> Progress:
    """Train `network` (chunks (B, T, 3, H, W) -> log-probabilities (B, classes)) in place.

    A run that was killed goes on from `checkpoint`, if that has this `fingerprint`, and ends with the weights and the
    history of one that was not (bit for bit on the CPU with the same number of threads).

    Raises:
        UserError: the loss is no longer finite.
    """
    place(network, device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    progress = Progress()
    if (state := load_checkpoint(checkpoint, of=fingerprint)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        progress = Progress(**state["progress"])
        print(f"resumed after {progress.epoch} epochs and {progress.update} updates", file=sys.stderr)
    forward = torch.compile(network) if settings.compile else network
    set_training_mode(network, batch_norm=settings.batch_norm)
    updates = settings.updates(len(chunks))
    resumed, earlier, saved = time.monotonic(), progress.seconds, time.monotonic()

    def save() -> None:
        state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "progress": asdict(progress)}
        save_checkpoint(checkpoint, state, of=fingerprint)

    while progress.epoch < settings.epochs:
        epoch = Epoch.draw(len(chunks), view, seed=seed, epoch=progress.epoch)
        micro_batches = list(
            epoch.micro_batches(updates=updates, micro_batch=settings.micro_batch, first_update=progress.update)
        )
        frames = load_ahead(source, [[chunks[epoch.order[i]] for i in m] for _, m in micro_batches], workers=workers)
        epoch_started, epoch_earlier = time.monotonic(), progress.epoch_seconds
        for (update, positions), loaded in zip(micro_batches, frames, strict=True):
            labels = torch.tensor([chunks[epoch.order[i]].label for i in positions], device=device)
            x = batch_views(loaded, epoch.windows[positions.start : positions.stop], view, device)
            with autocast(device):
                log_probabilities = forward(x)
            loss = F.nll_loss(log_probabilities, labels, reduction="sum")
            (loss / len(update)).backward()
            progress.loss_sum += loss.item()
            progress.wrong += int((log_probabilities.argmax(dim=1) != labels).sum())
            progress.seen += len(labels)
            if positions.stop < update.stop:
                continue
            if not math.isfinite(progress.loss_sum):
                raise UserError(
                    f"{checkpoint.parent}: the loss is not finite in epoch {progress.epoch + 1}, update "
                    f"{progress.update + 1}; lower training.learning_rate (now {settings.learning_rate})"
                )
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            progress.update += 1
            progress.updates += 1
            now = time.monotonic()
            progress.seconds = earlier + now - resumed
            progress.epoch_seconds = epoch_earlier + now - epoch_started
            if now - saved > 60 * CHECKPOINT_MINUTES:
                save()
                saved = now
        progress.close_epoch()
        last = progress.history[-1]
        print(
            f"epoch {progress.epoch}/{settings.epochs}: loss {last['loss']:.3f}, training error {last['error']:.3f}, "
            f"{last['seconds']:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        if progress.epoch < settings.epochs:
            save()
            saved = time.monotonic()
    return progress
