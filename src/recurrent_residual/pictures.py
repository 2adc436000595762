"""The numbers behind the report's pictures: error by position and by context, and the best model's confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result

CONFUSIONS_LISTED = 10


def figure_of(figure: Mapping[str, str], tables: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The points of a picture: the rows of a table, and the row that is drawn as a line across.

    `ours` is the error on `splits`, the table's compare_splits, so that both points of a row are of one split.

    Raises:
        UserError: `paper.yaml` names a table or row that it does not have.
    """
    rows = {row["id"]: row for table in tables for row in table["rows"]}
    table = next((table for table in tables if table["id"] == figure["table"]), None)
    if table is None or figure["reference"] not in rows:
        raise UserError(f"paper.yaml: figures: no table {figure['table']!r} or no row {figure['reference']!r}")

    def point(row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "label": row["label"][0],
            "paper": row["paper"]["error"],
            "ours": row["compared"],
            "by_split": row["by_split"],
        }

    return {
        "title": figure["title"],
        "axis": figure["axis"],
        "table": table["id"],
        "splits": table["compare_splits"],
        "points": [point(row) for row in table["rows"]],
        "reference": point(rows[figure["reference"]]),
    }


def best_model(
    experiments: Mapping[str, Any], results: Mapping[str, Result], splits: list[int]
) -> dict[str, Any] | None:
    """The experiment with the least mean error over all splits, and what it takes for what.

    Its confusion matrix adds up all splits, of each its first seed: row = true class, column = predicted class.
    """
    means = {name: summary for name, result in results.items() if (summary := result.summary(splits))}
    if not means:
        return None
    name = min(means, key=lambda name: means[name]["error"])
    runs = [results[name].runs[split][0] for split in splits]
    classes = runs[0].metrics["classes"]
    confusion = np.sum([run.metrics["confusion"] for run in runs], axis=0)
    clips = confusion.sum(axis=1)
    off = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:CONFUSIONS_LISTED]
    pairs = [divmod(int(i), len(classes)) for i in order]
    return {
        "experiment": name,
        "title": experiments[name]["title"],
        **means[name],
        "folders": [str(run.folder) for run in runs],
        "classes": classes,
        "confusion": confusion.tolist(),
        "per_class_error": [float(off[i].sum() / clips[i]) if clips[i] else None for i in range(len(classes))],
        "confused": [
            {"true": classes[i], "predicted": classes[j], "clips": int(off[i, j]), "of": int(clips[i])}
            for i, j in pairs
            if off[i, j]
        ],
    }
