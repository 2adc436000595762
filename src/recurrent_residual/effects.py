"""How much fewer errors one side of a comparison has than another, and how sure that is.

A side is the mean of some experiments' errors, or a printed number. On each split an experiment's error is the mean
over its seeds; splits count the same. Two things make a difference uncertain, and are kept apart: which groups of clips
are in the test set, and which seeds the trainings had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from recurrent_residual.experiment_results import Result, SplitTest
from recurrent_residual.statistics import RESAMPLES
from recurrent_residual.statistics.seeds import SeedNoise, pooled
from recurrent_residual.statistics.tests import mcnemar

NOISE_SEED = 20_170_628  # apart from those of the groups, which are the splits' numbers


@dataclass(frozen=True)
class Side:
    """What stands on one side of a comparison: experiments' mean error, or a printed number."""

    experiments: tuple[str, ...] = ()
    """Those whose mean error it is; empty for a printed number."""
    shuffled: bool = False
    """Whether it is their test with the frames of each chunk shuffled."""
    printed: float | None = None
    """A number of the paper's, without any noise."""


@dataclass(frozen=True)
class Effect:
    """The errors of two sides on the same splits, and what they might have been."""

    first: float
    second: float
    groups: tuple[np.ndarray, np.ndarray]
    """Both sides' errors on resampled groups, (RESAMPLES,) each."""
    total: tuple[np.ndarray, np.ndarray] | None
    """The same with the noise of the seeds added; None where it is not known."""
    seed_error: float | None
    """Standard error of the difference (a share) over seeds, on the same clips; None where it is not known."""
    splits: list[int]
    clips: int
    """Test clips of all splits."""
    group_count: int
    """Their groups."""
    degrees: int
    """Degrees of freedom of the groups within their classes."""
    mcnemar: dict[str, Any] | None
    """McNemar's test on the first seeds, all splits' clips pooled; None where a side is no single experiment."""


class Comparer:
    """Compares sides by the runs of one report; what all comparisons share is computed once."""

    def __init__(self, results: Mapping[str, Result]):
        self.results = results
        self.noise = cache(self._pooled_noise)

    def splits(self, *sides: Side, of: Sequence[int]) -> list[int]:
        """The splits among `of` on which every experiment of `sides` was tested."""
        tests = [self._tests(name, side.shuffled) for side in sides for name in side.experiments]
        return [split for split in of if all(split in of_test for of_test in tests)]

    def effect(self, first: Side, second: Side, splits: Sequence[int]) -> Effect:
        """Both sides on `splits`, on each of which their experiments were tested; one side at least is not printed."""
        names = [name for side in (first, second) for name in side.experiments]
        tests = [self.results[names[0]].plain[split] for split in splits]
        groups = (self._samples(first, splits), self._samples(second, splits))
        noise = self._seed_noise(first, second, splits)
        return Effect(
            first=self.error(first, splits),
            second=self.error(second, splits),
            groups=groups,
            total=noise and (np.clip(groups[0] + noise[0], 0, 1), np.clip(groups[1] + noise[1], 0, 1)),
            seed_error=noise and noise[2],
            splits=list(splits),
            clips=sum(len(test.wrong) for test in tests),
            group_count=sum(test.groups.count for test in tests),
            degrees=sum(test.groups.degrees for test in tests),
            mcnemar=self._mcnemar(first, second, splits),
        )

    def error(self, side: Side, splits: Sequence[int]) -> float:
        """The error of a side, a share."""
        if side.printed is not None:
            return side.printed
        tests = [self._tests(name, side.shuffled)[split] for name in side.experiments for split in splits]
        return float(np.mean([test.errors.mean() for test in tests]))

    def _tests(self, name: str, shuffled: bool) -> dict[int, SplitTest]:
        return self.results[name].tests(shuffled=shuffled) if name in self.results else {}

    def _samples(self, side: Side, splits: Sequence[int]) -> np.ndarray:
        if side.printed is not None:
            return np.full(RESAMPLES, side.printed)
        tests = [self._tests(name, side.shuffled)[split] for name in side.experiments for split in splits]
        return np.mean([test.samples for test in tests], axis=0)

    def _seed_noise(
        self, first: Side, second: Side, splits: Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray, float] | None:
        """Noise to add to both sides' samples, and the standard error of the difference that it stands for.

        An experiment on both sides (with and without its frames shuffled) has the same seeds on both: the noise is that
        of the difference, and is given to the first side.
        """
        rng = np.random.default_rng(NOISE_SEED)
        weights: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, 2)))  # (first or second, plain or shuffled)
        for number, side in enumerate((first, second)):
            for name in side.experiments:
                weights[name][number, int(side.shuffled)] += 1 / len(side.experiments)
        drawn: dict[SeedNoise, np.ndarray] = {}
        noise, squared = np.zeros((2, RESAMPLES)), 0.0
        for name, (of_first, of_second) in weights.items():
            number = 0 if of_first.any() else 1
            combined = of_first - of_second
            size = float(np.abs(combined).max())
            if not size:
                continue
            kind = self.noise(self.results[name].model, *(combined / size))
            if kind is None:
                return None
            seeds = [self.results[name].plain[split].wrong.shape[1] for split in splits]
            share = size**2 * sum(1 / count for count in seeds) / len(splits) ** 2
            if kind not in drawn:
                drawn[kind] = kind.variances(rng, RESAMPLES)
            noise[number] += rng.standard_normal(RESAMPLES) * np.sqrt(share * drawn[kind])
            squared += share * kind.variance
        return noise[0], noise[1], float(np.sqrt(squared))

    def _pooled_noise(self, model: str, plain: float = 1, shuffled: float = 0) -> SeedNoise | None:
        """The noise over seeds of `plain` times the error plus `shuffled` times that with shuffled frames."""
        tests = []
        for result in self.results.values():
            for split, test in result.plain.items() if result.model == model else ():
                values = plain * test.wrong
                if shuffled and split not in result.shuffled:
                    continue
                if shuffled:
                    values = values + shuffled * result.shuffled[split].wrong
                tests.append((values, test.groups))
        return pooled(tests)

    def _mcnemar(self, first: Side, second: Side, splits: Sequence[int]) -> dict[str, Any] | None:
        if len(first.experiments) != 1 or len(second.experiments) != 1:
            return None
        wrong = [
            np.concatenate([self._tests(side.experiments[0], side.shuffled)[split].wrong[:, 0] for split in splits])
            for side in (first, second)
        ]
        return mcnemar(*wrong)


def seed_noise_by_model(results: Mapping[str, Result]) -> dict[str, dict[str, float | int]]:
    """Standard deviation of one training's error over seeds in points, and its degrees of freedom, by model.

    Pooled within experiments and splits; a model of which no split has two seeds is left out.
    """
    comparer = Comparer(results)
    noises = {model: comparer.noise(model) for model in sorted({result.model for result in results.values()})}
    return {
        model: {"sd": 100 * noise.variance**0.5, "degrees": noise.degrees} for model, noise in noises.items() if noise
    }
