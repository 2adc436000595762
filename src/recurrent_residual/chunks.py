"""Chunks: a video's sampled frames, T at a time (Section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from recurrent_residual.frames import sampled_frames
from recurrent_residual.manifest import Clip


class JpegSource(Protocol):
    """Where a frame's JPEG comes from; `recurrent_residual.frames.FrameReader` is the one of the workflow."""

    def read(self, class_name: str, video: str, frame: int) -> bytes | memoryview:
        """The JPEG of frame number `frame` (from 0) of the clip `video` of a class."""
        ...


@dataclass(frozen=True)
class Chunk:
    """T sampled frames of one video, or those of them that a network looks at."""

    clip: int
    """Index of the clip in the list that was cut."""
    class_name: str
    video: str
    label: int
    frames: tuple[int, ...]


def samples_of(clip: Clip, *, length: int, every: int) -> list[int]:
    """A clip's every `every`-th frame; one with fewer than `length` repeats its last."""
    samples = list(sampled_frames(clip.frames, every))
    return samples + samples[-1:] * (length - len(samples))


def cut(
    clips: Sequence[Clip], *, length: int, every: int, reads: int | None = None, step: int | None = None
) -> list[Chunk]:
    """Divide each clip's every `every`-th frame into chunks of `length` frames that do not overlap.

    A short tail is dropped; a clip with fewer than `length` samples repeats its last, so that every clip has a chunk.
    Of each chunk only the last `reads` frames are kept (None: all), those that the network looks at. `step`: samples
    from one chunk's start to the next one's (None: `length`); 1 gives a chunk for each sample from the `length`-th on.
    """
    chunks = []
    for number, clip in enumerate(clips):
        samples = samples_of(clip, length=length, every=every)
        for start in range(0, len(samples) - length + 1, step or length):
            frames = tuple(samples[start : start + length][-(reads or length) :])
            chunks.append(Chunk(number, clip.class_name, clip.video, clip.label, frames))
    return chunks
