"""Does the order of frames matter? The frames of each chunk in another order, for a second test.

A network that has learnt from what changes between frames loses by it; one that has learnt from the frames' content,
of which there is as much as before, does not.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from torch import nn

from recurrent_residual.chunks import Chunk


def sees_order(network: nn.Module, *, frames: int) -> bool:
    """Whether the order of the frames that a network reads of a chunk can change its score.

    Not where it reads one, nor where each of its outputs sees one (`context`) and their average counts: that is the
    same in any order. A network that does not say its `context` sees all that it reads.
    """
    reads = getattr(network, "reads", frames)
    return reads > 1 and getattr(network, "context", reads) > 1


def shuffled(chunk: Chunk) -> Chunk:
    """The chunk with its frames in another order, of which each is equally likely; the same one for the same chunk.

    It is drawn by the clip's name and the chunk's first frame, so it depends on no other chunk. Frames that a short
    clip repeats may change places; where all are one the order stays.
    """
    frames = list(chunk.frames)
    if len(set(frames)) == 1:
        return chunk
    random = Random(f"{chunk.video} {frames[0]}")
    while tuple(frames) == chunk.frames:
        random.shuffle(frames)
    return replace(chunk, frames=tuple(frames))
