"""What changed between the rows of two reports' tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.report.differing import differing

SIDES = ("a", "b")


def row_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """What `comparing.compare` says of the rows of the reports `a` and `b`."""
    rows = [{row["id"]: row for table in report["tables"] for row in table["rows"]} for report in (a, b)]
    ran = [[key for key, row in own.items() if any(row["by_split"].values())] for own in rows]
    both = [key for key in ran[0] if key in ran[1]]
    shuffled = [[key for key in both if own[key]["shuffled"]] for own in rows]
    published = [
        {f"{key} {name}": number for key, row in own.items() if key in other for name, number in row["paper"].items()}
        for own, other in (rows, rows[::-1])
    ]
    return {
        "paper": differing(*published),
        "rows": [_row(rows[0][key], rows[1][key]) for key in both],
        "shuffled": [_shuffled(rows[0][key], rows[1][key]) for key in shuffled[0] if key in shuffled[1]],
        "only_a": [key for key in ran[0] if key not in ran[1]],
        "only_b": [key for key in ran[1] if key not in ran[0]],
        "shuffled_only_a": [key for key in shuffled[0] if key not in shuffled[1]],
        "shuffled_only_b": [key for key in shuffled[1] if key not in shuffled[0]],
    }


def _row(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Two rows on the splits that both have."""
    common = sorted(
        (split for split, summary in a["by_split"].items() if summary and b["by_split"].get(split)), key=int
    )
    return _beside(a, common, *(_error(row, common) for row in (a, b) if common))


def _shuffled(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """Their tests with shuffled frames, whose error is known over all splits of a row only."""
    tests = [row["shuffled"] for row in (a, b)]
    common = tests[0]["splits"] if tests[0]["splits"] == tests[1]["splits"] else []
    return _beside(a, common, *((test["error"], test["interval"]) for test in tests if common))


def _beside(
    row: Mapping[str, Any], splits: Sequence[str | int], *errors: tuple[float, list[float] | None]
) -> dict[str, Any]:
    """What `compare` says of a row, whose two errors on `splits` and their intervals are `errors`."""
    out: dict[str, Any] = {"id": row["id"], "label": row["label"], "splits": [int(split) for split in splits]}
    if not errors:
        return {**out, **dict.fromkeys((*SIDES, "points", "outside"))}
    outside = [
        side
        for side, (_, interval), (error, _) in zip(SIDES, errors, errors[::-1], strict=True)
        if interval and not interval[0] <= error <= interval[1]
    ]
    first, second = (error for error, _ in errors)
    points = round(100 * (second - first), 9)  # sums of the same errors in another order are the same
    return {**out, "a": first, "b": second, "points": points, "outside": outside}


def _error(row: Mapping[str, Any], splits: Sequence[str]) -> tuple[float, list[float] | None]:
    """A row's mean error over `splits`, and its interval where the report has one."""
    if len(splits) == 1:
        return row["by_split"][splits[0]]["error"], row["by_split"][splits[0]]["interval"]
    if row["mean"] and row["mean"]["splits"] == [int(split) for split in splits]:
        return row["mean"]["error"], row["mean"]["interval"]
    return float(np.mean([row["by_split"][split]["error"] for split in splits])), None
