"""Reading the features that `extract_features` wrote; needs no image network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recurrent_residual.errors import UserError
from recurrent_residual.frames import sampled_frames
from recurrent_residual.manifest import Clip

BLOCKS = (2, 3, 4)


def feature_file(folder: Path, block: int) -> Path:
    """Where the vectors after `block` stand: (frames, channels) float32, clips in the manifest's order."""
    return folder / f"block{block}.npy"


class FeatureStore:
    """The vectors of each clip's sampled frames after one block, mapped from disk.

    Raises:
        UserError: the file does not hold as many frames as the manifest says.
    """

    def __init__(self, folder: str | Path, block: int, clips: Sequence[Clip], *, every: int) -> None:
        file = feature_file(Path(folder), block)
        self.vectors = np.load(file, mmap_mode="r")
        counts = [len(sampled_frames(clip.frames, every)) for clip in clips]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        if len(self.vectors) != self.starts[-1]:
            raise UserError(
                f"{file}: {len(self.vectors)} frames, but the manifest has {self.starts[-1]}; delete it and run again"
            )

    @property
    def dimensions(self) -> int:
        """Numbers in a frame's vector."""
        return self.vectors.shape[1]

    def of(self, clip: int) -> Tensor:
        """The vectors of clip number `clip` of the manifest, (frames, dimensions)."""
        return torch.from_numpy(np.array(self.vectors[self.starts[clip] : self.starts[clip + 1]]))


@dataclass(frozen=True)
class ZNorm:
    """Z-normalisation per dimension; the identity if nothing was fitted."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, videos: Iterable[Tensor]) -> ZNorm:
        """Mean and standard deviation over all frames of `videos`, each (frames, D), which are read one at a time.

        Give train videos only. A dimension with no spread is left at 0. Statistics per video would make every video's
        mean exactly zero.
        """
        count, mean, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        for video in videos:  # Chan, Golub, LeVeque 1983: exact where the textbook formula cancels
            frames = video.double()
            own, both = frames.mean(dim=0), count + len(frames)
            squares = squares + (frames - own).square().sum(dim=0) + (own - mean).square() * count * len(frames) / both
            mean, count = mean + (own - mean) * len(frames) / both, both
        std = (squares / count).sqrt()
        # Rounding leaves a constant dimension a spread of about 1e-16 of its value, which must not be blown up to 1.
        spread = std > 1e-7 * mean.abs().clamp(min=1e-30)
        scale = torch.where(spread, 1 / std.clamp(min=1e-300), 0.0)
        return cls(mean.float(), scale.float())

    @classmethod
    def identity(cls, dimensions: int) -> ZNorm:
        """Leaves every vector as it is."""
        return cls(torch.zeros(dimensions), torch.ones(dimensions))

    def __call__(self, frames: Tensor) -> Tensor:
        """(N, D) -> (N, D)."""
        return (frames - self.mean) * self.scale
