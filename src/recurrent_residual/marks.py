"""Marks of a table's rows: whether ours agrees with the paper's number, and which rows share the least error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recurrent_residual.effects import Comparer, Side
from recurrent_residual.experiment_results import Result
from recurrent_residual.statistics import LEVEL
from recurrent_residual.statistics.groups import p_value
from recurrent_residual.statistics.tests import holm


def row_marks(
    rows: Sequence[Mapping[str, Any]], results: Mapping[str, Result], splits: Sequence[int]
) -> list[dict[str, Any]]:
    """What a table says of each of its rows beyond its numbers.

    Args:
        rows: each with "experiment" (its name or None) and "paper" (a mapping with "error", a share or None).
        results: the experiments that were run.
        splits: those whose mean error stands beside the paper's.

    Returns:
        For each row "shuffled" (the summary of its test with shuffled frames), "difference_interval" (ours minus the
        paper's in points, over the choice of test groups), "agrees" (the paper's number lies "within" our interval, or
        ours is "better" or "worse") and "best" (whether the paired test, with Holm's correction for the table, cannot
        tell it from the row with our least error). None is what cannot be said.
    """
    best = best_rows([row["experiment"] for row in rows], results, splits)
    marks = []
    for row, is_best in zip(rows, best, strict=True):
        result = results.get(row["experiment"] or "")
        summary = result.summary(splits) if result else None
        difference = None
        if summary and row["paper"]["error"] is not None:
            difference = [100 * (end - row["paper"]["error"]) for end in summary["interval"]]
        marks.append(
            {
                "shuffled": result.summary(splits, shuffled=True) if result else None,
                "difference_interval": difference,
                "agrees": difference and agreement(*difference),
                "best": is_best,
            }
        )
    return marks


def agreement(low: float, high: float) -> str:
    """What the interval of ours minus the paper's says."""
    return "better" if high < 0 else "worse" if low > 0 else "within"


def best_rows(
    experiments: Sequence[str | None], results: Mapping[str, Result], splits: Sequence[int]
) -> list[bool | None]:
    """For each row whether its experiment has the least error or cannot be told from that which has it.

    The noise of the seeds counts where it is known. None for a row that was not run on all of `splits`, and for every
    row where fewer than two experiments were.
    """
    comparer = Comparer(results)
    run = [name for name in dict.fromkeys(experiments) if name is not None and name in results]
    errors = {name: summary["error"] for name in run if (summary := results[name].summary(splits))}
    if len(errors) < 2:
        return [None] * len(experiments)
    least = min(errors, key=lambda name: errors[name])
    p_values = {}
    for name in errors:
        if name != least:
            effect = comparer.effect(Side((name,)), Side((least,)), splits)
            first, second = effect.total or effect.groups
            p_values[name] = p_value(first - second)
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    verdicts = {name: name == least or corrected[name] >= 1 - LEVEL for name in errors}
    return [verdicts.get(name) if name else None for name in experiments]
