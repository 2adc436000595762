"""All runs of one experiment together: errors by split and seed, means, and resampled groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.intervals import bootstrap, interval
from recurrent_residual.results import FinishedRun, read_finished


@dataclass(frozen=True)
class Result:
    """All runs of one experiment."""

    runs: dict[int, list[FinishedRun]]
    """Runs by split, sorted by seed; splits without a run are left out."""
    samples: dict[int, np.ndarray]
    """Errors on resampled groups, by split (see `intervals`)."""
    expected: int
    """Number of runs that the configuration asks for."""

    @property
    def all_runs(self) -> list[FinishedRun]:
        """Every run, by split and seed."""
        return [run for runs in self.runs.values() for run in runs]

    def errors(self, split: int) -> list[float]:
        """The error of each seed on a split."""
        return [run.metrics["error"] for run in self.runs[split]]

    def summary(self, splits: Sequence[int]) -> dict[str, Any] | None:
        """Mean error over `splits`, of each the mean over its seeds; None unless every split was run.

        `sd` is the standard deviation over the seeds (n - 1) of a single split with several of them, else None.
        """
        if not splits or not set(splits) <= set(self.runs):
            return None
        several = len(splits) == 1 and len(self.runs[splits[0]]) > 1
        return {
            "splits": list(splits),
            "error": float(np.mean([np.mean(self.errors(split)) for split in splits])),
            "sd": float(np.std(self.errors(splits[0]), ddof=1)) if several else None,
            "seeds": [len(self.runs[split]) for split in splits],
            "interval": interval(np.mean([self.samples[split] for split in splits], axis=0)),
        }


def read_result(runs: Path, experiment: str, wanted: Sequence[tuple[int, int]]) -> Result:
    """The runs of one experiment that the configuration asks for, as far as they are there.

    Args:
        runs: the folder of all runs.
        experiment: its name.
        wanted: (split, seed) of every run.
    """
    found: dict[int, list[FinishedRun]] = {}
    for split, seed in wanted:
        if run := read_finished(runs / experiment / f"split{split}" / f"seed{seed}"):
            found.setdefault(split, []).append(run)
    for of_split in found.values():
        same_clips(of_split)
    samples = {split: bootstrap(of_split, split=split) for split, of_split in found.items()}
    return Result(found, samples, expected=len(wanted))


def check_same_clips(results: Mapping[str, Result]) -> None:
    """All experiments of a split must have been tested on the same clips.

    Raises:
        UserError: naming two folders that were not.
    """
    for split in {split for result in results.values() for split in result.runs}:
        same_clips([result.runs[split][0] for result in results.values() if split in result.runs])


def same_clips(runs: Sequence[FinishedRun]) -> None:
    """Raise a UserError unless all `runs` were tested on the same clips."""
    for run in runs[1:]:
        if not np.array_equal(run.videos, runs[0].videos):
            raise UserError(
                f"{run.folder}: was tested on other clips than {runs[0].folder}; remove the older one and run again"
            )
