"""Chunks: a video's sampled frames, T at a time (Section 3.3), and the loading of their pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import simplejpeg
import torch
from torch import Tensor

from recurrent_residual.frames import sampled_frames
from recurrent_residual.manifest import Clip


class JpegSource(Protocol):
    """Where a frame's JPEG comes from; `recurrent_residual.frames.FrameReader` is the one of the workflow."""

    def read(self, class_name: str, video: str, frame: int) -> bytes | memoryview:
        """The JPEG of frame number `frame` (from 0) of the clip `video` of a class."""
        ...


@dataclass(frozen=True)
class Chunk:
    """T sampled frames of one video."""

    clip: int
    """Index of the clip in the list that was cut."""
    class_name: str
    video: str
    label: int
    frames: tuple[int, ...]


def cut(clips: Sequence[Clip], *, length: int, every: int) -> list[Chunk]:
    """Divide each clip's every `every`-th frame into chunks of `length` frames that do not overlap.

    A short tail is dropped; a clip with fewer than `length` samples repeats its last, so that every clip has a chunk.
    """
    chunks = []
    for number, clip in enumerate(clips):
        samples = list(sampled_frames(clip.frames, every))
        samples += samples[-1:] * (length - len(samples))
        for start in range(0, len(samples) - length + 1, length):
            frames = tuple(samples[start : start + length])
            chunks.append(Chunk(number, clip.class_name, clip.video, clip.label, frames))
    return chunks


def load(source: JpegSource, chunks: Iterable[Chunk]) -> list[Tensor]:
    """Decode the frames of some chunks: a list of (T, 3, H, W) uint8, since videos may differ in size."""
    loaded = []
    for chunk in chunks:
        jpegs = (source.read(chunk.class_name, chunk.video, frame) for frame in chunk.frames)
        frames = [simplejpeg.decode_jpeg(jpeg, "RGB") for jpeg in jpegs]
        loaded.append(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2))
    return loaded


def load_ahead(
    source: JpegSource, batches: Iterable[Sequence[Chunk]], *, workers: int, ahead: int = 2
) -> Iterator[list[Tensor]]:
    """`load` each batch in order, the next ones being decoded by threads while the caller works on this one.

    simplejpeg's decoder releases the interpreter lock, so threads suffice. A batch is shared among all `workers`.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        waiting: deque[list[Future[list[Tensor]]]] = deque()
        for batch in batches:
            part = -(-len(batch) // workers)
            waiting.append([pool.submit(load, source, batch[i : i + part]) for i in range(0, len(batch), part)])
            if len(waiting) > ahead:
                yield [chunk for future in waiting.popleft() for chunk in future.result()]
        while waiting:
            yield [chunk for future in waiting.popleft() for chunk in future.result()]
