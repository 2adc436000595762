"""What each stage of a run costs: work times rate, with the source of both; None wherever nobody has measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recurrent_residual.config import Experiment
from recurrent_residual.datasets import TEST, TRAIN, ucf101
from recurrent_residual.doctor.estimates import EVERY, Estimate
from recurrent_residual.doctor.plan import Plan
from recurrent_residual.planning.dry_run import Command, DryRun
from recurrent_residual.planning.rates import Rate, Rates
from recurrent_residual.planning.volume import TUNING, Reading, Volume

EXAMPLE = 1000
"""Frames a second, for the arithmetic that stands where nobody measured a rate."""
EXTRACTION = 12_810  # source frames a second
EXTRACTION_SOURCE = "one core of an AMD EPYC (README.md, Benchmarks; every 10th to JPEG)"
# Seconds of a processor for an epoch of UCF-101's train clips: 18 trainings of 50 epochs in 116.0 s, 18 of 8 in 412.3.
BASELINES = {"average_pool": 116.0 / (18 * 50), "gru": 412.3 / (18 * 8)}
BASELINES_SOURCE = "528 s for 36 trainings at UCF-101's size on an AMD EPYC (docs/performance.md), scaled"
TARGETS = ("all", "fetch", "tune")  # they do nothing themselves
GPU_STAGES = ("pretrain", "extract_features", "train_network", "tune_network", "evaluate_network")


@dataclass(frozen=True)
class Line:
    """A stage of the run: a rule of the workflow. Hours and bytes: None is not measured or not known, 0 is none."""

    stage: str
    jobs: int
    gpu_hours: float | None = 0.0
    cpu_hours: float | None = None
    """For a job with a GPU, its hours times the processor threads that it holds."""
    longest: float | None = None
    """Hours of the longest job, which a time limit has to allow for."""
    disk: float | None = 0.0
    """Bytes written that stay, but for the videos' archive."""
    download: float | None = 0.0
    """Bytes."""
    how: str = ""
    """How the hours came about, with the rate and its source."""


@dataclass(frozen=True)
class Work:
    """What one job passes through a network, in frames."""

    experiment: str
    training: float = 0.0
    """Forward and backward."""
    test: float = 0.0
    """Forward alone."""


@dataclass(frozen=True)
class Basis:
    """What the lines are computed from."""

    plan: Plan
    experiments: Mapping[str, Experiment]
    run: DryRun
    volume: Volume
    rates: Rates
    whole: Estimate
    """Bytes of the whole run, whatever is done already."""
    classes: int
    """Classes that the whole run uses."""


def lines(basis: Basis) -> list[Line]:
    """A line a stage, in the order of the work."""
    return [_line(stage, jobs, basis) for stage, jobs in basis.run.jobs.items()]


def total(lines: Sequence[Line], column: str) -> tuple[float, bool]:
    """The sum of what is known of a column, and whether that is all."""
    values = [getattr(line, column) for line in lines]
    return sum(value for value in values if value is not None), None not in values


def _line(stage: str, jobs: int, basis: Basis) -> Line:
    disk, download = _sizes(stage, jobs, basis)
    return replace(_hours(stage, jobs, basis), disk=disk, download=download)


def _hours(stage: str, jobs: int, basis: Basis) -> Line:
    if stage in TARGETS:
        return Line(stage, jobs, cpu_hours=0.0)
    if stage in GPU_STAGES:
        return _with_network(stage, jobs, basis)
    if stage == "extract_frames":
        return _extraction(stage, jobs, basis)
    if stage in ("train_baseline", "tune_baseline"):
        return _baselines(stage, jobs, basis)
    return Line(stage, jobs)


def _sizes(stage: str, jobs: int, basis: Basis) -> tuple[float | None, float | None]:
    """Bytes that a stage writes, and downloads."""
    plan, whole = basis.plan, basis.whole
    if stage == "download_videos":
        return whole.archive, plan.dataset.VIDEOS[0].bytes
    if stage == "download_lists":
        return 0.0, plan.dataset.LISTS[0].bytes
    if stage == "download_weights":
        entry = plan.known_weights[plan.settings["backbone"]["architecture"]][plan.weights.name]
        return entry.get("bytes"), entry.get("bytes")
    disk = {
        "unpack_videos": whole.videos,
        "extract_frames": whole.frames * jobs / max(1, basis.classes),
        "extract_features": whole.features,
        "train_network": whole.network * jobs,
    }
    return disk.get(stage, 0.0), 0.0


# Without a network


def _extraction(stage: str, jobs: int, basis: Basis) -> Line:
    frames = basis.volume.source_frames * jobs / max(1, basis.classes)
    hours = frames / EXTRACTION / 3600
    how = f"{_count(frames)} source frames, {EXTRACTION:,} a second on {EXTRACTION_SOURCE}"
    return Line(stage, jobs, cpu_hours=hours, longest=hours / jobs, how=how)


