"""What is trained and how: the settings on which a training's result depends."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

FRAMES_AT_ONCE = {"train": 128, "frozen": 512}
"""micro_batch "auto" by batch norm: where its statistics are those of a micro-batch, every GPU must take one size."""


@dataclass(frozen=True)
class TrainingSettings:
    """The `training` section of the configuration; the schema describes each key."""

    epochs: int
    learning_rate: float
    update_fraction: float | None
    batch: int | None
    micro_batch: int | str
    every: int
    batch_norm: str
    deterministic: bool

    @classmethod
    def of(cls, settings: dict) -> TrainingSettings:
        """From the validated `training` section."""
        return cls(**{f.name: settings[f.name] for f in fields(cls)})

    @property
    def frames_at_once(self) -> int:
        """Frames that go through the network together, where the memory suffices."""
        return FRAMES_AT_ONCE[self.batch_norm] if isinstance(self.micro_batch, str) else self.micro_batch

    def updates(self, chunks: int) -> int:
        """Steps of the optimiser in an epoch of so many chunks."""
        if self.batch is not None:
            return math.ceil(chunks / self.batch)
        assert self.update_fraction is not None, "the schema asks for one of the two"
        return min(chunks, round(1 / self.update_fraction))
