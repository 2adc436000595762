"""Which test clips to look at: where two networks differ most, and where they differ as usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.results import read_predictions
from recurrent_residual.runs import Run

GAIN, LOSS, TYPICAL, CHOSEN = "largest gain", "largest loss", "typical", "chosen"


@dataclass(frozen=True)
class Predictions:
    """What a test left, sorted by the clips' names."""

    videos: list[str]
    classes: list[str]
    """The true class of each clip."""
    probabilities: np.ndarray
    """(clips, classes) float32."""
    labels: np.ndarray
    """(clips,), the true classes' columns."""

    @property
    def of_true_class(self) -> np.ndarray:
        """(clips,), the probability of each clip's true class."""
        return self.probabilities[np.arange(len(self.labels)), self.labels].astype(float)


@dataclass(frozen=True)
class Choice:
    """A clip to look at."""

    video: str
    why: str
    """`GAIN`, `LOSS` or `TYPICAL`; `CHOSEN` for one that somebody named."""
    gain: float
    """The true class's probability, one network's minus the other's."""


def read(run: Run) -> Predictions:
    """What the test of a run left.

    Raises:
        UserError: the run was not trained or not tested, or its predictions are damaged.
    """
    if not (run.folder / "predictions.parquet").exists():
        raise UserError(
            f"{run.folder}: has no predictions.parquet; {run.experiment} was not run on split {run.split} with seed "
            f"{run.seed}, or not tested: do that first"
        )
    table = read_predictions(run.folder, "class", "probabilities").sort_by("video")
    return Predictions(
        table["video"].to_pylist(),
        table["class"].to_pylist(),
        np.stack(table["probabilities"].to_numpy()) if len(table) else np.empty((0, 0), np.float32),
        table["label"].to_numpy(),
    )


def gains(experiment: Predictions, beside: Predictions) -> np.ndarray:
    """(clips,), the true class's probability by one network minus that by the other.

    Raises:
        UserError: the two were not tested on the same clips.
    """
    if experiment.videos != beside.videos or experiment.classes != beside.classes:
        raise UserError("predictions.parquet: the two experiments were not tested on the same clips; test both again")
    return experiment.of_true_class - beside.of_true_class


def choose(videos: Sequence[str], classes: Sequence[str], gain: np.ndarray, *, clips: int) -> list[Choice]:
    """Pick clips: a third with the largest gain, a third with the largest loss, the others nearest to the median gain.

    They are picked in turn, each of a class that none before it has, where there is one; ties go by name. Where nothing
    is gained (or lost) more clips are typical ones.

    Args:
        videos: the clips' names.
        classes: the clips' classes.
        gain: (clips,), as `gains` gives it.
        clips: how many to pick, if there are as many.

    Returns:
        The largest gains, then the largest losses, then the typical clips, each in the order in which it was picked.
    """
    middle = float(np.median(gain)) if len(gain) else 0.0
    every = range(len(videos))
    by_rule = {
        GAIN: sorted((i for i in every if gain[i] > 0), key=lambda i: (-gain[i], videos[i])),
        LOSS: sorted((i for i in every if gain[i] < 0), key=lambda i: (gain[i], videos[i])),
        TYPICAL: sorted(every, key=lambda i: (abs(gain[i] - middle), videos[i])),
    }
    picked: dict[int, str] = {}
    for turn in range(min(clips, len(videos))):
        for why in (list(by_rule)[turn % 3], TYPICAL):
            left = [i for i in by_rule[why] if i not in picked]
            if left:
                seen = {classes[i] for i in picked}
                picked[next((i for i in left if classes[i] not in seen), left[0])] = why
                break
    order = sorted(picked, key=lambda i: list(by_rule).index(picked[i]))
    return [Choice(videos[i], picked[i], float(gain[i])) for i in order]


def named(names: Sequence[str], videos: Sequence[str], gain: np.ndarray, *, split: int) -> list[Choice]:
    """The clips of these names, in their order.

    Raises:
        UserError: one is no test clip of the split.
    """
    place = {video: i for i, video in enumerate(videos)}
    for name in names:
        if name not in place:
            raise UserError(f"--videos: {name} is no test clip of split {split}; manifest.tsv has those that are")
    return [Choice(name, CHOSEN, float(gain[place[name]])) for name in dict.fromkeys(names)]


def rule(gain: np.ndarray, chosen: Sequence[Choice], *, split: int, seed: int) -> str:
    """How the clips were chosen, in a sentence."""
    if chosen and all(choice.why == CHOSEN for choice in chosen):
        return f"Chosen by hand from the {len(gain):,} test clips of split {split} (seed {seed})."
    count = {why: sum(choice.why == why for choice in chosen) for why in (GAIN, LOSS, TYPICAL)}
    return (
        f"Of the {len(gain):,} test clips of split {split} (seed {seed}), by the gain, the true class's probability by "
        f"the first network minus that by the one beside it: {count[GAIN]} with the largest gain, {count[LOSS]} with "
        f"the largest loss and {count[TYPICAL]} typical, nearest to the median gain of {np.median(gain):+.3f}; of "
        "different classes where there are such, ties by name."
    )
