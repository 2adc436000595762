"""Protects how a video is divided: M sequences of T frames that do not overlap (Section 3.3)."""

from hypothesis import given
from hypothesis import strategies as st
from made_frames import made_clip

from recurrent_residual.chunks import cut


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


@given(frames=st.integers(1, 200), length=st.integers(1, 5), every=st.integers(1, 12))
def test_a_step_of_one_gives_a_chunk_for_each_sample_that_ends_one(frames: int, length: int, every: int) -> None:
    chunks = cut([made_clip(1, frames=frames)], length=length, every=every, step=1)
    samples = list(range(0, frames, every))
    samples += samples[-1:] * (length - len(samples))
    assert [chunk.frames[-1] for chunk in chunks] == samples[length - 1 :]
    assert all(list(chunk.frames) == samples[i : i + length] for i, chunk in enumerate(chunks))


def test_only_the_frames_that_are_looked_at_are_kept() -> None:
    """A network with one skip that is trained on chunks of four looks at the last two."""
    chunks = cut([made_clip(1, frames=80)], length=4, every=10, reads=2)
    assert [chunk.frames for chunk in chunks] == [(20, 30), (60, 70)]
