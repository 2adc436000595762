"""`tables.json`: every number recomputed here from what the runs left, by other means."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_runs import (
    CLASSES,
    CLIPS,
    MANIFEST,
    ROOT,
    SETTINGS,
    claims,
    experiments,
    groups,
    manifest_clips,
    paper_tables,
    project,
    read_json,
    small_tables,
    write_json,
    write_run,
    write_runs,
)
from PIL import Image

from recurrent_residual.benchmarks import made_report
from recurrent_residual.config import read_yaml, resolve_config, validate
from recurrent_residual.errors import UserError
from recurrent_residual.frames import member
from recurrent_residual.manifest import write_manifest
from recurrent_residual.rows import row_owners
from recurrent_residual.tables import collect
from recurrent_residual.tables.examples import Examples, small_jpeg

CHOSEN = ["block4_average_znorm", "rrn_block4_identity", "rrn_block4_convolution", "control_no_skip"]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """All runs of four experiments."""
    write_runs(tmp_path / "runs", CHOSEN)
    return tmp_path / "runs"


@pytest.fixture
def collected(runs: Path) -> Callable[..., dict[str, Any]]:
    """Collect the tables of `runs`, with any of the inputs replaced."""

    def call(**changed: Any) -> dict[str, Any]:
        inputs: dict[str, Any] = {
            "experiments": experiments(),
            "paper": project("paper"),
            "claims": claims(),
            "decisions": project("decisions"),
            "clips": CLIPS,
            "manifest": MANIFEST,
            "settings": SETTINGS,
            "chosen": CHOSEN,
            "groups": groups(),
        }
        return collect(runs, **{**inputs, **changed})

    return call


def row_of(tables: dict[str, Any], row: str) -> dict[str, Any]:
    """The row with this id."""
    return next(r for table in tables["tables"] for r in table["rows"] if r["id"] == row)


def counted_error(folder: Path) -> float:
    """Share of wrong videos, counted from the predictions one by one."""
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    return sum(row["label"] != row["predicted"] for row in rows) / len(rows)


def test_row_has_mean_deviation_and_difference_of_its_runs(
    runs: Path, collected: Callable[..., dict[str, Any]]
) -> None:
    """Ours on split 1 is the mean over its seeds, sd that of a sample (n - 1), difference ours minus the paper's."""
    row = row_of(collected(), "table3.identity")
    folder = runs / "rrn_block4_identity"
    errors = [counted_error(folder / "split1" / f"seed{seed}") for seed in (1, 2, 3)]
    mean = sum(errors) / 3
    assert row["compared"]["error"] == pytest.approx(mean)
    assert row["compared"]["sd"] == pytest.approx((sum((e - mean) ** 2 for e in errors) / 2) ** 0.5)
    assert row["compared"]["seeds"] == [3]
    assert row["difference"] == pytest.approx(100 * (mean - 0.197))
    assert row["difference"] > 0, "ours is worse here, and a worse result is a positive difference"
    assert row["by_split"]["2"]["error"] == pytest.approx(counted_error(folder / "split2" / "seed1"))
    assert row["by_split"]["2"]["sd"] is None
    assert row["seconds"] == {"total": pytest.approx(61 + 62 + 63 + 61 + 61), "per_run": pytest.approx(308 / 5)}


