"""What of the test clips goes through a network at once, and which clip each score belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from recurrent_residual.chunks import Chunk, cut, samples_of
from recurrent_residual.errors import UserError
from recurrent_residual.manifest import Clip
from recurrent_residual.shuffling import shuffled as in_another_order

WINDOWS = ("disjoint", "dense")


@dataclass
class Pass:
    """Chunks that are scored each by itself; or chunks of one frame, of which a network's `dense` makes the windows."""

    chunks: list[Chunk] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """For each score, the index of its clip."""
    lengths: list[int] = field(default_factory=list)
    """For `dense` only: frames of each video in `chunks`."""

    @property
    def frames(self) -> int:
        """Frames that go through the network."""
        return sum(len(chunk.frames) for chunk in self.chunks)


def plan(
    network: nn.Module,
    clips: Sequence[Clip],
    *,
    frames: int,
    every: int,
    windows: str,
    batch: int,
    shuffled: bool = False,
) -> list[Pass]:
    """All passes of a test, of about `batch` frames each.

    Args:
        network: of chunks of `frames` frames, of which it looks at the last `network.reads`.
        clips: the test clips.
        frames: T.
        every: frames between two samples.
        windows: "disjoint", chunks one after the other; or "dense", one ending at each sample from the T-th on.
        batch: a pass has no more frames, unless a single chunk has.
        shuffled: of each chunk the frames that the network looks at are in another order (`shuffling.shuffled`).
    """
    if windows not in WINDOWS:
        raise UserError(f"evaluation.windows: {windows!r} is none of {', '.join(WINDOWS)}")
    reads = getattr(network, "reads", frames)
    if windows == "dense" and hasattr(network, "dense") and not shuffled:
        return list(_of_videos(clips, length=frames, reads=reads, every=every, batch=batch))
    # A network that cannot share its work among windows sees a frame once for each; nor can one whose windows have each
    # an order of their own.
    chunks = cut(clips, length=frames, every=every, reads=reads, step=1 if windows == "dense" else None)
    if shuffled:
        chunks = [in_another_order(chunk) for chunk in chunks]
    size = max(1, batch // reads)
    parts = [chunks[i : i + size] for i in range(0, len(chunks), size)]
    return [Pass(part, [chunk.clip for chunk in part]) for part in parts]


def _of_videos(clips: Sequence[Clip], *, length: int, reads: int, every: int, batch: int) -> Iterator[Pass]:
    """Whole videos together; one of more than `batch` frames in pieces, which share the frames of a window but one."""
    step = max(1, batch - reads + 1)  # windows of a piece
    full = Pass()
    for number, clip in enumerate(clips):
        samples = samples_of(clip, length=length, every=every)[length - reads :]
        for start in range(0, len(samples) - reads + 1, step):
            piece = samples[start : start + step + reads - 1]
            if full.chunks and len(full.chunks) + len(piece) > batch:
                yield full
                full = Pass()
            full.chunks += [Chunk(number, clip.class_name, clip.video, clip.label, (frame,)) for frame in piece]
            full.owners += [number] * (len(piece) - reads + 1)
            full.lengths.append(len(piece))
    yield full
