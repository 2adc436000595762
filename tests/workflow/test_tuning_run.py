"""`snakemake tune`, really run: it chooses without a look at a test clip, and what it chose is used and reported."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from checkouts import REPORT, TINY, Checkout, FinishedRun, counted, with_changes

TUNED = with_changes(
    TINY,
    tuning={
        "held_out_groups": [24, 25],
        "networks": {"experiments": ["rrn_block4_identity"], "learning_rates": [0.001, 0.01], "epochs": 2},
        "baselines": {"experiments": ["block2_gru"], "learning_rates": [0.002], "epochs": 3},
    },
)
FOLDER = Path("results/demo/tuning")


def rows(file: Path) -> list[dict[str, str]]:
    lines = [line.split("\t") for line in file.read_text().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def overwrite_test_clips(root: Path) -> int:
    """Fill the JPEGs of split 1's test clips with zeros and their features with NaN, and set the files' times back."""
    manifest = rows(root / "results/demo/manifest.tsv")
    test = {row["video"] for row in manifest if row["split1"] == "test"}
    for tar in (root / "results/demo/frames").glob("*.tar"):
        times, content = tar.stat(), bytearray(tar.read_bytes())
        offset = 0
        while content[offset]:
            size = int(content[offset + 124 : offset + 136].rstrip(b"\0 "), 8)
            if content[offset : offset + 100].partition(b"/")[0].decode() in test:
                content[offset + 512 : offset + 512 + size] = bytes(size)
            offset += 512 + (size + 511) // 512 * 512
        tar.write_bytes(content)
        os.utime(tar, ns=(times.st_atime_ns, times.st_mtime_ns))
    is_test = np.repeat(
        [row["split1"] == "test" for row in manifest], [len(range(0, int(row["frames"]), 10)) for row in manifest]
    )
    for file in (root / "results/demo/features").glob("*.npy"):
        times, features = file.stat(), np.load(file)
        features[is_test] = np.nan
        np.save(file, features)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return len(test)


def tune(checkout: Checkout) -> Any:
    """Run it; return tuning.json without the times that the trials took."""
    configfile = checkout.configure("tuned", TUNED)
    checkout.succeed("tune", "--configfile", configfile)
    content = json.loads((checkout.root / FOLDER / "tuning.json").read_text())
    for family in content["families"]:
        for trial in family["grid"]:
            trial.pop("seconds")
    return content


def test_tuning_without_test_clips(finished: FinishedRun, tmp_path: Path) -> None:
    """With every test clip's frames and features overwritten the whole grid is the same, bit for bit, since the jobs
    know of train clips only; the choice is the grid's least; the report shows it, and the next run uses it."""
    checkout = finished.checkout.copy(tmp_path / "whole")
    overwritten = finished.checkout.copy(tmp_path / "overwritten")
    assert overwrite_test_clips(overwritten.root) == 21
    tuning = tune(checkout)
    assert tuning == tune(overwritten)

    lists = checkout.root / "resources/demo/ucfTrainTestlist"
    train = {Path(line.split()[0]).stem for line in (lists / "trainlist01.txt").read_text().split("\n") if line.strip()}
    clips = {row["video"]: row for row in rows(checkout.root / FOLDER / "manifest.tsv")}
    assert clips.keys() <= train and len(clips) == 3 * 18
    assert {int(row["group"]) for row in clips.values() if row["split1"] == "test"} == {24, 25}
    assert (tuning["train_clips"], tuning["held_out_clips"]) == (48, 6)

    networks, gru = tuning["families"]
    least = min((error, trial["learning_rate"]) for trial in networks["grid"] for error in trial["errors"])
    assert (networks["chosen"]["error"], networks["chosen"]["learning_rate"]) == pytest.approx(least)
    chosen = yaml.safe_load((checkout.root / FOLDER / "chosen.yaml").read_text())
    assert chosen == {
        "training": {key: networks["chosen"][key] for key in ("learning_rate", "epochs")},
        "baselines": {"by_model": {"gru": {key: gru["chosen"][key] for key in ("learning_rate", "epochs")}}},
    }

    configured = ("--configfile", "config/tuned.yaml")
    assert checkout.plan("tune", *configured).jobs == {}
    # The report shows it and tunes nothing again, whatever was edited since.
    code = checkout.root / "src/recurrent_residual/tuning/trials.py"
    code.write_text(code.read_text() + "# edited\n")
    assert checkout.plan(*configured).jobs == counted(*REPORT)
    checkout.succeed(*configured)
    page = (checkout.root / "report/paper_tables.html").read_text(encoding="utf-8")
    assert re.search(r"By the error on 6 clips of the groups 24, 25", page)
    assert "Not all of this report’s trainings used the choice" in page

    plan = checkout.plan("--configfile", "config/tuned.yaml", str(FOLDER / "chosen.yaml"))
    # A baseline whose model was not tuned stands as it is.
    assert "block2_gru" in plan.trained and "block4_average_znorm" not in plan.trained
    assert "tune_network" not in plan.jobs and "choose_settings" not in plan.jobs