def test_better_than_the_paper_is_a_negative_difference(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """The sign says which of the two is better."""
    paper = copy.deepcopy(project("paper"))
    paper["tables"]["table3"]["rows"]["identity"]["error"] = 0.999
    assert row_of(collected(paper=paper), "table3.identity")["difference"] < 0


def test_table_5_compares_the_mean_of_the_three_splits(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """Each split counts the same in the mean, however many seeds it has; the paper's 0.198 is compared with it."""
    row = row_of(collected(), "table5.rrn")
    folder = runs / "rrn_block4_identity"
    first = np.mean([counted_error(folder / "split1" / f"seed{seed}") for seed in (1, 2, 3)])
    others = [counted_error(folder / f"split{split}" / "seed1") for split in (2, 3)]
    assert row["compared"]["error"] == pytest.approx((first + sum(others)) / 3)
    assert row["compared"]["splits"] == [1, 2, 3]
    assert row["difference"] == pytest.approx(100 * (row["compared"]["error"] - 0.198))


def test_no_mean_over_splits_while_one_is_missing(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """A mean over fewer splits than configured would pass for the whole."""
    (runs / "rrn_block4_identity" / "split3" / "seed1" / "metrics.json").unlink()
    tables = collected()
    assert row_of(tables, "table3.identity")["mean"] is None
    assert row_of(tables, "table3.identity")["status"] == "incomplete"
    assert row_of(tables, "table3.identity")["compared"] is not None
    assert row_of(tables, "table5.rrn")["difference"] is None
    assert tables["summary"]["runs"] == tables["summary"]["runs_expected"] - 1


def test_one_split_is_never_called_the_mean_of_three(collected: Callable[..., dict[str, Any]]) -> None:
    """With only split 1 configured, nothing of ours stands beside the paper's mean of three splits."""
    tables = collected(settings={**SETTINGS, "seeds": {"split1": 1, "split2": 0, "split3": 0}})
    assert row_of(tables, "table5.rrn")["compared"] is None
    assert row_of(tables, "table3.identity")["mean"] is None
    assert row_of(tables, "table3.identity")["compared"]["splits"] == [1]


def test_rows_not_run_and_quoted_have_no_number_of_ours(collected: Callable[..., dict[str, Any]]) -> None:
    """Nothing is made up for what was not run."""
    tables = collected()
    for row, status in (("table2.block1", "not run"), ("table5.two_stream", "quoted")):
        found = row_of(tables, row)
        assert found["status"] == status
        assert (found["compared"], found["mean"], found["by_split"], found["difference"]) == (None, None, {}, None)
    assert row_of(tables, "table5.two_stream")["paper"] == {
        "error": 0.270, "motion": 0.163, "motion_and_appearance": 0.120
    }  # fmt: skip


def test_leftovers_of_experiments_that_were_not_chosen_do_not_count(collected: Callable[..., dict[str, Any]]) -> None:
    """Runs of an earlier configuration may lie in the folder."""
    tables = collected(chosen=["control_no_skip"])
    assert row_of(tables, "table3.identity")["status"] == "not run"
    assert tables["summary"]["runs"] == 5


def test_leftover_seeds_do_not_count(collected: Callable[..., dict[str, Any]]) -> None:
    """Only the configured seeds are averaged."""
    tables = collected(settings={**SETTINGS, "seeds": {"split1": 2, "split2": 1, "split3": 1}})
    assert row_of(tables, "table3.identity")["compared"]["seeds"] == [2]


def test_a_users_own_experiment_gets_a_table(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """A new entry without rows stands in the report."""
    write_runs(runs, ["mine"])
    entry = {"title": "Mine", "model": "recurrent_resnet", "settings": {}, "rows": []}
    tables = collected(experiments=experiments(mine=entry), chosen=[*CHOSEN, "mine"])
    row = row_of(tables, "further.mine")
    assert row["label"] == ["Mine"]
    errors = [counted_error(runs / "mine" / "split1" / f"seed{seed}") for seed in (1, 2, 3)]
    assert row["compared"]["error"] == pytest.approx(np.mean(errors))
    assert "further" not in [table["id"] for table in collected()["tables"]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["table2.block9"], "no row of paper.yaml"),
        (["table3.identity"], "already the row of rrn_block4_identity"),
        (["table5.idt"], "quoted"),
    ],
)
def test_impossible_rows_are_refused(collected: Callable[..., dict[str, Any]], rows: list[str], message: str) -> None:
    """A mistyped or taken row is named, with the experiment."""
    entry = {"title": "Mine", "model": "gru", "rows": rows}
    with pytest.raises(UserError, match=rf"mine: rows: '{rows[0]}' .*{message}"):
        collected(experiments=experiments(mine=entry))


def test_unknown_experiment_is_refused(collected: Callable[..., dict[str, Any]]) -> None:
    """A chosen name that is not in the file is an error, not an empty row."""
    with pytest.raises(UserError, match="rrn_blok4"):
        collected(chosen=["rrn_blok4"])


def test_metrics_of_other_predictions_are_refused(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """The error in the report is the error of the predictions beside it."""
    path = runs / "control_no_skip" / "split1" / "seed2" / "metrics.json"
    write_json(path, {**read_json(path), "error": 0.001})
    with pytest.raises(UserError, match=r"seed2/metrics\.json: is not of the predictions"):
        collected()


def test_runs_on_other_clips_are_refused(tmp_path: Path, runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """Two experiments are only compared on the same test clips."""
    strange = write_run(tmp_path / "other", "control_no_skip", 2, 1)  # clips of split 2 ...
    folder = runs / "control_no_skip" / "split1" / "seed1"
    for name in ("predictions.parquet", "metrics.json"):
        (folder / name).write_bytes((strange / name).read_bytes())  # ... in the place of split 1's
    with pytest.raises(UserError, match="was tested on other clips"):
        collected()


def test_runs_on_other_clips_of_the_same_groups_are_refused(
    runs: Path, collected: Callable[..., dict[str, Any]]
) -> None:
    """As many clips of the same groups are not the same clips."""
    path = runs / "control_no_skip" / "split1" / "seed1" / "predictions.parquet"
    table = pq.read_table(path)
    renamed = [video.replace("_c02", "_c03") for video in table["video"].to_pylist()]
    pq.write_table(table.set_column(0, "video", pa.array(renamed)), path)
    with pytest.raises(UserError, match="was tested on other clips"):
        collected()


@pytest.mark.parametrize(
    ("settings", "clips", "reason"),
    [
        ({"dataset": {"source": "demo"}}, {}, "made data set, not UCF-101"),
        ({"dataset": {"kind": "hmdb51", "title": "HMDB-51"}}, {}, "The data set is HMDB-51, not UCF-101"),
        ({}, {"damaged": [{"video": "v"}]}, "1 damaged clip was left out"),
        ({}, {"missing": 3}, "3 of 13,320 clips of the lists were missing"),
        ({}, {"missing": 1}, "1 of 13,320 clips of the lists was missing"),
        ({}, {"left_out": 7}, "7 clips were left out"),
        ({}, {"left_out": 1}, "1 clip was left out"),
        ({}, {"classes_not_chosen": 98}, "98 of the lists' classes were not used"),
        ({}, {"classes_not_chosen": 1}, "1 of the lists' classes was not used"),
        ({"backbone": {"architecture": "resnet18"}}, {}, "resnet18, not resnet50"),
        ({"backbone": {"weights": "stills"}}, {}, "made still images, not on ImageNet"),
        ({"backbone": {"weights": "IMAGENET1K_V2"}}, {}, "weights are IMAGENET1K_V2, not IMAGENET1K_V1"),
        ({"backbone": {"weights": "DEFAULT"}}, {}, "weights are DEFAULT, not IMAGENET1K_V1"),
        ({"backbone": {"weights": "mine/own.pth"}}, {}, "weights are mine/own.pth, not IMAGENET1K_V1"),
        (
            {"input": {"size": 56}},
            {},
            "see 56 x 56 pixels of frames of 340 x 256, not 224 x 224 pixels of frames of 340 x 256",
        ),
        ({"input": {"resize": [256, 340]}}, {}, "see 224 x 224 pixels of frames of 256 x 340, not"),
        (
            {"frames": {"every": 5}, "training": {"every": 5}},
            {},
            "The networks read one frame in 5, not one frame in 10 (training.every)",
        ),
        ({"frames": {"every": 1}, "training": {"every": 1}}, {}, "The networks read every frame, not one frame in 10"),
        ({"features": {"every": 20}}, {}, "The baselines read one frame in 20, not one frame in 10"),
    ],
)
def test_comparable_only_with_nothing_against_it(
    collected: Callable[..., dict[str, Any]], settings: dict[str, Any], clips: dict[str, Any], reason: str
) -> None:
    """A copied configuration that still says "comparable" cannot pass a small network's numbers for the paper's."""
    whole = {**CLIPS, "listed": 13_320, "missing": 0, "left_out": 0, "classes_not_chosen": 0}
    intact = {**MANIFEST, "damaged": []}
    report = collected(settings=resolve_config({}), clips=whole, manifest=intact, chosen=[])["report"]
    assert (report["comparable"], report["reasons"]) == (True, [])
    given = {"clips": {**whole, **clips}, "manifest": {**intact, **clips}}
    report = collected(settings=resolve_config(settings), **given, chosen=[])["report"]
    assert not report["comparable"] and len(report["reasons"]) == 1 and reason in report["reasons"][0]


def test_one_split_or_seed_less_stays_comparable_and_the_flag_has_the_last_word(
    collected: Callable[..., dict[str, Any]],
) -> None:
    """Each number says its splits and seeds; a user may still say that the numbers are not comparable."""
    whole = {**CLIPS, "missing": 0, "left_out": 0, "classes_not_chosen": 0}
    intact = {**MANIFEST, "damaged": []}
    fewer = resolve_config({"seeds": {"split1": 1, "split2": 0, "split3": 0}})
    assert collected(settings=fewer, clips=whole, manifest=intact, chosen=[])["report"]["comparable"]
    every_frame = resolve_config({"frames": {"every": 1}, "features": {"every": 1}})
    assert collected(settings=every_frame, clips=whole, manifest=intact, chosen=[])["report"]["comparable"], (
        "the paper's sentence on sampling may exempt the baselines"
    )
    said = resolve_config({"report": {"comparable": False}})
    assert not collected(settings=said, clips=whole, manifest=intact, chosen=[])["report"]["comparable"]


def test_pictures_compare_what_the_tables_compare(collected: Callable[..., dict[str, Any]]) -> None:
    """The point beside the paper's, and the line across, are of the split that stands beside it in the table."""
    tables = collected()
    for key, figure in project("paper")["figures"].items():
        drawn = tables["figures"][key]
        rows = next(table["rows"] for table in tables["tables"] if table["id"] == figure["table"])
        assert [point["ours"] for point in drawn["points"]] == [row["compared"] for row in rows]
        assert drawn["reference"]["ours"] == row_of(tables, figure["reference"])["compared"]
        shown = [point["ours"] for point in [*drawn["points"], drawn["reference"]] if point["ours"]]
        assert shown and all(summary["splits"] == drawn["splits"] == [1] for summary in shown)


def test_every_number_has_its_provenance(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """Folder, settings, seed, time, commit, device and history of each run are in the file."""
    listed = collected()["experiments"]["rrn_block4_identity"]["runs"]
    assert [(run["split"], run["seed"]) for run in listed] == [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)]
    for run in listed:
        record = read_json(Path(run["folder"]) / "run.json")
        for key in ("settings", "seconds", "commit", "device", "hardware", "versions", "finished", "command"):
            assert run[key] == record[key]
        assert run["error"] == pytest.approx(counted_error(Path(run["folder"])))
        assert [line["epoch"] for line in run["history"]] == [1, 2, 3, 4]


def test_energy_is_summed_over_the_runs_that_measured_it(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """A sum over some of the runs says of how many; where none was measured there is no sum, and certainly no 0."""
    assert collected()["summary"]["energy"] is None
    for seed, joules in ((1, 1000.0), (2, 500.0), (3, None)):
        path = runs / "control_no_skip" / "split1" / f"seed{seed}" / "run.json"
        write_json(path, {**read_json(path), "energy_joules": joules, "peak_memory_bytes": 10**9 * seed})
    tables = collected()
    assert tables["summary"]["energy"] == {"joules": 1500.0, "runs": 2}
    listed = tables["experiments"]["control_no_skip"]["runs"]
    assert [run["energy_joules"] for run in listed] == [1000.0, 500.0, None, None, None]
    assert [run["peak_memory_bytes"] for run in listed] == [10**9, 2 * 10**9, 3 * 10**9, None, None]


def test_best_model_has_the_least_mean_and_its_matrix_adds_up(
    runs: Path, collected: Callable[..., dict[str, Any]]
) -> None:
    """The confusion matrix is the sum over the splits of the first seed, rows being true classes."""
    best = collected()["best"]
    means = {
        name: np.mean([
            np.mean([counted_error(folder) for folder in split.iterdir()]) for split in (runs / name).iterdir()
        ])
        for name in CHOSEN
    }  # fmt: skip
    assert best["experiment"] == min(means, key=lambda name: means[name])
    assert best["error"] == pytest.approx(means[best["experiment"]])
    counted = np.zeros((4, 4), dtype=int)
    for split in (1, 2, 3):
        table = pq.read_table(runs / best["experiment"] / f"split{split}" / "seed1" / "predictions.parquet")
        for row in table.to_pylist():
            counted[row["label"], row["predicted"]] += 1
    assert best["confusion"] == counted.tolist()
    top = best["confused"][0]
    off = counted - np.diag(np.diag(counted))
    assert top["clips"] == off.max() == off[CLASSES.index(top["true"]), CLASSES.index(top["predicted"])]


def test_shuffled_frames_have_an_error_of_their_own(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """It is counted from the classes predicted then; an old run, or one that reads one frame, has none."""
    folder = runs / "rrn_block4_identity" / "split1"

    def counted(seed: int) -> float:
        rows = pq.read_table(folder / f"seed{seed}" / "predictions.parquet").to_pylist()
        return sum(row["label"] != row["predicted_shuffled"] for row in rows) / len(rows)

    tables = collected()
    row = row_of(tables, "table3.identity")
    assert row["shuffled"]["error"] == pytest.approx(np.mean([counted(seed) for seed in (1, 2, 3)]))
    assert row["shuffled"]["error"] != row["compared"]["error"]
    listed = tables["experiments"]["rrn_block4_identity"]["runs"]
    assert [run["shuffled_error"] for run in listed[:3]] == [pytest.approx(counted(seed)) for seed in (1, 2, 3)]
    assert row_of(tables, "controls.no_skip")["shuffled"] is None
    path = folder / "seed2" / "predictions.parquet"
    pq.write_table(pq.read_table(path).drop_columns("predicted_shuffled"), path)
    assert row_of(collected(), "table3.identity")["shuffled"] is None, "two of three seeds are not the row's error"


def test_the_order_of_a_files_rows_does_not_matter(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """Clips are told by their names, in the ordinary test and in that with shuffled frames."""
    before = json.dumps(collected())
    for path in runs.glob("*/split1/*/predictions.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path)
    assert json.dumps(collected()) == before


def test_a_column_of_nothing_is_no_shuffled_test(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """A nullable column may be there and empty."""
    for path in (runs / "control_no_skip").glob("*/*/predictions.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column("predicted_shuffled", pa.nulls(len(table), pa.int32())), path)
    assert row_of(collected(), "controls.no_skip")["shuffled"] is None


def test_errors_by_class_are_means_over_splits_of_means_over_seeds(
    runs: Path, collected: Callable[..., dict[str, Any]]
) -> None:
    """Counted one by one; an experiment that lacks a split is left out, for its mean would be of others."""
    per_class = collected()["per_class"]
    of_splits = []
    for split, seeds in ((1, 3), (2, 1), (3, 1)):
        of_seeds = []
        for seed in range(1, seeds + 1):
            path = runs / "control_no_skip" / f"split{split}" / f"seed{seed}" / "predictions.parquet"
            rows = [row for row in pq.read_table(path).to_pylist() if row["class"] == "Archery"]
            of_seeds.append(sum(row["label"] != row["predicted"] for row in rows) / len(rows))
        of_splits.append(sum(of_seeds) / len(of_seeds))
    place = per_class["classes"].index("Archery")
    assert per_class["errors"]["control_no_skip"][place] == pytest.approx(sum(of_splits) / 3)
    assert per_class["clips"] == [3 * 14] * 4
    (runs / "control_no_skip" / "split3" / "seed1" / "metrics.json").unlink()
    per_class = collected()["per_class"]
    assert "control_no_skip" not in per_class["errors"]
    assert [pair["beside"] for pair in per_class["pairs"]] == ["block4_average_znorm"]


def test_gains_and_losses_are_sorted_and_do_not_overlap(collected: Callable[..., dict[str, Any]]) -> None:
    """A gain is fewer errors, the greatest first; a class that does not change is in neither list."""
    per_class = collected()["per_class"]
    assert [(pair["experiment"], pair["beside"]) for pair in per_class["pairs"]] == [
        ("rrn_block4_identity", "control_no_skip"), ("rrn_block4_identity", "block4_average_znorm")
    ]  # fmt: skip
    for pair in per_class["pairs"]:
        first, beside = (per_class["errors"][pair[end]] for end in ("experiment", "beside"))
        gains, losses = ([change["points"] for change in pair[key]] for key in ("gains", "losses"))
        assert gains == sorted(gains) and all(points < 0 for points in gains)
        assert losses == sorted(losses, reverse=True) and all(points > 0 for points in losses)
        assert len(gains) + len(losses) == sum(a != b for a, b in zip(first, beside, strict=True)) > 0
        for change in pair["gains"] + pair["losses"]:
            place = per_class["classes"].index(change["class"])
            assert change["points"] == pytest.approx(100 * (first[place] - beside[place]))


def test_rounding_is_no_gain() -> None:
    """Means of the same errors may differ in their last digit; a class in neither list did not change."""
    from recurrent_residual.tables.per_class import gains_and_losses

    third = np.array([0.1 + 0.2, 0.3, 0.5])
    listed = gains_and_losses(third, np.array([0.3, 0.1 + 0.2, 0.4]), classes=["a", "b", "c"], clips=np.ones(3, int))
    assert ([change["class"] for change in listed["gains"]], [change["class"] for change in listed["losses"]]) == (
        [],
        ["c"],
    )


def test_a_class_that_a_split_does_not_test_has_the_error_of_the_others() -> None:
    """No error is made up for it, and one that no split tests has none."""
    from types import SimpleNamespace

    from recurrent_residual.tables.per_class import class_errors

    def run(labels: list[int], wrong: list[bool]) -> Any:
        return SimpleNamespace(labels=np.array(labels), wrong=np.array(wrong))

    result: Any = SimpleNamespace(runs={1: [run([0, 0, 1], [True, False, True])], 2: [run([0, 0], [False, False])]})
    np.testing.assert_array_equal(class_errors(result, [1, 2], classes=3), [0.25, 1, np.nan])


def test_unknown_rows_of_pairs_are_refused(collected: Callable[..., dict[str, Any]]) -> None:
    """A mistyped row of paper.yaml is named."""
    paper = {**project("paper"), "per_class_pairs": [{"row": "table3.identity", "beside": "table9.x"}]}
    with pytest.raises(UserError, match=r"paper\.yaml: per_class_pairs: 'table9\.x'"):
        collected(paper=paper)


def test_costs_add_up_to_the_summary(runs: Path, collected: Callable[..., dict[str, Any]]) -> None:
    """Experiment by experiment and all together are the same seconds and GPU-hours; without a GPU there are none."""
    assert collected()["summary"]["gpu_hours"] is None
    for name in ("control_no_skip", "rrn_block4_identity"):
        for path in (runs / name).glob("*/*/run.json"):
            record = {**read_json(path), "device": "cuda", "energy_joules": 500.0, "peak_memory_bytes": 10**9}
            write_json(path, {**record, "user": "zoë" if name == "control_no_skip" else "ann"})
            metrics = read_json(path.with_name("metrics.json"))
            write_json(
                path.with_name("metrics.json"),
                {**metrics, "shuffled_seconds": 0.25, "provenance": {"device": "cuda", "command": "x y"}},
            )
    tables = collected()
    costs, summary = {cost["experiment"]: cost for cost in tables["costs"]}, tables["summary"]
    assert list(costs) == [name for name in tables["experiments"] if name in CHOSEN]
    for key in ("training_seconds", "evaluation_seconds"):
        assert sum(cost[key] for cost in costs.values()) == pytest.approx(summary[key])
    assert costs["control_no_skip"]["gpu_hours"] == pytest.approx((308 + 5 * 0.75) / 3600)
    assert costs["block4_average_znorm"]["gpu_hours"] is None
    assert summary["gpu_hours"] == pytest.approx(2 * (308 + 5 * 0.75) / 3600)
    assert (costs["control_no_skip"]["energy_joules"], costs["control_no_skip"]["energy_runs"]) == (2500, 5)
    assert (costs["block4_average_znorm"]["energy_joules"], costs["block4_average_znorm"]["energy_runs"]) == (None, 0)
    assert costs["control_no_skip"]["peak_memory_bytes"] == 10**9
    assert summary["ran_by"] == ["ann", "zoë"]
    assert tables["experiments"]["control_no_skip"]["runs"][0]["evaluation_command"] == "x y"
    named = {**SETTINGS, "report": {**SETTINGS["report"], "ran_by": ["A. Body"]}}
    assert collected(settings=named)["summary"]["ran_by"] == ["A. Body"]


def test_a_confused_pair_has_the_clip_of_which_the_model_was_surest(
    tmp_path: Path, runs: Path, collected: Callable[..., dict[str, Any]]
) -> None:
    """The clip is one of the pair's, with the greatest probability of the wrong class; its frame is a small JPEG."""
    rng = np.random.default_rng(0)
    for path in runs.glob("*/*/*/predictions.parquet"):
        table = pq.read_table(path)
        rows = [rng.dirichlet(np.ones(4)).tolist() for _ in range(len(table))]
        for row, guess in zip(rows, table["predicted"].to_pylist(), strict=True):
            most = int(np.argmax(row))
            row[guess], row[most] = row[most], row[guess]
        places = table.column_names.index("probabilities")
        pq.write_table(table.set_column(places, "probabilities", pa.array(rows, pa.list_(pa.float32()))), path)
    frames = tmp_path / "frames"
    write_frames(frames)
    best = collected(examples=Examples(frames, manifest_clips(), every=10))["best"]
    assert best["confused"]
    for pair in best["confused"]:
        example = pair["example"]
        surest: tuple[float, str] = (0, "")
        for split in (1, 2, 3):
            table = pq.read_table(runs / best["experiment"] / f"split{split}" / "seed1" / "predictions.parquet")
            for row in table.to_pylist():
                if (row["class"], CLASSES[row["predicted"]]) == (pair["true"], pair["predicted"]):
                    surest = max(surest, (row["probabilities"][row["predicted"]], row["video"]))
        assert example["video"] == surest[1]
        with Image.open(io.BytesIO(base64.b64decode(example["jpeg"]))) as image:
            assert image.size == (example["width"], example["height"]) == (200, 150)
            middle = np.asarray(image)[75, 100].astype(int)
        assert abs(middle - 30).max() < 8, "frame 30 of 0, 10, ... 50 is as bright as its number"


def write_frames(folder: Path) -> None:
    """Tars of the frames of `manifest_clips`, every tenth, each as bright as its number."""
    folder.mkdir()
    for name in CLASSES:
        with tarfile.open(folder / f"{name}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for clip in manifest_clips():
                for frame in range(0, clip.frames, 10) if clip.class_name == name else ():
                    jpeg = io.BytesIO()
                    Image.new("RGB", (clip.width, clip.height), (frame,) * 3).save(jpeg, "JPEG")
                    info = tarfile.TarInfo(member(clip.video, frame))
                    info.size = len(jpeg.getvalue())
                    tar.addfile(info, io.BytesIO(jpeg.getvalue()))


def test_a_small_frame_is_not_blown_up_and_a_damaged_one_is_named() -> None:
    """HMDB-51 has clips of less than 200 pixels; a JPEG that does not decode names its clip."""
    out = io.BytesIO()
    Image.new("RGB", (96, 72)).save(out, "JPEG")
    small = small_jpeg(out.getvalue(), source="v")
    assert (small["width"], small["height"]) == (96, 72)
    with pytest.raises(UserError, match="v_x_g01_c01: a frame does not decode"):
        small_jpeg(out.getvalue()[:100], source="v_x_g01_c01")


def test_groups_are_those_of_the_manifest(collected: Callable[..., dict[str, Any]]) -> None:
    """Names of other data sets' clips do not tell the group; with one group a class there is nothing to draw."""
    with pytest.raises(UserError, match=r"was tested on v_ApplyLipstick_g01_c01, which is no clip of the manifest"):
        collected(groups={})
    named = groups()
    assert len(set(named.values())) == 21 * 4
    assert row_of(collected(groups=named), "table3.identity")["compared"]["interval"][0] < 1
    same = dict.fromkeys(named, "one")
    row = row_of(collected(groups=same), "table3.identity")
    low, high = row["compared"]["interval"]
    assert low == pytest.approx(high)
    assert (row["difference_interval"], row["agrees"], row["best"]) == (None, None, None), "an interval of no width"


def test_rows_agree_with_the_paper_only_where_they_are_comparable(tmp_path: Path) -> None:
    """The demo's errors lie far from the paper's, and no row may call that better or worse."""
    inputs = made_report.inputs(tmp_path / "runs", seeds=1)

    def agreeing(tables: dict[str, Any]) -> set[str | None]:
        rows = [row for table in tables["tables"] for row in table["rows"] if row["difference_interval"]]
        assert rows
        return {row["agrees"] for row in rows}

    assert agreeing(collect(tmp_path / "runs", claims=claims(), **inputs)) & {"better", "worse", "within"}
    settings = {**inputs["settings"], "report": {**inputs["settings"]["report"], "comparable": False}}
    tables = collect(tmp_path / "runs", claims=claims(), **{**inputs, "settings": settings})
    assert agreeing(tables) == {None}
    assert any(row["best"] for table in tables["tables"] for row in table["rows"]), "ours are compared with ours"


def test_looks_get_the_titles_of_their_experiments(collected: Callable[..., dict[str, Any]]) -> None:
    """The script that looks into networks knows their names only; an experiment that is gone keeps its name."""
    looks = {"experiment": "control_no_skip", "title": "control_no_skip", "beside": "gone", "beside_title": "gone"}
    found = collected(looks=looks)["looks"]
    assert (found["title"], found["beside_title"]) == (experiments()["control_no_skip"]["title"], "gone")
    assert collected()["looks"] is None


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("everything", {}),
        ("no run at all", {"chosen": []}),
        ("one split", {"settings": {**SETTINGS, "seeds": {"split1": 1, "split2": 0, "split3": 0}}}),
        ("half of the experiments", {"chosen": ["control_no_skip"]}),
        ("runs that are missing", {"settings": {**SETTINGS, "seeds": {"split1": 5, "split2": 3, "split3": 2}}}),
        ("no pictures", {"examples": None, "looks": None}),
    ],
)
def test_every_report_fits_the_schema(tmp_path: Path, name: str, changed: dict[str, Any]) -> None:
    """What is promised to who reads the file holds for each, finished or not."""
    validate(small_tables(tmp_path, **changed), "tables", source=name)


def test_every_key_of_the_schema_is_described() -> None:
    """Users read it; a key without a description helps nobody."""

    def walk(schema: Any, place: str) -> None:
        if isinstance(schema, dict):
            for key, value in schema.get("properties", {}).items():
                assert value.get("description"), f"{place}.{key}"
                assert value["description"].endswith("."), f"{place}.{key}"
            for key, value in schema.items():
                walk(value, f"{place}.{key}")

    walk(read_yaml(ROOT / "config/schema/tables.yaml"), "")


def test_a_report_of_the_papers_size_fits_the_schema_and_is_the_same_each_time(tmp_path: Path) -> None:
    """101 classes, 30 experiments, 3 splits: collected twice, the same bytes."""
    tables = paper_tables(tmp_path / "runs", seeds=1)
    validate(tables, "tables", source="full")
    again = paper_tables(tmp_path / "runs", seeds=1, fresh=False)
    assert json.dumps(again) == json.dumps(tables)


def test_decisions_name_keys_that_exist() -> None:
    """A renamed key of the configuration, or an unknown mark, must not leave the table of decisions stale."""
    from recurrent_residual.code_inputs import model_literal
    from recurrent_residual.tables.decided import looked_up

    decisions, full = project("decisions"), resolve_config({})
    known = {key for model in ("recurrent_resnet", "gru", "average_pool") for key in model_literal(model, "SETTINGS")}
    for decision in decisions["decisions"]:
        assert all("value" in looked_up(full, key) for key in decision.get("keys", [])), decision["question"]
        assert set(decision.get("experiment_keys", [])) <= known, decision["question"]
        assert set(decision["marks"]) <= set(decisions["marks"]), decision["question"]


def test_every_row_of_the_paper_is_run_or_quoted() -> None:
    """No row of the paper is forgotten, and each is the row of one experiment."""
    paper = project("paper")
    owners = row_owners(experiments(), paper)
    for key, table in paper["tables"].items():
        for row, entry in table["rows"].items():
            assert (f"{key}.{row}" in owners) != bool(entry.get("quoted")), f"{key}.{row}"


def test_command_line_writes_the_file_or_one_line(tmp_path: Path, runs: Path) -> None:
    """The script as the workflow calls it, and its error for settings that are no JSON."""
    write_json(tmp_path / "clips.json", CLIPS)
    write_json(tmp_path / "manifest.json", MANIFEST)
    manifest = tmp_path / "manifest.tsv"
    write_manifest(manifest, manifest_clips())
    config = ROOT / "config"
    arguments = [
        sys.executable, ROOT / "scripts/collect_tables.py", "--runs", runs,
        "--experiments", config / "experiments.yaml",
        "--paper", config / "paper.yaml", "--claims", config / "claims.yaml", "--decisions", config / "decisions.yaml",
        "--clips-summary", tmp_path / "clips.json", "--manifest", manifest,
        "--manifest-summary", tmp_path / "manifest.json", "--data-files", tmp_path / "clips.json",
        "--chosen", *CHOSEN, "--output", tmp_path / "tables.json",
    ]  # fmt: skip
    write_json(tmp_path / "settings.json", SETTINGS)
    text = (tmp_path / "settings.json").read_text()
    subprocess.run([*map(str, arguments), "--settings-json", text], check=True, env={"PYTHONPATH": str(ROOT / "src")})
    tables = read_json(tmp_path / "tables.json")
    assert tables["summary"]["runs"] == 20
    assert tables["data"]["checksums"] == [
        {"what": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in (manifest, tmp_path / "clips.json")
    ]
    own = tmp_path / "own.yaml"
    own.write_text("mine: {title: Mine, model: gru, row: [table2.block1]}\n")
    for wrong, message in (
        (["--settings-json", "{oops"], "error: --settings-json"),
        (["--settings-json", text, "--experiments", str(own)], f"error: {own}: unknown key 'mine.row'"),
    ):
        failed = subprocess.run(
            [*map(str, arguments), *wrong], capture_output=True, text=True,
            env={"PYTHONPATH": str(ROOT / "src")}, check=False,
        )  # fmt: skip
        assert failed.returncode == 1
        assert failed.stderr.startswith(message) and failed.stderr.count("\n") == 1
