"""The whole workflow, really run on a few small clips: what comes out is true to what went in."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from checkouts import BASELINES, NETWORKS, SPLITS, TINY, Checkout, FinishedRun

RUNS = [(experiment, split) for experiment in sorted(BASELINES | NETWORKS) for split in SPLITS]


def run_folder(checkout: Checkout, experiment: str, split: int) -> Path:
    return checkout.root / f"results/demo/runs/{experiment}/split{split}/seed1"


def predictions(checkout: Checkout, experiment: str, split: int) -> dict[str, np.ndarray]:
    table = pyarrow.parquet.read_table(run_folder(checkout, experiment, split) / "predictions.parquet")
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def tables(checkout: Checkout) -> Any:
    return json.loads((checkout.root / "results/demo/tables.json").read_text())


def page(checkout: Checkout) -> str:
    return html.unescape((checkout.root / "report/paper_tables.html").read_text(encoding="utf-8"))


def listed(checkout: Checkout, role: str, split: int) -> set[str]:
    """The names of the clips in a list of the demo, read here and not by the project."""
    lines = (checkout.root / f"resources/demo/ucfTrainTestlist/{role}list0{split}.txt").read_text().split("\n")
    return {Path(line.split()[0]).stem for line in lines if line.strip()}


def test_says_where_the_report_is(finished: FinishedRun) -> None:
    """The command behind `make demo` ends with the time that it took and the report's place; both files are there."""
    report = finished.checkout.root / "report"
    files = [report / "paper_tables.html", report / "paper_tables.tex"]
    ending = "".join(f"  {file}\n" for file in files)
    assert re.search(r"^Done in \d+ min \d\d s\.\n" + re.escape(ending), finished.output, re.M), finished.output
    assert all(file.is_file() for file in files)


def test_second_run_does_nothing(populated: Checkout) -> None:
    """The same command again changes no file, and says that nothing was to do."""
    before = populated.files()
    result = populated.script("run_workflow", "--configfile", "config/tiny.yaml", "--cores", "2")
    assert result.returncode == 0, result.stdout
    assert "Nothing to do: the report is up to date." in result.stdout
    assert "Done in" not in result.stdout
    assert populated.files() == before


@pytest.mark.parametrize("split", SPLITS)
def test_tested_on_the_test_clips(finished: FinishedRun, split: int) -> None:
    """Every run is tested on the clips of its test list, each once (here the first clip of each group), with
    probabilities that sum to one; and no group of them stands in its train list."""
    expected = sorted(video for video in listed(finished.checkout, "test", split) if video.endswith("_c01"))
    trained_groups = {video.rpartition("_c")[0] for video in listed(finished.checkout, "train", split)}
    assert expected and not trained_groups & {video.rpartition("_c")[0] for video in expected}
    for experiment in sorted(BASELINES | NETWORKS):
        found = predictions(finished.checkout, experiment, split)
        assert sorted(found["video"]) == expected
        assert [video.split("_")[1] for video in found["video"]] == found["class"].tolist()
        assert [TINY["dataset"]["classes"][label] for label in found["label"]] == found["class"].tolist()
        np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-5)
        assert found["predicted"].tolist() == found["probabilities"].argmax(axis=1).tolist()


def test_trained_on_the_train_clips(finished: FinishedRun) -> None:
    """The manifest, from which each training takes its clips, gives every clip the role of the official lists."""
    lines = (finished.checkout.root / "results/demo/manifest.tsv").read_text().splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    for split in SPLITS:
        role = {row["video"]: row[f"split{split}"] for row in rows}
        train, test = listed(finished.checkout, "train", split), listed(finished.checkout, "test", split)
        assert role == {video: "train" if video in train else "test" if video in test else "-" for video in role}
        for experiment in sorted(BASELINES | NETWORKS):
            run = json.loads((run_folder(finished.checkout, experiment, split) / "run.json").read_text())
            assert run["train_clips"] == list(role.values()).count("train")


def test_errors_are_those_of_the_predictions(finished: FinishedRun) -> None:
    """Each error in tables.json, of which the report is a view, is the share of wrong labels in the predictions."""
    owner = {row: name for name, entry in finished.checkout.experiments().items() for row in entry["rows"]}
    shown = set()
    for table in tables(finished.checkout)["tables"]:
        for row in table["rows"]:
            experiment = owner.get(row["id"])
            if experiment not in BASELINES | NETWORKS:
                continue
            shown.add(experiment)
            found = [predictions(finished.checkout, experiment, split) for split in SPLITS]
            errors = [float((p["label"] != p["predicted"]).mean()) for p in found]
            assert [row["by_split"][str(split)]["error"] for split in SPLITS] == pytest.approx(errors)
            assert row["mean"]["error"] == pytest.approx(np.mean(errors))
            compared = [errors[split - 1] for split in table["compare_splits"]]
            assert row["compared"]["error"] == pytest.approx(np.mean(compared))
    assert shown == BASELINES | NETWORKS


def test_report_shows_what_was_not_run(finished: FinishedRun) -> None:
    """A row whose experiment was not chosen has no number of ours: both views say "not run"."""
    owner = {row: name for name, entry in finished.checkout.experiments().items() for row in entry["rows"]}
    rows = {row["id"]: row for table in tables(finished.checkout)["tables"] for row in table["rows"]}
    missing = {key for key, row in rows.items() if row["status"] == "not run"}
    assert missing == {key for key, name in owner.items() if name not in BASELINES | NETWORKS}
    assert all(not rows[key]["runs"] and rows[key]["compared"] is None for key in missing)
    assert page(finished.checkout).count("not run") >= len(missing)
    assert (finished.checkout.root / "report/paper_tables.tex").read_text().count("not run") >= len(missing)


def test_report_warns(finished: FinishedRun) -> None:
    """The configuration's notice stands before the first table of a report that is not comparable."""
    text = page(finished.checkout)
    first_table = text.index("<table")
    assert text.index(TINY["report"]["notice"]) < first_table
    assert text.index("NOT comparable") < first_table


def test_report_opens_offline(finished: FinishedRun) -> None:
    """The page loads nothing: no source of a picture, style or script lies outside it."""
    sources = re.findall(r"""(?:src|xlink:href|srcset)\s*=\s*["']([^"']*)|url\(([^)]*)\)""", page(finished.checkout))
    outside = [a or b for a, b in sources if not (a or b).strip("\"'").startswith(("data:", "#"))]
    assert not outside and "<link" not in page(finished.checkout)
