"""Protects the error rate."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_frames import made_clip

from recurrent_residual.evaluation import metrics, write_evaluation
from recurrent_residual.runs import Run


def test_error_is_one_minus_video_accuracy() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    result = metrics(labels, predicted, ["A", "B", "C"])
    assert result["error"] == pytest.approx(2 / 5)
    assert result["per_class_error"] == {"A": pytest.approx(1 / 2), "B": pytest.approx(1 / 3), "C": None}
    assert result["confusion"] == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]


def test_what_is_written_can_be_recomputed_from_the_predictions(tmp_path) -> None:
    clips = [made_clip(i, label=i % 3) for i in range(20)]
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32)
    run = Run.within(tmp_path, "experiment", 2, 1)
    write_evaluation(run, clips, probabilities, ["Class0", "Class1", "Class2"], seconds=1.5, provenance={})
    table = pq.read_table(run.folder / "predictions.parquet").to_pydict()
    assert table["video"] == [clip.video for clip in clips] and table["class"] == [clip.class_name for clip in clips]
    np.testing.assert_array_equal(np.array(table["probabilities"], np.float32), probabilities)
    stored = json.loads((run.folder / "metrics.json").read_text())
    assert stored["error"] == pytest.approx(np.mean(np.array(table["predicted"]) != table["label"]))
    assert (stored["experiment"], stored["split"], stored["seed"], stored["videos"]) == ("experiment", 2, 1, 20)
