"""The numbers behind the report's pictures: error by position and by context, and the best model's confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result
from recurrent_residual.results import FinishedRun, read_confidence
from recurrent_residual.tables.examples import Examples

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
    experiments: Mapping[str, Any],
    results: Mapping[str, Result],
    splits: list[int],
    examples: Examples | None = None,
) -> dict[str, Any] | None:
    """The experiment with the least mean error over all splits, and what it takes for what.

    Its confusion matrix adds up all splits, of each its first seed: row = true class, column = predicted class. With
    `examples` each confused pair gets the clip of it about which the model was surest, and a frame of that.
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
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, off.shape), strict=True) if off[i, j]]
    confused = [
        {"true": classes[i], "predicted": classes[j], "clips": int(off[i, j]), "of": int(clips[i]), "example": None}
        for i, j in pairs
    ]
    if examples:
        surest = surest_clips(runs, pairs)
        for pair, (split, video) in zip(confused, surest, strict=True):
            pair["example"] = {"video": video, "split": split, "experiment": name, **examples.of(video)}
    return {
        "experiment": name,
        "title": experiments[name]["title"],
        **means[name],
        "folders": [str(run.folder) for run in runs],
        "classes": classes,
        "confusion": confusion.tolist(),
        "per_class_error": [float(off[i].sum() / clips[i]) if clips[i] else None for i in range(len(classes))],
        "confused": confused,
    }


def surest_clips(runs: Sequence[FinishedRun], pairs: Sequence[tuple[int, int]]) -> list[tuple[int, str]]:
    """Of each pair (true class, predicted class), the clip whose wrong class got the highest probability.

    Returns:
        (split, video) of each; of equals the first in the order of the runs and of the clips' names.
    """
    confidences = [read_confidence(run) for run in runs]
    found = []
    for true, predicted in pairs:
        candidates = [
            (confidence[k], run.metrics["split"], run.videos[k])
            for run, confidence in zip(runs, confidences, strict=True)
            for k in np.flatnonzero((run.labels == true) & (run.predicted == predicted))
        ]
        _, split, video = max(candidates, key=lambda candidate: candidate[0])
        found.append((int(split), str(video)))
    return found
