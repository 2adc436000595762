"""Protects how a video is divided: M sequences of T frames that do not overlap (Section 3.3)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_frames import MadeSource, made_clip

from recurrent_residual.chunks import cut, load, load_ahead


@given(frames=st.integers(1, 400), length=st.integers(1, 7), every=st.integers(1, 12))
def test_chunks_follow_each_other_without_overlap(frames: int, length: int, every: int) -> None:
    """Chunks one after the other are the samples 0, n, 2n, ... but for a tail shorter than a chunk."""
    chunks = cut([made_clip(1, frames=frames)], length=length, every=every)
    samples = list(range(0, frames, every))
    assert all(len(chunk.frames) == length for chunk in chunks)
    joined = [frame for chunk in chunks for frame in chunk.frames]
    if len(samples) >= length:
        assert joined == samples[: len(samples) // length * length]
    else:
        assert joined == samples + [samples[-1]] * (length - len(samples))


def test_the_shortest_clip_of_ucf101_repeats_its_last_sample() -> None:
    """28 frames have 3 samples at every 10th; a context of five repeats the last."""
    assert cut([made_clip(1, frames=28)], length=5, every=10)[0].frames == (0, 10, 20, 20, 20)


def test_chunks_keep_their_clip_and_label() -> None:
    clips = [made_clip(1, label=0), made_clip(2, label=3)]
    assert [(c.clip, c.label, c.class_name, c.video) for c in cut(clips, length=5, every=10)] == [
        (0, 0, "Class0", clips[0].video),
        (1, 3, "Class3", clips[1].video),
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_loading_ahead_gives_what_loading_gives_in_order(workers: int) -> None:
    clips = [made_clip(i, label=i % 3) for i in range(1, 8)]
    source, chunks = MadeSource(clips), cut(clips, length=2, every=10)
    batches = [chunks[i : i + 4] for i in range(0, len(chunks), 4)]
    for batch, loaded in zip(batches, load_ahead(source, batches, workers=workers), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(load(source, batch), loaded, strict=True))
        assert all(chunk.shape == (2, 3, 24, 32) and chunk.dtype == torch.uint8 for chunk in loaded)
