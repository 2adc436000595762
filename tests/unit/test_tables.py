"""`tables.json`: every number recomputed here from what the runs left, by other means."""

from __future__ import annotations

import copy
import subprocess
import sys
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
    experiments,
    project,
    read_json,
    write_json,
    write_run,
    write_runs,
)

from recurrent_residual.config import resolve_config
from recurrent_residual.errors import UserError
from recurrent_residual.intervals import bootstrap, interval
from recurrent_residual.results import read_finished
from recurrent_residual.rows import row_owners
from recurrent_residual.tables import collect

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
            "decisions": project("decisions"),
            "clips": CLIPS,
            "manifest": MANIFEST,
            "settings": SETTINGS,
            "chosen": CHOSEN,
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
        ({}, {"damaged": [{"video": "v"}]}, "1 damaged clip left out"),
        ({}, {"missing": 3}, "3 of 13,320 clips of the lists were missing"),
        ({}, {"left_out": 7}, "7 clips were left out"),
        ({}, {"classes_not_chosen": 98}, "98 classes of the lists were not used"),
        ({"backbone": {"architecture": "resnet18"}}, {}, "resnet18, not resnet50"),
        ({"backbone": {"weights": "stills"}}, {}, "made still images, not on ImageNet"),
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


def test_claims_are_paired_differences(collected: Callable[..., dict[str, Any]]) -> None:
    """Points and per cent of paper and ours; a conclusion about rows that were not run has no verdict."""
    tables = collected()
    claims = {claim["text"]: claim for claim in tables["claims"]}
    headline = claims["One identity skip beats the baseline on frozen features"]
    assert headline["paper"]["points"] == pytest.approx(-3.9)
    assert headline["paper"]["relative"] == pytest.approx(-16.525, abs=0.001)
    mean = {row: row_of(tables, row)["mean"]["error"] for row in ("table4.context1", "table4.context2")}
    assert headline["ours"]["points"] == pytest.approx(100 * (mean["table4.context2"] - mean["table4.context1"]))
    low, high = headline["ours"]["interval"]
    assert low < headline["ours"]["points"] < high
    assert claims["Context three beats context two"]["verdict"] is None


@pytest.mark.parametrize(
    ("skip", "baseline", "verdict"), [(0.95, 0.2, "holds"), (0.2, 0.95, "reversed"), (0.6, 0.6, "open")]
)
def test_verdicts(tmp_path: Path, skip: float, baseline: float, verdict: str) -> None:
    """A conclusion holds where the first row has clearly fewer errors, and is reversed where it has clearly more."""
    for name, accuracy in (("rrn_block4_identity", skip), ("block4_average_znorm", baseline)):
        for split in (1, 2, 3):
            write_run(tmp_path, name, split, 1, accuracy=accuracy)
    tables = collect(
        tmp_path,
        experiments=experiments(),
        paper=project("paper"),
        decisions=project("decisions"),
        clips=CLIPS,
        manifest=MANIFEST,
        settings={**SETTINGS, "seeds": {"split1": 1, "split2": 1, "split3": 1}},
        chosen=["rrn_block4_identity", "block4_average_znorm"],
    )
    claim = tables["claims"][0]
    assert (claim["better"], claim["than"]) == ("table4.context2", "table4.context1")
    assert claim["verdict"] == verdict
    assert claim["ours"]["interval"][0] <= claim["ours"]["points"] <= claim["ours"]["interval"][1]


def test_interval_draws_groups_not_clips(tmp_path: Path) -> None:
    """Where the clips of a group are right or wrong together, the interval is that of the groups, the wider one."""
    run = read_finished(write_run(tmp_path, "x", 1, 1))
    assert run is not None
    per_group = np.array([sum(map(ord, group)) % 3 == 0 for group in run.groups])
    object.__setattr__(run, "wrong", per_group)
    low, high = interval(bootstrap([run], split=1))
    share, groups = per_group.mean(), len(set(run.groups))
    assert high - low == pytest.approx(2 * 1.96 * (share * (1 - share) / groups) ** 0.5, rel=0.15)
    assert (low + high) / 2 == pytest.approx(share, abs=0.03)


def test_decisions_name_keys_that_exist() -> None:
    """A renamed key of the configuration, or an unknown mark, must not leave the table of decisions stale."""
    from recurrent_residual.code_inputs import model_literal
    from recurrent_residual.tables import looked_up

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
    config = ROOT / "config"
    arguments = [
        sys.executable, ROOT / "scripts/collect_tables.py", "--runs", runs,
        "--experiments", config / "experiments.yaml",
        "--paper", config / "paper.yaml", "--decisions", config / "decisions.yaml",
        "--clips-summary", tmp_path / "clips.json", "--manifest-summary", tmp_path / "manifest.json",
        "--chosen", *CHOSEN, "--output", tmp_path / "tables.json",
    ]  # fmt: skip
    write_json(tmp_path / "settings.json", SETTINGS)
    text = (tmp_path / "settings.json").read_text()
    subprocess.run([*map(str, arguments), "--settings-json", text], check=True, env={"PYTHONPATH": str(ROOT / "src")})
    assert read_json(tmp_path / "tables.json")["summary"]["runs"] == 20
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
