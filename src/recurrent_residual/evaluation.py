"""What a test leaves: class probabilities of whole videos, and the error rate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recurrent_residual.files import atomic, write_text
from recurrent_residual.manifest import Clip
from recurrent_residual.runs import Run


def write_predictions(
    path: str | Path, clips: Sequence[Clip], probabilities: np.ndarray, *, shuffled: np.ndarray | None = None
) -> None:
    """Write one row a test video: its name, class, label, predicted label and class probabilities.

    And `predicted_shuffled`, the label predicted when each chunk's frames are shuffled; null where that was not tested.

    Args:
        path: a Parquet file.
        clips: the test clips.
        probabilities: (clips, classes) float32.
        shuffled: the same of shuffled chunks, or None.
    """
    nulls = [None] * len(clips)
    table = pa.table(
        {
            "video": [clip.video for clip in clips],
            "class": [clip.class_name for clip in clips],
            "label": pa.array([clip.label for clip in clips], pa.int32()),
            "predicted": pa.array(probabilities.argmax(axis=1), pa.int32()),
            "predicted_shuffled": pa.array(nulls if shuffled is None else shuffled.argmax(axis=1), pa.int32()),
            "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
        }
    )
    with atomic(path) as part:
        pq.write_table(table, part)


def metrics(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> dict[str, object]:
    """Error rate (1 - video accuracy), the same for each class, and the confusion matrix (rows true classes)."""
    confusion = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(confusion, (labels, predicted), 1)
    videos, right = confusion.sum(axis=1), confusion.diagonal()
    return {
        "videos": int(videos.sum()),
        "error": float(1 - right.sum() / videos.sum()),
        "per_class_error": {
            name: float(1 - right[i] / videos[i]) if videos[i] else None for i, name in enumerate(classes)
        },
        "confusion": confusion.tolist(),
        "classes": list(classes),
    }


def write_evaluation(
    run: Run,
    clips: Sequence[Clip],
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    seconds: float,
    provenance: dict[str, object],
    costs: dict[str, object] | None = None,
    shuffled: np.ndarray | None = None,
) -> None:
    """Write predictions.parquet and, last, metrics.json into the run's folder.

    `shuffled_error` in metrics.json is the error when each chunk's frames are shuffled (`shuffling`), or null.

    Args:
        run: what was tested.
        clips: the test clips.
        probabilities: (clips, classes) float32.
        classes: names, by label.
        seconds: what the test took.
        provenance: where and with which code it was done (`provenance.describe`).
        costs: how the test was done and what else it took: windows, frames, energy, memory.
        shuffled: (clips, classes) float32, of the test with shuffled frames; None where that was not done.
    """
    write_predictions(run.folder / "predictions.parquet", clips, probabilities, shuffled=shuffled)
    labels = np.array([clip.label for clip in clips])
    description = {
        "experiment": run.experiment,
        "split": run.split,
        "seed": run.seed,
        **metrics(labels, probabilities.argmax(axis=1), classes),
        "shuffled_error": None if shuffled is None else float((shuffled.argmax(axis=1) != labels).mean()),
        "seconds": round(seconds, 3),
        **(costs or {}),
        "provenance": provenance,
    }
    write_text(run.folder / "metrics.json", json.dumps(description) + "\n")
