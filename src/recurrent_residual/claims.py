"""What the paper concludes from its rows, and what our runs say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result
from recurrent_residual.intervals import interval


def claim_of(
    claim: Mapping[str, str],
    paper: Mapping[str, Any],
    owners: Mapping[str, str],
    results: Mapping[str, Result],
    splits: list[int],
) -> dict[str, Any]:
    """Whether one row has fewer errors than another, in the paper on its tables' split and in our runs over all splits.

    The verdict is read from the interval of the paired difference: "holds" below zero, "reversed" above, else "open".

    Raises:
        UserError: `paper.yaml` names a row that it does not have.
    """

    def printed(row: str) -> tuple[float | None, list[int]]:
        key, _, name = row.partition(".")
        try:
            table = paper["tables"][key]
            return table["rows"][name].get("error"), table["compare_splits"]
        except KeyError:
            raise UserError(f"paper.yaml: claims: {row!r} is no row of a table") from None

    ends = ("better", "than")
    published, of_splits = zip(*(printed(claim[end]) for end in ends), strict=True)
    out: dict[str, Any] = {
        "text": claim["text"],
        **{end: claim[end] for end in ends},
        "paper": None if None in published else change(*published),
        "paper_splits": sorted(set().union(*of_splits)),
        "ours": None,
        "verdict": None,
    }
    found = [results.get(owners.get(claim[end], "")) for end in ends]
    summaries = [result.summary(splits) if result else None for result in found]
    if summaries[0] is None or summaries[1] is None:
        return out
    samples = [np.mean([result.samples[split] for split in splits], axis=0) for result in found if result]
    low, high = (100 * end for end in interval(samples[0] - samples[1]))
    out["ours"] = {
        **change(summaries[0]["error"], summaries[1]["error"]),
        "interval": [low, high],
        "splits": list(splits),
        "errors": [summary["error"] for summary in summaries if summary],
    }
    out["verdict"] = "holds" if high < 0 else "reversed" if low > 0 else "open"
    return out


def change(new: float, old: float) -> dict[str, float | None]:
    """From the error `old` to `new`: in points, and relative to `old` in per cent."""
    return {"points": 100 * (new - old), "relative": 100 * (new - old) / old if old else None}
