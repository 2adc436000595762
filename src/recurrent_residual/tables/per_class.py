"""Errors class by class: of every experiment, and who gains and who loses by a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurrent_residual.errors import UserError
from recurrent_residual.experiment_results import Result

LISTED = 10
ROUNDING = 1e-9  # points: what means of equal errors may differ by


def per_class_of(
    paper: Mapping[str, Any],
    experiments: Mapping[str, Any],
    owners: Mapping[str, str],
    results: Mapping[str, Result],
    splits: list[int],
) -> dict[str, Any]:
    """Errors by class of each experiment that ran on all `splits`, and the pairs of `paper.yaml` that are set beside
    each other.

    Raises:
        UserError: `per_class_pairs` of `paper.yaml` names a row that no experiment stands in.
    """
    whole = {name: result for name, result in results.items() if set(splits) <= set(result.runs)}
    pairs = [tuple(_owner(pair[end], owners) for end in ("row", "beside")) for pair in paper.get("per_class_pairs", [])]
    if not whole:
        return {"classes": [], "clips": [], "errors": {}, "pairs": []}
    first = next(iter(whole.values()))
    classes = list(first.runs[splits[0]][0].metrics["classes"])
    clips = np.sum([np.bincount(first.runs[split][0].labels, minlength=len(classes)) for split in splits], axis=0)
    errors = {name: class_errors(result, splits, classes=len(classes)) for name, result in whole.items()}
    return {
        "classes": classes,
        "clips": clips.tolist(),
        "errors": {name: [None if np.isnan(e) else float(e) for e in own] for name, own in errors.items()},
        "pairs": [
            {
                "experiment": one,
                "beside": other,
                "title": experiments[one]["title"],
                "beside_title": experiments[other]["title"],
                **gains_and_losses(errors[one], errors[other], classes=classes, clips=clips),
            }
            for one, other in pairs
            if one in errors and other in errors
        ],
    }


def class_errors(result: Result, splits: list[int], *, classes: int) -> np.ndarray:
    """The error of each class, (classes,): mean over the splits that test it, of each the mean over seeds; else NaN."""
    of_splits = np.full((len(splits), classes), np.nan)
    for i, split in enumerate(splits):
        labels = result.runs[split][0].labels
        clips = np.bincount(labels, minlength=classes)
        wrong = np.bincount(labels, np.mean([run.wrong for run in result.runs[split]], axis=0), minlength=classes)
        of_splits[i, clips > 0] = wrong[clips > 0] / clips[clips > 0]
    tested = (~np.isnan(of_splits)).sum(axis=0)
    return np.where(tested > 0, np.nansum(of_splits, axis=0) / np.maximum(tested, 1), np.nan)


def gains_and_losses(
    errors: np.ndarray, beside: np.ndarray, *, classes: list[str], clips: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
    """The classes with fewer errors than `beside` and those with more, at most `LISTED` each, the greatest first.

    Equal changes keep the order of the classes. `points` is the change: a gain is negative.
    """
    points = 100 * (errors - beside)

    def listed(order: np.ndarray) -> list[dict[str, Any]]:
        return [
            {
                "class": classes[i],
                "error": float(errors[i]),
                "beside": float(beside[i]),
                "points": float(points[i]),
                "clips": int(clips[i]),
            }
            for i in order[:LISTED]
        ]

    points[np.abs(points) < ROUNDING] = 0
    by_gain = np.argsort(points, kind="stable")  # NaN, a class without a test clip, comes last
    by_loss = np.argsort(-points, kind="stable")
    return {"gains": listed(by_gain[points[by_gain] < 0]), "losses": listed(by_loss[points[by_loss] > 0])}


def _owner(row: str, owners: Mapping[str, str]) -> str:
    if row not in owners:
        raise UserError(f"paper.yaml: per_class_pairs: {row!r} is no row that an experiment stands in")
    return owners[row]
