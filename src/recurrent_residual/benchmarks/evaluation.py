"""Speed of the test: on frames that lie on the device, and from JPEGs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from recurrent_residual.benchmarks.bench import PLAIN, Bench
from recurrent_residual.benchmarks.made_frames import EVERY
from recurrent_residual.benchmarks.networks import NETWORK
from recurrent_residual.benchmarks.peak import synchronise
from recurrent_residual.benchmarks.results import NOT_MEASURED, Number, Quartiles
from recurrent_residual.benchmarks.turns import Turn, take_turns
from recurrent_residual.device import autocast, place
from recurrent_residual.features import extract_features
from recurrent_residual.folding import fold_batch_norm
from recurrent_residual.frames import FrameReader
from recurrent_residual.inference import predict_network
from recurrent_residual.manifest import Clip

FEATURES = "frozen features, full precision"
TEST = f"{NETWORK}, disjoint"
MODES = {
    f"{PLAIN}, frame by frame": (PLAIN, "disjoint"),
    **{f"{NETWORK}, {w}": (NETWORK, w) for w in ("disjoint", "dense")},
}
SAMPLES = 16  # frames of a video, where they lie on the device
FEATURES_AT_ONCE = 128  # the configuration's features.batch
NOTE = (
    "Batch norm is folded into the convolutions; frames count where they pass through the network, once each, with "
    "dense windows, too. From JPEGs: the whole test of the made clips, over and over, with `decoder: auto`. cuDNN "
    "takes the kernels that it holds for fast and tries none, as in the workflow."
)


@torch.inference_mode()
def test_speeds(bench: Bench) -> Mapping[str, float]:
    """Measure disjoint and dense windows beside the plain ResNet, and the baselines' features; frames/s from JPEGs."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False):
        turns = {mode: _turn(bench, *of) for mode, of in MODES.items()}
        plain, *others = turns
        pairs = {mode: (turns[mode], turns[plain]) for mode in others}
        speeds = take_turns(pairs, rounds=bench.rounds, left=lambda: bench.left("test"))
        own = {plain: speeds[others[0]].rival, **{mode: speed.own for mode, speed in speeds.items()}}
        works = {mode: partial(_test, bench, *of) for mode, of in MODES.items()}
        works[FEATURES] = partial(_features, bench)
        from_jpegs = {
            mode: _from_jpegs(bench, work, seconds=bench.left("test from JPEGs") / (len(works) - i))
            for i, (mode, work) in enumerate(works.items())
        }
    rows = [
        {
            "test": mode,
            "frames/s on the device": Number(median(own[mode]) if mode in own else None),
            "times plain: median (quartiles)": Quartiles(speeds[mode].ratios) if mode in speeds else NOT_MEASURED,
            "frames/s from JPEGs": Number(speed),
        }
        for mode, speed in from_jpegs.items()
    ]
    bench.results.table(f"Test, {bench.architecture}", rows, NOTE)
    return from_jpegs


def _turn(bench: Bench, name: str, windows: str) -> Callable[[], float]:
    """Passes of frames that lie on the device."""
    network = bench.network(name)
    folded: Any = place(fold_batch_norm(network), bench.device)
    frames = bench.test_frames
    if windows == "dense":
        x = bench.input(frames, 3, bench.size, bench.size)
        lengths = [SAMPLES] * (frames // SAMPLES)

        def score() -> Tensor:
            return folded.dense(x, lengths)
    else:
        x = bench.input(frames // network.reads, network.reads, 3, bench.size, bench.size)

        def score() -> Tensor:
            return folded(x)

    def work() -> None:
        with autocast(bench.device):
            score().exp()

    turn = Turn(work, calls=bench.steps, frames=frames, device=bench.device)
    turn()  # the first time, much is loaded
    return turn


def _from_jpegs(bench: Bench, work: Callable[[int], int], *, seconds: float) -> float:
    """Frames a second of `work`, which goes over the made clips so many times at least, in about half of `seconds`."""

    def timed(times: int) -> tuple[int, float]:
        started = time.perf_counter()
        frames = work(times)
        synchronise(bench.device)
        return frames, time.perf_counter() - started

    _, first = timed(1)
    if bench.device.type == "cuda":
        _, first = timed(1)  # the first time, much is loaded
    frames, taken = timed(max(1, int(seconds / 2 / first)))
    return frames / taken


def _test(bench: Bench, name: str, windows: str, times: int) -> int:
    """The test of the made clips with a network of random weights; the frames that passed through it."""
    network = bench.network(name)
    samples = -(-bench.clips[0].frames // EVERY)
    of_clip = samples if windows == "dense" else samples // network.reads * network.reads
    clips, batch = in_whole_passes(bench.clips, of_clip, at_once=bench.test_frames, times=times)
    predict_network(
        network,
        clips,
        FrameReader(bench.folder),
        frames=network.frames,
        every=EVERY,
        view=bench.view,
        batch=batch,
        device=bench.device,
        workers=bench.workers,
        windows=windows,
        progress_seconds=3600,
    )
    return len(clips) * of_clip


def _features(bench: Bench, times: int) -> int:
    """The features of the made clips by a network of random weights; their frames."""
    samples = -(-bench.clips[0].frames // EVERY)
    clips, batch = in_whole_passes(bench.clips, samples, at_once=FEATURES_AT_ONCE, times=times)
    with TemporaryDirectory(dir=bench.folder) as folder:
        return extract_features(
            bench.plain().backbone,
            clips,
            FrameReader(bench.folder),
            Path(folder),
            every=EVERY,
            view=bench.view,
            batch=batch,
            device=bench.device,
            workers=bench.workers,
            progress_seconds=3600,
        )


def in_whole_passes(clips: list[Clip], of_clip: int, *, at_once: int, times: int) -> tuple[list[Clip], int]:
    """The clips over and over, and the frames of a pass, such that all passes are of one size.

    A pass of a new size would cost what only the first of each size does.

    Args:
        clips: of equal length.
        of_clip: frames of each that pass through the network.
        at_once: the most frames of a pass, unless a single clip has more.
        times: how often to go over the clips, at least.
    """
    together = max(1, at_once // of_clip)
    passes = -(-times * len(clips) // together)
    return list(itertools.islice(itertools.cycle(clips), passes * together)), together * of_clip
