"""How far a training has come."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """All of it stands in the checkpoint; between two updates it is exact."""

    micro_batch: int
    """Frames that go through the network together: the setting, or what the memory was found to hold."""
    epoch: int = 0
    """Epochs completed."""
    update: int = 0
    """Updates completed in the epoch under way."""
    updates: int = 0
    """Updates in all."""
    starts: int = 0
    """How often the training was started."""
    machines: list[str] = field(default_factory=list)
    """Hardware and torch's version of all starts, each once."""
    seconds: float = 0.0
    """Time worked, over all starts; a start's loading of libraries does not count."""
    joules: float | None = 0.0
    """Energy of the GPU over all starts; None where one did not know."""
    peak_memory: int = 0
    """Bytes, the most of all starts (`meter.Meter`)."""
    loss_sum: float = 0.0
    wrong: int = 0
    seen: int = 0
    """Chunks of the epoch under way; loss and wrong guesses are sums over them."""
    epoch_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    """A line an epoch."""

    @property
    def place(self) -> str:
        """Where the next update stands, in words."""
        return f"epoch {self.epoch + 1}, update {self.update + 1}"

    def count(self, *, chunks: int, loss_sum: float, wrong: int, seconds: float) -> None:
        """An update was made."""
        self.update += 1
        self.updates += 1
        self.seen += chunks
        self.loss_sum += loss_sum
        self.wrong += wrong
        self.seconds += seconds
        self.epoch_seconds += seconds

    def close_epoch(self, *, reads: int, more: dict[str, float]) -> None:
        """Write the epoch's line of the history, with `more` at its end, and start the next one."""
        self.epoch += 1
        self.history.append(
            {
                "epoch": self.epoch,
                "updates": self.updates,
                "loss": self.loss_sum / self.seen,
                "error": self.wrong / self.seen,
                "seconds": round(self.epoch_seconds, 3),
                "frames_per_second": round(self.seen * reads / self.epoch_seconds, 1),
                **more,
            }
        )
        self.update = self.wrong = self.seen = 0
        self.loss_sum = self.epoch_seconds = 0.0
