"""Watching one start of a training: its clock, its lines of progress, and what it costs."""

from __future__ import annotations

import time

import torch

from recurrent_residual.messages import say
from recurrent_residual.meter import Meter
from recurrent_residual.pace import clock
from recurrent_residual.training.progress import Progress

SHORT_EPOCH = 0.1
"""Share of the time between two lines in which an epoch is so short that its end is not worth a line of its own."""


class Reporter:
    """Counts from its making on; the speed, and with it the time left, is that of this start.

    Args:
        name: how the lines begin.
        progress: of the training; energy and memory are added to it.
        epochs: of the training.
        updates: an epoch.
        chunks: an epoch.
        reads: frames a chunk.
        seconds: between two lines.
        device: whose energy and memory count.
    """

    def __init__(
        self,
        name: str,
        progress: Progress,
        *,
        epochs: int,
        updates: int,
        chunks: int,
        reads: int,
        seconds: float,
        device: torch.device,
    ) -> None:
        self.name, self.progress, self.epochs, self.updates = name, progress, epochs, updates
        self.chunks, self.reads, self.interval = chunks, reads, seconds
        self._meter = Meter(device)
        self._joules_before = progress.joules
        self._done_before = self._done()
        self._start = self._lap = self._said = time.monotonic()

    def _done(self) -> int:
        return self.progress.epoch * self.chunks + self.progress.seen

    def lap(self) -> float:
        """Seconds since the last call, or since the beginning."""
        before, self._lap = self._lap, time.monotonic()
        return self._lap - before

    def measure(self) -> None:
        """Bring the progress's energy and peak memory up to date."""
        joules, before = self._meter.joules(), self._joules_before
        self.progress.joules = None if joules is None or before is None else before + joules
        self.progress.peak_memory = max(self.progress.peak_memory, self._meter.peak_memory())

    def tell(self) -> None:
        """Print the line of progress, when it is time for one or an epoch that was worth it, or the last, is done."""
        progress, now = self.progress, time.monotonic()
        last = progress.epoch + 1 == self.epochs
        closing = progress.update == self.updates and (last or progress.epoch_seconds > SHORT_EPOCH * self.interval)
        if now - self._said < self.interval and not closing:
            return
        self._said = now
        done = self._done()
        speed = (done - self._done_before) / max(now - self._start, 1e-9)  # chunks a second
        left = clock((self.epochs * self.chunks - done) / speed)
        say(
            f"{self.name}: epoch {progress.epoch + 1}/{self.epochs}, update {progress.update}/{self.updates}, "
            f"loss {progress.loss_sum / progress.seen:.3f}, error {progress.wrong / progress.seen:.3f}, "
            f"{speed * self.reads:,.0f} frames/s, {left} left"
        )
