"""Reading the features that `extract_features` wrote; needs no image network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recurrent_residual.errors import UserError
from recurrent_residual.frames import sampled_frames
from recurrent_residual.manifest import Clip

BLOCKS = (2, 3, 4)
SLAB = 256
"""Frames that are read at once, about: they stay in a processor's cache while they are worked on."""


def feature_file(folder: Path, block: int) -> Path:
    """Where the vectors after `block` stand: (frames, channels) float32, clips in the manifest's order."""
    return folder / f"block{block}.npy"


@dataclass(frozen=True)
class Moments:
    """Of each clip's frames: their number (clips,), mean and sum of squared deviations (clips, D), float64."""

    counts: Tensor
    means: Tensor
    squares: Tensor


class FeatureStore:
    """The vectors of each clip's sampled frames after one block.

    They are read, not mapped: a job's memory is what it keeps, not the file.

    Args:
        folder: of the features.
        block: 2, 3 or 4.
        clips: the manifest's, all whose frames the file holds.
        every: frames between two samples.
        only: the clips that this store gives access to; the numbers that its methods take count these. None: `clips`.

    Raises:
        UserError: the file does not hold as many frames as the manifest says, or `only` has a clip that it lacks.
    """

    def __init__(
        self, folder: str | Path, block: int, clips: Sequence[Clip], *, every: int, only: Sequence[Clip] | None = None
    ) -> None:
        self.file = feature_file(Path(folder), block)
        mapped = np.load(self.file, mmap_mode="r")
        self.dimensions: int = mapped.shape[1]
        """Numbers in a frame's vector."""
        self._offset = mapped.offset
        counts = np.array([len(sampled_frames(clip.frames, every)) for clip in clips], dtype=np.int64)
        ends = np.cumsum(counts)
        if len(mapped) != ends[-1]:
            raise UserError(
                f"{self.file}: {len(mapped)} frames, but the manifest has {ends[-1]}; delete it and run again"
            )
        if only is not None:
            places = {clip.video: place for place, clip in enumerate(clips)}
            if missing := [clip.video for clip in only if clip.video not in places]:
                raise UserError(f"{self.file}: has no frames of {missing[0]}; delete it and run again")
            chosen = [places[clip.video] for clip in only]
            counts, ends = counts[chosen], ends[chosen]
        self.lengths = counts
        """Frames of each clip."""
        self._starts = ends - counts

    def of(self, clip: int) -> Tensor:
        """The vectors of clip number `clip`, (frames, dimensions)."""
        return next(self.slabs([clip]))[1]

    def slabs(self, clips: Sequence[int]) -> Iterator[tuple[list[int], Tensor]]:
        """The vectors of `clips` in order, as few reads as may be: (some of the clips, their vectors (frames, D)).

        Clips that follow each other in the file are read together, about `SLAB` frames at once. The vectors may be
        changed; they are overwritten by the next ones.
        """
        buffer = np.empty((0, self.dimensions), np.float32)
        with open(self.file, "rb", buffering=0) as file:
            for slab in self._slabs(clips):
                frames = int(self.lengths[slab].sum())
                if frames > len(buffer):
                    buffer = np.empty((frames + SLAB, self.dimensions), np.float32)
                file.seek(self._offset + int(self._starts[slab[0]]) * self.dimensions * buffer.itemsize)
                vectors = buffer[:frames]
                if file.readinto(vectors.data.cast("B")) != vectors.nbytes:
                    raise UserError(f"{self.file}: cut short; delete it and run again")
                yield slab, torch.from_numpy(vectors)

    def _slabs(self, clips: Sequence[int]) -> Iterator[list[int]]:
        slab: list[int] = []
        frames = 0
        for clip in clips:
            if slab and (frames >= SLAB or self._starts[clip] != self._starts[slab[-1]] + self.lengths[slab[-1]]):
                yield slab
                slab, frames = [], 0
            slab.append(clip)
            frames += int(self.lengths[clip])
        if slab:
            yield slab

    @cached_property
    def moments(self) -> Moments:
        """Of all clips, in one pass over the file; enough for the Z-norm and the mean vectors of every split."""
        counts = torch.from_numpy(self.lengths)
        sums, squares = (torch.zeros(len(counts), self.dimensions, dtype=torch.float64) for _ in range(2))
        shift = None
        for slab, frames in self.slabs(range(len(counts))):
            vectors, owner = frames.double(), torch.tensor(slab).repeat_interleave(counts[slab])
            if shift is None:  # near all means, so that the squares do not cancel
                shift = vectors.mean(dim=0)
            sums.index_add_(0, owner, vectors.sub_(shift))
            squares.index_add_(0, owner, vectors.square_())
        assert shift is not None, "a manifest has clips"
        means = sums.div_(counts[:, None])
        squares.addcmul_(means * counts[:, None], means, value=-1).clamp_(min=0)
        return Moments(counts, means.add_(shift), squares)


@dataclass(frozen=True)
class ZNorm:
    """Z-normalisation per dimension; the identity if nothing was fitted."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, moments: Moments, clips: Sequence[int]) -> ZNorm:
        """Mean and standard deviation over all frames of `clips` together.

        Give train clips only. A dimension with no spread is left at 0. Statistics per video would make every video's
        mean exactly zero.
        """
        weights = torch.zeros(len(moments.counts), dtype=torch.float64)
        weights[list(clips)] = 1
        counts = weights * moments.counts
        frames = counts.sum()
        mean = counts @ moments.means / frames
        # Chan, Golub, LeVeque 1983: exact where the textbook formula cancels.
        squares = weights @ moments.squares + counts @ (moments.means - mean).square_()
        std = (squares / frames).sqrt()
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
