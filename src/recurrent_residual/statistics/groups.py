"""How far errors would move with other test clips: a bootstrap over groups.

Clips of a group share a scene, so the group is the independent unit and not the clip: intervals drawn over clips are
too narrow. The classes are fixed, so groups are drawn within their class; with the few groups that a class has (seven,
in UCF-101) drawing n of n would make every variance too small by (n - 1) / n, so n - 1 are drawn and each counts
n / (n - 1) times (Rao and Wu, Resampling inference with complex survey data, JASA 83, 1988). Percentiles of few groups
are those of a normal distribution where Student's t would be right, so draws are spread by the ratio of the two
(Hesterberg, What teachers should know about the bootstrap, American Statistician 69, 2015): 2.6 % for 56 groups in 8
classes, 0.2 % for UCF-101's 707. All columns of one call see the same draws, so their differences are paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from recurrent_residual.statistics import LEVEL, RESAMPLES

TIE = 1e-9
"""Resampled values this close to a boundary lie on it: what is left of a difference of equal sums."""


@dataclass(frozen=True)
class Groups:
    """The groups of a split's test clips."""

    of_clip: np.ndarray
    """Number of each clip's group, (clips,)."""
    of_class: np.ndarray
    """Number of each group's class, (groups,)."""

    @classmethod
    def of(cls, groups: np.ndarray, classes: np.ndarray) -> Groups:
        """The groups of clips whose `groups` and `classes`, both (clips,), are names or numbers.

        A group's name needs to be its own within its class only.
        """
        by_class = np.unique(classes, return_inverse=True)[1]
        by_name = np.unique(groups, return_inverse=True)[1]
        pairs, of_clip = np.unique(np.stack([by_class, by_name]), axis=1, return_inverse=True)
        return cls(of_clip.ravel(), pairs[0])

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(self.of_class)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of groups within their classes; a group alone in its class adds none."""
        return self.count - len(np.unique(self.of_class))

    @property
    def spread(self) -> float:
        """Student's quantile over the normal's, for the degrees of freedom of groups within classes.

        Not more than for ten: draws spread further would count groups so negatively that a mean left its range.
        """
        tail = (1 - LEVEL) / 2
        return float(stats.t.ppf(tail, max(self.degrees, 10)) / stats.norm.ppf(tail))

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Sums by group, (groups, columns), of `values`, (clips, columns)."""
        columns = [np.bincount(self.of_clip, weights=column, minlength=self.count) for column in values.T]
        return np.stack(columns, axis=1) if columns else np.empty((self.count, 0))

    def draw(self, *, seed: int, size: int = RESAMPLES) -> np.ndarray:
        """How much each group counts in each of `size` draws, (size, groups); a class's counts sum to its groups."""
        rng = np.random.default_rng(seed)
        counts = np.ones((size, self.count))
        for members in np.split(np.argsort(self.of_class, kind="stable"), np.cumsum(np.bincount(self.of_class))[:-1]):
            if (n := len(members)) > 1:
                counts[:, members] = rng.multinomial(n - 1, np.full(n, 1 / n), size=size) * (n / (n - 1))
        return 1 + self.spread * (counts - 1)

    def resample(self, values: np.ndarray, *, seed: int, size: int = RESAMPLES) -> np.ndarray:
        """Means of `values` over the clips of resampled groups, (size, columns).

        Args:
            values: (clips, columns); 1 where a clip was classified wrongly gives the error.
            seed: of the drawing; equal seeds give equal draws.
        """
        draws = self.draw(seed=seed, size=size)
        return (draws @ self.totals(values)) / (draws @ np.bincount(self.of_clip))[:, None]

    def variance(self, values: np.ndarray) -> np.ndarray:
        """The variance of the mean of `values` over other groups of the same classes, (columns,), in closed form.

        That of a ratio within strata, linearised; `resample`'s is `spread` squared times this.
        """
        sizes = np.bincount(self.of_clip)
        rest = (self.totals(values) - sizes[:, None] * values.mean(axis=0)) / sizes.sum()
        members = np.bincount(self.of_class)
        means = Groups(self.of_class, np.arange(len(members))).totals(rest) / members[:, None]
        factor = np.where(members > 1, members / np.maximum(members - 1, 1), 0)
        return factor[self.of_class] @ (rest - means[self.of_class]) ** 2


def interval(samples: np.ndarray) -> list[float]:
    """Lower and upper end of the central interval of `LEVEL` (percentiles)."""
    tail = (1 - LEVEL) / 2
    return [float(end) for end in np.quantile(samples, [tail, 1 - tail])]


def p_value(beyond: np.ndarray) -> float:
    """Two-sided p of "the truth lies on the boundary": twice the share of draws that do not lie on the estimate's side.

    One is added to both counts, so that no finite number of draws gives zero (Davison and Hinkley, Bootstrap Methods
    and their Application, 1997, section 4.4).

    Args:
        beyond: how far each draw lies beyond the boundary, on the side where the estimate is; zero or less where it
            lies on the boundary or on the other side.
    """
    return float(min(1.0, 2 * (1 + np.sum(beyond <= TIE)) / (1 + len(beyond))))
