"""How long the paper's trainings take at measured speeds: the arithmetic, line by line."""

from __future__ import annotations

from collections.abc import Mapping

from recurrent_residual.benchmarks.results import Number
from recurrent_residual.datasets import ucf101

# Every 10th frame of split 1's train clips, in chunks by their length (docs of the data; counted on UCF-101). Other
# clips are taken to be as long.
CHUNKS = {1: 181_500, 2: 88_452, 3: 57_390, 5: 32_732}
RUNS = {"3 splits": {1: 1, 2: 1, 3: 1}, "3 splits, 3 seeds on split 1": {1: 3, 2: 1, 3: 1}}


def frames_an_epoch(frames: int, reads: int) -> int:
    """Frames that pass through a network in an epoch of split 1, whose chunks of `frames` it `reads` in part."""
    return CHUNKS[frames] * reads


def train_size(seeds: Mapping[int, int]) -> float:
    """Train clips of all trainings of a network, `seeds` of them by split, in units of split 1's."""
    return sum(count * ucf101.SPLIT_SIZES[split][0] for split, count in seeds.items()) / ucf101.SPLIT_SIZES[1][0]


def test_size(seeds: Mapping[int, int]) -> float:
    """Test clips of all tests of a network, in units of split 1's train clips."""
    return sum(count * ucf101.SPLIT_SIZES[split][1] for split, count in seeds.items()) / ucf101.SPLIT_SIZES[1][0]


def hours(frames: float, speed: float) -> float:
    """Time for so many frames."""
    return frames / speed / 3600


def cost_rows(
    speeds: Mapping[str, float],
    sizes: Mapping[str, tuple[int, int]],
    *,
    share: float,
    epochs: int,
    test: float | None,
    features: float | None,
) -> list[dict[str, str | Number]]:
    """A row a network's trainings, one for all tests, one for the baselines' features, and the sum.

    Args:
        speeds: frames a second of each network's training on frames that lie on the device.
        sizes: frames in a chunk, and how many of them it reads.
        share: end to end, of that speed.
        epochs: of each training.
        test: frames a second of a test; None leaves the tests out.
        features: of the features of all clips, which are extracted once; None leaves them out.
    """
    # What, its frames once, frames a second, and its frames in all.
    parts: list[tuple[str, float, float, dict[str, float]]] = []
    train = {name: frames_an_epoch(*sizes[name]) for name in speeds}
    for name, speed in speeds.items():
        work = {runs: train[name] * epochs * train_size(seeds) for runs, seeds in RUNS.items()}
        parts.append((name, train[name], speed * share, work))
    if test is not None:
        work = {runs: sum(train.values()) * test_size(seeds) for runs, seeds in RUNS.items()}
        parts.append(("tests of all of these", sum(train.values()) * test_size({1: 1}), test, work))
    if features is not None:
        clips = CHUNKS[1] * ucf101.CLIPS / ucf101.SPLIT_SIZES[1][0]
        parts.append(("the baselines' features", clips, features, dict.fromkeys(RUNS, clips)))
    own = {what: {runs: hours(work[runs], speed) for runs in RUNS} for what, _, speed, work in parts}
    together = {runs: sum(each[runs] for each in own.values()) for runs in RUNS}
    rows = [_row(what, once, speed, own[what], "{:.2f}") for what, once, speed, _ in parts]
    return [*rows, _row("together", None, None, together, "{:.1f}")]


def _row(
    what: str, once: float | None, speed: float | None, hours: Mapping[str, float], form: str
) -> dict[str, str | Number]:
    return {
        "what": what,
        "frames": Number(once),
        "frames/s end to end": Number(speed),
        **{f"hours, {runs}": Number(value, form) for runs, value in hours.items()},
    }
