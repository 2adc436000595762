"""Made test results with a known truth: groups with a difficulty of their own, in classes of different difficulty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recurrent_residual.experiment_results import Result, SplitTest
from recurrent_residual.statistics.groups import Groups

PER_CLASS = 7


@dataclass(frozen=True)
class World:
    """Classes whose groups are drawn anew for every test set, and two models, the second a little worse."""

    classes: int
    class_difficulty: np.ndarray
    sizes: np.ndarray
    """Clips of each group, (groups,)."""
    seed_shift: float = 0.0
    """How much a seed shifts the difficulty of all clips (logits)."""
    seed_on_groups: float = 0.0
    """How much a seed shifts that of each group."""

    @property
    def groups(self) -> Groups:
        """The groups of the clips, in the clips' order."""
        of_class = np.repeat(np.arange(self.classes), PER_CLASS)
        return Groups(np.repeat(np.arange(len(of_class)), self.sizes), of_class)

    def probabilities(self, rng: np.random.Generator, sets: int, seeds: int = 1) -> np.ndarray:
        """Of an error in each group, (models, groups, sets, seeds): one drawing of groups a set."""
        shape = (len(self.sizes), sets, 1)
        base = np.repeat(self.class_difficulty, PER_CLASS)[:, None, None] + rng.normal(0, 1.5, shape)
        models = []
        for offset in (0.0, 0.4):
            logit = base + offset + rng.normal(0, 0.5, shape)
            shift = rng.normal(0, self.seed_shift, (1, sets, seeds))
            on_groups = rng.normal(0, self.seed_on_groups, (len(self.sizes), sets, seeds))
            models.append(1 / (1 + np.exp(-(logit + shift + on_groups))))
        return np.stack(models)

    def truth(self) -> np.ndarray:
        """The expected error of both models, (2,), over all groups and seeds that there might be."""
        probabilities = self.probabilities(np.random.default_rng(99), 160_000 // self.classes)
        return np.tensordot(probabilities.mean(axis=(2, 3)), self.sizes / self.sizes.sum(), axes=1)

    def wrong(self, rng: np.random.Generator, sets: int, seeds: int = 1) -> np.ndarray:
        """Which clips both models got wrong, (models, clips, sets, seeds) bool."""
        return rng.random((2, self.sizes.sum(), sets, seeds)) < self.probabilities(rng, sets, seeds).repeat(
            self.sizes, axis=1
        )


def world(classes: int, *, seed: int, **noise: float) -> World:
    """A world of `classes` classes with seven test groups of 2 to 7 clips each, as UCF-101 has."""
    rng = np.random.default_rng(seed)
    return World(classes, rng.normal(-1.5, 1.0, classes), rng.integers(2, 8, classes * PER_CLASS), **noise)


def results(wrong: np.ndarray, groups: Groups, *, model: str = "recurrent_resnet", split: int = 1) -> dict[str, Result]:
    """Results of experiments "e0", "e1", ... on a split, wrong on these clips, (experiments, clips, seeds)."""
    samples = np.clip(groups.resample(wrong.mean(axis=2).T, seed=split), 0, 1)
    return {
        f"e{number}": Result(model, {}, {split: SplitTest(of_run, samples[:, number], groups)}, {}, expected=1)
        for number, of_run in enumerate(wrong)
    }
