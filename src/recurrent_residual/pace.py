"""What long work tells of itself: how far it is, how fast, and how long it will take."""

from __future__ import annotations

import time

from recurrent_residual.messages import say


def clock(seconds: float) -> str:
    """A time as people write it: 0:12, 1:02:33."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


class Pace:
    """Prints a line every `every` seconds: `rrn split 1 seed 1: 1,234/3,783 clips, 9,876 frames/s, 0:12 left`."""

    def __init__(self, name: str, *, total: int, frames: int, every: float) -> None:
        self.name, self.total, self.frames, self.every = name, total, frames, every
        self.started = self.said = time.monotonic()

    def tell(self, done: int, frames: int) -> None:
        """So many of the `total` clips are done, and so many of the `frames`."""
        now = time.monotonic()
        if now - self.said < self.every or not frames:
            return
        self.said = now
        rate = frames / (now - self.started)
        say(
            f"{self.name}{': ' if self.name else ''}{done:,}/{self.total:,} clips, {rate:,.0f} frames/s, "
            f"{clock((self.frames - frames) / rate)} left"
        )
