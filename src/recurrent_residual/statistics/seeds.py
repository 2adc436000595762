"""How far an error would move with other seeds of the training, apart from the choice of the test groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recurrent_residual.statistics.groups import Groups


@dataclass(frozen=True)
class SeedNoise:
    """The noise of one training's error over its seeds, pooled over trainings of one kind."""

    variance: float
    """Of the error (a share) over seeds, on the same test clips."""
    degrees: int
    """Degrees of freedom of `variance`: seeds less one, summed over what was pooled."""
    of_groups: float
    """The part of `variance` that stems from single groups, which a bootstrap over groups holds already."""

    def variances(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Variances to add to those of resampled groups, (size,), as uncertain as `degrees` leave them.

        Scaled inverse chi-squared: noise drawn with them is t-distributed. What `of_groups` holds is not added twice.
        """
        drawn = self.variance * self.degrees / rng.chisquare(self.degrees, size)
        return np.maximum(0.0, drawn - self.of_groups)


def pooled(tests: Sequence[tuple[np.ndarray, Groups]]) -> SeedNoise | None:
    """The noise over seeds within each of `tests`; None unless one of them has several seeds.

    Args:
        tests: for each experiment and split whether each clip was wrong, (clips, seeds), and the groups of the clips.
    """
    squares = of_groups = 0.0
    degrees = 0
    for wrong, groups in tests:
        if wrong.shape[1] < 2:
            continue
        rest = wrong - wrong.mean(axis=1, keepdims=True)
        squares += float(np.sum(rest.mean(axis=0) ** 2))
        of_groups += float(np.sum(groups.variance(rest)))
        degrees += wrong.shape[1] - 1
    return SeedNoise(squares / degrees, degrees, of_groups / degrees) if degrees else None
