"""How many frames pass through the networks: counted in the manifest, or expected where there is none yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from recurrent_residual.benchmarks.paper_cost import CHUNKS
from recurrent_residual.datasets import TEST, TRAIN, ucf101
from recurrent_residual.doctor.plan import Plan
from recurrent_residual.manifest import Clip, read_manifest
from recurrent_residual.tuning.hold_out import SPLIT, hold_out

TUNING = 0  # the tuning's clips, where a split is asked for: split 1's train clips, of which some groups are held out
GROUPS = 25  # of a class of UCF-101, of which 18 are train groups in each split
TRAIN_GROUPS = 18
# In the mean: a clip of n frames has ceil(n / every) samples, which is 0.45 more than n / 10.
UCF101_FRAMES = 10 * (CHUNKS[1] / ucf101.SPLIT_SIZES[1][0] - 0.45)


@dataclass(frozen=True)
class Reading:
    """How a network looks at a clip: chunks of `length` of every `every`-th frame, of which it reads the last `reads`.

    `dense`: a window ends at each sample from the `length`-th on, and a frame passes through the network once; `alone`:
    a frame passes once for each window that it is in. `context`: frames that one output sees.
    """

    length: int = 1
    reads: int = 1
    every: int = 10
    dense: bool = False
    alone: bool = False
    context: int = 1

    @classmethod
    def of(cls, settings: Mapping[str, Any], *, dense: bool = False) -> Reading | None:
        """From an experiment's settings; None for a model that this does not know.

        Said here once more than in `models.recurrent_resnet`, which needs torch; a test compares the two.
        """
        if settings["model"] != "recurrent_resnet":
            return None
        own = settings["settings"]
        context = len(own["skips"]) + 1
        length = own.get("frames") or context
        reads = context if own.get("readout", "last") == "last" else length
        return cls(length, reads, settings["training"]["every"], dense, context=context)

    @property
    def shuffled(self) -> Reading | None:
        """How it looks at the test with shuffled frames; None where no order can matter (`shuffling.sees_order`)."""
        return replace(self, alone=True) if self.reads > 1 and self.context > 1 else None


class Volume(Protocol):
    """The clips of a configuration, as far as one knows them."""

    @property
    def source(self) -> str:
        """Where the numbers are from, in words."""
        ...

    @property
    def clips(self) -> int:
        """All clips."""
        ...

    @property
    def source_frames(self) -> float:
        """Frames of all videos, before any is left out."""
        ...

    def frames(self, role: str, split: int, reading: Reading) -> float:
        """Frames that pass through a network once over the clips that are train or test in a split (or `TUNING`)."""
        ...

    def sampled(self, every: int) -> float:
        """Every `every`-th frame of all clips."""
        ...


class Counted:
    """Counted in a manifest."""

    def __init__(self, clips: Sequence[Clip], held_out_groups: Sequence[int], *, name: str = "the manifest") -> None:
        self.source = f"counted in {name}"
        self._clips, self._groups = clips, held_out_groups
        self._lengths: dict[tuple[str, int], Counter[int]] = {}

    @property
    def clips(self) -> int:
        """All clips."""
        return len(self._clips)

    @property
    def source_frames(self) -> int:
        """Frames of all videos."""
        return sum(clip.frames for clip in self._clips)

    def frames(self, role: str, split: int, reading: Reading) -> int:
        """As `Volume` says. Raises `UserError` where the tuning's groups are none of the manifest."""
        if (key := (role, split)) not in self._lengths:
            clips = hold_out(self._clips, self._groups) if split == TUNING else self._clips
            of = SPLIT if split == TUNING else split
            self._lengths[key] = Counter(clip.frames for clip in clips if clip.role(of) == role)
        return sum(count * _passes(frames, reading) for frames, count in self._lengths[key].items())

    def sampled(self, every: int) -> int:
        """As `Volume` says."""
        return sum(_passes(clip.frames, Reading(every=every)) for clip in self._clips)


def _passes(frames: int, reading: Reading) -> int:
    """Frames that pass through a network of a clip of so many: those of `chunks.cut` and `passes.plan`, counted."""
    samples = max(-(-frames // reading.every), reading.length)
    if reading.dense and reading.alone:
        return (samples - reading.length + 1) * reading.reads
    if reading.dense:
        return samples - (reading.length - reading.reads)
    return samples // reading.length * reading.reads


@dataclass(frozen=True)
class Expected:
    """Clips of which only the number is known: split as the official lists do, and all of one mean length."""

    clips: int
    mean: float
    """Frames of a clip."""
    whose: str
    """Whose mean length it is."""
    shares: Mapping[int, tuple[float, float]]
    """Split -> the share of all clips that is train, and test."""
    held_out: int
    """Groups of the tuning."""

    @property
    def source(self) -> str:
        """Where the numbers are from, in words."""
        return (
            f"expected, for {self.clips:,} clips of {self.mean:.0f} frames, {self.whose} mean, without a manifest yet"
        )

    @property
    def source_frames(self) -> float:
        """Frames of all videos."""
        return self.clips * self.mean

    def frames(self, role: str, split: int, reading: Reading) -> float:
        """As `Volume` says."""
        samples = max(self._samples(reading.every), reading.length)
        if reading.dense and reading.alone:
            once = (samples - reading.length + 1) * reading.reads
        elif reading.dense:
            once = samples - (reading.length - reading.reads)
        else:  # of the samples that a clip has, (length - 1) / 2 are dropped in the mean
            once = max(1.0, (samples - (reading.length - 1) / 2) / reading.length) * reading.reads
        return self.clips * self._share(role, split) * once

    def sampled(self, every: int) -> float:
        """As `Volume` says."""
        return self.clips * self._samples(every)

    def _samples(self, every: int) -> float:
        return self.mean / every + (every - 1) / (2 * every)

    def _share(self, role: str, split: int) -> float:
        if split == TUNING:
            held_out = min(1.0, self.held_out / TRAIN_GROUPS)
            return self.shares[SPLIT][0] * (held_out if role == TEST else 1 - held_out)
        return self.shares[split][(TRAIN, TEST).index(role)]


def volume(plan: Plan, wanted_clips: int) -> Volume:
    """What is known of a plan's clips, `wanted_clips` in number where there is no manifest yet."""
    groups = plan.settings["tuning"]["held_out_groups"]
    manifest = plan.results / "manifest.tsv"
    if manifest.is_file():
        return Counted(read_manifest(manifest), groups, name=str(manifest))
    mean, whose = UCF101_FRAMES, "UCF-101's"
    if plan.source == "demo":
        from recurrent_residual.demo.scenes import LENGTHS

        mean, whose = sum(LENGTHS) / len(LENGTHS), "the demo's"
    shares = {
        split: (train / plan.dataset.CLIPS, test / plan.dataset.CLIPS)
        for split, (train, test) in plan.dataset.SPLIT_SIZES.items()
    }
    a_group = plan.settings["dataset"]["clips_per_group"]
    most = plan.classes * GROUPS * a_group if a_group else wanted_clips
    return Expected(min(wanted_clips, most), mean, whose, shares, len(groups))