def _baselines(stage: str, jobs: int, basis: Basis) -> Line:
    each = [_baseline_hours(command, basis) for command in basis.run.of(stage)]
    known = [hours for hours in each if hours is not None]
    if len(known) < jobs:
        return Line(stage, jobs, how="not measured for a model of your own")
    return Line(stage, jobs, cpu_hours=sum(known), longest=max(known), how=BASELINES_SOURCE)


def _baseline_hours(command: Command, basis: Basis) -> float | None:
    """Processor hours of one job; None for a model that was not measured."""
    settings = json.loads(command.one("settings"))
    seconds = BASELINES.get(settings["model"])
    if seconds is None:
        return None
    trainings = len(command.options.get("runs") or command.options["learning-rates"])
    # An average is taken once of a clip; the GRU reads each of its frames.
    frames = EVERY / settings["features"]["every"] if settings["model"] == "gru" else 1
    clips = basis.volume.clips / ucf101.CLIPS
    return seconds * trainings * settings["baselines"]["epochs"] * clips * frames / 3600


# With a network


def _with_network(stage: str, jobs: int, basis: Basis) -> Line:
    works = [work for command in basis.run.of(stage) if (work := _work(command, basis))]
    if len(works) < jobs:
        return Line(stage, jobs, gpu_hours=None, how=_unknown(stage))
    training, test = sum(work.training for work in works), sum(work.test for work in works)
    parts = [
        f"{_count(frames)} frames {direction}{_at(rate, works)}"
        for frames, direction, rate in (
            (training, "forward and backward", basis.rates.training),
            (test, "forward", basis.rates.test),
        )
        if frames
    ]
    how = "; ".join(parts)
    each = [_job_hours(work, basis.rates) for work in works]
    known = [hours for hours in each if hours is not None]
    if len(known) < jobs:
        example = (training + test) / EXAMPLE / 3600
        how += f": not measured; at {EXAMPLE:,} frames/s it would be {example:.1f} hours (arithmetic, no estimate)"
        return Line(stage, jobs, gpu_hours=None, how=how)
    hours, threads = sum(known), basis.plan.settings["threads"]
    used = (basis.rates.training if training else None, basis.rates.test if test else None)
    on_gpu = all(rate.gpu for rate in used if rate)
    return Line(stage, jobs, hours if on_gpu else 0.0, hours * threads, max(known), how=how)


def _unknown(stage: str) -> str:
    if stage == "pretrain":
        return "made still images: not measured"
    return "not measured: how many frames a model of your own reads is not known here"


def _job_hours(work: Work, rates: Rates) -> float | None:
    """Hours of one job; None where a rate is lacking."""
    if (work.training and not rates.training) or (work.test and not rates.test):
        return None
    training = work.training / rates.training.of(work.experiment) if rates.training else 0
    test = work.test / rates.test.of(work.experiment) if rates.test else 0
    return (training + test) / 3600


def _at(rate: Rate | None, works: Sequence[Work]) -> str:
    """The rate, or from the slowest to the fastest, and its source."""
    if rate is None:
        return ""
    speeds = sorted(rate.of(work.experiment) for work in works)
    low, high = f"{speeds[0]:,.0f}", f"{speeds[-1]:,.0f}"
    return f" at {low if low == high else f'{low} to {high}'} frames/s ({rate.source})"


def _work(command: Command, basis: Basis) -> Work | None:
    """What a job passes through its network; None where that is not known."""
    if command.script == "extract_features":
        return Work("", test=basis.volume.sampled(int(command.one("every"))))
    if command.script == "evaluate_network":
        return _test_work(command, basis)
    if command.script == "pretrain":
        return None
    name, settings = command.one("experiment"), json.loads(command.one("settings"))
    reading = Reading.of(settings)
    if reading is None:
        return None
    epochs = settings["training"]["epochs"]
    if command.script == "train_network":
        return Work(name, epochs * basis.volume.frames(TRAIN, int(command.one("split")), reading))
    at_test = Reading.of(settings, dense=command.one("windows") == "dense")
    assert at_test is not None
    held_out = basis.volume.frames(TEST, TUNING, at_test)
    return Work(name, epochs * basis.volume.frames(TRAIN, TUNING, reading), epochs * held_out)


def _test_work(command: Command, basis: Basis) -> Work | None:
    name = command.one("experiment")
    reading = Reading.of(basis.experiments[name].settings, dense=command.one("windows") == "dense")
    if reading is None:
        return None
    splits = [int(run.partition(":")[0]) for run in command.options["runs"]]
    tests = [reading, reading.shuffled] if reading.shuffled else [reading]  # in order, and shuffled
    return Work(name, test=sum(basis.volume.frames(TEST, split, each) for split in splits for each in tests))


def _count(frames: float) -> str:
    """A number of frames as people write it."""
    return f"{frames / 1e6:.1f} million" if frames >= 1e6 else f"{frames:,.0f}"
