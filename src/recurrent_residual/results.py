"""A finished run as its folder tells it: metrics, provenance, history, and which test clips it got wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet

from recurrent_residual.errors import UserError


@dataclass(frozen=True)
class FinishedRun:
    """One training of one experiment, evaluated on the test clips of its split."""

    folder: Path
    metrics: dict[str, Any]
    record: dict[str, Any]
    """run.json: settings, time, device, commit, command."""
    history: list[dict[str, float]]
    """A line an epoch: training loss and training error."""
    videos: np.ndarray
    """Names of the test clips, (clips,), sorted."""
    labels: np.ndarray
    """The class of each test clip, (clips,) int, in the same order."""
    predicted: np.ndarray
    """The class that each was taken for, (clips,) int."""
    wrong: np.ndarray
    """Whether each was classified wrongly, (clips,) bool."""
    wrong_shuffled: np.ndarray | None = None
    """The same where each chunk's frames are shuffled, (clips,) bool; None where that was not tested."""

    @property
    def test_seconds(self) -> float | None:
        """Seconds of the test, with that of shuffled frames where it was done; None where they were not measured."""
        seconds = self.metrics.get("seconds")
        return None if seconds is None else seconds + (self.metrics.get("shuffled_seconds") or 0)


def read_finished(folder: Path) -> FinishedRun | None:
    """Read a run's folder; None where it was not evaluated (metrics.json is written last).

    Raises:
        UserError: a file is missing or damaged, or metrics and predictions are not of the same evaluation.
    """
    if not (folder / "metrics.json").exists():
        return None
    metrics = read_json(folder / "metrics.json")
    history = [_parse(line, folder / "history.jsonl") for line in read(folder / "history.jsonl").splitlines() if line]
    table = read_predictions(folder)
    videos = np.array(table["video"].to_pylist(), dtype=str)
    order = np.argsort(videos)
    labels, predicted = (table[name].to_numpy()[order] for name in ("label", "predicted"))
    wrong = labels != predicted
    if len(wrong) != metrics["videos"] or not np.isclose(wrong.mean(), metrics["error"]):
        raise UserError(f"{folder / 'metrics.json'}: is not of the predictions beside it; evaluate the run again")
    shuffled = table["predicted_shuffled"] if "predicted_shuffled" in table.column_names else None
    # All or none: a network either reads several frames or does not.
    wrong_shuffled = None if shuffled is None or shuffled.null_count else labels != shuffled.to_numpy()[order]
    return FinishedRun(
        folder,
        metrics,
        read_json(folder / "run.json"),
        history,
        videos[order],
        labels,
        predicted,
        wrong,
        wrong_shuffled,
    )


def read_confidence(run: FinishedRun) -> np.ndarray:
    """The probability that the run gave each test clip's predicted class, (clips,), in the order of `run.videos`.

    Apart from `read_finished`, because the probabilities of all runs are a hundred times what the errors need.
    """
    table = read_predictions(run.folder, "probabilities")
    order = np.argsort(np.array(table["video"].to_pylist(), dtype=str))
    probabilities = np.stack(table["probabilities"].to_numpy())[order]
    return probabilities[np.arange(len(order)), run.predicted]


def read_predictions(folder: Path, *further: str) -> pyarrow.Table:
    """Of predictions.parquet the columns that every reader needs, `further` ones, and "predicted_shuffled" if there.

    Raises:
        UserError: it is not there, is damaged, or lacks a column.
    """
    path = folder / "predictions.parquet"
    columns = ["video", "label", "predicted", *further]
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            if lacking := sorted(set(columns) - set(there)):
                raise KeyError(f"no column {lacking[0]}")
            return file.read(columns=[*columns, *({"predicted_shuffled"} & set(there))])
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise UserError(f"{path}: cannot be read ({error}); evaluate the run again") from None


def read(path: str | Path) -> str:
    """The text of a file.

    Raises:
        UserError: it is not there.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: it is not there, or is no JSON.
    """
    return _parse(read(path), path)


def _parse(text: str, path: str | Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: is no JSON ({error})") from None
