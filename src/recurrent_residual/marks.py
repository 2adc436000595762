"""Marks of a table's rows: whether ours agrees with the paper's number, and which rows share the least error.

The noise of the seeds counts where it is known. Where it is not, with one seed everywhere, a mark says less than a
claim's verdict, which is "cannot be told" then: it speaks of these trainings, and not of others with another seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.effects import Comparer, Side
from recurrent_residual.experiment_results import Result
from recurrent_residual.statistics import LEVEL, MIN_DEGREES
from recurrent_residual.statistics.groups import interval, p_value
from recurrent_residual.statistics.tests import holm


class Differences:
    """Differences of two sides' errors on the splits of a table, resampled, and whether seeds count in all of them."""

    def __init__(self, results: Mapping[str, Result], splits: Sequence[int]):
        self.comparer = Comparer(results)
        self.splits = splits
        self._counted: list[bool] = []

    @property
    def seeds_counted(self) -> bool | None:
        """Whether the noise of the seeds was known for every difference taken so far; None where none was taken."""
        return all(self._counted) if self._counted else None

    def samples(self, first: Side, second: Side) -> np.ndarray:
        """First minus second, (RESAMPLES,)."""
        effect = self.comparer.effect(first, second, self.splits)
        self._counted.append(effect.total is not None)
        errors, others = effect.total or effect.groups
        return errors - others

    def trusted(self, experiment: str | None) -> bool:
        """Whether an experiment was tested on all of the splits, on groups enough for an interval."""
        result = self.comparer.results.get(experiment or "")
        tests = result.plain if result else {}
        if not self.splits or not set(self.splits) <= set(tests):
            return False
        return sum(tests[split].groups.degrees for split in self.splits) >= MIN_DEGREES


def table_marks(
    rows: Sequence[Mapping[str, Any]], results: Mapping[str, Result], splits: Sequence[int], *, comparable: bool
) -> tuple[list[dict[str, Any]], bool | None]:
    """What a table says of each of its rows beyond its numbers.

    Args:
        rows: each with "experiment" (its name or None) and "paper" (a mapping with "error", a share or None).
        results: the experiments that were run.
        splits: those whose mean error stands beside the paper's.
        comparable: whether the report's numbers may stand beside the paper's; if not, no row agrees or disagrees.

    Returns:
        For each row "shuffled" (the summary of its test with shuffled frames), "difference_interval" (ours minus the
        paper's in points), "agrees" (the paper's number lies "within" our interval, or ours is "better" or "worse") and
        "best" (whether the paired test, with Holm's correction for the table, cannot tell it from the row with our
        least error). None is what cannot be said; the last three are None where the groups have fewer than
        `MIN_DEGREES` degrees of freedom. And whether the noise of the seeds was known for all of these three; None
        where there is none of them.
    """
    differences = Differences(results, splits)
    best = best_rows([row["experiment"] for row in rows], differences)
    marks = []
    for row, is_best in zip(rows, best, strict=True):
        result = results.get(row["experiment"] or "")
        difference = difference_interval(row["experiment"], row["paper"]["error"], differences)
        marks.append(
            {
                "shuffled": result.summary(splits, shuffled=True) if result else None,
                "difference_interval": difference,
                "agrees": agreement(*difference) if difference and comparable else None,
                "best": is_best,
            }
        )
    return marks, differences.seeds_counted


def difference_interval(experiment: str | None, printed: float | None, differences: Differences) -> list[float] | None:
    """The interval of our error minus a printed one, in points; None where there is none to be trusted."""
    if experiment is None or printed is None or not differences.trusted(experiment):
        return None
    return [100 * end for end in interval(differences.samples(Side((experiment,)), Side(printed=printed)))]


def agreement(low: float, high: float) -> str:
    """What the interval of ours minus the paper's says."""
    return "better" if high < 0 else "worse" if low > 0 else "within"


def best_rows(experiments: Sequence[str | None], differences: Differences) -> list[bool | None]:
    """For each row whether its experiment has the least error or cannot be told from that which has it.

    None for a row that was not run on all splits, or on too few groups for an interval; and for every row where fewer
    than two experiments are left.
    """
    run = [name for name in dict.fromkeys(experiments) if name is not None and differences.trusted(name)]
    if len(run) < 2:
        return [None] * len(experiments)
    errors = {name: differences.comparer.error(Side((name,)), differences.splits) for name in run}
    least = min(errors, key=lambda name: errors[name])
    p_values = {name: p_value(differences.samples(Side((name,)), Side((least,)))) for name in run if name != least}
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    verdicts = {name: name == least or corrected[name] >= 1 - LEVEL for name in run}
    return [verdicts.get(name) if name else None for name in experiments]
