"""All runs of one experiment together: errors by split and seed, means, and resampled groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.results import FinishedRun, read_finished
from recurrent_residual.statistics.groups import Groups, interval


@dataclass(frozen=True)
class SplitTest:
    """The test of one experiment's runs on one split: ordinary (plain), or with each chunk's frames shuffled."""

    wrong: np.ndarray
    """Whether each clip was classified wrongly by each seed's run, (clips, seeds) bool."""
    samples: np.ndarray
    """Mean error over the seeds on resampled groups, (RESAMPLES,); the same draws for every experiment of the split."""
    groups: Groups
    """Groups of the clips."""

    @property
    def errors(self) -> np.ndarray:
        """The error of each seed, (seeds,)."""
        return self.wrong.mean(axis=0)


@dataclass(frozen=True)
class Result:
    """All runs of one experiment."""

    model: str
    """The model of its entry in experiments.yaml."""
    runs: dict[int, list[FinishedRun]]
    """Runs by split, sorted by seed; splits without a run are left out."""
    plain: dict[int, SplitTest]
    """The test of each split's runs."""
    shuffled: dict[int, SplitTest]
    """The test with shuffled frames, of the splits all of whose runs have it."""
    expected: int
    """Number of runs that the configuration asks for."""

    @property
    def all_runs(self) -> list[FinishedRun]:
        """Every run, by split and seed."""
        return [run for runs in self.runs.values() for run in runs]

    def tests(self, *, shuffled: bool = False) -> dict[int, SplitTest]:
        """By split, the ordinary test or that with shuffled frames."""
        return self.shuffled if shuffled else self.plain

    def summary(self, splits: Sequence[int], *, shuffled: bool = False) -> dict[str, Any] | None:
        """Mean error over `splits`, of each the mean over its seeds; None unless every split was tested.

        `sd` is the standard deviation over the seeds (n - 1) of a single split with several of them, else None;
        `interval` is that of the choice of test groups, the seeds being averaged.
        """
        tests = self.tests(shuffled=shuffled)
        if not splits or not set(splits) <= set(tests):
            return None
        errors = [tests[split].errors for split in splits]
        several = len(splits) == 1 and len(errors[0]) > 1
        return {
            "splits": list(splits),
            "error": float(np.mean([np.mean(of_split) for of_split in errors])),
            "sd": float(np.std(errors[0], ddof=1)) if several else None,
            "seeds": [len(of_split) for of_split in errors],
            "interval": interval(np.mean([tests[split].samples for split in splits], axis=0)),
        }


def read_results(
    runs: Path,
    models: Mapping[str, str],
    wanted: Sequence[tuple[int, int]],
    groups: Mapping[str, str],
) -> dict[str, Result]:
    """The runs of all experiments that the configuration asks for, as far as they are there.

    Args:
        runs: the folder of all runs.
        models: the experiments and the model of each.
        wanted: (split, seed) of every run of one experiment.
        groups: the group of each clip, by its name.

    Raises:
        UserError: a run is damaged, two of a split were tested on other clips, or on one that `groups` lacks.
    """
    found: dict[str, dict[int, list[FinishedRun]]] = {name: {} for name in models}
    for name, of_splits in found.items():
        for split, seed in wanted:
            if run := read_finished(runs / name / f"split{split}" / f"seed{seed}"):
                of_splits.setdefault(split, []).append(run)
    tests: dict[bool, dict[str, dict[int, SplitTest]]] = {kind: {name: {} for name in models} for kind in (False, True)}
    for split in sorted({split for split, _ in wanted}):
        of_split = {name: runs[split] for name, runs in found.items() if split in runs}
        for (name, shuffled), test in _tests(of_split, split, groups):
            tests[shuffled][name][split] = test
    return {
        name: Result(model, found[name], tests[False][name], tests[True][name], expected=len(wanted))
        for name, model in models.items()
    }


def _tests(
    runs: Mapping[str, Sequence[FinishedRun]], split: int, names: Mapping[str, str]
) -> list[tuple[tuple[str, bool], SplitTest]]:
    """The tests of all experiments on a split, by name and whether frames were shuffled, all on the same draws."""
    if not runs:
        return []
    groups = _common_groups([run for of_name in runs.values() for run in of_name], names)
    wrong = {(name, False): np.stack([run.wrong for run in of_name], axis=1) for name, of_name in runs.items()}
    for name, of_name in runs.items():
        columns = [run.wrong_shuffled for run in of_name if run.wrong_shuffled is not None]
        if len(columns) == len(of_name):
            wrong[name, True] = np.stack(columns, axis=1)
    samples = groups.resample(np.stack([of_test.mean(axis=1) for of_test in wrong.values()], axis=1), seed=split)
    resampled = np.clip(samples, 0, 1).T  # where the draws are spread, groups can count a little less than not at all
    return [(key, SplitTest(wrong[key], column, groups)) for key, column in zip(wrong, resampled, strict=True)]


def _common_groups(runs: Sequence[FinishedRun], names: Mapping[str, str]) -> Groups:
    """The groups of the clips that all `runs` of a split were tested on."""
    for run in runs[1:]:
        if not np.array_equal(run.videos, runs[0].videos):
            raise UserError(
                f"{run.folder}: was tested on other clips than {runs[0].folder}; remove the older one and run again"
            )
    try:
        return Groups.of(np.array([names[video] for video in runs[0].videos], dtype=str), runs[0].labels)
    except KeyError as error:
        raise UserError(
            f"{runs[0].folder}: was tested on {error.args[0]}, which is no clip of the manifest; run the test again"
        ) from None
