"""The naive way to the pixels of some chunks, for tests to compare with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import simplejpeg
import torch

from recurrent_residual.chunks import Chunk, JpegSource


def decoded(source: JpegSource, chunks: Iterable[Chunk]) -> list[torch.Tensor]:
    """Each chunk's frames, (T, 3, H, W) uint8, one after the other."""
    loaded = []
    for chunk in chunks:
        frames = [simplejpeg.decode_jpeg(source.read(chunk.class_name, chunk.video, n), "RGB") for n in chunk.frames]
        loaded.append(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2))
    return loaded
