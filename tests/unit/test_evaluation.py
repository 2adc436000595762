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


@pytest.mark.parametrize("done", [True, False])
def test_the_shuffled_test_stands_beside_the_other(tmp_path, done: bool) -> None:
    """Its error is of its own predictions; where it was not done both say so, and the column is there all the same."""
    clips = [made_clip(i, label=i % 3) for i in range(20)]
    rng = np.random.default_rng(0)
    ordered, other = (rng.dirichlet(np.ones(3), 20).astype(np.float32) for _ in range(2))
    run = Run.within(tmp_path, "experiment", 2, 1)
    classes = ["Class0", "Class1", "Class2"]
    write_evaluation(run, clips, ordered, classes, seconds=1.5, provenance={}, shuffled=other if done else None)
    table = pq.read_table(run.folder / "predictions.parquet")
    assert table.schema.field("predicted_shuffled").type == "int32"
    assert table["predicted_shuffled"].to_pylist() == (other.argmax(axis=1).tolist() if done else [None] * 20)
    stored = json.loads((run.folder / "metrics.json").read_text())
    labels = np.arange(20) % 3
    assert stored["shuffled_error"] == (pytest.approx(np.mean(other.argmax(axis=1) != labels)) if done else None)
    assert stored["error"] == pytest.approx(np.mean(ordered.argmax(axis=1) != labels))
