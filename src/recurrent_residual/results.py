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
    wrong: np.ndarray
    """Whether each test clip was classified wrongly, (clips,) bool, in the same order."""

    @property
    def groups(self) -> np.ndarray:
        """Group of each test clip, (clips,), as "v_Class_g01", in the same order."""
        return np.array([video.rpartition("_c")[0] for video in self.videos], dtype=str)


def read_finished(folder: Path) -> FinishedRun | None:
    """Read a run's folder; None where it was not evaluated (metrics.json is written last).

    Raises:
        UserError: a file is missing or damaged, or metrics and predictions are not of the same evaluation.
    """
    if not (folder / "metrics.json").exists():
        return None
    metrics = read_json(folder / "metrics.json")
    history = [_parse(line, folder / "history.jsonl") for line in read(folder / "history.jsonl").splitlines() if line]
    try:
        table = pyarrow.parquet.read_table(folder / "predictions.parquet", columns=["video", "label", "predicted"])
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise UserError(f"{folder / 'predictions.parquet'}: cannot be read ({error}); evaluate the run again") from None
    videos = np.array(table["video"].to_pylist(), dtype=str)
    order = np.argsort(videos)
    wrong = (table["label"].to_numpy() != table["predicted"].to_numpy())[order]
    if len(wrong) != metrics["videos"] or not np.isclose(wrong.mean(), metrics["error"]):
        raise UserError(f"{folder / 'metrics.json'}: is not of the predictions beside it; evaluate the run again")
    return FinishedRun(folder, metrics, read_json(folder / "run.json"), history, videos[order], wrong)


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
